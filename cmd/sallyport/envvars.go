package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sallyport/internal/diag"
)

// environment is where ${NAME} looks when no Define has the name: at the
// process environment, then in the envvars file that Debian keeps beside its
// apache2.conf.
//
// Unlike httpd: there apachectl reads that file before it starts httpd, and
// without it Debian's own configuration does not load.
type environment struct {
	file   string // nonempty: not read yet, or where values came from
	values map[string]string
	used   []string
	made   string
}

func newEnvironment(root string) *environment {
	return &environment{file: filepath.Join(root, "envvars")}
}

func (e *environment) lookup(name string) (string, bool) {
	if v, ok := os.LookupEnv(name); ok {
		return v, true
	}
	if e.values == nil {
		e.values = map[string]string{}
		if text, err := os.ReadFile(e.file); err == nil {
			e.values = parseEnvvars(string(text), filepath.Dir(e.file))
			e.makeRunDir()
		}
	}
	v, ok := e.values[name]
	if ok && !slices.Contains(e.used, name) {
		e.used = append(e.used, name)
	}
	return v, ok
}

// makeRunDir makes the directory for PidFile and sockets where it is missing,
// as apachectl does: /run is empty after a reboot.
func (e *environment) makeRunDir() {
	dir := e.values["APACHE_RUN_DIR"]
	if _, err := os.Stat(dir); os.Geteuid() != 0 || !filepath.IsAbs(dir) || !errors.Is(err, fs.ErrNotExist) {
		return
	}
	if os.MkdirAll(dir, 0o755) == nil {
		e.made = dir
	}
}

// notes says what the file was needed for.
func (e *environment) notes() diag.List {
	if len(e.used) == 0 {
		return nil
	}
	text := fmt.Sprintf("the environment lacks %s: read from %s", strings.Join(e.used, ", "), e.file)
	if e.made != "" {
		text += "; made the directory " + e.made
	}
	return diag.List{{Severity: diag.Note, Text: text}}
}

// parseEnvvars reads the lines "export NAME=value" and "NAME=value" of a shell
// file, and gives what is exported. Nothing is executed: what stands between if
// and fi is passed over, as is a value that takes more than names of variables.
// SUFFIX begins as Debian's file computes it, for a directory of one of several
// instances: /etc/apache2-NAME.
func parseEnvvars(text, dir string) map[string]string {
	vars := map[string]string{"SUFFIX": ""}
	if rest, ok := strings.CutPrefix(dir, "/etc/apache2-"); ok {
		vars["SUFFIX"] = "-" + rest
	}
	out := map[string]string{}
	depth := 0
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch first, _, _ := strings.Cut(line, " "); {
		case first == "if" || first == "case" || strings.HasSuffix(line, "{"):
			depth++
		case first == "fi" || first == "esac" || first == "}":
			depth--
		}
		if depth > 0 || strings.HasPrefix(line, "#") {
			continue
		}
		rest, export := strings.CutPrefix(line, "export ")
		name, value, assigns := strings.Cut(strings.TrimSpace(rest), "=")
		if !isName(name) {
			continue
		}
		if assigns {
			v, ok := shellWord(value, vars)
			if !ok {
				delete(vars, name)
				continue
			}
			vars[name] = v
		}
		if v, ok := vars[name]; ok && export {
			out[name] = v
		}
	}
	return out
}

func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// shellWord evaluates a word of the shell: quotes, backslashes, $NAME, ${NAME}
// and ${NAME:-default}. False: it takes more than that.
func shellWord(s string, vars map[string]string) (string, bool) {
	var b strings.Builder
	quote := byte(0)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote == '\'' && c != '\'':
			b.WriteByte(c)
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case c == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case c == '`', c == '$' && i+1 < len(s) && s[i+1] == '(':
			return "", false
		case c == '$':
			v, n, ok := shellVar(s[i+1:], vars)
			if !ok {
				return "", false
			}
			b.WriteString(v)
			i += n
		case quote == 0 && (c == ' ' || c == '\t' || c == ';'):
			rest := strings.TrimLeft(s[i:], " \t;")
			return b.String(), rest == "" || rest[0] == '#'
		case quote == 0 && strings.IndexByte("&|<>()", c) >= 0:
			return "", false
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), quote == 0
}

// shellVar evaluates what stands behind a "$" and how long that is. As in the
// shell, a variable without value is empty.
func shellVar(s string, vars map[string]string) (v string, n int, ok bool) {
	get := func(name string) string {
		if v, ok := vars[name]; ok {
			return v
		}
		return os.Getenv(name)
	}
	if strings.HasPrefix(s, "{") {
		end := strings.IndexByte(s, '}')
		if end < 0 {
			return "", 0, false
		}
		name, other, has := strings.Cut(s[1:end], ":-")
		if !isName(name) || strings.ContainsAny(other, "$`\\\"'") {
			return "", 0, false
		}
		v := get(name)
		if v == "" && has {
			v = other
		}
		return v, end + 1, true
	}
	for n < len(s) && isName(s[:n+1]) {
		n++
	}
	if n == 0 {
		return "$", 0, true
	}
	return get(s[:n]), n, true
}
