package h3

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/qpack"

	"sallyport/internal/buffer"
	"sallyport/internal/exchange"
	"sallyport/internal/front/bridge"
	"sallyport/internal/message"
)

// response writes one response (exchange.Downstream). Frames wait in a buffer,
// so that a small response leaves in one packet.
type response struct {
	s       *stream
	buf     []byte // frames that wait; nil when empty
	begun   bool
	ended   atomic.Bool // the stream was closed well
	none    bool        // no content may follow
	counted bool
	left    int64 // of the announced content
	err     error // nothing can be written any more
}

// encoder is a header block in the making.
type encoder struct {
	buf bytes.Buffer
	enc *qpack.Encoder
}

var encoders = sync.Pool{New: func() any {
	e := new(encoder)
	e.enc = qpack.NewEncoder(&e.buf)
	return e
}}

// Field implements bridge.Encoder.
func (e *encoder) Field(name, value string) {
	e.enc.WriteField(qpack.HeaderField{Name: name, Value: value})
}

// begin takes an empty header block.
func begin() *encoder {
	e := encoders.Get().(*encoder)
	e.buf.Reset()
	return e
}

// fields puts those of h in that may be sent.
func (e *encoder) fields(h *message.Header) {
	for i := range h.Fields {
		if f := &h.Fields[i]; !bridge.Forbidden(f.Known) {
			e.Field(bridge.Lower(f.Name), f.Value)
		}
	}
}

// headers puts a HEADERS frame into the buffer, and lets go of e.
func (o *response) headers(e *encoder) {
	e.enc.Close()
	at := len(o.room())
	o.buf = appendHead(o.buf, frameHeaders, e.buf.Len())
	o.buf = append(o.buf, e.buf.Bytes()...)
	o.s.x.BytesOut += int64(len(o.buf) - at)
	if e.buf.Cap() <= buffer.Large {
		encoders.Put(e)
	}
}

func (o *response) room() []byte {
	if o.buf == nil {
		o.buf = buffer.GetLarge()[:0]
	}
	return o.buf
}

func (o *response) drop() {
	buffer.Put(o.buf)
	o.buf = nil
}

// Inform sends an interim response.
func (o *response) Inform(status int, h *message.Header) error {
	if o.begun || status == 103 && !o.s.c.h2.EarlyHints {
		return nil
	}
	if status == 100 {
		o.s.expect = false
	}
	e := begin()
	e.Field(":status", strconv.Itoa(status))
	if h != nil {
		e.fields(h)
	}
	o.headers(e)
	return o.Flush()
}

// Begin puts the head together.
func (o *response) Begin(r *message.Response) error {
	if o.begun {
		return errors.New("begin response: already begun")
	}
	o.begun = true
	s, x := o.s, o.s.x
	r, status, length, none := bridge.Begin(x, r, s.tunnel)
	o.none, o.counted, o.left = none, length >= 0 && !none, length
	e := begin()
	e.Field(":status", strconv.Itoa(status))
	bridge.Fields(x, r, status, s.tunnel, length, e)
	o.headers(e)
	return o.err
}

var errTooMuch = errors.New("write response: more than its Content-Length")

// Write sends content; small pieces wait for more.
func (o *response) Write(p []byte) (int, error) {
	if !o.begun {
		return 0, errors.New("write response: not begun")
	}
	total := len(p)
	switch {
	case o.err != nil:
		return 0, o.err
	case o.none || total == 0:
		return total, nil
	case o.counted && int64(total) > o.left:
		return 0, errTooMuch
	}
	for len(p) > 0 {
		free := cap(o.room()) - len(o.buf) - 10
		if free < min(len(p), 1024) {
			if err := o.Flush(); err != nil {
				return total - len(p), err
			}
			continue
		}
		n := min(len(p), free)
		at := len(o.buf)
		o.buf = append(appendHead(o.buf, frameData, n), p[:n]...)
		o.s.x.BytesOut += int64(len(o.buf) - at)
		o.s.x.BodyOut += int64(n)
		if o.counted {
			o.left -= int64(n)
		}
		p = p[n:]
	}
	return total, nil
}

// Flush sends what waits. A client that takes nothing for H2StreamTimeout loses
// its stream.
func (o *response) Flush() error {
	for b := o.buf; len(b) > 0 && o.err == nil; {
		o.s.qs.SetWriteDeadline(time.Now().Add(o.s.patience()))
		n, err := o.s.qs.Write(b)
		if b = b[n:]; err != nil && n == 0 {
			o.err = errGone
		}
	}
	o.drop()
	return o.err
}

// ReadFrom copies r to the client.
func (o *response) ReadFrom(r io.Reader) (int64, error) { return buffer.Copy(o, r) }

// End closes the message. What cannot be ended well is reset when the exchange
// lets go of its stream.
func (o *response) End(trailer *message.Header) error {
	if !o.begun || o.ended.Load() {
		return o.err
	}
	if o.counted && o.left > 0 {
		o.s.x.Aborted = true
	}
	if o.s.x.Aborted {
		return o.Flush()
	}
	if trailer != nil && len(trailer.Fields) > 0 && !o.none {
		e := begin()
		e.fields(trailer)
		o.headers(e)
	}
	if err := o.Flush(); err != nil {
		return err
	}
	o.s.mu.Lock()
	o.ended.Store(true) // leave must not take it for the client's doing
	o.s.mu.Unlock()
	return o.s.qs.Close()
}

// Waiting remembers what to wake when the client takes its request back.
func (o *response) Waiting(w exchange.Waker) bool {
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	o.s.waker = w
	return !o.s.gone
}
