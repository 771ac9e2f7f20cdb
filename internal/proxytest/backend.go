package proxytest

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Seen is one request as a backend got it.
type Seen struct {
	Message
	Conn int           // number of the backend connection, from 1
	TLS  *Secured      // nil: clear text
	done chan struct{} // closed when the request was read, or its connection ended
	gone chan struct{} // closed when an answer of gone has seen the exchange given up
}

// backend is one scripted origin server.
type backend struct {
	name, kind string
	address    string // port number, or path of the unix socket: the value of $NAME
	ln         net.Listener
	tls        *tls.Config // nil: clear text
	hold       int         // file descriptor of a refused port, bound and never listening
	released   chan struct{}
	received   atomic.Int64 // bytes, over all connections

	mu      sync.Mutex
	seen    []*Seen
	accepts int
	answers []*answer
	checked checked
	open    map[net.Conn]bool
	faults  []string // what the script could not do
	wg      sync.WaitGroup
}

func (r *run) newBackend(d Declared) (*backend, error) {
	dir := r.root
	b := &backend{name: d.Name, kind: d.Kind, hold: -1, open: map[net.Conn]bool{}, released: make(chan struct{}, 16)}
	first, on := r.s.Checked[d.Name]
	if b.checked.on = on; first != "" {
		b.checked.plan = []string{first}
	}
	var err error
	switch d.Kind {
	case "refused":
		b.hold, b.address, err = holdPort()
		return b, err
	case "unix":
		b.address = filepath.Join(dir, d.Name+".sock")
		if b.ln, err = net.Listen("unix", b.address); err == nil {
			err = os.Chmod(b.address, 0o777) // the server may run as another user
		}
	default:
		if b.ln, err = net.Listen("tcp", "127.0.0.1:0"); err == nil {
			b.address = strconv.Itoa(b.ln.Addr().(*net.TCPAddr).Port)
		}
	}
	if err == nil && (d.Kind == "tls" || d.Kind == "h2") {
		b.tls, err = r.serverTLS(d)
	}
	if err != nil {
		return nil, err
	}
	if d.Kind == "h2" || d.Kind == "h2c" {
		b.wg.Go(b.serveH2)
	} else {
		b.wg.Go(b.accept)
	}
	return b, nil
}

// holdPort binds a port without listening on it: a connection is refused, and
// nobody else gets the port meanwhile.
func holdPort() (fd int, port string, err error) {
	fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, "", err
	}
	if err = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err == nil {
		var name syscall.Sockaddr
		if name, err = syscall.Getsockname(fd); err == nil {
			if in4, ok := name.(*syscall.SockaddrInet4); ok {
				return fd, strconv.Itoa(in4.Port), nil
			}
			err = errors.New("hold port: not an IPv4 address")
		}
	}
	syscall.Close(fd)
	return -1, "", err
}

func (b *backend) stop() {
	if b.hold >= 0 {
		syscall.Close(b.hold)
		return
	}
	b.ln.Close()
	b.hangup()
	b.wg.Wait()
}

// hangup closes every open connection from the backend's side.
func (b *backend) hangup() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.open {
		c.Close()
	}
}

func (b *backend) accept() {
	for {
		c, err := b.ln.Accept()
		if err != nil {
			return
		}
		b.mu.Lock()
		b.accepts++
		n := b.accepts
		b.open[c] = true
		b.mu.Unlock()
		b.wg.Go(func() {
			b.shake(c, n)
			b.mu.Lock()
			delete(b.open, c)
			b.mu.Unlock()
		})
	}
}

// counting counts what a connection delivers.
type counting struct {
	net.Conn
	n *atomic.Int64
}

func (c counting) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// shake does the handshake of a tls backend before it serves.
func (b *backend) shake(c net.Conn, number int) {
	if b.tls == nil {
		b.serve(c, number)
		return
	}
	tc := tls.Server(c, b.tls)
	if tc.Handshake() != nil {
		c.Close() // the script's expectations tell whether it may fail
		return
	}
	b.serve(tc, number)
}

func (b *backend) serve(c net.Conn, number int) {
	defer c.Close()
	received := &b.received
	if b.checked.on {
		received = new(atomic.Int64) // it may be a check
	}
	r := bufio.NewReader(counting{c, received})
	p := &player{b: b, conn: c, r: r}
	if a := b.next("at once"); a != nil {
		if !b.carry(p, a) {
			return
		}
	}
	for first := b.checked.on; ; first = false {
		read := readHead
		if first {
			read = readCheck
		}
		m, err := read(r)
		if first {
			if b.probed(c, r, m, err) {
				return
			}
			b.received.Add(int64(len(m.Head)))
		}
		if err != nil && len(m.Head) == 0 {
			return
		}
		s := &Seen{Message: *m, Conn: number, TLS: securedOf(c), done: make(chan struct{}), gone: make(chan struct{})}
		b.mu.Lock()
		b.seen = append(b.seen, s)
		b.mu.Unlock()
		if err != nil {
			close(s.done)
			return
		}
		p.seen = s
		a := b.next("early")
		if a == nil {
			if v := s.values("Expect"); len(v) > 0 && !b.scripted() {
				io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n")
			}
			if b.finish(s, readRequestBody(r, &s.Message)) != nil {
				return
			}
			a = b.next("")
		}
		if a == nil {
			a = &answer{[]action{{verb: "echo"}}}
		}
		if !b.carry(p, a) {
			return
		}
		if !s.Whole { // answered early and never read: the rest is not a request
			if b.finish(s, readRequestBody(r, &s.Message)) != nil {
				return
			}
		}
		if v := s.values("Connection"); len(v) == 1 && v[0] == "close" {
			return
		}
	}
}

// finish marks the request as read and passes the error on.
func (b *backend) finish(s *Seen, err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-s.done:
	default:
		close(s.done)
	}
	return err
}

// carry plays the answer; false means that the connection is over.
func (b *backend) carry(p *player, a *answer) bool {
	err := p.play(a)
	if p.seen != nil {
		defer b.finish(p.seen, nil)
	}
	switch {
	case err == nil:
		return true
	case errors.Is(err, errReset):
		c := p.conn
		if over, ok := c.(*tls.Conn); ok {
			c = over.NetConn()
			defer c.Close() // no good-bye before it
		}
		if tcp, ok := c.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
	case errors.Is(err, errClose):
	case errors.Is(err, net.ErrClosed), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET):
		// The other side went first; the script's expectations tell whether it may.
	default:
		b.mu.Lock()
		b.faults = append(b.faults, fmt.Sprintf("backend %s: %v", b.name, err))
		b.mu.Unlock()
	}
	return false
}

// next takes the next scripted answer, nil when there is none or it does not
// begin with the wanted word.
func (b *backend) next(begins string) *answer {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.answers) == 0 || begins != "" && !b.answers[0].begins(begins) {
		return nil
	}
	a := b.answers[0]
	b.answers = b.answers[1:]
	return a
}

// scripted reports whether an answer waits.
func (b *backend) scripted() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.answers) > 0
}

// view is what the backend saw since a mark.
type view struct {
	start    int // requests seen before
	seen     []*Seen
	accepts  int
	received int64
	checks   int
}

// mark remembers this moment.
func (b *backend) mark() view {
	b.mu.Lock()
	defer b.mu.Unlock()
	return view{start: len(b.seen), accepts: b.accepts, received: b.received.Load(), checks: len(b.checked.asked)}
}

// since returns what came after the mark. It waits a while for n requests,
// and for those that came to be read to their end.
func (b *backend) since(m view, n int) view { return b.after(m, n, true) }

func (b *backend) after(m view, n int, whole bool) view {
	deadline := time.Now().Add(3 * time.Second)
	for {
		b.mu.Lock()
		v := view{seen: b.seen[m.start:len(b.seen):len(b.seen)], accepts: b.accepts - m.accepts, received: b.received.Load() - m.received}
		b.mu.Unlock()
		if !whole && len(v.seen) >= n {
			return v
		}
		if len(v.seen) >= n || time.Now().After(deadline) {
			for _, s := range v.seen {
				select {
				case <-s.done:
				case <-time.After(time.Until(deadline)):
				}
			}
			return v
		}
		time.Sleep(2 * time.Millisecond)
	}
}
