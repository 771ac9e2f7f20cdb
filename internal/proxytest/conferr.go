package proxytest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/txtar"
)

// ConfErr is a wrong configuration and what must be said about it: sections
// httpd.conf, maybe other files, and errors, whose lines read
// `[FILE:]LINE: part of the message`, the one httpd meets first at the top.
// `httpd ` or `sallyport ` before a line makes it one server's own.
type ConfErr struct {
	Name     string
	script   *Script
	Expected []Complaint
}

// Complaint is one expected error.
type Complaint struct {
	Only    string
	File    string // httpd.conf unless said
	Line    int
	Message string
}

var reComplaint = regexp.MustCompile(`^(?:(httpd|sallyport) )?(?:([\w./-]+):)?(\d+): (\S.*)$`)

// ParseConfErr reads a case of testdata/conferr.
func ParseConfErr(name string, data []byte) (*ConfErr, error) {
	c := &ConfErr{Name: name, script: &Script{Name: name}}
	for _, f := range txtar.Parse(data).Files {
		switch f.Name {
		case "httpd.conf":
			c.script.Conf = string(f.Data)
		case "without":
			c.script.Without = strings.Fields(string(f.Data))
		case "module":
			c.script.Modules = strings.Fields(string(f.Data))
		case "errors":
			for l := range strings.Lines(string(f.Data)) {
				m := reComplaint.FindStringSubmatch(strings.TrimRight(l, "\n"))
				if m == nil {
					return nil, fmt.Errorf("parse %s: errors line %q", name, l)
				}
				n, err := strconv.Atoi(m[3])
				if err != nil {
					return nil, err
				}
				file := m[2]
				if file == "" {
					file = "httpd.conf"
				}
				c.Expected = append(c.Expected, Complaint{m[1], file, n, m[4]})
			}
		default:
			c.script.Files = append(c.script.Files, f)
		}
	}
	if len(c.Expected) == 0 {
		return nil, fmt.Errorf("parse %s: no errors expected", name)
	}
	return c, nil
}

// reported is one error as a server printed it.
type reported struct {
	place string // file below root, colon, line
	text  string // from there to the next one
}

// Of an error inside a macro (`line 3 of macro 'm' (defined on line 1 of
// "FILE") used on line 8 of "FILE":`) the place of the Use line counts.
var rePlace = regexp.MustCompile(`[Ss]yntax error on line (?:\d+ of macro .* used on line )?(\d+) of "?([^\s:"]+)"?:`)

// errorsIn cuts what a server printed into errors. Of a chain (`line N of
// FILE: Syntax error on line M of FILE2: ...`, as Include makes it) the last
// place counts.
func errorsIn(root, output string) []reported {
	var list []reported
	at := rePlace.FindAllStringSubmatchIndex(output, -1)
	for i, m := range at {
		end := len(output)
		if i+1 < len(at) {
			end = at[i+1][0]
			if !strings.Contains(output[m[1]:end], "\n") {
				continue // the chain goes on in the same line
			}
		}
		file, err := filepath.Rel(root, output[m[4]:m[5]])
		if err != nil {
			file = output[m[4]:m[5]]
		}
		list = append(list, reported{file + ":" + output[m[2]:m[3]], output[m[1]:end]})
	}
	return list
}

// RunConfErr holds one server's -t against the case. httpd stops at the
// first error; Sallyport must name them all, and no other place.
func RunConfErr(t Reporter, p Program, c *ConfErr) {
	t.Helper()
	root, err := os.MkdirTemp("", "pt")
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer os.RemoveAll(root)
	r := &run{t: t, s: c.script, p: p, root: root, port: "18080", vars: map[string]string{"ROOT": root, "PORT": "18080"}}
	err = r.prepare()
	if err == nil {
		err = r.configure()
	}
	if err != nil {
		t.Fatalf("%s: %v", c.Name, err)
		return
	}
	output, code, err := p.Test(root, filepath.Join(root, "main.conf"))
	if err != nil {
		t.Fatalf("%s: %v", c.Name, err)
		return
	}
	if code != 1 {
		t.Errorf("%s: %s -t exits with %d, want 1", c.Name, p.Name, code)
	}
	got := errorsIn(root, output)
	var want []Complaint
	for _, e := range c.Expected {
		if e.Only == "" || e.Only == p.Name {
			want = append(want, e)
		}
	}
	if p.Name == Httpd {
		want = want[:min(1, len(want))]
	}
	used := make([]bool, len(got))
	for _, e := range want {
		place := fmt.Sprintf("%s:%d", e.File, e.Line)
		i := slices.IndexFunc(got, func(g reported) bool {
			return g.place == place && strings.Contains(g.text, expand(e.Message, r.vars))
		})
		if i < 0 {
			t.Errorf("%s: %s -t does not say %q at %s; it says:\n%s", c.Name, p.Name, e.Message, place, output)
			continue
		}
		used[i] = true
	}
	for i, g := range got {
		if !used[i] && !slices.ContainsFunc(want, func(e Complaint) bool { return g.place == fmt.Sprintf("%s:%d", e.File, e.Line) }) {
			t.Errorf("%s: %s -t also complains at %s:%s", c.Name, p.Name, g.place, g.text)
		}
	}
}
