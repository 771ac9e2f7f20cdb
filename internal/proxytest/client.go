package proxytest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// stepTimeout bounds everything one step may wait for.
const stepTimeout = 15 * time.Second

// client is one connection of the script's client.
type client struct {
	c net.Conn
	r *bufio.Reader
}

// Response is what the client got for one request.
type Response struct {
	*Message
	Interim []*Message // 1xx before it
	Raw     []byte     // all bytes, when they are no HTTP/1 response (HTTP/0.9)
	Err     error      // why there is no whole response
}

func (r *Response) String() string {
	switch {
	case r == nil:
		return "(no response read)"
	case r.Raw != nil:
		return "not an HTTP/1 response: " + shorten(r.Raw, 600)
	case r.Message == nil:
		return fmt.Sprintf("(no response: %v)", r.Err)
	}
	text := ""
	for _, m := range r.Interim {
		text += m.String() + "\n"
	}
	text += r.Message.String()
	if r.Err != nil {
		text += fmt.Sprintf("\n(cut short: %v)", r.Err)
	}
	return text
}

func dial(addr string) (*client, error) {
	c, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	return newClient(c), nil
}

func newClient(c net.Conn) *client { return &client{c, bufio.NewReader(c)} }

// send writes while somebody else may read: a server that refuses a large
// request answers before it has read it.
func (c *client) send(data []byte) {
	c.c.SetWriteDeadline(time.Now().Add(stepTimeout))
	c.c.Write(data)
}

// receive reads one response to a request with this method.
func (c *client) receive(method string) *Response {
	c.c.SetReadDeadline(time.Now().Add(stepTimeout))
	resp := &Response{}
	if start, err := c.r.Peek(5); err == nil && string(start) != "HTTP/" || len(start) > 0 && err != nil {
		resp.Raw, resp.Err = io.ReadAll(c.r)
		return resp
	}
	for {
		m, err := readHead(c.r)
		if err != nil {
			resp.Err = err
			if len(m.Head) > 0 {
				resp.Message = m
			}
			return resp
		}
		if s := m.word(1); len(s) == 3 && s[0] == '1' && s != "101" {
			m.Whole = true
			resp.Interim = append(resp.Interim, m)
			continue
		}
		resp.Message = m
		resp.Err = readResponseBody(c.r, m, method)
		return resp
	}
}

// receiveHead reads one head, interim or not.
func (c *client) receiveHead() *Response {
	c.c.SetReadDeadline(time.Now().Add(stepTimeout))
	m, err := readHead(c.r)
	return &Response{Message: m, Err: err}
}

// until reads until the text has come.
func (c *client) until(text []byte) error {
	c.c.SetReadDeadline(time.Now().Add(stepTimeout))
	var got []byte
	for !bytes.Contains(got, text) {
		b, err := c.r.ReadByte()
		if err != nil {
			return fmt.Errorf("want %s, got %s and then %v", shorten(text, 200), shorten(got, 400), err)
		}
		got = append(got, b)
	}
	return nil
}

// ended reports whether the server closes the connection now.
func (c *client) ended() error {
	c.c.SetReadDeadline(time.Now().Add(5 * time.Second))
	rest, err := io.ReadAll(c.r)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errors.New("the connection stays open")
	}
	if len(rest) > 0 {
		return fmt.Errorf("more bytes before the end: %s", shorten(rest, 400))
	}
	return nil
}

// kept reports whether the connection stays open for a moment.
func (c *client) kept() error {
	c.c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if b, err := c.r.Peek(1); err == nil {
		return fmt.Errorf("more bytes after the response, the first is %q", b)
	} else if !errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("the connection ended: %w", err)
	}
	return nil
}
