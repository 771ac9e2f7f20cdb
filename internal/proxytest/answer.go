package proxytest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// action is one thing a backend does while it answers.
type action struct {
	verb  string
	first string // status: the words after HTTP/1.1
	field Field
	data  []byte
	parts [][]byte
	wait  time.Duration
}

var reStatus = regexp.MustCompile(`^\d{3}( .*)?$`)

// parseAction reads what follows `NAME< `.
//
//	200 OK               begins a response; a second one begins another
//	Name: value          a field of it
//	body BYTES           head with Content-Length, then the body
//	chunked BYTES ...    head with Transfer-Encoding, one chunk for each
//	chunk BYTES, end     the same, piece by piece
//	trailer Name: value  a field of the trailer section, sent with the last chunk
//	until-close BYTES    head without length, the body, then close
//	flush                sends the head as it is
//	raw BYTES            sends these bytes and nothing else
//	early                answer before the request's body is read (first line)
//	at once              answer before anything is read (first line)
//	read body            reads the body after early
//	hold                 waits for the step `release NAME`
//	sleep 50ms, close, reset
//	echo                 the default answer
//	tunnel               gives every byte back until the other side ends
//	gone                 waits until the other side has given the exchange up
func parseAction(text string, s *Script) (action, error) {
	word, rest, _ := strings.Cut(text, " ")
	a := action{verb: word}
	var err error
	switch word {
	case "body", "until-close", "raw", "chunk":
		a.data, err = parseBytes(rest, s)
	case "chunked":
		var words []string
		if words, err = splitQuoted(rest); err != nil {
			return a, err
		}
		for _, w := range words {
			part, err := parseBytes(w, s)
			if err != nil {
				return a, err
			}
			a.parts = append(a.parts, part)
		}
	case "trailer":
		m := reField.FindStringSubmatch(rest)
		if m == nil {
			return a, fmt.Errorf("trailer %q", rest)
		}
		a.field = Field{m[1], m[2]}
	case "sleep":
		a.wait, err = time.ParseDuration(rest)
	case "end", "flush", "early", "hold", "close", "reset", "echo", "tunnel", "gone":
		if rest != "" {
			err = fmt.Errorf("%s takes no words", word)
		}
	case "at", "read":
		a.verb = text
		if text != "at once" && text != "read body" {
			err = fmt.Errorf("answer %q", text)
		}
	default:
		if reStatus.MatchString(text) {
			a.verb, a.first = "status", text
			return a, nil
		}
		m := reField.FindStringSubmatch(text)
		if m == nil {
			return a, fmt.Errorf("answer %q", text)
		}
		a.verb, a.field = "field", Field{m[1], m[2]}
	}
	return a, err
}

// answer is what a backend does for one request.
type answer struct {
	actions []action
}

func (a *answer) begins(verb string) bool {
	return len(a.actions) > 0 && a.actions[0].verb == verb
}

var (
	errClose = errors.New("the script closes the connection")
	errReset = errors.New("the script resets the connection")
)

// player carries an answer out on one connection.
type player struct {
	b    *backend
	conn net.Conn
	r    *bufio.Reader
	seen *Seen // nil when the answer comes at once

	head    strings.Builder
	pending bool // a head is begun and not yet sent
	status  string
	framed  bool // the script gave a length or a coding itself
	trailer []byte
	chunked bool // the head is sent and chunks may follow
}

func (p *player) play(a *answer) error {
	for _, act := range a.actions {
		if err := p.act(act); err != nil {
			return err
		}
	}
	if p.pending {
		if !p.framed && !bodiless(p.status) {
			p.add("Content-Length", "0")
		}
		return p.flush()
	}
	return nil
}

func bodiless(status string) bool {
	return strings.HasPrefix(status, "1") || strings.HasPrefix(status, "204") || strings.HasPrefix(status, "304")
}

func (p *player) add(name, value string) { fmt.Fprintf(&p.head, "%s: %s\r\n", name, value) }

func (p *player) flush() error { return p.send(nil) }

// send writes the pending head, if any, and the body bytes in one go, as most
// servers do; the bytes stay out of the answer to a HEAD.
func (p *player) send(body []byte) error {
	var out []byte
	if p.pending {
		out = append([]byte(p.head.String()), "\r\n"...)
		p.head.Reset()
		p.pending = false
	}
	if p.seen == nil || p.seen.word(0) != "HEAD" {
		out = append(out, body...)
	}
	if len(out) == 0 {
		return nil
	}
	return p.write(out)
}

func (p *player) write(data []byte) error {
	_, err := p.conn.Write(data)
	return err
}

func (p *player) act(a action) error {
	switch a.verb {
	case "early", "at once":
		return nil
	case "status":
		if err := p.flush(); err != nil {
			return err
		}
		p.pending, p.status, p.framed, p.chunked = true, a.first, false, false
		fmt.Fprintf(&p.head, "HTTP/1.1 %s\r\n", a.first)
		return nil
	case "field":
		p.framed = p.framed || strings.EqualFold(a.field.Name, "Content-Length") || strings.EqualFold(a.field.Name, "Transfer-Encoding")
		p.add(a.field.Name, a.field.Value)
		return nil
	case "trailer":
		p.trailer = fmt.Appendf(p.trailer, "%s: %s\r\n", a.field.Name, a.field.Value)
		return nil
	case "body":
		if p.pending && !p.framed {
			p.add("Content-Length", strconv.Itoa(len(a.data)))
		}
		return p.send(a.data)
	case "chunked":
		for _, part := range a.parts {
			if err := p.chunk(part); err != nil {
				return err
			}
		}
		return p.chunk(nil)
	case "chunk":
		return p.chunk(a.data)
	case "end":
		return p.chunk(nil)
	case "until-close":
		if err := p.send(a.data); err != nil {
			return err
		}
		return errClose
	case "flush":
		return p.flush()
	case "raw":
		if err := p.flush(); err != nil {
			return err
		}
		return p.write(a.data)
	case "read body":
		if p.seen == nil || p.seen.Whole {
			return nil
		}
		return p.b.finish(p.seen, readRequestBody(p.r, &p.seen.Message))
	case "hold":
		if err := p.flush(); err != nil {
			return err
		}
		select {
		case <-p.b.released:
		case <-time.After(stepTimeout):
			return errors.New("held too long")
		}
		return nil
	case "sleep":
		if err := p.flush(); err != nil {
			return err
		}
		time.Sleep(a.wait)
		return nil
	case "close":
		if err := p.flush(); err != nil {
			return err
		}
		return errClose
	case "reset":
		if err := p.flush(); err != nil {
			return err
		}
		return errReset
	case "echo":
		return p.echo()
	case "gone":
		if err := p.flush(); err != nil {
			return err
		}
		p.conn.SetReadDeadline(time.Now().Add(stepTimeout))
		_, err := io.Copy(io.Discard, p.r)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return errors.New("the exchange was not given up")
		}
		close(p.seen.gone)
		return errClose
	case "tunnel":
		if err := p.flush(); err != nil {
			return err
		}
		_, err := io.Copy(p.conn, p.r)
		if err == nil {
			err = errClose
		}
		return err
	}
	return fmt.Errorf("unknown action %q", a.verb)
}

// chunk sends one chunk; the empty one ends the body.
func (p *player) chunk(data []byte) error {
	if p.pending && !p.framed {
		p.add("Transfer-Encoding", "chunked")
	}
	if len(data) == 0 {
		data, p.trailer = p.trailer, nil
		return p.send(fmt.Appendf(nil, "0\r\n%s\r\n", data))
	}
	return p.send(fmt.Appendf(nil, "%x\r\n%s\r\n", len(data), data))
}

// echo is the default answer: 200 and a body that names the backend and
// repeats the request, so that a script may look at either end.
func (p *player) echo() error {
	var body strings.Builder
	fmt.Fprintf(&body, "%s\n", p.b.name)
	if p.seen != nil {
		body.Write(p.seen.Head)
		body.Write(p.seen.Body)
	}
	p.pending = true
	fmt.Fprintf(&p.head, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Backend: %s\r\nContent-Length: %d\r\n", p.b.name, body.Len())
	return p.send([]byte(body.String()))
}
