//go:build linux

package h3

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/quic-go/quic-go"
)

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

// TestProvokedResets: a client that does not take requests back but has us reset
// them is counted all the same.
func TestProvokedResets(t *testing.T) {
	for name, parts := range map[string][][]byte{
		"malformed":           {headers(with(get, "X-Y: z")...)},
		"more than announced": {headers(with(post, "content-length: 2")...), frame(nil, frameData, []byte("abc"))},
		"less than announced": {headers(with(post, "content-length: 4")...), frame(nil, frameData, []byte("abc"))},
		"bad trailers":        {headers(post...), frame(nil, frameData, []byte("a")), headers(":path: /")},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.open()
			c := h.connect()
			for range 5000 {
				s := c.send(true, parts...)
				if s == nil {
					break
				}
				s.CancelRead(quic.StreamErrorCode(errNone))
			}
			if got := c.end(); got != "0x107" {
				t.Error(got)
			}
			if n := h.served.Load(); n > 2500 {
				t.Errorf("%d exchanges were begun", n)
			}
			h.works()
		})
	}
}

// TestEmptyData: content that never comes.
func TestEmptyData(t *testing.T) {
	h := newHouse(t)
	h.open()
	c := h.connect()
	s := c.send(false, headers(post...))
	empty := bytes.Repeat(frame(nil, frameData, nil), 500)
	for {
		if _, err := s.Write(empty); err != nil {
			break
		}
	}
	if got := c.end(); got != "0x107" {
		t.Error(got)
	}
	h.works()
}

// TestHeaderBomb: fields of the static table, a byte or two each.
func TestHeaderBomb(t *testing.T) {
	h := newHouse(t)
	h.open()
	c := h.connect()
	before := heap()
	bomb := append(block(get...), bytes.Repeat([]byte{0xff, 0x16}, 100_000)...) // entry 85, 92 bytes
	for range 20 {
		if got := result(c.send(true, frame(nil, frameHeaders, bomb))); got != "431" {
			t.Fatal(got)
		}
	}
	if now := heap(); now > before+8<<20 {
		t.Errorf("%d bytes more in use", now-before)
	}
	h.works()
}

// mute is a socket that sends, counts what comes, and hears none of it.
type mute struct {
	net.PacketConn
	sent, got atomic.Int64
}

func (m *mute) WriteTo(p []byte, to net.Addr) (int, error) {
	m.sent.Add(int64(len(p)))
	return m.PacketConn.WriteTo(p, to)
}

func (m *mute) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		n, from, err := m.PacketConn.ReadFrom(p)
		if err != nil {
			return n, from, err
		}
		m.got.Add(int64(n))
	}
}

// TestAmplification: who does not show that it is where it says is sent at most
// three times what came from there (RFC 9000 §8.1; quic-go lets the last datagram
// go beyond), although our certificates are larger.
func TestAmplification(t *testing.T) {
	h := newHouse(t)
	chain := &h.tls.Certificates[0].Certificate
	for range 30 { // 10 KB
		*chain = append(*chain, (*chain)[0])
	}
	h.open()
	pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &mute{PacketConn: pc}
	tr := &quic.Transport{Conn: m}
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() {
		defer close(over)
		_, err := tr.Dial(ctx, net.UDPAddrFromAddrPort(h.ln.local), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h3"}, ServerName: "a.test"}, nil)
		if err == nil {
			t.Error("a handshake without ears")
		}
	}()
	eventually(t, "an answer, and one sent again", func() bool { return m.got.Load() > 2400 && m.sent.Load() > 2400 })
	got := m.got.Load() // before sent, which grows too
	if sent := m.sent.Load(); got > 3*sent+1500 {
		t.Errorf("%d bytes were sent for %d", got, sent)
	}
	cancel()
	<-over
	tr.Close()
	pc.Close()
	h.works()
}
