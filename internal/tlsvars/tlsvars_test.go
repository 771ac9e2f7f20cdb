package tlsvars

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

	"sallyport/internal/exchange"
)

type att struct {
	oid   string
	tag   int
	bytes string
}

// subject makes a name of parts, each of one attribute or several.
func subject(t *testing.T, list ...[]att) []byte {
	t.Helper()
	marshal := func(v any) []byte {
		b, err := asn1.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var all []byte
	for _, p := range list {
		var set []byte
		for _, a := range p {
			var oid asn1.ObjectIdentifier
			if n := new(x509.OID); n.UnmarshalText([]byte(a.oid)) == nil {
				der, _ := n.MarshalBinary()
				if _, err := asn1.Unmarshal(append([]byte{6, byte(len(der))}, der...), &oid); err != nil {
					t.Fatal(err)
				}
			}
			set = append(set, marshal(attributeValue{oid, asn1.RawValue{Tag: a.tag, Bytes: []byte(a.bytes)}})...)
		}
		all = append(all, marshal(asn1.RawValue{Tag: asn1.TagSet, IsCompound: true, Bytes: set})...)
	}
	return marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: all})
}

// made is a client's certificate with everything in it that mod_ssl has a way of
// its own with; what is wanted below is what httpd 2.4.71 says.
func made(t *testing.T) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	const utf8, latin, bmp = asn1.TagUTF8String, asn1.TagT61String, asn1.TagBMPString
	c := &x509.Certificate{SerialNumber: big.NewInt(255), NotBefore: time.Now(), NotAfter: time.Now().Add(73 * time.Hour), DNSNames: []string{"d.test"}, EmailAddresses: []string{"e@test"},
		RawSubject: subject(t,
			[]att{{"0.9.2342.19200300.100.1.25", asn1.TagIA5String, "org"}},
			[]att{{"2.5.4.8", utf8, "Bayern"}},
			[]att{{"2.5.4.11", utf8, "One"}},
			[]att{{"2.5.4.11", utf8, "Two"}, {"2.5.4.10", utf8, "Ünï €"}},
			[]att{{"2.5.4.7", latin, "M\xfcnchen"}},
			[]att{{"2.5.4.12", bmp, "\x00D\x20\xac"}},
			[]att{{"2.5.4.5", asn1.TagPrintableString, "12345"}},
			[]att{{"2.5.4.3", utf8, "a \"b\" \\ #\tc/d+"}},
		)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNames(t *testing.T) {
	c := made(t)
	client := &exchange.Client{TLS: &exchange.TLS{Local: c, State: tls.ConnectionState{Version: tls.VersionTLS13, PeerCertificates: []*x509.Certificate{c}}}}
	const dn = `CN=a \"b\" \\ #\09c/d\+,serialNumber=12345,title=D€,L=München,O=Ünï €+OU=Two,OU=One,ST=Bayern,DC=org`
	for name, want := range map[string]string{
		"SSL_CLIENT_S_DN":             dn,
		"SSL_CLIENT_S_DN_ST":          "Bayern",
		"SSL_CLIENT_S_DN_SP":          "Bayern",
		"SSL_CLIENT_S_DN_DC":          "",
		"SSL_CLIENT_S_DN_OU":          "One",
		"SSL_CLIENT_S_DN_OU_0":        "One",
		"SSL_CLIENT_S_DN_OU_1":        "Two",
		"SSL_CLIENT_S_DN_OU_2":        "",
		"SSL_CLIENT_S_DN_O":           "Ünï €",
		"SSL_CLIENT_S_DN_O_RAW":       "\xdcn\xef \\U20AC",
		"SSL_CLIENT_S_DN_L":           "München",
		"SSL_CLIENT_S_DN_L_RAW":       "M\xfcnchen",
		"SSL_CLIENT_S_DN_T":           "D€",
		"SSL_CLIENT_S_DN_CN":          `a "b" \\ #\09c/d+`,
		"SSL_CLIENT_S_DN_CN_0_RAW":    `a "b" \\ #\09c/d+`,
		"SSL_CLIENT_S_DN_cn":          "",
		"SSL_CLIENT_s_dn_CN":          "",
		"ssl_protocol":                "TLSv1.3",
		"SSL_Client_Verify":           "NONE",
		"SSL_CLIENT_san_dns_0":        "d.test",
		"SSL_CLIENT_SAN_Email_0":      "e@test",
		"SSL_CLIENT_SAN_Email_1":      "",
		"SSL_CLIENT_V_REMAIN":         "3",
		"SSL_CLIENT_M_SERIAL":         "FF",
		"SSL_CLIENT_CERT_RFC4523_CEA": `{ serialNumber 255, issuer rdnSequence:"` + dn + `" }`,
		"SSL_SERVER_CERT_RFC4523_CEA": "",
		"SSL_CLIENT_S_DN_OU_x":        "",
		"SSL_CLIENT_CERT_CHAIN_0":     "",
		"SSL_NOPE":                    "",
		"HTTPS":                       "",
	} {
		if got := Lookup(client, name); got != want {
			t.Errorf("%s\ngot  %q\nwant %q", name, got, want)
		}
	}
	if got, want := Slashes(c.RawSubject), `/DC=org/ST=Bayern/OU=One/OU=Two+O=\xC3\x9Cn\xC3\xAF \xE2\x82\xAC/L=M\xFCnchen/title=\x00D \xAC/serialNumber=12345/CN=a "b" \ #\x09c\/d\+`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	env := map[string]string{}
	Standard(client, func(name, value string) {
		if _, twice := env[name]; twice {
			t.Errorf("%s is set twice", name)
		}
		env[name] = value
	})
	for name, want := range map[string]string{
		"SSL_CLIENT_S_DN_OU": "One", "SSL_CLIENT_S_DN_OU_1": "Two", "SSL_SERVER_S_DN_OU_1": "Two", "SSL_CLIENT_I_DN_OU_1": "Two",
		"SSL_CLIENT_V_REMAIN": "3", "SSL_CLIENT_S_DN_serialNumber": "12345", "SSL_SERVER_SAN_DNS_0": "d.test",
	} {
		if env[name] != want {
			t.Errorf("%s: got %q, want %q", name, env[name], want)
		}
	}
	for _, name := range []string{"SSL_SERVER_V_REMAIN", "SSL_CLIENT_S_DN_OU_0", "SSL_CLIENT_S_DN_SP", "SSL_SERVER_CERT_RFC4523_CEA"} {
		if v, is := env[name]; is {
			t.Errorf("%s is set: %q", name, v)
		}
	}
}

// What cannot be read makes no variable, and no panic.
func TestOddNames(t *testing.T) {
	for _, raw := range [][]byte{nil, {0x30}, {0x30, 2, 0x31, 0}, {0x30, 4, 0x31, 2, 0x30, 0}, {0x02, 1, 1}} {
		if got := DN(raw) + Slashes(raw); got != "" {
			t.Errorf("%x: %q", raw, got)
		}
	}
}
