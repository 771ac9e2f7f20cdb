// Package tlsvars is the SSL_… variables of mod_ssl: what is known of a client's
// TLS connection, as text. Logs, headers, rewrite rules and expressions ask for
// them one by one (Lookup); SSLOptions +StdEnvVars wants them all (Standard).
//
// What is made of a connection is kept with it, since its requests ask again.
// certs.go is about certificates, this file about the rest. Neighbours: exprvars
// and the rooms above, exchange.TLS below.
package tlsvars

import (
	"crypto/tls"
	"encoding/asn1"
	"runtime"
	"strconv"
	"strings"

	"sallyport/internal/exchange"
	"sallyport/internal/tlsconf"
)

// Lookup gives the variable of a connection; "" where there is none of that
// name, or no TLS.
func Lookup(c *exchange.Client, name string) string {
	t := c.TLS
	if t == nil {
		return ""
	}
	if v, ok := t.Memo.Load(name); ok {
		return v.(string)
	}
	v, keep := compute(t, name)
	if keep {
		t.Memo.Store(name, v)
	}
	return v
}

// compute makes a variable. keep is false for names without limit.
func compute(t *exchange.TLS, name string) (v string, keep bool) {
	// As in httpd case counts only in the names of certificates' parts.
	if len(name) < 4 || !strings.EqualFold(name[:4], "SSL_") {
		return "", false
	}
	rest := name[4:]
	switch strings.ToUpper(rest) {
	case "PROTOCOL":
		return protocol(t.State.Version), true
	case "CIPHER":
		return tlsconf.SuiteName(t.State.CipherSuite), true
	case "CIPHER_EXPORT":
		return "false", true
	case "CIPHER_USEKEYSIZE", "CIPHER_ALGKEYSIZE":
		return strconv.Itoa(bits(t.State.CipherSuite)), true
	case "SESSION_RESUMED":
		if t.State.DidResume {
			return "Resumed", true
		}
		return "Initial", true
	case "SECURE_RENEG":
		return strconv.FormatBool(t.State.Version < tls.VersionTLS13), true
	case "COMPRESS_METHOD":
		return "NULL", true
	case "TLS_SNI":
		return t.State.ServerName, true
	case "VERSION_INTERFACE":
		return Interface, true
	case "VERSION_LIBRARY":
		return Library, true
	case "CLIENT_VERIFY":
		return verdict(t), true
	}
	switch {
	case strings.HasPrefix(rest, "CLIENT_CERT_CHAIN_"):
		n, err := strconv.Atoi(rest[len("CLIENT_CERT_CHAIN_"):])
		if err != nil || n < 0 || n+1 >= len(t.State.PeerCertificates) {
			return "", false
		}
		return text(t.State.PeerCertificates[n+1]), true
	case strings.HasPrefix(rest, "CLIENT_"):
		if len(t.State.PeerCertificates) == 0 {
			return "", false
		}
		return certificate(t.State.PeerCertificates[0], rest[len("CLIENT_"):])
	case strings.HasPrefix(rest, "SERVER_"):
		if t.Local == nil {
			return "", false
		}
		if rest == "SERVER_CERT_RFC4523_CEA" {
			return "", true
		}
		return certificate(t.Local, rest[len("SERVER_"):])
	}
	return "", false
}

// Interface and Library are SSL_VERSION_INTERFACE and SSL_VERSION_LIBRARY.
const Interface = "mod_ssl/2.4.71"

// Library is what does the cryptography.
var Library = "Go/" + strings.TrimPrefix(runtime.Version(), "go")

func protocol(v uint16) string {
	switch v {
	case tls.VersionTLS13:
		return "TLSv1.3"
	case tls.VersionTLS12:
		return "TLSv1.2"
	case tls.VersionTLS11:
		return "TLSv1.1"
	case tls.VersionTLS10:
		return "TLSv1"
	}
	return ""
}

// bits is the length of a suite's keys.
func bits(id uint16) int {
	name := tls.CipherSuiteName(id)
	switch {
	case strings.Contains(name, "AES_128"), strings.Contains(name, "RC4_128"):
		return 128
	case strings.Contains(name, "3DES"):
		return 168
	}
	return 256
}

// verdict is SSL_CLIENT_VERIFY.
func verdict(t *exchange.TLS) string {
	if len(t.State.PeerCertificates) == 0 || t.Host == nil || t.Host.Verify == nil {
		return "NONE"
	}
	if err := t.Host.Verify(t.State.PeerCertificates); err != nil {
		return "FAILED:" + err.Error() // SSLVerifyClient optional_no_ca let it in
	}
	return "SUCCESS"
}

// names are those of StdEnvVars that are always there, or "".
var names = []string{
	"SSL_VERSION_INTERFACE", "SSL_VERSION_LIBRARY", "SSL_PROTOCOL", "SSL_SECURE_RENEG", "SSL_COMPRESS_METHOD",
	"SSL_CIPHER", "SSL_CIPHER_EXPORT", "SSL_CIPHER_USEKEYSIZE", "SSL_CIPHER_ALGKEYSIZE", "SSL_CLIENT_VERIFY",
}

// ofCertificate are those of a certificate.
var ofCertificate = []string{"M_VERSION", "M_SERIAL", "V_START", "V_END", "S_DN", "I_DN", "A_KEY", "A_SIG"}

// Standard calls set with each variable of SSLOptions +StdEnvVars.
func Standard(c *exchange.Client, set func(name, value string)) {
	t := c.TLS
	for _, n := range names {
		set(n, Lookup(c, n))
	}
	for _, side := range []string{"SSL_SERVER_", "SSL_CLIENT_"} {
		cert := t.Local
		if side == "SSL_CLIENT_" {
			cert = nil
			if len(t.State.PeerCertificates) > 0 {
				cert = t.State.PeerCertificates[0]
			}
		}
		if cert == nil {
			continue
		}
		for _, n := range ofCertificate {
			set(side+n, Lookup(c, side+n))
		}
		other := "OTHER_msUPN"
		if side == "SSL_CLIENT_" {
			other = "OTHER_dnsSRV"
			set("SSL_CLIENT_V_REMAIN", Lookup(c, "SSL_CLIENT_V_REMAIN"))
			set("SSL_CLIENT_CERT_RFC4523_CEA", Lookup(c, "SSL_CLIENT_CERT_RFC4523_CEA"))
		}
		for _, a := range attributes {
			if a.name == "SP" {
				continue
			}
			for dn, raw := range map[string][]byte{"S_DN_": cert.RawSubject, "I_DN_": cert.RawIssuer} {
				n := side + dn + a.name
				for i, v := range values(raw, a.oid) {
					if i == 0 {
						set(n, value(v, false))
					} else {
						set(n+"_"+strconv.Itoa(i), value(v, false))
					}
				}
			}
		}
		for kind, list := range alternatives(cert) {
			if kind == other {
				continue
			}
			for i, v := range list {
				set(side+"SAN_"+kind+"_"+strconv.Itoa(i), v)
			}
		}
	}
	set("SSL_SESSION_RESUMED", Lookup(c, "SSL_SESSION_RESUMED"))
}

// Exported calls set with each variable of SSLOptions +ExportCertData.
func Exported(c *exchange.Client, set func(name, value string)) {
	t := c.TLS
	set("SSL_SERVER_CERT", Lookup(c, "SSL_SERVER_CERT"))
	set("SSL_CLIENT_CERT", Lookup(c, "SSL_CLIENT_CERT"))
	for i := 1; i < len(t.State.PeerCertificates); i++ {
		n := "SSL_CLIENT_CERT_CHAIN_" + strconv.Itoa(i-1)
		set(n, Lookup(c, n))
	}
}

// Extensions are the values of the client certificate's extension with an object
// ID ("1.2.3"), of those that are text, each with a NUL behind it.
func Extensions(c *exchange.Client, id string) string {
	if c.TLS == nil || len(c.TLS.State.PeerCertificates) == 0 {
		return ""
	}
	var out strings.Builder
	for _, e := range c.TLS.State.PeerCertificates[0].Extensions {
		if e.Id.String() != id {
			continue
		}
		var v asn1.RawValue
		if rest, err := asn1.Unmarshal(e.Value, &v); err != nil || len(rest) > 0 || v.Class != asn1.ClassUniversal {
			continue
		}
		switch v.Tag {
		case asn1.TagUTF8String, asn1.TagIA5String, asn1.TagPrintableString, asn1.TagBMPString, tagVisibleString:
			out.WriteString(string(runes(v)))
			out.WriteByte(0)
		}
	}
	return out.String()
}

const tagVisibleString = 26
