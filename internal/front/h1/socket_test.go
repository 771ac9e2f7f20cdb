//go:build linux

package h1

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/watch"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// door is a front behind a real listener.
type door struct {
	*Front
	t      *testing.T
	addr   string
	listen net.Listener
	before int // goroutines
}

// open starts a front; shut must find nothing left of it.
func open(t *testing.T, h exchange.House) *door {
	t.Helper()
	d := &door{t: t, before: runtime.NumGoroutine()}
	w, err := watch.New()
	if err != nil {
		t.Fatal(err)
	}
	d.Front = &Front{House: h, Watch: w}
	if d.listen, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	d.addr = d.listen.Addr().String()
	go func() {
		for {
			nc, err := d.listen.Accept()
			if err != nil {
				return
			}
			d.Serve(nc, netip.AddrPort{})
		}
	}()
	t.Cleanup(d.shut)
	return d
}

// shut closes everything and waits until no goroutine is left of it.
func (d *door) shut() {
	d.listen.Close()
	d.Close()
	until(d.t, "no connection runs", func() bool { return d.Running() == 0 })
	d.Watch.Close()
	until(d.t, "all goroutines are gone", func() bool { return runtime.NumGoroutine() <= d.before })
}

func (d *door) dial() net.Conn {
	d.t.Helper()
	nc, err := net.Dial("tcp", d.addr)
	if err != nil {
		d.t.Fatal(err)
	}
	nc.SetDeadline(time.Now().Add(patience))
	d.t.Cleanup(func() { nc.Close() })
	return nc
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			buf := make([]byte, 1<<20)
			t.Fatalf("waited in vain: %s\n%s", what, buf[:runtime.Stack(buf, true)])
		}
	}
}

// crowdHouse is a house for many connections at once: it keeps no notes.
type crowdHouse struct {
	*house
	mu   sync.Mutex
	left atomic.Int64 // Bye
}

func (h *crowdHouse) Admit(*exchange.Client) exchange.Visit { return h }
func (h *crowdHouse) Bye()                                  { h.left.Add(1) }
func (h *crowdHouse) Refuse(x *exchange.Exchange, status int, why string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.house.Refuse(x, status, why)
}

func newCrowd(serve func(x *exchange.Exchange)) *crowdHouse {
	h := &crowdHouse{house: newHouse()}
	h.serve = serve
	return h
}

// slow is a backend that takes its time: what an exchange waits for.
type slow struct {
	woken chan struct{} // by the front: the client is gone
	ready chan struct{} // by the test: the answer is there
	began chan struct{} // by the exchange
	once  sync.Once
}

func newSlow() *slow {
	return &slow{woken: make(chan struct{}), ready: make(chan struct{}), began: make(chan struct{}, 10)}
}

func (s *slow) Wake() { s.once.Do(func() { close(s.woken) }) }

func (s *slow) serve(x *exchange.Exchange) {
	if !x.Down.Waiting(s) {
		s.Wake()
		x.Aborted = true
		return
	}
	s.began <- struct{}{}
	select {
	case <-s.ready:
	case <-s.woken:
	}
	if !x.Down.Waiting(nil) {
		x.Aborted = true
		return
	}
	answer(x, 200, "late")
}

func await(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatal("waited in vain: " + what)
	}
}

// TestHangup: a client that leaves while its exchange waits is noticed, however
// it leaves and whenever.
func TestHangup(t *testing.T) {
	for _, how := range []string{"close", "reset"} {
		for _, when := range []string{"at once", "when it is watched", "after an earlier exchange that was slow"} {
			t.Run(how+" "+when, func(t *testing.T) {
				s := newSlow()
				first := newSlow()
				n := 0
				d := open(t, newCrowd(func(x *exchange.Exchange) {
					if n++; n == 1 && strings.HasPrefix(when, "after") {
						first.serve(x)
						return
					}
					s.serve(x)
				}))
				nc := d.dial()
				if strings.HasPrefix(when, "after") {
					io.WriteString(nc, get)
					await(t, "the first request", first.began)
					until(t, "the watch", d.watched)
					close(first.ready)
					if res, err := http.ReadResponse(bufio.NewReader(nc), nil); err != nil || res.StatusCode != 200 {
						t.Fatal(res, err)
					}
				}
				io.WriteString(nc, get)
				await(t, "the request", s.began)
				if when == "when it is watched" {
					until(t, "the watch", d.watched)
				}
				if how == "reset" {
					nc.(*net.TCPConn).SetLinger(0)
				}
				nc.Close()
				await(t, "being woken", s.woken)
			})
		}
	}
}

// watched reports whether some connection's hang-up is watched for.
func (d *door) watched() bool {
	on := false
	d.Watch.Each(func(x watch.Deadliner) {
		if c, ok := x.(*conn); ok {
			on = on || c.hang.on.Load() && c.hang.state.Load() == waiting
		}
	})
	return on
}

// TestHalfClose: a client that has ended its side still gets its answer, and is
// asked with one interim response whether it is there.
func TestHalfClose(t *testing.T) {
	s := newSlow()
	d := open(t, newCrowd(s.serve))
	nc := d.dial()
	io.WriteString(nc, get)
	nc.(*net.TCPConn).CloseWrite()
	await(t, "the request", s.began)
	r := bufio.NewReader(nc)
	if line, err := r.ReadString('\n'); line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("%q %v", line, err)
	}
	close(s.ready)
	rest, err := io.ReadAll(r)
	if got := plainly(string(rest)); err != nil || got != "|HTTP/1.1 200 OK|Content-Length: 4||late" {
		t.Errorf("%s %v", got, err)
	}
	select {
	case <-s.woken:
		t.Error("the exchange was cut off")
	default:
	}
}

// TestPark: an idle connection gives up its goroutine and is served all the
// same when it goes on, also after it was watched for a hang-up.
func TestPark(t *testing.T) {
	var s atomic.Pointer[slow]
	d := open(t, newCrowd(func(x *exchange.Exchange) {
		if s := s.Load(); s != nil {
			s.serve(x)
			return
		}
		answer(x, 200, "quick")
	}))
	nc := d.dial()
	r := bufio.NewReader(nc)
	for round := range 3 {
		first := newSlow()
		if round == 1 {
			s.Store(first)
		} else {
			s.Store(nil)
		}
		io.WriteString(nc, get)
		if round == 1 {
			await(t, "the request", first.began)
			until(t, "the watch", d.watched)
			close(first.ready)
		}
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, res.Body)
		until(t, "the connection is parked", func() bool { return d.Running() == 0 })
	}
}

// TestParkCrowd lets bytes come while connections are on their way into the
// watcher, again and again: no request may lie there unanswered.
func TestParkCrowd(t *testing.T) {
	d := open(t, newCrowd(func(x *exchange.Exchange) { answer(x, 200, "") }))
	d.running.Add(crowd) // park at the first tick
	defer d.running.Add(-crowd)
	var wg sync.WaitGroup
	for i := range 20 {
		nc := d.dial()
		wg.Go(func() {
			r := bufio.NewReader(nc)
			for n := range 12 {
				// Around the time at which it is parked.
				time.Sleep(2*watch.Tick + time.Duration((i*7+n*3)%20-10)*watch.Tick/20)
				io.WriteString(nc, get)
				res, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Errorf("connection %d, request %d: %v", i, n, err)
					return
				}
				io.Copy(io.Discard, res.Body)
			}
		})
	}
	wg.Wait()
}

// TestDrain: connections that wait are closed, in whatever state; one with an
// exchange under way gets its answer.
func TestDrain(t *testing.T) {
	s := newSlow()
	h := newCrowd(func(x *exchange.Exchange) {
		if x.Request.Target == "/slow" {
			s.serve(x)
		} else {
			answer(x, 200, "")
		}
	})
	var leaving atomic.Bool
	h.leave = func() bool { return !leaving.Load() }
	d := open(t, h)
	fresh, used, parked, busy := d.dial(), d.dial(), d.dial(), d.dial()
	for _, nc := range []net.Conn{parked, used} {
		io.WriteString(nc, get)
		if _, err := http.ReadResponse(bufio.NewReader(nc), nil); err != nil {
			t.Fatal(err)
		}
		if nc == parked {
			until(t, "both are parked", func() bool { return d.Running() == 0 })
		}
	}
	io.WriteString(busy, "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
	await(t, "the request", s.began)
	leaving.Store(true)
	d.Drain()
	for i, nc := range []net.Conn{fresh, used, parked} {
		if n, err := nc.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("connection %d: %d, %v", i, n, err)
		}
	}
	close(s.ready)
	b, err := io.ReadAll(busy)
	if got := plainly(string(b)); err != nil || got != "HTTP/1.1 200 OK|Content-Length: 4||late" {
		t.Errorf("%s %v", got, err)
	}
	busy.Close()
	until(t, "all have left", func() bool { return h.left.Load() == 4 })
}

// TestDismissedInTheLastMoment: a request that has arrived when its connection
// is dismissed is served.
func TestDismissedInTheLastMoment(t *testing.T) {
	h := newCrowd(func(x *exchange.Exchange) { answer(x, 200, "") })
	h.leave = func() bool { return false }
	d := open(t, h)
	for i := range 200 {
		nc := d.dial()
		io.WriteString(nc, get)
		if i%2 == 0 {
			runtime.Gosched()
		}
		d.Drain()
		if res, err := http.ReadResponse(bufio.NewReader(nc), nil); err != nil || res.StatusCode != 200 {
			t.Fatalf("%d: %v %v", i, res, err)
		}
	}
}

// TestCloseWakes: Close ends exchanges that wait, and returns without waiting
// for those that do not listen.
func TestCloseWakes(t *testing.T) {
	s := newSlow()
	stuck := make(chan struct{})
	h := newCrowd(func(x *exchange.Exchange) {
		if x.Request.Target == "/stuck" {
			s.began <- struct{}{}
			<-stuck
			return
		}
		s.serve(x)
	})
	d := open(t, h)
	a, b := d.dial(), d.dial()
	io.WriteString(a, get)
	io.WriteString(b, "GET /stuck HTTP/1.1\r\nHost: a\r\n\r\n")
	await(t, "the first", s.began)
	await(t, "the second", s.began)
	d.Close()
	await(t, "being woken", s.woken)
	close(stuck)
}

// TestTimeouts: what is not sent in time is answered with 408; who sends
// nothing at all is not.
func TestTimeouts(t *testing.T) {
	for _, c := range []struct{ name, send, want string }{
		{"head", "GET / HTTP/1.1\r\nHo", "HTTP/1.1 408 Request Timeout"},
		{"small body", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc", "HTTP/1.1 408 Request Timeout"},
		{"large body", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabc", "HTTP/1.1 408 Request Timeout"},
		{"chunks", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nabc", "HTTP/1.1 408 Request Timeout"},
		{"nothing", "", ""},
		{"nothing after a request", get, "HTTP/1.1 200 OK"},
		{"half an empty line", "\r", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newCrowd(func(x *exchange.Exchange) {
				if !x.Request.Body.None() {
					if _, err := io.ReadAll(x.Request.Body); err != nil {
						if e, ok := err.(interface{ Timeout() bool }); !ok || !e.Timeout() {
							t.Error(err)
						}
						answer(x, 408, "")
						return
					}
				}
				answer(x, 200, "")
			})
			h.set.Timeout, h.set.KeepAliveTimeout = 3*watch.Tick, 2*watch.Tick
			w, err := watch.New()
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			f := &Front{House: h, Watch: w}
			client, server := tcpPair(t)
			f.Serve(server, netip.AddrPort{})
			io.WriteString(client, c.send)
			b, _ := io.ReadAll(client)
			client.Close()
			line, _, _ := strings.Cut(string(b), "\r\n")
			if c.name == "half an empty line" {
				line = "" // a 408 or none: both will do
			}
			if line != c.want {
				t.Errorf("got %q, want %q", line, c.want)
			}
			until(t, "the connection has left", func() bool { return h.left.Load() == 1 })
		})
	}
}

func tcpPair(t *testing.T) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	client.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { client.Close() })
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return client, server
}

// TestVanishing: clients that end at every byte of an exchange, softly or hard,
// leave nothing behind.
func TestVanishing(t *testing.T) {
	h := newCrowd(func(x *exchange.Exchange) {
		if !x.Request.Body.None() {
			if _, err := io.Copy(io.Discard, x.Request.Body); err != nil {
				x.Aborted = true
				return
			}
		}
		x.Out.Status, x.Out.Body.Length = 200, -1
		if x.Begin() != nil {
			return
		}
		b := make([]byte, 64<<10)
		for range 4 {
			if _, err := x.Write(b); err != nil {
				return
			}
		}
	})
	d := open(t, h)
	stream := "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" +
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
	n := 0
	for i := 0; i <= len(stream); i++ {
		for _, hard := range []bool{false, true} {
			nc := d.dial()
			io.WriteString(nc, stream[:i])
			if hard {
				nc.(*net.TCPConn).SetLinger(0)
			}
			nc.Close()
			n++
		}
	}
	until(t, fmt.Sprintf("all %d have left", n), func() bool { return h.left.Load() == int64(n) })
}

func (h *crowdHouse) Stream(*exchange.Client) exchange.Visit { return h }
func (h *crowdHouse) Logger() *errorlog.Logger               { return nil }
