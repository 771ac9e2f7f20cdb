package h3

import (
	"bufio"
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/quic-go/qpack"
	"github.com/quic-go/quic-go"

	"sallyport/internal/clock"
	"sallyport/internal/exchange"
	"sallyport/internal/front/bridge"
	"sallyport/internal/message"
	h1 "sallyport/internal/wire/h1"
)

// stream is one request and its response.
type stream struct {
	c       *conn
	qs      *quic.Stream
	r       reader
	x       *exchange.Exchange
	set     *exchange.ServerSettings
	head    bridge.Head
	trailer bridge.Trailer
	tunnel  bool
	expect  bool
	left    int64 // of the announced content; -1: not announced
	bodyErr error // how reading the content ended
	out     response

	mu      sync.Mutex
	gone    bool // the client wants no answer any more
	stopped bool // body.Stop was called
	waker   exchange.Waker
}

var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 4<<10) }}

// stream serves one stream.
func (c *conn) stream(qs *quic.Stream) {
	s := &stream{c: c, qs: qs, left: -1}
	s.r.b = readers.Get().(*bufio.Reader)
	s.r.b.Reset(qs)
	defer func() {
		s.r.b.Reset(nil)
		readers.Put(s.r.b)
		c.left()
	}()
	qs.SetReadDeadline(time.Now().Add(c.set.Timeout))
	refusal, err := s.request()
	if err != nil {
		s.abort(err)
		return
	}
	stop := context.AfterFunc(qs.Context(), s.leave)
	client := c.client.ForStream()
	client.Stream = uint64(qs.StreamID())
	v := c.visit.Stream(client)
	s.x.Client = client
	s.set = v.Enter()
	if refusal != nil {
		v.Refuse(s.x, refusal.Status, refusal.Error())
	} else {
		v.Serve(s.x)
	}
	v.Leave()
	v.Bye()
	stop()
	s.finish()
}

// request reads the head of the request. A Problem is to be answered, an error
// ends the stream or the connection.
func (s *stream) request() (*h1.Problem, error) {
	typ, err := s.r.want()
	if err != nil {
		return nil, err
	}
	if typ != frameHeaders {
		return nil, &fault{errFrameUnexpected, false, "content before a header"}
	}
	x := exchange.Get()
	s.x = x
	x.Received = clock.Now()
	x.Down = &s.out
	x.Request.Version = message.HTTP3
	s.out.s = s
	p, err := s.r.payload(s.c.limit)
	if errors.Is(err, errTooLarge) {
		// Fields may be many and short on the wire; more than this is refused
		// unread.
		x.Request.Method, x.Request.Target, x.RawPath = "GET", "/", "/"
		return problemTooLarge, nil
	}
	if err != nil {
		return nil, err
	}
	next := qpack.NewDecoder().Decode(p)
	for {
		f, err := next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, &fault{errDecompression, false, err.Error()}
		}
		s.head.Add(&x.Request, f.Name, f.Value, s.c.limit)
	}
	x.BytesIn = s.r.read
	tunnel, err := s.head.Request(x, s.c.set, s.c.h2.WebSockets, s.ended())
	var m bridge.Malformed
	if errors.As(err, &m) {
		return nil, &fault{errMessage, true, m.Error()}
	}
	var problem *h1.Problem
	if errors.As(err, &problem) {
		return problem, nil
	}
	s.tunnel = tunnel
	if n := x.Request.Body.Length; n != 0 {
		s.left = n
		x.Request.Body.Reader = (*body)(s)
		x.Request.Body.Trailer = s.trailers
		v, ok := x.Request.Header.Known(message.Expect)
		s.expect = ok && message.EqualFold(v, "100-continue")
	}
	if s.early() {
		if !safe(x.Request.Method) {
			return problemEarly, nil
		}
		x.Request.Header.Set("Early-Data", "1") // RFC 8470 §5.1
	}
	return nil, nil
}

var (
	problemTooLarge = &h1.Problem{Status: 431, ID: "AH00563", Text: "header section too large"}
	problemEarly    = &h1.Problem{Status: 425, Text: "a request that may not be repeated has come before the handshake was over"}
)

// early reports that the request may be a repetition of somebody else's
// (RFC 8470): the handshake is not over.
func (s *stream) early() bool {
	select {
	case <-s.c.qc.HandshakeComplete():
		return false
	default:
		return true
	}
}

func safe(method string) bool { return method == "GET" || method == "HEAD" || method == "OPTIONS" }

// ended reports whether the request is known to have no content: it announces
// none, and its stream ends here. Only methods that have none as a rule are
// waited for; another one's client may want an answer first.
func (s *stream) ended() bool {
	switch s.head.Method {
	case "GET", "HEAD", "OPTIONS", "DELETE", "TRACE":
		if s.x.Request.Header.Has(message.ContentLength) || s.head.Protocol != "" {
			return false
		}
		_, err := s.r.b.Peek(1)
		return err == io.EOF
	}
	return false
}

// leave is called when the client has stopped our half of the stream, or the
// connection has ended; also when we have closed it ourselves.
func (s *stream) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.out.ended.Load() {
		return
	}
	s.gone = true
	if s.waker != nil {
		s.waker.Wake()
	}
	s.qs.CancelRead(quic.StreamErrorCode(errCancelled))
}

// abort ends a stream that came to no exchange, or the connection.
func (s *stream) abort(err error) {
	var f *fault
	switch {
	case errors.As(err, &f) && !f.stream:
		s.c.fail(f)
	case f != nil:
		s.c.log("stream %d reset with error %#x: %s", s.qs.StreamID(), uint64(f.code), f.text)
		s.reset(f.code)
	case err == io.EOF:
		s.reset(errIncomplete)
	default:
		s.reset(errCancelled)
	}
	if s.x != nil {
		exchange.Put(s.x)
	}
	s.vain()
}

// vain counts a stream that brought nobody an answer.
func (s *stream) vain() {
	c := s.c
	c.mu.Lock()
	calm := c.calm.Reset(c.f.Watch.Now())
	c.mu.Unlock()
	if !calm {
		c.fail(&fault{errExcessiveLoad, false, "too many requests that came to nothing"})
	}
}

func (s *stream) reset(c code) {
	s.qs.CancelRead(quic.StreamErrorCode(c))
	s.qs.CancelWrite(quic.StreamErrorCode(c))
}

var resetCodes = [...]code{
	exchange.ResetInternal: errInternal, exchange.ResetCancelled: errCancelled, exchange.ResetCalm: errExcessiveLoad,
}

// finish closes what is still open of the stream.
func (s *stream) finish() {
	s.mu.Lock()
	gone := s.gone
	s.mu.Unlock()
	var f *fault
	switch {
	case errors.As(s.bodyErr, &f) && !f.stream:
		s.c.fail(f)
	case f != nil:
		s.reset(f.code)
	case !s.out.ended.Load():
		s.out.Flush()
		s.qs.SetReliableBoundary()
		s.reset(resetCodes[s.x.Reset])
	default:
		// The rest of the request, if there is one, is unwanted.
		s.qs.CancelRead(quic.StreamErrorCode(errNone))
	}
	begun := s.out.begun
	s.out.drop()
	exchange.Put(s.x)
	if gone && !begun || f != nil {
		s.vain()
	}
}

// patience: as in front/h2.
func (s *stream) patience() time.Duration { return bridge.Patience(s.x, s.set) }
