package proxytest

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"strings"
	"time"
)

// clientTLS is how a step's client speaks: `tls NAME[,word…] STEP`.
type clientTLS struct {
	sni      string // "-" in the script: none
	cert     string // the client's own
	min, max uint16
	alpn     []string
	resume   string // connections with the same word share their sessions
	proxy    string // the client's address in a PROXY header; "": none
}

// parseTLS reads what stands behind `tls`.
func parseTLS(text string) (*clientTLS, error) {
	words := strings.Split(text, ",")
	t := &clientTLS{sni: words[0]}
	if t.sni == "-" {
		t.sni = ""
	}
	for _, w := range words[1:] {
		key, value, _ := strings.Cut(w, "=")
		switch key {
		case "cert":
			t.cert = value
		case "max", "min":
			v := tlsVersions[value]
			if v == 0 {
				return nil, fmt.Errorf("tls: no version %q", value)
			}
			if key == "max" {
				t.max = v
			} else {
				t.min = v
			}
		case "alpn":
			t.alpn = strings.Split(value, "+")
		case "resume":
			t.resume = value
		case "proxy":
			t.proxy = value
		default:
			return nil, fmt.Errorf("tls: unknown word %q", w)
		}
	}
	return t, nil
}

// dialTLS connects and makes the handshake. The server's certificate is only
// looked at by `> tls server`.
func (r *run) dialTLS(addr string, t *clientTLS) (*client, error) {
	cfg := &tls.Config{ServerName: t.sni, InsecureSkipVerify: true, MinVersion: max(t.min, tls.VersionTLS10), MaxVersion: t.max, NextProtos: t.alpn}
	if t.cert != "" {
		k := r.certs[t.cert]
		if k == nil {
			return nil, fmt.Errorf("no certificate %q", t.cert)
		}
		own := k.forTLS()
		// Whatever authorities the server names: it is to make up its mind.
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &own, nil }
	}
	if t.resume != "" {
		if r.sessions[t.resume] == nil {
			r.sessions[t.resume] = tls.NewLRUClientSessionCache(4)
		}
		cfg.ClientSessionCache = r.sessions[t.resume]
	}
	nc, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	tc := tls.Client(nc, cfg)
	nc.SetDeadline(time.Now().Add(stepTimeout))
	if t.proxy != "" {
		fmt.Fprintf(nc, "PROXY TCP4 %s 192.0.2.1 40001 443\r\n", t.proxy)
	}
	if err := tc.Handshake(); err != nil {
		nc.Close()
		return nil, &handshakeError{err}
	}
	nc.SetDeadline(time.Time{})
	return newClient(tc), nil
}

// handshakeError is a failed handshake: no response will come, which a script
// may want.
type handshakeError struct{ err error }

func (e *handshakeError) Error() string { return "handshake: " + e.err.Error() }

// checkShown is `> tls WORD VALUE`, about the last connection.
func (r *run) checkShown(text string) string {
	if r.last == nil {
		return "no connection to look at"
	}
	word, want, _ := strings.Cut(text, " ")
	s := securedOf(r.last.c)
	switch {
	case s == nil:
		return "the connection is not over TLS"
	case word == "server":
		return differ("tls server", s.Client, want)
	case word == "alpn":
		got := r.last.c.(*tls.Conn).ConnectionState().NegotiatedProtocol
		if got == "" {
			got = "none"
		}
		return differ("tls alpn", got, want)
	case word == "chain": // verifies against this authority
		ca := r.certs[want]
		if ca == nil {
			return fmt.Sprintf("no authority %q", want)
		}
		certs := r.last.c.(*tls.Conn).ConnectionState().PeerCertificates
		o := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool()}
		o.Roots.AddCert(ca.cert)
		for _, c := range certs[1:] {
			o.Intermediates.AddCert(c)
		}
		if _, err := certs[0].Verify(o); err != nil {
			return fmt.Sprintf("tls chain: %v", err)
		}
		return ""
	}
	return s.check(text)
}
