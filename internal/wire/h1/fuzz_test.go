package h1

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"strings"
	"testing"

	"sallyport/internal/message"
)

// The fuzz targets below hold the codec against net/http: what we accept,
// net/http must accept too and see the same. Where net/http refuses what is no
// matter of framing (stricter URLs, Trailer), the target steps aside.

func FuzzRequest(f *testing.F) {
	f.Add([]byte(wrkHead))
	f.Add([]byte(browserHead))
	f.Add([]byte("\r\nPOST http://[::1]:80/a%20b?c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"))
	f.Add([]byte("POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc"))
	f.Add([]byte("OPTIONS * HTTP/1.1\r\nHost: 1.2.3.4:5\r\nX:\ty\t \r\n\r\n"))
	f.Add([]byte("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		Check(in, &httpdLimits)
		in = in[LeadingBlank(in):]
		n := HeadEnd(in, 0)
		if n == 0 {
			return
		}
		head := string(in[:n])
		var r message.Request
		for _, opt := range []Options{{Unsafe: true}, {}} {
			if ParseRequest(head, &r, &httpdLimits, opt) == nil && BadField(&r.Header) >= 0 {
				t.Fatalf("bad field passed: %+v", r.Header)
			}
		}
		if ParseRequest(head, &r, &httpdLimits, Options{}) != nil {
			return
		}
		checkHeader(t, &r.Header)
		target, p := ParseTarget(&r, Options{})
		if p != nil {
			return
		}
		if _, p := NormalizePath(target.Path, true); p != nil {
			return
		}
		framing, p := RequestFraming(&r)
		if p != nil {
			return
		}
		std, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head)))
		if err != nil {
			if r.Header.Has(message.Trailer) || strings.Contains(err.Error(), "parse \"") {
				return
			}
			t.Fatalf("accepted, but net/http says %v: %q", err, head)
		}
		if std.Method != r.Method || std.RequestURI != r.Target && target.Form != AuthorityForm || std.Host != r.Authority {
			t.Fatalf("%q: %s %q @%q, net/http %s %q @%q", head, r.Method, r.Target, r.Authority, std.Method, std.RequestURI, std.Host)
		}
		want := map[BodyKind]int64{NoBody: 0, Counted: framing.Length, Chunks: -1}[framing.Kind]
		if std.ContentLength != want || (framing.Kind == Chunks) != (len(std.TransferEncoding) == 1) {
			t.Fatalf("%q: framing %+v, net/http %d %v", head, framing, std.ContentLength, std.TransferEncoding)
		}
		sameFields(t, &r.Header, std.Header, "Host")
	})
}

func FuzzResponse(f *testing.F) {
	f.Add([]byte(nginxHead))
	f.Add([]byte("\r\nHTTP/1.0 404 Not Found\nX: a\n  b\nX:\n\n"))
	f.Add([]byte("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\nTrailer: X\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 304 x\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		if n := BodyStart(in); n > 0 {
			var r message.Response
			ParseResponse(string(in[:n]), &r, ResponseOptions{BadHeader: StartBody})
		}
		n := HeadEnd(in, 0)
		if n == 0 {
			return
		}
		head := string(in[:n])
		var r message.Response
		if p := ParseResponse(head, &r, ResponseOptions{BadHeader: Ignore}); p == nil {
			checkHeader(t, &r.Header)
		}
		if p := ParseResponse(head, &r, ResponseOptions{}); p != nil {
			return
		}
		checkHeader(t, &r.Header)
		framing, p := ResponseFraming(&r, "GET")
		if p != nil {
			return
		}
		te, coded := r.Header.Known(message.TransferEncoding)
		if coded && !strings.EqualFold(te, "chunked") || len(r.Header.Values("Transfer-Encoding")) > 1 || r.Header.Has(message.Trailer) ||
			head[0] != 'H' || strings.Count(head, "HTTP/") > 1 || coded && (r.Version < message.HTTP11 || framing.Close) {
			return // tolerances net/http does not share, codings it does not know, heed in HTTP/1.0, or put above any length
		}
		std, err := http.ReadResponse(bufio.NewReader(strings.NewReader(head)), nil)
		if err != nil {
			if len(head) > 12 && head[12] != ' ' && head[12] != '\r' && head[12] != '\n' {
				return // "200OK"
			}
			if !message.Bodyless(r.Status) {
				t.Fatalf("accepted, but net/http says %v: %q", err, head)
			}
			return // a bad Content-Length matters to us only where there is a body
		}
		if std.StatusCode != r.Status {
			t.Fatalf("%q: status %d, net/http %d", head, r.Status, std.StatusCode)
		}
		want := map[BodyKind]int64{NoBody: 0, Counted: framing.Length, Chunks: -1, UntilClose: -1}[framing.Kind]
		if std.ContentLength != want && framing.Kind != NoBody || (framing.Kind == Chunks) != (len(std.TransferEncoding) == 1) && framing.Kind != NoBody {
			t.Fatalf("%q: framing %+v, net/http %d %v", head, framing, std.ContentLength, std.TransferEncoding)
		}
		sameFields(t, &r.Header, std.Header, "")
	})
}

// checkHeader: whatever comes out of a parser may be written to a peer.
func checkHeader(t *testing.T, h *message.Header) {
	t.Helper()
	if i := BadField(h); i >= 0 {
		t.Fatalf("bad field passed: %+v", h.Fields[i])
	}
	for _, f := range h.Fields {
		if f.Known != message.Lookup(f.Name) || f.Value != trimOWS(f.Value) {
			t.Fatalf("field %+v", f)
		}
	}
}

// sameFields compares fields with what net/http made of them: canonical
// names, framing fields taken out, folds joined with one blank.
func sameFields(t *testing.T, h *message.Header, std http.Header, except string) {
	t.Helper()
	got := map[string][]string{}
	for _, f := range h.Fields {
		k := textproto.CanonicalMIMEHeaderKey(f.Name)
		if k != except {
			got[k] = append(got[k], f.Value)
		}
	}
	for k, vs := range got {
		if k == "Transfer-Encoding" || k == "Content-Length" || k == "Connection" || k == "Pragma" || k == "Cache-Control" {
			continue
		}
		blanks := func(vs []string) string {
			return strings.Join(strings.Fields(strings.ReplaceAll(strings.Join(vs, "|"), "\x00", "")), " ")
		}
		if blanks(vs) != blanks(std[k]) {
			t.Fatalf("%s: %q, net/http %q", k, vs, std[k])
		}
	}
}

func FuzzChunked(f *testing.F) {
	f.Add([]byte("3\r\nabc\r\n10;x=y\r\n0123456789abcdef\r\n0\r\nX: y\r\n\r\nrest"), uint8(3))
	f.Add([]byte("0 \r\n\r\n"), uint8(1))
	f.Add([]byte("7fffffffffffffff\r\nabc"), uint8(2))
	f.Fuzz(func(t *testing.T, in []byte, piece uint8) {
		var whole, split Chunked
		content, n, err := unchunk(&whole, string(in), len(in)+1)
		content2, n2, err2 := unchunk(&split, string(in), int(piece)+1)
		if content != content2 || err == nil && n != n2 || err != err2 || whole.Done() != split.Done() {
			t.Fatalf("whole: %q %d %v; in pieces: %q %d %v", content, n, err, content2, n2, err2)
		}
		if !whole.Done() {
			return
		}
		if bytes.Contains(in, []byte(" ;")) || bytes.Contains(in, []byte("\t;")) {
			return // blanks before an extension (RFC 9112 §7.1.1) are not to net/http's taste
		}
		got, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(in)))
		if err != nil || string(got) != content {
			t.Fatalf("%q: %q, net/http %q %v", in, content, got, err)
		}
	})
}
