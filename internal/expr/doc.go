// Package expr is httpd's expression language (ap_expr): what stands in
// <If "…">, Require expr, Header … expr=, CustomLog … expr= and a RewriteCond's
// expr. A text is parsed once, when the configuration is loaded, into closures;
// running one asks a Vars for what only the request knows.
//
// The package is pure: it opens no file, reads no clock and knows no exchange.
// Its neighbour exprvars binds it to exchange.Exchange; a health check binds it
// to a probe's answer.
//
//	cond, err := expr.Parse(`%{HTTP_HOST} =~ /^www\./i && -n req('Cookie')`, expr.Options{})
//	if cond.Eval(vars, nil) { … }
//	text, err := expr.ParseString(`%{REQUEST_SCHEME}://%{HTTP_HOST}`, expr.Options{})
//	value := text.Value(vars, nil)
//
// The grammar has two entrances: a condition (Parse) and a text with variables
// in it (ParseString). lex.go reads characters, parse.go the grammar, ops.go
// holds the operators and funcs.go the functions that need no request.
package expr

import (
	"errors"
	"strings"

	"sallyport/internal/diag"
)

// Vars is what an expression is asked about. Implementations are pointers;
// strings they return may be kept.
type Vars interface {
	// Var returns the value of a variable, "" where it has none.
	Var(v Variable) string
	// Other returns the value of a variable that is not in the table and that
	// Options.Other admitted.
	Other(name string) string
	// Call runs a function that needs the request or the world.
	Call(f Function, arg string) string
	// Test runs a unary operator on a file or URL.
	Test(t Test, arg string) bool
	// ClientIn is -R; contains holds the test.
	ClientIn(n Net) bool
}

// Options say what a text may hold beyond the built-in names.
type Options struct {
	// Other admits further variables; nil: those of a TLS connection (SSL_…).
	Other func(name string) bool
	// SSLRequire reads eq, lt and the others as comparisons of strings, of which
	// the shorter is the lesser: SSLRequire's own language.
	SSLRequire bool
	// HealthCheck admits the function hc().
	HealthCheck bool
	// Groups keeps the groups of the last match in Match even if the text
	// itself refers to none: for rewrite rules, which do so elsewhere.
	Groups bool
	// Outer says that $0 to $9 mean something before the first match: the
	// Match given to Eval is already filled.
	Outer bool
}

// Match is the last regular expression that matched while an expression ran:
// what $0 to $9 refer to. The zero Match refers to nothing.
type Match struct {
	Source string
	Groups []int // as regex.Find gives them; nil: no match
}

// Error is what is wrong with a text. Pos is the byte offset in it.
type Error struct {
	Pos  int
	Text string
	// Expected and Hint may be empty.
	Expected, Hint string
}

func (e *Error) Error() string { return e.Text }

// Diag makes a configuration error of what Parse or ParseString said about
// text, which is word n of a directive's line; before is put in front.
func Diag(err error, text, before string, n int) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	return &diag.Err{
		Text: before + e.Text, Expected: e.Expected, Hint: e.Hint, Word: n,
		Excerpt: text, Col: e.Pos + 1,
	}
}

// TLSVariable reports a name of the variables that a TLS connection has.
func TLSVariable(name string) bool {
	return len(name) > 4 && strings.EqualFold(name[:4], "SSL_")
}

// Cond is a compiled condition, safe for use by many goroutines.
type Cond struct {
	text string
	eval boolFn
	uses uses
}

// Eval runs the condition. m may be nil where the groups of its matches are of
// no interest to the caller.
func (c *Cond) Eval(v Vars, m *Match) bool {
	if m == nil && c.uses.groups {
		m = new(Match)
	}
	return c.eval(v, m)
}

// String returns the text as written.
func (c *Cond) String() string { return c.text }

// Text is a compiled text with variables, safe for use by many goroutines.
type Text struct {
	text string
	word word
	uses uses
}

// Value makes the text.
func (t *Text) Value(v Vars, m *Match) string {
	if t.word.fn == nil {
		return t.word.text
	}
	if m == nil && t.uses.groups {
		m = new(Match)
	}
	return t.word.fn(v, m)
}

// Literal returns the text where it is the same for every request.
func (t *Text) Literal() (string, bool) { return t.word.text, t.word.fn == nil }

// String returns the text as written.
func (t *Text) String() string { return t.text }

// uses is what was found while parsing.
type uses struct {
	groups bool // some match must keep its groups
}

type (
	boolFn func(v Vars, m *Match) bool
	strFn  func(v Vars, m *Match) string
)

// word is a string operand: constant where fn is nil.
type word struct {
	text string
	fn   strFn
}

func (w word) value(v Vars, m *Match) string {
	if w.fn == nil {
		return w.text
	}
	return w.fn(v, m)
}
