package proxytest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// check compares one expectation with what happened; "" when it holds.
func (r *run) check(e expectation, st *Step) string {
	switch {
	case e.who == "=":
		return r.checkShort(e.text, st)
	case e.who == "":
		return r.checkClient(e, st)
	case e.who == "access":
		return r.log("access").next(e.text)
	case e.who == "error":
		return r.findError(e.text)
	case strings.HasPrefix(e.who, "log:"):
		return r.log(strings.TrimPrefix(e.who, "log:")).next(e.text)
	}
	return r.checkBackend(e)
}

// checkShort is `=> STATUS [BACKEND [TARGET]]`: this status, this one backend
// asked once for this target, and nobody else; without a backend: nobody.
// After pick it is the sequence.
func (r *run) checkShort(text string, st *Step) string {
	if st.Verb == "pick" {
		if r.picked != text {
			return fmt.Sprintf("picked %s, want %s", r.picked, text)
		}
		return ""
	}
	words, err := splitWords(text)
	if err != nil || len(words) == 0 || len(words) > 3 {
		return fmt.Sprintf("bad expectation %q", text)
	}
	if got := r.status(); got != words[0] {
		return fmt.Sprintf("status %s, want %s", got, words[0])
	}
	for _, d := range r.s.Backends {
		b := r.backends[d.Name]
		if b.ln == nil {
			continue
		}
		if len(words) == 1 || words[1] != d.Name {
			if v := b.since(r.marks[d.Name], 0); len(v.seen) > 0 || v.received > 0 {
				return fmt.Sprintf("backend %s was asked", d.Name)
			}
			continue
		}
		v := b.after(r.marks[d.Name], 1, !calls[st.Verb])
		if len(v.seen) != 1 {
			return fmt.Sprintf("backend %s saw %d requests, want 1", d.Name, len(v.seen))
		}
		if got := v.seen[0].word(1); len(words) == 3 && got != words[2] {
			return fmt.Sprintf("backend %s was asked for %q, want %q", d.Name, got, words[2])
		}
	}
	if len(words) > 1 && !r.s.has(words[1]) {
		return fmt.Sprintf("no backend %q", words[1])
	}
	return ""
}

func (r *run) status() string {
	switch {
	case r.resp == nil:
		return "(no response read)"
	case r.resp.Message != nil && r.resp.First != "":
		return r.resp.word(1)
	case r.resp.Raw != nil:
		return "(not HTTP/1)"
	}
	return fmt.Sprintf("(none: %v)", r.resp.Err)
}

func (r *run) checkClient(e expectation, st *Step) string {
	word, rest, _ := strings.Cut(e.text, " ")
	if !r.text() && ofText(e.text) {
		return ""
	}
	if r.via != nil && r.via.Secure() {
		e.text = inTLS(e.text)
	}
	switch word {
	case "closed", "kept":
		if r.last == nil || r.resp == nil {
			return "no connection to look at"
		}
		err := error(nil)
		if word == "kept" {
			err = r.last.kept()
		} else if r.resp.Err == nil {
			err = r.last.ended()
		}
		if err != nil {
			return fmt.Sprintf("%s: %v", word, err)
		}
		return ""
	case "nothing":
		if r.resp == nil || r.resp.Message != nil || len(r.resp.Raw) > 0 {
			return fmt.Sprintf("want no response at all, status %s", r.status())
		}
		return ""
	case "raw":
		want, err := parseBytes(rest, r.s)
		if err != nil || r.resp == nil || !bytes.Equal(r.resp.Raw, want) {
			return fmt.Sprintf("want the bytes %q and no HTTP/1 head (%v)", want, err)
		}
		return ""
	case "interim":
		return r.checkInterim(rest)
	case "reset":
		return r.checkReset(rest)
	case "take":
		return r.take(rest)
	case "tls":
		return r.checkShown(rest)
	}
	if r.resp == nil || r.resp.Message == nil || r.resp.First == "" {
		return fmt.Sprintf("want %q, but there is no response: %s", e.text, r.status())
	}
	if reStatus.MatchString(e.text) {
		if !r.text() || r.multiplexed() {
			return differ("status", r.resp.word(1), statusOnly(e.text))
		}
		if strings.Contains(e.text, " ") {
			_, got, _ := strings.Cut(r.resp.First, " ")
			return differ("status", got, strings.Trim(e.text, `"`))
		}
		return differ("status", r.resp.word(1), e.text)
	}
	if e.text == "truncated" {
		if r.resp.Whole {
			return "the body is whole"
		}
		return ""
	}
	return r.checkMessage(r.resp.Message, e.text)
}

// checkReset is `reset h2=CODE h3=CODE`: there is no whole response, because
// the stream was reset with this code; in HTTP/1.1 because the connection ended.
func (r *run) checkReset(text string) string {
	if r.resp == nil || r.resp.Err == nil {
		return "want no whole response, status " + r.status()
	}
	version, code := "", ""
	if c, ok := r.via.(interface{ ResetCode(error) (string, string) }); ok {
		version, code = c.ResetCode(r.resp.Err)
	}
	if version == "" {
		return ""
	}
	for _, w := range strings.Fields(text) {
		if v, want, _ := strings.Cut(w, "="); v == version {
			return differ("reset", code, want)
		}
	}
	return ""
}

// take is `NAME REGEXP`: what the first group matches in the response, head or
// body, becomes $NAME for the steps that follow.
func (r *run) take(text string) string {
	name, pattern, _ := strings.Cut(text, " ")
	re, err := regexp.Compile(pattern)
	if err != nil || re.NumSubexp() == 0 || !reVar.MatchString("$"+name) {
		return fmt.Sprintf("take wants NAME and a regexp with a group, not %q", text)
	}
	if r.resp == nil || r.resp.Message == nil {
		return "no response to take " + name + " from"
	}
	m := re.FindSubmatch(append(bytes.Clone(r.resp.Head), r.resp.Body...))
	if m == nil {
		return fmt.Sprintf("nothing in the response matches %s", pattern)
	}
	r.vars[name], r.took = string(m[1]), true
	return ""
}

// checkInterim is `none`, or `STATUS` of one interim response, or
// `STATUS Name: value` of a field of it.
func (r *run) checkInterim(text string) string {
	if r.resp == nil {
		return "no response read"
	}
	if text == "none" {
		if n := len(r.resp.Interim); n > 0 {
			return fmt.Sprintf("%d interim responses", n)
		}
		return ""
	}
	if n, ok := strings.CutPrefix(text, "count "); ok {
		return differ("interim count", strconv.Itoa(len(r.resp.Interim)), n)
	}
	status, field, _ := strings.Cut(text, " ")
	for _, m := range r.resp.Interim {
		if m.word(1) == status {
			if field == "" {
				return ""
			}
			return r.checkMessage(m, field)
		}
	}
	return fmt.Sprintf("no interim response %s", status)
}

func (r *run) checkBackend(e expectation) string {
	b := r.backends[e.who]
	if b.ln == nil {
		return fmt.Sprintf("backend %s refuses connections, it sees nothing", e.who)
	}
	if r.multiplexed() && ofWire(e.text) {
		return ""
	}
	word, rest, _ := strings.Cut(e.text, " ")
	if !r.text() && (word == "headers" || word == "head") {
		return "" // the order of fields is the client's own
	}
	switch word {
	case "check", "checks":
		return r.checkProbes(e, word, rest)
	case "not":
		if v := b.since(r.marks[e.who], 0); len(v.seen) > 0 || v.received > 0 {
			return fmt.Sprintf("backend %s was reached: %d requests, %d bytes", e.who, len(v.seen), v.received)
		}
		return ""
	case "requests":
		n, _ := strconv.Atoi(rest)
		return differ("requests", strconv.Itoa(len(b.since(r.marks[e.who], n).seen)), rest)
	case "connections":
		n, _ := strconv.Atoi(rest)
		return differ("new connections", strconv.Itoa(b.since(r.marks[e.who], n).accepts), rest)
	}
	v := b.after(r.marks[e.who], e.nth, word != "gone" && !reRequestLine.MatchString(e.text))
	if len(v.seen) < e.nth {
		return fmt.Sprintf("backend %s saw %d requests, want %q of number %d", e.who, len(v.seen), e.text, e.nth)
	}
	s := v.seen[e.nth-1]
	switch {
	case word == "connection" && rest != "":
		return differ("backend connection", strconv.Itoa(s.Conn), rest)
	case word == "tls":
		return s.TLS.check(rest)
	case word == "gone":
		select {
		case <-s.gone:
		case <-time.After(stepTimeout):
			return "the exchange was not given up"
		}
		return ""
	case word == "incomplete":
		if s.Whole {
			return "the request is whole"
		}
		return ""
	case reRequestLine.MatchString(e.text):
		return differ("request line", s.First, e.text)
	}
	if text := r.checkMessage(&s.Message, e.text); text != "" {
		return fmt.Sprintf("backend %s: %s", e.who, text)
	}
	return ""
}

var reRequestLine = regexp.MustCompile(`^[^\s:]+ .* HTTP/\d\.\d$`)

// checkMessage compares one fact about a message:
//
//	!Name                    no such field
//	Name: value              the field, alone; written n times: n fields in order
//	Name ~ regexp            one field whose value matches
//	headers A, B, C          all field names in order
//	body "..."               exact; also: contains BYTES, ~ regexp, length N, empty
//	framing length|chunked|close|none
//	trailer Name: value
//	head "..."               all bytes of the head
func (r *run) checkMessage(m *Message, text string) string {
	word, rest, _ := strings.Cut(text, " ")
	switch {
	case strings.HasPrefix(text, "!"):
		if v := m.values(text[1:]); len(v) > 0 {
			return fmt.Sprintf("%s is there: %q", text[1:], v)
		}
		return ""
	case word == "headers":
		var names []string
		for _, f := range m.Fields {
			names = append(names, f.Name)
		}
		return differ("header names", strings.Join(names, ", "), rest)
	case word == "framing":
		return differ("framing", m.Framing, rest)
	case strings.HasPrefix(text, "head ~ "):
		re, err := regexp.Compile(text[len("head ~ "):])
		switch {
		case err != nil:
			return err.Error()
		case !re.Match(m.Head):
			return fmt.Sprintf("head %q does not match %s", m.Head, re)
		}
		return ""
	case word == "head":
		want, err := parseBytes(rest, r.s)
		if err != nil {
			return err.Error()
		}
		return differ("head", strconv.Quote(string(m.Head)), strconv.Quote(string(want)))
	case word == "body":
		return r.checkBody(m, rest)
	case word == "trailer":
		return checkField(m.Trailer, rest, "trailer ")
	case word == "no" && rest == "trailer":
		if len(m.Trailer) > 0 {
			return fmt.Sprintf("trailer %v", m.Trailer)
		}
		return ""
	case strings.Contains(text, " ~ ") && !strings.Contains(word, ":"):
		name, pattern, _ := strings.Cut(text, " ~ ")
		re, err := regexp.Compile(pattern)
		if err != nil {
			return err.Error()
		}
		v := m.values(name)
		if len(v) != 1 || !re.MatchString(v[0]) {
			return fmt.Sprintf("%s is %q, want one that matches %s", name, v, pattern)
		}
		return ""
	}
	return checkField(m.Fields, text, "")
}

// checkField wants `Name: value` to be a field; `Name: a || b` wants exactly
// the two, in order.
func checkField(fields []Field, text, kind string) string {
	f := reField.FindStringSubmatch(text)
	if f == nil {
		return fmt.Sprintf("bad expectation %q", text)
	}
	var got []string
	for _, g := range fields {
		if strings.EqualFold(g.Name, f[1]) {
			got = append(got, g.Value)
		}
	}
	want := strings.Split(f[2], " || ")
	if strings.Join(got, "\x00") != strings.Join(want, "\x00") || len(got) == 0 {
		return fmt.Sprintf("%s%s is %q, want %q", kind, f[1], got, want)
	}
	return ""
}

func (r *run) checkBody(m *Message, rest string) string {
	word, more, _ := strings.Cut(rest, " ")
	switch word {
	case "empty":
		return differ("body", shorten(m.Body, 200), `""`)
	case "length":
		return differ("body length", strconv.Itoa(len(m.Body)), more)
	case "~":
		re, err := regexp.Compile("(?s)" + more)
		if err != nil {
			return err.Error()
		}
		if !re.Match(m.Body) {
			return fmt.Sprintf("body %s does not match %s", shorten(m.Body, 400), more)
		}
		return ""
	case "contains", "lacks":
		want, err := parseBytes(more, r.s)
		if err != nil {
			return err.Error()
		}
		if bytes.Contains(m.Body, want) != (word == "contains") {
			return fmt.Sprintf("body %s, want it %s %s", shorten(m.Body, 400), word, shorten(want, 200))
		}
		return ""
	}
	want, err := parseBytes(rest, r.s)
	if err != nil {
		return err.Error()
	}
	if !bytes.Equal(m.Body, want) {
		return fmt.Sprintf("body %s, want %s", shorten(m.Body, 400), shorten(want, 400))
	}
	return ""
}

func differ(what, got, want string) string {
	if got == want {
		return ""
	}
	return fmt.Sprintf("%s %q, want %q", what, got, want)
}

// tail reads a log as it grows.
type tail struct {
	path  string
	at    int // read up to here by next
	since int // where the step began
}

func (r *run) log(name string) *tail {
	t := r.logs[name]
	if t == nil {
		file := name
		if !strings.Contains(file, ".") {
			file += ".log"
		}
		t = &tail{path: filepath.Join(r.root, file)}
		r.logs[name] = t
	}
	return t
}

func (t *tail) read() string {
	text, _ := os.ReadFile(t.path)
	return string(text)
}

func (t *tail) mark() { t.since = len(t.read()) }

func (t *tail) unread() string {
	text := t.read()
	return text[min(t.since, len(text)):]
}

// grow waits for a line past the first n bytes. A server logs a request behind
// its answer, so the next request, on another connection, could be logged
// before it.
func (t *tail) grow(n int) {
	for deadline := time.Now().Add(time.Second); len(t.read()) <= n && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
}

// next wants the next line to be this one; `~ regexp` skips to a line that
// matches.
func (t *tail) next(want string) string {
	pattern, isPattern := strings.CutPrefix(want, "~ ")
	re, err := regexp.Compile(pattern)
	if isPattern && err != nil {
		return err.Error()
	}
	start := t.at
	for deadline := time.Now().Add(4 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		text := t.read()
		for {
			i := strings.IndexByte(text[min(t.at, len(text)):], '\n')
			if i < 0 {
				break
			}
			line := text[t.at : t.at+i]
			t.at += i + 1
			switch {
			case isPattern && re.MatchString(line):
				return ""
			case !isPattern:
				return differ("line of "+filepath.Base(t.path), line, want)
			}
		}
		if time.Now().After(deadline) {
			return fmt.Sprintf("%s: no line %q in %q", filepath.Base(t.path), want, text[min(start, len(text)):])
		}
	}
}

// findError wants a line of this step, in the error log or on the server's
// standard error, to contain the text; `~ regexp` to match, `!text` not to be
// there.
func (r *run) findError(want string) string {
	text := func() string { return r.log("error").unread() + r.proc.output.String()[r.said:] }
	if absent, ok := strings.CutPrefix(want, "!"); ok {
		if strings.Contains(text(), absent) {
			return fmt.Sprintf("%q is in the error log", absent)
		}
		return ""
	}
	pattern, isPattern := strings.CutPrefix(want, "~ ")
	if !isPattern {
		pattern = regexp.QuoteMeta(want)
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return err.Error()
	}
	for deadline := time.Now().Add(4 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if re.MatchString(text()) {
			return ""
		}
		if time.Now().After(deadline) {
			return fmt.Sprintf("no line %q in the error log", want)
		}
	}
}
