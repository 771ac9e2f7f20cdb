package proxytest

import (
	"bufio"
	"strings"
	"testing"
)

func TestReadResponse(t *testing.T) {
	for _, c := range []struct {
		name, method, in, body, framing string
		whole                           bool
	}{
		{"counted", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokmore", "ok", "length", true},
		{"counted, cut", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok", "ok", "length", false},
		{"chunked", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n1;x=y\r\n!\r\n0\r\n\r\n", "ok!", "chunked", true},
		{"chunked, cut", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", "ok", "chunked", false},
		{"until close", "GET", "HTTP/1.1 200 OK\n\nok", "ok", "close", true},
		{"head", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "", "none", true},
		{"no content", "GET", "HTTP/1.1 204 No Content\r\n\r\nmore", "", "none", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := bufio.NewReader(strings.NewReader(c.in))
			m, err := readHead(r)
			if err != nil {
				t.Fatal(err)
			}
			err = readResponseBody(r, m, c.method)
			if string(m.Body) != c.body || m.Framing != c.framing || m.Whole != c.whole || (err == nil) != c.whole {
				t.Errorf("got %s, %v", m, err)
			}
		})
	}
}

func TestReadHead(t *testing.T) {
	const in = "\r\nGET /a b HTTP/1.1\r\nHost: x \r\nX:1\r\nhost:\ty\r\n\r\nbody"
	m, err := readHead(bufio.NewReader(strings.NewReader(in)))
	if err != nil || m.First != "GET /a b HTTP/1.1" || m.word(1) != "/a" || strings.Join(m.values("Host"), "|") != "x|y" {
		t.Errorf("readHead = %s, %v", m, err)
	}
	if m, err := readHead(bufio.NewReader(strings.NewReader("GET / HT"))); err == nil || string(m.Head) != "GET / HT" {
		t.Errorf("a cut head gives %q, %v", m.Head, err)
	}
}
