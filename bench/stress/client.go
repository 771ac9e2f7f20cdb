//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"
)

// patience is how long a client waits for anything before it calls the
// exchange hung.
const patience = 25 * time.Second

// client is one of the load's actors. It owns its connection and random
// source; nothing of it is shared but the Tally.
type client struct {
	kind   string
	name   string // begins its tokens
	addr   string
	seq    int
	random *rand.Rand
	tally  *Tally
	table  []Behaviour
	weight int // of the table

	conn *net.TCPConn
	r    *bufio.Reader
	why  string      // of the last exchange that was refused or cut
	past []Behaviour // asked for on this connection, oldest first
	// ending: the last upload may not have been taken whole, and the proxy
	// may end the connection after its answer, unannounced.
	ending bool
}

// chance is true once in n times.
func (c *client) chance(n int) bool { return c.random.IntN(n) == 0 }

// sizes are what bodies are made of: nothing, less than a buffer, around the
// sizes of usual buffers, and a few large ones.
func (c *client) size() int64 {
	switch c.random.IntN(10) {
	case 0:
		return int64(c.random.IntN(3))
	case 1, 2, 3, 4:
		return int64(c.random.IntN(2000))
	case 5, 6, 7:
		return int64([]int{4096, 8192, 16384, 32768, 65536}[c.random.IntN(5)] + c.random.IntN(512) - 256)
	case 8:
		return int64(c.random.IntN(200_000))
	default:
		return int64(c.random.IntN(1_000_000))
	}
}

// choose picks a behaviour by weight; only those that pass.
func (c *client) choose(pass func(Behaviour) bool) Behaviour {
	for {
		n := c.random.IntN(c.weight)
		for _, b := range c.table {
			if n -= b.Weight; n < 0 {
				if pass(b) && (!b.Costly || c.chance(4)) {
					return b
				}
				break
			}
		}
	}
}

// next makes a plan with a fresh token.
func (c *client) next(b Behaviour) plan {
	c.seq++
	where := "one"
	if c.chance(2) {
		where = "pool"
	}
	p := plan{Where: where, What: b, Size: c.size(), Token: tokenOf(c.name, c.seq)}
	if !b.Must {
		p.Size = max(p.Size, 2) // enough to be halved
	}
	if b.Whole {
		p.Size = min(p.Size, 30_000)
	}
	return p
}

// dial opens a fresh connection.
func (c *client) dial(ctx context.Context, receiveBuffer int) error {
	d := net.Dialer{Timeout: patience, Control: func(_, _ string, raw syscall.RawConn) error {
		if receiveBuffer == 0 {
			return nil
		}
		var set error
		if err := raw.Control(func(fd uintptr) {
			set = errors.Join(
				syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, receiveBuffer),
				syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 1460))
		}); err != nil {
			return err
		}
		return set
	}}
	conn, err := d.DialContext(ctx, "tcp", c.addr)
	if err != nil {
		return err
	}
	c.conn = conn.(*net.TCPConn)
	c.r, c.past = bufio.NewReaderSize(c.conn, 4096), nil
	c.ending = false
	return nil
}

// close ends the connection, if any; abrupt makes it a RST.
func (c *client) close(abrupt bool) {
	if c.conn == nil {
		return
	}
	if abrupt {
		_ = c.conn.SetLinger(0)
	}
	c.conn.Close()
	c.conn = nil
}

// patient moves the connection's deadline ahead.
func (c *client) patient() { _ = c.conn.SetDeadline(time.Now().Add(patience)) }

// head is a request's head. upload is the length of its body, -1 for none.
func (c *client) head(method string, p plan, upload int64, chunked bool, extra string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: stress.test\r\nX-Token: %s\r\n", method, p.path(), p.Token)
	if upload >= 0 {
		fmt.Fprintf(&b, "X-Upload: %d\r\n", upload)
		if chunked {
			b.WriteString("Transfer-Encoding: chunked\r\n")
		} else {
			fmt.Fprintf(&b, "Content-Length: %d\r\n", upload)
		}
	}
	b.WriteString(extra)
	b.WriteString("\r\n")
	return b.String()
}

// ask sends one request and takes its answer; the outcome is counted. It
// reports whether the connection may carry another.
func (c *client) ask(p plan) bool {
	c.patient()
	method := http.MethodGet
	var err error
	switch {
	case p.What.Upload:
		method = http.MethodPost
		err = c.upload(p)
	default:
		if p.What.Must && !p.What.Bodiless && c.chance(20) {
			method = http.MethodHead
		}
		_, err = io.WriteString(c.conn, c.head(method, p, -1, false, ""))
	}
	// A proxy may answer and close before it has read everything: what it
	// said is read in any case.
	outcome, again := c.answer(method, p, nil)
	if err != nil && outcome == Cut {
		again = false
	}
	c.settle(method, p, outcome)
	return again && err == nil
}

// upload sends a POST: counted or chunked, in one piece or several, with or
// without Expect.
func (c *client) upload(p plan) error {
	size := c.size()
	chunked := c.chance(3)
	extra := ""
	expect := c.chance(8)
	if expect {
		extra = "Expect: 100-continue\r\n"
	}
	head := c.head(http.MethodPost, p, size, chunked, extra)
	if expect {
		if _, err := io.WriteString(c.conn, head); err != nil {
			return err
		}
		// Whether 100 comes or not, the body is sent after a moment.
		_ = c.conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		_, _ = c.r.Peek(1)
		c.patient()
		head = ""
	}
	body := newPattern(p.Token, size)
	piece := make([]byte, 1+c.random.IntN(64<<10))
	for first := true; ; first = false {
		n, err := body.Read(piece)
		if err == io.EOF {
			break
		}
		text := piece[:n]
		if chunked {
			text = fmt.Appendf(nil, "%x\r\n%s\r\n", n, text)
		}
		if first && head != "" {
			text = append([]byte(head), text...)
			head = ""
		}
		if _, err := c.conn.Write(text); err != nil {
			return err
		}
	}
	if chunked {
		head += "0\r\n\r\n"
	}
	_, err := io.WriteString(c.conn, head)
	return err
}

// answer reads one answer and judges it. slow, when given, is called between
// the reads of the body. The second result says whether the connection goes on.
func (c *client) answer(method string, p plan, slow func() error) (Outcome, bool) {
	resp, err := c.finalHead(method)
	if err != nil {
		c.why = fmt.Sprintf("no head: %v", err)
		return c.broken(p, err), false
	}
	defer resp.Body.Close()
	token := resp.Header.Get("X-Token")
	switch {
	case token == lateToken:
		// Sent by a backend to a connection at rest, a moment after its
		// answer: it may have crossed the next request on the way, and then
		// no proxy can tell. Counted, not condemned.
		c.tally.Late.Add(1)
		c.why = lateToken
		return Cut, false
	case token != "" && token != p.Token:
		c.tally.note("%s (%s) got the answer of %s", p.Token, p.What.Name, token)
		return Crossed, false
	case token == "" && resp.StatusCode >= 400:
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return c.broken(p, err), false
		}
		c.why = resp.Status
		return Refused, !resp.Close
	case token == "" || p.What.Status != resp.StatusCode:
		c.tally.note("%s (%s) got status %d, token %q", p.Token, p.What.Name, resp.StatusCode, token)
		return Wrong, false
	}
	size := p.Size
	if p.What.Bodiless || method == http.MethodHead {
		size = 0
	}
	want := newPattern(p.Token, size)
	err = copySlowly(want, resp.Body, slow)
	var wrong mismatch
	switch {
	case errors.As(err, &wrong):
		c.tally.note("%s (%s): %v", p.Token, p.What.Name, wrong)
		return Crossed, false
	case err != nil:
		c.why = fmt.Sprintf("after %d of %d bytes: %v", want.at, size, err)
		return c.broken(p, err), false
	case !want.whole() && framed(resp):
		c.tally.note("%s (%s): %d of %d bytes came as if they were all", p.Token, p.What.Name, want.at, size)
		return Wrong, false
	case !want.whole():
		return Cut, false // ended by the connection's end: nobody can tell
	}
	if end := resp.Trailer.Get("X-End"); end != "" && end != p.Token {
		c.tally.note("%s (%s) got the trailer of %s", p.Token, p.What.Name, end)
		return Crossed, false
	}
	return Right, !resp.Close
}

// framed reports whether the body's end is told by its framing.
func framed(resp *http.Response) bool {
	return resp.ContentLength >= 0 || len(resp.TransferEncoding) > 0
}

// finalHead reads heads up to the first that is not interim.
func (c *client) finalHead(method string) (*http.Response, error) {
	for {
		if err := wholeHead(c.r, "HTTP/1."); err != nil {
			return nil, err
		}
		resp, err := http.ReadResponse(c.r, &http.Request{Method: method})
		if err != nil || resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			return resp, err
		}
	}
}

// copySlowly is io.Copy with a pause between reads.
func copySlowly(to io.Writer, from io.Reader, slow func() error) error {
	if slow == nil {
		_, err := io.Copy(to, from)
		return err
	}
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := slow(); err != nil {
			return err
		}
	}
}

// broken sorts an error of the connection. An answer that cannot be read as
// HTTP is wrong; a connection that ends is cut; silence is hung.
func (c *client) broken(p plan, err error) Outcome {
	var network net.Error
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.tally.note("%s (%s): no answer within %v", p.Token, p.What.Name, patience)
		return Hung
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &network), errors.Is(err, net.ErrClosed):
		return Cut
	}
	c.tally.note("%s (%s): unreadable answer: %v", p.Token, p.What.Name, err)
	return Wrong
}

// settle counts an exchange's outcome, and the loss of what was owed. The
// victim of a late answer is not the proxy's loss.
func (c *client) settle(method string, p plan, o Outcome) {
	c.tally.count(c.kind, o)
	past, ending := c.past, c.ending
	c.ending = p.What.Upload && (p.What.Early || o != Right)
	c.past = append(c.past, p.What)
	if !p.What.Must || o != Refused && o != Cut || c.why == lateToken {
		return
	}
	if o == Cut && ending && strings.HasPrefix(c.why, "no head") {
		return // the connection had ended before the request was sent
	}
	if method == http.MethodPost {
		c.tally.LostUnsafe.Add(1)
		return
	}
	c.tally.LostSafe.Add(1)
	c.tally.noteLost("%s (%s, %s, %s client) was owed an answer and was %v: %s (before on this connection: %s)", p.Token, method, p.What.Name, c.kind, o, c.why,
		names(past[max(0, len(past)-4):]))
}

// names joins the behaviours' names.
func names(list []Behaviour) string {
	var b strings.Builder
	for i, x := range list {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(x.Name)
	}
	return b.String()
}
