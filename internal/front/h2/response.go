package h2

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strconv"

	"sallyport/internal/buffer"
	"sallyport/internal/exchange"
	"sallyport/internal/front/bridge"
	"sallyport/internal/message"
	wire "sallyport/internal/wire/h2"
)

// response writes one response (exchange.Downstream). Head and content wait in
// the connection's buffer until somebody flushes it, so that a small response
// leaves in one write, often along with others. One lives in each stream.
type response struct {
	s       *stream
	begun   bool
	ended   bool
	none    bool  // no content may follow: HEAD, 204, 304
	counted bool  // left is known
	left    int64 // of the announced content

	// Where the last frame of ours stands in the buffer, so that its
	// END_STREAM can be set while it has not left.
	gen uint32
	at  int
}

var errTooMuch = errors.New("write response: more than its Content-Length")

// Inform sends an interim response.
func (o *response) Inform(status int, h *message.Header) error {
	s, c := o.s, o.s.c
	if o.begun || status == 103 && !c.h2.EarlyHints {
		return nil
	}
	if status == 100 {
		s.expect = false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.err != nil || c.dead {
		return errGone
	}
	w := &c.write
	w.block.Reset()
	w.Field(":status", strconv.Itoa(status))
	if h != nil {
		for i := range h.Fields {
			if f := &h.Fields[i]; !bridge.Forbidden(f.Known) {
				w.Field(bridge.Lower(f.Name), f.Value)
			}
		}
	}
	o.headers(false)
	w.flush()
	return nil
}

// headers sends the block that has been encoded. Under the lock.
func (o *response) headers(end bool) {
	w := &o.s.c.write
	b := w.room()
	o.gen, o.at = w.gen, len(b)
	w.out = wire.AppendHeaders(b, o.s.id, w.block.Bytes(), end)
	o.s.c.calm.Given()
	o.s.x.BytesOut += int64(len(w.out) - o.at)
	if w.block.Cap() > buffer.Large {
		w.block = bytes.Buffer{}
	}
}

// Begin sends the head.
func (o *response) Begin(r *message.Response) error {
	if o.begun {
		return errors.New("begin response: already begun")
	}
	o.begun = true
	s, c, x := o.s, o.s.c, o.s.x
	r, status, length, none := bridge.Begin(x, r, s.tunnel)
	o.none, o.counted, o.left = none, length >= 0 && !none, length
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.err != nil || c.dead {
		return errGone
	}
	w := &c.write
	w.block.Reset()
	w.Field(":status", statusText(status))
	bridge.Fields(x, r, status, s.tunnel, length, w)
	if m := c.h2.MaxHeaderBlock; m > 0 && w.block.Len() > m {
		c.resetStream(s, wire.InternalError)
		s.fail(errGone)
		return errors.New("begin response: header larger than H2MaxHeaderBlockLen")
	}
	o.headers(false)
	s.answered = true
	return nil
}

func statusText(n int) string {
	switch n {
	case 200:
		return "200"
	case 304:
		return "304"
	case 404:
		return "404"
	}
	return strconv.Itoa(n)
}

// Write sends content.
func (o *response) Write(p []byte) (int, error) {
	s, c := o.s, o.s.c
	if !o.begun {
		return 0, errors.New("write response: not begun")
	}
	total := len(p)
	switch {
	case o.none || total == 0:
		return total, nil
	case o.counted && int64(total) > o.left:
		return 0, errTooMuch
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(p) > 0 {
		n, err := c.write.grant(s, len(p))
		if err != nil {
			if err == errTimeout {
				c.resetStream(s, wire.Cancel)
				s.fail(errGone)
			}
			return total - len(p), err
		}
		p = p[o.frame(p, n):]
	}
	return total, nil
}

// frame puts a DATA frame with n bytes of payload into the buffer and returns
// how many of p it holds. Under the lock.
func (o *response) frame(p []byte, n int) int {
	s, c := o.s, o.s.c
	w := &c.write
	pad := 0
	if m := c.h2.Padding; m > 0 {
		pad = min(rand.IntN(m+1), n-2)
	}
	h := wire.Head{Length: n, Type: wire.Data, Stream: s.id}
	o.gen, o.at = w.gen, len(w.out)
	data := n
	if pad > 0 {
		data = n - 1 - pad
		h.Flags = wire.Padded
		w.out = append(wire.AppendHead(w.out, h), byte(pad))
	} else {
		w.out = wire.AppendHead(w.out, h)
	}
	w.out = append(w.out, p[:data]...)
	if pad > 0 {
		w.out = append(w.out, zeros[:pad]...)
	}
	s.window -= int64(n)
	c.window -= int64(n)
	c.calm.Given()
	if o.counted {
		o.left -= int64(data)
	}
	s.x.BodyOut += int64(data)
	s.x.BytesOut += int64(len(w.out) - o.at)
	w.wakeNext()
	return data
}

var zeros [256]byte

// Flush sends what waits, of all streams.
func (o *response) Flush() error {
	c := o.s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	c.write.flush()
	if o.s.err != nil || c.dead {
		return errGone
	}
	return nil
}

// ReadFrom copies r to the client.
func (o *response) ReadFrom(r io.Reader) (int64, error) { return buffer.Copy(o, r) }

// End closes the message. What cannot be ended well is reset when the exchange
// lets go of its stream.
func (o *response) End(trailer *message.Header) error {
	s, c := o.s, o.s.c
	if o.ended {
		return nil
	}
	o.ended = true
	if !o.begun {
		return nil
	}
	if o.counted && o.left > 0 {
		s.x.Aborted = true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.err != nil || c.dead {
		return errGone
	}
	if s.x.Aborted || s.gone {
		c.write.flush()
		return nil
	}
	w := &c.write
	switch {
	case trailer != nil && len(trailer.Fields) > 0 && !o.none:
		w.block.Reset()
		for i := range trailer.Fields {
			if f := &trailer.Fields[i]; !bridge.Forbidden(f.Known) {
				w.Field(bridge.Lower(f.Name), f.Value)
			}
		}
		o.headers(true)
	case o.gen == w.gen:
		w.out[o.at+4] |= wire.EndStream // its flags
	default:
		w.out = wire.AppendHead(w.room(), wire.Head{Type: wire.Data, Flags: wire.EndStream, Stream: s.id})
		s.x.BytesOut += wire.HeadLen
	}
	s.localEnd = true
	if s.remoteEnd {
		c.forget(s)
	}
	w.flush()
	return nil
}

// Waiting remembers what to wake when the client takes its request back.
func (o *response) Waiting(w exchange.Waker) bool {
	s := o.s
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.waker = w
	return s.err == nil && !s.c.dead
}
