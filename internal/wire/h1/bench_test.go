package h1

import (
	"strings"
	"testing"

	"sallyport/internal/message"
)

const wrkHead = "GET /index.html HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: wrk/4.2\r\nAccept: */*\r\n\r\n"

var browserHead = strings.ReplaceAll(`GET /shop/catalogue/item?id=48151623&ref=home HTTP/1.1
Host: www.example.com
User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8
Accept-Language: en-GB,en;q=0.7,de;q=0.3
Accept-Encoding: gzip, deflate, br, zstd
DNT: 1
Connection: keep-alive
Referer: https://www.example.com/shop/catalogue/
Cookie: JSESSIONID=0F3A9C2B77D14E5F8A6B1C2D3E4F5061.node1; theme=dark; consent=1.0.0
Upgrade-Insecure-Requests: 1
Sec-Fetch-Dest: document
Sec-Fetch-Mode: navigate
Sec-Fetch-Site: same-origin
Cache-Control: max-age=0
Priority: u=0, i

`, "\n", "\r\n")

const nginxHead = "HTTP/1.1 200 OK\r\nServer: nginx/1.26.0\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Type: text/html\r\nContent-Length: 100\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\nConnection: keep-alive\r\nETag: \"659200-64\"\r\nAccept-Ranges: bytes\r\n\r\n"

var httpdLimits = Limits{Line: 8190, Fields: 100, FieldSize: 8190}

func benchRequest(b *testing.B, head string) {
	buf := []byte(head)
	var r message.Request
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		n := HeadEnd(buf, 0)
		if p := ParseRequest(string(buf[:n]), &r, &httpdLimits, Options{}); p != nil {
			b.Fatal(p)
		}
		if _, p := ParseTarget(&r, Options{}); p != nil {
			b.Fatal(p)
		}
		if _, p := RequestFraming(&r); p != nil {
			b.Fatal(p)
		}
	}
}

func BenchmarkRequestWrk(b *testing.B)     { benchRequest(b, wrkHead) }
func BenchmarkRequestBrowser(b *testing.B) { benchRequest(b, browserHead) }

func BenchmarkHeadEndBrowser(b *testing.B) {
	buf := []byte(browserHead)
	for b.Loop() {
		HeadEnd(buf, 0)
	}
}

func BenchmarkResponse(b *testing.B) {
	buf := []byte(nginxHead)
	var r message.Response
	b.ReportAllocs()
	for b.Loop() {
		n := HeadEnd(buf, 0)
		if p := ParseResponse(string(buf[:n]), &r, ResponseOptions{}); p != nil {
			b.Fatal(p)
		}
		if _, p := ResponseFraming(&r, "GET"); p != nil {
			b.Fatal(p)
		}
	}
}

func BenchmarkChunked(b *testing.B) {
	var body []byte
	for range 64 {
		body = AppendChunkHead(body, 1024)
		body = append(body, make([]byte, 1024)...)
		body = append(body, "\r\n"...)
	}
	body = append(body, LastChunk...)
	b.SetBytes(int64(len(body)))
	var c Chunked
	for b.Loop() {
		c.Reset()
		for src := body; !c.Done(); {
			_, n, err := c.Next(src)
			if err != nil {
				b.Fatal(err)
			}
			src = src[n:]
		}
	}
}

func BenchmarkWriteResponse(b *testing.B) {
	var r message.Response
	if p := ParseResponse(nginxHead, &r, ResponseOptions{}); p != nil {
		b.Fatal(p)
	}
	buf := make([]byte, 0, 4096)
	for b.Loop() {
		buf = AppendStatusLine(buf[:0], r.Status, r.Reason)
		buf = AppendFields(buf, &r.Header)
		buf = AppendBlank(buf)
	}
}

func BenchmarkBadField(b *testing.B) {
	var r message.Response
	if p := ParseResponse(nginxHead, &r, ResponseOptions{}); p != nil {
		b.Fatal(p)
	}
	for b.Loop() {
		if BadField(&r.Header) >= 0 {
			b.Fatal("bad field")
		}
	}
}

// TestAllocations holds the promise of one string per head: beyond that string
// nothing is allocated.
func TestAllocations(t *testing.T) {
	var req message.Request
	var resp message.Response
	buf := make([]byte, 0, 4096)
	chunks := []byte("5\r\nhello\r\n6;x=y\r\n world\r\n" + LastChunk)
	var c Chunked
	for name, f := range map[string]func(){
		"request": func() {
			if p := ParseRequest(browserHead, &req, &httpdLimits, Options{}); p != nil {
				t.Error(p)
			}
			if _, p := ParseTarget(&req, Options{}); p != nil {
				t.Error(p)
			}
			if f, p := RequestFraming(&req); p != nil || f.Kind != NoBody {
				t.Error(f, p)
			}
			if _, p := NormalizePath("/shop/catalogue/item", true); p != nil {
				t.Error(p)
			}
			if _, p := Unescape("/shop/catalogue/item", SlashesRefused, true); p != nil {
				t.Error(p)
			}
		},
		"response": func() {
			if p := ParseResponse(nginxHead, &resp, ResponseOptions{}); p != nil {
				t.Error(p)
			}
			if f, p := ResponseFraming(&resp, "GET"); p != nil || f.Length != 100 {
				t.Error(f, p)
			}
		},
		"refusal": func() {
			if p := ParseRequest("GET / HTTP/1.1\r\nA : b\r\n\r\n", &req, &httpdLimits, Options{}); p == nil {
				t.Error("accepted")
			}
		},
		"chunked": func() {
			c.Reset()
			for src := chunks; len(src) > 0; {
				_, n, err := c.Next(src)
				if err != nil {
					t.Error(err)
				}
				src = src[n:]
			}
		},
		"write": func() {
			buf = AppendRequestLine(buf[:0], "GET", "/", message.HTTP11)
			buf = AppendFields(buf, &resp.Header)
			buf = AppendStatusLine(buf, 404, "Not Found")
			buf = AppendLength(buf, 42)
			buf = AppendBlank(buf)
			buf = AppendChunkHead(buf, 77)
			if BadField(&resp.Header) >= 0 {
				t.Error("bad field")
			}
		},
	} {
		f() // the first run may grow the reused memory
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations, want 0", name, n)
		}
	}
}
