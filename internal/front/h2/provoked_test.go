//go:build linux

package h2

import (
	"io"
	"testing"

	"golang.org/x/net/http2"

	"sallyport/internal/exchange"
	wire "sallyport/internal/wire/h2"
)

// TestProvokedResets: a client that does not take requests back but has us reset
// them (CVE-2025-8671) is counted all the same, even where stream errors are
// not limited.
func TestProvokedResets(t *testing.T) {
	for name, provoke := range map[string]func(c *client, id uint32){
		"window of 0":          func(c *client, id uint32) { c.fr.WriteRawFrame(http2.FrameWindowUpdate, 0, id, make([]byte, 4)) },
		"window overflow":      func(c *client, id uint32) { c.fr.WriteWindowUpdate(id, wire.MaxWindow) },
		"more than announced":  func(c *client, id uint32) { c.fr.WriteData(id, false, []byte("12345")) },
		"less than announced":  func(c *client, id uint32) { c.fr.WriteData(id, true, []byte("1")) },
		"PRIORITY cut short":   func(c *client, id uint32) { c.fr.WriteRawFrame(http2.FramePriority, 0, id, []byte{1}) },
		"its own parent":       func(c *client, id uint32) { c.fr.WritePriority(id, http2.PriorityParam{StreamDep: id}) },
		"trailers without end": func(c *client, id uint32) { c.headers(id, false, "x: y") },
		"bad trailers":         func(c *client, id uint32) { c.headers(id, true, ":path: /") },
		"refused":              func(c *client, id uint32) {},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.h2.MaxErrors = 0
			hold := make(chan struct{})
			if name != "refused" {
				close(hold)
			}
			h.serve = func(x *exchange.Exchange) {
				if x.Request.Method == "POST" {
					<-hold
				}
				echo(x)
			}
			c := h.connect()
			end := flood(h, c, 20_000, func(i int) error {
				id := uint32(2*i + 1)
				err := c.headers(id, false, append(post[:4:4], "content-length: 4")...)
				provoke(c, id)
				return err
			})
			if name == "refused" {
				close(hold)
			}
			if end != "ENHANCE_YOUR_CALM" && end != "closed" {
				t.Error(end)
			}
			if m := h.most.Load(); m > 201 {
				t.Errorf("%d exchanges at a time", m)
			}
			if n := h.served.Load(); n > 2500 {
				t.Errorf("%d exchanges were begun", n)
			}
			h.works()
		})
	}
}

// TestPingsBetweenAnswers: somebody who measures the line with each piece of an
// answer, as clients of gRPC do, may; so may somebody who has seen enough of
// each answer.
func TestPingsBetweenAnswers(t *testing.T) {
	h := newHouse(t)
	more := make(chan struct{})
	h.serve = func(x *exchange.Exchange) {
		if x.Request.Method == "POST" {
			x.Out.Status, x.Out.Body.Length = 200, -1
			x.Begin()
			x.Down.Flush()
			for range more {
				if _, err := x.Write([]byte("a")); err != nil || x.Down.Flush() != nil {
					break
				}
			}
			io.ReadAll(x.Request.Body)
			return
		}
		echo(x)
	}
	c := h.connect(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20})
	await := func(typ http2.FrameType, id uint32, i int) {
		t.Helper()
		f := c.until(func(f http2.Frame) bool { return f.Header().Type == typ && f.Header().StreamID == id })
		if f == nil {
			t.Fatalf("no %v: the connection ended after %d", typ, i)
		}
	}
	c.headers(1, false, post...)
	for i := range 5000 {
		more <- struct{}{}
		await(http2.FrameData, 1, i)
		c.fr.WritePing(false, [8]byte{})
		await(http2.FramePing, 0, i)
	}
	c.fr.WriteRSTStream(1, http2.ErrCodeCancel)
	close(more)
	for i := range 1000 {
		id := uint32(2*i + 3)
		c.headers(id, false, post...)
		await(http2.FrameHeaders, id, i)
		c.fr.WriteRSTStream(id, http2.ErrCodeCancel)
	}
	c.headers(3001, true, get...)
	if got := c.result(3001); got != "200 GET /" {
		t.Error(got)
	}
}
