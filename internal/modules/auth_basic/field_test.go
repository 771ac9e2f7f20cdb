package auth_basic

import (
	"encoding/base64"
	"strings"
	"testing"
)

func FuzzCredentials(f *testing.F) {
	for _, s := range []string{"Basic am9lOnNlY3JldA==", "basic  am9l", "Basic", "Basic =", "Bearer x", "Basic am9lOnNlY3JldAB4", "Basic a", "Basic \t!"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, field string) {
		user, password, ok := credentials(field)
		switch {
		case !ok && (user != "" || password != ""):
			t.Errorf("%q: credentials of another scheme", field)
		case strings.Contains(user, ":") || strings.Contains(user+password, "\x00"):
			t.Errorf("%q: %q %q", field, user, password)
		}
		// What is well formed is read as any decoder would.
		if b64, is := strings.CutPrefix(field, "Basic "); is {
			plain, err := base64.StdEncoding.DecodeString(b64)
			if s := string(plain); err == nil && !strings.ContainsAny(b64, "\r\n") && !strings.Contains(s, "\x00") && strings.Contains(s, ":") && user+":"+password != s {
				t.Errorf("%q: %q %q", field, user, password)
			}
		}
	})
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", `a "b" c`: `a \"b\" c`, `a \"b\"`: `a \"b\"`, `end\`: `end\\`, "a\r\nb": "ab", "a\\\r\nb": `a\\b`, `\\`: `\\`,
	} {
		if got := quote(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzQuote(f *testing.F) {
	f.Add(`a "b" \`)
	f.Fuzz(func(t *testing.T, realm string) {
		q := quote(realm)
		for i := 0; i < len(q); i++ {
			switch c := q[i]; {
			case c < ' ' || c == 0x7f || c == '"':
				t.Fatalf("%q: %q", realm, q)
			case c == '\\':
				if i++; i == len(q) {
					t.Fatalf("%q: %q", realm, q)
				}
			}
		}
	})
}
