package conf

import (
	"errors"
	"os"
	"strings"

	"sallyport/internal/conf/syntax"
	"sallyport/internal/diag"
)

// condition makes the setter of a section that is read or skipped as a whole.
// Test gets the first word, without the "!" that turns the answer around.
func condition(test func(c *Cmd, word string) (bool, error)) Setter {
	return func(c *Cmd, args []string) error {
		word, _ := syntax.Word(c.Raw)
		word, not := strings.CutPrefix(word, "!")
		if word == "" {
			return c.needsMore()
		}
		ok, err := test(c, word)
		if err != nil {
			return err
		}
		return c.readOrSkip(ok != not)
	}
}

// needsMore is httpd's complaint about a section without arguments.
func (c *Cmd) needsMore() error {
	return errors.New(c.Node.Title() + " directive requires additional arguments")
}

func ifModule(c *Cmd, name string) (bool, error) { return c.Loader.Loaded(name), nil }
func ifDefine(c *Cmd, name string) (bool, error) { return c.Loader.Defined(name), nil }

func ifDirective(c *Cmd, name string) (bool, error) {
	name, section := strings.CutPrefix(name, "<")
	return c.Loader.Directive(name, section) != nil, nil
}

func ifSection(c *Cmd, name string) (bool, error) {
	return c.Loader.Directive(strings.TrimPrefix(name, "<"), true) != nil, nil
}

func ifFile(c *Cmd, name string) (bool, error) {
	_, err := os.Stat(c.Path(name))
	return err == nil, nil
}

// readOrSkip reads the body of a conditional section as if its two lines were
// not there, or passes over it.
func (c *Cmd) readOrSkip(yes bool) error {
	c.bodyRead = true
	if yes {
		c.readBody()
		return nil
	}
	if text, at := c.Loader.skip(c.Node.Name); text != "" {
		// httpd names the line of the whole block; ours says more.
		hint := ""
		if at.Line > 0 {
			hint = "it stands in " + place(at)
		}
		return &diag.Err{Text: text, Hint: hint}
	}
	return nil
}

// readBody reads lines up to the closing line. It is compared before variables
// are expanded, as in httpd.
func (c *Cmd) readBody() {
	ld := c.Loader
	closing := "</" + c.Node.Name + ">"
	end := ld.tree.Begin()
	closed := false
	for !ld.again {
		line, ok := ld.in.next()
		if !ok {
			break
		}
		if len(line.Text) == len(closing) && strings.EqualFold(line.Text, closing) && ld.tree.Level() {
			closed = true
			break
		}
		ld.readLine(line)
	}
	left := end()
	if closed || ld.again {
		return
	}
	// Unlike httpd: the end of the file closes a conditional section and all in
	// it in silence; we say so, because a part of the text may have gone to
	// where it was not meant.
	for _, n := range append([]*syntax.Node{c.Node}, left...) {
		ld.warn(n.Pos, syntax.Unclosed(n), "add </"+n.Name+"> where the section ends")
	}
}

// skip passes over the body of a false section. Sections in it must balance;
// the text of the error is httpd's, at tells the line that is wrong.
func (ld *Loader) skip(name string) (text string, at diag.Position) {
	open := []string{name}
	for {
		line, ok := ld.in.next()
		if !ok {
			return "Expected </" + open[len(open)-1] + "> before end of configuration", diag.Position{}
		}
		word, _ := syntax.Word(line.Text)
		switch {
		case !strings.HasPrefix(word, "<"):
		case !strings.HasPrefix(word, "</"):
			open = append(open, strings.TrimSuffix(word[1:], ">"))
		default:
			word = word[2:]
			if word != "" {
				word = word[:len(word)-1] // whatever it is, as httpd does
			}
			if last := open[len(open)-1]; !strings.EqualFold(word, last) {
				if !strings.EqualFold(word, name) {
					ld.skipTo(name)
				}
				return "Expected </" + last + "> but saw </" + word + ">", line.Pos
			}
			if open = open[:len(open)-1]; len(open) == 0 {
				return "", diag.Position{}
			}
		}
	}
}

// skipTo goes on, after an error, behind the closing line of that name if
// there is one: what is between was never meant to be read.
func (ld *Loader) skipTo(name string) {
	back := ld.in.mark()
	depth := 1
	for {
		line, ok := ld.in.next()
		if !ok {
			back()
			return
		}
		switch kind, n, _, _ := syntax.Head(line.Text + " "); {
		case !strings.EqualFold(n, name):
		case kind == syntax.Open:
			depth++
		case kind == syntax.Close:
			if depth--; depth == 0 {
				return
			}
		}
	}
}
