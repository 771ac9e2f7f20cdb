package manager

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"

	"sallyport/internal/cluster"
	"sallyport/internal/diag"
	"sallyport/internal/workerconf"
)

// MaxValue bounds the value of a parameter, in bytes.
const MaxValue = 1000

// params checks the parameters of one edit. was are the edits that hold, text
// spells the configuration's values, and try sets one on a trial basis.
func (c *checker) params(i int, list []cluster.Param, was map[string]cluster.Value, known *workerconf.Known,
	text func(string) (string, bool, bool), try func(name, value string) error, row func(string) *workerconf.Param) []cluster.Param {
	var out []cluster.Param
	for _, p := range c.spell(i, list, was, known, row) {
		if p.Name == "" {
			continue
		}
		def := row(strings.Split(p.Name, ".")[0])
		base, is, _ := text(p.Name)
		p.Base = cluster.Text{V: base, Is: is}
		p.Was = cluster.Text{}
		if old, edited := was[p.Name]; edited {
			p.Was = cluster.Some(old.Text)
		}
		switch {
		case fixed[p.Name] != "":
			c.bad(i, p.Name, p.Value, fixed[p.Name], "")
		case slices.ContainsFunc(out, func(o cluster.Param) bool { return o.Name == p.Name }):
			c.bad(i, p.Name, p.Value, "given twice", "")
		case p.Back:
		case len(p.Value) > MaxValue:
			c.bad(i, p.Name, p.Value, "too long", def.Range)
		case p.Name == "nonce" && p.Value == "":
			c.bad(i, p.Name, p.Value, "it is empty", "a word, or None for no nonce")
		case strings.ContainsFunc(p.Value, func(r rune) bool { return control(r) && (r != '\n' || !workerconf.Repeats(p.Name)) }):
			c.bad(i, p.Name, p.Value, "it holds control characters", def.Range)
		case !spelt(def, p):
			c.bad(i, p.Name, p.Value, "this is no "+def.Kind, allowed(def, nil))
		default:
			if err := try(p.Name, p.Value); err != nil {
				c.bad(i, p.Name, p.Value, err.Error(), allowed(def, err))
			}
		}
		out = append(out, p)
	}
	if len(list) == 0 {
		return nil
	}
	return out
}

// spell brings names into the spelling under which they are kept: lower case,
// one name for each flag, one of a pair that means the same.
func (c *checker) spell(i int, list []cluster.Param, was map[string]cluster.Value, known *workerconf.Known, row func(string) *workerconf.Param) []cluster.Param {
	var out []cluster.Param
	for _, p := range list {
		name := strings.ToLower(p.Name)
		switch {
		case name == "status" && row(name) != nil:
			out = append(out, c.status(i, p)...)
			continue
		case strings.HasPrefix(name, "status.") && row("status") != nil:
			flag := strings.ToUpper(name[len("status."):])
			if len(flag) != 1 || !strings.Contains(workerconf.EditableFlags, flag) {
				c.bad(i, p.Name, p.Value, "there is no flag of this name that can be changed", "status. and one of "+workerconf.EditableFlags)
				continue
			}
			p.Name = "status." + flag
			if v, ok := onOff(p.Value); ok {
				p.Value = v
			}
		case name == "hctemplate" && row(name) != nil:
			out = append(out, c.template(i, p, list, was, known)...)
			continue
		case name == "enablereuse" && row(name) != nil:
			p.Name = "disablereuse"
			if v, ok := onOff(p.Value); ok {
				p.Value = map[string]string{"On": "Off", "Off": "On"}[v]
			}
		default:
			p.Name = name
			if row(name) == nil {
				c.unknown(i, p, row)
				continue
			}
		}
		p.Value = strings.TrimSpace(p.Value)
		out = append(out, p)
	}
	return out
}

// template puts the parameters of a ProxyHCTemplate in the place of its name,
// but for those that the list sets itself. Taken back, all hc… are.
func (c *checker) template(i int, p cluster.Param, list []cluster.Param, was map[string]cluster.Value, known *workerconf.Known) (out []cluster.Param) {
	var t workerconf.Health
	ok := p.Back
	if !ok && known.Template != nil {
		t, ok = known.Template(p.Value)
	}
	if !ok {
		c.bad(i, p.Name, p.Value, "there is no template of this name", "a name given by ProxyHCTemplate")
		return nil
	}
	w := workerconf.Worker{Health: t}
	for k := range workerconf.WorkerParams {
		name := workerconf.WorkerParams[k].Name
		if !strings.HasPrefix(name, "hc") || slices.ContainsFunc(list, func(o cluster.Param) bool { return strings.EqualFold(o.Name, name) }) {
			continue
		}
		text, set, _ := w.Text(name)
		if _, edited := was[name]; p.Back && edited {
			out = append(out, cluster.Param{Name: name, Back: true})
		} else if set {
			out = append(out, cluster.Param{Name: name, Value: text})
		}
	}
	if len(out) == 0 && p.Back {
		c.bad(i, p.Name, p.Value, "no hc parameter was edited: there is nothing to take back", "")
	}
	return out
}

// status takes "+D-N" apart.
func (c *checker) status(i int, p cluster.Param) []cluster.Param {
	var out []cluster.Param
	add := func(flag byte, on bool) {
		v := "Off"
		if on {
			v = "On"
		}
		out = append(out, cluster.Param{Name: workerconf.FlagName(flag), Value: v, Back: p.Back})
	}
	if p.Back {
		for k := range len(workerconf.EditableFlags) {
			if f := workerconf.EditableFlags[k]; f != 'C' {
				add(f, false)
			}
		}
		return out
	}
	on := true
	text := strings.ToUpper(strings.TrimSpace(p.Value))
	for k := range len(text) {
		switch f := text[k]; {
		case f == '+' || f == '-':
			on = f == '+'
		case strings.IndexByte(workerconf.EditableFlags, f) < 0:
			c.bad(i, "status", p.Value, "there is no flag "+string(rune(f))+" that can be changed", "letters of "+workerconf.EditableFlags+", each with + or - before it")
			return nil
		default:
			add(f, on)
		}
	}
	if len(out) == 0 {
		c.bad(i, "status", p.Value, "no flag is named", "letters of "+workerconf.EditableFlags+", each with + or - before it")
	}
	return out
}

func (c *checker) unknown(i int, p cluster.Param, row func(string) *workerconf.Param) {
	var err error
	if row("lbmethod") != nil {
		_, err = new(workerconf.Balancer).Set(&workerconf.Known{}, p.Name, p.Value, diag.Position{})
	} else {
		_, err = new(workerconf.Worker).Set(&workerconf.Known{Hcheck: true}, p.Name, p.Value, diag.Position{})
	}
	problem, hint := "there is no such parameter", ""
	var e *diag.Err
	if errors.As(err, &e) {
		hint = strings.TrimSpace(e.Hint + " " + e.Expected)
	}
	c.bad(i, p.Name, p.Value, problem, hint)
}

// allowed says what is allowed for a parameter.
func allowed(p *workerconf.Param, err error) string {
	var e *diag.Err
	if errors.As(err, &e) && e.Expected != "" {
		return e.Expected
	}
	if p.Range != "" {
		return p.Range
	}
	return p.Kind
}

// What httpd reads with C's atoi may have anything behind the number in a
// configuration; not here.
var (
	integer  = regexp.MustCompile(`^-?[0-9]{1,10}$`)
	decimal  = regexp.MustCompile(`^[0-9]{1,4}(\.[0-9]{0,4})?$`)
	interval = regexp.MustCompile(`^-?[0-9]{1,10}(ms|s|mi|min|h)?$`)
)

// spelt reports whether a value is of the parameter's kind.
func spelt(def *workerconf.Param, p cluster.Param) bool {
	switch def.Kind {
	case "integer":
		return integer.MatchString(p.Value)
	case "decimal":
		return decimal.MatchString(p.Value)
	case "interval":
		return interval.MatchString(p.Value)
	case "On|Off", "flags":
		_, ok := onOff(p.Value)
		return ok
	}
	return true
}

func onOff(s string) (string, bool) {
	switch {
	case strings.EqualFold(s, "on"):
		return "On", true
	case strings.EqualFold(s, "off"):
		return "Off", true
	}
	return s, false
}

func workerParam(name string) *workerconf.Param { return rowOf(workerconf.WorkerParams, name) }

// balancerParam finds a balancer's parameter. Those of health checks can be set
// for all members at once.
func balancerParam(name string) *workerconf.Param {
	if strings.HasPrefix(name, "hc") {
		return workerParam(name)
	}
	return rowOf(workerconf.BalancerParams, name)
}

// balancerParams lists what a balancer has.
func (e *Balancer) balancerParams() []*workerconf.Param {
	var out []*workerconf.Param
	for i := range workerconf.BalancerParams {
		out = append(out, &workerconf.BalancerParams[i])
	}
	for i := range workerconf.WorkerParams {
		if p := &workerconf.WorkerParams[i]; e.Known.Hcheck && strings.HasPrefix(p.Name, "hc") {
			out = append(out, p)
		}
	}
	return out
}

func rowOf(rows []workerconf.Param, name string) *workerconf.Param {
	for i := range rows {
		if rows[i].Name == name {
			return &rows[i]
		}
	}
	return nil
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
