package http

import (
	"errors"
	"io"
	"math"
	"net"
	"os"
	"strconv"
	"strings"

	"sallyport/internal/backend"
	"sallyport/internal/buffer"
	"sallyport/internal/exchange"
	"sallyport/internal/fault"
	"sallyport/internal/message"
	"sallyport/internal/pipe"
	"sallyport/internal/watch"
	wire "sallyport/internal/wire/h1"
)

// maxInterim is how many 1xx responses a backend may send before the final
// one; httpd's AP_MAX_INTERIM_RESPONSES.
const maxInterim = 10

// maxHead bounds the head of a response; a single field is bounded by the
// worker's responsefieldsize.
const maxHead = 1 << 20

// spliceFrom is the rest of a counted body from which the kernel moves it
// from socket to socket.
const spliceFrom = 64 << 10

// readHead reads the head of the final response into x.Out, relaying interim
// ones.
func (c *conn) readHead() *fault.Fault {
	searched := 0
	for interim := 0; ; {
		blank := leadingBlank(c.in[c.r:c.w])
		n := wire.HeadEnd(c.in[c.r+blank:c.w], max(0, searched-blank))
		if n == 0 {
			if c.w-c.r > maxHead {
				return &fault.Fault{Kind: fault.BadHead, Err: errors.New("head too long")}
			}
			if c.work.BadHeader == backend.BadHeaderStartBody {
				if m := wire.BodyStart(c.in[c.r:c.w]); m > 0 {
					n = m - blank
				}
			}
		}
		if n == 0 {
			if c.hopeless() {
				return &fault.Fault{Kind: fault.BadStatusLine, Detail: firstLine(string(c.in[c.r:c.w]))}
			}
			searched = c.w - c.r
			if f := c.fill(); f != nil {
				if c.r < c.w && (f.Kind == fault.ClosedEarly || f.Kind == fault.ReadTimeout) {
					f.Kind = fault.BadHead
				}
				return f
			}
			continue
		}
		n += blank
		if c.work.BadHeader == backend.BadHeaderStartBody {
			if m := wire.BodyStart(c.in[c.r : c.r+n]); m > 0 {
				n = m
			}
		}
		head := string(c.in[c.r : c.r+n])
		status, _, _ := strings.Cut(head[blank:], "\n")
		c.frame += int64(n - len(strings.TrimSuffix(status, "\r")))
		c.r += n
		searched = 0
		out := &c.x.Out
		if p := wire.ParseResponse(head, out, wire.ResponseOptions{
			BadHeader: wire.BadHeader(c.work.BadHeader), FieldSize: c.work.FieldSize,
		}); p != nil {
			return headFault(p, head, out)
		}
		if out.Status >= 200 || out.Status == 101 {
			return c.final()
		}
		if interim++; interim >= maxInterim {
			return &fault.Fault{Kind: fault.TooManyInterim}
		}
		if err := c.inform(out); err != nil {
			return &fault.Fault{Kind: fault.ClientGone, Err: err}
		}
		c.Guard.Arm(c.work.Timeout)
		if c.r == c.w {
			if f := c.fill(); f != nil {
				return f
			}
		}
	}
}

func leadingBlank(b []byte) int {
	if len(b) >= 2 && b[0] == '\r' && b[1] == '\n' {
		return 2
	}
	if len(b) >= 1 && b[0] == '\n' {
		return 1
	}
	return 0
}

// hopeless reports that what has come cannot become a status line.
func (c *conn) hopeless() bool {
	b := c.in[c.r:c.w]
	b = b[leadingBlank(b):]
	const want = "HTTP/1."
	for i := 0; i < len(want) && i < len(b); i++ {
		if b[i] != want[i] {
			return true
		}
	}
	return false
}

func headFault(p *wire.Problem, head string, out *message.Response) *fault.Fault {
	f := &fault.Fault{Kind: fault.BadHead, Err: p}
	switch {
	case p.ID == "AH01101":
		f.Kind, f.Detail = fault.BadStatusLine, firstLine(head)
	case p.Status == 500:
		f.Kind = fault.BadName
		if n := len(out.Header.Fields); n > 0 {
			f.Detail = out.Header.Fields[n-1].Name
		}
	}
	return f
}

// firstLine is what a log shows of a head that is none.
func firstLine(head string) string {
	head = strings.TrimLeft(head, "\r\n")
	line, _, _ := strings.Cut(head[:min(len(head), 100)], "\n")
	return strings.TrimRight(line, "\r")
}

// inform handles a 1xx response: which are relayed is the request's Interim
// policy; a 100 sets the body going.
func (c *conn) inform(out *message.Response) error {
	relay := out.Status != 100 || c.req.ClientExpects
	switch c.req.Interim {
	case backend.InterimSuppress:
		relay = false
	case backend.InterimRFC:
		relay = true
	}
	// The watcher must not probe while this goroutine writes.
	c.x.Down.Waiting(nil)
	if relay {
		if err := c.relay(out); err != nil {
			return err
		}
	}
	if out.Status == 100 && c.sender != nil && c.sender.hold {
		c.sender.hold = false
		if err := c.startSender(); err != nil {
			return err
		}
	}
	if !c.x.Down.Waiting(&c.Guard) {
		return errClientGone
	}
	return nil
}

// relay passes a 1xx response on, without what belongs to the connection.
func (c *conn) relay(out *message.Response) error {
	h := &out.Header
	h.DelFunc(func(f *message.Field) bool {
		switch f.Known {
		case message.Connection, message.KeepAlive, message.ProxyConnection,
			message.TransferEncoding, message.Upgrade, message.ContentLength, message.Trailer:
			return true
		}
		return false
	})
	if wire.BadField(h) >= 0 {
		return nil
	}
	return c.x.Down.Inform(out.Status, h)
}

// final settles the framing of the response in x.Out and whether the
// connection can be used again after it.
func (c *conn) final() *fault.Fault {
	out := &c.x.Out
	if c.sender != nil && c.sender.hold {
		// A final answer instead of a 100: the body is not sent.
		// Unlike httpd, which then sends it if the connection stays open.
		c.keep = false
	}
	if out.Status == 101 {
		c.keep = false
		if c.sender != nil && !c.sender.complete() {
			// RFC 9110 §7.8 lets nobody switch before the request has ended.
			return &fault.Fault{Kind: fault.BadUpgrade}
		}
		out.Body = message.Body{Length: 0}
		return nil
	}
	fr, p := wire.ResponseFraming(out, c.req.Method)
	if p != nil {
		return &fault.Fault{Kind: fault.BadFraming, Err: p}
	}
	c.framing, c.left = fr, fr.Length
	if fr.Close || !c.stays(out) {
		c.keep = false
	}
	out.Body = message.Body{Length: fr.Length}
	switch fr.Kind {
	case wire.NoBody:
		c.bodyEnd = true
		return nil
	case wire.Counted:
		c.bodyEnd = c.left == 0
	case wire.Chunks:
		c.chunks.Reset()
		out.Body.Trailer = c.trailer
		// A malformed first chunk is a 502 as long as nothing was passed on.
		if c.r == c.w {
			return nil
		}
		if f := c.peekChunk(); f != nil {
			return f
		}
	}
	out.Body.Reader = c
	return nil
}

// peekChunk looks at the first chunk head without consuming it.
func (c *conn) peekChunk() *fault.Fault {
	var probe wire.Chunked
	if _, _, err := probe.Next(c.in[c.r:c.w]); err != nil {
		return &fault.Fault{Kind: fault.BadFraming, Err: err}
	}
	return nil
}

func (c *conn) trailer() *message.Header {
	if len(c.chunks.Trailer.Fields) == 0 {
		return nil
	}
	return &c.chunks.Trailer
}

// stays is the backend's word on keeping the connection (RFC 9112 §9.3).
func (c *conn) stays(out *message.Response) bool {
	keep := out.Version >= message.HTTP11
	for i := range out.Header.Fields {
		f := &out.Header.Fields[i]
		if f.Known != message.Connection {
			continue
		}
		if message.HasToken(f.Value, "close") {
			return false
		}
		if message.HasToken(f.Value, "keep-alive") {
			keep = true
		}
	}
	return keep
}

// Read implements io.Reader for x.Out.Body: the content without framing.
func (c *conn) Read(p []byte) (int, error) {
	data, err := c.next(len(p))
	return copy(p, data), err
}

// next returns the next piece of content, at most n bytes, as a part of the
// buffer; io.EOF comes with or after the last. It blocks only when nothing is
// buffered.
func (c *conn) next(n int) ([]byte, error) {
	if c.bodyErr != nil {
		return nil, c.bodyErr
	}
	for !c.bodyEnd {
		if c.r == c.w {
			if err := c.more(); err != nil {
				if err == io.EOF && c.framing.Kind == wire.UntilClose {
					c.bodyEnd = true
					break
				}
				if err == io.EOF {
					err = io.ErrUnexpectedEOF
				}
				c.bodyErr = err
				return nil, err
			}
		}
		src := c.in[c.r:c.w]
		if len(src) > n {
			src = src[:n]
		}
		switch c.framing.Kind {
		case wire.Counted:
			if int64(len(src)) >= c.left {
				src = src[:c.left]
				c.bodyEnd = true
			}
			c.left -= int64(len(src))
			c.r += len(src)
			return src, nil
		case wire.UntilClose:
			c.r += len(src)
			return src, nil
		case wire.Chunks:
			data, used, err := c.chunks.Next(src)
			c.r += used
			c.frame += int64(used - len(data))
			if err != nil {
				c.bodyErr = err
				return nil, err
			}
			c.bodyEnd = c.chunks.Done()
			if len(data) > 0 {
				return data, nil
			}
		}
	}
	return nil, io.EOF
}

// more reads from the backend while a body is on its way. Nothing is held back:
// what the client has not been sent yet goes out before we wait.
func (c *conn) more() error {
	c.Guard.Arm(c.work.Timeout)
	c.peek = (c.Raw != nil || c.TLS != nil) && c.x.Begun
	f := c.fill()
	if f == waitFault {
		c.Guard.Disarm()
		if err := c.x.Down.Flush(); err != nil {
			c.x.Aborted = true
			return errClientGone
		}
		c.Guard.Arm(c.work.Timeout)
		if !c.x.Down.Waiting(&c.Guard) {
			return errClientGone
		}
		f = c.fill()
		c.x.Down.Waiting(nil)
	}
	c.peek = false
	c.Guard.Disarm()
	if f == nil {
		return nil
	}
	switch f.Kind {
	case fault.ClientGone:
		return errClientGone
	case fault.ClosedEarly:
		if f.Err == nil {
			return io.EOF
		}
	}
	return f
}

var errClientGone = errors.New("the client is gone")

// Deliver implements backend.Reply.
func (c *conn) Deliver(x *exchange.Exchange) *fault.Fault {
	defer c.release()
	for !c.bodyEnd {
		if n := c.spliceable(); n >= spliceFrom && x.CanSplice() {
			if p := pipe.Get(n); p != nil {
				f := c.splice(x, p)
				pipe.Put(p)
				if f != nil {
					return f
				}
				continue
			}
		}
		data, err := c.next(buffer.Large)
		if len(data) > 0 {
			if _, werr := x.Write(data); werr != nil {
				return &fault.Fault{Kind: fault.ClientGone, Err: werr, Begun: true}
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			x.Aborted = true
			if err == errClientGone {
				return &fault.Fault{Kind: fault.ClientGone, Begun: true}
			}
			return &fault.Fault{Kind: fault.BodyBroken, Err: err, Begun: true}
		}
	}
	if t := c.trailerFor(x); t != nil {
		if err := x.Down.End(t); err != nil {
			x.Aborted = true
		}
	}
	return nil
}

// trailerFor gives the response's trailer section to a client that asked for
// such (TE: trailers).
//
// Unlike httpd, which drops it: gRPC and signed bodies need it.
func (c *conn) trailerFor(x *exchange.Exchange) *message.Header {
	if c.framing.Kind != wire.Chunks || !c.bodyEnd {
		return nil
	}
	t := c.trailer()
	if t == nil || wire.BadField(t) >= 0 {
		return nil
	}
	if te, ok := x.Request.Header.Known(message.TE); !ok || !message.HasToken(te, "trailers") {
		return nil
	}
	t.DelFunc(func(f *message.Field) bool {
		switch f.Known {
		case message.Other:
			return false
		case message.ContentLength, message.TransferEncoding, message.Host, message.Connection,
			message.SetCookie, message.Authorization, message.Trailer, message.ContentType, message.ContentEncoding:
			return true
		}
		return false
	})
	return t
}

// spliceable is how many of the next bytes are content that the kernel can move:
// the rest of a counted body or of a chunk, or all that comes until the end of
// the connection, once that has shown to be much.
func (c *conn) spliceable() int64 {
	if c.r != c.w || c.Raw == nil || c.sender != nil {
		return 0
	}
	switch c.framing.Kind {
	case wire.Counted:
		return c.left
	case wire.Chunks:
		return c.chunks.Remaining()
	case wire.UntilClose:
		if c.read >= 4*spliceFrom && !c.bodyEnd {
			return math.MaxInt64
		}
	}
	return 0
}

// moved notes that n bytes of content went through a pipe.
func (c *conn) moved(n int64) {
	c.read += n
	switch c.framing.Kind {
	case wire.Counted:
		c.left -= n
		c.bodyEnd = c.left == 0
	case wire.Chunks:
		c.chunks.Skip(n)
	}
}

// splice lets the kernel move what is spliceable.
func (c *conn) splice(x *exchange.Exchange, p *pipe.Pipe) *fault.Fault {
	if c.in != nil {
		c.dropIn() // not needed while the kernel works
	}
	for c.spliceable() > 0 {
		// Nothing is held back while we wait.
		if err := x.Down.Flush(); err != nil {
			x.Aborted = true
			return &fault.Fault{Kind: fault.ClientGone, Err: err, Begun: true}
		}
		err := c.fillPipe(x, p)
		if err == io.EOF {
			c.bodyEnd = true
			return nil
		}
		if err != nil {
			x.Aborted = true
			if err == errClientGone {
				return &fault.Fault{Kind: fault.ClientGone, Begun: true}
			}
			return &fault.Fault{Kind: fault.BodyBroken, Err: err, Begun: true}
		}
		if err := x.Splice(p); err != nil {
			return &fault.Fault{Kind: fault.ClientGone, Err: err, Begun: true}
		}
	}
	return nil
}

// fillPipe takes from the backend what it has sent, and waits for the first.
// io.EOF is the end of a body that only the end of the connection ends.
func (c *conn) fillPipe(x *exchange.Exchange, p *pipe.Pipe) error {
	if !x.Down.Waiting(&c.Guard) {
		return errClientGone
	}
	defer x.Down.Waiting(nil)
	c.Guard.Arm(c.work.Timeout)
	defer c.Guard.Disarm()
	for {
		n, err := p.Fill(c.Raw, int(min(c.spliceable(), pipe.Size)))
		c.moved(int64(n))
		switch {
		case err == nil:
			return nil
		case err == io.EOF && c.framing.Kind == wire.UntilClose:
			return io.EOF
		case err == io.EOF:
			return io.ErrUnexpectedEOF
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		}
		switch c.Guard.Expired() {
		case watch.Due:
			return err
		case watch.Woken:
			return errClientGone
		}
	}
}

// Discard implements backend.Reply: a short rest is read, for the sake of a
// connection that can be kept.
func (c *conn) Discard() {
	for n := 0; c.keep && !c.bodyEnd && n < buffer.Large && c.r < c.w; {
		data, err := c.next(buffer.Large)
		n += len(data)
		if err != nil {
			break
		}
	}
	c.release()
}

func portOf(a net.Addr) string {
	if t, ok := a.(*net.TCPAddr); ok {
		return strconv.Itoa(t.Port)
	}
	return "0"
}
