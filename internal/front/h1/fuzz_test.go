//go:build linux

package h1

import (
	"bufio"
	"bytes"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"sallyport/internal/watch"
)

// FuzzStream throws a stream of bytes at the front, whole and cut at arbitrary
// points, read both ways. What the house sees must not depend on the cuts;
// once a request was refused it must see nothing more; and where net/http
// understands a request that we served, the two must agree on where it ends
// and what it says.
func FuzzStream(f *testing.F) {
	for i, s := range streams {
		f.Add([]byte(s), uint64(i))
	}
	w := newWatch(f)
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		if len(data) > 48<<10 {
			return
		}
		whole := see(t, w, []string{string(data)}, true)
		agree(t, data, whole)
		r := rand.New(rand.NewPCG(seed, 1))
		for _, direct := range []bool{true, false} {
			cut := see(t, w, cuts(r, string(data)), direct)
			if !slices.Equal(cut.seen, whole.seen) {
				t.Fatalf("cut (raw %v) the house sees\n%s\nwhole\n%s", direct, strings.Join(cut.seen, "\n"), strings.Join(whole.seen, "\n"))
			}
		}
	})
}

// streams are the seeds: each is something that a reader may stumble over.
var streams = []string{
	"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n\r",
	"GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /2 HTTP/1.0\r\n\r\nGET /3 HTTP/1.0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nT: 1\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n" + strings.Repeat("x", 20000) + "GET /after HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5 ; a\r\nhello\r\n00\r\nX: " + strings.Repeat("t", 5000) + "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nshort",
	"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET / HTTP/1.1\nHost: a\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
	"GET /" + strings.Repeat("l", 9000) + " HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("v", 9000) + "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("v", 7000) + "\r\nY: " + strings.Repeat("w", 7000) + "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("A: b\r\n", 100) + "\r\n",
	"HEAD * HTTP/1.1\r\nHost: a\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
	"\r\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
	"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\nraw",
}

// TestStreams runs the seeds with a cut behind every byte.
func TestStreams(t *testing.T) {
	w := newWatch(t)
	for _, s := range streams {
		whole := see(t, w, []string{s}, true)
		agree(t, []byte(s), whole)
		for _, direct := range []bool{true, false} {
			if cut := see(t, w, strings.Split(s, ""), direct); !slices.Equal(cut.seen, whole.seen) {
				t.Errorf("%.60q byte by byte (raw %v):\n%.300q\nwhole:\n%.300q", s, direct, cut.seen, whole.seen)
			}
		}
	}
}

// see serves a stream and checks that a refusal is the last the house hears.
// A small body that breaks off is refused where it is waited for first, and
// else found broken by the exchange: that is one thing here.
func see(t *testing.T, w *watch.Watcher, pieces []string, direct bool) *house {
	h := newHouse()
	newPair(t, pieces...).run(h, w, direct)
	for i, s := range h.seen {
		if strings.HasSuffix(s, " broken") {
			h.seen[i] = "refused"
		}
	}
	if i := slices.Index(h.seen, "refused"); i >= 0 && i != len(h.seen)-1 {
		t.Fatalf("after a refusal the house still sees %q", h.seen[i+1:])
	}
	return h
}

func cuts(r *rand.Rand, s string) []string {
	var out []string
	for len(s) > 0 {
		n := 1 + r.IntN(len(s))
		if r.IntN(3) > 0 {
			n = min(n, 1+r.IntN(7))
		}
		out = append(out, s[:n])
		s = s[n:]
	}
	return out
}

// agree holds what the house saw against net/http, as far as that can follow.
func agree(t *testing.T, data []byte, h *house) {
	for _, c := range h.calls {
		for bytes.HasPrefix(data, []byte("\r\n")) {
			data = data[2:]
		}
		if int64(len(data)) < c.bytes {
			t.Fatalf("%s %s took %d bytes of %d", c.method, c.target, c.bytes, len(data))
		}
		rest := bytes.NewReader(data)
		in := bufio.NewReader(rest)
		req, err := http.ReadRequest(in)
		if err == nil && c.err == nil {
			body, err := io.ReadAll(req.Body)
			if took := int64(len(data)) - int64(rest.Len()) - int64(in.Buffered()); err == nil &&
				(req.Method != c.method || req.RequestURI != c.target || string(body) != c.body || took != c.bytes) {
				t.Fatalf("the house saw %s %q with %q in %d bytes, net/http %s %q with %q in %d",
					c.method, c.target, c.body, c.bytes, req.Method, req.RequestURI, body, took)
			}
		}
		data = data[c.bytes:]
	}
}
