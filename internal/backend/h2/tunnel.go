package h2

import (
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"time"

	"sallyport/internal/backend/tunnel"
	"sallyport/internal/exchange"
	"sallyport/internal/fault"
	"sallyport/internal/message"
)

// switched makes the answer to an extended CONNECT what the same backend would
// have answered over HTTP/1.1 (RFC 8441 §5).
func (st *stream) switched(out *message.Response) {
	out.Status, out.Reason = 101, message.ReasonOf(101)
	out.Header.DelKnown(message.ContentLength)
	out.Header.AddKnown(message.Upgrade, st.req.Upgrade)
	out.Header.AddKnown(message.Connection, "Upgrade")
	if key, ok := st.req.Header.Find("Sec-WebSocket-Key"); ok {
		sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) // RFC 6455 §4.2.2
		out.Header.Add("Sec-WebSocket-Accept", base64.StdEncoding.EncodeToString(sum[:]))
	}
	out.Body = message.Body{Length: 0}
}

// Tunnel implements backend.Reply.
func (st *stream) Tunnel(x *exchange.Exchange, idle time.Duration, halfClose bool) *fault.Fault {
	defer st.release()
	if !st.connect {
		return &fault.Fault{Kind: fault.BadUpgrade, Begun: true}
	}
	st.guard.Disarm()
	e := &ends{st: st}
	defer e.stop()
	_, _, f := tunnel.Run(x, e, nil, idle, halfClose)
	return f
}

// ends is the stream as a byte stream with deadlines: tunnel.End.
type ends struct {
	st          *stream
	read, write late
}

// late is one deadline. Under the session's mu.
type late struct {
	at    time.Time
	timer *time.Timer
}

func (l *late) passed() bool { return !l.at.IsZero() && !time.Now().Before(l.at) }

func (e *ends) set(l *late, at time.Time) error {
	s := e.st.s
	s.mu.Lock()
	defer s.mu.Unlock()
	l.at = at
	d := time.Until(at)
	switch {
	case at.IsZero():
		if l.timer != nil {
			l.timer.Stop()
		}
	case d <= 0:
		e.st.news()
	case l.timer == nil:
		l.timer = time.AfterFunc(d, func() {
			s.mu.Lock()
			e.st.news()
			s.mu.Unlock()
		})
	default:
		l.timer.Reset(d)
	}
	return nil
}

// SetReadDeadline bounds reading.
func (e *ends) SetReadDeadline(t time.Time) error { return e.set(&e.read, t) }

// SetWriteDeadline bounds writing.
func (e *ends) SetWriteDeadline(t time.Time) error { return e.set(&e.write, t) }

func (e *ends) stop() {
	e.set(&e.read, time.Time{})
	e.set(&e.write, time.Time{})
}

// Read returns content; the end of the backend's half is io.EOF.
func (e *ends) Read(p []byte) (int, error) {
	st := e.st
	s := st.s
	if len(st.cur) == 0 {
		s.mu.Lock()
		for len(st.chunks) == 0 {
			var err error
			switch {
			case e.read.passed():
				err = os.ErrDeadlineExceeded
			case st.err != nil:
				err = st.err
			case st.ended:
				err = io.EOF
			}
			if err != nil {
				s.mu.Unlock()
				return 0, err
			}
			st.cond.Wait()
		}
		s.mu.Unlock()
	}
	b, err := st.content(len(p))
	return copy(p, b), err
}

// Write sends content, as fast as the windows allow.
func (e *ends) Write(p []byte) (int, error) {
	st := e.st
	s := st.s
	for n := 0; n < len(p); {
		s.mu.Lock()
		m := int64(0)
		for {
			if st.err != nil || st.stopped || st.closed {
				s.mu.Unlock()
				return n, errors.New("write tunnel: the backend takes no more")
			}
			if m = min(int64(len(p)-n), st.window, s.window, firstData); m > 0 {
				break
			}
			if e.write.passed() {
				s.mu.Unlock()
				return n, os.ErrDeadlineExceeded
			}
			st.starved = true
			st.cond.Wait()
			st.starved = false
		}
		st.window -= m
		s.window -= m
		s.calm.Given()
		s.mu.Unlock()
		piece := p[n : n+int(m)]
		if err := s.write(func(b []byte) []byte { return appendData(b, st.id, piece, false) }); err != nil {
			return n, err
		}
		n += int(m)
	}
	return len(p), nil
}

// CloseWrite ends our half.
func (e *ends) CloseWrite() error {
	e.st.finish(nil)
	return nil
}

// Close leaves the rest to release.
func (e *ends) Close() error { return nil }
