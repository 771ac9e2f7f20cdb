package conf

import (
	"slices"
	"strings"

	"sallyport/internal/conf/syntax"
	"sallyport/internal/diag"
)

// variables are the names of Define, -D and the environment.
type variables struct {
	// defines are what <IfDefine> sees, by exact name; the value may be empty.
	defines map[string]string
	order   []string // their names
	// values are what ${NAME} sees, by lower-case name: like httpd's table,
	// and unlike defines, it does not mind the case.
	values map[string]string
	env    func(string) (string, bool)
}

func (v *variables) init(o Options) {
	v.defines, v.values, v.env = map[string]string{}, map[string]string{}, o.Env
	for _, name := range o.Defines {
		v.name(name)
		v.defines[name] = "" // -D gives no value, not even with "="
	}
}

func (v *variables) defined(name string) bool {
	_, ok := v.defines[name]
	return ok
}

func (v *variables) lookup(name string) (string, bool) {
	if val, ok := v.values[strings.ToLower(name)]; ok {
		return val, true
	}
	return v.env(name)
}

// name appends a name to order when it is new.
func (v *variables) name(name string) {
	if !v.defined(name) {
		v.order = append(v.order, name)
	}
}

func (v *variables) define(name, value string, hasValue bool) {
	v.name(name)
	v.defines[name] = value
	if hasValue {
		v.values[strings.ToLower(name)] = value
	}
}

func (v *variables) undefine(name string) {
	delete(v.defines, name)
	if i := slices.Index(v.order, name); i >= 0 { // as httpd: the last takes its place
		last := len(v.order) - 1
		v.order[i] = v.order[last]
		v.order = v.order[:last]
	}
	delete(v.values, strings.ToLower(name))
}

// each calls f with every stretch of s: plain text, or a variable's name with
// its braces. The pieces make up s.
func each(s string, f func(piece, name string, isVar bool)) {
	for s != "" {
		i := strings.Index(s, "${")
		if i < 0 {
			break
		}
		end := strings.IndexByte(s[i:], '}')
		if end < 0 {
			break
		}
		if i > 0 {
			f(s[:i], "", false)
		}
		f(s[i:i+end+1], s[i+2:i+end], true)
		s = s[i+end+1:]
	}
	if s != "" {
		f(s, "", false)
	}
}

// expand replaces the variables of s that have a value. Back maps an offset in
// the result to one in s.
func (v *variables) expand(s string) (out string, back func(int) int) {
	if !strings.Contains(s, "${") {
		return s, func(i int) int { return i }
	}
	type cut struct{ out, in, outLen, inLen int }
	var cuts []cut
	var b strings.Builder
	in := 0
	each(s, func(piece, name string, isVar bool) {
		text := piece
		if isVar {
			if val, ok := v.lookup(name); ok {
				text = val
				cuts = append(cuts, cut{b.Len(), in, len(val), len(piece)})
			}
		}
		b.WriteString(text)
		in += len(piece)
	})
	return b.String(), func(i int) int {
		shift := 0
		for _, c := range cuts {
			if i < c.out {
				break
			}
			if i < c.out+c.outLen {
				return c.in
			}
			shift = c.in + c.inLen - c.out - c.outLen
		}
		return i + shift
	}
}

// expand replaces the variables of a line, warning of unknown ones.
func (ld *Loader) expand(line syntax.Line) string {
	if !strings.Contains(line.Text, "${") {
		return line.Text
	}
	at := 0
	each(line.Text, func(piece, name string, isVar bool) {
		if isVar && !strings.Contains(name, ":") {
			if _, ok := ld.vars.lookup(name); !ok {
				pos := line.Pos
				pos.Col += at
				ld.warn(pos, "AH00111: Config variable ${"+name+"} is not defined", "")
			}
		}
		at += len(piece)
	})
	out, _ := ld.vars.expand(line.Text)
	return out
}

// warn adds a warning.
func (ld *Loader) warn(pos diag.Position, text, hint string) {
	ld.diags = append(ld.diags, diag.Diagnostic{Severity: diag.Warning, Pos: pos, Text: text, Hint: hint})
}

func checkVarName(name string) error {
	if strings.Contains(name, ":") {
		return &diag.Err{Text: "Variable name must not contain ':'", Word: 1}
	}
	return nil
}

func setDefine(c *Cmd, args []string) error {
	if err := checkVarName(args[0]); err != nil {
		return err
	}
	if len(args) > 1 {
		c.Loader.vars.define(args[0], args[1], true)
	} else {
		c.Loader.vars.define(args[0], "", false)
	}
	return nil
}

func setUnDefine(c *Cmd, args []string) error {
	if err := checkVarName(args[0]); err != nil {
		return err
	}
	c.Loader.vars.undefine(args[0])
	return nil
}
