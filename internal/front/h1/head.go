package h1

import (
	"strings"

	"sallyport/internal/buffer"
	"sallyport/internal/exchange"
	"sallyport/internal/message"
	wire "sallyport/internal/wire/h1"
)

// buffered serves the requests that are complete in the buffer. It reports
// true when the connection has something else to do than to wait for bytes.
func (c *conn) buffered() bool {
	for {
		if c.x == nil && !c.head() {
			return c.next != wait
		}
		if !c.body.here() {
			if c.body.mayGather() {
				return false
			}
			if c.inside {
				c.next = block
				return true
			}
		}
		c.serve()
		if c.next != wait {
			return true
		}
	}
}

// head takes the next head out of the buffer and makes c.x of it. False: it
// is not complete, or was refused (c.next tells).
func (c *conn) head() bool {
	for c.searched < 2 { // an empty line may have come in two parts
		n := wire.LeadingBlank(c.in[c.r:c.w])
		if n == 0 {
			break
		}
		c.r += n
		c.searched = 0
	}
	if c.r == c.w {
		return false
	}
	if c.searched == 0 && !c.begin() {
		c.next = hangUp
		return false
	}
	if c.client.Served == 0 && c.in[c.r] == 'P' && c.prefaced() {
		return false
	}
	n := wire.HeadEnd(c.in[c.r:c.w], c.searched)
	lim := wire.Limits{Line: c.set.LimitRequestLine, Fields: c.set.LimitRequestFields, FieldSize: c.set.LimitFieldSize}
	if n == 0 {
		if p := wire.Check(c.in[c.r:c.w], &lim); p != nil {
			c.badHead(p, "")
			c.finish()
			return false
		}
		c.searched = c.w - c.r
		c.guard.Arm(c.readLimit(&c.set.HeadTimeout, int64(c.searched)))
		return false
	}
	head := string(c.in[c.r : c.r+n])
	c.r += n
	c.searched = 0
	c.newExchange()
	x := c.x
	x.BytesIn = int64(n)
	if p := c.parse(x, head, &lim); p != nil {
		c.badHead(p, head)
		c.finish()
		return false
	}
	return true
}

// parse fills x from its head, or says why it can't be served.
func (c *conn) parse(x *exchange.Exchange, head string, lim *wire.Limits) *wire.Problem {
	opt := wire.Options{Unsafe: c.set.Unsafe, Registered: c.set.RegisteredMethods, Methods: c.set.Methods}
	if p := wire.ParseRequest(head, &x.Request, lim, opt); p != nil {
		return p
	}
	fr, p := wire.RequestFraming(&x.Request)
	if p != nil {
		return p
	}
	t, p := wire.ParseTarget(&x.Request, opt)
	if p != nil {
		return p
	}
	if v, ok := x.Request.Header.Known(message.Expect); ok && x.Request.Version >= message.HTTP11 &&
		v != "" && !message.EqualFold(v, "100-continue") {
		return problemExpect
	}
	x.Request.Header.Join()
	x.RawPath, x.Query, x.HasQuery = t.Path, t.Query, t.HasQuery
	c.body.start(fr, &x.Request)
	return nil
}

// begin turns an idle connection into an active one, for the bytes that have
// come; also one that was dismissed in that moment. False: it is to close.
func (c *conn) begin() bool {
	if !c.state.CompareAndSwap(idle, active) {
		if c.state.Load() == active {
			return true
		}
		if c.front.closed.Load() {
			return false
		}
		c.state.Store(active) // it was dying, which this goroutine would have seen to
	}
	c.set = c.visit.Enter()
	c.since = c.front.Watch.Now()
	c.late = false
	return true
}

var problemExpect = &wire.Problem{Status: 417, Text: "the client expects what this server does not know"}

// said reports that the client has announced this request as its last, and has
// sent nothing behind it: closing can destroy nothing.
func (c *conn) said() bool {
	v, ok := c.x.Request.Header.Known(message.Connection)
	return ok && message.HasToken(v, "close") && c.body.ended() && c.r == c.w && c.drained
}

// badHead answers a request that breaks the rules. head is its text as far as
// known; "" stands for what is in the buffer.
func (c *conn) badHead(p *wire.Problem, head string) {
	if head == "" {
		head = string(c.in[c.r:c.w])
	}
	if c.x == nil {
		c.newExchange()
	}
	c.x.Line = lineOf(head)
	if strings.HasSuffix(c.x.Line, " HTTP/1.1") {
		c.x.Request.Version = message.HTTP11
	}
	c.x.KeepAlive = false
	c.next = goodbye
	c.visit.Refuse(c.x, p.Status, p.Error())
}

// lineOf is the request line of a refused head as httpd logs it: the first
// three words with one blank between them. One that has no proper end keeps
// its NUL or LF as the last byte.
func lineOf(head string) string {
	end := strings.IndexAny(head, "\x00\r\n")
	switch {
	case end < 0:
		end = len(head)
	case head[end] != '\r':
		return head[:end+1]
	}
	words := strings.FieldsFunc(head[:end], func(r rune) bool { return r == ' ' || r == '\t' })
	return strings.Join(words[:min(len(words), 3)], " ")
}

// filled notes that n bytes were read into the room.
func (c *conn) filled(n int) {
	c.w += n
	c.drained = c.w < len(c.in)
}

// room makes space for the next read.
func (c *conn) room() {
	switch {
	case c.in == nil:
		if c.large {
			c.in = buffer.GetLarge()
		} else {
			c.in = buffer.GetSmall()
		}
		c.r, c.w = 0, 0
	case c.r == c.w:
		c.r, c.w = 0, 0
	case c.x != nil && c.body.kind == wire.Counted && c.body.left > int64(len(c.in)-c.r):
		c.grow() // for a gathered body, whose length is known
	case c.w < len(c.in):
	case c.r > 0:
		c.w = copy(c.in, c.in[c.r:c.w])
		c.r = 0
	default:
		c.grow()
	}
}

// grow moves what is in the buffer to a larger one. Only an incomplete head or
// a gathered body needs it; Check and mayGather bound them.
func (c *conn) grow() {
	var big []byte
	if len(c.in) < buffer.Large {
		big = buffer.GetLarge()
		c.large = true
	} else {
		big = make([]byte, 2*len(c.in))
	}
	c.w = copy(big, c.in[c.r:c.w])
	c.r = 0
	buffer.Put(c.in)
	c.in = big
}

// shrink gives an empty buffer back.
func (c *conn) shrink() {
	if c.r == c.w && c.in != nil {
		buffer.Put(c.in)
		c.in, c.r, c.w = nil, 0, 0
	}
}
