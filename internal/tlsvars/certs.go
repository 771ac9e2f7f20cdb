package tlsvars

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// attribute is a part of a distinguished name: the short name of a variable,
// and that of a printed DN where it differs.
type attribute struct {
	name  string
	oid   string
	short string
}

var attributes = []attribute{
	{"C", "2.5.4.6", ""}, {"ST", "2.5.4.8", ""}, {"SP", "2.5.4.8", "ST"}, {"L", "2.5.4.7", ""}, {"O", "2.5.4.10", ""}, {"OU", "2.5.4.11", ""},
	{"CN", "2.5.4.3", ""}, {"T", "2.5.4.12", "title"}, {"I", "2.5.4.43", "initials"}, {"G", "2.5.4.42", "GN"},
	{"S", "2.5.4.4", "SN"}, {"D", "2.5.4.13", "description"}, {"UID", "0.9.2342.19200300.100.1.1", ""},
	{"Email", "1.2.840.113549.1.9.1", "emailAddress"}, {"serialNumber", "2.5.4.5", ""},
}

// printed are further short names of printed DNs.
var printed = map[string]string{
	"2.5.4.9": "street", "2.5.4.17": "postalCode", "2.5.4.46": "dnQualifier", "2.5.4.44": "generationQualifier",
	"2.5.4.65": "pseudonym", "2.5.4.45": "x500UniqueIdentifier", "2.5.4.15": "businessCategory", "2.5.4.97": "organizationIdentifier",
	"0.9.2342.19200300.100.1.25": "DC", "1.2.840.113549.1.9.2": "unstructuredName", "1.2.840.113549.1.9.8": "unstructuredAddress",
	"1.3.6.1.4.1.311.60.2.1.3": "jurisdictionC", "1.3.6.1.4.1.311.60.2.1.2": "jurisdictionST", "1.3.6.1.4.1.311.60.2.1.1": "jurisdictionL",
}

// certificate gives a variable of a certificate by the end of its name.
func certificate(c *x509.Certificate, name string) (v string, keep bool) {
	switch name {
	case "M_VERSION":
		return strconv.Itoa(c.Version), true
	case "M_SERIAL":
		return serial(c), true
	case "V_START":
		return date(c.NotBefore), true
	case "V_END":
		return date(c.NotAfter), true
	case "V_REMAIN":
		return strconv.Itoa(max(int(time.Until(c.NotAfter)/(24*time.Hour)), 0)), false
	case "S_DN":
		return DN(c.RawSubject), true
	case "I_DN":
		return DN(c.RawIssuer), true
	case "A_SIG":
		return signature(c), true
	case "A_KEY":
		return keyAlgorithm(c), true
	case "CERT":
		return text(c), true
	case "CERT_RFC4523_CEA":
		return "{ serialNumber " + c.SerialNumber.String() + ", issuer rdnSequence:\"" + DN(c.RawIssuer) + "\" }", true
	}
	switch {
	case strings.HasPrefix(name, "S_DN_"):
		return part(c.RawSubject, name[len("S_DN_"):])
	case strings.HasPrefix(name, "I_DN_"):
		return part(c.RawIssuer, name[len("I_DN_"):])
	case len(name) > 4 && strings.EqualFold(name[:4], "SAN_"):
		rest := name[len("SAN_"):]
		i := strings.LastIndexByte(rest, '_')
		if i < 0 {
			return "", false
		}
		n, err := strconv.Atoi(rest[i+1:])
		var list []string
		for kind, l := range alternatives(c) {
			if strings.EqualFold(kind, rest[:i]) {
				list = l
			}
		}
		if err != nil || n < 0 || n >= len(list) {
			return "", false
		}
		return list[n], true
	}
	return "", false
}

// serial is the serial number in hexadecimal, whole bytes.
func serial(c *x509.Certificate) string {
	s := fmt.Sprintf("%X", c.SerialNumber)
	if len(s)%2 == 1 {
		s = "0" + s
	}
	return s
}

func date(t time.Time) string { return t.UTC().Format("Jan _2 15:04:05 2006 GMT") }

func text(c *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}

// parts is a distinguished name: its parts in the order of the certificate, each
// a set of attributes.
type parts []rdn

type rdn []attributeValue

type attributeValue struct {
	Type  asn1.ObjectIdentifier
	Value asn1.RawValue
}

// name takes a distinguished name apart.
func name(raw []byte) (out parts) {
	var seq []asn1.RawValue
	if _, err := asn1.Unmarshal(raw, &seq); err != nil {
		return nil
	}
	for _, set := range seq {
		var r rdn
		if _, err := asn1.UnmarshalWithParams(set.FullBytes, (*[]attributeValue)(&r), "set"); err != nil {
			return nil
		}
		out = append(out, r)
	}
	return out
}

// DN prints a distinguished name as mod_ssl does: RFC 2253, the last part first.
func DN(raw []byte) string {
	var b strings.Builder
	seq := name(raw)
	for i := len(seq) - 1; i >= 0; i-- {
		for j := len(seq[i]) - 1; j >= 0; j-- {
			switch a := seq[i][j]; {
			case b.Len() == 0:
				label(&b, a)
			case j == len(seq[i])-1:
				b.WriteByte(',')
				label(&b, a)
			default:
				b.WriteByte('+')
				label(&b, a)
			}
			escape(&b, string(runes(seq[i][j].Value)))
		}
	}
	return b.String()
}

func label(b *strings.Builder, a attributeValue) {
	b.WriteString(shortName(a.Type.String()))
	b.WriteByte('=')
}

// Slashes prints a distinguished name in OpenSSL's old way: "/C=…/CN=…".
func Slashes(raw []byte) string {
	var b strings.Builder
	for _, rdn := range name(raw) {
		for i, a := range rdn {
			b.WriteByte("/+"[min(i, 1)])
			label(&b, a)
			for _, c := range a.Value.Bytes {
				switch {
				case c < ' ' || c > '~':
					fmt.Fprintf(&b, "\\x%02X", c)
				case c == '/' || c == '+':
					b.WriteByte('\\')
					fallthrough
				default:
					b.WriteByte(c)
				}
			}
		}
	}
	return b.String()
}

func shortName(oid string) string {
	for _, a := range attributes {
		if a.oid == oid {
			if a.short != "" {
				return a.short
			}
			return a.name
		}
	}
	if s := printed[oid]; s != "" {
		return s
	}
	return oid
}

// runes reads a string of ASN.1.
func runes(v asn1.RawValue) (out []rune) {
	b := v.Bytes
	switch v.Tag {
	case asn1.TagUTF8String:
		return []rune(string(b))
	case asn1.TagBMPString:
		for ; len(b) >= 2; b = b[2:] {
			out = append(out, rune(b[0])<<8|rune(b[1]))
		}
	case 28: // UniversalString
		for ; len(b) >= 4; b = b[4:] {
			out = append(out, rune(b[0])<<24|rune(b[1])<<16|rune(b[2])<<8|rune(b[3]))
		}
	default:
		for _, c := range b {
			out = append(out, rune(c))
		}
	}
	return out
}

// value prints an attribute alone: control characters and backslashes escaped
// (ASN1_STRFLGS_ESC_CTRL), in UTF-8, or raw with a byte for each character.
func value(v asn1.RawValue, raw bool) string {
	var b strings.Builder
	for _, r := range runes(v) {
		switch {
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, "\\%02X", r)
		case r == '\\':
			b.WriteString(`\\`)
		case !raw:
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, "\\W%08X", r)
		case r > 0xff:
			fmt.Fprintf(&b, "\\U%04X", r)
		default:
			b.WriteByte(byte(r))
		}
	}
	return b.String()
}

// escape writes a value as RFC 2253 §2.4 wants it, without touching UTF-8.
func escape(b *strings.Builder, s string) {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case strings.IndexByte(",+\"\\<>;", c) >= 0,
			i == 0 && (c == '#' || c == ' '), i == len(s)-1 && c == ' ':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(b, "\\%02X", c)
		default:
			b.WriteByte(c)
		}
	}
}

// part is one attribute of a name: "CN", "OU_1", "O_0_RAW".
func part(raw []byte, which string) (v string, keep bool) {
	which, bare := strings.CutSuffix(which, "_RAW")
	index := 0
	if i := strings.LastIndexByte(which, '_'); i >= 0 {
		n, err := strconv.Atoi(which[i+1:])
		if err != nil || n < 0 {
			return "", false
		}
		which, index = which[:i], n
	}
	for _, a := range attributes {
		if a.name != which {
			continue
		}
		if list := values(raw, a.oid); index < len(list) {
			return value(list[index], bare), true
		}
	}
	return "", false
}

// values are all those of one attribute of a name.
func values(raw []byte, oid string) (out []asn1.RawValue) {
	for _, rdn := range name(raw) {
		for _, at := range rdn {
			if at.Type.String() == oid {
				out = append(out, at.Value)
			}
		}
	}
	return out
}

// alternatives are the names of subjectAltName by the words of the variables.
func alternatives(c *x509.Certificate) map[string][]string {
	out := map[string][]string{"Email": c.EmailAddresses, "DNS": c.DNSNames}
	for _, e := range c.Extensions {
		if e.Id.String() == "2.5.29.17" {
			others(e.Value, out)
		}
	}
	return out
}

// others adds the otherName entries (RFC 5280 §4.2.1.6) that have a variable.
func others(der []byte, out map[string][]string) {
	var seq asn1.RawValue
	if _, err := asn1.Unmarshal(der, &seq); err != nil {
		return
	}
	for rest := seq.Bytes; len(rest) > 0; {
		var v asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &v); err != nil {
			return
		}
		if v.Class != asn1.ClassContextSpecific || v.Tag != 0 {
			continue
		}
		var oid asn1.ObjectIdentifier
		tail, err := asn1.Unmarshal(v.Bytes, &oid)
		if err != nil {
			continue
		}
		var wrapped, inner asn1.RawValue
		if _, err = asn1.Unmarshal(tail, &wrapped); err != nil {
			continue
		}
		if _, err = asn1.Unmarshal(wrapped.Bytes, &inner); err != nil {
			continue
		}
		switch oid.String() {
		case "1.3.6.1.4.1.311.20.2.3":
			out["OTHER_msUPN"] = append(out["OTHER_msUPN"], string(inner.Bytes))
		case "1.3.6.1.5.5.7.8.7":
			out["OTHER_dnsSRV"] = append(out["OTHER_dnsSRV"], string(inner.Bytes))
		}
	}
}

// signature names the algorithm of a certificate's signature as OpenSSL does.
func signature(c *x509.Certificate) string {
	switch c.SignatureAlgorithm {
	case x509.SHA1WithRSA:
		return "sha1WithRSAEncryption"
	case x509.SHA256WithRSA:
		return "sha256WithRSAEncryption"
	case x509.SHA384WithRSA:
		return "sha384WithRSAEncryption"
	case x509.SHA512WithRSA:
		return "sha512WithRSAEncryption"
	case x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS:
		return "rsassaPss"
	case x509.ECDSAWithSHA1:
		return "ecdsa-with-SHA1"
	case x509.ECDSAWithSHA256:
		return "ecdsa-with-SHA256"
	case x509.ECDSAWithSHA384:
		return "ecdsa-with-SHA384"
	case x509.ECDSAWithSHA512:
		return "ecdsa-with-SHA512"
	case x509.PureEd25519:
		return "ED25519"
	}
	return c.SignatureAlgorithm.String()
}

func keyAlgorithm(c *x509.Certificate) string {
	switch c.PublicKeyAlgorithm {
	case x509.RSA:
		return "rsaEncryption"
	case x509.ECDSA:
		return "id-ecPublicKey"
	case x509.Ed25519:
		return "ED25519"
	}
	return c.PublicKeyAlgorithm.String()
}
