package h1

import (
	"errors"
	"io"
	"os"
	"time"

	"sallyport/internal/buffer"
	"sallyport/internal/message"
	"sallyport/internal/pipe"
	"sallyport/internal/watch"
	wire "sallyport/internal/wire/h1"
)

// gatherBytes is the largest counted body that is read before its exchange
// begins, so that small uploads, like requests without content, are served in
// one go. httpd pre-reads as much before it connects to a backend.
const gatherBytes = 16 << 10

// body is the content of the request under way: first what came along in the
// buffer, then what blocking reads bring. One lives in each connection.
type body struct {
	c      *conn
	kind   wire.BodyKind
	left   int64 // of a counted body
	taken  int64 // bytes consumed from the connection, framing included
	chunks wire.Chunked
	expect bool // the client waits for a 100
	asked  bool // Ask has seen to that
	err    error

	// guard bounds reading alone: the exchange may be writing its response
	// at the same time. Added on the first blocking read.
	guard   watch.Guard
	guarded bool
	begun   bool // reading: the body's time runs since conn.since
}

// readSide is the connection as body.guard sees it.
type readSide struct{ c *conn }

func (r readSide) SetDeadline(t time.Time) error { return r.c.nc.SetReadDeadline(t) }

// Ask prepares for reading: the client that waits for a 100 gets it. Only the
// exchange's goroutine may write to the client, so it calls Ask before it lets
// another one read.
func (b *body) Ask() error {
	b.register() // for Stop
	if !b.expect || b.asked {
		return nil
	}
	b.asked = true
	if b.c.out.informed || b.c.out.begun {
		return nil
	}
	return b.c.out.Inform(100, nil)
}

// Stop makes a blocked Read, and every later one, fail. For any goroutine,
// once Ask was called.
func (b *body) Stop() {
	b.guard.Wake()
}

func (b *body) start(fr wire.Framing, r *message.Request) {
	b.kind, b.left = fr.Kind, fr.Length
	r.Body = message.Body{Length: fr.Length}
	if fr.Kind == wire.NoBody {
		return
	}
	r.Body.Reader = b
	if fr.Kind == wire.Chunks {
		b.chunks.Reset()
		r.Body.Trailer = b.trailer
	}
	if v, ok := r.Header.Known(message.Expect); ok && r.Version >= message.HTTP11 {
		// Whoever has sent all of it waits for nothing.
		b.expect = message.EqualFold(v, "100-continue") && !(fr.Kind == wire.Counted && int64(b.c.w-b.c.r) >= fr.Length)
	}
}

func (b *body) trailer() *message.Header {
	if len(b.chunks.Trailer.Fields) == 0 {
		return nil
	}
	return &b.chunks.Trailer
}

func (b *body) reset() {
	if b.kind != wire.NoBody || b.taken != 0 {
		b.kind, b.left, b.taken, b.expect, b.err = wire.NoBody, 0, 0, false, nil
		b.asked, b.begun = false, false
		if b.guarded {
			b.guard.Rest()
		}
	}
}

// here reports that serving the exchange can need no read: nothing of the
// content is outstanding, and the connection stays HTTP.
func (b *body) here() bool {
	c := b.c
	if c.x.Request.Header.Has(message.Upgrade) || c.x.Request.Method == "CONNECT" {
		return false
	}
	switch b.kind {
	case wire.NoBody:
		return true
	case wire.Counted:
		return int64(c.w-c.r) >= b.left
	}
	return false
}

// mayGather reports that the rest of the body is to be waited for before the
// exchange begins, and arms the guard for it.
func (b *body) mayGather() bool {
	c := b.c
	if c.raw == nil || b.kind != wire.Counted || b.left > gatherBytes || b.expect ||
		c.x.Request.Header.Has(message.Upgrade) {
		return false
	}
	b.clock()
	c.guard.Arm(c.readLimit(&c.set.BodyTimeout, int64(c.w-c.r)))
	return true
}

// clock starts the time that a body may take.
func (b *body) clock() {
	if !b.begun {
		b.begun = true
		b.c.since = b.c.front.Watch.Now()
	}
}

// Read implements io.Reader for message.Body.
func (b *body) Read(p []byte) (int, error) {
	if b.err != nil || len(p) == 0 {
		return 0, b.err
	}
	n, err := b.read(p)
	if err == io.EOF && b.kind != wire.NoBody && !b.ended() {
		err = io.ErrUnexpectedEOF
	}
	b.err = err
	return n, err
}

// Whole takes the content in one piece where it lies, if all of it has come and
// that is no more than most; nil if not. The bytes are valid until the exchange
// ends.
func (b *body) Whole(most int) []byte {
	c := b.c
	if b.left > int64(most) || b.kind != wire.Counted || b.err != nil || b.left == 0 || int64(c.w-c.r) < b.left {
		return nil
	}
	n := int(b.left)
	p := c.in[c.r : c.r+n : c.r+n]
	c.r += n
	b.left = 0
	b.take(n)
	b.err = io.EOF
	return p
}

// ended reports that the content was read to its end.
func (b *body) ended() bool {
	switch b.kind {
	case wire.Counted:
		return b.left == 0
	case wire.Chunks:
		return b.chunks.Done()
	}
	return true
}

func (b *body) read(p []byte) (int, error) {
	c := b.c
	switch b.kind {
	case wire.Counted:
		if b.left == 0 {
			return 0, io.EOF
		}
		if int64(len(p)) > b.left {
			p = p[:b.left]
		}
		var n int
		var err error
		if c.r < c.w {
			n = copy(p, c.in[c.r:c.w])
			c.r += n
		} else {
			n, err = b.fetch(p)
		}
		b.left -= int64(n)
		b.take(n)
		if err == nil && b.left == 0 {
			err = io.EOF
		}
		return n, err
	case wire.Chunks:
		for {
			if b.chunks.Done() {
				return 0, io.EOF
			}
			if c.r == c.w {
				c.room()
				n, err := b.fetch(c.in[c.w:])
				if err != nil {
					return 0, err
				}
				c.filled(n)
			}
			src := c.in[c.r:c.w]
			if rem := b.chunks.Remaining(); rem > 0 && int64(len(src)) > int64(len(p)) {
				src = src[:len(p)]
			} else if rem == 0 && len(src) > len(p) {
				// Next may run through a chunk head into payload.
				src = src[:max(1, len(p))]
			}
			data, n, err := b.chunks.Next(src)
			c.r += n
			b.take(n)
			if err != nil {
				return 0, err
			}
			if len(data) > 0 {
				return copy(p, data), nil
			}
		}
	}
	return 0, io.EOF
}

// take counts bytes consumed from the connection.
func (b *body) take(n int) {
	b.taken += int64(n)
	b.c.x.BytesIn += int64(n)
}

// fetch reads from the client, after asking for the content if it waits to be
// asked.
func (b *body) fetch(p []byte) (int, error) {
	c := b.c
	if err := b.arm(); err != nil {
		return 0, err
	}
	n, err := c.read(p, &b.guard)
	b.guard.Disarm()
	return n, err
}

// arm makes ready for reading from the client.
func (b *body) arm() error {
	if err := b.Ask(); err != nil {
		return err
	}
	b.clock()
	b.guard.Arm(b.c.readLimit(&b.c.set.BodyTimeout, b.taken))
	return nil
}

func (b *body) register() {
	if !b.guarded {
		b.guarded = true
		b.c.front.Watch.Add(&b.guard, readSide{b.c})
	}
}

// Spliceable implements exchange.SpliceSource.
func (b *body) Spliceable() int64 {
	if b.kind != wire.Counted || b.err != nil || b.c.r < b.c.w || b.c.raw == nil || b.c.secure != nil || b.c.inside {
		return 0
	}
	return b.left
}

// FillPipe implements exchange.SpliceSource.
func (b *body) FillPipe(p *pipe.Pipe) error {
	if err := b.arm(); err != nil {
		return err
	}
	for {
		n, err := p.Fill(b.c.raw, int(min(b.left, pipe.Size)))
		b.left -= int64(n)
		b.take(n)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			if err = timeout(&b.guard); err == nil {
				continue
			}
		}
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		b.guard.Disarm()
		b.err = err
		return err
	}
}

// skip drops what the exchange left unread, so that the next head can be
// found. False: that is not possible or not worth it.
func (b *body) skip() bool {
	if b.kind == wire.NoBody {
		return true
	}
	if b.err != nil && b.err != io.EOF {
		return false
	}
	if b.ended() {
		return true
	}
	if b.expect && !b.asked || b.kind == wire.Counted && b.left > skipBytes {
		return false
	}
	if b.c.inside {
		// Everything is in the buffer (here).
		b.c.r += int(b.left)
		b.left = 0
		return true
	}
	p := buffer.GetSmall()
	defer buffer.Put(p)
	for n := 0; n < skipBytes; {
		m, err := b.Read(p)
		n += m
		if err == io.EOF {
			return true
		}
		if err != nil {
			return false
		}
	}
	return b.ended()
}
