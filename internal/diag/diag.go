// Package diag is how Sallyport talks about a configuration text: a Position in
// it, one Diagnostic about it, and the List of all of them. Every error that a
// person can mend in a file ends here and is printed as httpd prints it, then
// with the line, a caret and a hint. Faults of traffic are not diagnostics (see
// package fault). The neighbours are conf/syntax, which finds positions, and
// conf, which finds what is wrong at them.
package diag

// Position is a place in a configuration file. Line and Col count from 1; Col
// 0 means "the whole line". The zero Position is nowhere (the command line,
// a default).
//
// A line that is continued with a backslash has the number of its last part,
// as in httpd; Col then counts bytes in the joined line.
type Position struct {
	File string
	Line int
	Col  int
}

// IsZero reports whether p names no place.
func (p Position) IsZero() bool { return p.File == "" && p.Line == 0 }

// Severity tells an error, which keeps a configuration from being used, from a
// warning, which does not.
type Severity uint8

const (
	Error Severity = iota
	Warning
	Note
)

// String gives the word the severity is printed as.
func (s Severity) String() string {
	switch s {
	case Error:
		return "error"
	case Warning:
		return "warning"
	}
	return "note"
}

// Diagnostic is one thing to say about one place.
type Diagnostic struct {
	Severity Severity
	Pos      Position
	Text     string // httpd's wording where httpd has one
	Expected string // what would have been right here; may be empty
	Hint     string // the nearest valid name, the line to add; may be empty
	Line     string // the offending line as written, for the caret; may be empty
	// Reading marks errors of the reading phase, which httpd prints in its
	// chained one-line form.
	Reading bool
	// Topic and Item serve Grouped: of those that have a Topic in common it
	// makes one, "Topic: Item, Item". The Text says it all as well.
	Topic, Item string
	// Chain holds the Include lines that led to Pos.File, outermost first.
	// Only reading errors print them.
	Chain []Position
}

// Err is what a directive's setter returns to say more than one line of text.
type Err struct {
	Text     string
	Expected string
	Hint     string
	// Word is the argument to point at, counted from 1; 0: the whole line.
	Word int
	// Excerpt is a text within the line, as it reads without quotes, and Col the
	// place in it to point at, from 1: for what has a grammar of its own. It is
	// shown instead of the line where it does not stand there as it is.
	Excerpt string
	Col     int
}

func (e *Err) Error() string { return e.Text }
