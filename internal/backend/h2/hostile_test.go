package h2

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"sallyport/internal/backend"
	"sallyport/internal/fault"
	wire "sallyport/internal/wire/h2"
)

// heap is what is in use after a collection.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

// TestFloods: a backend that sends what leads nowhere, and takes the answers,
// is given up after a while.
func TestFloods(t *testing.T) {
	for what, send := range map[string]func(p *peer, id uint32) error{
		"ping":     func(p *peer, id uint32) error { return p.WritePing(false, [8]byte{}) },
		"settings": func(p *peer, id uint32) error { return p.WriteSettings() },
		"priority": func(p *peer, id uint32) error { return p.WritePriority(id, http2.PriorityParam{StreamDep: 7}) },
		"unknown":  func(p *peer, id uint32) error { return p.WriteRawFrame(0x42, 0, 0, nil) },
		"no data":  func(p *peer, id uint32) error { return p.WriteData(id, false, nil) },
		"padding":  func(p *peer, id uint32) error { return p.WriteDataPadded(id, false, nil, []byte{}) },
		"a stream of the past": func(p *peer, id uint32) error {
			return p.WriteData(id-2, false, nil)
		},
	} {
		t.Run(what, func(t *testing.T) {
			r := newRig(t)
			gone, done := r.async(request{method: "GET", path: "/"})
			p := r.accept()
			p.headers()
			gone.leave()
			wait(t, done)
			_, done = r.async(request{method: "GET", path: "/"})
			id, _ := p.headers()
			p.answer(id, false, ":status: 200")
			before := heap()
			go func() {
				for send(p, id) == nil {
				}
			}()
			taken := make(chan bool)
			go func() { // without a word of its own: the other goroutine writes
				io.Copy(io.Discard, p.Conn)
				close(taken)
			}()
			res := wait(t, done)
			if res.df == nil || res.df.Kind != fault.BodyBroken {
				t.Fatalf("%v %v", res.f, res.df)
			}
			if c, ok := errors.AsType[*connError](res.df.Err); !ok || c.code != wire.EnhanceYourCalm {
				t.Errorf("%v", res.df.Err)
			}
			if now := heap(); now > before+8<<20 {
				t.Errorf("%d bytes more in use", now-before)
			}
			<-taken
			p.Close()
			_, done = r.async(request{method: "GET", path: "/"})
			p = r.accept()
			id, _ = p.headers()
			p.ok(id, "well again")
			if res := wait(t, done); res.Body.String() != "well again" {
				t.Errorf("afterwards: %v", res.f)
			}
		})
	}
}

// TestPingsBetweenContent: a backend of gRPC measures the line with each piece
// of a request that comes.
func TestPingsBetweenContent(t *testing.T) {
	r := newRig(t)
	up := &paced{more: make(chan struct{})}
	_, done := r.async(request{method: "POST", path: "/", body: up, length: -1})
	p := r.accept(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20})
	id, _ := p.headers()
	for i := range 5000 {
		up.more <- struct{}{}
		if _, ok := p.next().(*http2.DataFrame); !ok {
			t.Fatalf("the connection ended after %d pieces", i)
		}
		p.WritePing(false, [8]byte{})
	}
	close(up.more)
	p.ok(id, "well")
	if res := wait(t, done); res.Body.String() != "well" {
		t.Errorf("%v %v", res.f, res.df)
	}
}

// paced is a body that comes byte by byte, as it is told.
type paced struct{ more chan struct{} }

func (b *paced) Read(p []byte) (int, error) {
	if _, ok := <-b.more; !ok {
		return 0, io.EOF
	}
	p[0] = 'x'
	return 1, nil
}

// TestHeaderBombs: heads that are small on the wire and large in memory, or
// never end.
func TestHeaderBombs(t *testing.T) {
	r := newRig(t)
	_, done := r.async(request{method: "GET", path: "/"})
	p := r.accept()
	id, _ := p.headers()
	p.answer(id, true, ":status: 200", "x: "+strings.Repeat("a", 4000))
	wait(t, done)
	before := heap()
	for range 20 {
		_, done = r.async(request{method: "GET", path: "/"})
		id, _ = p.headers()
		bomb := append([]byte{0x88}, bytes.Repeat([]byte{0xbe}, 16000)...) // :status 200, and the newest field of the table
		p.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: bomb, EndHeaders: true, EndStream: true})
		if res := wait(t, done); res.f == nil || res.f.Kind != fault.BadHead {
			t.Fatalf("%v", res.f)
		}
	}
	if now := heap(); now > before+8<<20 {
		t.Errorf("%d bytes more in use", now-before)
	}
	_, done = r.async(request{method: "GET", path: "/"})
	id, _ = p.headers()
	p.ok(id, "well")
	if res := wait(t, done); res.Body.String() != "well" {
		t.Errorf("the connection did not survive: %v", res.f)
	}

	_, done = r.async(request{method: "GET", path: "/"})
	id, _ = p.headers()
	literal := append([]byte{0x00, 0x01, 'x', 0x7f, 0xff, 0xff, 0xff, 0x07}, make([]byte, 16000)...) // a value of 16 MB
	p.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: literal})
	for p.WriteContinuation(id, false, make([]byte, 16000)) == nil {
	}
	if res := wait(t, done); res.f == nil || res.f.Kind != fault.BadHead {
		t.Errorf("a head without end: %v", res.f)
	}
}

// TestNoWindow: a backend that takes no content holds nothing but one piece of
// it, and its time is that of an answer.
func TestNoWindow(t *testing.T) {
	r := newRig(t, func(w *backend.Worker) { w.Timeout = 200 * time.Millisecond })
	body := &zeros{}
	_, done := r.async(request{method: "POST", path: "/", body: body, length: 1 << 40})
	p := r.accept(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
	id, _ := p.headers()
	if res := wait(t, done); res.f == nil || res.f.Kind != fault.ReadTimeout {
		t.Errorf("%v", res.f)
	}
	if code := p.reset(id); code != http2.ErrCodeCancel {
		t.Errorf("reset with %v", code)
	}
	if n := body.n.Load(); n > 64<<10 {
		t.Errorf("%d bytes were read", n)
	}
}
