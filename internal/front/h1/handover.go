package h1

import (
	"bytes"

	"sallyport/internal/exchange"
	"sallyport/internal/message"
	h2 "sallyport/internal/wire/h2"
)

// prefaced reports that the connection begins with HTTP/2's preface, as far as
// it has come, and may: then no request is looked for.
func (c *conn) prefaced() bool {
	in := c.in[c.r:c.w]
	n := min(len(in), len(h2.Preface))
	if c.front.H2 == nil || string(in[:n]) != h2.Preface[:n] || !c.set.Versions.Direct(c.client.TLS != nil) {
		return false
	}
	if n < len(h2.Preface) {
		c.searched = 0
		c.guard.Arm(c.readLimit(&c.set.HeadTimeout, int64(n)))
		return true
	}
	c.visit.Leave()
	c.hand = &exchange.Handoff{}
	c.next = handOver
	return true
}

// SwitchH2 implements exchange.Switcher.
func (o *response) SwitchH2(settings []byte) bool {
	if o.c.front.H2 == nil || o.begun || !o.x.Request.Body.None() {
		return false
	}
	o.settings = settings
	return true
}

// switched: the 101 is out, and the request at hand wants its answer in HTTP/2.
func (c *conn) switched() {
	r := &message.Request{}
	*r = c.x.Request
	r.Header = message.Header{}
	r.Header.CopyFrom(&c.x.Request.Header)
	c.hand = &exchange.Handoff{Request: r, Settings: c.out.settings}
	c.next = handOver
}

// handOver leaves the connection to the front for HTTP/2, on this goroutine.
func (c *conn) handOver() {
	h := c.hand
	h.Conn, h.Client, h.Visit = c.nc, &c.client, c.visit
	h.Early = bytes.Clone(c.in[c.r:c.w])
	c.r = c.w
	c.guard.Still()
	if t := c.secure; t != nil {
		t.sock.c = nil
		h.Conn = t.Conn
	}
	c.front.Watch.Remove(&c.guard)
	c.hang.cancel()
	c.hand = nil
	kits.Put(c.strip())
	c.front.H2(h)
}
