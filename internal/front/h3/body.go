package h3

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/quic-go/qpack"

	"sallyport/internal/message"
	"sallyport/internal/watch"
)

// body is a stream as the reader of its request's content.
type body stream

// slowness is a time-out; its Timeout says 408 to who answers.
type slowness struct{}

func (slowness) Error() string { return "the client took too long" }
func (slowness) Timeout() bool { return true }

var errTimeout error = slowness{}

var errGone = errors.New("the client is gone")

// Read implements io.Reader for message.Body.
func (b *body) Read(p []byte) (int, error) {
	s := (*stream)(b)
	if s.bodyErr != nil || len(p) == 0 {
		return 0, s.bodyErr
	}
	if s.expect && s.r.left == 0 {
		if err := b.Ask(); err != nil {
			return 0, err
		}
	}
	s.deadline(s.patience())
	n, err := s.receive(p)
	switch {
	case err == io.EOF && s.left > 0:
		err = &fault{errMessage, true, "less content than announced"}
	case err == nil && s.left >= 0 && int64(n) > s.left:
		n, err = 0, &fault{errMessage, true, "more content than announced"}
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = errTimeout
	}
	if s.left >= 0 {
		s.left -= int64(n)
	}
	s.x.BytesIn = s.r.read
	s.bodyErr = err
	return n, err
}

// deadline bounds the reading that follows, unless it was stopped.
func (s *stream) deadline(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopped {
		s.qs.SetReadDeadline(time.Now().Add(d))
	}
}

// receive reads content out of DATA frames, up to the end of the stream or the
// trailer section.
func (s *stream) receive(p []byte) (int, error) {
	for s.r.left == 0 {
		typ, err := s.r.want()
		if err != nil {
			return 0, err
		}
		if typ == frameHeaders {
			return 0, s.readTrailer()
		}
		if s.r.left == 0 && !s.c.calmly() {
			return 0, &fault{errExcessiveLoad, false, "too many empty frames"}
		}
	}
	if int64(len(p)) > s.r.left {
		p = p[:s.r.left]
	}
	n, err := s.r.b.Read(p)
	s.r.left -= int64(n)
	s.r.read += int64(n)
	if err == io.EOF {
		// It may come along with the last bytes.
		if err = nil; s.r.left > 0 {
			err = &fault{errFrame, false, "frame cut short"}
		}
	}
	return n, err
}

// readTrailer reads the trailer section, behind which nothing may come; io.EOF
// is its success.
func (s *stream) readTrailer() error {
	p, err := s.r.payload(s.c.limit)
	if err != nil {
		return err
	}
	next := qpack.NewDecoder().Decode(p)
	for {
		f, err := next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return &fault{errDecompression, false, err.Error()}
		}
		if err := s.trailer.Add(f.Name, f.Value, s.c.limit); err != nil {
			return &fault{errMessage, true, err.Error()}
		}
	}
	if _, err := s.r.want(); err != io.EOF {
		if err == nil {
			err = &fault{errFrameUnexpected, false, "frame behind the trailer section"}
		}
		return err
	}
	return io.EOF
}

// Ask sends the 100 that the client waits for. For the exchange's goroutine.
func (b *body) Ask() error {
	s := (*stream)(b)
	if !s.expect || s.out.begun {
		return nil
	}
	s.expect = false
	return s.out.Inform(100, nil)
}

// Stop makes a blocked Read, and every later one, fail. For any goroutine.
func (b *body) Stop() {
	s := (*stream)(b)
	s.mu.Lock()
	s.stopped = true
	s.qs.SetReadDeadline(watch.Past)
	s.mu.Unlock()
}

// trailers is message.Body.Trailer.
func (s *stream) trailers() *message.Header {
	if s.bodyErr != io.EOF || len(s.trailer.Header.Fields) == 0 {
		return nil
	}
	return &s.trailer.Header
}
