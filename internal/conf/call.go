package conf

import (
	"errors"
	"strings"

	"sallyport/internal/conf/syntax"
	"sallyport/internal/diag"
)

// call splits the words as the directive wants them and runs its setter
// (httpd's invoke_cmd).
func (c *Cmd) call() error {
	d, n := c.Directive, c.Node
	if n.Bare {
		return &diag.Err{Text: n.Title() + " directive missing closing '>'", Expected: "'>' at the end of the line"}
	}
	if d.Set == nil {
		return nil
	}
	var args []string
	switch d.Args {
	case Raw:
		return d.Set(c, []string{c.Raw})
	case Flag:
		return c.flag()
	case Each, FirstEach:
		return c.each()
	default:
		args = syntax.Words(c.Raw)
	}
	if err := c.count(args); err != nil {
		return err
	}
	return d.Set(c, args)
}

// arity is the wording of a wrong number of words, and the bounds.
var arity = [...]struct {
	min, max int
	text     string
}{
	None:        {0, 0, "takes no arguments"},
	One:         {1, 1, "takes one argument"},
	Two:         {2, 2, "takes two arguments"},
	OneTwo:      {1, 2, "takes 1-2 arguments"},
	Three:       {3, 3, "takes three arguments"},
	TwoThree:    {2, 3, "takes two or three arguments"},
	OneTwoThree: {1, 3, "takes one, two or three arguments"},
	OneThree:    {1, 3, "takes one or three arguments"},
	Each:        {1, 1 << 30, "requires at least one argument"},
	FirstEach:   {2, 1 << 30, "requires at least two arguments"},
	Many:        {0, 1 << 30, ""},
}

// count checks the number of words. Like httpd it takes an empty word among
// the required ones for a missing one.
func (c *Cmd) count(args []string) error {
	a := arity[c.Directive.Args]
	bad := len(args) < a.min || len(args) > a.max || c.Directive.Args == OneThree && len(args) == 2
	for i := 0; i < a.min && !bad; i++ {
		bad = args[i] == ""
	}
	if !bad {
		return nil
	}
	if c.Node.Section && c.Directive.Args == None {
		return errors.New(c.Node.Title() + " directive doesn't take additional arguments")
	}
	return c.miscount(a.text, min(len(args)+1, a.max+1))
}

// miscount is the error about a wrong number of words; word is the one that
// is too much, or the place where one is missing.
func (c *Cmd) miscount(text string, word int) error {
	text = c.Directive.Name + " " + text
	if c.Directive.Help != "" {
		text += ", " + c.Directive.Help
	}
	return &diag.Err{Text: text, Word: word}
}

// flag reads one word and ignores the rest, as httpd does.
func (c *Cmd) flag() error {
	word, rest := syntax.Word(c.Raw)
	switch on := strings.EqualFold(word, "on"); {
	case on || strings.EqualFold(word, "off"):
		if rest != "" {
			c.Warn(c.Directive.Name+" reads one word: \""+rest+"\" is ignored", "")
		}
		if on {
			return c.Directive.Set(c, []string{"on"})
		}
		return c.Directive.Set(c, []string{"off"})
	}
	return &diag.Err{Text: c.Directive.Name + " must be On or Off", Expected: "On or Off", Word: 1}
}

// each runs the setter word by word, up to the first empty one.
func (c *Cmd) each() error {
	first, pair := "", c.Directive.Args == FirstEach
	word, rest := syntax.Word(c.Raw)
	if word == "" || pair && rest == "" {
		return c.miscount(arity[c.Directive.Args].text, len(syntax.Words(c.Raw))+1)
	}
	n := 1
	if pair {
		first = word
		word, rest = syntax.Word(rest)
		n++
	}
	for ; word != ""; n++ {
		args := []string{word}
		if pair {
			args = []string{first, word}
		}
		if err := c.Directive.Set(c, args); err != nil {
			return pointAt(err, len(args), n)
		}
		word, rest = syntax.Word(rest)
	}
	return nil
}

// pointAt makes an error about the last of a setter's words point at word n of
// the line.
func pointAt(err error, last, n int) error {
	var e *diag.Err
	if !errors.As(err, &e) {
		return &diag.Err{Text: err.Error(), Word: n}
	}
	if e.Word != last {
		return err
	}
	moved := *e
	moved.Word = n
	return &moved
}
