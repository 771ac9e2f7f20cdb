package proxytest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// connKey is the context's key of a backend connection's number.
type connKey struct{}

// serveH2 makes an h2 or h2c backend: each stream is turned into an HTTP/1.1
// connection of its own and played as any other backend's, so that one script
// holds for both. The backend sees its :authority as Host.
func (b *backend) serveH2() {
	srv := &http.Server{
		Handler: http.HandlerFunc(b.stream), Protocols: new(http.Protocols), TLSConfig: b.tls,
		ErrorLog: log.New(io.Discard, "", 0), // the script's expectations tell
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.accepts++
			b.open[c] = true
			return context.WithValue(ctx, connKey{}, b.accepts)
		},
	}
	if b.tls != nil {
		srv.Protocols.SetHTTP2(true)
		srv.ServeTLS(b.ln, "", "")
	} else {
		srv.Protocols.SetUnencryptedHTTP2(true)
		srv.Serve(b.ln)
	}
	srv.Close()
}

// stream is one request.
func (b *backend) stream(w http.ResponseWriter, q *http.Request) {
	number, _ := q.Context().Value(connKey{}).(int)
	near, far := net.Pipe()
	defer near.Close()
	defer context.AfterFunc(q.Context(), func() { near.Close() })() // the proxy gave the stream up
	w0 := &wants{Conn: far, body: make(chan struct{})}
	go b.serve(w0, number)
	go b.ask(near, w0, q)
	r := bufio.NewReader(near)
	for {
		m, err := readHead(r)
		if err != nil {
			panic(http.ErrAbortHandler) // the stream is reset
		}
		status := 0
		fmt.Sscan(m.word(1), &status)
		h := w.Header()
		clear(h)
		for _, f := range m.Fields {
			if !slices.Contains([]string{"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}, strings.ToLower(f.Name)) {
				h.Add(f.Name, f.Value)
			}
		}
		if h.Get("Date") == "" {
			h["Date"] = nil // as the other backends, which send none by themselves
		}
		w.WriteHeader(status)
		if status >= 200 {
			b.pass(w, q, m, r)
			return
		}
	}
}

// pass copies the body of a response as it comes.
func (b *backend) pass(w http.ResponseWriter, q *http.Request, m *Message, r *bufio.Reader) {
	if q.Method == "HEAD" || bodiless(m.word(1)) {
		return
	}
	body, length := io.Reader(r), int64(-1)
	chunked := isChunked(m)
	switch v := m.values("Content-Length"); {
	case chunked:
		body = httputil.NewChunkedReader(r)
	case len(v) > 0:
		fmt.Sscan(v[0], &length)
		body = io.LimitReader(r, length)
	}
	flush := http.NewResponseController(w)
	flush.Flush()
	buf := make([]byte, 32<<10)
	for n := int64(0); ; {
		k, err := body.Read(buf)
		if k > 0 {
			n += int64(k)
			w.Write(buf[:k])
			flush.Flush()
		}
		if err == io.EOF && (length < 0 || n == length) {
			break
		}
		if err != nil {
			panic(http.ErrAbortHandler)
		}
	}
	if chunked {
		trailer, _ := textproto.NewReader(r).ReadMIMEHeader()
		for name, values := range trailer {
			w.Header()[http.TrailerPrefix+name] = values
		}
	}
}

// wants is the connection that a stream is played on. It tells when somebody
// wants to read behind the request's head: only then may the library read the
// body, which answers an Expect.
type wants struct {
	net.Conn
	read atomic.Int64
	head atomic.Int64 // length of the head
	body chan struct{}
	once sync.Once
}

func (w *wants) Read(p []byte) (int, error) {
	if n := w.head.Load(); n > 0 && w.read.Load() >= n {
		w.once.Do(func() { close(w.body) })
	}
	n, err := w.Conn.Read(p)
	w.read.Add(int64(n))
	return n, err
}

// ask writes the request as HTTP/1.1 has it.
func (b *backend) ask(to net.Conn, from *wants, q *http.Request) {
	var head strings.Builder
	fmt.Fprintf(&head, "%s %s HTTP/1.1\r\nHost: %s\r\n", q.Method, q.RequestURI, q.Host)
	for name, values := range q.Header {
		for _, v := range values {
			fmt.Fprintf(&head, "%s: %s\r\n", name, v)
		}
	}
	if q.ContentLength >= 0 && q.Body != http.NoBody && q.Header.Get("Content-Length") == "" {
		fmt.Fprintf(&head, "Content-Length: %d\r\n", q.ContentLength)
	}
	if q.ContentLength < 0 {
		head.WriteString("Transfer-Encoding: chunked\r\n")
	}
	head.WriteString("\r\n")
	from.head.Store(int64(head.Len()))
	if _, err := io.WriteString(to, head.String()); err != nil {
		return
	}
	select {
	case <-from.body:
	case <-q.Context().Done():
		return
	}
	body := io.Writer(to)
	if q.ContentLength < 0 {
		c := httputil.NewChunkedWriter(to)
		defer func() {
			c.Close()
			for name, values := range q.Trailer {
				for _, v := range values {
					fmt.Fprintf(to, "%s: %s\r\n", name, v)
				}
			}
			io.WriteString(to, "\r\n")
		}()
		body = c
	}
	if _, err := io.Copy(body, q.Body); err != nil {
		to.Close() // the request is not whole
	}
}
