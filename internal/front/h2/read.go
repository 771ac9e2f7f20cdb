package h2

import (
	"encoding/binary"
	"errors"

	"golang.org/x/net/http2/hpack"

	"sallyport/internal/front/bridge"
	wire "sallyport/internal/wire/h2"
)

// block is a header block on its way: HEADERS and the CONTINUATION frames
// behind it, between which no other frame may come (RFC 9113 §6.10).
type block struct {
	on      bool
	id      uint32
	end     bool    // END_STREAM
	open    *stream // made by the block, or nil
	owner   *stream // whose trailer section it is, or nil
	trailer bridge.Trailer
	self    bool // depends on itself
	bytes   int  // compressed
	frames  int
	err     error
}

// frame reads one frame and acts on it. An error ends the connection.
func (c *conn) frame() error {
	for c.w-c.r < wire.HeadLen {
		if err := c.fill(); err != nil {
			return err
		}
	}
	h := wire.ParseHead(c.in[c.r:])
	if h.Length > wire.MaxFrame {
		return &fault{wire.FrameSizeError, "frame too long"}
	}
	for c.w-c.r < wire.HeadLen+h.Length {
		if err := c.fill(); err != nil {
			return err
		}
	}
	p := c.in[c.r+wire.HeadLen : c.r+wire.HeadLen+h.Length]
	c.r += wire.HeadLen + h.Length
	switch {
	case !c.greets && (h.Type != wire.Settings || h.Has(wire.Ack)):
		return &fault{wire.ProtocolError, "the first frame is not SETTINGS"}
	case c.block.on && (h.Type != wire.Continuation || h.Stream != c.block.id):
		return &fault{wire.ProtocolError, "header block interrupted"}
	case h.Stream == 0 && (h.Type <= wire.RSTStream || h.Type == wire.Continuation),
		h.Stream != 0 && (h.Type == wire.Settings || h.Type == wire.Ping || h.Type == wire.GoAway):
		return &fault{wire.ProtocolError, "frame of the wrong stream"}
	}
	switch h.Type {
	case wire.Data:
		return c.data(h, p)
	case wire.Headers:
		return c.headers(h, p)
	case wire.Continuation:
		if !c.block.on {
			return &fault{wire.ProtocolError, "CONTINUATION without HEADERS"}
		}
		c.block.frames++
		return c.fragment(p, h.Has(wire.EndHeaders))
	case wire.Priority:
		return c.priority(h, p)
	case wire.RSTStream:
		return c.rst(h, p)
	case wire.Settings:
		return c.settings(h, p)
	case wire.PushPromise:
		return &fault{wire.ProtocolError, "PUSH_PROMISE from a client"}
	case wire.Ping:
		return c.ping(h, p)
	case wire.GoAway:
		return c.goAway(p)
	case wire.WindowUpdate:
		return c.windowUpdate(h, p)
	}
	return c.vain() // a type we do not know
}

// vain counts a frame that leads nowhere.
func (c *conn) vain() error {
	c.mu.Lock()
	calm := c.calm.Frame(c.front.Watch.Now())
	c.mu.Unlock()
	if !calm {
		return &fault{wire.EnhanceYourCalm, "too many frames that lead nowhere"}
	}
	return nil
}

func (c *conn) headers(h wire.Head, p []byte) error {
	p, depends, code := wire.Body(h, p)
	if code != wire.NoError {
		return &fault{code, "malformed HEADERS"}
	}
	b := &c.block
	*b = block{on: true, id: h.Stream, end: h.Has(wire.EndStream)}
	b.self = h.Has(wire.HasPriority) && depends == h.Stream
	if !h.Has(wire.EndHeaders) {
		c.guard.Arm(c.set.Timeout)
	}
	c.mu.Lock()
	s := c.streams[h.Stream]
	switch {
	case h.Stream%2 == 0:
		c.mu.Unlock()
		return &fault{wire.ProtocolError, "stream of an even number"}
	case s != nil && s.remoteEnd:
		c.mu.Unlock()
		return &fault{wire.StreamClosed, "HEADERS behind the end of a stream"}
	case s != nil:
		b.owner = s
	case h.Stream > c.last:
		c.last = h.Stream
		switch {
		case c.away:
			// Our GOAWAY has told that nobody looks at it any more.
		case c.open >= c.h2.MaxStreams, c.heads > headBudget:
			if !c.calm.Reset(c.front.Watch.Now()) {
				c.mu.Unlock()
				return &fault{wire.EnhanceYourCalm, "too many requests at a time, again and again"}
			}
			c.reset(h.Stream, wire.RefusedStream)
		default:
			// Streams that were reset may still be busy. Where too many are,
			// the client waits for them, unread.
			for c.busy >= 2*c.h2.MaxStreams && !c.dead {
				c.idle.Wait()
			}
			b.open = c.newStream(h.Stream)
		}
	case !c.resets.has(h.Stream):
		c.mu.Unlock()
		return &fault{wire.StreamClosed, "HEADERS on a closed stream"}
	}
	c.mu.Unlock()
	return c.fragment(p, h.Has(wire.EndHeaders))
}

// fragment decodes a part of the header block. What belongs to no stream is
// decoded too: the tables of both sides must stay the same.
func (c *conn) fragment(p []byte, last bool) error {
	b := &c.block
	b.bytes += len(p)
	if b.bytes > c.limit || b.frames > 2+c.limit/1024 {
		c.drop(b.open)
		return &fault{wire.EnhanceYourCalm, "header block too long"}
	}
	_, err := c.dec.Write(p)
	if err == nil && last {
		err = c.dec.Close()
	}
	if errors.Is(err, hpack.ErrStringLength) {
		c.drop(b.open)
		return &fault{wire.EnhanceYourCalm, "header field too long"}
	}
	if err != nil {
		c.drop(b.open)
		return &fault{wire.CompressionError, err.Error()}
	}
	if !last {
		return nil
	}
	b.on = false
	switch {
	case b.self && (b.open != nil || b.owner != nil):
		return c.streamFault(b.id, wire.ProtocolError, "a stream that depends on itself")
	case b.open != nil:
		return c.opened(b.open, b.end)
	case b.owner != nil && !b.end:
		return c.streamFault(b.id, wire.ProtocolError, "HEADERS in the middle of content")
	case b.owner != nil && b.err != nil:
		return c.streamFault(b.id, wire.ProtocolError, b.err.Error())
	case b.owner != nil:
		return c.remoteEnded(b.id, &b.trailer)
	}
	c.mu.Lock()
	c.quieted()
	c.mu.Unlock()
	return nil
}

// drop lets go of a stream whose header block never came to its end.
func (c *conn) drop(s *stream) {
	if s != nil {
		c.mu.Lock()
		c.forget(s)
		c.recycle(s)
		c.mu.Unlock()
	}
}

// field gets each field of a header block from the decoder.
func (c *conn) field(f hpack.HeaderField) {
	switch b := &c.block; {
	case b.open != nil:
		b.open.head.Add(&b.open.x.Request, f.Name, f.Value, c.limit)
	case b.owner != nil && b.err == nil:
		b.err = b.trailer.Add(f.Name, f.Value, c.limit)
	}
}

// streamFault ends a stream whose client breaks the rules, and the connection
// where it does so again and again.
func (c *conn) streamFault(id uint32, code wire.Code, why string) error {
	c.log("stream %d reset with %s: %s", id, code, why)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch s := c.streams[id]; {
	case s == nil:
		c.reset(id, code)
	case s.started:
		c.resetStream(s, code)
		s.fail(errBroken)
	default: // nobody serves it
		c.forget(s)
		c.recycle(s)
		c.reset(id, code)
	}
	c.quieted()
	c.missteps++
	if m := c.h2.MaxErrors; m > 0 && c.missteps > m || !c.calm.Reset(c.front.Watch.Now()) {
		return &fault{wire.EnhanceYourCalm, "too many stream errors"}
	}
	return nil
}

func (c *conn) data(h wire.Head, p []byte) error {
	data, _, code := wire.Body(h, p)
	if code != wire.NoError {
		return &fault{code, "malformed DATA"}
	}
	c.mu.Lock()
	c.inWindow -= int64(h.Length)
	if c.inWindow < 0 {
		c.mu.Unlock()
		return &fault{wire.FlowControlError, "more content than the window of the connection allows"}
	}
	s := c.streams[h.Stream]
	if s == nil || s.remoteEnd || s.err != nil {
		c.credit(nil, h.Length)
		known := h.Stream <= c.last && (s != nil && s.err != nil || c.resets.has(h.Stream))
		idle := h.Stream > c.last
		c.mu.Unlock()
		switch {
		case known && len(data) == 0:
			return c.vain()
		case known:
			return nil // it was on its way when we reset the stream
		case idle:
			return &fault{wire.ProtocolError, "DATA on an idle stream"}
		}
		return &fault{wire.StreamClosed, "DATA on a closed stream"}
	}
	s.inWindow -= int64(h.Length)
	end := h.Has(wire.EndStream)
	var wrong string
	code = wire.ProtocolError
	switch {
	case s.inWindow < 0:
		code, wrong = wire.FlowControlError, "more content than the window of the stream allows"
	case s.left >= 0 && int64(len(data)) > s.left:
		wrong = "more content than announced"
	}
	if wrong != "" {
		c.credit(nil, h.Length)
		c.mu.Unlock()
		return c.streamFault(h.Stream, code, wrong)
	}
	if s.left >= 0 {
		s.left -= int64(len(data))
	}
	c.credit(s, h.Length-len(data)) // padding is used up at once
	s.in = append(s.in, data...)
	s.bytesIn += int64(wire.HeadLen + h.Length)
	s.cond.Broadcast()
	c.mu.Unlock()
	if end {
		return c.remoteEnded(h.Stream, nil)
	}
	if len(data) == 0 {
		return c.vain()
	}
	return nil
}

// remoteEnded: the client has sent the last of a stream, with a trailer section
// or without.
func (c *conn) remoteEnded(id uint32, t *bridge.Trailer) error {
	c.mu.Lock()
	s := c.streams[id]
	if s == nil { // its exchange has just ended it
		c.mu.Unlock()
		return nil
	}
	if s.left > 0 {
		c.mu.Unlock()
		return c.streamFault(id, wire.ProtocolError, "less content than announced")
	}
	if t != nil {
		s.trailer = *t
	}
	s.remoteEnd = true
	s.cond.Broadcast()
	if s.localEnd {
		c.forget(s)
	}
	c.quieted()
	c.mu.Unlock()
	return nil
}

func (c *conn) priority(h wire.Head, p []byte) error {
	if len(p) != 5 {
		return c.streamFault(h.Stream, wire.FrameSizeError, "malformed PRIORITY")
	}
	if binary.BigEndian.Uint32(p)&wire.MaxWindow == h.Stream {
		return c.streamFault(h.Stream, wire.ProtocolError, "a stream that depends on itself")
	}
	return c.vain()
}

func (c *conn) rst(h wire.Head, p []byte) error {
	if len(p) != 4 {
		return &fault{wire.FrameSizeError, "malformed RST_STREAM"}
	}
	c.mu.Lock()
	if h.Stream > c.last {
		c.mu.Unlock()
		return &fault{wire.ProtocolError, "RST_STREAM on an idle stream"}
	}
	s := c.streams[h.Stream]
	if s == nil {
		c.mu.Unlock()
		return c.vain()
	}
	calm := s.answered || c.calm.Reset(c.front.Watch.Now())
	c.forget(s)
	s.fail(errGone)
	c.quieted()
	c.mu.Unlock()
	if !calm {
		return &fault{wire.EnhanceYourCalm, "too many requests taken back"}
	}
	return nil
}

func (c *conn) settings(h wire.Head, p []byte) error {
	if h.Has(wire.Ack) {
		if len(p) > 0 {
			return &fault{wire.FrameSizeError, "SETTINGS acknowledged with content"}
		}
		return nil
	}
	if c.greets {
		if err := c.vain(); err != nil {
			return err
		}
	}
	c.greets = true
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.heed(p); err != nil {
		return err
	}
	c.write.out = wire.AppendHead(c.write.room(), wire.Head{Type: wire.Settings, Flags: wire.Ack})
	return c.control()
}

// heed takes the client's parameters over. Under the lock.
func (c *conn) heed(p []byte) error {
	var err error
	code := wire.ParseSettings(p, func(k wire.Setting, v uint32) {
		switch k {
		case wire.HeaderTableSize:
			c.write.enc.SetMaxDynamicTableSize(v) // at most 4096: the encoder's own limit
		case wire.InitialWindowSize:
			delta := int64(v) - c.initial
			c.initial = int64(v)
			for _, s := range c.streams {
				s.window += delta
				if s.window > wire.MaxWindow {
					err = &fault{wire.FlowControlError, "window too large"}
				}
				s.cond.Broadcast()
			}
		}
	})
	if code != wire.NoError {
		return &fault{code, "malformed SETTINGS"}
	}
	return err
}

func (c *conn) ping(h wire.Head, p []byte) error {
	if len(p) != 8 {
		return &fault{wire.FrameSizeError, "malformed PING"}
	}
	if h.Has(wire.Ack) {
		return nil
	}
	if err := c.vain(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.write.out = wire.AppendHead(c.write.room(), wire.Head{Length: 8, Type: wire.Ping, Flags: wire.Ack})
	c.write.out = append(c.write.out, p...)
	return c.control()
}

func (c *conn) goAway(p []byte) error {
	if len(p) < 8 {
		return &fault{wire.FrameSizeError, "malformed GOAWAY"}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bye = true
	if c.open == 0 && c.busy == 0 {
		return errIdle
	}
	return nil
}

func (c *conn) windowUpdate(h wire.Head, p []byte) error {
	if len(p) != 4 {
		return &fault{wire.FrameSizeError, "malformed WINDOW_UPDATE"}
	}
	n := int64(binary.BigEndian.Uint32(p) & wire.MaxWindow)
	c.mu.Lock()
	if h.Stream == 0 {
		defer c.mu.Unlock()
		if n == 0 {
			return &fault{wire.ProtocolError, "WINDOW_UPDATE of 0"}
		}
		c.window += n
		if c.window > wire.MaxWindow {
			return &fault{wire.FlowControlError, "window too large"}
		}
		c.write.wakeNext()
		return nil
	}
	s := c.streams[h.Stream]
	if s == nil {
		idle := h.Stream > c.last
		c.mu.Unlock()
		if idle {
			return &fault{wire.ProtocolError, "WINDOW_UPDATE on an idle stream"}
		}
		return nil // it may have crossed the end of the stream
	}
	s.window += n
	s.cond.Broadcast()
	over := s.window > wire.MaxWindow
	c.mu.Unlock()
	switch {
	case n == 0:
		return c.streamFault(h.Stream, wire.ProtocolError, "WINDOW_UPDATE of 0")
	case over:
		return c.streamFault(h.Stream, wire.FlowControlError, "window too large")
	}
	return nil
}

// opened: the header section of a new stream is complete.
func (c *conn) opened(s *stream, end bool) error {
	x := s.x
	x.BytesIn = int64(wire.HeadLen*(1+c.block.frames) + c.block.bytes)
	s.remoteEnd = end
	tunnel, err := s.head.Request(x, c.set, c.h2.WebSockets, end)
	var m bridge.Malformed
	if errors.As(err, &m) {
		return c.streamFault(s.id, wire.ProtocolError, m.Error())
	}
	s.tunnel = tunnel
	s.left = -1
	if x.Request.Body.Length > 0 || x.Request.Body.Length == 0 && !tunnel {
		s.left = x.Request.Body.Length
	}
	if !end && !tunnel && err == nil {
		x.Request.Body.Reader = (*body)(s)
		x.Request.Body.Trailer = s.trailers
		s.expect = expects(x)
	}
	s.refusal = err
	c.mu.Lock()
	s.started = true
	c.busy++
	c.heads += s.head.Size()
	c.guard.Disarm()
	c.mu.Unlock()
	s.run()
	return nil
}
