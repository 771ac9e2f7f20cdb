package conf

import (
	"strings"

	"sallyport/internal/diag"
)

// module is a room during a load.
type module struct {
	ModuleInfo
	id, source string
	loaded     bool
	shared     bool // by a LoadModule line
}

// row is a directive and who owns it.
type row struct {
	d      *Directive
	module *module
}

// table holds all rooms and finds directives in them.
type table struct {
	modules []*module
	byName  map[string]*module // by identifier and by source file
	rows    map[string]*row    // by lower-case name, "<" in front of sections
	// spelled remembers how names were spelled, for speed: a file has
	// few spellings and many lines.
	spelled map[string]*row
}

func key(name string, section bool) string {
	name = strings.ToLower(name)
	if section {
		return "<" + name
	}
	return name
}

// init takes the rooms over. What can only be a programmer's error is
// reported as an error too, so that it can't be overlooked.
func (t *table) init(mods []ModuleInfo, explicit bool, errs *diag.List) {
	t.byName, t.rows, t.spelled = map[string]*module{}, map[string]*row{}, map[string]*row{}
	core := ModuleInfo{Name: "core", Source: "core.c", Static: true, Directives: CoreDirectives()}
	rest := make([]ModuleInfo, 0, len(mods))
	for _, m := range mods {
		if m.Name == "core" {
			core.Directives = append(core.Directives, m.Directives...)
		} else {
			rest = append(rest, m)
		}
	}
	for _, m := range append([]ModuleInfo{core}, rest...) {
		t.add(m, explicit, errs)
	}
	for _, m := range absorbed {
		if t.byName[m.Name+"_module"] == nil {
			t.add(m, explicit, errs)
		}
	}
}

func (t *table) add(info ModuleInfo, explicit bool, errs *diag.List) {
	m := &module{ModuleInfo: info, id: info.Name + "_module", source: info.Source}
	if m.source == "" {
		m.source = "mod_" + info.Name + ".c"
	}
	m.loaded = m.Static || !explicit && !otherMPM(m.Name)
	t.modules = append(t.modules, m)
	for _, name := range []string{m.id, m.source} {
		if t.byName[name] != nil {
			*errs = append(*errs, diag.Diagnostic{Text: "module " + name + " is registered twice"})
		}
		t.byName[name] = m
	}
	for i := range m.Directives {
		d := &m.Directives[i]
		k := key(d.Name, d.Section)
		if old, ok := t.rows[k]; ok {
			if old.d.Reading && m.Directives[i].Reading {
				continue // a room may name the rows that this package owns
			}
			*errs = append(*errs, diag.Diagnostic{Text: "directive " + d.Name + " is registered by " + old.module.source + " and by " + m.source})
			continue
		}
		t.rows[k] = &row{d, m}
	}
}

// module finds a module by identifier or source file, as <IfModule> does:
// exactly as spelled.
func (t *table) module(name string) *module { return t.byName[name] }

// find returns the row of a name, loaded or not; nil when no room has it.
func (t *table) find(name string, section bool) *row {
	short := name
	if section {
		short = "<" + name
	}
	r, ok := t.spelled[short]
	if !ok {
		r, ok = t.rows[key(name, section)]
		if !ok {
			return nil
		}
		t.spelled[short] = r
	}
	return r
}
