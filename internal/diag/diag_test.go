package diag

import (
	"errors"
	"strings"
	"testing"
)

func TestPrint(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, c := range []struct {
		name string
		d    Diagnostic
		want string
	}{
		{"execution", Diagnostic{Pos: Position{"a.conf", 3, 0}, Text: "no"}, "AH00526: Syntax error on line 3 of a.conf:\nno\n"},
		{"reading", Diagnostic{Pos: Position{"b.conf", 3, 1}, Text: "no", Reading: true, Chain: []Position{{"a.conf", 1, 1}}},
			"prog: Syntax error on line 1 of a.conf: Syntax error on line 3 of b.conf: no\n"},
		{"command line", Diagnostic{Pos: Position{CommandLine, 1, 1}, Text: "no", Reading: true}, "prog: Syntax error in -C/-c directive: no\n"},
		{"nowhere", Diagnostic{Text: "no"}, "prog: no\n"},
		{"warning", Diagnostic{Severity: Warning, Pos: Position{"a.conf", 3, 0}, Text: "hm", Hint: "do"}, "warning: hm (a.conf:3)\n  hint: do\n"},
		{"note nowhere", Diagnostic{Severity: Note, Text: "hm"}, "note: hm\n"},
		{"caret", Diagnostic{Pos: Position{"a.conf", 3, 5}, Text: "no", Line: "\t A  b\t", Expected: "c", Hint: "d"},
			"AH00526: Syntax error on line 3 of a.conf:\nno\n  A  b\n    ^\n  expected: c\n  hint: d\n"},
		{"caret behind the end", Diagnostic{Pos: Position{"a.conf", 3, 20}, Text: "no", Line: "A b"},
			"AH00526: Syntax error on line 3 of a.conf:\nno\n  A b\n     ^\n"},
		{"caret behind wide letters", Diagnostic{Pos: Position{"a.conf", 3, 6}, Text: "no", Line: "é\x1b\t b"},
			"AH00526: Syntax error on line 3 of a.conf:\nno\n  é?  b\n      ^\n"},
		{"long line", Diagnostic{Pos: Position{"a.conf", 3, 152}, Text: "no", Line: long[:150] + " " + long[:150]},
			"AH00526: Syntax error on line 3 of a.conf:\nno\n  …" + strings.Repeat("x", 79) + " " + strings.Repeat("x", 80) + "…\n   " + strings.Repeat(" ", 80) + "^\n"},
		{"blank line", Diagnostic{Pos: Position{"a.conf", 3, 1}, Text: "no", Line: "  "}, "AH00526: Syntax error on line 3 of a.conf:\nno\n"},
	} {
		var b strings.Builder
		if err := (List{c.d}).Print(&b, "prog"); err != nil || b.String() != c.want {
			t.Errorf("%s: %v\n%s\nwant\n%s", c.name, err, b.String(), c.want)
		}
	}
}

func TestList(t *testing.T) {
	l := List{
		{Pos: Position{"b", 2, 0}, Text: "1"},
		{Pos: Position{"a", 9, 0}, Text: "2", Severity: Warning},
		{Pos: Position{"b", 1, 0}, Text: "3"},
		{Pos: Position{"b", 2, 0}, Text: "4"},
		{Pos: Position{"a", 1, 0}, Text: "5", Reading: true},
	}
	if e, o := l.Count(); e != 4 || o != 1 || !l.Failed() || l.Warnings().Failed() {
		t.Error(e, o)
	}
	if len(l.Errors()) != 4 || len(l.Warnings()) != 1 {
		t.Error("split")
	}
	l.Sort()
	var got string
	for _, d := range l {
		got += d.Text
	}
	if got != "53142" {
		t.Error(got)
	}
	var err error = l
	if !errors.As(err, &l) || !strings.HasPrefix(err.Error(), "sallyport: Syntax error on line 1 of a: 5\n") {
		t.Error(err)
	}
}

func TestGrouped(t *testing.T) {
	l := List{
		{Text: "x1 is missing", Topic: "missing", Item: "x1", Hint: "h", Severity: Warning},
		{Text: "other", Severity: Note},
		{Text: "y1 is odd", Topic: "odd", Item: "y1", Severity: Note},
		{Text: "x2 is missing", Topic: "missing", Item: "x2", Severity: Warning},
		{Text: "x3 is missing", Topic: "missing", Item: "x3", Severity: Warning},
	}
	const want = "warning: missing: x1, x2, x3\nnote: other\nnote: y1 is odd"
	if got := l.Grouped().Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if l[0].Text != "x1 is missing" {
		t.Error("Grouped changes the list")
	}
}
