package balancer_test

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sallyport/internal/balancer"
	"sallyport/internal/diag"
	"sallyport/internal/fault"
	"sallyport/internal/live"
	"sallyport/internal/modules/lbmethod_bybusyness"
	"sallyport/internal/modules/lbmethod_byhash"
	"sallyport/internal/modules/lbmethod_byrequests"
	"sallyport/internal/modules/lbmethod_byresponsetime"
	"sallyport/internal/modules/lbmethod_bytraffic"
	"sallyport/internal/modules/lbmethod_leastconn"
	"sallyport/internal/modules/lbmethod_random2"
	"sallyport/internal/workerconf"
)

var rewrite = flag.Bool("rewrite", false, "write what happens into the stories as what is expected")

// TestStories runs testdata/*.story. A story is blocks of commands, each block
// followed by "----" and what the commands print. Lines that begin with "#"
// are prose.
//
//	balancer [k=v …]       begin a balancer (parameters as in httpd)
//	member NAME [k=v …]    add a member, http://NAME
//	view NAME [k=v …]      a virtual host that inherits it, with its own settings
//	reload                 configuration anew: balancer and member lines follow
//	backend NAME HOW       how it answers from now on: ok, refused, pool, ping,
//	                       dns, tls, closes, hangs, or a status; sent=N received=N
//	                       takes=DURATION
//	elect [xN] [cookie=…] [url=…] [at=VIEW] [vars] [log]
//	                       whole exchanges with failover; prints who served,
//	                       "(a)" in front for a member that failed, the status
//	                       when the client gets an error
//	               safe: the request may be sent again after a broken reply;
//	               key=…: what byhash goes by; why: the candidates, the attempts
//	begin ID [cookie=…] [url=…]   elect and keep the member busy; "waits" with
//	               timeout=, "wakes ID" when the line moves
//	leave ID               a waiting client goes away
//	end ID                 … until here
//	tick DURATION          time passes
//	edit NAME k=v …        an operator's change; NAME "balancer" for its own settings
//	revert NAME            takes all edits back
//	probe NAME pass|fail   a health check's verdict
//	lone                   who should be probed, and when
//	show                   the members' state
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.story")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".story"), func(t *testing.T) { tell(t, file) })
	}
}

func tell(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	told, wrong := newStage().tell(string(text))
	if *rewrite {
		if err := os.WriteFile(file, []byte(told), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	for _, w := range wrong {
		t.Errorf("%s:\n%s", file, w)
	}
}

// tell plays a story. It returns the story as it went, and where that is not
// as it was told.
func (s *stage) tell(text string) (told string, wrong []string) {
	var out strings.Builder
	for _, block := range strings.SplitAfter(text, "\n\n") {
		commands, want, has := strings.Cut(block, "----\n")
		if !has {
			out.WriteString(block)
			continue
		}
		s.out.Reset()
		for _, line := range strings.Split(strings.TrimSpace(commands), "\n") {
			if line != "" && line[0] != '#' {
				s.command(line)
			}
		}
		got := s.out.String()
		if want = strings.TrimSuffix(want, "\n"); want != "" && !strings.HasSuffix(want, "\n") {
			want += "\n"
		}
		if got != want {
			wrong = append(wrong, fmt.Sprintf("%sgot:\n%swant:\n%s", commands, got, want))
		}
		out.WriteString(commands + "----\n" + got)
		if strings.HasSuffix(block, "\n\n") {
			out.WriteString("\n")
		}
	}
	return out.String(), wrong
}

// stage is what a story plays on.
type stage struct {
	out      bytes.Buffer
	reg      *live.Registry
	ed       *editor
	edited   workerconf.Balancer // what was edited of the settings
	now      time.Time
	settings workerconf.Balancer
	cast     []casting
	views    []casting
	built    bool
	b        map[string]*balancer.Balancer // "" and the views
	backends map[string]*script
	open     map[string]*balancer.Pick
	woken    []string
	asked    map[string]balancer.Request
}

type casting struct{ name, params string }

type script struct {
	how            string
	sent, received int64
	takes          time.Duration
}

func newStage() *stage {
	return &stage{
		reg:      live.NewRegistry(),
		now:      time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		backends: map[string]*script{},
		open:     map[string]*balancer.Pick{},
		asked:    map[string]balancer.Request{},
	}
}

func (s *stage) printf(format string, args ...any) { fmt.Fprintf(&s.out, format, args...) }

// methods are those of the rooms.
func methods(name string) balancer.Method {
	for _, room := range []map[string]func() balancer.Method{
		lbmethod_byrequests.Room.Methods, lbmethod_bytraffic.Room.Methods, lbmethod_bybusyness.Room.Methods,
		lbmethod_leastconn.Room.Methods, lbmethod_random2.Room.Methods,
		lbmethod_byresponsetime.Room.Methods, lbmethod_byhash.Room.Methods,
	} {
		if f := room[name]; f != nil {
			return f()
		}
	}
	return nil
}

var known = &workerconf.Known{Hcheck: true, Method: func(n string) bool { return methods(n) != nil }}

func (s *stage) command(line string) {
	words := strings.Fields(line)
	name, words := words[0], words[1:]
	rest := strings.Join(words, " ")
	switch name {
	case "balancer":
		s.reg = live.NewRegistry()
		s.ed, s.edited = newEditor(s.reg), workerconf.Balancer{}
		s.now = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		s.backends = map[string]*script{}
		s.configure(words)
		return
	case "reload":
		s.configure(words)
		return
	case "member":
		s.cast = append(s.cast, casting{words[0], strings.Join(words[1:], " ")})
		s.built = false
		return
	case "view":
		s.views = append(s.views, casting{words[0], strings.Join(words[1:], " ")})
		s.built = false
		return
	}
	s.build()
	switch name {
	case "backend":
		s.backend(words)
	case "elect":
		s.elect(words)
	case "begin":
		p := &balancer.Pick{}
		s.open[words[0]] = p
		s.ask(words[0], p, request(words[1:]))
	case "leave":
		s.b[""].Unqueue(s.open[words[0]])
		delete(s.open, words[0])
		s.wakeUp()
	case "end":
		p := s.open[words[0]]
		if p.Member == nil {
			s.printf("%s has nobody\n", words[0])
			break
		}
		sc := cmp.Or(s.backends[short(p.Member)], &script{})
		o := balancer.Outcome{Status: 200, Sent: sc.sent, Received: sc.received}
		if f, bad := faults[sc.how]; bad {
			o = balancer.Outcome{Fault: f}
		}
		if s.b[""].Done(p, o, s.now).Again {
			p.Member = nil
			s.ask(words[0], p, request(nil))
			break
		}
		delete(s.open, words[0])
		s.b[""].Release(p)
		s.wakeUp()
	case "tick":
		d, err := time.ParseDuration(rest)
		if err != nil {
			s.printf("%v\n", err)
		}
		s.now = s.now.Add(d)
	case "edit":
		s.edit(words[0], words[1:])
	case "revert":
		if words[0] == "balancer" {
			s.edited = workerconf.Balancer{}
			s.b[""].SetConfig(config(&s.settings))
		} else {
			s.ed.apply(edit{key: workerKey(words[0]), revert: true})
		}
	case "probe":
		w := s.worker(words[0])
		w.Balancer().Lock()
		if words[1] == "pass" {
			s.printf("%s %v\n", words[0], w.ProbePassed())
		} else {
			s.printf("%s %v\n", words[0], w.ProbeFailed())
		}
		w.Balancer().Unlock()
	case "lone":
		if m, at := s.b[""].Lone(); m != nil {
			s.printf("%s in %v\n", short(m), at.Sub(s.now))
		} else {
			s.printf("nobody\n")
		}
	case "probed":
		for _, m := range s.b[""].Members() {
			if short(m) == words[0] {
				s.b[""].Probed(m, words[1] == "pass", s.now)
			}
		}
		s.wakeUp()
	case "show":
		s.show()
	default:
		s.printf("unknown command %q\n", name)
	}
}

func (s *stage) configure(words []string) {
	s.settings, s.cast, s.views, s.built = workerconf.Balancer{}, nil, nil, false
	for _, w := range words {
		k, v, _ := workerconf.Split(w)
		if _, err := s.settings.Set(known, k, v, diag.Position{}); err != nil {
			s.printf("%v\n", err)
		}
	}
}

func (s *stage) build() {
	if s.built {
		return
	}
	s.built = true
	key := live.BalancerKey{Name: "x"}
	d := s.reg.Begin()
	var members []*balancer.Member
	for _, c := range s.cast {
		var w workerconf.Worker
		for _, word := range strings.Fields(c.params) {
			k, v, _ := workerconf.Split(word)
			if _, err := w.Set(known, k, v, diag.Position{}); err != nil {
				s.printf("%s: %v\n", c.name, err)
			}
		}
		members = append(members, w.Member(s.ed.worker(d, workerKey(c.name), w.Live()), nil))
	}
	b := balancer.New("balancer://x", d.Balancer(key), config(s.edited.Over(&s.settings)), members)
	s.b = map[string]*balancer.Balancer{"": b}
	for _, v := range s.views {
		var own workerconf.Balancer
		for _, word := range strings.Fields(v.params) {
			k, val, _ := workerconf.Split(word)
			if _, err := own.Set(known, k, val, diag.Position{}); err != nil {
				s.printf("%v\n", err)
			}
		}
		s.b[v.name] = b.With(config(own.Over(&s.settings)))
	}
	for _, k := range d.Commit() {
		s.printf("removed %s\n", k.URL)
	}
}

func config(b *workerconf.Balancer) balancer.Config {
	return b.Core(methods(b.Method.Or(workerconf.DefaultMethod)))
}

func workerKey(name string) live.WorkerKey {
	return live.WorkerKey{Balancer: live.BalancerKey{Name: "x"}, URL: "http://" + name}
}

func short(m *balancer.Member) string { return strings.TrimPrefix(m.URL(), "http://") }

func (s *stage) worker(name string) *live.Worker {
	return s.reg.Worker(live.WorkerKey{Balancer: live.BalancerKey{Name: "x"}, URL: "http://" + name})
}

func (s *stage) backend(words []string) {
	sc := s.backends[words[0]]
	if sc == nil {
		sc = &script{}
		s.backends[words[0]] = sc
	}
	for _, w := range words[1:] {
		k, v, pair := strings.Cut(w, "=")
		n, _ := strconv.ParseInt(v, 10, 64)
		switch {
		case !pair:
			sc.how = w
		case k == "sent":
			sc.sent = n
		case k == "received":
			sc.received = n
		case k == "takes":
			sc.takes, _ = time.ParseDuration(v)
		}
	}
}

func request(words []string) (r balancer.Request) {
	r.URL = "/"
	for _, w := range words {
		switch k, v, _ := strings.Cut(w, "="); k {
		case "cookie":
			r.Cookie = strings.ReplaceAll(v, "+", " ")
		case "url":
			r.URL = v
		case "key":
			r.Key, r.HasKey = balancer.HashKey(0, v), true
		}
	}
	return r
}

// faults are the ways a backend can fail in a story.
var faults = map[string]fault.Kind{
	"refused": fault.ConnectFailed, "pool": fault.PoolTimeout, "ping": fault.PingTimeout,
	"dns": fault.Unresolved, "tls": fault.TLSFailed, "closes": fault.ClosedEarly, "hangs": fault.ReadTimeout,
}

func (s *stage) elect(words []string) {
	n, b := 1, s.b[""]
	var vars, log, why bool
	for _, w := range words {
		switch {
		case w == "vars":
			vars = true
		case w == "log":
			log = true
		case w == "why":
			why = true
		case strings.HasPrefix(w, "at="):
			b = s.b[w[3:]]
		case w[0] == 'x':
			n, _ = strconv.Atoi(w[1:])
		}
	}
	r := request(words)
	var served []string
	var p balancer.Pick
	for range n {
		p.Reset()
		served = append(served, s.exchange(b, r, &p, log, slices.Contains(words, "safe")))
		if why {
			s.printf("%s; %s\n", p.Why, p.AppendTrail(nil))
		}
		if vars {
			for _, v := range p.Vars(nil) {
				s.printf("%s=%s\n", v.Name, v.Value)
			}
		}
		s.now = s.now.Add(time.Millisecond)
	}
	sep := ""
	if slices.ContainsFunc(served, func(s string) bool { return len(s) > 1 }) {
		sep = " "
	}
	s.printf("%s\n", strings.Join(served, sep))
}

// exchange runs one request to its end, as the proxy room does.
func (s *stage) exchange(b *balancer.Balancer, r balancer.Request, p *balancer.Pick, log, safe bool) string {
	defer b.Release(p)
	trail := ""
	for {
		ref := b.Elect(s.now, r, p)
		if log {
			for _, e := range p.Events {
				s.printf("%s %s\n", [...]string{"retried", "forced"}[e.Kind], short(e.Member))
			}
		}
		if ref.Refused() {
			if log {
				id, text := ref.Line(s.now)
				s.printf("%s: %s\n", id, text)
			}
			return trail + "503"
		}
		name := short(p.Member)
		sc := cmp.Or(s.backends[name], &script{})
		o := balancer.Outcome{Sent: sc.sent, Received: sc.received, Status: 200}
		if f, bad := faults[sc.how]; bad {
			o = balancer.Outcome{Fault: f}
		} else if n, err := strconv.Atoi(sc.how); err == nil {
			o.Status = n
		}
		o.Safe = safe
		if s.now = s.now.Add(sc.takes); sc.takes > 0 {
			o.Answered = sc.takes
		}
		v := b.Done(p, o, s.now)
		if log {
			if _, id, text, ok := v.Line(); ok {
				s.printf("%s: %s\n", id, text)
			}
		}
		if v.Again {
			trail += "(" + name + ")"
			s.now = s.now.Add(time.Microsecond)
			continue
		}
		if o.Fault != fault.None {
			return trail + "(" + name + ")" + strconv.Itoa(o.Fault.Row().Status)
		}
		if o.Status != 200 {
			return trail + name + "=" + strconv.Itoa(o.Status)
		}
		return trail + name
	}
}

// ask elects for an exchange that stays open, or puts it into the line.
func (s *stage) ask(id string, p *balancer.Pick, r balancer.Request) {
	ref := s.b[""].Elect(s.now, r, p)
	switch {
	case !ref.Refused():
		s.printf("%s\n", short(p.Member))
	case ref.Wait == 0:
		s.printf("503\n")
	case !s.b[""].Queue(p, func() { s.woken = append(s.woken, id); s.asked[id] = r }):
		s.printf("503, the line is full, retry after %d\n", ref.RetryAfter(s.now))
	default:
		s.printf("waits\n")
	}
}

// wakeUp lets those who were woken ask again.
func (s *stage) wakeUp() {
	for len(s.woken) > 0 {
		id := s.woken[0]
		s.woken = s.woken[1:]
		p := s.open[id]
		if p == nil || p.Member != nil {
			continue
		}
		if ref := s.b[""].Elect(s.now, s.asked[id], p); !ref.Refused() {
			s.printf("%s goes to %s\n", id, short(p.Member))
		}
	}
}

func (s *stage) edit(name string, words []string) {
	if name == "balancer" {
		for _, w := range words {
			k, v, _ := workerconf.Split(w)
			if _, err := s.edited.Set(known, k, v, diag.Position{}); err != nil {
				s.printf("%v\n", err)
			}
		}
		s.b[""].SetConfig(config(s.edited.Over(&s.settings)))
		return
	}
	var w workerconf.Worker
	for _, word := range words {
		k, v, _ := workerconf.Split(word)
		if _, err := w.Set(known, k, v, diag.Position{}); err != nil {
			s.printf("%v\n", err)
		}
	}
	if !s.ed.apply(editOf(workerKey(name), &w)) {
		s.printf("remembered\n")
	}
}

func (s *stage) show() {
	for _, m := range s.b[""].Members() {
		w := m.Worker
		w.Balancer().Lock()
		w.Balancer().Settle()
		set := w.Settings()
		s.printf("%s %s factor=%.2f set=%d elected=%d busy=%d lbstatus=%d", short(m), w.Flags(), float64(set.Factor)/100, set.LBSet, w.Elected(), w.Busy(), w.LBStatus())
		if set.Route != "" {
			s.printf(" route=%s", set.Route)
		}
		if w.Retries() > 0 {
			s.printf(" retries=%d", w.Retries())
		}
		if !w.ErrorAt().IsZero() {
			s.printf(" error=%v", w.ErrorAt().Sub(s.now).Round(time.Millisecond))
		}
		s.printf("\n")
		w.Balancer().Unlock()
	}
}
