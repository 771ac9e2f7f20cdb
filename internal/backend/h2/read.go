package h2

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/net/http2/hpack"

	wire "sallyport/internal/wire/h2"
)

// connError ends a session because of what the backend sent.
type connError struct {
	code wire.Code
	why  string
}

func (e *connError) Error() string { return "HTTP/2 " + e.code.String() + ": " + e.why }

func bad(code wire.Code, why string) error { return &connError{code, why} }

// errNotHTTP2 is the answer of a backend that does not speak it.
var errNotHTTP2 = errors.New("the backend does not speak HTTP/2 here")

// read reads frames until the connection ends.
func (s *session) read() error {
	var head [wire.HeadLen]byte
	payload := make([]byte, wire.MaxFrame)
	for first := true; ; first = false {
		if _, err := io.ReadFull(s.br, head[:]); err != nil {
			return err
		}
		h := wire.ParseHead(head[:])
		if first && (h.Type != wire.Settings || h.Flags&wire.Ack != 0 || h.Stream != 0 || h.Length > wire.MaxFrame) {
			return errNotHTTP2
		}
		if h.Length > wire.MaxFrame {
			return bad(wire.FrameSizeError, "a frame larger than allowed")
		}
		p := payload[:h.Length]
		if _, err := io.ReadFull(s.br, p); err != nil {
			return err
		}
		if err := s.take(h, p); err != nil {
			return err
		}
	}
}

// take acts on one frame.
func (s *session) take(h wire.Head, p []byte) error {
	if s.in.open && (h.Type != wire.Continuation || h.Stream != s.in.id) {
		return bad(wire.ProtocolError, "a header block was interrupted")
	}
	switch h.Type {
	case wire.Data:
		return s.takeData(h, p)
	case wire.Headers:
		return s.takeHeaders(h, p)
	case wire.Continuation:
		if !s.in.open {
			return bad(wire.ProtocolError, "CONTINUATION without HEADERS")
		}
		return s.more(p, h.Has(wire.EndHeaders))
	case wire.RSTStream:
		if len(p) != 4 || h.Stream == 0 {
			return bad(wire.FrameSizeError, "RST_STREAM")
		}
		s.takeReset(h.Stream, wire.Code(binary.BigEndian.Uint32(p)))
	case wire.Settings:
		return s.takeSettings(h, p)
	case wire.Ping:
		if len(p) != 8 || h.Stream != 0 {
			return bad(wire.FrameSizeError, "PING")
		}
		if h.Has(wire.Ack) {
			s.mu.Lock()
			s.pings++
			s.begun.Broadcast()
			s.mu.Unlock()
			return nil
		}
		if err := s.vain(); err != nil {
			return err
		}
		return s.tell(func(b []byte) []byte {
			return append(wire.AppendHead(b, wire.Head{Length: 8, Type: wire.Ping, Flags: wire.Ack}), p...)
		})
	case wire.GoAway:
		if len(p) < 8 || h.Stream != 0 {
			return bad(wire.FrameSizeError, "GOAWAY")
		}
		return s.takeGoAway(binary.BigEndian.Uint32(p)&wire.MaxWindow, wire.Code(binary.BigEndian.Uint32(p[4:])))
	case wire.WindowUpdate:
		if len(p) != 4 {
			return bad(wire.FrameSizeError, "WINDOW_UPDATE")
		}
		return s.takeWindow(h.Stream, int64(binary.BigEndian.Uint32(p)&wire.MaxWindow))
	case wire.PushPromise:
		return bad(wire.ProtocolError, "PUSH_PROMISE, which was switched off")
	}
	return s.vain() // PRIORITY and what is not known
}

// vain counts a frame that leads nowhere.
func (s *session) vain() error {
	s.mu.Lock()
	calm := s.calm.Frame(s.group.watch().Now())
	s.mu.Unlock()
	if !calm {
		return bad(wire.EnhanceYourCalm, "too many frames that lead nowhere")
	}
	return nil
}

func (s *session) takeData(h wire.Head, p []byte) error {
	data, _, code := wire.Body(h, p)
	if code != wire.NoError || h.Stream == 0 {
		return bad(max(code, wire.ProtocolError), "DATA")
	}
	if s.unseen += h.Length; s.unseen >= connUpdate {
		n := s.unseen
		s.unseen = 0
		if err := s.credit(0, n); err != nil {
			return err
		}
	}
	s.mu.Lock()
	s.readAt = time.Now()
	st := s.streams[h.Stream]
	if st == nil {
		idle := h.Stream&1 == 0 || h.Stream >= s.next
		s.mu.Unlock()
		if idle {
			return bad(wire.ProtocolError, "DATA of a stream that was never begun")
		}
		if len(data) == 0 {
			return s.vain()
		}
		return nil // one that we gave up
	}
	code = st.data(data, h.Length, h.Has(wire.EndStream))
	s.mu.Unlock()
	switch {
	case code != wire.NoError:
		return s.reset(h.Stream, code)
	case len(data) == 0 && !h.Has(wire.EndStream):
		return s.vain()
	}
	return nil
}

func (s *session) takeReset(id uint32, code wire.Code) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readAt = time.Now()
	if st := s.streams[id]; st != nil {
		st.wasReset(code)
	}
}

func (s *session) takeSettings(h wire.Head, p []byte) error {
	if h.Stream != 0 || h.Has(wire.Ack) && len(p) > 0 {
		return bad(wire.ProtocolError, "SETTINGS")
	}
	if h.Has(wire.Ack) {
		return nil
	}
	if err := s.vain(); err != nil {
		return err
	}
	s.mu.Lock()
	code := wire.ParseSettings(p, func(k wire.Setting, v uint32) {
		switch k {
		case wire.HeaderTableSize:
			s.table = min(s.table, int(min(v, tableSize)))
		case wire.MaxConcurrentStreams:
			s.max = int(min(v, 1<<20))
		case wire.InitialWindowSize:
			for _, st := range s.streams {
				st.window += int64(v) - s.initial
				st.news()
			}
			s.initial = int64(v)
		case wire.EnableConnectProtocol:
			s.connect = v == 1
		}
	})
	s.ready = true
	s.begun.Broadcast()
	s.mu.Unlock()
	if code != wire.NoError {
		return bad(code, "SETTINGS")
	}
	s.group.wake()
	return s.tell(func(b []byte) []byte {
		return wire.AppendHead(b, wire.Head{Type: wire.Settings, Flags: wire.Ack})
	})
}

// takeGoAway: streams above last were not looked at and may be sent again.
func (s *session) takeGoAway(last uint32, code wire.Code) error {
	s.mu.Lock()
	s.closing = true
	s.last = min(s.last, last)
	for id, st := range s.streams {
		if id > s.last {
			st.broken(fmt.Errorf("HTTP/2 GOAWAY (%v)", code), true)
		}
	}
	idle := s.places == 0
	s.mu.Unlock()
	s.group.wake() // whoever waits for a place here needs another connection
	if idle {
		return errGone
	}
	return nil
}

func (s *session) takeWindow(id uint32, n int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id == 0 {
		if s.window += n; s.window > wire.MaxWindow || n == 0 {
			return bad(wire.FlowControlError, "the connection's window")
		}
		for _, st := range s.streams {
			if st.starved {
				st.news()
			}
		}
		return nil
	}
	st := s.streams[id]
	if st == nil {
		return nil
	}
	if st.window += n; st.window > wire.MaxWindow || n == 0 {
		st.broken(bad(wire.FlowControlError, "the stream's window"), false)
	}
	st.news()
	return nil
}

// incoming is a header block on its way in.
type incoming struct {
	open   bool // CONTINUATION must follow
	id     uint32
	end    bool // END_STREAM
	frames int
	block  []byte
	head   head
}

// maxContinued bounds the frames of one block.
const maxContinued = 64

func (s *session) takeHeaders(h wire.Head, p []byte) error {
	block, _, code := wire.Body(h, p)
	if code != wire.NoError || h.Stream == 0 {
		return bad(max(code, wire.ProtocolError), "HEADERS")
	}
	s.in.open, s.in.id, s.in.end, s.in.frames = true, h.Stream, h.Has(wire.EndStream), 0
	s.in.block = s.in.block[:0]
	s.in.head = head{}
	return s.more(block, h.Has(wire.EndHeaders))
}

// more takes a piece of the block, and with the last one decodes it: every
// block, for the sake of the table.
func (s *session) more(p []byte, last bool) error {
	in := &s.in
	if in.frames++; in.frames > maxContinued || len(in.block)+len(p) > maxHead {
		return bad(wire.EnhanceYourCalm, "a header block too large")
	}
	if !last {
		in.block = append(in.block, p...)
		return nil
	}
	if len(in.block) > 0 {
		p = append(in.block, p...)
	}
	if _, err := s.dec.Write(p); err != nil {
		return bad(wire.CompressionError, err.Error())
	}
	if err := s.dec.Close(); err != nil {
		return bad(wire.CompressionError, err.Error())
	}
	in.open = false
	if cap(in.block) > writeBuffer {
		in.block = nil
	}
	return s.takeHead()
}

// emit gets the fields from the decoder.
func (s *session) emit(f hpack.HeaderField) { s.in.head.add(f.Name, f.Value) }

// takeHead hands a header block to its stream.
func (s *session) takeHead() error {
	in := &s.in
	hd := in.head
	in.head = head{}
	s.mu.Lock()
	s.readAt = time.Now()
	st := s.streams[in.id]
	if st == nil {
		idle := in.id&1 == 0 || in.id >= s.next
		s.mu.Unlock()
		if idle {
			return bad(wire.ProtocolError, "HEADERS of a stream that was never begun")
		}
		return nil
	}
	code := st.headers(&hd, in.end)
	s.mu.Unlock()
	if code != wire.NoError {
		return s.reset(in.id, code)
	}
	return nil
}
