//go:build linux

package h2

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"sallyport/internal/exchange"
	"sallyport/internal/message"
	wire "sallyport/internal/wire/h2"
)

// TestRequests: what comes of single requests, sound and not.
func TestRequests(t *testing.T) {
	field := func(f ...string) []string { return append(append([]string(nil), get...), f...) }
	for name, c := range map[string]struct {
		do   func(c *client)
		want string
	}{
		"get":                 {func(c *client) { c.headers(1, true, get...) }, "200 GET /"},
		"head has no content": {func(c *client) { c.headers(1, true, append([]string{":method: HEAD"}, get[1:]...)...) }, "200"},
		"upper case":          {func(c *client) { c.headers(1, true, field("X-Y: z")...) }, "PROTOCOL_ERROR"},
		"line break":          {func(c *client) { c.headers(1, true, field("x: a\r\nb: c")...) }, "PROTOCOL_ERROR"},
		"connection":          {func(c *client) { c.headers(1, true, field("connection: close")...) }, "PROTOCOL_ERROR"},
		"te":                  {func(c *client) { c.headers(1, true, field("te: gzip")...) }, "PROTOCOL_ERROR"},
		"bad authority":       {func(c *client) { c.headers(1, true, ":method: GET", ":scheme: http", ":path: /", ":authority: a b") }, "400"},
		"bad path":            {func(c *client) { c.headers(1, true, ":method: GET", ":scheme: http", ":path: /a b", ":authority: a") }, "400"},
		"no host":             {func(c *client) { c.headers(1, true, ":method: GET", ":scheme: http", ":path: /") }, "400"},
		"connect of websocket": {func(c *client) {
			c.headers(1, false, ":method: CONNECT", ":protocol: websocket", ":scheme: http", ":path: /", ":authority: a")
		}, "PROTOCOL_ERROR"},
		"content": {func(c *client) {
			c.headers(1, false, post...)
			c.fr.WriteData(1, false, []byte("ab"))
			c.fr.WriteData(1, true, []byte("c"))
		}, "200 POST / abc"},
		"padded content": {func(c *client) {
			c.headers(1, false, post...)
			c.fr.WriteDataPadded(1, true, []byte("abc"), make([]byte, 200))
		}, "200 POST / abc"},
		"as announced": {func(c *client) {
			c.headers(1, false, append(append([]string(nil), post...), "content-length: 3")...)
			c.fr.WriteData(1, true, []byte("abc"))
		}, "200 POST / abc"},
		"more than announced": {func(c *client) {
			c.headers(1, false, append(append([]string(nil), post...), "content-length: 2")...)
			c.fr.WriteData(1, true, []byte("abc"))
		}, "PROTOCOL_ERROR"},
		"less than announced": {func(c *client) {
			c.headers(1, false, append(append([]string(nil), post...), "content-length: 4")...)
			c.fr.WriteData(1, true, []byte("abc"))
		}, "PROTOCOL_ERROR"},
		"none of what was announced": {func(c *client) {
			c.headers(1, true, append(append([]string(nil), post...), "content-length: 4")...)
		}, "PROTOCOL_ERROR"},
		"pseudo-field in a trailer": {func(c *client) {
			c.headers(1, false, post...)
			c.headers(1, true, ":path: /x")
		}, "PROTOCOL_ERROR"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			cl := h.connect()
			c.do(cl)
			if got := cl.result(1); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			// The connection goes on.
			cl.headers(3, true, get...)
			if got := cl.result(3); got != "200 GET /" {
				t.Errorf("then %q", got)
			}
			if strings.HasSuffix(c.want, "ERROR") && h.served.Load() > 2 {
				t.Error("it was served")
			}
		})
	}
}

func TestTrailersAndInterim(t *testing.T) {
	h := newHouse(t)
	h.h2.EarlyHints = true
	h.serve = func(x *exchange.Exchange) {
		var hint message.Header
		hint.Add("Link", "</a>")
		x.Down.Inform(103, &hint)
		body, _ := io.ReadAll(x.Request.Body)
		tr := x.Request.Body.Trailer()
		x.Out.Status, x.Out.Body.Length = 200, -1
		x.Out.Header.Add("X-Up", "Case")
		x.Out.Header.Add("Connection", "X-Hop")
		x.Begin()
		x.Write(body)
		x.Down.End(tr)
	}
	c := h.connect()
	c.headers(1, false, post...)
	c.fr.WriteData(1, false, []byte("abc"))
	c.headers(1, true, "x-sum: 9")
	if got := c.result(1); got != "103 link=</a>200 x-up=Case abc x-sum=9" {
		t.Error(got)
	}
}

func TestExpect(t *testing.T) {
	h := newHouse(t)
	c := h.connect()
	c.headers(1, false, append(append([]string(nil), post...), "expect: 100-continue")...)
	f := c.until(func(f http2.Frame) bool { _, ok := f.(*http2.MetaHeadersFrame); return ok })
	if f.(*http2.MetaHeadersFrame).Fields[0].Value != "100" {
		t.Error(f)
	}
	c.fr.WriteData(1, true, []byte("abc"))
	if got := c.result(1); got != "200 POST / abc" {
		t.Error(got)
	}
}

// TestEarlyAnswer: an answer that does not want the rest of the request.
func TestEarlyAnswer(t *testing.T) {
	h := newHouse(t)
	h.serve = func(x *exchange.Exchange) {
		if x.Request.Method == "POST" {
			answer(x, 413, "no")
			return
		}
		echo(x)
	}
	c := h.connect()
	c.headers(1, false, post...)
	if got := c.result(1); got != "413 no" {
		t.Error(got)
	}
	if got := c.result(1); got != "NO_ERROR" {
		t.Error(got)
	}
	c.fr.WriteData(1, true, make([]byte, 10000)) // was on its way
	c.headers(3, true, get...)
	if got := c.result(3); got != "200 GET /" {
		t.Error(got)
	}
}

type wakes chan struct{}

func (w wakes) Wake() {
	select {
	case w <- struct{}{}:
	default:
	}
}

// TestClientLeaves: an exchange that waits, reads or writes is told at once.
func TestClientLeaves(t *testing.T) {
	for name, wait := range map[string]func(x *exchange.Exchange) error{
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
		for how, leave := range map[string]func(c *client){
			"reset": func(c *client) { c.fr.WriteRSTStream(1, http2.ErrCodeCancel) },
			"close": func(c *client) { c.nc.Close() },
		} {
			t.Run(name+"/"+how, func(t *testing.T) {
				h := newHouse(t)
				ended := make(chan error, 1)
				began := make(chan struct{})
				h.serve = func(x *exchange.Exchange) {
					if x.Request.Method == "GET" {
						echo(x)
						return
					}
					close(began)
					ended <- wait(x)
					x.Aborted = true
				}
				c := h.connect()
				c.headers(1, false, post...)
				<-began
				leave(c)
				select {
				case err := <-ended:
					if err == nil {
						t.Error("not told")
					}
				case <-time.After(patience):
					t.Fatal("not told in time")
				}
				h.works()
			})
		}
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
	c := h.connect()
	for i, want := range []string{"INTERNAL_ERROR", "CANCEL", "ENHANCE_YOUR_CALM"} {
		id := uint32(2*i + 1)
		c.headers(id, true, ":method: GET", ":scheme: http", ":authority: a", ":path: "+[]string{"/", "/cancel", "/calm"}[i])
		if got := c.result(id); got != "200 half "+want {
			t.Error(got)
		}
	}
}

// TestFullDuplex: both directions at the same time, piece by piece.
func TestFullDuplex(t *testing.T) {
	h := newHouse(t)
	h.serve = func(x *exchange.Exchange) {
		x.Out.Status, x.Out.Body.Length = 200, -1
		x.Begin()
		x.Down.Flush()
		b := make([]byte, 100)
		for {
			n, err := x.Request.Body.Read(b)
			if n > 0 {
				x.Write(bytes.ToUpper(b[:n]))
				x.Down.Flush()
			}
			if err != nil {
				if err != io.EOF {
					x.Aborted = true
				}
				return
			}
		}
	}
	c := h.connect()
	c.headers(1, false, post...)
	for i := range 50 {
		c.fr.WriteData(1, i == 49, []byte("x"+strconv.Itoa(i)))
		f := c.until(func(f http2.Frame) bool { d, ok := f.(*http2.DataFrame); return ok && len(d.Data()) > 0 })
		if got := string(f.(*http2.DataFrame).Data()); got != "X"+strconv.Itoa(i) {
			t.Fatal(got)
		}
	}
	if got := c.result(1); got != "" {
		t.Error(got)
	}
}

// TestLargeBodies: more than every window, both ways, on several streams.
func TestLargeBodies(t *testing.T) {
	h := newHouse(t)
	const size = 2 << 20
	h.serve = func(x *exchange.Exchange) {
		x.Out.Status, x.Out.Body.Length = 200, size
		x.Begin()
		if err := x.CopyBody(x.Request.Body, size); err != nil {
			t.Error(err)
		}
	}
	c := h.connect()
	streams := []uint32{1, 3, 5}
	sent, got := map[uint32]int{}, map[uint32]int{}
	win := map[uint32]int64{0: connWindow}
	for _, id := range streams {
		c.headers(id, false, post...)
		win[id] = 65535
	}
	ended := 0
	for ended < len(streams) {
		for _, id := range streams {
			for sent[id] < size && win[id] >= 16384 && win[0] >= 16384 {
				c.fr.WriteData(id, sent[id]+16384 == size, make([]byte, 16384))
				sent[id] += 16384
				win[id] -= 16384
				win[0] -= 16384
			}
		}
		f, err := c.fr.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		switch f := f.(type) {
		case *http2.WindowUpdateFrame:
			win[f.StreamID] += int64(f.Increment)
		case *http2.DataFrame:
			n := len(f.Data())
			got[f.StreamID] += n
			if n > 0 {
				c.fr.WriteWindowUpdate(0, uint32(n))
				c.fr.WriteWindowUpdate(f.StreamID, uint32(n))
			}
			if f.StreamEnded() {
				ended++
			}
		case *http2.RSTStreamFrame, *http2.GoAwayFrame:
			t.Fatal(f)
		}
	}
	for _, id := range streams {
		if got[id] != size {
			t.Errorf("stream %d: %d bytes", id, got[id])
		}
	}
}

// TestDrain: the client is told, what is under way finishes, then all ends.
func TestDrain(t *testing.T) {
	h := newHouse(t)
	hold := make(chan struct{})
	h.serve = func(x *exchange.Exchange) { <-hold; echo(x) }
	c := h.connect()
	c.headers(1, true, get...)
	eventually(t, "the request is there", func() bool { return h.busy.Load() == 1 })
	h.front.Drain()
	f := c.until(func(f http2.Frame) bool { _, ok := f.(*http2.GoAwayFrame); return ok }).(*http2.GoAwayFrame)
	if f.LastStreamID != wire.MaxWindow || f.ErrCode != 0 {
		t.Error(f)
	}
	c.headers(3, true, get...) // was on its way
	eventually(t, "it is there too", func() bool { return h.busy.Load() == 2 })
	close(hold)
	got := map[uint32]bool{}
	for len(got) < 2 {
		f := c.until(func(f http2.Frame) bool { d, ok := f.(*http2.DataFrame); return ok && d.StreamEnded() })
		if f == nil {
			t.Fatal("closed before the answers")
		}
		got[f.Header().StreamID] = true
	}
	var last string
	stop := atomic.Bool{}
	go func() {
		for !stop.Load() {
			h.front.Drain()
			time.Sleep(5 * time.Millisecond)
		}
	}()
	last = c.end()
	stop.Store(true)
	if last != "NO_ERROR" {
		t.Error(last)
	}
}

// TestIdle: a connection without requests is closed after KeepAliveTimeout.
func TestIdle(t *testing.T) {
	h := newHouse(t)
	h.set.KeepAliveTimeout = 100 * time.Millisecond
	c := h.connect()
	c.headers(1, true, get...)
	if got := c.result(1); got != "200 GET /" {
		t.Error(got)
	}
	if end := c.end(); end != "NO_ERROR" {
		t.Error(end)
	}
}

// TestTunnel: an extended CONNECT is bytes both ways, with half-closes.
func TestTunnel(t *testing.T) {
	h := newHouse(t)
	h.h2.WebSockets = true
	var refuse atomic.Int64
	h.serve = func(x *exchange.Exchange) {
		if status := int(refuse.Load()); status != 0 {
			answer(x, status, "no")
			return
		}
		if x.Request.Header.Get("Upgrade") != "websocket" || x.Request.Method != "GET" {
			t.Errorf("%+v", x.Request)
		}
		x.Out.Status = 101
		x.Out.Header.AddKnown(message.Upgrade, "websocket")
		x.Out.Header.AddKnown(message.Connection, "Upgrade")
		x.Out.Header.Add("Sec-WebSocket-Accept", "x")
		x.Out.Header.Add("Sec-WebSocket-Protocol", "chat")
		x.Begin()
		rw, err := x.Down.Upgrade()
		if err != nil {
			t.Error(err)
			return
		}
		rw.(interface{ SetReadDeadline(time.Time) error }).SetReadDeadline(time.Now().Add(patience))
		b := make([]byte, 100)
		for {
			n, err := rw.Read(b)
			if n > 0 {
				rw.Write(bytes.ToUpper(b[:n]))
			}
			if err != nil {
				if !errors.Is(err, io.EOF) {
					t.Error(err)
				}
				break
			}
		}
		rw.(interface{ CloseWrite() error }).CloseWrite()
		rw.Close()
	}
	c := h.connect()
	connect := []string{":method: CONNECT", ":protocol: websocket", ":scheme: http", ":path: /chat", ":authority: a.test", "sec-websocket-version: 13"}
	c.headers(1, false, connect...)
	c.fr.WriteData(1, false, []byte("abc"))
	f := c.until(func(f http2.Frame) bool { d, ok := f.(*http2.DataFrame); return ok && len(d.Data()) > 0 })
	if string(f.(*http2.DataFrame).Data()) != "ABC" {
		t.Error(f)
	}
	c.fr.WriteData(1, true, []byte("d"))
	if got := c.result(1); got != "D" {
		t.Error(got)
	}
	// Refused by whom it goes to; and 2xx is not a switch, so no open tunnel.
	for i, status := range []int{403, 200} {
		refuse.Store(int64(status))
		id := uint32(2*i + 3)
		c.headers(id, false, connect...)
		if got, want := c.result(id), []string{"403 no", "502"}[i]; got != want {
			t.Errorf("%d: %q", status, got)
		}
	}
}

// TestUpgraded: the request that asked for HTTP/2 is stream 1.
func TestUpgraded(t *testing.T) {
	h := newHouse(t)
	a, b := pipe(t)
	r := &message.Request{Method: "GET", Target: "/up", Version: message.HTTP11}
	r.Header.AddKnown(message.Host, "a.test")
	r.Header.AddKnown(message.Upgrade, "h2c")
	r.Header.Add("HTTP2-Settings", "x")
	h.conns.Add(1)
	h.visits.Add(1)
	go func() {
		defer h.conns.Done()
		cl := &exchange.Client{ID: 99, Remote: netip.MustParseAddrPort("127.0.0.1:1")}
		h.front.Serve(&exchange.Handoff{Conn: a, Client: cl, Visit: visit{h, cl}, Request: r, Settings: wire.AppendSetting(nil, wire.InitialWindowSize, 3)})
	}()
	c := &client{t: t, nc: b, fr: http2.NewFramer(b, b)}
	b.SetDeadline(time.Now().Add(patience))
	io.WriteString(b, http2.ClientPreface)
	c.fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 3})
	f := c.until(func(f http2.Frame) bool { _, ok := f.(*http2.DataFrame); return ok })
	if got := string(f.(*http2.DataFrame).Data()); got != "GET" {
		t.Errorf("%q: the window of the settings is not heeded", got)
	}
	c.fr.WriteWindowUpdate(1, 100)
	f = c.until(func(f http2.Frame) bool { _, ok := f.(*http2.DataFrame); return ok })
	if got := string(f.(*http2.DataFrame).Data()); got != " /up " {
		t.Errorf("%q", got)
	}
}
