package proxytest

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/tools/txtar"
)

// Script is one case, read from a txtar file: the declarations are parsed,
// the steps still wait for the port numbers they mention (see Steps).
type Script struct {
	Name     string // path below testdata without .txtar
	Title    string // first line of the archive's comment
	Conf     string // httpd.conf, before variables are put in
	Files    []txtar.File
	Backends []Declared
	Certs    []*madeCert
	// Checked are the backends that count health checks apart, and how they
	// answer them at first ("": 200).
	Checked map[string]string
	Modules []string          // loaded besides the prelude's
	Without []string          // of the prelude's modules, not loaded
	Vars    map[string]string // of let lines
	Ports   []string          // names of additional free ports
	Differs []Differ
	Via     string      // the version of HTTP that the client speaks: "h2c"; "": HTTP/1.1
	Back    string      // how backends are reached otherwise than the script says: "https", "h2", "h2c"; "": not
	Links   [][2]string // symbolic links: target, name
	Times   map[string]time.Time
	DBM     [][3]string // made by httxt2dbm: kind, name, source

	lines []line // the steps, unparsed
}

// Declared is one backend line: its name and how it behaves by default.
type Declared struct {
	Name string
	Kind string // "echo", "unix", "refused", "h2c", "tls" or "h2"
	// Cert is the name of the certificate of a tls backend, Options the words
	// behind it.
	Cert    string
	Options []string
}

// Differ says that Sallyport answers otherwise than httpd on purpose.
type Differ struct{ ID, Reason string }

// Server names for lines that hold for one of the two only.
const (
	Httpd     = "httpd"
	Sallyport = "sallyport"
)

type line struct {
	number int
	text   string
}

var (
	reName   = regexp.MustCompile(`^[a-z][a-z0-9]*$`)
	reDiffer = regexp.MustCompile(`^([a-z0-9][a-z0-9-]*): (\S.*)$`)
	reserved = map[string]bool{Httpd: true, Sallyport: true, "access": true, "error": true, "log": true}
)

// readsLogs reports whether a step wants a line of an access log.
func (s *Script) readsLogs() bool {
	return slices.ContainsFunc(s.lines, func(l line) bool {
		return strings.HasPrefix(l.text, "log:") || strings.HasPrefix(l.text, "access>")
	})
}

// ParseScript reads the archive's declarations and checks every step with
// place-holder ports, so that a bad script fails before a server starts.
func ParseScript(name string, data []byte) (*Script, error) {
	archive := txtar.Parse(data)
	title, _, _ := strings.Cut(strings.TrimSpace(string(archive.Comment)), "\n")
	s := &Script{Name: name, Title: title, Times: map[string]time.Time{}}
	if title == "" {
		return nil, fmt.Errorf("parse %s: no title line", name)
	}
	text, found := "", false
	for _, f := range archive.Files {
		switch f.Name {
		case "httpd.conf":
			s.Conf = string(f.Data)
		case "script":
			text, found = string(f.Data), true
		default:
			s.Files = append(s.Files, f)
		}
	}
	if !found {
		return nil, fmt.Errorf("parse %s: no section named script", name)
	}
	for i, t := range strings.Split(text, "\n") {
		done, err := s.declare(t)
		if err != nil {
			return nil, fmt.Errorf("parse %s: script line %d: %w", name, i+1, err)
		}
		if !done {
			s.lines = append(s.lines, line{i + 1, t})
		}
	}
	if _, err := s.Steps(s.placeholders()); err != nil {
		return nil, err
	}
	return s, nil
}

// declare takes the line if it is a declaration.
func (s *Script) declare(text string) (bool, error) {
	words := strings.Fields(text)
	if len(words) == 0 || strings.HasPrefix(text, "#") {
		return true, nil
	}
	rest := strings.TrimSpace(strings.TrimPrefix(text, words[0]))
	switch words[0] {
	case "backend":
		if len(words) < 2 || !reName.MatchString(words[1]) || reserved[words[1]] {
			return true, fmt.Errorf("backend wants NAME [echo|unix|refused|h2c|tls CERT ...|h2 CERT ...]")
		}
		d := Declared{Name: words[1], Kind: "echo"}
		if len(words) > 2 {
			d.Kind = words[2]
		}
		switch {
		case (d.Kind == "tls" || d.Kind == "h2") && len(words) > 3:
			d.Cert, d.Options = words[3], words[4:]
			s.Backends = append(s.Backends, d)
			return true, nil
		case len(words) > 3:
			return true, fmt.Errorf("too many words")
		}
		if d.Kind != "echo" && d.Kind != "unix" && d.Kind != "h2c" && d.Kind != "refused" {
			return true, fmt.Errorf("backend kind %q", d.Kind)
		}
		s.Backends = append(s.Backends, d)
	case "checked":
		for _, word := range words[1:] {
			name, first, _ := strings.Cut(word, ":")
			if !s.has(name) {
				return true, fmt.Errorf("checked: no backend %q", name)
			}
			if s.Checked == nil {
				s.Checked = map[string]string{}
			}
			s.Checked[name] = first
		}
	case "ca", "cert":
		return true, s.declareCert(words)
	case "module":
		s.Modules = append(s.Modules, words[1:]...)
	case "via":
		if len(words) != 2 || words[1] != "h2c" {
			return true, fmt.Errorf("via wants h2c")
		}
		s.Via = words[1]
	case "without":
		s.Without = append(s.Without, words[1:]...)
	case "let":
		// let NAME BYTES: for what is too long to write out.
		if len(words) < 3 || !reVar.MatchString("$"+words[1]) {
			return true, fmt.Errorf("let wants NAME BYTES")
		}
		data, err := parseBytes(strings.TrimSpace(strings.TrimPrefix(rest, words[1])), nil)
		if err != nil {
			return true, err
		}
		if s.Vars == nil {
			s.Vars = map[string]string{}
		}
		s.Vars[words[1]] = string(data)
	case "port":
		s.Ports = append(s.Ports, words[1:]...)
	case "differs":
		m := reDiffer.FindStringSubmatch(rest)
		if m == nil {
			return true, fmt.Errorf("differs wants ID: REASON")
		}
		s.Differs = append(s.Differs, Differ{m[1], m[2]})
	case "dbm":
		if len(words) != 4 {
			return true, fmt.Errorf("dbm wants KIND NAME SOURCE")
		}
		s.DBM = append(s.DBM, [3]string(words[1:]))
	case "symlink":
		if len(words) != 3 {
			return true, fmt.Errorf("symlink wants TARGET NAME")
		}
		s.Links = append(s.Links, [2]string{words[1], words[2]})
	case "mtime":
		if len(words) != 3 {
			return true, fmt.Errorf("mtime wants FILE RFC3339")
		}
		at, err := time.Parse(time.RFC3339, words[2])
		if err != nil {
			return true, err
		}
		s.Times[words[1]] = at
	case "file":
		// file PATH BYTES: for what is too long or too odd to write out.
		if len(words) < 3 {
			return true, fmt.Errorf("file wants PATH BYTES")
		}
		data, err := parseBytes(strings.TrimSpace(strings.TrimPrefix(rest, words[1])), nil)
		if err != nil {
			return true, err
		}
		s.Files = append(s.Files, txtar.File{Name: words[1], Data: data})
	default:
		return false, nil
	}
	return true, nil
}

func (s *Script) placeholders() map[string]string {
	vars := map[string]string{"PORT": "10000", "ROOT": "/root-of-server"}
	for i, b := range s.Backends {
		vars[strings.ToUpper(b.Name)] = strconv.Itoa(10001 + i)
	}
	maps.Copy(vars, s.Vars)
	for i, p := range s.Ports {
		vars[p] = strconv.Itoa(11001 + i)
	}
	return vars
}

var reVar = regexp.MustCompile(`\$[A-Z][A-Z0-9_]*`)

// expand puts the value of each known $NAME in; unknown ones stay.
func expand(text string, vars map[string]string) string {
	return reVar.ReplaceAllStringFunc(text, func(name string) string {
		if v, ok := vars[name[1:]]; ok {
			return v
		}
		return name
	})
}

// member returns the archive file with this name.
func (s *Script) member(name string) ([]byte, bool) {
	for _, f := range s.Files {
		if f.Name == name {
			return f.Data, true
		}
	}
	return nil, false
}

// differs reports whether any line may be for one server only.
func (s *Script) differs() bool { return len(s.Differs) > 0 }
