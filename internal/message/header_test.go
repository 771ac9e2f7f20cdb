package message

import (
	"fmt"
	"strings"
	"testing"
)

func header(lines ...string) *Header {
	h := new(Header)
	for _, l := range lines {
		n, v, _ := strings.Cut(l, ": ")
		h.Add(n, v)
	}
	return h
}

func (h *Header) text() string {
	var b strings.Builder
	for _, f := range h.Fields {
		fmt.Fprintf(&b, "%s: %s|", f.Name, f.Value)
	}
	return b.String()
}

func TestJoin(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"A: 1|B: 2", "A: 1|B: 2|"},
		{"A: 1|a: 2|B: 3|A: 4", "A: 1, 2, 4|B: 3|"},
		{"Cookie: a=1|X: y|cookie: b=2", "Cookie: a=1, b=2|X: y|"},
		{"X-AB: 1|X-CB: 2", "X-AB: 1|X-CB: 2|"}, // the same hash, other names
	} {
		h := header()
		if c.in != "" {
			h = header(strings.Split(c.in, "|")...)
		}
		h.Join()
		if got := h.text(); got != c.want {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
	}
	many := header()
	for i := range 2 * manyFields {
		many.Add(fmt.Sprintf("X-%d", i%manyFields), "v")
	}
	many.Join()
	if len(many.Fields) != manyFields || many.Fields[7].Value != "v, v" {
		t.Error(len(many.Fields), many.Fields[7])
	}
}

func TestEdit(t *testing.T) {
	h := header("A: 1", "Host: h", "a: 2", "B: 3")
	h.Set("a", "9")
	h.Merge("b", "4")
	h.Del("HOST")
	if got := h.text(); got != "a: 9|B: 3, 4|" {
		t.Error(got)
	}
	if v, ok := h.Joined("A"); !ok || v != "9" {
		t.Error(v, ok)
	}
}

func TestKnownNames(t *testing.T) {
	for k := Other + 1; k < numKnown; k++ {
		if got := Lookup(strings.ToLower(k.String())); got != k {
			t.Errorf("%s: found %d, want %d", k, got, k)
		}
	}
	for _, n := range []string{"", "X", "Hosts", "ContentLength", strings.Repeat("a", 100)} {
		if Lookup(n) != Other {
			t.Errorf("%q is not a known name", n)
		}
	}
	if n := testing.AllocsPerRun(100, func() { Lookup("content-length") }); n != 0 {
		t.Errorf("Lookup allocates %v times", n)
	}
}

func TestTokens(t *testing.T) {
	if !HasToken(" close , Keep-Alive", "keep-alive") || HasToken("keep-alives", "keep-alive") || HasToken("", "a") {
		t.Error("HasToken")
	}
}
