package conf

import (
	"errors"
	"fmt"
	"strings"

	"sallyport/internal/conf/syntax"
	"sallyport/internal/diag"
)

// macro is <Macro name args…> with its body as raw lines.
type macro struct {
	name  string // lower case
	args  []string
	body  []string
	where string // `defined on line 3 of "FILE"`
}

func (m *macro) title() string { return "macro '" + m.name + "' (" + m.where + ")" }

func place(p diag.Position) string { return fmt.Sprintf("line %d of \"%s\"", p.Line, p.File) }

// defineMacro is <Macro>: it takes the lines up to </Macro> as they are.
func defineMacro(c *Cmd, args []string) error {
	ld := c.Loader
	words := syntax.Words(c.Raw)
	m := &macro{where: "defined on " + place(c.Pos)}
	if len(words) > 0 {
		m.name = strings.ToLower(words[0])
		m.args = words[1:]
	}
	// The body goes first, so that an error in the head does not make errors
	// of all its lines.
	err := m.read(c)
	switch {
	case m.name == "":
		return errors.New("<Macro macro definition: empty name")
	case err != nil:
		return err
	}
	if err := m.checkArgs(c); err != nil {
		return err
	}
	if len(m.body) == 0 {
		c.Warn("AH02799: "+m.title()+": empty contents!", "")
	}
	m.checkUse(c)
	if old := ld.macros[m.name]; old != nil {
		c.Warn("AH02802: macro '"+m.name+"' multiply defined: "+old.where+", re"+m.where, "")
	}
	ld.macros[m.name] = m
	return nil
}

// read takes the body's lines. Macros may define macros.
func (m *macro) read(c *Cmd) error {
	c.bodyRead = true
	nesting, inner := 0, 0
	for {
		line, ok := c.Loader.in.next()
		if !ok {
			return &diag.Err{Text: m.title() + " contents error: expected token not found: </Macro>", Expected: "</Macro> before the end of the file"}
		}
		word, _ := syntax.Word(line.Text)
		switch {
		case strings.EqualFold(word, "</Macro>"):
			if inner == 0 {
				if nesting != 0 {
					c.Warn(fmt.Sprintf("AH02795: bad cumulated nesting (%+d) in %s", nesting, m.title()), "")
				}
				return nil
			}
			inner--
			nesting--
		case strings.HasPrefix(word, "</"):
			nesting--
			if nesting < 0 {
				c.Warn(fmt.Sprintf("AH02793: bad (negative) nesting on line %d of %s", line.Pos.Line-c.Pos.Line, m.title()), "")
			}
		case strings.HasPrefix(word, "<"):
			nesting++
			if strings.EqualFold(strings.TrimSuffix(word, ">"), "<Macro") {
				inner++
			}
		}
		m.body = append(m.body, line.Text)
	}
}

func (m *macro) checkArgs(c *Cmd) error {
	for i, a := range m.args {
		if a == "" {
			return &diag.Err{Text: fmt.Sprintf("%s: empty argument #%d name", m.title(), i+1), Word: i + 2}
		}
		if !strings.ContainsRune("$%@", rune(a[0])) {
			c.Warn(fmt.Sprintf("AH02796: %s argument name '%s' (#%d) without expected prefix, better prefix argument names with one of '$%%@'.", m.title(), a, i+1), "")
		}
		for j, b := range m.args[:i] {
			switch {
			case a == b:
				return &diag.Err{Text: fmt.Sprintf("argument name conflict in %s: argument '%s': #%d and #%d, change argument names!", m.title(), a, j+1, i+1), Word: i + 2}
			case strings.HasPrefix(a, b) || strings.HasPrefix(b, a):
				c.Warn(fmt.Sprintf("AH02797: %s: argument name prefix conflict (%s #%d and %s #%d), be careful about your macro definition!", m.title(), b, j+1, a, i+1), "")
			}
		}
	}
	return nil
}

// checkUse warns of arguments that the body never uses.
func (m *macro) checkUse(c *Cmd) {
	used := make([]bool, len(m.args))
	for _, line := range m.body {
		m.replace(line, m.args, used)
	}
	for i, ok := range used {
		if !ok {
			c.Warn(fmt.Sprintf("AH02800: %s: argument '%s' (#%d) never used", m.title(), m.args[i], i+1), "")
		}
	}
}

// replace puts values in the places of the arguments: the leftmost name first,
// of those at one place the longest. What was put in is not looked at again.
func (m *macro) replace(line string, values []string, used []bool) string {
	var b strings.Builder
	for {
		at, which := -1, -1
		for i, a := range m.args {
			p := strings.Index(line, a)
			if p >= 0 && (at < 0 || p < at || p == at && len(a) > len(m.args[which])) {
				at, which = p, i
			}
		}
		if at < 0 {
			break
		}
		b.WriteString(line[:at])
		if m.args[which][0] == '@' {
			b.WriteString(quoted(values[which]))
		} else {
			b.WriteString(values[which])
		}
		line = line[at+len(m.args[which]):]
		if used != nil {
			used[which] = true
		}
	}
	b.WriteString(line)
	return b.String()
}

// quoted is the value of an argument whose name begins with "@": one word,
// whatever is in it.
func quoted(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
}

// useMacro is Use: the body is read at this place, under a name that tells
// where it comes from.
func useMacro(c *Cmd, args []string) error {
	ld := c.Loader
	words := syntax.Words(c.Raw)
	if len(ld.macros) == 0 {
		return errors.New("no macro defined before Use")
	}
	if len(words) == 0 || words[0] == "" {
		return errors.New("no macro name specified with Use")
	}
	name := strings.ToLower(words[0])
	m := ld.macros[name]
	if m == nil {
		return &diag.Err{Text: "macro '" + name + "' undefined", Hint: ld.nearMacro(name), Word: 1}
	}
	if strings.Contains(ld.in.file(), "macro '"+name+"'") {
		return &diag.Err{Text: "recursive use of macro '" + name + "' is invalid", Word: 1}
	}
	values := words[1:]
	if len(values) != len(m.args) {
		e := &diag.Err{Text: fmt.Sprintf("%s used with %d arguments instead of %d", m.title(), len(values), len(m.args)), Word: min(len(values), len(m.args)) + 2}
		if len(m.args) > 0 {
			e.Expected = "Use " + m.name + " " + strings.Join(m.args, " ")
		}
		return e
	}
	where := m.title() + " used on " + place(c.Pos)
	for i, v := range values {
		if v == "" {
			c.Warn(fmt.Sprintf("AH02798: %s: empty argument #%d", where, i+1), "")
		}
	}
	var text strings.Builder
	for _, line := range m.body {
		text.WriteString(m.replace(line, values, nil))
		text.WriteByte('\n')
	}
	ld.source(where, text.String())
	ld.in.push(where, text.String())
	return nil
}

func undefMacro(c *Cmd, args []string) error {
	ld := c.Loader
	if len(ld.macros) == 0 {
		return errors.New("no macro defined before UndefMacro")
	}
	name := strings.ToLower(args[0])
	if ld.macros[name] == nil {
		return &diag.Err{Text: "cannot remove undefined macro '" + name + "'", Hint: ld.nearMacro(name), Word: 1}
	}
	delete(ld.macros, name)
	return nil
}

func (ld *Loader) nearMacro(name string) string {
	var names []string
	for n := range ld.macros {
		names = append(names, n)
	}
	return didYouMean(Nearest(name, names), "")
}
