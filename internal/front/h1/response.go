package h1

import (
	"errors"
	"io"
	"net"
	"os"
	"strconv"

	"sallyport/internal/buffer"
	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/httpdate"
	"sallyport/internal/message"
	"sallyport/internal/pipe"
	"sallyport/internal/rawio"
	wire "sallyport/internal/wire/h1"
)

// response writes one response (exchange.Downstream). The head waits in a
// buffer for the first bytes of the body, so that a small response leaves in
// one write. One lives in each connection.
type response struct {
	c        *conn
	x        *exchange.Exchange
	set      *exchange.ServerSettings
	buf      []byte // pending; nil when empty
	framing  framing
	left     int64           // of a counted body
	keep     bool            // the connection may serve another exchange
	version  message.Version // that the client is taken to speak
	begun    bool
	informed bool // a 100 was sent
	ended    bool
	upgraded bool
	settings []byte    // of HTTP/2, which the connection goes over to; nil: it does not
	err      error     // the client can't be written to any more
	sampled  bool      // queued was taken since the write at hand began
	queued   int       // bytes that the client had not taken then
	vec      [3][]byte // a head or chunk head, a body, the end of a chunk
	bufs     net.Buffers
}

type framing uint8

const (
	bodyless framing = iota // HEAD, 1xx, 204, 304: writes are dropped
	counted                 // Content-Length
	chunked                 // Transfer-Encoding: chunked
	untilEnd                // HTTP/1.0 without a length: the end of the connection
)

func (o *response) begin(x *exchange.Exchange, set *exchange.ServerSettings) {
	c := o.c
	*o = response{}
	o.c, o.x, o.set = c, x, set
}

// Inform sends an interim response; clients before HTTP/1.1 get none.
func (o *response) Inform(status int, h *message.Header) error {
	if o.begun || o.x.Request.Version < message.HTTP11 {
		return nil
	}
	if status == 100 {
		o.informed = true
	}
	o.room()
	o.buf = wire.AppendStatusLine(o.buf, status, message.ReasonOf(status))
	if h != nil {
		o.buf = wire.AppendFields(o.buf, h)
	}
	o.buf = wire.AppendBlank(o.buf)
	return o.Flush()
}

// mayInform reports that an interim response would reach the client whole and
// before the head. For the watcher, while the exchange waits.
func (o *response) mayInform() bool {
	return !o.begun && len(o.buf) == 0 && o.x != nil && o.x.Request.Version == message.HTTP11
}

func (o *response) room() {
	if o.buf == nil {
		o.buf = buffer.GetSmall()[:0]
	}
}

// Begin formats the head: status line, Date and Server first, as httpd does,
// then the fields in their order, the framing and the fate of the connection.
func (o *response) Begin(r *message.Response) error {
	if o.begun {
		return errors.New("begin response: already begun")
	}
	o.begun = true
	x := o.x
	forced := o.speak(x)
	o.frame(r)
	o.decideKeep(x)
	if forced {
		o.keep = false
	}
	if o.c.body.expect && !o.informed {
		// The client was never asked for its content: whether it comes is
		// anybody's guess.
		o.keep = false
	}
	x.KeepAlive = o.keep // for the log (%X)
	o.room()
	b := o.buf
	start := len(b)
	reason := r.Reason
	if reason == "" && r.Version == 0 {
		reason = message.ReasonOf(r.Status)
	}
	b = wire.AppendStatusLine(b, r.Status, reason)
	if forced {
		b[start+len("HTTP/1.")] = '0'
	}
	lines := 1
	h := &r.Header
	if r.Status != 101 {
		lines += 2
		if v, ok := h.Known(message.Date); ok {
			b = wire.AppendField(b, "Date", v)
		} else {
			b = append(b, "Date: "...)
			b = httpdate.Append(b, x.Received)
			b = append(b, "\r\n"...)
		}
		if v, ok := h.Known(message.Server); ok {
			b = wire.AppendField(b, "Server", v)
		} else if t := x.ServerToken(); t != "" {
			b = wire.AppendField(b, "Server", t)
		} else {
			lines--
		}
	}
	for i := range h.Fields {
		f := &h.Fields[i]
		switch f.Known {
		case message.Connection:
			if r.Status != 101 {
				continue
			}
		case message.Date, message.Server:
			if r.Status != 101 {
				continue
			}
		case message.ContentLength, message.TransferEncoding, message.KeepAlive:
			continue
		}
		b = wire.AppendField(b, f.Name, f.Value)
		lines++
	}
	if wire.Lines(b[start:]) != lines {
		// A room that lets a client's text into a field must not let it end
		// the line.
		o.buf = b
		return o.refuse()
	}
	if r.Status != 101 {
		switch o.framing {
		case counted:
			b = wire.AppendLength(b, o.left)
		case chunked:
			b = append(b, "Transfer-Encoding: chunked\r\n"...)
		case bodyless:
			if v, ok := h.Known(message.ContentLength); ok && r.Status != 204 {
				b = wire.AppendField(b, "Content-Length", v)
			} else if r.Body.Length > 0 && r.Status != 204 && r.Status != 304 {
				b = wire.AppendLength(b, r.Body.Length)
			}
		}
		b = o.appendConnection(b, x)
	}
	o.buf = wire.AppendBlank(b)
	return nil
}

// refuse answers 500 in place of a head that must not be sent (AH02430).
func (o *response) refuse() error {
	o.x.Logf(errorlog.Error, "core", "AH02430: Response header value contains invalid characters, aborting request")
	o.drop()
	o.room()
	o.framing, o.keep = bodyless, false
	o.x.Out.Status, o.x.KeepAlive = 500, false
	o.buf = append(o.buf, "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"...)
	return nil
}

// speak decides about the version, which downgrade-1.0 lowers, and reports
// whether force-response-1.0 wants the answer itself to say HTTP/1.0 (httpd's
// basic_http_header_check).
func (o *response) speak(x *exchange.Exchange) (forced bool) {
	o.version = x.Request.Version
	if x.Env.Len() == 0 {
		return false
	}
	if x.Env.Has("downgrade-1.0") {
		o.version = message.HTTP10
	}
	return o.version == message.HTTP10 && x.Env.Has("force-response-1.0")
}

// frame chooses how the end of the body will be found (RFC 9112 §6).
func (o *response) frame(r *message.Response) {
	x := o.x
	switch {
	case message.Bodyless(r.Status) || x.Request.Method == "HEAD":
		o.framing = bodyless
	case r.Body.Length >= 0:
		o.framing, o.left = counted, r.Body.Length
	case o.version >= message.HTTP11:
		o.framing = chunked
	default:
		o.framing = untilEnd
	}
}

// decideKeep is httpd's ap_set_keepalive.
func (o *response) decideKeep(x *exchange.Exchange) {
	core := o.set
	if x.Server != nil {
		core = x.Server.Core
	}
	o.set = core
	o.keep = x.KeepAlive && core.KeepAlive && o.framing != untilEnd &&
		(core.MaxKeepAliveRequests == 0 || core.MaxKeepAliveRequests > o.c.client.Served)
	if !o.keep {
		return
	}
	v, named := x.Request.Header.Known(message.Connection)
	switch {
	case named && message.HasToken(v, "close"), named && o.manyConnection("close"):
		o.keep = false
	case o.version >= message.HTTP11:
	case named && (message.HasToken(v, "keep-alive") || o.manyConnection("keep-alive")):
	default:
		o.keep = false
	}
	if o.keep && x.Env.Len() > 0 && x.Env.Has("nokeepalive") {
		o.keep = false
	}
}

// manyConnection looks for a token in Connection fields behind the first.
func (o *response) manyConnection(token string) bool {
	first := true
	for i := range o.x.Request.Header.Fields {
		f := &o.x.Request.Header.Fields[i]
		if f.Known != message.Connection {
			continue
		}
		if !first && message.HasToken(f.Value, token) {
			return true
		}
		first = false
	}
	return false
}

// appendConnection prints what httpd prints: close when it will close, the
// Keep-Alive pair only to a client that named keep-alive itself.
func (o *response) appendConnection(b []byte, x *exchange.Exchange) []byte {
	if !o.keep {
		return append(b, "Connection: close\r\n"...)
	}
	v, ok := x.Request.Header.Known(message.Connection)
	if !ok || !message.HasToken(v, "keep-alive") {
		return b
	}
	b = append(b, "Keep-Alive: timeout="...)
	b = strconv.AppendInt(b, int64(o.set.KeepAliveTimeout.Seconds()), 10)
	if m := o.set.MaxKeepAliveRequests; m > 0 {
		b = append(b, ", max="...)
		b = strconv.AppendInt(b, int64(m-o.c.client.Served), 10)
	}
	return append(b, "\r\nConnection: Keep-Alive\r\n"...)
}

// Write sends body bytes, after the head if that still waits. Small ones wait
// on for the end.
func (o *response) Write(p []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	if !o.begun {
		return 0, errors.New("write response: not begun")
	}
	if len(p) == 0 {
		return 0, nil
	}
	n := len(p)
	switch o.framing {
	case bodyless:
		return n, nil
	case counted:
		if int64(n) > o.left {
			return 0, errTooMuch
		}
		o.left -= int64(n)
	}
	o.x.BodyOut += int64(n)
	o.room()
	extra := 0
	if o.framing == chunked {
		extra = 2
		o.buf = wire.AppendChunkHead(o.buf, int64(n))
	}
	if len(o.buf)+n+extra+8 <= cap(o.buf) { // 8: room for the last chunk
		o.buf = append(o.buf, p...)
		if extra > 0 {
			o.buf = append(o.buf, '\r', '\n')
		}
		return n, nil
	}
	o.vec = [3][]byte{o.buf, p, nil}
	if extra > 0 {
		o.vec[2] = crlf
	}
	err := o.send()
	o.drop()
	if err != nil {
		return 0, err
	}
	return n, nil
}

var crlf = []byte("\r\n")

// Flush sends what waits.
func (o *response) Flush() error {
	if len(o.buf) == 0 || o.err != nil {
		return o.err
	}
	b := o.buf
	if o.c.secure == nil && o.c.inside {
		// The descriptor is held by the callback we are in.
		if n, err := rawio.Write(o.c.fd, b); err == nil {
			o.x.BytesOut += int64(n)
			b = b[n:]
		}
		if len(b) == 0 { // mostly: what can't block needs no deadline
			o.c.guard.Disarm()
			o.drop()
			return nil
		}
	}
	o.arm()
	if o.c.secure != nil {
		o.flushSecure(b)
		b = nil
	}
	for len(b) > 0 {
		n, err := o.c.nc.Write(b)
		o.x.BytesOut += int64(n)
		b = b[n:]
		if err != nil && !o.again(err, n > 0) {
			break
		}
		if n > 0 {
			o.arm()
		}
	}
	o.c.guard.Disarm()
	o.drop()
	return o.err
}

// send writes o.vec whole.
func (o *response) send() error {
	o.bufs = o.vec[:0]
	if o.c.inside && o.c.secure == nil {
		if n, err := rawio.Writev(o.c.fd, &o.vec); err == nil {
			o.x.BytesOut += int64(n)
		}
	}
	for _, b := range o.vec {
		if len(b) > 0 {
			o.bufs = append(o.bufs, b)
		}
	}
	if len(o.bufs) > 0 {
		o.arm()
	}
	if o.c.secure != nil {
		o.flushSecure(o.bufs...)
		o.bufs = nil
	}
	for len(o.bufs) > 0 {
		n, err := o.bufs.WriteTo(o.c.nc)
		o.x.BytesOut += n
		if err != nil && !o.again(err, n > 0) {
			break
		}
		if err == nil {
			break
		}
		if n > 0 {
			o.arm()
		}
	}
	o.c.guard.Disarm()
	o.vec, o.bufs = [3][]byte{}, nil
	return o.err
}

// arm bounds the write that follows, at half of Timeout: see again.
func (o *response) arm() {
	o.sampled = false
	o.c.guard.Arm(o.set.Timeout / 2)
}

// again says whether a failed write is to be tried again; if not, o.err is set.
// A slow client that takes anything at all within its time is not timed out.
func (o *response) again(err error, progress bool) bool {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		if err = timeout(&o.c.guard); err == nil || err == errTimeout && (progress || o.taking()) {
			return true
		}
	}
	o.err = err
	return false
}

// taking looks, each half of Timeout, whether the client takes bytes from the
// kernel, which asks for more only when a good part of megabytes has gone.
func (o *response) taking() bool {
	was, first := o.queued, !o.sampled
	o.queued, o.sampled = rawio.Queued(o.c.fd), true
	if first || o.queued < was {
		o.c.guard.Arm(o.set.Timeout / 2)
		return true
	}
	return false
}

func (o *response) drop() {
	buffer.Put(o.buf)
	o.buf = nil
}

// ReadFrom copies r to the client; the kernel does it if r is a file and the
// body's length known.
func (o *response) ReadFrom(r io.Reader) (int64, error) {
	if o.framing == counted && o.c.tcp != nil && o.err == nil {
		if lr, ok := r.(*io.LimitedReader); ok {
			if _, file := lr.R.(*os.File); file {
				return o.file(lr)
			}
		}
	}
	var total int64
	b := buffer.GetLarge()
	defer buffer.Put(b)
	for {
		n, err := r.Read(b)
		if n > 0 {
			if _, werr := o.Write(b[:n]); werr != nil {
				return total, werr
			}
			total += int64(n)
		}
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
		if err := o.Flush(); err != nil {
			return total, err
		}
	}
}

// file sends a file by sendfile(2), which loses nothing when a deadline
// strikes: what it has not sent is still in the file.
func (o *response) file(lr *io.LimitedReader) (int64, error) {
	if lr.N > o.left {
		return 0, errTooMuch
	}
	if err := o.Flush(); err != nil {
		return 0, err
	}
	var total int64
	o.arm()
	for lr.N > 0 {
		n, err := o.c.tcp.ReadFrom(lr)
		total += n
		o.left -= n
		o.x.BodyOut += n
		o.x.BytesOut += n
		if err != nil && !o.again(err, n > 0) || err == nil && n == 0 {
			break
		}
		if n > 0 {
			o.arm()
		}
	}
	o.c.guard.Disarm()
	return total, o.err
}

var errTooMuch = errors.New("write response: more than its Content-Length")

// CanSplice implements exchange.Splicer.
func (o *response) CanSplice() bool {
	return o.framing != bodyless && o.c.raw != nil && o.c.secure == nil && o.err == nil
}

// Splice implements exchange.Splicer. What the pipe holds becomes one chunk
// where chunks are wanted.
func (o *response) Splice(p *pipe.Pipe) error {
	switch o.framing {
	case counted:
		if int64(p.Held()) > o.left {
			return errTooMuch
		}
		o.left -= int64(p.Held())
	case chunked:
		o.room()
		o.buf = wire.AppendChunkHead(o.buf, int64(p.Held()))
	}
	if err := o.Flush(); err != nil {
		return err
	}
	o.arm()
	for p.Held() > 0 {
		n, err := p.Drain(o.c.raw)
		o.x.BodyOut += int64(n)
		o.x.BytesOut += int64(n)
		if err != nil && !o.again(err, false) {
			break
		}
		if n > 0 {
			o.arm()
		}
	}
	o.c.guard.Disarm()
	if o.framing == chunked && o.err == nil {
		o.room()
		o.buf = append(o.buf, '\r', '\n')
	}
	return o.err
}

// End closes the message and sends what waits.
func (o *response) End(trailer *message.Header) error {
	if o.ended {
		return o.err
	}
	o.ended = true
	switch {
	case !o.begun:
		o.keep = false
	case o.framing == counted && o.left > 0:
		// Fewer bytes than announced: only closing tells the client.
		o.keep = false
		o.x.Aborted = true
	case o.framing == chunked && !o.x.Aborted:
		o.room()
		o.buf = wire.AppendLastChunk(o.buf, trailer)
	}
	return o.Flush()
}

// Waiting is the exchange's word on what it blocks on: see hangup.
func (o *response) Waiting(w exchange.Waker) bool { return o.c.hang.wait(w) }
