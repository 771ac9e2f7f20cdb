package h2

import (
	"errors"
	"io"
	"strings"

	"golang.org/x/net/http2/hpack"

	"sallyport/internal/backend"
	"sallyport/internal/buffer"
	"sallyport/internal/exchange"
	"sallyport/internal/fault"
	"sallyport/internal/message"
	h1 "sallyport/internal/wire/h1"
)

// maxInterim is how many 1xx responses a backend may send before the final one.
const maxInterim = 10

var (
	errBadField = errors.New("line break or another control character in a request field")
	errClosing  = errors.New("the connection is about to close")
)

// head is a header block: of a response, or with status 0 a trailer section.
type head struct {
	status int
	fields message.Header
	size   int
	end    bool   // END_STREAM stands in it
	why    string // it is malformed
}

// add takes one field and holds it to RFC 9113 §8.2 and §8.3.
func (h *head) add(name, value string) {
	h.size += len(name) + len(value) + 32
	switch {
	case h.why != "":
		return
	case h.size > maxHead:
		h.why = "a head too large"
		return
	case name == ":status":
		n := 0
		for i := 0; i < len(value); i++ {
			n = n*10 + int(value[i]-'0')
			if value[i] < '0' || value[i] > '9' {
				n = -1
				break
			}
		}
		if len(value) != 3 || n < 100 || h.status != 0 || len(h.fields.Fields) > 0 {
			h.why = "a bad :status"
		}
		h.status = n
		return
	case name == "" || name[0] == ':':
		h.why = "a pseudo-field that a response can't have"
		return
	}
	for i := 0; i < len(name); i++ {
		if 'A' <= name[i] && name[i] <= 'Z' {
			h.why = "a field name with capitals"
			return
		}
	}
	f := message.Field{Name: name, Value: strings.Trim(value, " \t"), Known: message.Lookup(name)}
	switch f.Known {
	case message.Other:
		f.Name = spell(name)
	case message.Connection, message.KeepAlive, message.ProxyConnection, message.TransferEncoding, message.Upgrade:
		h.why = "a field that belongs to connections of HTTP/1.1: " + name
		return
	default:
		f.Name = f.Known.String()
	}
	h.fields.Fields = append(h.fields.Fields, f)
}

// spell writes a name as HTTP/1.1 servers do: Content-Type. Clients of that
// version may be used to it; others get it in lower case again.
func spell(name string) string {
	b := []byte(name)
	up := true
	for i, c := range b {
		if up && 'a' <= c && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
		up = c == '-'
	}
	return string(b)
}

// field is a header field for the wire.
func field(f *message.Field) hpack.HeaderField {
	if f.Known != message.Other {
		return hpack.HeaderField{Name: f.Known.Lower(), Value: f.Value}
	}
	return hpack.HeaderField{Name: strings.ToLower(f.Name), Value: f.Value}
}

// answer reads the head of the final response into x.Out, relaying interim
// ones.
func (st *stream) answer() *fault.Fault {
	x := st.x
	timeout := st.work.Timeout
	if st.sender != nil {
		if f := st.sender.start(); f != nil {
			return f
		}
		if st.sender.hold && st.work.Ping > 0 {
			timeout = st.work.Ping
		}
	}
	if !x.Down.Waiting(&st.guard) {
		return &fault.Fault{Kind: fault.ClientGone}
	}
	defer x.Down.Waiting(nil)
	st.guard.Arm(timeout)
	defer st.guard.Disarm()
	for interim := 0; ; interim++ {
		h, f := st.nextHead()
		if f != nil {
			if f.Kind == fault.ReadTimeout && st.work.Ping > 0 && st.sender != nil && st.sender.hold {
				f.Kind = fault.PingTimeout
			}
			return f
		}
		out := &x.Out
		out.Status, out.Version, out.Reason = h.status, message.HTTP2, message.ReasonOf(h.status)
		out.Header.Reset()
		out.Header.Fields = append(out.Header.Fields, h.fields.Fields...)
		if h.status >= 200 {
			return st.settle(&h)
		}
		if interim+1 >= maxInterim {
			return &fault.Fault{Kind: fault.TooManyInterim}
		}
		x.Down.Waiting(nil) // the watcher must not probe while this goroutine writes
		if f := st.inform(out); f != nil {
			return f
		}
		if !x.Down.Waiting(&st.guard) {
			return &fault.Fault{Kind: fault.ClientGone}
		}
		st.guard.Arm(st.work.Timeout)
	}
}

// nextHead waits for a head.
func (st *stream) nextHead() (head, *fault.Fault) {
	mu := &st.s.mu
	mu.Lock()
	defer mu.Unlock()
	for {
		if len(st.heads) > 0 {
			h := st.heads[0]
			st.heads = st.heads[1:]
			return h, nil
		}
		if st.err != nil {
			return head{}, st.broke()
		}
		if f := st.block(); f != nil {
			return head{}, f
		}
	}
}

// inform handles a 1xx response.
func (st *stream) inform(out *message.Response) *fault.Fault {
	relay := out.Status != 100 || st.req.ClientExpects
	switch st.req.Interim {
	case backend.InterimSuppress:
		relay = false
	case backend.InterimRFC:
		relay = true
	}
	if relay && h1.BadField(&out.Header) < 0 {
		out.Header.DelKnown(message.ContentLength)
		out.Header.DelKnown(message.Trailer)
		if err := st.x.Down.Inform(out.Status, &out.Header); err != nil {
			return &fault.Fault{Kind: fault.ClientGone, Err: err}
		}
	}
	if out.Status == 100 && st.sender != nil && st.sender.hold {
		st.sender.hold = false
		return st.sender.start()
	}
	return nil
}

// settle decides what of the response is content.
func (st *stream) settle(h *head) *fault.Fault {
	out := &st.x.Out
	if h1.BadField(&out.Header) >= 0 {
		return &fault.Fault{Kind: fault.BadName, Err: errors.New("a response field with characters it can't have")}
	}
	if st.connect {
		if h.status < 300 {
			st.switched(out)
			return nil
		}
	}
	switch {
	case st.req.Method == "HEAD", message.Bodyless(h.status):
		out.Body = message.Body{}
		return nil
	}
	st.s.mu.Lock()
	length := int64(-1)
	switch {
	case st.counted:
		length = st.left + int64(st.held)
	case h.end:
		length = 0
	}
	st.s.mu.Unlock()
	out.Body = message.Body{Reader: st, Length: length, Trailer: st.trailers}
	return nil
}

// trailers gives the trailer section once the content has ended.
func (st *stream) trailers() *message.Header {
	st.s.mu.Lock()
	defer st.s.mu.Unlock()
	return st.trailer
}

// Read implements io.Reader for x.Out.Body.
func (st *stream) Read(p []byte) (int, error) {
	data, err := st.content(len(p))
	return copy(p, data), err
}

// content returns the next piece of content, at most n bytes, valid until the
// next call; io.EOF behind the last. Nothing is held back: what the client has
// not been sent yet goes out before it waits.
func (st *stream) content(n int) ([]byte, error) {
	for len(st.cur) == 0 {
		if st.curBuf != nil {
			buffer.Put(st.curBuf)
			st.curBuf = nil
		}
		if err := st.fill(); err != nil {
			return nil, err
		}
	}
	b := st.cur
	if len(b) > n {
		b = b[:n]
	}
	st.cur = st.cur[len(b):]
	st.eat(len(b))
	return b, nil
}

// fill takes the next chunk.
func (st *stream) fill() error {
	s := st.s
	s.mu.Lock()
	for waited := false; ; {
		if len(st.chunks) > 0 {
			st.curBuf = st.chunks[0]
			st.cur = st.curBuf
			st.chunks[0] = nil
			st.chunks = st.chunks[1:]
			st.held -= len(st.cur)
			s.mu.Unlock()
			if waited {
				st.x.Down.Waiting(nil)
				st.guard.Disarm()
			}
			return nil
		}
		var err error
		switch {
		case st.err != nil:
			err = st.err
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
		case st.ended:
			err = io.EOF
		}
		if err == nil && waited {
			if f := st.block(); f != nil {
				if err = f; f.Kind == fault.ClientGone {
					err = errClientGone
				}
			}
		}
		if err != nil {
			s.mu.Unlock()
			if waited {
				st.x.Down.Waiting(nil)
				st.guard.Disarm()
			}
			return err
		}
		if waited {
			continue
		}
		s.mu.Unlock()
		if st.x.Begun {
			if err := st.x.Down.Flush(); err != nil {
				st.x.Aborted = true
				return errClientGone
			}
		}
		st.guard.Arm(st.work.Timeout)
		if !st.x.Down.Waiting(&st.guard) {
			st.guard.Disarm()
			return errClientGone
		}
		waited = true
		s.mu.Lock()
	}
}

var errClientGone = errors.New("the client is gone")

// eat asks for as much again as was taken, in large steps.
func (st *stream) eat(n int) {
	s := st.s
	s.mu.Lock()
	st.eaten += n
	ask := 0
	if st.eaten >= windowSize/2 && !st.ended {
		ask = st.eaten
		st.eaten = 0
		st.recv += ask
	}
	s.mu.Unlock()
	if ask > 0 {
		s.credit(st.id, ask)
	}
}

// Deliver implements backend.Reply.
func (st *stream) Deliver(x *exchange.Exchange) *fault.Fault {
	defer st.release()
	if x.Out.Body.None() {
		return nil
	}
	for {
		data, err := st.content(buffer.Large)
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
			if f, ok := errors.AsType[*fault.Fault](err); err == errClientGone || ok && f.Kind == fault.ClientBody {
				return &fault.Fault{Kind: fault.ClientGone, Begun: true}
			}
			if r, ok := errors.AsType[*resetError](err); ok {
				x.Reset = reasonOf(r.code)
			}
			return &fault.Fault{Kind: fault.BodyBroken, Err: err, Begun: true}
		}
	}
	if t := st.trailerFor(x); t != nil {
		if err := x.Down.End(t); err != nil {
			x.Aborted = true
		}
	}
	return nil
}

// trailerFor gives the response's trailer section to a client that asked for
// such (TE: trailers).
func (st *stream) trailerFor(x *exchange.Exchange) *message.Header {
	t := st.trailers()
	if t == nil || h1.BadField(t) >= 0 {
		return nil
	}
	if te, ok := x.Request.Header.Known(message.TE); !ok || !message.HasToken(te, "trailers") {
		return nil
	}
	t.DelFunc(func(f *message.Field) bool {
		switch f.Known {
		case message.ContentLength, message.TransferEncoding, message.Host, message.Connection,
			message.SetCookie, message.Authorization, message.Trailer, message.ContentType, message.ContentEncoding, message.TE:
			return true
		}
		return false
	})
	return t
}

// Discard implements backend.Reply.
func (st *stream) Discard() { st.release() }
