//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// stallTime is how long a stalling backend holds on; the proxy's own limit is
// shorter.
const stallTime = 8 * time.Second

// Backend is a scripted origin server: it does what each request's path says.
// It owns its listener and connections; Close ends them all.
type Backend struct {
	listener net.Listener
	tally    *Tally
	known    map[string]Behaviour
	seen     *tokens

	mu    sync.Mutex
	conns map[net.Conn]bool // true while it rests between requests
	wg    sync.WaitGroup
}

// tokens remembers the unsafe requests that arrived: none may arrive twice.
type tokens struct {
	mu  sync.Mutex
	set map[string]bool
}

// first reports whether token is new, and remembers it.
func (t *tokens) first(token string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.set[token] {
		return false
	}
	t.set[token] = true
	return true
}

// newBackend listens on a free loopback port and serves until Close.
func newBackend(tally *Tally, seen *tokens) (*Backend, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start a backend: %w", err)
	}
	b := &Backend{listener: l, tally: tally, known: byName(), seen: seen, conns: map[net.Conn]bool{}}
	b.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				if errors.Is(err, net.ErrClosed) {
					return
				}
				time.Sleep(10 * time.Millisecond) // out of files: others will end
				continue
			}
			b.rest(conn, true)
			b.wg.Go(func() { b.serve(conn) })
		}
	})
	return b, nil
}

// Port is where it listens.
func (b *Backend) Port() int { return b.listener.Addr().(*net.TCPAddr).Port }

// rest notes whether a connection waits for a request.
func (b *Backend) rest(c net.Conn, idle bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.conns[c] = idle
}

// CloseIdle closes the connections that wait for a request.
func (b *Backend) CloseIdle() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c, idle := range b.conns {
		if idle {
			c.Close()
		}
	}
}

// Close ends everything and waits for it.
func (b *Backend) Close() {
	b.listener.Close()
	b.mu.Lock()
	for c := range b.conns {
		c.Close()
	}
	b.mu.Unlock()
	b.wg.Wait()
}

// serve answers the requests of one connection.
func (b *Backend) serve(conn net.Conn) {
	defer func() {
		b.mu.Lock()
		delete(b.conns, conn)
		b.mu.Unlock()
		conn.Close()
	}()
	random := rand.New(rand.NewPCG(rand.Uint64(), 1))
	r := bufio.NewReaderSize(conn, 16<<10)
	for {
		// The first byte apart, so that an idle connection that ends is told
		// from a head that was cut.
		if _, err := r.Peek(1); err != nil {
			return
		}
		b.rest(conn, false)
		err := wholeHead(r, "GET /", "HEAD /", "POST /")
		var req *http.Request
		if err == nil {
			req, err = http.ReadRequest(r)
		}
		if err != nil {
			b.unreadable(err)
			return
		}
		b.tally.Requests.Add(1)
		p, err := parsePath(req.URL.Path, b.known)
		if err != nil {
			b.tally.Garbled.Add(1)
			b.tally.note("a backend got a request of nobody's: %s %q", req.Method, req.URL.Path)
			return
		}
		if got := req.Header.Get("X-Token"); got != p.Token {
			b.tally.Garbled.Add(1)
			b.tally.note("a backend got the path of %s with the fields of %s", p.Token, got)
			return
		}
		if req.Method == http.MethodPost && !b.seen.first(p.Token) {
			b.tally.Twice.Add(1)
			b.tally.note("the POST of %s (%s, %s) arrived a second time", p.Token, p.Where, p.What.Name)
		}
		x := exchange{b: b, conn: conn, r: r, req: req, plan: p, random: random}
		if !x.run() {
			return
		}
		b.rest(conn, true)
	}
}

// unreadable sorts a head that cannot be read: cut off by a proxy that gave
// up is tolerable, malformed is not.
func (b *Backend) unreadable(err error) {
	var net net.Error
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &net) {
		b.tally.Torn.Add(1)
		return
	}
	b.tally.Garbled.Add(1)
	b.tally.note("a backend got a malformed head: %v", err)
}

// exchange is one request of a backend's connection.
type exchange struct {
	b      *Backend
	conn   net.Conn
	r      *bufio.Reader
	req    *http.Request
	plan   plan
	random *rand.Rand
}

// takeUpload reads the request's body and compares it with its token. It
// reports whether all of it arrived.
func (x *exchange) takeUpload() bool {
	if strings.EqualFold(x.req.Header.Get("Expect"), "100-continue") && x.plan.What.Name != "deaf" && !x.send("HTTP/1.1 100 Continue\r\n\r\n") {
		return false
	}
	size := int64(-1)
	if _, err := fmt.Sscan(x.req.Header.Get("X-Upload"), &size); err != nil {
		_, err := io.Copy(io.Discard, x.req.Body)
		return err == nil
	}
	want := newPattern(x.plan.Token, size)
	_, err := io.Copy(want, x.req.Body)
	var wrong mismatch
	if errors.As(err, &wrong) {
		x.b.tally.BadUpload.Add(1)
		x.b.tally.note("a backend got another request's upload: %v", wrong)
		return false
	}
	if err == nil && !want.whole() {
		x.b.tally.BadUpload.Add(1)
		x.b.tally.note("a backend got %d of %d bytes of the upload of %s as if they were all", want.at, size, x.plan.Token)
	}
	return err == nil // an upload cut by a client that left ends in an error
}

// head is the answer's head up to, not including, its framing.
func (x *exchange) head(status int) string {
	return fmt.Sprintf("HTTP/1.1 %d %s\r\nX-Token: %s\r\nContent-Type: text/plain\r\n", status, http.StatusText(status), x.plan.Token)
}

// length is the head of a counted body.
func (x *exchange) length(extra string) string {
	return x.head(200) + fmt.Sprintf("Content-Length: %d\r\n%s\r\n", x.plan.Size, extra)
}

// body is the first n bytes of the answer's body.
func (x *exchange) body(n int64) string {
	var s strings.Builder
	s.Grow(int(n))
	if _, err := io.Copy(&s, newPattern(x.plan.Token, n)); err != nil {
		return ""
	}
	return s.String()
}

// send writes and reports whether it went.
func (x *exchange) send(parts ...string) bool {
	for _, p := range parts {
		if _, err := io.WriteString(x.conn, p); err != nil {
			return false
		}
	}
	return true
}

// reset makes the connection's end a RST.
func (x *exchange) reset() bool {
	if tcp, ok := x.conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	return false
}

// chunks writes the body in chunks of varied size and ends it with last.
func (x *exchange) chunks(last string) bool {
	if !x.send(x.head(200), "Transfer-Encoding: chunked\r\n", announce(last), "\r\n") {
		return false
	}
	body := x.body(x.plan.Size)
	for len(body) > 0 {
		n := min(len(body), 1+x.random.IntN(16<<10))
		if !x.send(fmt.Sprintf("%x\r\n%s\r\n", n, body[:n])) {
			return false
		}
		body = body[n:]
	}
	return x.send(last)
}

// announce names the trailer field that the end of the body will carry.
func announce(last string) string {
	if strings.Contains(last, "X-End") {
		return "Trailer: X-End\r\n"
	}
	return ""
}

// half is a part of the body, less than all.
func (x *exchange) half() string { return x.body(x.plan.Size / 2) }

// run does what the plan says, and reports whether the connection goes on.
func (x *exchange) run() bool {
	name := x.plan.What.Name
	switch name {
	case "early":
		// The answer first, then the body is taken as it comes.
		return x.send(x.length(""), x.body(x.plan.Size)) && x.takeUpload()
	case "earlyclose":
		x.send(x.length("Connection: close\r\n"), x.body(x.plan.Size))
		return false // with the upload unread: the kernel sends a RST
	}
	if !x.takeUpload() {
		return false
	}
	if x.req.Method == http.MethodHead {
		return x.send(x.length(""))
	}
	size := x.plan.Size
	switch name {
	case "length", "upload", "deaf":
		return x.send(x.length("") + x.body(size))
	case "chunked":
		return x.chunks("0\r\n\r\n")
	case "trailer":
		return x.chunks("0\r\nX-End: " + x.plan.Token + "\r\n\r\n")
	case "hints":
		return x.send("HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n") && x.chunks("0\r\n\r\n")
	case "dribble":
		return x.dribble()
	case "empty":
		return x.send(x.head(204), "\r\n")
	case "notmod":
		return x.send(x.head(304), fmt.Sprintf("ETag: \"%s\"\r\nContent-Length: %d\r\n\r\n", x.plan.Token, size))
	case "announced":
		x.send(x.length("Connection: close\r\n") + x.body(size))
		return false
	case "closing":
		x.send(x.length("") + x.body(size))
		return false
	case "closelater":
		// The next request may be on its way: the race every proxy that
		// keeps connections has to settle.
		if x.send(x.length("") + x.body(size)) {
			time.Sleep(time.Duration(x.random.IntN(30)) * time.Millisecond)
		}
		return false
	case "surplus":
		return x.send(x.length("") + x.body(size) + "surplus of " + x.plan.Token)
	case "poison":
		return x.send(x.length("") + x.body(size) + "HTTP/1.1 200 OK\r\nX-Token: poison\r\nContent-Length: 7\r\n\r\npoison\n")
	case "latepoison":
		return x.send(x.length("")+x.body(size)) && x.poisonLate()
	case "reset":
		return x.reset()
	case "finish":
		return false
	case "resethead":
		x.send("HTTP/1.1 200 OK\r\nX-Tok")
		return x.reset()
	case "finishhead":
		x.send("HTTP/1.1 200 OK\r\nX-Tok")
		return false
	case "resetbody":
		x.send(x.length("") + x.half())
		return x.reset()
	case "finishbody":
		x.send(x.length("") + x.half())
		return false
	case "resetchunk", "finishchunk", "badchunk":
		half := x.half()
		// Never an empty half: its chunk would be the body's end.
		x.send(x.head(200), "Transfer-Encoding: chunked\r\n\r\n", fmt.Sprintf("%x\r\n%s\r\n", len(half), half))
		switch name {
		case "resetchunk":
			return x.reset()
		case "badchunk":
			x.send("zz\r\nnot a chunk\r\n0\r\n\r\n")
		}
		return false
	case "nothttp":
		x.send("SSH-2.0-" + x.plan.Token + "\r\n")
		return false
	case "hugehead":
		line := "X-Filler: " + strings.Repeat("f", 4000) + "\r\n"
		for sent := x.send(x.head(200)); sent && x.random.IntN(200) > 0; {
			sent = x.send(line)
		}
		return false
	case "stall":
		return x.stall()
	case "stallbody":
		return x.send(x.length("")+x.half()) && x.stall()
	}
	return false
}

// dribble sends the body in five pieces with pauses.
func (x *exchange) dribble() bool {
	body := x.body(x.plan.Size)
	if !x.send(x.length("")) {
		return false
	}
	for piece := len(body)/5 + 1; len(body) > 0; {
		n := min(piece, len(body))
		if !x.send(body[:n]) {
			return false
		}
		body = body[n:]
		time.Sleep(time.Duration(1+x.random.IntN(20)) * time.Millisecond)
	}
	return true
}

// poisonLate sends an answer nobody asked for to a connection that has rested
// for a moment, unless the next request is there already. Then it closes.
func (x *exchange) poisonLate() bool {
	if err := x.conn.SetReadDeadline(time.Now().Add(time.Duration(200+x.random.IntN(2000)) * time.Microsecond)); err != nil {
		return false
	}
	if _, err := x.r.Peek(1); !errors.Is(err, os.ErrDeadlineExceeded) {
		return err == nil && x.conn.SetReadDeadline(time.Time{}) == nil
	}
	x.send("HTTP/1.1 200 OK\r\nX-Token: " + lateToken + "\r\nContent-Length: 5\r\n\r\nlate\n")
	return false
}

// stall answers nothing until the proxy gives up or stallTime has passed. A
// proxy that gives up long before its own limit has noticed that the client
// is gone.
func (x *exchange) stall() bool {
	x.b.tally.Stalls.Add(1)
	began := time.Now()
	if err := x.conn.SetReadDeadline(began.Add(stallTime)); err != nil {
		return false
	}
	var one [1]byte
	_, err := x.conn.Read(one[:])
	if err != nil && time.Since(began) < proxyTimeout*3/4 {
		x.b.tally.Noticed.Add(1)
	}
	return false
}
