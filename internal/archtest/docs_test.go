package archtest

import (
	"cmp"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sallyport/internal/conf"
	"sallyport/internal/module"
	"sallyport/internal/modules/all"
	"sallyport/internal/workerconf"
)

var update = flag.Bool("update", false, "write the documents that are made from tables")

// TestGenerated compares the documents made from tables with those tables.
func TestGenerated(t *testing.T) {
	for name, want := range map[string]string{
		"docs/directives.md": directives(),
		"docs/parameters.md": parameters(),
	} {
		path := filepath.Join(root, name)
		if *update {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got := read(t, name); got != want {
			t.Errorf("%s is out of date: go test ./internal/archtest -update\n%s", name, firstDifference(got, want))
		}
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range w {
		if i >= len(g) || g[i] != w[i] {
			return fmt.Sprintf("line %d should be: %s", i+1, w[i])
		}
	}
	return "it is longer than it should be"
}

const generated = "<!-- Made from the tables in the code: go test ./internal/archtest -update -->\n"

// rows are the directives of a room with those that package conf owns.
func rows(r *module.Room) []conf.Directive {
	var own []conf.Directive
	switch r.Name {
	case "core":
		own = conf.CoreDirectives()
	case "so":
		own = conf.SoDirectives()
	case "version":
		own = conf.VersionDirectives()
	case "macro":
		own = conf.MacroDirectives()
	}
	out := slices.Clone(own)
	for _, d := range r.Directives {
		if !slices.ContainsFunc(own, func(o conf.Directive) bool { return strings.EqualFold(o.Name, d.Name) && o.Section == d.Section }) {
			out = append(out, d)
		}
	}
	slices.SortStableFunc(out, func(a, b conf.Directive) int {
		return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
	return out
}

// folder is the room's directory below modules.
func folder(r *module.Room) string {
	if r.Name == "mpm_common" {
		return "mpm"
	}
	return r.Name
}

func directives() string {
	var b strings.Builder
	b.WriteString("# Directives\n\n" + generated)
	b.WriteString(`
Every directive that Sallyport knows, by module (room). What a directive means is in httpd's manual; what its room does
with it, and where it differs, is in the room's README. ` + "`sallyport -L`" + ` prints the same list.

Where: *anywhere* is the server, virtual hosts and all sections; *servers* is outside of sections; *sections* is inside
of ` + "`<Directory>`, `<Files>`, `<Location>`, `<Proxy>`" + ` or their Match forms.
`)
	for _, r := range all.Rooms {
		list := rows(r)
		if len(list) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n## [%s](../internal/modules/%s/README.md)\n\n| Directive | Where | Its argument |\n|---|---|---|\n", r.Name, folder(r))
		for _, d := range list {
			name := d.Name
			if d.Section {
				name = "<" + name + ">"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, where(d.In), escape(d.Help))
		}
	}
	return b.String()
}

func where(in conf.Context) string {
	in &^= conf.InHtaccess | conf.InLimit
	switch {
	case in == conf.Anywhere:
		return "anywhere"
	case in == conf.Servers:
		return "servers"
	case in == conf.Sections:
		return "sections"
	case in&conf.Sections == conf.Sections:
		return "sections, " + (in &^ conf.Sections).String()
	case in&conf.Servers == conf.Servers:
		return "servers, `" + strings.ReplaceAll((in&^conf.Servers).String(), ", ", "`, `") + "`"
	}
	return "`" + strings.ReplaceAll(in.String(), ", ", "`, `") + "`"
}

func parameters() string {
	var b strings.Builder
	b.WriteString("# Parameters of workers and balancers\n\n" + generated)
	b.WriteString(`
The ` + "`key=value`" + ` words behind ProxyPass, BalancerMember, ProxySet and ` + "`<Proxy>`" + `. A unit may be written where a
parameter is an interval (` + "`500ms`, `5s`, `2min`, `1h`" + `); without one the number counts in the unit given here.
`)
	section := func(title string, params []workerconf.Param) {
		fmt.Fprintf(&b, "\n## %s\n\n| Parameter | Kind | Unit | Default | Range | What |\n|---|---|---|---|---|---|\n", title)
		for _, p := range params {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", p.Name, escape(p.Kind), p.Unit, escape(p.Default), escape(p.Range), escape(p.Help))
		}
	}
	section("Workers", workerconf.WorkerParams)
	section("Balancers", workerconf.BalancerParams)
	return b.String()
}

func escape(s string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "*", `\*`).Replace(s)
}

// TestRoomsHaveREADMEs: one for each room, and the room named in the README's
// table of what is there.
func TestRoomsHaveREADMEs(t *testing.T) {
	readme := read(t, "README.md")
	for _, r := range all.Rooms {
		if _, err := os.Stat(filepath.Join(root, "internal/modules", folder(r), "README.md")); err != nil {
			t.Error(err)
		}
		if !strings.Contains(readme, "`"+folder(r)+"`") {
			t.Errorf("README.md does not name the module `%s`", folder(r))
		}
	}
}

// TestDifferences: a file that says "Unlike httpd" n times stands in at least n
// rows of docs/differences.md; a file named there exists and says so; ids are
// unique.
func TestDifferences(t *testing.T) {
	text := read(t, "docs/differences.md")
	inRows := map[string]int{}
	ids := map[string]bool{}
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		r := cells(strings.TrimSpace(line))
		id := codes(r[0])[0]
		if len(r) != 5 || r[1] == "" || r[2] == "" || r[3] == "" {
			t.Errorf("%s: a row wants five cells, the fifth may be empty", id)
			continue
		}
		if ids[id] {
			t.Errorf("two rows %s", id)
		}
		ids[id] = true
		for _, file := range codes(r[4]) {
			inRows[file]++
		}
	}
	if len(ids) < 30 {
		t.Fatalf("only %d rows found", len(ids))
	}
	said := map[string]int{}
	for _, s := range sources(t) {
		n := strings.Count(s.Text, "Unlike httpd") - strings.Count(s.Text, `"Unlike httpd"`) - strings.Count(s.Text, "Unlike httpd's")
		name := strings.TrimPrefix(s.Name, "internal/")
		if n > 0 && s.Pkg != "archtest" {
			said[name] = n
		}
		if inRows[name] < said[name] {
			t.Errorf("%s says \"Unlike httpd\" %d times and stands in %d rows of docs/differences.md", s.Name, said[name], inRows[name])
		}
	}
	for file := range inRows {
		if strings.HasSuffix(file, ".go") && said[file] == 0 {
			t.Errorf("docs/differences.md names %s, which does not say \"Unlike httpd\"", file)
		}
		dir := "internal"
		if strings.HasPrefix(file, "cmd/") {
			dir = ""
		}
		if _, err := os.Stat(filepath.Join(root, dir, file)); err != nil {
			t.Errorf("docs/differences.md: %v", err)
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)#\s]+)[^)]*\)`)

// TestLinks: what a document links to in the repository is there.
func TestLinks(t *testing.T) {
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." && path != root || d.Name() == "bin") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".md") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(m[1], ":") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), m[1])); err != nil {
				t.Errorf("%s: a link to %s, which is not there", path, m[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
