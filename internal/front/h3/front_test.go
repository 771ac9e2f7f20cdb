//go:build linux

package h3

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"sallyport/internal/exchange"
	"sallyport/internal/message"
)

func with(base []string, more ...string) []string {
	return append(append([]string(nil), base...), more...)
}

// TestRequests: what comes of single requests, sound and not.
func TestRequests(t *testing.T) {
	data := func(s string) []byte { return frame(nil, frameData, []byte(s)) }
	h := newHouse(t)
	h.open()
	for name, c := range map[string]struct {
		parts [][]byte
		want  string
	}{
		"get":                 {[][]byte{headers(get...)}, "200 GET /"},
		"head":                {[][]byte{headers(with([]string{":method: HEAD"}, get[1:]...)...)}, "200"},
		"content":             {[][]byte{headers(post...), data("ab"), data("c")}, "200 POST / abc"},
		"content of a get":    {[][]byte{headers(get...), data("abc")}, "200 GET / abc"},
		"as announced":        {[][]byte{headers(with(post, "content-length: 3")...), data("abc")}, "200 POST / abc"},
		"more than announced": {[][]byte{headers(with(post, "content-length: 2")...), data("abc")}, "0x10e"},
		"less than announced": {[][]byte{headers(with(post, "content-length: 4")...), data("abc")}, "0x10e"},
		"nothing of it":       {[][]byte{headers(with(post, "content-length: 4")...)}, "0x10e"},
		"unknown frame":       {[][]byte{frame(nil, 0x21, []byte("grease")), headers(get...)}, "200 GET /"},
		"upper case":          {[][]byte{headers(with(get, "X-Y: z")...)}, "0x10e"},
		"line break":          {[][]byte{headers(with(get, "x: a\r\nb: c")...)}, "0x10e"},
		"connection":          {[][]byte{headers(with(get, "connection: close")...)}, "0x10e"},
		"te":                  {[][]byte{headers(with(get, "te: gzip")...)}, "0x10e"},
		"bad authority":       {[][]byte{headers(":method: GET", ":scheme: https", ":path: /", ":authority: a b")}, "400"},
		"bad path":            {[][]byte{headers(":method: GET", ":scheme: https", ":path: /a b", ":authority: a")}, "400"},
		"no path":             {[][]byte{headers(":method: GET", ":scheme: https", ":authority: a")}, "0x10e"},
		"long field":          {[][]byte{headers(with(get, "x: "+strings.Repeat("a", 9000))...)}, "431"},
		"long section":        {[][]byte{headers(with(get, "x: "+strings.Repeat("a", 300000))...)}, "431"},
		"websocket":           {[][]byte{headers(":method: CONNECT", ":protocol: websocket", ":scheme: https", ":path: /", ":authority: a")}, "0x10e"},
		"trailer":             {[][]byte{headers(post...), data("a"), headers("x-sum: 1")}, "200 POST / a"},
		"bad trailer":         {[][]byte{headers(post...), data("a"), headers(":path: /")}, "0x10e"},
	} {
		cl := h.connect()
		if got := result(cl.send(true, c.parts...)); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
		if got := result(cl.send(true, headers(get...))); got != "200 GET /" {
			t.Errorf("%s: then %q", name, got)
		}
		cl.qc.CloseWithError(0, "")
	}
}

// TestEndWithLastBytes: the end of the stream may come in one read with the last
// content.
func TestEndWithLastBytes(t *testing.T) {
	h := newHouse(t)
	arrived := make(chan struct{})
	h.serve = func(x *exchange.Exchange) {
		if x.RawPath == "/arrived" {
			answer(x, 200, "")
			close(arrived)
			return
		}
		<-arrived
		n, b := 0, make([]byte, 64<<10)
		for {
			m, err := x.Request.Body.Read(b)
			if n += m; err == io.EOF {
				break
			}
			if err != nil {
				x.Aborted = true
				return
			}
		}
		answer(x, 200, strconv.Itoa(n))
	}
	h.open()
	c := h.connect()
	s := c.send(true, headers(post...), frame(nil, frameData, make([]byte, 30000)))
	if got := result(c.send(true, headers(":method: GET", ":scheme: https", ":path: /arrived", ":authority: a.test"))); got != "200" {
		t.Fatal(got)
	}
	if got := result(s); got != "200 30000" {
		t.Error(got)
	}
}

// TestBroken: a response that breaks off is reset, never ended, with what is
// known of the reason.
func TestBroken(t *testing.T) {
	h := newHouse(t)
	h.serve = func(x *exchange.Exchange) {
		x.Out.Status, x.Out.Body.Length = 200, 10
		x.Begin()
		x.Write([]byte("half"))
		x.Reset = map[string]exchange.Reset{"/cancel": exchange.ResetCancelled, "/calm": exchange.ResetCalm}[x.RawPath]
	}
	h.open()
	c := h.connect()
	for path, want := range map[string]string{"/": "0x102", "/cancel": "0x10c", "/calm": "0x107"} {
		if got := result(c.send(true, headers(":method: GET", ":scheme: https", ":authority: a.test", ":path: "+path))); !strings.HasSuffix(got, want) { // what came before may be lost with it
			t.Errorf("%s: %q", path, got)
		}
	}
}

// TestConnectionErrors: what ends the connection.
func TestConnectionErrors(t *testing.T) {
	h := newHouse(t)
	h.open()
	uni := func(c *client, b ...byte) *quic.SendStream {
		s, err := c.qc.OpenUniStream()
		if err != nil {
			t.Fatal(err)
		}
		s.Write(b)
		return s
	}
	for name, c := range map[string]struct {
		do   func(c *client)
		want string
	}{
		"content before a header": {func(c *client) { c.send(true, frame(nil, frameData, []byte("x"))) }, "0x105"},
		"settings in a request":   {func(c *client) { c.send(true, frame(nil, frameSettings, nil)) }, "0x105"},
		"a frame of HTTP/2":       {func(c *client) { c.send(true, headers(post...), frame(nil, 0x6, nil)) }, "0x105"},
		"frame cut short":         {func(c *client) { c.send(true, headers(get...)[:5]) }, "0x106"},
		"no header block":         {func(c *client) { c.send(true, frame(nil, frameHeaders, []byte{0xff, 0xff, 0xff})) }, "0x200"},
		"a table of our own":      {func(c *client) { c.send(true, frame(nil, frameHeaders, []byte{0x02, 0x00, 0x80})) }, "0x200"},
		"second control stream":   {func(c *client) { uni(c, streamControl) }, "0x103"},
		"push":                    {func(c *client) { uni(c, streamPush) }, "0x103"},
		"control stream closed":   {func(c *client) { c.control.Close() }, "0x104"},
		"settings twice":          {func(c *client) { c.control.Write(frame(nil, frameSettings, nil)) }, "0x105"},
		"content on control":      {func(c *client) { c.control.Write(frame(nil, frameData, nil)) }, "0x105"},
		"many unknown frames":     {func(c *client) { c.send(false, bytes.Repeat(frame(nil, 0x21, nil), 1000)) }, "0x107"},
		"many frames on control":  {func(c *client) { c.control.Write(bytes.Repeat(frame(nil, frameMaxPushID, []byte{1}), 5000)) }, "0x107"},
	} {
		cl := h.connect()
		c.do(cl)
		if got := cl.end(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	cl, err := h.dial(nil)
	if err != nil {
		t.Fatal(err)
	}
	uni(cl, frame([]byte{streamControl}, frameGoAway, []byte{0})...)
	if got := cl.end(); got != "0x10a" {
		t.Errorf("no settings: %s", got)
	}
	h.works()
}

// TestRapidReset: requests taken back at once bound what is under way, and end
// the connection.
func TestRapidReset(t *testing.T) {
	h := newHouse(t)
	h.open()
	c := h.connect()
	for range 5000 {
		s := c.send(false, headers(post...))
		if s == nil {
			break
		}
		s.CancelWrite(quic.StreamErrorCode(errCancelled))
		s.CancelRead(quic.StreamErrorCode(errCancelled))
	}
	if got := c.end(); got != "0x107" {
		t.Error(got)
	}
	if m := h.most.Load(); m > 100 {
		t.Errorf("%d exchanges at a time", m)
	}
	h.works()
}

// TestStalled: streams that take nothing, and streams whose content nobody
// reads, hold little memory and give up.
func TestStalled(t *testing.T) {
	h := newHouse(t)
	h.h2.StreamTimeout = 500 * time.Millisecond
	big := make([]byte, 1<<20)
	hold := make(chan struct{})
	h.serve = func(x *exchange.Exchange) {
		switch x.Request.Target {
		case "/big":
			x.Out.Status, x.Out.Body.Length = 200, int64(len(big))
			if x.Begin() == nil {
				x.Write(big)
			}
		case "/hold":
			<-hold
			x.Aborted = true
		default:
			echo(x)
		}
	}
	h.open()
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse
	}
	c, err := h.dial(&quic.Config{InitialStreamReceiveWindow: 100, MaxStreamReceiveWindow: 100})
	if err != nil {
		t.Fatal(err)
	}
	before := heap()
	var stuck []*quic.Stream
	for i := range 100 {
		path := ":path: /big"
		if i%2 == 1 {
			path = ":path: /hold"
		}
		s := c.send(false, headers(":method: POST", ":scheme: https", path, ":authority: a.test"))
		s.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
		if i%2 == 1 {
			s.Write(frame(nil, frameData, make([]byte, 100000)))
		}
		stuck = append(stuck, s)
	}
	h.works()
	if now := heap(); now > before+16<<20 {
		t.Errorf("%d bytes more in use", now-before)
	}
	if got := result(stuck[0]); !strings.HasSuffix(got, "0x102") {
		t.Errorf("stuck stream: %.80q", got)
	}
	close(hold)
	eventually(t, "all have given up", func() bool { return h.busy.Load() == 0 })
}

// TestClientLeaves: an exchange that waits is told at once.
func TestClientLeaves(t *testing.T) {
	for name, leave := range map[string]func(c *client, s *quic.Stream){
		"reset": func(c *client, s *quic.Stream) { s.CancelRead(quic.StreamErrorCode(errCancelled)) },
		"close": func(c *client, s *quic.Stream) { c.qc.CloseWithError(0, "") },
	} {
		for what, wait := range map[string]func(x *exchange.Exchange) error{
			"waiting": func(x *exchange.Exchange) error {
				w := make(wakes, 1)
				if x.Down.Waiting(w) {
					<-w
				}
				if x.Down.Waiting(nil) {
					return nil
				}
				return errGone
			},
			"reading": func(x *exchange.Exchange) error {
				_, err := io.ReadAll(x.Request.Body)
				return err
			},
			"writing": func(x *exchange.Exchange) error {
				x.Out.Status, x.Out.Body.Length = 200, -1
				err := x.Begin()
				for err == nil {
					_, err = x.Write(make([]byte, 10000))
				}
				return err
			},
		} {
			t.Run(what+"/"+name, func(t *testing.T) {
				h := newHouse(t)
				ended, began := make(chan error, 1), make(chan struct{})
				h.serve = func(x *exchange.Exchange) {
					close(began)
					ended <- wait(x)
					x.Aborted = true
				}
				h.open()
				c := h.connect()
				s := c.send(false, headers(post...))
				<-began
				leave(c, s)
				select {
				case err := <-ended:
					if err == nil {
						t.Error("not told")
					}
				case <-time.After(patience):
					t.Fatal("not told in time")
				}
			})
		}
	}
}

type wakes chan struct{}

func (w wakes) Wake() {
	select {
	case w <- struct{}{}:
	default:
	}
}

// TestDrain: the client is told, what is under way finishes, then all ends.
func TestDrain(t *testing.T) {
	h := newHouse(t)
	hold := make(chan struct{})
	h.serve = func(x *exchange.Exchange) { <-hold; echo(x) }
	h.open()
	c := h.connect()
	s := c.send(true, headers(get...))
	eventually(t, "the request is there", func() bool { return h.busy.Load() == 1 })
	h.front.Drain()
	late := c.send(true, headers(get...)) // was on its way
	eventually(t, "it is there too", func() bool { return h.busy.Load() == 2 })
	close(hold)
	if a, b := result(s), result(late); a != "200 GET /" || b != a {
		t.Error(a, b)
	}
	eventually(t, "the connection ends", func() bool {
		h.front.Drain()
		return c.qc.Context().Err() != nil
	})
	if got := c.end(); got != "0x100" {
		t.Error(got)
	}
}

func TestIdle(t *testing.T) {
	h := newHouse(t)
	h.set.KeepAliveTimeout = 100 * time.Millisecond
	h.open()
	c := h.connect()
	if got := result(c.send(true, headers(get...))); got != "200 GET /" {
		t.Error(got)
	}
	if got := c.end(); got != "0x100" {
		t.Error(got)
	}
}

func TestNoRoom(t *testing.T) {
	h := newHouse(t)
	h.full.Store(true)
	h.open()
	if c, err := h.dial(nil); err == nil {
		// In a handshake the code itself may not be told (RFC 9000 §10.2.3).
		if got := c.end(); got != "0x107" && !strings.HasPrefix(got, "APPLICATION_ERROR") {
			t.Error(got)
		}
	}
	h.full.Store(false)
	h.works()
}

// TestRetry: under load a client must show that it is where it says; a
// datagram with a wrong address makes us send no more than it brought.
func TestRetry(t *testing.T) {
	h := newHouse(t)
	h.open()
	h.ln.second.Store(int64(h.front.Watch.Now() / time.Second))
	h.ln.starts.Store(calmStarts + 1)
	h.works() // by way of a Retry, or a second later
	var quiet, loud int
	now := int64(h.front.Watch.Now() / time.Second)
	for range 2 * calmStarts {
		if h.ln.suspicious(nil) {
			loud++
		} else {
			quiet++
		}
	}
	if int64(h.front.Watch.Now()/time.Second) == now && quiet > calmStarts {
		t.Errorf("%d begin without proof", quiet)
	}
	if loud == 0 {
		t.Error("nobody is asked for proof")
	}
}

// deaf is a socket that hears nothing until it is told to: so a handshake stays
// where it is.
type deaf struct {
	net.PacketConn
	hear chan struct{}
}

func (d deaf) ReadFrom(p []byte) (int, net.Addr, error) {
	<-d.hear
	return d.PacketConn.ReadFrom(p)
}

// TestEarlyData: off unless asked for; then only what may be repeated is
// served before the handshake is over.
func TestEarlyData(t *testing.T) {
	for _, on := range []bool{false, true} {
		t.Run(fmt.Sprint(on), func(t *testing.T) {
			h := newHouse(t)
			h.h2.EarlyData = on
			h.open()
			conf := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h3"}, ServerName: "a.test", ClientSessionCache: tls.NewLRUClientSessionCache(4)}
			dial := func(hear chan struct{}) *client {
				pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				tr := &quic.Transport{Conn: deaf{pc, hear}}
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				defer cancel()
				qc, err := tr.DialEarly(ctx, net.UDPAddrFromAddrPort(h.ln.local), conf, nil)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { qc.CloseWithError(0, ""); tr.Close(); pc.Close() })
				return &client{t: t, qc: qc}
			}
			hear := make(chan struct{})
			close(hear)
			c := dial(hear)
			if got := result(c.send(true, headers(get...))); got != "200 GET /" {
				t.Error(got)
			}
			c.qc.CloseWithError(0, "")
			if !on {
				if c = dial(hear); c != nil {
					<-c.qc.HandshakeComplete()
					if c.qc.ConnectionState().Used0RTT {
						t.Error("0-RTT, and nobody asked for it")
					}
				}
				return
			}
			hear = make(chan struct{})
			c = dial(hear)
			a, b := c.send(true, headers(get...)), c.send(true, headers(post...))
			eventually(t, "the early requests are served", func() bool { return h.served.Load() == 2 && h.refused.Load() == 1 })
			close(hear)
			if got := result(a); got != "200 GET /" {
				t.Errorf("early GET: %q", got)
			}
			if got := result(b); got != "425" {
				t.Errorf("early POST: %q", got)
			}
			if got := result(c.send(true, headers(post...))); got != "200 POST /" {
				t.Errorf("POST: %q", got)
			}
		})
	}
}

// TestTunnel: an extended CONNECT is bytes both ways (RFC 9220).
func TestTunnel(t *testing.T) {
	h := newHouse(t)
	h.h2.WebSockets = true
	h.serve = func(x *exchange.Exchange) {
		x.Out.Status = 101
		x.Out.Header.AddKnown(message.Upgrade, "websocket")
		x.Begin()
		rw, err := x.Down.Upgrade()
		if err != nil {
			t.Error(err)
			return
		}
		b := make([]byte, 100)
		for {
			n, err := rw.Read(b)
			if n > 0 {
				rw.Write(bytes.ToUpper(b[:n]))
			}
			if err != nil {
				break
			}
		}
		rw.Close()
	}
	h.open()
	c := h.connect()
	s := c.send(false, headers(":method: CONNECT", ":protocol: websocket", ":scheme: https", ":path: /chat", ":authority: a.test"))
	s.Write(frame(nil, frameData, []byte("abc")))
	s.Write(frame(nil, frameData, []byte("d")))
	s.Close()
	if got := strings.ReplaceAll(result(s), " ", ""); got != "200ABCD" {
		t.Error(got)
	}
}

// TestManyStreams: streams leave nothing behind.
func TestManyStreams(t *testing.T) {
	n := 10000
	if testing.Short() {
		n = 2000
	}
	h := newHouse(t)
	h.open()
	c := h.connect()
	var m runtime.MemStats
	var before uint64
	for i := range n {
		if got := result(c.send(true, headers(get...))); got != "200 GET /" {
			t.Fatal(i, got)
		}
		if i == 1000 {
			runtime.GC()
			runtime.ReadMemStats(&m)
			before = m.HeapInuse
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&m)
	if m.HeapInuse > before+4<<20 {
		t.Errorf("%d bytes more in use after %d streams", m.HeapInuse-before, n)
	}
}
