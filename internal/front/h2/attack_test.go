//go:build linux

package h2

import (
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"sallyport/internal/exchange"
	wire "sallyport/internal/wire/h2"
)

// heap is what is in use after a collection.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

// flood sends until the server has had enough, reading nothing, and says how
// the connection ended.
func flood(h *house, c *client, most int, send func(i int) error) string {
	h.t.Helper()
	for i := range most {
		if send(i) != nil {
			break
		}
		if i == most/2 {
			h.works()
		}
	}
	return c.end()
}

func TestRapidReset(t *testing.T) {
	h := newHouse(t)
	c := h.connect()
	end := flood(h, c, 100000, func(i int) error {
		id := uint32(2*i + 1)
		c.headers(id, true, get...)
		return c.fr.WriteRSTStream(id, http2.ErrCodeCancel)
	})
	if end != "ENHANCE_YOUR_CALM" && end != "closed" {
		t.Error(end)
	}
	if m := h.most.Load(); m > 201 {
		t.Errorf("%d exchanges at a time", m)
	}
	if n := h.served.Load(); n > 5000 {
		t.Errorf("%d exchanges were begun", n)
	}
	h.works()
}

// TestResetsOfStuckStreams: where resets do not end the work, the client waits.
func TestResetsOfStuckStreams(t *testing.T) {
	h := newHouse(t)
	h.h2.MaxStreams = 10
	hold := make(chan struct{})
	h.serve = func(x *exchange.Exchange) {
		if x.Request.Target == "/stuck" {
			<-hold
		}
		echo(x)
	}
	c := h.connect()
	stuck := append([]string(nil), get...)
	stuck[2] = ":path: /stuck"
	for i := range 100 {
		id := uint32(2*i + 1)
		c.headers(id, true, stuck...)
		c.fr.WriteRSTStream(id, http2.ErrCodeCancel)
	}
	eventually(t, "all that may run do", func() bool { return h.busy.Load() == 20 })
	h.works()
	if m := h.most.Load(); m > 21 {
		t.Errorf("%d at a time", m)
	}
	close(hold)
	eventually(t, "the rest is served", func() bool { return h.served.Load() == 101 })
}

func TestTooManyStreams(t *testing.T) {
	h := newHouse(t)
	h.h2.MaxStreams = 3
	hold := make(chan struct{})
	h.serve = func(x *exchange.Exchange) { <-hold; echo(x) }
	c := h.connect()
	for i := range 4 {
		c.headers(uint32(2*i+1), true, get...)
	}
	if got := c.result(7); got != "REFUSED_STREAM" {
		t.Error(got)
	}
	close(hold)
	if got := c.result(5); got != "200 GET /" {
		t.Error(got)
	}
}

func TestContinuationFlood(t *testing.T) {
	for name, part := range map[string]int{"large": 16000, "small": 1, "empty": 0} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			c := h.connect()
			c.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: c.block(get...), EndStream: true})
			// Literal fields without indexing, cut anywhere.
			b := c.block("x: " + strings.Repeat("\x01", 30))
			text := strings.Repeat(string(b), 1+16000/len(b))
			if end := flood(h, c, 1_000_000, func(int) error { return c.fr.WriteContinuation(1, false, []byte(text[:part])) }); end != "ENHANCE_YOUR_CALM" && end != "closed" {
				t.Error(end)
			}
			if h.served.Load() > 1 { // that of works
				t.Error("a request came of it")
			}
			h.works()
		})
	}
}

func TestControlFloods(t *testing.T) {
	for name, send := range map[string]func(c *client) error{
		"ping": func(c *client) error { return c.fr.WritePing(false, [8]byte{}) },
		"settings": func(c *client) error {
			return c.fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 65535})
		},
		"priority": func(c *client) error { return c.fr.WritePriority(1001, http2.PriorityParam{Weight: 3}) },
		"unknown":  func(c *client) error { return c.fr.WriteRawFrame(0x42, 0, 0, nil) },
		"odd":      func(c *client) error { return c.fr.WriteRawFrame(http2.FramePriority, 0, 1001, []byte{1}) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			c := h.connect()
			before := heap()
			end := flood(h, c, 1_000_000, func(int) error { return send(c) })
			if end != "ENHANCE_YOUR_CALM" && end != "closed" {
				t.Error(end)
			}
			if now := heap(); now > before+8<<20 {
				t.Errorf("%d bytes more in use", now-before)
			}
		})
	}
}

func TestEmptyData(t *testing.T) {
	h := newHouse(t)
	c := h.connect()
	c.headers(1, false, post...)
	if end := flood(h, c, 1_000_000, func(int) error { return c.fr.WriteData(1, false, nil) }); end != "ENHANCE_YOUR_CALM" && end != "closed" {
		t.Error(end)
	}
}

// TestHeaderBomb: a field of the table is named again and again, one byte
// each.
func TestHeaderBomb(t *testing.T) {
	h := newHouse(t)
	c := h.connect()
	c.headers(1, true, append(append([]string(nil), get...), "x: "+strings.Repeat("a", 4000))...)
	if got := c.result(1); got != "200 GET /" {
		t.Fatal(got)
	}
	before := heap()
	bomb := append([]byte(nil), c.block(get...)...)
	bomb = append(bomb, []byte(strings.Repeat("\xbe", 16000))...) // index 62, the newest
	for i := range 50 {
		id := uint32(2*i + 3)
		c.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: bomb, EndStream: true, EndHeaders: true})
		if got := c.result(id); got != "431" {
			t.Fatal(got)
		}
	}
	if now := heap(); now > before+4<<20 {
		t.Errorf("%d bytes more in use", now-before)
	}
	h.works()
}

// TestStalledDownloads: many streams want much and give no window.
func TestStalledDownloads(t *testing.T) {
	h := newHouse(t)
	h.h2.StreamTimeout = 300 * time.Millisecond
	big := make([]byte, 1<<20)
	h.serve = func(x *exchange.Exchange) {
		if x.Request.Target == "/big" {
			x.Out.Status, x.Out.Body.Length = 200, int64(len(big))
			if x.Begin() == nil {
				x.Write(big)
			}
			return
		}
		echo(x)
	}
	before := heap()
	c := h.connect(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1})
	want := append([]string(nil), get...)
	want[2] = ":path: /big"
	for i := range 100 {
		c.headers(uint32(2*i+1), true, want...)
	}
	h.works()
	eventually(t, "all are stuck", func() bool { return h.most.Load() >= 100 })
	if now := heap(); now > before+8<<20 {
		t.Errorf("%d bytes more in use", now-before)
	}
	if got := c.result(1); !strings.HasSuffix(got, "CANCEL") {
		t.Errorf("stuck stream: %q", got)
	}
	eventually(t, "all have given up", func() bool { return h.busy.Load() == 0 })
}

// TestStalledUploads: many streams send content that nobody reads; then all of
// it is wanted after all.
func TestStalledUploads(t *testing.T) {
	h := newHouse(t)
	hold := make(chan struct{})
	h.serve = func(x *exchange.Exchange) {
		if x.Request.Method == "POST" {
			<-hold
			n, err := io.Copy(io.Discard, x.Request.Body)
			if err != nil || n != 60000 {
				t.Errorf("%d bytes: %v", n, err)
			}
			answer(x, 200, "")
			return
		}
		echo(x)
	}
	before := heap()
	c := h.connect()
	window := int64(65535)
	sent := map[uint32]int{}
	part := make([]byte, 15000)
	grow := func(f http2.Frame) bool {
		if w, ok := f.(*http2.WindowUpdateFrame); ok && w.StreamID == 0 {
			window += int64(w.Increment)
		}
		return true
	}
	window += connWindow - 65535 // came with the greetings
	for i := range 100 {
		id := uint32(2*i + 1)
		c.headers(id, false, post...)
		for sent[id] < 60000 && window >= int64(len(part)) {
			c.fr.WriteData(id, false, part)
			sent[id] += len(part)
			window -= int64(len(part))
		}
	}
	h.works()
	if now := heap(); now > before+connWindow*4 {
		t.Errorf("%d bytes more in use", now-before)
	}
	close(hold)
	for i := range 100 {
		id := uint32(2*i + 1)
		for sent[id] < 60000 {
			for window < int64(len(part)) {
				c.until(grow)
			}
			c.fr.WriteData(id, false, part)
			sent[id] += len(part)
			window -= int64(len(part))
		}
		c.fr.WriteData(id, true, nil)
	}
	eventually(t, "all are served", func() bool { return h.served.Load() == 101 })
}

// TestWindowAttacks: more than the window, windows that overflow.
func TestWindowAttacks(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(c *client)
		want string
	}{
		"increments": {func(c *client) {
			c.fr.WriteWindowUpdate(0, wire.MaxWindow)
		}, "FLOW_CONTROL_ERROR"},
		"initial": {func(c *client) {
			c.headers(1, false, post...)
			c.fr.WriteWindowUpdate(1, 1<<30)
			c.fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: wire.MaxWindow})
		}, "FLOW_CONTROL_ERROR"},
		"beyond": {func(c *client) {
			for id := uint32(1); id < 200; id += 2 {
				c.headers(id, false, post...)
				for range 4 {
					c.fr.WriteData(id, false, make([]byte, 16000))
				}
			}
		}, "FLOW_CONTROL_ERROR"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			hold := make(chan struct{})
			h.serve = func(x *exchange.Exchange) {
				if x.Request.Method == "POST" {
					<-hold
					x.Aborted = true
					return
				}
				echo(x)
			}
			cl := h.connect()
			go c.do(cl)
			if end := cl.end(); end != c.want {
				t.Error(end)
			}
			close(hold)
			h.works()
		})
	}
}

// TestSilence: connections that say nothing, or stop in the middle, end.
func TestSilence(t *testing.T) {
	for name, do := range map[string]func(c *client){
		"nothing": func(c *client) {},
		"a frame's beginning": func(c *client) {
			c.fr.WriteSettings()
			c.nc.Write([]byte{0, 0, 9, 1})
		},
		"an open header block": func(c *client) {
			c.fr.WriteSettings()
			c.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: c.block(get...), EndStream: true})
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.set.Timeout = 200 * time.Millisecond
			h.set.KeepAliveTimeout = 200 * time.Millisecond
			c := h.dial()
			do(c)
			if end := c.end(); end != "NO_ERROR" {
				t.Error(end)
			}
		})
	}
}

// TestManyStreams: streams leave nothing behind.
func TestManyStreams(t *testing.T) {
	n := 100000
	if testing.Short() {
		n = 5000
	}
	h := newHouse(t)
	c := h.connect(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20})
	c.fr.WriteWindowUpdate(0, 1<<30)
	c.nc.SetDeadline(time.Now().Add(5 * time.Minute))
	block := c.block(get...)
	for range 2 { // both entries are in the table then
		block = append([]byte(nil), c.block(get...)...)
	}
	var before uint64
	id := uint32(1)
	for i := range n / 100 {
		for range 100 {
			c.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndStream: true, EndHeaders: true})
			id += 2
		}
		for left := 100; left > 0; left-- {
			c.until(func(f http2.Frame) bool {
				return f.Header().Flags.Has(http2.FlagDataEndStream) && f.Header().Type == http2.FrameData
			})
		}
		if i == 10 {
			before = heap()
		}
	}
	if now := heap(); now > before+2<<20 {
		t.Errorf("%d bytes more in use after %d streams", now-before, n)
	}
}
