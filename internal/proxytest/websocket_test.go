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
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go/http3"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// TestWebSocketPairs opens WebSockets over every version of HTTP in front (by
// Upgrade, RFC 8441 and RFC 9220) to every one behind: bytes go both ways until
// both sides have ended, either side may end first, refusals pass, and a client
// that is torn off ends the backend's side.
func TestWebSocketPairs(t *testing.T) {
	p := sallyport(t)
	socks := &sockets{asked: make(chan socketAsked, 10), ended: make(chan string, 10)}
	conf := "H2WebSockets On\nSSLProxyEngine On\nSSLProxyCheckPeerName Off\n"
	for _, back := range backNames {
		conf += "ProxyPass /" + back + "/ " + back + "://" + socks.listen(t, back) + "/ upgrade=websocket\n"
	}
	text := "WebSockets.\n-- httpd.conf --\n" + conf + "-- script --\nmodule ssl proxy_http2 http2\ncheck\n"
	for _, front := range frontNames {
		t.Run(front, func(t *testing.T) {
			s, err := ParseScript("websocket", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			stop, port := standing(t, p, s, newVia(front))
			defer stop()
			for _, back := range backNames {
				t.Run(back, func(t *testing.T) {
					open := func(path string) (*http.Response, io.WriteCloser) {
						t.Helper()
						return openWebSocket(t, front, port, "/"+back+path)
					}
					resp, pw := open("/chat?room=1")
					want := 200
					if front == "h1" || front == "https" {
						if want = 101; resp.Header.Get("Sec-WebSocket-Accept") != acceptOf("dGhlIHNhbXBsZSBub25jZQ==") || !strings.EqualFold(resp.Header.Get("Upgrade"), "websocket") {
							t.Errorf("%v", resp.Header)
						}
					} else if resp.Header.Get("Sec-WebSocket-Accept") != "" {
						t.Errorf("%v", resp.Header)
					}
					if resp.StatusCode != want || resp.Header.Get("Sec-WebSocket-Protocol") != "chat" {
						t.Errorf("%d %v", resp.StatusCode, resp.Header)
					}
					if got := soon(t, socks.asked); got != (socketAsked{back, "/chat?room=1", "13", "chat"}) {
						t.Errorf("the backend is asked %+v", got)
					}
					b := make([]byte, 1<<20)
					talk := func(text string) {
						t.Helper()
						go io.WriteString(pw, text)
						n, err := io.ReadFull(resp.Body, b[:len(text)])
						if string(b[:n]) != strings.ToUpper(text) {
							t.Fatalf("%d of %d bytes come back: %v", n, len(text), err)
						}
					}
					for i := range 10 {
						talk(fmt.Sprintf("frame %d", i))
					}
					talk(strings.Repeat("more than the windows hold ", 7000))
					pw.Close()
					if rest, err := io.ReadAll(resp.Body); len(rest) > 0 || err != nil {
						t.Errorf("at the end: %q %v", rest, err)
					}
					if got := soon(t, socks.ended); got != back+" end" {
						t.Error(got)
					}

					resp, pw = open("/ends") // the backend says good-bye and ends
					soon(t, socks.asked)
					talk("x")
					if rest, err := io.ReadAll(resp.Body); string(rest) != "bye" || err != nil {
						t.Errorf("at the end: %q %v", rest, err)
					}
					pw.Close()
					soon(t, socks.ended)

					resp, pw = open("/torn")
					soon(t, socks.asked)
					talk("y")
					pw.(interface{ Abort() }).Abort()
					if got := soon(t, socks.ended); !strings.HasPrefix(got, back) {
						t.Error(got)
					}

					resp, pw = open("/refuse")
					soon(t, socks.asked)
					if resp.StatusCode != 403 {
						t.Error(resp.Status)
					}
					pw.Close()
					resp.Body.Close()
				})
			}
		})
	}
}

// soon is what comes next.
func soon[T any](t *testing.T, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(2 * stepTimeout):
		t.Fatal("nothing comes")
	}
	return v
}

// openWebSocket asks for /path with the protocol chat.
func openWebSocket(t *testing.T, front, port, path string) (*http.Response, io.WriteCloser) {
	t.Helper()
	switch front {
	case "h2", "h2c":
		return connectH2(t, front == "h2", port, path)
	case "h3":
		u, _ := url.ParseRequestURI(path)
		u.Scheme, u.Host = "https", "127.0.0.1:"+port
		pr, pw := io.Pipe()
		ctx, cancel := context.WithTimeout(context.Background(), 2*stepTimeout)
		t.Cleanup(cancel)
		tr := newH3().(*library).client().(*http3.Transport)
		t.Cleanup(func() { tr.Close() })
		r := (&http.Request{Method: "CONNECT", Proto: "websocket", URL: u, Host: "cl.test", Body: pr, ContentLength: -1,
			Header: http.Header{"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Protocol": {"chat"}}}).WithContext(ctx)
		resp, err := tr.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		return resp, aborter{pw, cancel}
	}
	nc, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(2 * stepTimeout))
	end := nc.(*net.TCPConn).CloseWrite
	if front == "https" {
		tc := tls.Client(nc, &tls.Config{InsecureSkipVerify: true, ServerName: "cl.test"})
		nc, end = tc, tc.CloseWrite
	}
	fmt.Fprintf(nc, "GET %s HTTP/1.1\r\nHost: cl.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat\r\n\r\n", path)
	br := bufio.NewReader(nc)
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode == 101 {
		resp.Body = io.NopCloser(br)
	}
	return resp, upgraded{nc, end}
}

// aborter is the sending side of a WebSocket over HTTP/3.
type aborter struct {
	io.WriteCloser
	abort func()
}

func (a aborter) Abort() { a.abort() }

// upgraded is a connection after a 101.
type upgraded struct {
	net.Conn
	end func() error
}

func (u upgraded) Close() error { return u.end() }
func (u upgraded) Abort()       { u.Conn.Close() }

// h2Stream is stream 1 of a connection of HTTP/2, after its head.
type h2Stream struct {
	nc   net.Conn
	fr   *http2.Framer
	data []byte
	end  bool

	mu     sync.Mutex // of writing
	cond   sync.Cond
	window [2]int // what may be sent: on the connection, on the stream
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
	s.cond.L = &s.mu
	s.window = [2]int{65535, 65535}
	s.fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30})
	s.fr.WriteWindowUpdate(0, 1<<30)
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
				if w, ok := f.Value(http2.SettingInitialWindowSize); ok {
					s.window[1] = int(w)
				}
				s.fr.WriteSettingsAck()
				s.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true})
			}
		case *http2.WindowUpdateFrame:
			s.window[min(f.StreamID, 1)] += int(f.Increment)
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
		case *http2.WindowUpdateFrame:
			s.mu.Lock()
			s.window[min(f.StreamID, 1)] += int(f.Increment)
			s.cond.Broadcast()
			s.mu.Unlock()
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

// Write waits for the windows, which come while somebody reads.
func (c closer) Write(p []byte) (int, error) {
	s := c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	for at := 0; at < len(p); {
		n := min(len(p)-at, s.window[0], s.window[1], 16<<10)
		if n == 0 {
			s.cond.Wait()
			continue
		}
		if err := s.fr.WriteData(1, false, p[at:at+n]); err != nil {
			return at, err
		}
		s.window[0] -= n
		s.window[1] -= n
		at += n
	}
	return len(p), nil
}

func (c closer) Close() error {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return c.s.fr.WriteData(1, true, nil)
}

func (c closer) Abort() {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.fr.WriteRSTStream(1, http2.ErrCodeCancel)
}

// sockets are backends whose WebSockets answer in capitals. On /ends they say
// bye after the first bytes and end; /refuse is a 403.
type sockets struct {
	asked chan socketAsked
	ended chan string // the backend, and how its client's side has ended
}

type socketAsked struct{ back, path, version, protocol string }

// listen opens one that speaks this version of HTTP.
func (k *sockets) listen(t *testing.T, back string) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	var secure *tls.Config
	if back == "https" || back == "h2" {
		name := t.TempDir() + "/back"
		if err := writeCertificate(name); err != nil {
			t.Fatal(err)
		}
		cert, err := tls.LoadX509KeyPair(name+".crt", name+".key")
		if err != nil {
			t.Fatal(err)
		}
		secure = &tls.Config{Certificates: []tls.Certificate{cert}}
		if back == "h2" {
			secure.NextProtos = []string{"h2"}
		}
	}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			if secure != nil {
				c = tls.Server(c, secure)
			}
			if back == "h2" || back == "h2c" {
				go k.serveH2(c, back)
			} else {
				go k.serve(c, back)
			}
		}
	}()
	return ln.Addr().String()
}

// talk is what happens on an open socket.
func (k *sockets) talk(back, path string, r io.Reader, w io.Writer) {
	b := make([]byte, 1000)
	for {
		n, err := r.Read(b)
		if n > 0 {
			io.WriteString(w, strings.ToUpper(string(b[:n])))
			if path == "/ends" {
				io.WriteString(w, "bye")
				err = io.EOF
			}
		}
		if err != nil {
			how := "end"
			if err != io.EOF {
				how = err.Error()
			}
			k.ended <- back + " " + how
			return
		}
	}
}

func (k *sockets) serve(c net.Conn, back string) {
	defer c.Close()
	br := bufio.NewReader(c)
	r, err := http.ReadRequest(br)
	if err != nil {
		return
	}
	k.asked <- socketAsked{back, r.RequestURI, r.Header.Get("Sec-WebSocket-Version"), r.Header.Get("Sec-WebSocket-Protocol")}
	if r.URL.Path == "/refuse" {
		io.WriteString(c, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		return
	}
	key := r.Header.Get("Sec-WebSocket-Key")
	if raw, err := base64.StdEncoding.DecodeString(key); err != nil || len(raw) != 16 || r.Method != "GET" || !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		return
	}
	fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: chat\r\n\r\n", acceptOf(key))
	k.talk(back, r.URL.Path, br, c)
}

func acceptOf(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// serveH2 takes extended CONNECTs, many on one connection.
func (k *sockets) serveH2(c net.Conn, back string) {
	defer c.Close()
	if _, err := io.ReadFull(c, make([]byte, len(http2.ClientPreface))); err != nil {
		return
	}
	var mu sync.Mutex // of writing
	fr := http2.NewFramer(c, c)
	fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	fr.WriteSettings(http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: 1}, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30})
	fr.WriteWindowUpdate(0, 1<<30)
	streams := map[uint32]*io.PipeWriter{}
	for {
		f, err := fr.ReadFrame()
		if err != nil {
			return
		}
		id := f.Header().StreamID
		switch f := f.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				mu.Lock()
				fr.WriteSettingsAck()
				mu.Unlock()
			}
		case *http2.DataFrame:
			if w := streams[id]; w != nil {
				w.Write(f.Data())
				if f.StreamEnded() {
					w.Close()
				}
			}
		case *http2.RSTStreamFrame:
			if w := streams[id]; w != nil {
				w.CloseWithError(fmt.Errorf("reset: %v", f.ErrCode))
			}
		case *http2.MetaHeadersFrame:
			h := map[string]string{}
			for _, v := range f.Fields {
				h[v.Name] = v.Value
			}
			k.asked <- socketAsked{back, h[":path"], h["sec-websocket-version"], h["sec-websocket-protocol"]}
			path, _, _ := strings.Cut(h[":path"], "?")
			status := "200"
			if path == "/refuse" || h[":method"] != "CONNECT" || h[":protocol"] != "websocket" || h["sec-websocket-key"] != "" {
				status = "403"
			}
			var block bytes.Buffer
			enc := hpack.NewEncoder(&block)
			enc.WriteField(hpack.HeaderField{Name: ":status", Value: status})
			enc.WriteField(hpack.HeaderField{Name: "sec-websocket-protocol", Value: "chat"})
			mu.Lock()
			fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: status != "200"})
			mu.Unlock()
			if status != "200" {
				continue
			}
			pr, pw := io.Pipe()
			streams[id] = pw
			go func() {
				k.talk(back, path, pr, dataWriter{&mu, fr, id})
				pr.Close()
				mu.Lock()
				fr.WriteData(id, true, nil)
				mu.Unlock()
			}()
		}
	}
}

// dataWriter writes DATA of one stream; the other side's windows are large
// enough for what the tests say.
type dataWriter struct {
	mu *sync.Mutex
	fr *http2.Framer
	id uint32
}

func (w dataWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(p), w.fr.WriteData(w.id, false, p)
}
