package checker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"sallyport/internal/health"
	"sallyport/internal/live"
	"sallyport/internal/wire/ajp"
)

// Reading is what one check found.
type Reading struct {
	live.Check
	// Answer is nil where there was no whole one.
	Answer *health.Answer
}

// What an answer may be at most. A body beyond maxKept is read on but not
// looked at; one that does not end within maxBody is no answer.
const (
	maxHead = 64 << 10
	maxKept = 1 << 20
	maxBody = 16 << 20
)

// Check asks once, and closes the connection. It takes no longer than Timeout,
// whatever the other side does, and ends at once when ctx does.
func (p *Plan) Check(ctx context.Context) Reading {
	began := time.Now()
	deadline := began.Add(p.Timeout)
	answer, status, err := p.ask(ctx, deadline)
	r := Reading{Answer: answer, Check: live.Check{At: began, Took: time.Since(began), Status: status}}
	switch {
	case err != nil:
		r.Reason = reason(err, p.Timeout)
	case answer == nil:
		r.Passed, r.Reason = true, "it answers"
		if p.Request.Method == health.TCP {
			r.Reason = "it accepts connections"
		}
	default:
		r.Passed, r.Reason = p.Expect.Judge(answer)
		if r.Passed && p.Request.Method == health.GRPC {
			r.Reason = "SERVING"
		}
	}
	return r
}

// ask does what the method wants. The answer is nil where the method has none
// to judge.
func (p *Plan) ask(ctx context.Context, deadline time.Time) (answer *health.Answer, status int, err error) {
	c, err := p.Dial(ctx, deadline)
	if err != nil {
		return nil, 0, err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	c.SetDeadline(deadline)
	if ctx.Err() != nil {
		return nil, 0, ctx.Err()
	}
	switch p.Request.Method.Protocol() {
	case health.HTTP10, health.HTTP11:
		answer, err = p.http(c)
	case health.HTTP2:
		answer, err = p.http2(c)
	case health.AJP:
		err = cping(c)
	}
	if answer != nil {
		status = answer.Status
	}
	return answer, status, err
}

func cping(c net.Conn) error {
	if _, err := c.Write(ajp.CPing); err != nil {
		return err
	}
	var pong [ajp.PongLen]byte
	if _, err := io.ReadFull(c, pong[:]); err != nil {
		return err
	}
	return ajp.CheckCPong(pong[:])
}

// fail is a reason why a check failed.
type fail string

func (f fail) Error() string { return string(f) }

func failf(format string, args ...any) error { return fail(fmt.Sprintf(format, args...)) }

// reason words an error for people.
func reason(err error, limit time.Duration) string {
	var f fail
	switch {
	case errors.As(err, &f):
		return string(f)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return "no answer within " + limit.String()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "it closed the connection before the answer was whole"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection reset"
	}
	return err.Error()
}

// buffers are for heads and pieces of bodies.
var buffers = sync.Pool{New: func() any { return new([4096]byte) }}

// quote makes the beginning of garbage fit for a log line.
func quote(b []byte) string {
	if len(b) > 40 {
		return strconv.Quote(string(b[:40])) + "…"
	}
	return strconv.Quote(string(b))
}
