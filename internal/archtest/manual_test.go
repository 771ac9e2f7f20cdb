package archtest

import (
	"html"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sallyport/internal/conf"
	"sallyport/internal/modules/all"
)

// manual is where Debian's apache2-doc puts the pages.
const manual = "/usr/share/doc/apache2-doc/manual/en/mod"

// entry is what the manual says of one directive.
type entry struct {
	Name    string // with < > for a section
	Context []string
	Module  string
}

var (
	entryHead = regexp.MustCompile(`<h2 id="[^"]*"><span id="[^"]*">([^<]*)</span> Directive`)
	entryRow  = regexp.MustCompile(`directive-dict\.html#(Context|Module)">[^<]*</a></th><td>(.*?)</td>`)
	tags      = regexp.MustCompile(`<[^>]*>`)
)

// readManual reads every directive of the pages there are.
func readManual(t *testing.T) map[string]entry {
	t.Helper()
	pages, _ := filepath.Glob(filepath.Join(manual, "*.html"))
	if len(pages) == 0 {
		t.Skip("httpd's manual is not there: install the Debian package apache2-doc")
	}
	all := map[string]entry{}
	for _, p := range pages {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		heads := entryHead.FindAllStringSubmatchIndex(string(text), -1)
		for i, h := range heads {
			end := len(text)
			if i+1 < len(heads) {
				end = heads[i+1][0]
			}
			e := entry{Name: html.UnescapeString(string(text[h[2]:h[3]]))}
			for _, m := range entryRow.FindAllStringSubmatch(string(text[h[0]:end]), -1) {
				value := strings.TrimSpace(html.UnescapeString(tags.ReplaceAllString(m[2], "")))
				if m[1] == "Module" {
					e.Module = value
				} else {
					for w := range strings.SplitSeq(value, ",") {
						e.Context = append(e.Context, strings.TrimSpace(w))
					}
				}
			}
			if e.Module != "" {
				key := strings.ToLower(e.Name)
				if old, ok := all[key]; !ok || old.Module == "core" || len(old.Context) < len(e.Context) {
					all[key] = e
				}
			}
		}
	}
	if len(all) < 400 {
		t.Fatalf("only %d directives found in %s", len(all), manual)
	}
	return all
}

// TestManual compares the rooms' directives with the manual's: the names of
// each module that has a room, and where they may stand.
func TestManual(t *testing.T) {
	entries := readManual(t)
	reasons := exceptions(t)
	used := map[string]bool{}
	excused := func(name, what string) bool {
		key := name + " " + what
		if reasons[key] {
			used[key] = true
		}
		return reasons[key]
	}
	rooms := map[string]bool{}
	ours := map[string]bool{}
	for _, r := range all.Rooms {
		rooms[r.Name] = true
		for _, d := range rows(r) {
			name := d.Name
			if d.Section {
				name = "<" + name + ">"
			}
			ours[strings.ToLower(name)] = true
			e, ok := entries[strings.ToLower(name)]
			if !ok {
				if !excused(name, "unknown") {
					t.Errorf("%s (room %s): not in httpd's manual", name, r.Name)
				}
				continue
			}
			want, may := contexts(e.Context)
			if missing := want &^ d.In; missing != 0 && !excused(name, "narrower") {
				t.Errorf("%s (room %s): httpd also takes it in %s", name, r.Name, missing)
			}
			if extra := d.In &^ may; extra != 0 && !excused(name, "wider") {
				t.Errorf("%s (room %s): httpd does not take it in %s (manual: %s)", name, r.Name, extra, strings.Join(e.Context, ", "))
			}
		}
	}
	for key, e := range entries {
		mod, named := strings.CutPrefix(e.Module, "mod_")
		if !named {
			mod = e.Module
		}
		if rooms[mod] && !ours[key] && !excused(e.Name, "missing") {
			t.Errorf("%s: of %s, which has a room, but not in its table", e.Name, e.Module)
		}
	}
	for key := range reasons {
		if !used[key] {
			t.Errorf("testdata/manual.txt excuses %q, which needs no excuse", key)
		}
	}
}

// exceptions reads testdata/manual.txt: "Name what: reason".
func exceptions(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("testdata/manual.txt")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		subject, reason, ok := strings.Cut(line, ": ")
		words := strings.Fields(subject)
		if !ok || reason == "" || len(words) < 2 || !slices.Contains([]string{"unknown", "narrower", "wider", "missing"}, words[len(words)-1]) {
			t.Fatalf("testdata/manual.txt: %q", line)
		}
		for _, name := range words[:len(words)-1] {
			out[name+" "+words[len(words)-1]] = true
		}
	}
	return out
}

// contexts turns the manual's words into ours: where a directive must be
// allowed, and where it may be. "directory" is said of all sections, and of
// directives that make sense in some of them only. What is allowed in .htaccess
// too is allowed in <Files> and <If>.
func contexts(words []string) (must, may conf.Context) {
	for _, w := range words {
		switch strings.ToLower(w) {
		case "server config":
			must |= conf.InServer
			may |= conf.InServer
		case "virtual host":
			must |= conf.InVHost
			may |= conf.InVHost
		case "directory", "directory context":
			must |= conf.InDirectory
			may |= conf.Sections
		case ".htaccess":
			may |= conf.InHtaccess | conf.Sections
		case "proxy section":
			must |= conf.InProxy
			may |= conf.InProxy
		}
	}
	return must, may | conf.InLimit | conf.InHtaccess
}
