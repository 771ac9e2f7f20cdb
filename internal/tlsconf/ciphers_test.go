package tlsconf

import (
	"crypto/tls"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// strings that people use, and odd ones.
var cipherStrings = []string{
	"DEFAULT", "ALL", "HIGH", "HIGH:!aNULL", "HIGH:!aNULL:!MD5", "EECDH+AESGCM:EDH+AESGCM", "ECDHE+AES:!SHA1",
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384",
	"HIGH:-ECDHE:ECDHE+CHACHA20", "kRSA", "aECDSA", "aRSA:!kRSA", "TLSv1.2", "TLSv1.2+AES256", "SSLv3", "TLSv1.0:!ECDSA",
	"AES128", "AES256+SHA384", "CHACHA20", "SHA256:SHA384", "ALL:!ECDH:ECDHE", "!ECDHE:ALL", "ALL:!SHA:!AES128", "EECDH EDH",
	"AES, CHACHA20", "HIGH:+AES128:@STRENGTH", "ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES256-SHA:AES128-SHA", "kEECDH+ECDSA", "PSK:SRP", "COMPLEMENTOFALL:AESGCM",
	"SUITEB128", "SUITEB192", "CAMELLIA:ARIA:AESCCM", "RSA+AESGCM", "ECDHE+AESGCM:@SECLEVEL=0",
}

// What OpenSSL chooses and crypto/tls has is what we choose, weak suites aside.
func TestAgainstOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not there")
	}
	for _, s := range cipherStrings {
		text := s
		if !strings.Contains(text, "SECLEVEL") {
			text += ":@SECLEVEL=0"
		}
		out, err := exec.Command(openssl, "ciphers", text).Output()
		if err != nil {
			continue // nothing of it is built in
		}
		var want []string
		for name := range strings.SplitSeq(strings.TrimSpace(string(out)), ":") {
			i := slices.IndexFunc(suites, func(r suite) bool { return r.name == name })
			if i < 0 {
				continue // of TLS 1.3
			}
			if has, weak := offered(suites[i].id); has && !weak {
				want = append(want, name)
			}
		}
		c, err := ParseCiphers(s)
		if err != nil {
			t.Errorf("%s: %v", s, err)
			continue
		}
		var got []string
		for _, id := range c.IDs {
			if _, weak := offered(id); !weak {
				got = append(got, SuiteName(id))
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s:\ngot  %s\nwant %s", s, got, want)
		}
	}
}

func TestWeakAndLacking(t *testing.T) {
	c, err := ParseCiphers("ECDHE+AESGCM:AES128-SHA:DES-CBC3-SHA:DHE-RSA-AES128-SHA:HIGH:!kRSA:RC4-SHA")
	if err != nil || len(c.Weak) != 0 || !slices.Equal(c.Lacking, []string{"DHE-RSA-AES128-SHA"}) {
		t.Errorf("after !kRSA: %+v, %v", c, err)
	}
	c, err = ParseCiphers("AES128-SHA:MEDIUM:RC4-SHA")
	if err != nil || !slices.Equal(c.Weak, []string{"AES128-SHA", "RC4-SHA"}) {
		t.Errorf("named: %+v, %v", c, err)
	}
	if c, _ := ParseCiphers("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"); len(c.IDs) != 1 || c.IDs[0] != tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 {
		t.Errorf("the name of the RFC: %+v", c)
	}
	for s, col := range map[string]int{"nonsense": 0, "!HIGH:none": 6, "AES+": 0, "@X": 0, "HIGH:@X": 5} {
		_, err := ParseCiphers(s)
		if w, ok := errors.AsType[*WordError](err); !ok || w.Col != col {
			t.Errorf("%s: %v", s, err)
		}
	}
}

// As OpenSSL passes over words that it does not know, if something is left.
func TestUnknownWords(t *testing.T) {
	c, err := ParseCiphers("HIGH:!none:ecdhe")
	if err != nil || !slices.Equal(c.Unknown, []string{"!none", "ecdhe"}) || len(c.IDs) == 0 {
		t.Errorf("%+v, %v", c, err)
	}
	if system, err := ParseCiphers("PROFILE=SYSTEM"); err != nil || system.Unknown != nil || !slices.Contains(system.IDs, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256) {
		t.Errorf("Fedora's profile: %+v, %v", system, err)
	}
}

func TestCiphers13AndGroups(t *testing.T) {
	lacking, surplus, err := ParseCiphers13("TLS_AES_256_GCM_SHA384:TLS_AES_128_CCM_SHA256")
	if err != nil || len(lacking) != 1 || !slices.Equal(surplus, []string{"TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"}) {
		t.Error(lacking, surplus, err)
	}
	if _, _, err := ParseCiphers13("HIGH"); err == nil {
		t.Error("HIGH is no suite of TLS 1.3")
	}
	ids, lacking, err := ParseGroups("X25519MLKEM768:?X25519:prime256v1:P-256:X448")
	if err != nil || !slices.Equal(ids, []tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP256}) || !slices.Equal(lacking, []string{"X448"}) {
		t.Error(ids, lacking, err)
	}
	if _, _, err := ParseGroups("X25519:nonsense"); err == nil {
		t.Error("nonsense is no group")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range cipherStrings {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		ParseCiphers(string(b))
		ParseCiphers13(string(b))
		ParseGroups(string(b))
		ParseKey(b, func() ([]byte, error) { return b, nil })
		ParseCertificates(b)
		ParseCRLs(b)
	})
}
