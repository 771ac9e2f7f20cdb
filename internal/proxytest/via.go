package proxytest

import (
	"fmt"
	"strings"
)

// Via is another way to the server than text of HTTP/1.1: a client of a later
// version. A script played through it must see the same, but for what only the
// text has.
type Via interface {
	// Modules are loaded beside the script's own.
	Modules() []string
	// Conf is configuration that opens the way on the server's port.
	Conf(root string) string
	// Secure says that there is TLS on the way.
	Secure() bool
	// Send sends a request to 127.0.0.1:port and reads its answer.
	Send(port string, a *Ask) *Response
}

// Ask is a request of a script that is not text.
type Ask struct {
	Method, Target, Host string
	Fields               []Field
	Body                 []byte
	HasBody, Counted     bool // Counted: its length is announced
}

// connectionFields belong to one connection of HTTP/1.1; a script that sends
// them about nothing else (see Excluded) does without.
var connectionFields = map[string]bool{"connection": true, "keep-alive": true, "proxy-connection": true, "transfer-encoding": true, "upgrade": true}

// ask makes an Ask of a step.
func (st *Step) ask() *Ask {
	a := &Ask{Method: st.Method, Target: st.target, Host: "cl.test", HasBody: st.hasBody, Counted: st.chunks == nil, Body: st.body}
	for _, c := range st.chunks {
		a.Body = append(a.Body, c...)
	}
	for _, f := range st.fields {
		switch name := strings.ToLower(f.Name); {
		case name == "host":
			a.Host = f.Value
		case name == "content-length", connectionFields[name]:
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
		case st.Conn != "":
			return "is about a connection"
		case st.Addr != "":
			return "goes to an address of its own"
		case st.Verb != "request" && st.Verb != "pick":
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
			case name == "content-length", name == "transfer-encoding":
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

// RunVia is Run through another version of HTTP.
func RunVia(t Reporter, p Program, s *Script, via Via) {
	t.Helper()
	play(t, p, s, via)
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
