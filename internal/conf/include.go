package conf

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"sallyport/internal/diag"
)

// maxDepth bounds both nested Include lines and nested directories, as httpd's
// AP_MAX_INCLUDE_DEPTH does.
const maxDepth = 128

func setInclude(c *Cmd, args []string) error {
	i := includer{c.Loader, c, strings.EqualFold(c.Directive.Name, "IncludeOptional")}
	if len(i.ld.chain) >= maxDepth {
		i.ld.tooDeep = true
		return errors.New("Exceeded maximum include depth of " + strconv.Itoa(maxDepth) + ", There appears to be a recursion.")
	}
	path := i.ld.Path(args[0])
	if !isPattern(path) {
		i.file(path, 0)
		return nil
	}
	root := string(filepath.Separator)
	i.pattern(root, strings.Split(strings.TrimPrefix(path, root), root))
	return nil
}

// includer reads what one Include line names.
type includer struct {
	ld       *Loader
	c        *Cmd
	optional bool
}

// fail records an error about the line; errors inside of the files are
// recorded where they occur.
func (i includer) fail(text, hint string) {
	i.ld.readErr(i.c.Pos, text, &diag.Err{Text: text, Hint: hint, Word: 1})
}

// pattern matches the first of a path's parts in dir and goes on with the rest.
func (i includer) pattern(dir string, parts []string) {
	part, rest := parts[0], parts[1:]
	if !isPattern(part) {
		path := filepath.Join(dir, part)
		if len(rest) == 0 {
			i.file(path, 0)
		} else {
			i.pattern(path, rest)
		}
		return
	}
	entries, err := os.ReadDir(dir) // sorted by name
	if err != nil {
		if !i.optional || !errors.Is(err, os.ErrNotExist) {
			i.fail("Include/IncludeOptional: Could not open directory "+dir+": "+Reason(err), "")
		}
		return
	}
	found := false
	for _, e := range entries {
		if !matchName(part, e.Name()) {
			continue
		}
		path := filepath.Join(dir, e.Name())
		if len(rest) > 0 {
			if info, err := os.Stat(path); err != nil || !info.IsDir() {
				continue
			}
			i.pattern(path, rest)
		} else {
			i.file(path, 0)
		}
		found = true
	}
	if !found && !i.optional {
		i.fail("Include/IncludeOptional: No matches for the wildcard '"+part+"' in '"+dir+"', failing",
			"IncludeOptional accepts a wildcard without matches")
	}
}

// file reads one file, or all files below a directory in name order.
func (i includer) file(path string, depth int) {
	ld := i.ld
	if ld.tooDeep || ld.again {
		return // else a file that includes itself twice would be read 2^128 times
	}
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		i.dir(path, depth+1)
		return
	}
	var text []byte
	if err == nil || errors.Is(err, os.ErrPermission) { // ReadFile may be allowed more
		text, err = ld.opts.ReadFile(path)
	}
	if err != nil {
		if !i.optional || !errors.Is(err, os.ErrNotExist) {
			i.fail(cannotOpen(path, err), "")
		}
		return
	}
	if !ld.seen[path] {
		ld.seen[path] = true
		ld.cfg.Includes = append(ld.cfg.Includes, path)
	}
	ld.chain = append(ld.chain, i.c.Pos)
	ld.cfg.Inclusions = append(ld.cfg.Inclusions, Inclusion{path, i.c.Pos.Line, len(ld.chain)})
	ld.readText(path, string(text))
	ld.chain = ld.chain[:len(ld.chain)-1]
}

func (i includer) dir(path string, depth int) {
	if depth > maxDepth {
		i.fail("Directory "+path+" exceeds the maximum include directory nesting level of "+
			strconv.Itoa(maxDepth)+". You have probably a recursion somewhere.", "")
		return
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		i.fail("Could not open config directory "+path+": "+Reason(err), "")
		return
	}
	for _, e := range entries {
		i.file(filepath.Join(path, e.Name()), depth)
	}
}

func isPattern(s string) bool { return strings.ContainsAny(s, "*?[") }

// matchName matches one path component; as in the shell, a leading dot is
// matched only by a dot.
func matchName(pattern, name string) bool {
	if strings.HasPrefix(name, ".") && !strings.HasPrefix(pattern, ".") {
		return false
	}
	ok, err := filepath.Match(strings.ReplaceAll(pattern, "[!", "[^"), name)
	return ok && err == nil
}

func cannotOpen(path string, err error) string {
	return "Could not open configuration file " + path + ": " + Reason(err)
}

// Reason gives the system's own words for a failed operation on a file, as C's
// strerror writes them: "No such file or directory".
func Reason(err error) string {
	var no syscall.Errno
	if !errors.As(err, &no) {
		return err.Error()
	}
	s := no.Error()
	return strings.ToUpper(s[:1]) + s[1:]
}
