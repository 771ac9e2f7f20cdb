package h2

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2/hpack"

	"sallyport/internal/backend"
	"sallyport/internal/watch"
	wire "sallyport/internal/wire/h2"
)

// Sizes in bytes.
const (
	windowSize  = 256 << 10 // of a stream, what may wait for its client
	connWindow  = 16 << 20  // of the connection
	connUpdate  = 1 << 20   // what came before it is opened again
	maxHead     = 1 << 20   // of a header block, decoded
	tableSize   = 4096      // of HPACK, both ways
	writeBuffer = 32 << 10
	maxControl  = 64 << 10 // of control frames that the backend does not take
)

// assumed is how many streams a backend takes that does not say.
const assumed = 100

// shortWrite bounds a write where the worker has no time-out.
const shortWrite = time.Minute

// goodbyeFor bounds the last words to a backend that may not be reading.
const goodbyeFor = time.Second

// session is one HTTP/2 connection to a backend. A goroutine reads it until it
// ends.
type session struct {
	nc    net.Conn
	group *group
	name  string        // see group.get
	port  string        // our own, in text
	limit time.Duration // of a write

	wmu    sync.Mutex // writing
	queued atomic.Int32
	bw     *bufio.Writer
	frame  []byte
	block  bytes.Buffer
	enc    *hpack.Encoder

	mu      sync.Mutex
	streams map[uint32]*stream
	next    uint32
	ready   bool  // the backend's SETTINGS have come
	places  int   // taken: streams, and those about to be
	max     int   // streams the backend takes at a time
	initial int64 // send window of a new stream
	window  int64 // send window of the connection
	connect bool  // RFC 8441
	closing bool  // no new streams
	last    uint32
	err     error // it is over
	idleAt  time.Time
	ttl     time.Duration // idle longer than this it is not used again; 0: no limit
	readAt  time.Time
	pings   int // answered
	begun   sync.Cond
	control []byte // control frames that wait to be written; see tell
	telling bool   // a goroutine writes them
	leaving bool   // and closes the connection behind the last
	table   int    // the smallest HPACK table the backend asked for
	calm    watch.Calm

	// The reader's own.
	br     *bufio.Reader
	dec    *hpack.Decoder
	unseen int // bytes of data the connection's window lacks
	in     incoming
}

// errGone is the end of a session that nobody needs any more.
var errGone = errors.New("connection given up")

// start begins a session on a connection and waits for the backend's SETTINGS,
// until the deadline. On an error the connection is closed.
func start(nc net.Conn, g *group, name string, w *backend.Worker) (*session, error) {
	s := &session{
		nc: nc, group: g, name: name, limit: w.Timeout,
		bw: bufio.NewWriterSize(nc, writeBuffer), br: bufio.NewReaderSize(nc, writeBuffer),
		streams: map[uint32]*stream{}, next: 1, max: assumed, initial: 65535, window: 65535,
		idleAt: time.Now(), readAt: time.Now(), last: wire.MaxWindow, table: tableSize,
		places: 1, // the caller's
	}
	if s.limit <= 0 {
		s.limit = shortWrite
	}
	if t, ok := nc.LocalAddr().(*net.TCPAddr); ok {
		s.port = fmt.Sprint(t.Port)
	} else {
		s.port = "0"
	}
	s.begun.L = &s.mu
	s.calm.Begin(g.watch().Now())
	s.enc = hpack.NewEncoder(&s.block)
	s.dec = hpack.NewDecoder(tableSize, s.emit)
	s.dec.SetMaxStringLength(maxHead)
	b := append([]byte(nil), wire.Preface...)
	var p []byte
	p = wire.AppendSetting(p, wire.EnablePush, 0)
	p = wire.AppendSetting(p, wire.InitialWindowSize, windowSize)
	p = wire.AppendSetting(p, wire.MaxHeaderListSize, maxHead)
	b = wire.AppendHead(b, wire.Head{Length: len(p), Type: wire.Settings})
	b = append(b, p...)
	b = wire.AppendUint32Frame(b, wire.WindowUpdate, 0, connWindow-65535)
	nc.SetDeadline(time.Now().Add(s.limit))
	if _, err := nc.Write(b); err != nil {
		nc.Close()
		return nil, err
	}
	go s.run()
	s.mu.Lock()
	for !s.ready && s.err == nil {
		s.begun.Wait()
	}
	err := s.err
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	nc.SetDeadline(time.Time{})
	return s, nil
}

// run reads until the session ends.
func (s *session) run() {
	err := s.read()
	if c, ok := errors.AsType[*connError](err); ok {
		s.goodbye(err, c.code)
		return
	}
	s.fail(err)
}

// fail ends the session and all its streams, once.
func (s *session) fail(err error) {
	s.mu.Lock()
	s.over(err)
	s.mu.Unlock()
	s.nc.Close()
	s.group.drop(s)
}

// over ends all streams and lets none begin. Under mu.
func (s *session) over(err error) {
	if s.err != nil {
		return
	}
	s.err, s.closing = err, true
	for _, st := range s.streams {
		st.broken(err, false)
	}
	s.begun.Broadcast()
}

// write lets f append frames and sends them. Of several that write at once the
// last one flushes for all.
func (s *session) write(f func(b []byte) []byte) error {
	s.queued.Add(1)
	s.wmu.Lock()
	s.frame = f(s.frame[:0])
	_, err := s.bw.Write(s.frame)
	if s.queued.Add(-1) == 0 && err == nil {
		err = s.flush()
	}
	s.wmu.Unlock()
	if err != nil {
		s.fail(err)
	}
	return err
}

// flush sends what waits. Under wmu.
func (s *session) flush() error {
	if s.bw.Buffered() == 0 {
		return nil
	}
	s.nc.SetWriteDeadline(time.Now().Add(s.limit))
	return s.bw.Flush()
}

// tell has a control frame written by somebody else: neither the reader nor
// what waits for an answer may wait for a backend that does not read. It fails
// when the backend takes none of them.
func (s *session) tell(f func(b []byte) []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.control) > maxControl {
		return bad(wire.EnhanceYourCalm, "the backend does not take the answers it asks for")
	}
	s.control = f(s.control)
	s.kick()
	return nil
}

// kick starts the writing of control frames. Under mu.
func (s *session) kick() {
	if !s.telling {
		s.telling = true
		go s.flushControl()
	}
}

// flushControl writes until no control frame waits.
func (s *session) flushControl() {
	for more := true; more; {
		err := s.write(func(b []byte) []byte {
			s.mu.Lock()
			defer s.mu.Unlock()
			b = append(b, s.control...)
			s.control = s.control[:0]
			s.enc.SetMaxDynamicTableSizeLimit(uint32(s.table)) // before the backend hears that we know
			return b
		})
		s.mu.Lock()
		more = err == nil && len(s.control) > 0
		if !more {
			s.control, s.telling = nil, false
		}
		leave := s.leaving && !more
		s.mu.Unlock()
		if leave {
			s.nc.Close()
		}
	}
}

// reset ends a stream from our side.
func (s *session) reset(id uint32, code wire.Code) error {
	return s.tell(func(b []byte) []byte { return wire.AppendUint32Frame(b, wire.RSTStream, id, uint32(code)) })
}

// credit lets the backend send n more bytes of a stream, or with id 0 of the
// connection.
func (s *session) credit(id uint32, n int) error {
	return s.tell(func(b []byte) []byte { return wire.AppendUint32Frame(b, wire.WindowUpdate, id, uint32(n)) })
}

// goodbye ends all streams, tells the backend why, and closes the connection.
// It does not wait; whoever still writes gets a moment.
func (s *session) goodbye(err error, code wire.Code) {
	s.mu.Lock()
	s.over(err)
	s.control = wire.AppendGoAway(s.control, 0, code)
	s.leaving = true
	s.kick()
	s.mu.Unlock()
	time.AfterFunc(goodbyeFor, func() { s.nc.Close() })
	s.group.drop(s)
}

// usable reports whether a stream may begin. Under mu.
func (s *session) usable() bool { return !s.closing && s.places < s.max && s.next < wire.MaxWindow-2 }

// close ends a session without streams.
func (s *session) close() { s.goodbye(errGone, wire.NoError) }

// alive asks an idle connection for a sign of life, within d.
func (s *session) alive(d time.Duration) bool {
	s.mu.Lock()
	was := s.pings
	s.mu.Unlock()
	late := time.AfterFunc(d, func() {
		s.mu.Lock()
		s.begun.Broadcast()
		s.mu.Unlock()
	})
	defer late.Stop()
	until := time.Now().Add(d)
	err := s.tell(func(b []byte) []byte {
		return append(wire.AppendHead(b, wire.Head{Length: 8, Type: wire.Ping}), "are you?"...)
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	for err == nil && s.pings == was && s.err == nil && time.Now().Before(until) {
		s.begun.Wait()
	}
	return err == nil && s.pings != was && s.err == nil
}

// lost reports that the connection was lost with a stream that was silent from
// since on: what never answers is not asked again.
func (s *session) lost(since time.Time) {
	s.mu.Lock()
	silent := s.readAt.Before(since)
	if silent {
		s.closing = true
	}
	idle := silent && s.places == 0
	s.mu.Unlock()
	if idle {
		s.close()
	}
}
