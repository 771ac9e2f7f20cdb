package proxytest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// calls are the steps about a request whose parts the script sends itself; they
// mean the same in every version of HTTP.
var calls = map[string]bool{"begin": true, "write": true, "end": true, "interim": true, "answer": true, "read": true, "abort": true}

// call does one of them.
func (r *run) call(st *Step) error {
	if st.Conn == "" {
		return fmt.Errorf("%s wants a name", st.Verb)
	}
	c := r.calls[st.Conn]
	if st.Verb == "begin" {
		if c != nil {
			c.Close()
		}
		c, err := r.begin(st)
		if err != nil {
			return err
		}
		r.calls[st.Conn] = c
		return nil
	}
	if c == nil {
		return fmt.Errorf("%s: nothing was begun", st.Conn)
	}
	switch st.Verb {
	case "write":
		c.Write(st.Data) // the answer may have come before
	case "end":
		return c.End()
	case "interim":
		return c.Interim(st.Args[0])
	case "answer":
		r.resp = c.Answer(len(st.Args) > 0)
	case "read":
		got := make([]byte, len(st.Data))
		n, err := io.ReadFull(c, got)
		if !bytes.Equal(got[:n], st.Data) {
			return fmt.Errorf("read %s (%v), want %s", shorten(got[:n], 200), err, shorten(st.Data, 200))
		}
	case "abort":
		c.Abort()
	}
	return nil
}

func (r *run) begin(st *Step) (Call, error) {
	if !r.text() {
		return r.via.Begin(r.port, st.ask())
	}
	c, err := r.dial(st)
	if err != nil {
		return nil, err
	}
	a := st.ask()
	c.send(st.bytes())
	return &textCall{client: c, st: st, chunked: a.Length < 0}, nil
}

// textCall is a Call as text of HTTP/1.1.
type textCall struct {
	*client
	st      *Step
	chunked bool
	resp    Response
	left    []byte // of a chunk, not yet given by Read
	taken   int64  // bytes that Read has given
}

func (c *textCall) Write(p []byte) error {
	if c.chunked {
		p = fmt.Appendf(nil, "%x\r\n%s\r\n", len(p), p)
	}
	c.c.SetWriteDeadline(time.Now().Add(stepTimeout))
	_, err := c.c.Write(p)
	return err
}

func (c *textCall) End() error {
	if c.chunked {
		c.send(c.st.lastChunk())
	}
	return nil
}

func (c *textCall) Interim(status string) error {
	for {
		one := c.receiveHead()
		if one.Err != nil {
			return one.Err
		}
		if !c.interim(one.Message) {
			c.resp.Message = one.Message
			return fmt.Errorf("no interim response %s but %s", status, one.First)
		}
		if one.word(1) == status {
			return nil
		}
	}
}

// interim takes m if it is an interim response.
func (c *textCall) interim(m *Message) bool {
	s := m.word(1)
	if len(s) != 3 || s[0] != '1' || s == "101" {
		return false
	}
	m.Whole = true
	c.resp.Interim = append(c.resp.Interim, m)
	return true
}

func (c *textCall) Answer(head bool) *Response {
	for c.resp.Message == nil && c.resp.Err == nil {
		one := c.receiveHead()
		if one.Err == nil && c.interim(one.Message) {
			continue
		}
		if c.resp.Err = one.Err; len(one.Head) > 0 {
			c.resp.Message = one.Message
		}
	}
	if !head && c.resp.Err == nil {
		c.resp.Err = c.rest(c.resp.Message)
	}
	return &c.resp
}

// rest reads what Read has left of the content.
func (c *textCall) rest(m *Message) error {
	if c.taken == 0 || isChunked(m) {
		m.Body, c.left = c.left, nil
		return readResponseBody(c.r, m, c.st.Method)
	}
	if v := m.values("Content-Length"); len(v) > 0 {
		n, err := strconv.ParseInt(v[0], 10, 64)
		if err != nil {
			return err
		}
		m.Body = make([]byte, n-c.taken)
		_, err = io.ReadFull(c.r, m.Body)
		m.Whole = err == nil
		return midway(err)
	}
	return readResponseBody(c.r, m, c.st.Method)
}

// Read implements io.Reader of content behind Answer(true).
func (c *textCall) Read(p []byte) (int, error) {
	if c.resp.Message == nil || c.resp.Err != nil {
		return 0, errors.New("read: there is no response")
	}
	c.c.SetReadDeadline(time.Now().Add(stepTimeout))
	if !isChunked(c.resp.Message) {
		n, err := c.r.Read(p)
		c.taken += int64(n)
		return n, err
	}
	if len(c.left) == 0 {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return 0, midway(err)
		}
		n, err := strconv.ParseUint(strings.TrimSpace(line), 16, 31)
		if err != nil {
			return 0, err
		}
		if n == 0 {
			return 0, errors.New("read: the content has ended")
		}
		chunk := make([]byte, n+2)
		if _, err := io.ReadFull(c.r, chunk); err != nil {
			return 0, midway(err)
		}
		c.left = chunk[:n]
	}
	n := copy(p, c.left)
	c.left = c.left[n:]
	c.taken += int64(n)
	return n, nil
}

// Abort resets the connection.
func (c *textCall) Abort() {
	nc := c.c
	if over, ok := nc.(interface{ NetConn() net.Conn }); ok {
		nc = over.NetConn()
	}
	if tcp, ok := nc.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	nc.Close()
}

func (c *textCall) Close() { c.c.Close() }
