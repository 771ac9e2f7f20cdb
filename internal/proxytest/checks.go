package proxytest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// checked is the part of a backend that answers health checks: whatever comes
// on its connections that no proxy forwarded for a client. Checks are counted
// apart from requests and connections.
type checked struct {
	on bool
	// plan holds the answers to come; the last one stays.
	plan  []string
	asked []*Message // in order; a bare connection is an empty message
}

// The answers to a check that have a name; a number is a status with an empty
// body, anything else are the bytes to send. The connection is closed behind.
const (
	checkClose   = "close"   // nothing
	checkHold    = "hold"    // nothing, until the other side gives up
	checkEndless = "endless" // a body without end
	checkDrip    = "drip"    // a head without end, byte by byte
)

// probed plays a check if that is what begins on the connection; false: it is
// something else, m being its head.
func (b *backend) probed(c net.Conn, r *bufio.Reader, m *Message, err error) bool {
	if err == nil && len(m.values("X-Forwarded-For")) > 0 {
		return false
	}
	if err == nil {
		readRequestBody(r, m)
	}
	b.mu.Lock()
	b.accepts--
	b.checked.asked = append(b.checked.asked, m)
	answer := "200"
	if plan := b.checked.plan; len(plan) > 0 {
		answer = plan[0]
		if len(plan) > 1 {
			b.checked.plan = plan[1:]
		}
	}
	b.mu.Unlock()
	if err == nil {
		answerCheck(c, answer)
	}
	return true
}

func answerCheck(c net.Conn, answer string) {
	switch answer {
	case checkClose:
		return
	case checkHold:
		io.Copy(io.Discard, c)
		return
	case checkEndless:
		_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
		for piece := strings.Repeat("endless ", 1<<13); err == nil; {
			_, err = io.WriteString(c, piece)
		}
		return
	case checkDrip:
		_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nX-Drip: ")
		for err == nil {
			time.Sleep(50 * time.Millisecond)
			_, err = io.WriteString(c, "x")
		}
		return
	}
	if _, err := strconv.Atoi(answer); err == nil {
		answer = "HTTP/1.1 " + answer + " Checked\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
	}
	io.WriteString(c, answer)
}

// readCheck reads what comes on a checked backend's connection: a head, or the
// five bytes of AJP's CPing, or nothing at all.
func readCheck(r *bufio.Reader) (*Message, error) {
	if p, _ := r.Peek(2); string(p) == "\x12\x34" {
		m := &Message{Head: make([]byte, 5)}
		_, err := io.ReadFull(r, m.Head)
		return m, err
	}
	return readHead(r)
}

// checks returns the checks since a mark; it waits a while for n of them.
func (b *backend) checks(since, n int) []*Message {
	for deadline := time.Now().Add(stepTimeout); ; time.Sleep(5 * time.Millisecond) {
		b.mu.Lock()
		all := b.checked.asked[since:len(b.checked.asked):len(b.checked.asked)]
		b.mu.Unlock()
		if len(all) >= n || time.Now().After(deadline) {
			return all
		}
	}
}

// health is the step `health NAME ANSWER…`: how the backend answers the checks
// to come.
func (r *run) health(args []string) error {
	if len(args) < 2 || r.backends[args[0]] == nil || !r.backends[args[0]].checked.on {
		return fmt.Errorf("health wants a checked backend and answers")
	}
	b := r.backends[args[0]]
	b.mu.Lock()
	b.checked.plan = args[1:]
	b.mu.Unlock()
	return nil
}

// checkProbes is `NAME> checks N` (so many have come since the step began), or
// `NAME> check ~ …` and the like about the first of them.
func (r *run) checkProbes(e expectation, word, rest string) string {
	b := r.backends[e.who]
	n := e.nth
	if word == "checks" {
		n, _ = strconv.Atoi(rest)
	}
	got := b.checks(r.marks[e.who].checks, n)
	if len(got) < n {
		return fmt.Sprintf("backend %s was checked %d times, want %d", e.who, len(got), n)
	}
	if word == "checks" {
		return ""
	}
	m := got[n-1]
	switch {
	case rest == "nothing":
		return differ("bytes of the check", strconv.Quote(string(m.Head)), `""`)
	case strings.HasPrefix(rest, "request "):
		return differ("check", m.First, strings.TrimPrefix(rest, "request "))
	}
	return r.checkMessage(m, rest)
}
