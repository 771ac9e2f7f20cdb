package conf

import (
	"bufio"
	"io"

	"sallyport/internal/diag"
)

// WriteDirectives writes every directive of the rooms with its module, help
// and places, as httpd -L does. Rooms need not be loaded for it.
func WriteDirectives(w io.Writer, modules []ModuleInfo) error {
	var t table
	var errs diag.List
	t.init(modules, false, &errs)
	out := bufio.NewWriter(w)
	for _, m := range t.modules {
		for i := range m.Directives {
			d := &m.Directives[i]
			if r := t.rows[key(d.Name, d.Section)]; r == nil || r.d != d {
				continue // the loader's own row counts
			}
			name := d.Name
			if d.Section {
				name = "<" + name
			}
			out.WriteString(name + " (" + m.source + ")\n\t" + d.Help + "\n\t" + d.allowed() + "\n")
		}
	}
	return out.Flush()
}

// allowed is httpd's sentence about the places of a directive, where they are
// one of its three sets; else it lists them.
func (d *Directive) allowed() string {
	const sections = "<Directory>, <Files>, <Location>, or <If>"
	switch d.In &^ (InHtaccess | InLimit) {
	case Anywhere:
		return "Allowed in *.conf anywhere"
	case Sections:
		return "Allowed in *.conf only inside " + sections
	case Servers:
		return "Allowed in *.conf only outside " + sections
	}
	return "Allowed in *.conf only in " + d.In.String()
}

// WriteModules writes the loaded ones of the modules as httpd -M does: those
// that are always there in their order, then those that a LoadModule line
// named ("shared"), in the order of these lines.
func WriteModules(w io.Writer, modules []ModuleInfo, c *Config) error {
	var t table
	var errs diag.List
	t.init(modules, false, &errs)
	out := bufio.NewWriter(w)
	out.WriteString("Loaded Modules:\n")
	for _, m := range t.modules {
		if shared, ok := c.loaded[m.id]; ok && !shared {
			out.WriteString(" " + m.id + " (static)\n")
		}
	}
	for _, id := range c.shared {
		out.WriteString(" " + id + " (shared)\n")
	}
	return out.Flush()
}

// WriteTest writes the result of a configuration test as httpd -t does, all
// errors and warnings, or "Syntax OK", and reports whether the configuration
// may be used.
func WriteTest(w io.Writer, diags diag.List, program string) (ok bool) {
	diags.Print(w, program)
	if diags.Failed() {
		return false
	}
	io.WriteString(w, "Syntax OK\n")
	return true
}
