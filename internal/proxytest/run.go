package proxytest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Reporter is the part of testing.TB that a run needs.
type Reporter interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// defaultTime is the modification time of every file of a script.
var defaultTime = time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)

// run is one script on one server.
type run struct {
	t        Reporter
	s        *Script
	p        Program
	root     string
	port     string
	vars     map[string]string
	backends map[string]*backend
	certs    map[string]*keyPair
	conns    map[string]*client
	calls    map[string]Call
	sessions map[string]tls.ClientSessionCache // by the word behind resume=
	logs     map[string]*tail
	proc     *process
	via      Via // nil: as text of HTTP/1.1
	stops    []func()

	// of the step under way
	last  *client
	resp  *Response
	marks map[string]view
	// sending: the step before only sent, so what backends have seen since it
	// began may be this step's.
	sending bool
	begun   bool // a step has been played
	picked  string
	took    bool // a variable was taken out of the answer
	said    int  // bytes of the server's standard output and error before the step
}

// Run plays the script against the program and reports every disagreement.
func Run(t Reporter, p Program, s *Script) {
	t.Helper()
	play(t, p, s, nil)
}

func play(t Reporter, p Program, s *Script, via Via) {
	t.Helper()
	root, err := os.MkdirTemp("", "pt")
	if err != nil {
		t.Fatalf("%v", err)
		return
	}
	defer os.RemoveAll(root)
	r := &run{t: t, s: s, p: p, via: via, root: root, vars: map[string]string{"ROOT": root},
		backends: map[string]*backend{}, conns: map[string]*client{}, calls: map[string]Call{}, sessions: map[string]tls.ClientSessionCache{}, logs: map[string]*tail{}}
	defer r.close()
	if err := r.prepare(); err != nil {
		t.Fatalf("%s: %v", s.Name, err)
		return
	}
	started := r.start()
	mine, err := r.steps()
	if err != nil {
		t.Fatalf("%v", err)
		return
	}
	err = started
	if len(mine) > 0 && mine[0].Verb == "refused" {
		r.refused(mine[0], err)
		return
	}
	if err != nil {
		t.Fatalf("%s on %s: %v", s.Name, p.Name, err)
		return
	}
	for i := 0; i < len(mine); i++ {
		r.took = false
		if !r.step(mine[i]) {
			return
		}
		if r.took { // a variable that later steps may hold
			if mine, err = r.steps(); err != nil {
				t.Fatalf("%v", err)
				return
			}
		}
	}
}

// steps are those for this server, with the variables as they are now.
func (r *run) steps() ([]*Step, error) {
	all, err := r.s.Steps(r.vars)
	mine := all[:0:0]
	for _, st := range all {
		if st.Only == "" || st.Only == r.p.Name {
			mine = append(mine, st)
		}
	}
	return mine, err
}

// prepare writes the files and opens the backends and ports.
func (r *run) prepare() error {
	if err := os.Chmod(r.root, 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(r.root, "htdocs"), 0o755); err != nil {
		return err
	}
	if err := r.makeCerts(); err != nil {
		return err
	}
	for _, d := range r.s.Backends {
		b, err := r.newBackend(d)
		if err != nil {
			return err
		}
		r.backends[d.Name] = b
		r.vars[strings.ToUpper(d.Name)] = b.address
	}
	maps.Copy(r.vars, r.s.Vars)
	for _, name := range r.s.Ports {
		p, err := freePort()
		if err != nil {
			return err
		}
		r.vars[name] = p
	}
	if err := r.write("mime.types", []byte(mimeTypes)); err != nil {
		return err
	}
	for _, f := range r.s.Files {
		if err := r.write(f.Name, f.Data); err != nil {
			return err
		}
	}
	for _, d := range r.s.DBM {
		cmd := exec.Command("httxt2dbm", "-f", d[0], "-i", d[2], "-o", d[1])
		cmd.Dir = r.root
		if text, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("httxt2dbm (Debian: apache2-utils): %w: %s", err, text)
		}
	}
	for _, l := range r.s.Links {
		if err := os.Symlink(expand(l[0], r.vars), filepath.Join(r.root, l[1])); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) write(name string, data []byte) error {
	path := filepath.Join(r.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		return err
	}
	at, ok := r.s.Times[name]
	if !ok {
		at = defaultTime
	}
	return os.Chtimes(path, at, at)
}

// start starts the server; a port taken by somebody else meanwhile is no fault.
func (r *run) start() error {
	var err error
	for range 4 {
		if r.port, err = freePort(); err != nil {
			return err
		}
		if err := r.configure(); err != nil {
			return err
		}
		r.proc, err = r.p.start(r.root, r.port)
		if err == nil || !strings.Contains(strings.ToLower(err.Error()), "address already in use") {
			return err
		}
	}
	return err
}

// configure writes every configuration file with the variables put in.
func (r *run) configure() error {
	r.vars["PORT"] = r.port
	for _, f := range r.s.Files {
		if strings.HasSuffix(f.Name, ".conf") {
			if err := r.write(f.Name, []byte(expand(string(f.Data), r.vars))); err != nil {
				return err
			}
		}
	}
	if err := r.write("httpd.conf", []byte(expand(r.s.Conf, r.vars))); err != nil {
		return err
	}
	return r.write("main.conf", []byte(prelude(r.s, r.root, r.port, r.via)))
}

// refused checks that the server did not start and said why.
func (r *run) refused(st *Step, err error) {
	if !errors.Is(err, errRefused) {
		r.t.Errorf("%s:%d on %s: the configuration is accepted (%v)", r.s.Name, st.Line, r.p.Name, err)
		return
	}
	for _, want := range st.Args {
		if !strings.Contains(err.Error(), want) {
			r.t.Errorf("%s:%d on %s: the message lacks %q: %v", r.s.Name, st.Line, r.p.Name, want, err)
		}
	}
}

func (r *run) close() {
	for _, c := range r.conns {
		c.c.Close()
	}
	for _, c := range r.calls {
		c.Close()
	}
	if r.proc != nil {
		r.proc.stop()
	}
	for _, b := range r.backends {
		b.stop()
	}
	for _, stop := range r.stops {
		stop()
	}
}

// step plays one step; false ends the script.
func (r *run) step(st *Step) bool {
	defer func() { r.begun = true }()
	deadline := time.Now().Add(stepTimeout)
	for {
		problems := r.once(st)
		if len(problems) == 0 {
			return true
		}
		if !st.Eventually || time.Now().After(deadline) {
			r.complain(st, problems)
			return !st.fatal()
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// fatal reports whether the steps after a failed one make no sense.
func (st *Step) fatal() bool { return st.Conn != "" || st.Verb != "request" && st.Verb != "pick" }

func (r *run) once(st *Step) []string {
	r.resp, r.picked, r.last = nil, "", nil
	if !r.sending {
		r.marks = map[string]view{}
		for name, b := range r.backends {
			r.marks[name] = b.mark()
		}
		if r.begun { // what was logged at the start belongs to the first step
			r.log("error").mark()
			r.said = len(r.proc.output.String())
		}
	}
	r.sending = st.Verb == "send" && len(st.Expect) == 0 || calls[st.Verb] && st.Verb != "abort" && (st.Verb != "answer" || len(st.Args) > 0)
	r.queue(st)
	fresh := (*client)(nil)
	err := r.act(st, &fresh)
	var problems []string
	if err != nil {
		problems = append(problems, err.Error())
	} else {
		for _, e := range st.Expect {
			if e.only != "" && e.only != r.p.Name || !r.concerns(e) {
				continue
			}
			if text := r.check(e, st); text != "" {
				problems = append(problems, fmt.Sprintf("line %d: %s", e.line, text))
			}
		}
	}
	if fresh != nil {
		fresh.c.Close()
	}
	for name, b := range r.backends {
		b.mu.Lock()
		problems = append(problems, b.faults...)
		b.faults = nil
		if n := len(b.answers); n > 0 && r.resp != nil {
			problems = append(problems, fmt.Sprintf("backend %s: %d scripted answers were never asked for", name, n))
			b.answers = nil
		}
		b.mu.Unlock()
	}
	return problems
}

// queue hands the scripted answers to the backends.
func (r *run) queue(st *Step) {
	for name, b := range r.backends {
		var list []*answer
		for _, s := range st.Answers {
			if s.backend != name || s.only != "" && s.only != r.p.Name {
				continue
			}
			for len(list) < s.nth {
				list = append(list, &answer{})
			}
			list[s.nth-1].actions = append(list[s.nth-1].actions, s.action)
		}
		b.mu.Lock()
		b.answers = append(b.answers, list...)
		b.mu.Unlock()
	}
}

// act does what the step says.
func (r *run) act(st *Step, fresh **client) error {
	switch st.Verb {
	case "request":
		if !r.text() {
			r.sendVia(st)
			return nil
		}
		return r.exchange(st, st.bytes(), fresh)
	case "raw":
		return r.exchange(st, st.Data, fresh)
	case "pick":
		return r.pick(st)
	case "send", "recv", "until", "eof", "close", "halfclose":
		return r.connection(st)
	case "begin", "write", "end", "interim", "answer", "read", "abort":
		return r.call(st)
	case "release":
		b := r.backends[st.Args[0]]
		if b == nil {
			return fmt.Errorf("no backend %q", st.Args[0])
		}
		b.released <- struct{}{}
	case "hangup":
		b := r.backends[st.Args[0]]
		if b == nil {
			return fmt.Errorf("no backend %q", st.Args[0])
		}
		b.hangup()
	case "health":
		return r.health(st.Args)
	case "sleep":
		time.Sleep(st.Wait)
	case "check":
	case "graceful", "restart", "stop", "gracefulstop", "signal", "exits":
		return r.operate(st)
	default:
		return fmt.Errorf("%s may only be the first step", st.Verb)
	}
	return nil
}

// signals by the words of the steps that send them.
var signals = map[string]syscall.Signal{
	"graceful": syscall.SIGUSR1, "USR1": syscall.SIGUSR1,
	"restart": syscall.SIGHUP, "HUP": syscall.SIGHUP,
	"stop": syscall.SIGTERM, "TERM": syscall.SIGTERM, "INT": syscall.SIGINT,
	"gracefulstop": syscall.SIGWINCH, "WINCH": syscall.SIGWINCH,
}

// operate does the operator's steps: a signal, before it maybe another
// httpd.conf, behind it the wait for what the step's name promises.
func (r *run) operate(st *Step) error {
	name, args := st.Verb, st.Args
	if name == "signal" {
		if len(args) == 0 {
			return errors.New("signal wants a name")
		}
		name, args = args[0], args[1:]
	}
	if len(args) == 1 {
		data, ok := r.s.member(args[0])
		if !ok {
			return fmt.Errorf("no file %s", args[0])
		}
		if err := r.write("httpd.conf", []byte(expand(string(data), r.vars))); err != nil {
			return err
		}
	}
	sig, known := signals[name]
	switch st.Verb {
	case "graceful", "restart":
		return r.proc.reload(sig)
	case "exits":
		return r.proc.wait(stepTimeout)
	}
	if !known {
		return fmt.Errorf("unknown signal %q", name)
	}
	if err := r.proc.cmd.Process.Signal(sig); err != nil || st.Verb == "signal" {
		return err
	}
	return r.proc.wait(stepTimeout)
}

func (r *run) addr(st *Step) string {
	if st.Addr != "" {
		return st.Addr
	}
	return "127.0.0.1:" + r.port
}

// conn returns the step's named connection, opened at first use, or a fresh one.
func (r *run) conn(st *Step, fresh **client) (*client, error) {
	if c := r.conns[st.Conn]; st.Conn != "" && c != nil {
		return c, nil
	}
	c, err := r.dial(st)
	if err != nil {
		return nil, err
	}
	if st.Conn == "" {
		*fresh = c
	} else {
		r.conns[st.Conn] = c
	}
	return c, nil
}

// dial connects as the step says.
func (r *run) dial(st *Step) (*client, error) {
	if st.TLS != nil {
		return r.dialTLS(r.addr(st), st.TLS)
	}
	if r.via != nil && st.Addr == "" {
		return r.dialTLS(r.addr(st), &clientTLS{sni: "cl.test"})
	}
	return dial(r.addr(st))
}

func (r *run) exchange(st *Step, data []byte, fresh **client) error {
	c, err := r.conn(st, fresh)
	var failed *handshakeError
	if errors.As(err, &failed) {
		r.resp = &Response{Err: failed}
		return nil
	}
	if err != nil {
		return err
	}
	r.last = c
	logged := len(r.log(servedLog).read())
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		c.send(data)
	}()
	r.resp = c.receive(st.Method)
	if st.Conn == "" {
		c.c.SetWriteDeadline(time.Now().Add(time.Second))
	}
	<-sent
	if r.resp.Message != nil && r.s.readsLogs() {
		r.log(servedLog).grow(logged)
	}
	return nil
}

// sendVia is exchange through another version of HTTP.
func (r *run) sendVia(st *Step) {
	logged := len(r.log(servedLog).read())
	r.resp = r.via.Send(r.port, st.ask())
	if r.resp.Message != nil && r.s.readsLogs() {
		r.log(servedLog).grow(logged)
	}
}

// connection does the steps that work on a named connection.
func (r *run) connection(st *Step) error {
	if st.Conn == "" {
		return fmt.Errorf("%s wants a named connection", st.Verb)
	}
	c, err := r.conn(st, nil)
	if err != nil {
		return err
	}
	r.last = c
	switch st.Verb {
	case "send":
		c.send(st.Data)
	case "recv":
		if st.Method == "head" {
			r.resp = c.receiveHead()
		} else {
			r.resp = c.receive(st.Method)
		}
	case "until":
		return c.until(st.Data)
	case "eof":
		return c.ended()
	case "close":
		c.c.Close()
		delete(r.conns, st.Conn)
	case "halfclose":
		if h, ok := c.c.(interface{ CloseWrite() error }); ok {
			return h.CloseWrite()
		}
	}
	return nil
}

// pick repeats a request and notes which backend answered each.
func (r *run) pick(st *Step) error {
	var seq strings.Builder
	for range st.Count {
		before := map[string]view{}
		for name, b := range r.backends {
			before[name] = b.mark()
		}
		resp, err := r.lone(st)
		if err != nil {
			return err
		}
		who := ""
		for _, d := range r.s.Backends {
			b := r.backends[d.Name]
			if b.ln != nil && len(b.since(before[d.Name], 0).seen) > 0 {
				who += d.Name
			}
		}
		switch {
		case who != "":
			seq.WriteString(who)
		case resp.Message != nil:
			seq.WriteString("(" + resp.word(1) + ")")
		default:
			seq.WriteString("(none)")
		}
	}
	r.picked = seq.String()
	return nil
}

// lone sends the step's request on a connection of its own.
func (r *run) lone(st *Step) (*Response, error) {
	if !r.text() {
		return r.via.Send(r.port, st.ask()), nil
	}
	c, err := r.dial(st)
	if err != nil {
		return nil, err
	}
	defer c.c.Close()
	c.send(st.bytes())
	return c.receive(st.Method), nil
}

// complain prints a failed step with everything that helps to understand it.
func (r *run) complain(st *Step, problems []string) {
	r.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "%s, script line %d, on %s: %s\n", r.s.Name, st.Line, r.p.Name, st.Text)
	for _, p := range problems {
		fmt.Fprintf(&b, "  * %s\n", p)
	}
	section := func(title, text string) {
		fmt.Fprintf(&b, "  --- %s\n", title)
		for _, l := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
			fmt.Fprintf(&b, "  | %s\n", l)
		}
	}
	if r.resp != nil {
		section("the client got", r.resp.String())
	}
	for _, d := range r.s.Backends {
		back := r.backends[d.Name]
		if back.ln == nil {
			continue
		}
		v := back.since(r.marks[d.Name], 0)
		for _, s := range v.seen {
			section(fmt.Sprintf("%s saw (connection %d)", d.Name, s.Conn), s.Message.String())
		}
		if len(v.seen) == 0 && v.received > 0 {
			section(d.Name+" saw", fmt.Sprintf("%d bytes, no request", v.received))
		}
	}
	if text := r.log("error").unread(); text != "" {
		section("error log of this step", text)
	}
	if text := r.proc.output.String()[r.said:]; text != "" {
		section("output of the server in this step", text)
	}
	r.t.Errorf("%s", b.String())
}
