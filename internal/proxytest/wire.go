package proxytest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxHead bounds the head of one message; a script never needs more.
const maxHead = 4 << 20

// Field is one header line, name and value as received, white space around
// the value removed.
type Field struct{ Name, Value string }

// Message is one request or response as it arrived.
type Message struct {
	First   string  // request line or status line, without its line end
	Fields  []Field // in order of arrival
	Head    []byte  // every byte up to and including the empty line
	Body    []byte  // decoded: chunk framing removed
	Framing string  // "none", "length", "chunked" or "close"
	Trailer []Field
	Whole   bool // false when the connection ended inside the message
}

// values returns all values of the named field in order of arrival.
func (m *Message) values(name string) []string {
	var all []string
	for _, f := range m.Fields {
		if strings.EqualFold(f.Name, name) {
			all = append(all, f.Value)
		}
	}
	return all
}

// word returns the i-th word of the first line, or "".
func (m *Message) word(i int) string {
	words := strings.SplitN(m.First, " ", 3)
	if i >= len(words) {
		return ""
	}
	return words[i]
}

// String prints the message for a person, body shortened.
func (m *Message) String() string {
	if m == nil {
		return "(nothing)"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", m.First)
	for _, f := range m.Fields {
		fmt.Fprintf(&b, "%s: %s\n", f.Name, f.Value)
	}
	fmt.Fprintf(&b, "[body %d bytes, framing %s, whole %t] %s", len(m.Body), m.Framing, m.Whole, shorten(m.Body, 600))
	return b.String()
}

func shorten(b []byte, n int) string {
	if len(b) <= n {
		return strconv.Quote(string(b))
	}
	return strconv.Quote(string(b[:n])) + fmt.Sprintf("... (%d more)", len(b)-n)
}

// readHead reads one message head. At a clean end of the connection it
// returns io.EOF; inside a head the bytes so far come with the error. Line
// ends may be CRLF or LF; nothing is judged.
func readHead(r *bufio.Reader) (*Message, error) {
	m := &Message{Framing: "none"}
	for {
		line, err := r.ReadBytes('\n')
		m.Head = append(m.Head, line...)
		if err != nil {
			if errors.Is(err, io.EOF) && len(m.Head) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return m, err
		}
		if len(m.Head) > maxHead {
			return m, errors.New("read head: too long")
		}
		text := string(bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r")))
		switch {
		case m.First == "" && text == "":
			if len(m.Head) > 2 {
				return m, nil // an empty first line twice: give up quietly
			}
		case m.First == "":
			m.First = text
		case text == "":
			return m, nil
		default:
			name, value, _ := strings.Cut(text, ":")
			m.Fields = append(m.Fields, Field{name, strings.Trim(value, " \t")})
		}
	}
}

// readRequestBody reads the body that the request's header announces.
func readRequestBody(r *bufio.Reader, m *Message) error {
	switch {
	case isChunked(m):
		return readChunked(r, m)
	case len(m.values("Content-Length")) > 0:
		return readCounted(r, m)
	}
	m.Whole = true
	return nil
}

// readResponseBody reads the body of a response to a request with this method.
func readResponseBody(r *bufio.Reader, m *Message, method string) error {
	status := m.word(1)
	switch {
	case method == "HEAD", strings.HasPrefix(status, "1"), status == "204", status == "304":
		m.Whole = true
		return nil
	case isChunked(m):
		return readChunked(r, m)
	case len(m.values("Content-Length")) > 0:
		return readCounted(r, m)
	}
	m.Framing = "close"
	body, err := io.ReadAll(r)
	m.Body = body
	m.Whole = err == nil
	return err
}

func isChunked(m *Message) bool {
	for _, v := range m.values("Transfer-Encoding") {
		if strings.HasSuffix(strings.ToLower(v), "chunked") {
			return true
		}
	}
	return false
}

func readCounted(r *bufio.Reader, m *Message) error {
	m.Framing = "length"
	n, err := strconv.ParseInt(m.values("Content-Length")[0], 10, 64)
	if err != nil || n < 0 {
		return fmt.Errorf("read body: content-length %q", m.values("Content-Length")[0])
	}
	m.Body, err = io.ReadAll(io.LimitReader(r, n))
	if err == nil && int64(len(m.Body)) < n {
		err = io.ErrUnexpectedEOF
	}
	m.Whole = err == nil
	return err
}

func readChunked(r *bufio.Reader, m *Message) error {
	m.Framing = "chunked"
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return midway(err)
		}
		size, _, _ := strings.Cut(strings.TrimSpace(line), ";")
		n, err := strconv.ParseUint(strings.TrimSpace(size), 16, 31)
		if err != nil {
			return fmt.Errorf("read chunk: size %q", line)
		}
		if n == 0 {
			break
		}
		chunk := make([]byte, n)
		got, err := io.ReadFull(r, chunk)
		m.Body = append(m.Body, chunk[:got]...)
		if err != nil {
			return midway(err)
		}
		if _, err := r.ReadString('\n'); err != nil {
			return midway(err)
		}
	}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return midway(err)
		}
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			m.Whole = true
			return nil
		}
		name, value, _ := strings.Cut(line, ":")
		m.Trailer = append(m.Trailer, Field{name, strings.Trim(value, " \t")})
	}
}

func midway(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
