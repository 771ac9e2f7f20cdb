package h1

import (
	"fmt"
	"strings"
	"testing"
)

// unchunk feeds body in pieces of the given size and returns the content, the
// bytes consumed and how it ended.
func unchunk(c *Chunked, body string, piece int) (content string, n int, err error) {
	var out strings.Builder
	for n < len(body) && !c.Done() {
		src := []byte(body[n:min(n+piece, len(body))])
		data, took, e := c.Next(src)
		out.Write(data)
		n += took
		if e != nil {
			return out.String(), n, e
		}
		if took == 0 && !c.Done() {
			return out.String(), n, fmt.Errorf("no progress at %d", n)
		}
	}
	return out.String(), n, nil
}

func TestChunked(t *testing.T) {
	const end = "0\r\n\r\n"
	big := strings.Repeat("x", maxChunkLine)
	for _, c := range []struct {
		body string
		want string // content, or "!status"
		rest string // left for the next message
	}{
		{"3\r\nabc\r\n" + end, "abc", ""},
		{"3\r\nabc\r\n2\r\nde\r\n" + end + "GET", "abcde", "GET"},
		{end + "\r\n", "", "\r\n"},
		{"3 \r\nabc\r\n" + end, "abc", ""},
		{"3\t\r\nabc\r\n" + end, "abc", ""},
		{"3" + strings.Repeat(" ", 10) + "\r\nabc\r\n" + end, "abc", ""},
		{"3;\r\nabc\r\n" + end, "abc", ""},
		{"3;x\r\nabc\r\n" + end, "abc", ""},
		{"3 ;x=\"y z\";\tq\xff\r\nabc\r\n" + end, "abc", ""},
		{"3;" + big + "\r\nabc\r\n" + end, "abc", ""},
		{"00000003\r\nabc\r\n000\r\n\r\n", "abc", ""},
		{"A\r\n0123456789\r\n" + end, "0123456789", ""},
		{"a\r\n0123456789\r\n" + end, "0123456789", ""},
		{"3\r\nabc\r\n0\r\nX: y\r\nZ:\r\n\r\nGET", "abc", "GET"},
		{"3" + strings.Repeat(" ", 11) + "\r\nabc\r\n" + end, "!400", ""},
		{"3\nabc\r\n" + end, "!400", ""},
		{"3\r\nabc\n" + end, "!400", ""},
		{"3\r\nabc\r\n0\n\r\n", "!400", ""},
		{"3\r\nabc\r\n0\r\n\n", "!400", ""},
		{"3;a\nabc\r\n" + end, "!400", ""},
		{"3;x=\x01\r\nabc\r\n" + end, "!400", ""},
		{"3;x=\x7f\r\nabc\r\n" + end, "!400", ""},
		{"3;x\rx\r\nabc\r\n" + end, "!400", ""},
		{"3\rx\nabc\r\n" + end, "!400", ""},
		{"3 3\r\nabc\r\n" + end, "!400", ""},
		{"3 x\r\nabc\r\n" + end, "!400", ""},
		{"+3\r\nabc\r\n" + end, "!400", ""},
		{"-3\r\nabc\r\n" + end, "!400", ""},
		{"0x3\r\nabc\r\n" + end, "!400", ""},
		{" 3\r\nabc\r\n" + end, "!400", ""},
		{"\r\nabc\r\n" + end, "!400", ""},
		{";x\r\nabc\r\n" + end, "!400", ""},
		{"g\r\nabc\r\n" + end, "!400", ""},
		{"3\r\nabcd\r\n" + end, "!400", ""},
		{"3\r\nabc0\r\n\r\n", "!400", ""},
		{"3\r\nabc\r\n0\r\nX y\r\n\r\n", "!400", ""},
		{"3\r\nabc\r\n0\r\nX : y\r\n\r\n", "!400", ""},
		{"3\r\nabc\r\n0\r\nX: y\nA: b\r\n\r\n", "!400", ""},
		{"3\r\nabc\r\n0\r\n y\r\n\r\n", "!400", ""},
		{"3\r\nabc\r\n0\r\n" + strings.Repeat("X: y\r\n", 101) + "\r\n", "!400", ""},
		{"3\r\nabc\r\n0\r\nX: " + strings.Repeat("y", 9000) + "\r\n\r\n", "!400", ""},
		{"3\r\nabc\r\n0\r\n" + strings.Repeat("X: "+strings.Repeat("y", 4000)+"\r\n", 20) + "\r\n", "!400", ""},
		{"3;" + big + "x\r\nabc\r\n" + end, "!413", ""},
		{"ffffffffffffffff\r\nabc", "!413", ""},
		{"8000000000000000\r\nabc", "!413", ""},
		{"10000000000000000\r\nabc", "!413", ""},
		{"00000000000000003\r\nabc\r\n" + end, "!413", ""},
	} {
		var k Chunked
		for _, piece := range []int{1, 2, 3, 7, 1 << 20} {
			k.Reset()
			got, n, err := unchunk(&k, c.body, piece)
			if p, ok := err.(*Problem); ok {
				got = fmt.Sprintf("!%d", p.Status)
			} else if err != nil {
				t.Fatalf("%.60q by %d: %v", c.body, piece, err)
			} else if !k.Done() {
				t.Errorf("%.60q by %d: not done", c.body, piece)
			}
			if got != c.want {
				t.Errorf("%.60q by %d: got %q, want %q", c.body, piece, got, c.want)
			} else if err == nil && c.body[n:] != c.rest {
				t.Errorf("%.60q by %d: left %q, want %q", c.body, piece, c.body[n:], c.rest)
			}
		}
	}
}

func TestChunkedTrailer(t *testing.T) {
	var c Chunked
	for range 2 {
		c.Reset()
		if _, _, err := unchunk(&c, "1\r\na\r\n0\r\nX: y\r\nDigest: z \r\n\r\n", 5); err != nil {
			t.Fatal(err)
		}
		if len(c.Trailer.Fields) != 2 || c.Trailer.Get("x") != "y" || c.Trailer.Get("digest") != "z" {
			t.Errorf("trailer %+v", c.Trailer)
		}
	}
}

// TestChunkedSkip takes payload past the decoder, as splice does.
func TestChunkedSkip(t *testing.T) {
	var c Chunked
	data, n, err := c.Next([]byte("a\r\n012"))
	if string(data) != "012" || n != 6 || err != nil {
		t.Fatalf("%q %d %v", data, n, err)
	}
	if c.Remaining() != 7 {
		t.Fatalf("remaining %d, want 7", c.Remaining())
	}
	c.Skip(7)
	if c.Remaining() != 0 || c.Done() {
		t.Fatalf("after Skip: %d %v", c.Remaining(), c.Done())
	}
	if data, n, err = c.Next([]byte("\r\n0\r\n\r\nX")); len(data) != 0 || n != 7 || err != nil || !c.Done() {
		t.Fatalf("%q %d %v", data, n, err)
	}
}

func TestChunkSizeLimit(t *testing.T) {
	var c Chunked
	if _, _, err := c.Next([]byte("7fffffffffffffff\r\n")); err != nil || c.Remaining() != 1<<63-1 {
		t.Errorf("largest: %v, %d", err, c.Remaining())
	}
}
