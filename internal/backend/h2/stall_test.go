package h2

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"sallyport/internal/fault"
	wire "sallyport/internal/wire/h2"
)

// zeros is a body without end that counts what is taken.
type zeros struct{ n atomic.Int64 }

func (z *zeros) Read(p []byte) (int, error) {
	z.n.Add(int64(len(p)))
	return len(p), nil
}

// jammed is a backend that has two requests and reads nothing any more: it has
// not answered the first, and the second is an upload that fills the connection
// until nothing moves.
func jammed(t *testing.T) (p *peer, id uint32, first, upload chan *result) {
	t.Helper()
	r := newRig(t)
	_, first = r.async(request{method: "GET", path: "/"})
	p = r.accept(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1})
	p.WriteWindowUpdate(0, 1<<30)
	id, _ = p.headers()
	body := &zeros{}
	_, upload = r.async(request{method: "POST", path: "/up", body: body, length: 1 << 40})
	p.headers()
	still := 0
	for was, end := int64(-1), time.Now().Add(patience); still < 20; time.Sleep(10 * time.Millisecond) {
		if n := body.n.Load(); n != was || n < 100_000 {
			was, still = n, 0
		} else {
			still++
		}
		if time.Now().After(end) {
			t.Fatal("the upload never stops")
		}
	}
	return p, id, first, upload
}

// TestReadsNothing: what a backend sends is taken although it takes nothing
// itself: no acknowledgement keeps the reader from the next frame.
func TestReadsNothing(t *testing.T) {
	p, id, first, upload := jammed(t)
	for range 100 {
		p.WritePing(false, [8]byte{})
		p.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 50})
	}
	p.answer(id, false, ":status: 200")
	text := strings.Repeat("0123456789abcdef", 1000)
	for range 10 {
		p.WriteData(id, false, []byte(text))
	}
	p.WriteData(id, true, nil)
	if res := wait(t, first); res.Body.String() != strings.Repeat(text, 10) || res.df != nil {
		t.Errorf("%d bytes, %v %v", res.Body.Len(), res.f, res.df)
	}
	p.Close()
	if res := wait(t, upload); res.f == nil && res.df == nil {
		t.Error("an upload that nobody took went well")
	}
}

// TestAsksForever: a backend that asks and asks and takes no answer is given up,
// without a wait for what it does not take.
func TestAsksForever(t *testing.T) {
	p, _, first, upload := jammed(t)
	go func() {
		for p.WritePing(false, [8]byte{}) == nil {
		}
	}()
	for _, done := range []chan *result{first, upload} {
		res := wait(t, done)
		if res.f == nil {
			t.Fatal("no fault")
		}
		c, ok := errors.AsType[*connError](res.f.Err)
		if !ok || c.code != wire.EnhanceYourCalm || res.f.Kind != fault.BadHead {
			t.Errorf("%+v", res.f)
		}
	}
}
