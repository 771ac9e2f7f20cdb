//go:build linux

package h2

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	cryptorand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"sallyport/internal/exchange"
	"sallyport/internal/watch"
)

// certificate is one that nobody checks.
func certificate(t *testing.T) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), cryptorand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(cryptorand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// resting waits until the connections keep no goroutine.
func (h *house) resting() {
	h.t.Helper()
	eventually(h.t, "connections rest", func() bool { return h.front.Running() == 0 })
}

// TestPark: a connection without requests rests in the watcher, comes back for
// whatever its client sends, and ends when its time is over; in clear and in TLS.
func TestPark(t *testing.T) {
	for _, name := range []string{"clear", "tls"} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			if name == "tls" {
				cfg := &tls.Config{Certificates: []tls.Certificate{certificate(t)}}
				h.wrap = func(c net.Conn) net.Conn { return tls.Server(c, cfg) }
			}
			c := h.connect()
			h.resting()
			for id := uint32(1); id < 5; id += 2 {
				c.headers(id, true, get...)
				if got := c.result(id); got != "200 GET /" {
					t.Fatal(got)
				}
				h.resting()
			}
			c.fr.WritePing(false, [8]byte{1})
			if c.until(func(f http2.Frame) bool { return f.Header().Type == http2.FramePing }) == nil {
				t.Fatal("a ping ends the connection")
			}
			h.resting()
			// The beginning of a frame, then the rest of it.
			frame := append([]byte{0, 0, 8, byte(http2.FramePing), 0, 0, 0, 0, 0}, "12345678"...)
			c.nc.Write(frame[:5])
			h.works()
			c.nc.Write(frame[5:])
			if c.until(func(f http2.Frame) bool { return f.Header().Type == http2.FramePing }) == nil {
				t.Fatal("half a ping ends the connection")
			}
			h.resting()
			c.nc.Close()

			h = newHouse(t)
			h.set.KeepAliveTimeout = 1500 * time.Millisecond
			c = h.connect()
			c.headers(1, true, get...)
			c.result(1)
			h.resting()
			if end := c.end(); end != "NO_ERROR" {
				t.Error(end)
			}
		})
	}
}

// TestParkMoment: what a client sends in the moment its connection goes to rest
// is not lost.
func TestParkMoment(t *testing.T) {
	h := newHouse(t)
	h.front.running.Add(2 * crowd) // at the next tick, then
	h.begin()
	var clients sync.WaitGroup
	for i := range 20 {
		c := h.connect()
		clients.Go(func() {
			for n := range 15 {
				id := uint32(2*n + 1)
				if c.headers(id, true, get...); c.result(id) != "200 GET /" {
					t.Errorf("client %d: no answer to request %d", i, n)
					return
				}
				time.Sleep(watch.Tick + time.Duration(rand.IntN(int(2*watch.Tick))))
			}
		})
	}
	clients.Wait()
	h.front.running.Add(-2 * crowd)
}

// TestParkedEnds: a connection that rests ends when its client leaves, when the
// house shuts down, and when it is told to make room.
func TestParkedEnds(t *testing.T) {
	for name, end := range map[string]func(h *house, c *client) string{
		"leaves": func(h *house, c *client) string { c.nc.Close(); return "" },
		"drain": func(h *house, c *client) string {
			h.front.Drain()
			if c.until(func(f http2.Frame) bool { return f.Header().Type == http2.FrameGoAway }) == nil {
				h.t.Error("no GOAWAY")
			}
			h.front.Drain()
			return "closed"
		},
		"close": func(h *house, c *client) string { h.front.Close(); return "closed" },
		"shed": func(h *house, c *client) string {
			if n := h.front.Shed(5); n != 1 {
				h.t.Errorf("%d closed", n)
			}
			return "NO_ERROR"
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			c := h.connect()
			c.headers(1, true, get...)
			c.result(1)
			h.resting()
			if want := end(h, c); want != "" {
				got := c.end()
				if name == "drain" && got == "NO_ERROR" {
					got = "closed" // with the last GOAWAY
				}
				if got != want {
					t.Errorf("%s, want %s", got, want)
				}
			}
			eventually(t, "its visit ends", func() bool { return h.visits.Load() == 0 })
		})
	}
}

// TestShed: connections with a request under way are left alone, and no more are
// closed than are asked for.
func TestShed(t *testing.T) {
	h := newHouse(t)
	hold := make(chan struct{})
	h.serve = func(x *exchange.Exchange) {
		if x.Request.Method == "POST" {
			<-hold
		}
		answer(x, 200, "")
	}
	busy := h.connect()
	busy.headers(1, true, post...)
	var idle []*client
	for range 5 {
		c := h.connect()
		c.headers(1, true, get...)
		c.result(1)
		idle = append(idle, c)
	}
	eventually(t, "five rest", func() bool { return h.front.Running() == 2 }) // the busy one, with its stream
	if n := h.front.Shed(3); n != 3 {
		t.Errorf("%d closed", n)
	}
	eventually(t, "three end", func() bool { return h.visits.Load() == 2+2 })
	served := 0
	for _, c := range idle {
		c.headers(3, true, get...)
		if c.result(3) == "200" {
			served++
		}
	}
	if served != 2 {
		t.Errorf("%d go on", served)
	}
	close(hold)
	if got := busy.result(1); got != "200" {
		t.Error(got)
	}
}
