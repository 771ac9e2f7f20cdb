package rewrite

import (
	"bufio"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"sallyport/internal/conf"
	"sallyport/internal/dbm"
	"sallyport/internal/diag"
	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/expr"
	"sallyport/internal/freshfile"
)

// rewriteMap is one RewriteMap. Its contents change with the file's.
type rewriteMap struct {
	name   string
	kind   string // "txt", "rnd", "dbm", "int", "prg"
	file   string
	pure   func(string) string // of an int: map
	random bool

	entries *freshfile.File[map[string]string] // of a txt:, rnd: or dbm: map

	prog program
}

func newMap(c *conf.Cmd, args []string) (*rewriteMap, error) {
	kind, arg, found := strings.Cut(args[1], ":")
	m := &rewriteMap{name: args[0], kind: strings.ToLower(kind)}
	if !found {
		m.kind, arg = "txt", args[1]
	}
	format, named := strings.CutPrefix(m.kind, "dbm=")
	if named {
		m.kind = "dbm"
	}
	switch m.kind {
	case "txt", "rnd":
		m.file, m.random = c.Path(arg), m.kind == "rnd"
		m.entries = freshfile.New(m.file, readMap)
	case "dbm":
		m.file = c.Path(arg)
		if !named || format == "default" {
			// httpd takes its build's favourite; what the file is tells more.
			format = "default"
			if _, err := os.Stat(m.file); err != nil {
				format = "sdbm"
			}
		}
		if format == "sdbm" {
			m.file += ".pag"
		}
		read := dbmReaders[format]
		if read == nil {
			return nil, &diag.Err{Text: "RewriteMap: dbm type " + format + " is invalid", Expected: "dbm=sdbm, dbm=gdbm, dbm=db or dbm", Word: 2}
		}
		m.entries = freshfile.NewChecked(m.file, read)
	case "prg":
		words := strings.Fields(arg)
		if len(words) == 0 {
			return nil, &diag.Err{Text: "RewriteMap: a program is missing", Word: 2}
		}
		if !filepath.IsAbs(words[0]) {
			words[0] = c.Path(words[0])
		}
		if _, err := os.Stat(words[0]); err != nil {
			return nil, &diag.Err{Text: "RewriteMap: file for map " + m.name + " not found:" + words[0], Word: 2}
		}
		m.prog.argv = words
	case "int":
		name := map[string]string{"toupper": "toupper", "tolower": "tolower", "escape": "escape", "unescape": "unescape"}[arg]
		if name == "" {
			return nil, &diag.Err{Text: "RewriteMap: internal map not found:" + arg, Expected: "toupper, tolower, escape or unescape", Word: 2}
		}
		if name == "unescape" {
			m.pure = unescape
			break
		}
		t, err := expr.ParseString("%{"+name+":$1}", expr.Options{Outer: true})
		if err != nil {
			return nil, err
		}
		m.pure = func(s string) string {
			return t.Value(nil, &expr.Match{Source: s, Groups: []int{0, len(s), 0, len(s)}})
		}
	case "dbd", "fastdbd":
		return nil, &diag.Err{Text: "RewriteMap: Sallyport has no maps of type " + m.kind, Expected: "txt, rnd, dbm, int or prg", Word: 2}
	default:
		return nil, &diag.Err{Text: "RewriteMap: unknown map type '" + kind + "'", Expected: "txt, rnd, dbm, int or prg", Word: 2}
	}
	if m.entries != nil {
		if _, err := os.Stat(m.file); err != nil {
			return nil, &diag.Err{Text: "RewriteMap: file for map " + m.name + " not found:" + m.file, Word: 2}
		}
	}
	return m, nil
}

// dbmReaders are the formats of a dbm: map by the names they have behind dbm=.
var dbmReaders = map[string]func(string) (map[string]string, error){
	"default": dbm.Read, "db": dbm.Berkeley, "gdbm": dbm.GDBM, "sdbm": dbm.SDBM,
}

// find looks a key up; "" where there is none.
func (m *rewriteMap) find(n *run, key string) string {
	if m == nil {
		return ""
	}
	var v string
	switch {
	case m.pure != nil:
		v = m.pure(key)
	case m.kind == "prg":
		v = m.prog.ask(n.x, key)
	default:
		v = m.look(n, key)
		if m.random && strings.IndexByte(v, '|') >= 0 {
			choices := strings.Split(v, "|")
			v = choices[rand.IntN(len(choices))]
		}
	}
	n.logf(5, "map lookup OK: map=%s[%s] key=%s -> val=%s", m.name, m.kind, key, v)
	return v
}

// look asks the file.
func (m *rewriteMap) look(n *run, key string) string {
	entries, err := m.entries.Get(n.x.Received)
	if err != nil {
		id := "AH00661: mod_rewrite: can't access text RewriteMap file %s"
		if m.kind == "dbm" {
			id = "AH00656: mod_rewrite: can't open DBM RewriteMap %s"
		}
		n.x.LogErr(errorlog.Error, "rewrite", err, id, m.file)
	}
	return entries[key]
}

// readMap reads lines of "key value"; the first of a key counts.
func readMap(text string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(text) {
		w := strings.Fields(line)
		if len(w) < 2 || w[0][0] == '#' {
			continue
		}
		if _, seen := out[w[0]]; !seen {
			out[w[0]] = w[1]
		}
	}
	return out
}

// program is a prg: map: one process that answers line by line, started when
// it is first asked.
type program struct {
	argv []string
	mu   sync.Mutex
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
}

// ask sends a key and reads the answer; "" for NULL, a key that is not a line,
// or a program that is gone (it is started again next time).
func (p *program) ask(x *exchange.Exchange, key string) string {
	if strings.ContainsAny(key, "\n\x00") {
		return ""
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.start(); err != nil {
		x.LogErr(errorlog.Error, "rewrite", err, "AH00654: could not start RewriteMap program %s", p.argv[0])
		return ""
	}
	_, err := io.WriteString(p.in, key+"\n")
	var line string
	if err == nil {
		// A program that is silent must not hold all requests for ever.
		cmd := p.cmd
		late := time.AfterFunc(programLimit, func() { cmd.Process.Kill() })
		line, err = p.out.ReadString('\n')
		late.Stop()
	}
	if err != nil {
		x.LogErr(errorlog.Error, "rewrite", err, "RewriteMap program %s does not answer", p.argv[0])
		p.stop()
		return ""
	}
	if line = strings.TrimRight(line, "\r\n"); strings.EqualFold(line, "null") {
		return ""
	}
	return line
}

const programLimit = 10 * time.Second

func (p *program) start() error {
	if p.cmd != nil {
		return nil
	}
	cmd := exec.Command(p.argv[0], p.argv[1:]...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err = errors.Join(err, err2); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	p.cmd, p.in, p.out = cmd, in, bufio.NewReader(out)
	return nil
}

// stop ends the process; called with mu held.
func (p *program) stop() {
	if p.cmd == nil {
		return
	}
	p.in.Close()
	p.cmd.Process.Kill()
	p.cmd.Wait()
	p.cmd = nil
}

// close ends the process when its snapshot does.
func (p *program) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stop()
}

// unescape is the internal map of that name: every %xx is decoded, what is none
// stays (httpd's ap_unescape_url).
func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				out = append(out, byte(v))
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	return string(out)
}
