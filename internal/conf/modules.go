package conf

import (
	_ "embed"
	"strings"
	"sync"

	"sallyport/internal/conf/syntax"
)

// absorbed are modules of httpd that are no room of their own here: what they
// do is part of Sallyport itself, so that LoadModule finds them and <IfModule>
// is true for them. Rooms of the same name replace them.
var absorbed = []ModuleInfo{
	{Name: "http", Source: "http_core.c", Static: true},
	{Name: "watchdog", Static: true},
	{Name: "logio", Static: true},
	{Name: "systemd"},
	{Name: "mpm_event", Source: "event.c"},
	{Name: "mpm_worker", Source: "worker.c"},
	{Name: "mpm_prefork", Source: "prefork.c"},
	{Name: "slotmem_shm"},
	{Name: "slotmem_plain"},
	{Name: "socache_shmcb"},
	{Name: "socache_dbm"},
	{Name: "socache_memcache"},
	{Name: "socache_redis"},
}

// otherMPM: without LoadModule lines all modules count as loaded, but like in
// httpd only one of these.
func otherMPM(name string) bool { return name == "mpm_worker" || name == "mpm_prefork" }

//go:embed known.txt
var knownText string

// lacking is a module that httpd has.
type lacking struct {
	name, source string
	// skip: its directives may be passed over where it is loaded.
	skip       bool
	what       string // it does
	directives []string
	idle       map[string]bool // of them those that may be passed over in any case
}

// known indexes known.txt: by module identifier, and by lower-case directive,
// "<" in front of sections.
var known = sync.OnceValue(func() (k struct {
	modules    map[string]*lacking
	directives map[string]*lacking
}) {
	k.modules, k.directives = map[string]*lacking{}, map[string]*lacking{}
	for line := range strings.Lines(knownText) {
		f := strings.Split(strings.TrimSpace(line), "|")
		if len(f) != 5 || strings.HasPrefix(line, "#") {
			continue
		}
		m := &lacking{f[0], f[1], f[2] == "skip", f[3], strings.Fields(f[4]), nil}
		k.modules[m.name+"_module"] = m
		for i, d := range m.directives {
			name, idle := strings.CutPrefix(d, "~")
			m.directives[i] = name
			name = strings.ToLower(strings.TrimSuffix(name, ">"))
			k.directives[name] = m
			if idle {
				if m.idle == nil {
					m.idle = map[string]bool{}
				}
				m.idle[name] = true
			}
		}
	}
	return k
})

// title is how messages call the module.
func (m *lacking) title() string { return strings.TrimSuffix(m.source, ".c") }

// missing says what is lost without the module.
func (m *lacking) missing() string {
	var parts []string
	if m.what != "" {
		parts = append(parts, m.what)
	}
	switch n := len(m.directives); {
	case n > 4:
		parts = append(parts, "its directives "+strings.Join(m.directives[:3], ", ")+" …")
	case n > 1:
		parts = append(parts, "its directives "+strings.Join(m.directives, ", "))
	case n == 1:
		parts = append(parts, "its directive "+m.directives[0])
	}
	return strings.Join(parts, "; ")
}

// loadModule marks a room as loaded. Nothing is read from the file named: the
// rooms are linked in.
func loadModule(c *Cmd, args []string) error {
	ld := c.Loader
	if !ld.explicit {
		ld.again = true
		return nil
	}
	name := args[0]
	m := ld.table.byName[name]
	switch {
	case m != nil && m.id == name:
		// Unlike httpd: naming one that is built in is no error, because
		// which ones are depends on who built httpd.
		if m.loaded && !m.Static {
			c.Warn("AH01574: module "+name+" is already loaded, skipping", "")
		}
		if !m.loaded {
			m.shared = true
			ld.cfg.shared = append(ld.cfg.shared, m.id)
		}
		m.loaded = true
		return nil
	case known().modules[name] != nil:
		k := known().modules[name]
		text := "Sallyport has no " + k.title()
		switch {
		case k.skip:
			text += "; missing are: " + k.what + "; its directives are skipped"
		case k.missing() != "":
			text += "; missing are: " + k.missing()
		}
		ld.skipped[k] = true
		c.Warn(text, "")
		d := &ld.diags[len(ld.diags)-1]
		d.Topic, d.Item = "modules are loaded that Sallyport does not have", k.title()
		if k.what != "" {
			d.Item += " (" + k.what + ")"
		}
		return nil
	}
	c.Warn("Sallyport has no module "+name+", nor has httpd 2.4: this line loads nothing", ld.nearModule(name))
	return nil
}

// loadFile accepts the line: what it would load is for modules Sallyport is
// not made of.
func loadFile(c *Cmd, args []string) error {
	if c.Loader.explicit {
		c.Warn("Sallyport loads no shared objects: "+args[0]+" is not loaded", "")
	}
	return nil
}

func (ld *Loader) nearModule(name string) string {
	var names []string
	for _, m := range ld.table.modules {
		names = append(names, m.Name)
	}
	near := Nearest(strings.TrimSuffix(name, "_module"), names)
	if near == "" {
		return ""
	}
	return didYouMean(near+"_module", "")
}

// skips reports whether n is a directive of a lacking module that may be passed
// over: a LoadModule line warned that it is.
//
// Unlike httpd: it would serve what these modules make. Debian's stock
// configuration loads some of them for everyone, and must load here.
func (ld *Loader) skips(n *syntax.Node) bool {
	if len(ld.skipped) == 0 {
		return false
	}
	name := key(n.Name, n.Section)
	m := known().directives[name]
	return m != nil && ld.skipped[m] && (m.skip || m.idle[name])
}

// unknown explains why a name is no directive here.
func (ld *Loader) unknown(n *syntax.Node) (hint string) {
	k := key(n.Name, n.Section)
	if r := ld.table.rows[k]; r != nil { // there, but not loaded
		return "LoadModule " + r.module.id + " modules/" + strings.TrimSuffix(r.module.source, ".c") + ".so"
	}
	if m := known().directives[k]; m != nil {
		if ld.table.byName[m.name+"_module"] != nil {
			return "a directive of httpd's " + m.title() + " that Sallyport does not have"
		}
		hint = "it belongs to " + m.title()
		if m.what != "" {
			hint += " (" + m.what + ")"
		}
		return hint + ", which Sallyport does not have"
	}
	if r := ld.table.rows[key(n.Name, !n.Section)]; r != nil && r.module.loaded {
		if r.d.Section {
			return r.d.Name + " is a section: <" + r.d.Name + " …> … </" + r.d.Name + ">"
		}
		return r.d.Name + " is no section: write it without < and >"
	}
	if strings.HasPrefix(n.Name, "\xef\xbb\xbf") {
		return "the file begins with a byte order mark: remove it"
	}
	var names []string
	for _, r := range ld.table.rows {
		if r.d.Section == n.Section && r.module.loaded {
			names = append(names, r.d.Name)
		}
	}
	if n.Section {
		return didYouMean(Nearest(n.Name, names), "<")
	}
	return didYouMean(Nearest(n.Name, names), "")
}

func didYouMean(name, before string) string {
	if name == "" {
		return ""
	}
	if before != "" {
		name = before + name + ">"
	}
	return "did you mean " + name + "?"
}

// Nearest returns the name that is least far from word, of equals the first
// in the alphabet; empty when none is near.
func Nearest(word string, names []string) string {
	word = strings.ToLower(word)
	best, found := 1+max(1, len(word)/4), ""
	for _, n := range names {
		if d := len(n) - len(word); d > best || -d > best {
			continue
		}
		d := syntax.Distance(word, strings.ToLower(n))
		if d < best || d == best && found != "" && n < found {
			best, found = d, n
		}
	}
	return found
}
