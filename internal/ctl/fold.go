package ctl

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"sallyport/internal/conf/patch"
	"sallyport/internal/conf/syntax"
)

// export -into: the edits are folded into the user's own text. The server says
// what the text should say and at which lines the things stand; words are
// changed here (package conf/patch). What stands elsewhere, or in a macro, is
// left and told.

type place struct {
	File string `json:"file"`
	Line int    `json:"line"`
}

func (p *place) String() string { return fmt.Sprintf("%s:%d", p.File, p.Line) }

type fold struct {
	Op         string `json:"op"`
	Server     string `json:"server"`
	Balancer   string `json:"balancer"`
	Member     string `json:"member"`
	At         *place `json:"at"`
	Beside     string `json:"beside"`
	Parameters []struct {
		Name  string  `json:"name"`
		Value *string `json:"value"`
		At    *place  `json:"at"`
	} `json:"parameters"`
	Withheld []string `json:"withheld"`
}

func (f *fold) title() string { return strings.TrimSpace(f.Balancer + " " + f.Member) }

// exportInto is ctl export -into FILE.
func (s *session) exportInto() error {
	file, err := filepath.EvalSymlinks(s.into)
	if err != nil {
		return &usageError{"-into: " + err.Error()}
	}
	file, err = filepath.Abs(file)
	if err != nil {
		return err
	}
	info, err := os.Stat(file)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New(file + " is no plain file")
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(file)
	}
	if err != nil {
		return &usageError{"-into: " + err.Error()}
	}
	c, err := s.connect()
	if err != nil {
		return err
	}
	var a struct {
		Folds []fold   `json:"folds"`
		Left  []string `json:"left"`
	}
	if _, err := c.do("GET", "export?format=json", nil, &a); err != nil {
		return err
	}
	o := folder{file: file, text: patch.New(string(text))}
	for i := range a.Folds {
		o.fold(&a.Folds[i])
	}
	for _, l := range append(o.left, a.Left...) {
		fmt.Fprintln(s.err, "left out: "+clean(l))
	}
	if o.stale != "" {
		return &problem{Status: 409, Detail: o.stale}
	}
	diff := o.text.Diff(file, file)
	if diff == "" {
		if len(o.left)+len(a.Left) > 0 {
			return &problem{Status: 409, Detail: "nothing of what was edited can be folded into " + file}
		}
		fmt.Fprintln(s.err, "nothing was edited that "+file+" does not say")
		return nil
	}
	if !s.writes || s.diff {
		fmt.Fprint(s.out, diff)
	}
	if !s.writes {
		return nil
	}
	backup, err := replace(file, text, []byte(o.text.String()), info)
	if err != nil {
		return &problem{Status: 500, Detail: err.Error()}
	}
	fmt.Fprintf(s.err, "%s is written; as it was it is kept in %s\nTry it with sallyport -t, then reload: what the text says now is no edit any more.\n", file, backup)
	return nil
}

// folder changes the text of one file.
type folder struct {
	file  string
	text  *patch.Text
	left  []string
	stale string // why the file is not what the server has read
}

// here reports whether a place is in the file.
func (o *folder) here(p *place) bool {
	if p.File == o.file {
		return true
	}
	if real, err := filepath.EvalSymlinks(p.File); err == nil && filepath.IsAbs(p.File) {
		return real == o.file
	}
	return false
}

func (o *folder) leave(f *fold, format string, args ...any) {
	o.left = append(o.left, f.title()+": "+fmt.Sprintf(format, args...))
}

// elsewhere says that something does not stand in the file.
func (o *folder) elsewhere(f *fold, what string, p *place) {
	if strings.Contains(p.File, "macro '") {
		o.leave(f, "%s stands in a %s, line %d of it: a change there would change every use of the macro; change it by hand", what, p.File, p.Line)
		return
	}
	o.leave(f, "%s stands at %s; give -into %s", what, p, p.File)
}

// aliases are other names for a parameter.
func aliases(name string) []string {
	if name == "disablereuse" {
		return []string{name, "enablereuse"}
	}
	return []string{name}
}

func (o *folder) fold(f *fold) {
	for _, name := range f.Withheld {
		o.leave(f, "%s= is not given out: write it by hand", name)
	}
	if f.At == nil {
		o.leave(f, "where it stands is not known")
		return
	}
	if !o.here(f.At) {
		o.elsewhere(f, "it", f.At)
		return
	}
	name, words, ok := o.text.Directive(f.At.Line)
	if !ok || !known(name) || f.Beside != "" && !about(name, words, f.Beside) {
		o.stale = fmt.Sprintf("%s is not what Sallyport has read there: the file was changed since; reload, then try again", f.At)
		return
	}
	switch f.Op {
	case "add":
		o.add(f)
	case "remove":
		o.text.Delete(f.At.Line)
	default:
		o.set(f, name)
	}
}

func known(directive string) bool {
	switch strings.ToLower(directive) {
	case "balancermember", "proxyset", "proxypass", "proxypassmatch", "<proxy":
		return true
	}
	return false
}

// about reports whether a BalancerMember line is about a member.
func about(name string, words []string, member string) bool {
	if !strings.EqualFold(name, "BalancerMember") {
		return false
	}
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(w, "${") || same(w, member) })
}

// same compares a URL as somebody wrote it with one as the server spells it.
func same(written, member string) bool {
	bare := func(s string) string {
		if i := strings.IndexByte(s, '|'); i >= 0 {
			return s
		}
		u, err := url.Parse(s)
		if err != nil {
			return s
		}
		port := u.Port()
		if scheme := strings.ToLower(u.Scheme); (scheme == "http" || scheme == "ws" || scheme == "h2c") && port == "80" || (scheme == "https" || scheme == "wss" || scheme == "h2") && port == "443" {
			port = ""
		}
		return strings.ToLower(u.Scheme+"://"+u.Hostname()) + ":" + port + strings.TrimSuffix(u.Path, "/")
	}
	return written == member || bare(written) == bare(member)
}

func (o *folder) set(f *fold, name string) {
	var fresh []string // for a ProxySet of the balancer
	for _, p := range f.Parameters {
		line := f.At.Line
		if p.At != nil && o.says(p.At, p.Name) {
			line = p.At.Line
		} else if p.At != nil && !o.here(p.At) && !strings.HasPrefix(p.Name, "hc") { // those may stand in a template
			o.elsewhere(f, p.Name+"=", p.At)
			continue
		} else if f.Member == "" && !takes(name) {
			if p.Value != nil {
				for v := range strings.SplitSeq(*p.Value, "\n") {
					fresh = append(fresh, syntax.Quote(p.Name+"="+v))
				}
			}
			continue
		}
		var values []string
		if p.Value != nil {
			values = strings.Split(*p.Value, "\n")
		}
		if strings.HasPrefix(p.Name, "hc") && o.has(line, "hctemplate") {
			o.text.Set(line, aliases(p.Name)) // behind the template, which else would win
		}
		o.text.Set(line, aliases(p.Name), values...)
	}
	if len(fresh) > 0 {
		o.proxySet(f, strings.Join(fresh, " "))
	}
}

// takes reports whether a line takes a balancer's parameters itself.
func takes(name string) bool {
	return !strings.EqualFold(name, "BalancerMember") && !strings.EqualFold(name, "<Proxy")
}

// has reports whether a line has a word of that parameter.
func (o *folder) has(line int, name string) bool {
	_, words, _ := o.text.Directive(line)
	return slices.ContainsFunc(words, func(w string) bool {
		key, _, pair := strings.Cut(w, "=")
		return pair && slices.ContainsFunc(aliases(name), func(a string) bool { return strings.EqualFold(a, key) })
	})
}

// says reports whether a place is a line of the file with a word of that
// parameter.
func (o *folder) says(p *place, name string) bool {
	directive, _, ok := o.text.Directive(p.Line)
	return o.here(p) && ok && known(directive) && o.has(p.Line, name)
}

// proxySet says something of a balancer that no line says yet.
func (o *folder) proxySet(f *fold, params string) {
	head := o.section(f.At.Line)
	if head == 0 { // BalancerMember balancer://name …, outside
		o.text.Insert(f.At.Line, "ProxySet "+syntax.Quote(f.Balancer)+" "+params, false)
		return
	}
	lines, _ := o.text.Inside(head)
	last := 0
	for _, n := range lines {
		if d, _, ok := o.text.Directive(n); ok && (strings.EqualFold(d, "BalancerMember") || strings.EqualFold(d, "ProxySet")) {
			last = n
		}
	}
	if last == 0 {
		o.text.Insert(head, "ProxySet "+params, true)
		return
	}
	o.text.Insert(last, "ProxySet "+params, false)
}

// section is the line of the <Proxy> that a line stands in, or is; 0: none.
func (o *folder) section(line int) int {
	for n := line; n > 0; n-- {
		if d, _, ok := o.text.Directive(n); ok && strings.EqualFold(d, "<Proxy") {
			if lines, closed := o.text.Inside(n); n == line || closed && slices.Contains(lines, line) {
				return n
			}
		}
	}
	return 0
}

func (o *folder) add(f *fold) {
	line := "BalancerMember "
	inner := false
	switch head := o.section(f.At.Line); {
	case head == 0:
		line += syntax.Quote(f.Balancer) + " "
	case head == f.At.Line:
		inner = true
	}
	line += syntax.Quote(f.Member)
	for _, p := range f.Parameters {
		if p.Value != nil {
			for v := range strings.SplitSeq(*p.Value, "\n") {
				line += " " + syntax.Quote(p.Name+"="+v)
			}
		}
	}
	o.text.Insert(f.At.Line, line, inner)
}

// replace puts a text in the place of a file, as a whole and with the file's
// owner and rights, and keeps the old one beside it.
func replace(file string, old, text []byte, info fs.FileInfo) (backup string, err error) {
	dir, name := filepath.Split(file)
	put := func(path string, data []byte) error {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm())
		if err != nil {
			return err
		}
		_, err = f.Write(data)
		if err == nil {
			err = f.Chmod(info.Mode().Perm())
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && err == nil && os.Geteuid() == 0 {
			err = f.Chown(int(st.Uid), int(st.Gid))
		}
		if err == nil {
			err = f.Sync()
		}
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			os.Remove(path)
		}
		return err
	}
	// Not ending in .conf: an Include of *.conf must not find it.
	backup = file + time.Now().Format(".20060102-150405") + ".bak"
	if err := put(backup, old); err != nil {
		return "", fmt.Errorf("keep the old text: %w", err)
	}
	fresh := filepath.Join(dir, "."+name+".new")
	os.Remove(fresh) // of a run that was cut off
	if err := put(fresh, text); err != nil {
		return "", err
	}
	if now, err := os.ReadFile(file); err != nil || string(now) != string(old) {
		os.Remove(fresh)
		return "", fmt.Errorf("%s was changed by somebody meanwhile: nothing is written", file)
	}
	if err := os.Rename(fresh, file); err != nil {
		os.Remove(fresh)
		return "", err
	}
	if d, err := os.Open(dir); err == nil {
		defer d.Close()
		return backup, d.Sync()
	}
	return backup, nil
}
