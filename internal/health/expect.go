package health

import (
	"fmt"
	"strconv"
	"strings"

	"sallyport/internal/expr"
	"sallyport/internal/message"
	"sallyport/internal/regex"
)

// Answer is what a member answered to a check.
type Answer struct {
	Status int
	Header message.Header
	// Body is the part of it that was kept.
	Body string
}

// Expect says which answers are good. The zero Expect is httpd's: a status of
// 200 to 399.
type Expect struct {
	Status []Range
	Body   []Pattern
	Fields []FieldPattern
	// Cond is hcexpr; Name is what ProxyHCExpr calls it.
	Cond *expr.Cond
	Name string
}

// Range is a range of status codes, both ends included.
type Range struct{ From, To int }

// Pattern is a regular expression the body must match.
type Pattern struct {
	Text string
	re   *regex.Regex
}

// FieldPattern is a response field that must be there, and match.
type FieldPattern struct {
	Name string
	Pattern
}

const expectExample = `status codes (200-299,304), "body~regex", "header:Name" or "header:Name~regex"`

// ParseExpect reads hcexpect: one requirement a line, which must all hold.
func ParseExpect(text string) (*Expect, error) {
	e := &Expect{}
	for line := range strings.SplitSeq(text, "\n") {
		var err error
		switch {
		case strings.HasPrefix(line, "body~"):
			var p Pattern
			p, err = pattern(line[len("body~"):])
			e.Body = append(e.Body, p)
		case strings.HasPrefix(line, "header:"):
			name, re, match := strings.Cut(line[len("header:"):], "~")
			f := FieldPattern{Name: name}
			if name == "" || strings.IndexFunc(name, notToken) >= 0 {
				return nil, &Error{"hcexpect names no response field: " + line, expectExample}
			}
			if match {
				f.Pattern, err = pattern(re)
			}
			e.Fields = append(e.Fields, f)
		default:
			err = e.codes(line)
		}
		if err != nil {
			return nil, err
		}
	}
	return e, nil
}

func (e *Expect) codes(text string) error {
	for word := range strings.SplitSeq(text, ",") {
		from, to, isRange := strings.Cut(word, "-")
		if !isRange {
			to = from
		}
		a, err1 := strconv.Atoi(from)
		b, err2 := strconv.Atoi(to)
		if err1 != nil || err2 != nil || a < 100 || b > 599 || a > b {
			return &Error{"hcexpect does not know " + strconv.Quote(word), expectExample}
		}
		e.Status = append(e.Status, Range{a, b})
	}
	return nil
}

func pattern(text string) (Pattern, error) {
	re, err := regex.Compile(text, false)
	if err != nil || text == "" {
		return Pattern{}, &Error{"hcexpect: regular expression could not be compiled: " + text, expectExample}
	}
	return Pattern{text, re}, nil
}

// WantsBody reports whether Judge looks at the body.
func (e *Expect) WantsBody() bool { return e.Cond != nil || len(e.Body) > 0 }

// Judge says whether an answer is good, and in one line why or why not.
func (e *Expect) Judge(a *Answer) (good bool, reason string) {
	switch {
	case len(e.Status) > 0:
		if !e.listed(a.Status) {
			return false, fmt.Sprintf("status %d is not among those expected", a.Status)
		}
	case e.Cond == nil && (a.Status < 200 || a.Status > 399):
		return false, "status " + strconv.Itoa(a.Status)
	}
	for _, f := range e.Fields {
		value, there := a.Header.Joined(f.Name)
		if !there {
			return false, "the answer has no field " + f.Name
		}
		if f.re != nil && !f.re.Match(value) {
			return false, fmt.Sprintf("%s: %s does not match %s", f.Name, shorten(value), f.Text)
		}
	}
	for _, p := range e.Body {
		if !p.re.Match(a.Body) {
			return false, "the body does not match " + p.Text
		}
	}
	if e.Cond != nil && !e.Cond.Eval(&vars{a}, nil) {
		return false, fmt.Sprintf("status %d, and the condition %s does not hold", a.Status, e.Name)
	}
	return true, "status " + strconv.Itoa(a.Status)
}

func (e *Expect) listed(status int) bool {
	for _, r := range e.Status {
		if r.From <= status && status <= r.To {
			return true
		}
	}
	return false
}

// shorten makes a text of a member fit for a log line.
func shorten(s string) string {
	if len(s) > 60 {
		return strconv.Quote(s[:60]) + "…"
	}
	return strconv.Quote(s)
}
