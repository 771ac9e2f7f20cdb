package proxytest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// TestWebSocketVia opens WebSockets over HTTP/2 (RFC 8441) and HTTP/3 (RFC 9220)
// in front to a backend of HTTP/1.1, and to one that refuses.
func TestWebSocketVia(t *testing.T) {
	p := sallyport(t)
	asked := make(chan *http.Request, 10)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go serveWebSocket(c, asked)
		}
	}()
	text := "WebSockets.\n-- httpd.conf --\nH2WebSockets On\nProxyPass / http://" + ln.Addr().String() + "/ upgrade=websocket\n-- script --\ncheck\n"
	for _, c := range []struct {
		name string
		via  Via
	}{{"h2c", newH2C()}, {"h2", newH2()}, {"h3", newH3()}} {
		t.Run(c.name, func(t *testing.T) {
			s, err := ParseScript("websocket", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			stop, port := standing(t, p, s, c.via)
			defer stop()
			ctx, cancel := context.WithTimeout(context.Background(), stepTimeout)
			defer cancel()
			open := func(path string) (*http.Response, io.WriteCloser) {
				t.Helper()
				if c.name != "h3" {
					return connectH2(t, c.name == "h2", port, path)
				}
				u, _ := url.ParseRequestURI(path)
				u.Scheme, u.Host = "https", "127.0.0.1:"+port
				pr, pw := io.Pipe()
				r := (&http.Request{Method: "CONNECT", Proto: "websocket", URL: u, Host: "cl.test", Body: pr, ContentLength: -1,
					Header: http.Header{"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Protocol": {"chat"}}}).WithContext(ctx)
				resp, err := c.via.(*library).client().RoundTrip(r)
				if err != nil {
					t.Fatal(err)
				}
				return resp, pw
			}
			resp, pw := open("/chat?room=1")
			if resp.StatusCode != 200 || resp.Header.Get("Sec-WebSocket-Protocol") != "chat" || resp.Header.Get("Sec-WebSocket-Accept") != "" {
				t.Errorf("%d %v", resp.StatusCode, resp.Header)
			}
			r := <-asked
			if r.Method != "GET" || r.RequestURI != "/chat?room=1" || r.Host != ln.Addr().String() || r.Header.Get("Sec-WebSocket-Version") != "13" {
				t.Errorf("the backend is asked %s %s %v", r.Method, r.RequestURI, r.Header)
			}
			b := make([]byte, 100)
			for i := range 20 {
				want := fmt.Sprintf("frame %d", i)
				io.WriteString(pw, want)
				n, err := io.ReadFull(resp.Body, b[:len(want)])
				if string(b[:n]) != strings.ToUpper(want) {
					t.Fatalf("%q %v", b[:n], err)
				}
			}
			pw.Close()
			if rest, err := io.ReadAll(resp.Body); len(rest) > 0 || err != nil {
				t.Errorf("at the end: %q %v", rest, err)
			}
			resp, pw = open("/refuse")
			<-asked
			if resp.StatusCode != 403 {
				t.Error(resp.Status)
			}
			pw.Close()
			resp.Body.Close()
		})
	}
}

// h2Stream is stream 1 of a connection of HTTP/2, after its head.
type h2Stream struct {
	nc   net.Conn
	fr   *http2.Framer
	data []byte
	end  bool
}

// connectH2 sends an extended CONNECT, which no client of the library does.
func connectH2(t *testing.T, secure bool, port, path string) (*http.Response, io.WriteCloser) {
	t.Helper()
	nc, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(stepTimeout))
	if secure {
		nc = tls.Client(nc, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	}
	io.WriteString(nc, http2.ClientPreface)
	s := &h2Stream{nc: nc, fr: http2.NewFramer(nc, nc)}
	s.fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	s.fr.WriteSettings()
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for _, f := range [][2]string{{":method", "CONNECT"}, {":protocol", "websocket"}, {":scheme", "http"}, {":path", path}, {":authority", "cl.test"},
		{"sec-websocket-version", "13"}, {"sec-websocket-protocol", "chat"}} {
		enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	offered := false
	for {
		f, err := s.fr.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		switch f := f.(type) {
		case *http2.SettingsFrame:
			if v, ok := f.Value(http2.SettingEnableConnectProtocol); ok && v == 1 && !offered {
				offered = true
				s.fr.WriteSettingsAck()
				s.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true})
			}
		case *http2.MetaHeadersFrame:
			resp := &http.Response{Header: http.Header{}, Body: s}
			for _, h := range f.Fields {
				if h.Name == ":status" {
					resp.StatusCode, _ = strconv.Atoi(h.Value)
				}
				resp.Header.Add(h.Name, h.Value)
			}
			return resp, closer{s}
		}
	}
}

// Read implements io.Reader of DATA frames.
func (s *h2Stream) Read(p []byte) (int, error) {
	for len(s.data) == 0 {
		if s.end {
			return 0, io.EOF
		}
		f, err := s.fr.ReadFrame()
		if err != nil {
			return 0, err
		}
		switch f := f.(type) {
		case *http2.DataFrame:
			s.data = append(s.data, f.Data()...)
			s.end = f.StreamEnded()
		case *http2.RSTStreamFrame:
			return 0, fmt.Errorf("reset: %v", f.ErrCode)
		}
	}
	n := copy(p, s.data)
	s.data = s.data[n:]
	return n, nil
}

func (s *h2Stream) Close() error { return s.nc.Close() }

// closer writes to the stream; Close ends that half.
type closer struct{ s *h2Stream }

func (c closer) Write(p []byte) (int, error) { return len(p), c.s.fr.WriteData(1, false, p) }
func (c closer) Close() error                { return c.s.fr.WriteData(1, true, nil) }

// serveWebSocket is a backend whose sockets answer in capitals.
func serveWebSocket(c net.Conn, asked chan<- *http.Request) {
	defer c.Close()
	br := bufio.NewReader(c)
	r, err := http.ReadRequest(br)
	if err != nil {
		return
	}
	asked <- r
	if r.URL.Path == "/refuse" {
		io.WriteString(c, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		return
	}
	key := r.Header.Get("Sec-WebSocket-Key")
	if raw, err := base64.StdEncoding.DecodeString(key); err != nil || len(raw) != 16 || !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		return
	}
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: chat\r\n\r\n", base64.StdEncoding.EncodeToString(sum[:]))
	b := make([]byte, 1000)
	for {
		n, err := br.Read(b)
		if n > 0 {
			io.WriteString(c, strings.ToUpper(string(b[:n])))
		}
		if err != nil {
			return
		}
	}
}
