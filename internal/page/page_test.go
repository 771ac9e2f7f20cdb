package page

import (
	"html"
	"testing"
)

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"":                 "",
		"plain http://a:1": "plain http://a:1",
		`<script>"'&`:      "&lt;script&gt;&quot;&#39;&amp;",
		"é€":               "&#233;&#8364;",
		"a\x00b\x1b\xffc":  "a?b??c",
		"\u0085\u009f":     "??",
	} {
		got := Escape(in)
		if got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
	for _, s := range []string{`a<b>&"c"' ü`, "日本"} {
		if got := html.UnescapeString(Escape(s)); got != s {
			t.Errorf("%q comes back as %q", s, got)
		}
	}
}

func TestQueryEscape(t *testing.T) {
	for in, want := range map[string]string{
		"http://h:80/a":   "http://h:80/a",
		"a&b=c#d\"<>% ü'": "a%26b%3dc%23d%22%3c%3e%25%20%c3%bc%27",
		"[::1]":           "%5b::1%5d",
	} {
		if got := QueryEscape(in); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

// The values are what httpd shows (apr_strfsize).
func TestShortSize(t *testing.T) {
	for n, want := range map[int64]string{
		0: "  0 ", 197: "197 ", 972: "972 ", 973: "1.0K", 1024: "1.0K", 1536: "1.5K", 10189: " 10K", 9 << 10: "9.0K", 100 << 10: "100K",
		5 << 20: "5.0M", 3 << 40: "3.0T", 972 << 10: "972K", 973 << 10: "1.0M",
	} {
		if got := ShortSize(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}
