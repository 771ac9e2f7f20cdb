package proxytest

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Step is one thing the client (or the operator) does, and what must be seen
// because of it.
type Step struct {
	Line       int        // in the script section, 1-based
	Text       string     // as written, variables put in
	Only       string     // Httpd, Sallyport or "" for both
	Eventually bool       // repeat until it holds
	Conn       string     // "" for a fresh connection closed after the step
	Addr       string     // "" for 127.0.0.1:$PORT
	TLS        *clientTLS // nil: in the clear
	Verb       string     // "request" or a word of the verbs table
	Args       []string
	Data       []byte
	Method     string // of the request whose response is read
	Count      int    // pick: how often
	Wait       time.Duration
	Answers    []scripted
	Expect     []expectation

	target, version string
	fields          []Field
	noHost          bool
	body            []byte
	chunks          [][]byte
	hasBody         bool
	trailer         []Field
}

// scripted is one line `NAME< ...`: an action of a backend's next answer.
type scripted struct {
	backend string
	nth     int // which answer of this step, 1-based
	action  action
	only    string
}

// expectation is one line `> ...`, `NAME> ...` or `=> ...`.
type expectation struct {
	line int
	only string
	// through and behind are the versions of HTTP in front and behind that it
	// is about; "" for all. See reWhere.
	through, behind string
	who             string // "" client, "=" the short form, "access", "error", "log:FILE" or a backend
	nth             int    // which request the backend saw in this step, 1-based
	text            string
}

var (
	reOnly   = regexp.MustCompile(`^(httpd|sallyport): ?(.*)$`)
	reWhere  = regexp.MustCompile(`^(through|behind) ([a-z0-9 ]+): (.*)$`)
	reSide   = regexp.MustCompile(`^([a-z][a-z0-9]*|log:\S+?)(?:#(\d+))?([<>]) ?(.*)$`)
	reConn   = regexp.MustCompile(`^(c[0-9]*): (.*)$`)
	reMethod = regexp.MustCompile(`^[A-Z][A-Z-]*$`)
	reField  = regexp.MustCompile("^([!#$%&'*+.^_`|~0-9A-Za-z-]+):(?: (.*))?$")
)

// verbs that stand alone: the number of words each wants after it, -1 for any.
var verbs = map[string]int{
	"raw": -1, "send": -1, "recv": -1, "until": -1, "eof": 0, "close": 0, "halfclose": 0,
	"pick": -1, "release": 1, "hangup": 1, "sleep": 1, "check": 0, "health": -1, "refused": -1,
	"begin": -1, "write": -1, "end": 0, "interim": 1, "answer": -1, "read": -1, "abort": 0,
	"graceful": -1, "restart": -1, "stop": 0, "gracefulstop": 0, "signal": -1, "exits": 0,
}

// Steps parses the steps with these variables put in.
func (s *Script) Steps(vars map[string]string) ([]*Step, error) {
	var steps []*Step
	var step *Step
	for _, l := range s.lines {
		text := expand(l.text, vars)
		err := func() error {
			if indented := strings.TrimLeft(text, " \t"); indented != text {
				if step == nil {
					return errors.New("indented line before the first step")
				}
				return step.detail(indented, s)
			}
			only := ""
			if m := reOnly.FindStringSubmatch(text); m != nil {
				only, text = m[1], m[2]
				if !s.differs() {
					return fmt.Errorf("%s: without a differs line", only)
				}
			}
			through, behind := "", ""
			for m := reWhere.FindStringSubmatch(text); m != nil; m = reWhere.FindStringSubmatch(text) {
				if text = m[3]; m[1] == "through" {
					through = m[2]
				} else {
					behind = m[2]
				}
			}
			if e, ok, err := parseExpectation(text); ok || err != nil {
				if step == nil || err != nil {
					return fmt.Errorf("expectation: %v", err)
				}
				e.line, e.only, e.through, e.behind = l.number, only, through, behind
				step.Expect = append(step.Expect, e)
				return nil
			}
			if m := reSide.FindStringSubmatch(text); m != nil && m[3] == "<" {
				if step == nil {
					return errors.New("answer before the first step")
				}
				a, err := parseAction(m[4], s)
				nth, _ := strconv.Atoi(m[2])
				step.Answers = append(step.Answers, scripted{m[1], max(nth, 1), a, only})
				return err
			}
			step = &Step{Line: l.number, Text: text, Only: only}
			steps = append(steps, step)
			return step.parse(text, s)
		}()
		if err != nil {
			return nil, fmt.Errorf("parse %s: script line %d: %w", s.Name, l.number, err)
		}
	}
	for _, st := range steps {
		for _, a := range st.Answers {
			if !s.has(a.backend) {
				return nil, fmt.Errorf("parse %s: script line %d: no backend %q", s.Name, st.Line, a.backend)
			}
		}
		for _, e := range st.Expect {
			known := e.who == "" || e.who == "=" || e.who == "access" || e.who == "error" || strings.HasPrefix(e.who, "log:")
			if !known && !s.has(e.who) {
				return nil, fmt.Errorf("parse %s: script line %d: no backend %q", s.Name, e.line, e.who)
			}
		}
	}
	if len(steps) == 0 {
		return nil, fmt.Errorf("parse %s: no steps", s.Name)
	}
	return steps, nil
}

func (s *Script) has(backend string) bool {
	for _, b := range s.Backends {
		if b.Name == backend {
			return true
		}
	}
	return false
}

func parseExpectation(text string) (expectation, bool, error) {
	if rest, ok := strings.CutPrefix(text, "=> "); ok {
		return expectation{who: "=", text: rest}, true, nil
	}
	if rest, ok := strings.CutPrefix(text, "> "); ok {
		return expectation{text: rest}, true, nil
	}
	m := reSide.FindStringSubmatch(text)
	if m == nil || m[3] != ">" {
		return expectation{}, false, nil
	}
	nth, _ := strconv.Atoi(m[2])
	return expectation{who: m[1], nth: max(nth, 1), text: m[4]}, true, nil
}

// parse reads the step's own line.
func (st *Step) parse(text string, s *Script) error {
	if rest, ok := strings.CutPrefix(text, "eventually "); ok {
		st.Eventually, text = true, rest
	}
	if m := reConn.FindStringSubmatch(text); m != nil {
		st.Conn, text = m[1], m[2]
	}
	if rest, ok := strings.CutPrefix(text, "on "); ok {
		st.Addr, text, _ = strings.Cut(rest, " ")
	}
	if rest, ok := strings.CutPrefix(text, "tls "); ok {
		var how string
		how, text, _ = strings.Cut(rest, " ")
		var err error
		if st.TLS, err = parseTLS(how); err != nil {
			return err
		}
	}
	text, short, found := cutShort(text)
	if found {
		st.Expect = append(st.Expect, expectation{line: st.Line, who: "=", text: short})
	}
	words, err := splitWords(text)
	if err != nil || len(words) == 0 {
		return fmt.Errorf("step %q: %v", text, err)
	}
	st.Verb, st.Args = words[0], words[1:]
	if reMethod.MatchString(st.Verb) {
		return st.request(words)
	}
	want, ok := verbs[st.Verb]
	if !ok {
		return fmt.Errorf("unknown step %q", st.Verb)
	}
	if want >= 0 && len(st.Args) != want {
		return fmt.Errorf("%s wants %d words", st.Verb, want)
	}
	rest := strings.TrimSpace(strings.TrimPrefix(text, st.Verb))
	switch st.Verb {
	case "begin":
		return st.request(words[1:])
	case "write", "read":
		st.Data, err = parseBytes(rest, s)
	case "answer":
		if rest != "" && rest != "head" {
			return errors.New("answer takes no word but head")
		}
	case "raw", "send", "until":
		st.Data, err = parseBytes(rest, s)
		st.Method, _, _ = strings.Cut(string(st.Data), " ")
	case "recv":
		st.Method = "GET"
		if len(st.Args) > 0 {
			st.Method = st.Args[0]
		}
	case "pick":
		if len(words) < 4 {
			return errors.New("pick wants N METHOD TARGET")
		}
		if st.Count, err = strconv.Atoi(words[1]); err != nil {
			return err
		}
		return st.request(words[2:])
	case "sleep":
		st.Wait, err = time.ParseDuration(st.Args[0])
	}
	return err
}

func (st *Step) request(words []string) error {
	if st.Verb != "pick" && st.Verb != "begin" {
		st.Verb = "request"
	}
	if len(words) < 2 || len(words) > 3 {
		return errors.New("request wants METHOD TARGET [VERSION]")
	}
	st.Method, st.target, st.version = words[0], words[1], "HTTP/1.1"
	if len(words) == 3 {
		st.version = words[2]
	}
	return nil
}

// detail reads an indented line: a header field, the body, or more raw bytes.
func (st *Step) detail(text string, s *Script) error {
	if st.Verb == "raw" || st.Verb == "send" {
		more, err := parseBytes(text, s)
		st.Data = append(st.Data, more...)
		st.Method, _, _ = strings.Cut(string(st.Data), " ")
		return err
	}
	if st.Verb != "request" && st.Verb != "pick" && st.Verb != "begin" {
		return fmt.Errorf("%s takes no indented lines", st.Verb)
	}
	word, rest, _ := strings.Cut(text, " ")
	switch {
	case text == "-Host":
		st.noHost = true
	case word == "body":
		data, err := parseBytes(rest, s)
		st.body, st.hasBody = data, true
		return err
	case word == "chunked":
		words, err := splitQuoted(rest)
		for _, w := range words {
			data, err := parseBytes(w, s)
			if err != nil {
				return err
			}
			st.chunks = append(st.chunks, data)
		}
		st.hasBody = true
		return err
	default:
		field, trailer := strings.CutPrefix(text, "trailer ")
		m := reField.FindStringSubmatch(field)
		if m == nil {
			return fmt.Errorf("header line %q", text)
		}
		if trailer {
			st.trailer = append(st.trailer, Field{m[1], m[2]})
			return nil
		}
		st.fields = append(st.fields, Field{m[1], m[2]})
	}
	return nil
}

// cutShort cuts ` => ...` off the end of a step line.
func cutShort(text string) (before, after string, found bool) {
	i := strings.LastIndex(text, " => ")
	if i < 0 {
		return text, "", false
	}
	return strings.TrimSpace(text[:i]), text[i+4:], true
}

// bytes makes the request's bytes. The Host field comes first, cl.test unless
// the script gives another or `-Host`.
func (st *Step) bytes() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s %s\r\n", st.Method, st.target, st.version)
	given := st.noHost
	for _, f := range st.fields {
		given = given || strings.EqualFold(f.Name, "Host")
	}
	if !given {
		b.WriteString("Host: cl.test\r\n")
	}
	counted := false
	for _, f := range st.fields {
		counted = counted || strings.EqualFold(f.Name, "Content-Length") || strings.EqualFold(f.Name, "Transfer-Encoding")
		fmt.Fprintf(&b, "%s: %s\r\n", f.Name, f.Value)
	}
	switch {
	case st.chunks != nil:
		b.WriteString("Transfer-Encoding: chunked\r\n\r\n")
		for _, c := range st.chunks {
			fmt.Fprintf(&b, "%x\r\n%s\r\n", len(c), c)
		}
		b.Write(st.lastChunk())
	case st.open() && !counted:
		b.WriteString("Transfer-Encoding: chunked\r\n\r\n")
	case st.hasBody && !counted:
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(st.body), st.body)
	default:
		b.WriteString("\r\n")
		b.Write(st.body)
	}
	return b.Bytes()
}

// lastChunk ends a chunked message.
func (st *Step) lastChunk() []byte {
	b := []byte("0\r\n")
	for _, f := range st.trailer {
		b = fmt.Appendf(b, "%s: %s\r\n", f.Name, f.Value)
	}
	return append(b, "\r\n"...)
}

// splitQuoted splits at blanks; a word in double quotes keeps its quotes.
func splitQuoted(text string) ([]string, error) {
	var words []string
	for text = strings.TrimLeft(text, " \t"); text != ""; text = strings.TrimLeft(text, " \t") {
		if text[0] != '"' {
			i := strings.IndexAny(text, " \t")
			if i < 0 {
				i = len(text)
			}
			words, text = append(words, text[:i]), text[i:]
			continue
		}
		quoted, err := strconv.QuotedPrefix(text)
		if err != nil {
			return nil, fmt.Errorf("bad quoting: %s", text)
		}
		words, text = append(words, quoted), text[len(quoted):]
	}
	return words, nil
}

// splitWords is splitQuoted with Go's quoting undone.
func splitWords(text string) ([]string, error) {
	words, err := splitQuoted(text)
	for i, w := range words {
		if err == nil && w[0] == '"' {
			words[i], err = strconv.Unquote(w)
		}
	}
	return words, err
}

// parseBytes reads a byte expression: quoted strings one after the other,
// `repeat N "text"`, or `@FILE` for an archive file with its line ends made
// CRLF.
func parseBytes(text string, s *Script) ([]byte, error) {
	words, err := splitQuoted(text)
	if err != nil {
		return nil, err
	}
	var out []byte
	for i := 0; i < len(words); i++ {
		w := words[i]
		switch {
		case w[0] == '"':
			part, err := strconv.Unquote(w)
			if err != nil {
				return nil, err
			}
			out = append(out, part...)
		case w == "repeat" && i+2 < len(words):
			n, err := strconv.Atoi(words[i+1])
			if err != nil {
				return nil, err
			}
			part, err := strconv.Unquote(words[i+2])
			if err != nil {
				return nil, err
			}
			out = append(out, strings.Repeat(part, n)...)
			i += 2
		case w[0] == '@' && s != nil:
			data, ok := s.member(w[1:])
			if !ok {
				return nil, fmt.Errorf("no file %s", w[1:])
			}
			out = append(out, bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n"))...)
		default:
			return nil, fmt.Errorf("bytes want quotes: %s", w)
		}
	}
	return out, nil
}
