package proxytest

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Via is another way to the server than text of HTTP/1.1: a client of a later
// version. A script played through it must see the same, but for what only the
// text has.
type Via interface {
	// Name is the word for it in a script: "h2c".
	Name() string
	// Modules are loaded beside the script's own.
	Modules() []string
	// Conf is configuration that opens the way on the server's port.
	Conf(root string) string
	// Secure says that there is TLS on the way.
	Secure() bool
	// Send sends a request to 127.0.0.1:port and reads its answer.
	Send(port string, a *Ask) *Response
	// Begin sends the head of a request whose content follows piece by piece.
	Begin(port string, a *Ask) (Call, error)
}

// Call is a request under way, on a connection of its own.
type Call interface {
	// Write sends content.
	Write(p []byte) error
	// End ends it, with the trailer section of the Ask.
	End() error
	// Interim waits for an interim response with this status.
	Interim(status string) error
	// Answer waits for the response, or its head.
	Answer(head bool) *Response
	// Read reads content of the response behind Answer(true).
	io.Reader
	// Abort takes the request back: the other side sees a reset, of the stream
	// where there are such.
	Abort()
	// Close ends the connection. It may be called again.
	Close()
}

// Ask is a request of a script that is not text.
type Ask struct {
	Method, Target, Host string
	Fields               []Field
	Body                 []byte
	HasBody, Counted     bool  // Counted: its length is announced
	Open                 bool  // content follows
	Length               int64 // Open: what is announced, -1 for nothing
	Trailer              []Field
}

// connectionFields belong to one connection of HTTP/1.1; a script that sends
// them about nothing else (see Excluded) does without.
var connectionFields = map[string]bool{"connection": true, "keep-alive": true, "proxy-connection": true, "transfer-encoding": true, "upgrade": true}

// ask makes an Ask of a step.
func (st *Step) ask() *Ask {
	a := &Ask{Method: st.Method, Target: st.target, Host: "cl.test", HasBody: st.hasBody, Counted: st.chunks == nil, Body: st.body,
		Open: st.open(), Length: -1, Trailer: st.trailer}
	for _, c := range st.chunks {
		a.Body = append(a.Body, c...)
	}
	for _, f := range st.fields {
		switch name := strings.ToLower(f.Name); {
		case name == "host":
			a.Host = f.Value
		case name == "content-length":
			a.Length, _ = strconv.ParseInt(f.Value, 10, 64)
		case connectionFields[name]:
		default:
			a.Fields = append(a.Fields, f)
		}
	}
	return a
}

// Excluded says why a script cannot be played through a Via, by what its steps
// are made of; "" when it can.
func (s *Script) Excluded() string {
	steps, err := s.Steps(s.placeholders())
	if err != nil {
		return err.Error()
	}
	for _, st := range steps {
		switch {
		case st.Verb == "raw", st.Verb == "send":
			return "sends bytes of HTTP/1.1"
		case st.Verb == "refused":
			return "the server does not start"
		case st.Conn != "" && !calls[st.Verb]:
			return "is about a connection"
		case st.Addr != "":
			return "goes to an address of its own"
		case st.Verb != "request" && st.Verb != "pick" && st.Verb != "begin":
			continue
		case st.version != "HTTP/1.1":
			return "is about another version of HTTP"
		case st.noHost:
			return "is about a missing Host"
		case !strings.HasPrefix(st.target, "/"):
			return "has a target that only HTTP/1.1 knows"
		case st.Method == "CONNECT" || st.Method == "TRACE":
			return "has a method that the client does not send"
		}
		hosts := 0
		for _, f := range st.fields {
			switch name := strings.ToLower(f.Name); {
			case name == "upgrade":
				return "asks for an upgrade of the connection"
			case name == "content-length" && st.Verb != "begin", name == "transfer-encoding":
				return "frames its content itself"
			case name == "host":
				hosts++
			}
		}
		if hosts > 1 {
			return "sends Host twice"
		}
		for _, e := range st.Expect {
			word, _, _ := strings.Cut(e.text, " ")
			if e.who == "" && (word == "raw" || word == "nothing" || word == "head") {
				return "expects bytes of HTTP/1.1"
			}
		}
	}
	return ""
}

// open reports whether the steps behind this one send the request's content.
func (st *Step) open() bool {
	switch st.Method {
	case "GET", "HEAD", "OPTIONS", "DELETE":
		return false
	}
	return st.Verb == "begin"
}

// RunVia is Run through another version of HTTP.
func RunVia(t Reporter, p Program, s *Script, via Via) {
	t.Helper()
	play(t, p, s, via)
}

// Over is the way of text in TLS.
type Over struct{ Via }

// Name implements Via.
func (Over) Name() string { return "https" }

// text reports whether the client speaks HTTP/1.1.
func (r *run) text() bool {
	_, over := r.via.(Over)
	return r.via == nil || over
}

// multiplexed reports whether the backends speak HTTP/2 where the script has
// HTTP/1.1.
func (r *run) multiplexed() bool { return r.s.Back == "h2" || r.s.Back == "h2c" }

// concerns reports whether an expectation is about the versions of HTTP that
// are played.
func (r *run) concerns(e expectation) bool {
	front, back := "h1", "http"
	if r.via != nil {
		front = r.via.Name()
	}
	if r.s.Back != "" {
		back = r.s.Back
	}
	return (e.through == "" || slices.Contains(strings.Fields(e.through), front)) &&
		(e.behind == "" || slices.Contains(strings.Fields(e.behind), back))
}

// ofWire reports whether an expectation about what a backend saw is about the
// connection, or about what the text of HTTP/1.1 says in its own way.
func ofWire(text string) bool {
	word, rest, _ := strings.Cut(text, " ")
	switch word {
	case "head", "headers", "framing", "connections":
		return true
	case "connection":
		return rest != ""
	}
	name := strings.ToLower(strings.TrimRight(strings.TrimPrefix(word, "!"), ":"))
	return connectionFields[name] || name == "content-length" || name == "te" || name == "trailer" || name == "expect"
}

// ofText reports whether an expectation about the client's response is about
// the text of HTTP/1.1: nothing that a later version has.
func ofText(text string) bool {
	word, rest, _ := strings.Cut(text, " ")
	switch word {
	case "closed", "kept", "framing", "head":
		return true
	case "headers":
		return true // the order is not the message's
	}
	name := strings.ToLower(strings.TrimRight(strings.TrimPrefix(word, "!"), ":"))
	return connectionFields[name] || word == "interim" && rest == "100"
}

// inTLS is an expectation about the client's response where the server is
// reached by TLS: URLs of its own begin with https then.
func inTLS(text string) string { return strings.ReplaceAll(text, "http://cl.test", "https://cl.test") }

// statusOnly is an expected status without its reason, which later versions
// lack.
func statusOnly(text string) string {
	code, _, _ := strings.Cut(text, " ")
	return fmt.Sprint(strings.Trim(code, `"`))
}
