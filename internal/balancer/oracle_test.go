//go:build linux

package balancer_test

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestStoriesOnHttpd plays the stories on Apache httpd, with real backends, and
// compares: who served, what the client got, and with "show" the members'
// flags, standings and counts. It is skipped where httpd is not installed.
//
// An act (from one "balancer" line to the next) is left out if it uses what
// cannot be staged there, or says "# Unlike httpd" in its prose.
func TestStoriesOnHttpd(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.story")
	var acts []*act
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(string(text), "# What httpd lacks") {
			continue
		}
		acts = append(acts, readActs(strings.TrimSuffix(filepath.Base(file), ".story"), string(text))...)
	}
	compare(t, acts)
}

// TestInventedOnHttpd does the same with stories made up at random.
func TestInventedOnHttpd(t *testing.T) {
	rnd := rand.New(rand.NewPCG(2026, 1))
	var text strings.Builder
	for range 50 {
		text.WriteString(invent(rnd))
	}
	s := newStage()
	told, _ := s.tell(text.String())
	compare(t, readActs("invented", told))
}

func compare(t *testing.T, acts []*act) {
	bin, err := exec.LookPath("/usr/sbin/apache2")
	if err != nil {
		t.Skip("no apache2 here: nothing is compared with httpd")
	}
	if testing.Short() {
		t.Skip("short")
	}
	h := startHttpd(t, bin, acts)
	for _, a := range acts {
		t.Run(a.title, func(t *testing.T) {
			t.Parallel()
			a.play(t, h)
		})
	}
	t.Logf("%d acts are compared", len(acts))
}

// act is one balancer's life in a story.
type act struct {
	title    string // file:line
	name     string // of its balancer in httpd's configuration
	settings string
	cast     []casting
	blocks   []actBlock
	houses   map[string]*house
	busyness bool // may go by bybusyness
	held     int  // requests begun and not ended
}

type actBlock struct {
	line     int
	commands []string
	want     []string
}

// readActs takes a story apart and keeps the acts that httpd can play.
func readActs(name, text string) []*act {
	var acts []*act
	var cur *act
	playable := true
	end := func() {
		if cur != nil && playable {
			acts = append(acts, cur)
		}
		cur, playable = nil, true
	}
	line := 1
	for _, block := range strings.SplitAfter(text, "\n\n") {
		commands, want, has := strings.Cut(block, "----\n")
		b := actBlock{line: line}
		line += strings.Count(block, "\n")
		if !has {
			continue
		}
		b.want = strings.Split(strings.TrimRight(want, "\n"), "\n")
		unlike := strings.Contains(commands, "# Unlike httpd")
		for _, c := range strings.Split(strings.TrimSpace(commands), "\n") {
			words := strings.Fields(c)
			if len(words) == 0 || words[0][0] == '#' {
				continue
			}
			switch words[0] {
			case "balancer":
				end()
				cur = &act{
					title: fmt.Sprintf("%s:%d", name, b.line),
					name:  fmt.Sprintf("%s%d", name, b.line), settings: strings.Join(words[1:], " "),
					houses: map[string]*house{}, busyness: strings.Contains(c, "bybusyness"),
				}
				continue
			case "member":
				cur.cast = append(cur.cast, casting{words[1], strings.Join(words[2:], " ")})
				continue
			case "elect":
				if strings.Contains(c, " at=") || strings.HasSuffix(c, " log") {
					playable = false
				}
			case "backend":
				if faults[words[2]] != 0 && words[2] != "refused" {
					playable = false
				}
			case "tick":
				if d, _ := time.ParseDuration(words[1]); d > 3*time.Second {
					playable = false
				}
			case "edit":
				cur.busyness = cur.busyness || strings.Contains(c, "bybusyness")
			case "begin", "end", "show":
			default:
				playable = false
			}
			if cur != nil {
				b.commands = append(b.commands, c)
			}
		}
		if unlike {
			playable = false
		}
		if cur != nil {
			cur.blocks = append(cur.blocks, b)
		}
	}
	end()
	return acts
}

// house is one backend.
type house struct {
	name, addr string
	mu         sync.Mutex
	status     int
	body       int
	gate       chan struct{} // requests for /hold wait here
	ln         net.Listener
}

func (h *house) open(t *testing.T) {
	addr := h.addr
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	h.addr, h.ln = ln.Addr().String(), ln
	go http.Serve(ln, h)
}

func (h *house) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/hold") {
		w.Header().Set("X-Member", h.name)
		w.(http.Flusher).Flush()
		<-h.gate
		return
	}
	h.mu.Lock()
	status, body := h.status, h.body
	h.mu.Unlock()
	w.Header().Set("X-Member", h.name)
	w.Header().Set("Connection", "close")
	w.Header().Set("Content-Length", strconv.Itoa(body))
	w.WriteHeader(status)
	io.WriteString(w, strings.Repeat("x", body))
}

type httpd struct {
	base   string
	client *http.Client
}

func startHttpd(t *testing.T, bin string, acts []*act) *httpd {
	dir := t.TempDir()
	var c strings.Builder
	fmt.Fprintf(&c, "ServerRoot %s\nPidFile %s/pid\nDefaultRuntimeDir %s\nErrorLog %s/log\nLogLevel warn\nServerName localhost\n", dir, dir, dir, dir)
	for _, m := range []string{"mpm_event", "authz_core", "headers", "proxy", "proxy_http", "slotmem_shm", "proxy_balancer", "lbmethod_byrequests", "lbmethod_bytraffic", "lbmethod_bybusyness"} {
		fmt.Fprintf(&c, "LoadModule %s_module /usr/lib/apache2/modules/mod_%s.so\n", m, m)
	}
	fmt.Fprintf(&c, "Header always set X-Vars \"%%{BALANCER_WORKER_ROUTE}e|%%{BALANCER_SESSION_STICKY}e|%%{BALANCER_SESSION_ROUTE}e|%%{BALANCER_ROUTE_CHANGED}e\"\n")
	c.WriteString("ServerLimit 1\nStartServers 1\nThreadsPerChild 64\nMaxRequestWorkers 64\nTimeout 5\n")
	for _, a := range acts {
		// A host for each, so that its manager shows no other's members.
		fmt.Fprintf(&c, "<VirtualHost *>\nServerName %s\n<Location /manager>\nSetHandler balancer-manager\n</Location>\nProxyPass /manager !\n<Proxy balancer://%s>\n", a.name, a.name)
		for _, m := range a.cast {
			h := &house{name: m.name, status: 200, gate: make(chan struct{})}
			h.open(t)
			t.Cleanup(func() { h.ln.Close() })
			a.houses[m.name] = h
			fmt.Fprintf(&c, "BalancerMember http://%s %s\n", h.addr, m.params)
		}
		fmt.Fprintf(&c, "ProxySet nonce=n\n")
		for _, w := range strings.Fields(a.settings) {
			fmt.Fprintf(&c, "ProxySet %s\n", w)
		}
		fmt.Fprintf(&c, "</Proxy>\nProxyPass /%s balancer://%s\n</VirtualHost>\n", a.name, a.name)
	}
	for range 4 {
		if addr := tryHttpd(t, bin, dir, c.String()); addr != "" {
			return &httpd{"http://" + addr, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
		}
	}
	log, _ := os.ReadFile(dir + "/log")
	t.Fatalf("httpd does not start: %s", log)
	return nil
}

// tryHttpd starts httpd at a port that was free a moment ago. "": it ended,
// for somebody else was faster.
func tryHttpd(t *testing.T, bin, dir, text string) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	conf := filepath.Join(dir, "httpd.conf")
	if err := os.WriteFile(conf, []byte("Listen "+addr+"\n"+text), 0o666); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, "-f", conf, "-DFOREGROUND")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} // a test that panics leaves no server behind
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		cmd.Wait()
		close(exited)
	}()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		<-exited
	})
	for range 1000 {
		// The file is there once the port is bound.
		if _, err := os.Stat(dir + "/pid"); err == nil {
			if conn, err := net.Dial("tcp", addr); err == nil {
				conn.Close()
				return addr
			}
		}
		select {
		case <-exited:
			return ""
		case <-time.After(10 * time.Millisecond):
		}
	}
	return ""
}

func (a *act) play(t *testing.T, h *httpd) {
	held := map[string]func(){}
	for _, b := range a.blocks {
		want := b.want
		next := func() string {
			if len(want) == 0 {
				return ""
			}
			w := want[0]
			want = want[1:]
			return w
		}
		for _, c := range b.commands {
			words := strings.Fields(c)
			switch words[0] {
			case "backend":
				a.backend(t, words)
			case "elect":
				n, vars := 1, false
				for _, w := range words[1:] {
					vars = vars || w == "vars"
					if w[0] == 'x' {
						n, _ = strconv.Atoi(w[1:])
					}
				}
				var got []string
				for range n {
					who, env := a.get(t, h, words)
					got = append(got, who)
					if !vars {
						continue
					}
					told := map[string]string{}
					for len(want) > 0 && strings.Contains(want[0], "=") {
						k, v, _ := strings.Cut(next(), "=")
						told[k] = v
					}
					for i, k := range []string{"BALANCER_WORKER_ROUTE", "BALANCER_SESSION_STICKY", "BALANCER_SESSION_ROUTE", "BALANCER_ROUTE_CHANGED"} {
						v, has := told[k]
						if !has {
							v = "(null)"
						}
						if strings.Split(env, "|")[i] != v {
							t.Errorf("line %d: %s\nhttpd: %s\nstory: %s=%s", b.line, c, env, k, v)
						}
					}
				}
				if w := served(next(), n); strings.Join(got, " ") != strings.Join(w, " ") {
					t.Errorf("line %d: %s\nhttpd: %s\nstory: %s", b.line, c, strings.Join(got, " "), strings.Join(w, " "))
				}
			case "begin":
				who, end := a.hold(t, h)
				held[words[1]] = end
				a.held++
				if w := next(); w != who {
					t.Errorf("line %d: %s\nhttpd: %s\nstory: %s", b.line, c, who, w)
				}
			case "end":
				held[words[1]]()
				a.held--
				a.settle(t, h)
			case "tick":
				d, _ := time.ParseDuration(words[1])
				time.Sleep(d)
			case "edit":
				a.edit(t, h, words[1], words[2:])
			case "show":
				a.settle(t, h)
				for _, got := range a.show(t, h) {
					if w := next(); !strings.HasPrefix(w, got) {
						t.Errorf("line %d: show\nhttpd: %s\nstory: %s", b.line, got, w)
					}
				}
			}
		}
	}
}

// served reads a story's line: failed attempts are nothing a client sees.
func served(line string, n int) []string {
	line = regexp.MustCompile(`\([^)]*\)`).ReplaceAllString(line, "")
	if words := strings.Fields(line); len(words) == n {
		return words
	}
	return strings.Split(line, "")
}

func (a *act) get(t *testing.T, h *httpd, words []string) (who, env string) {
	target := h.base + "/" + a.name + "/"
	req, _ := http.NewRequest("GET", target, nil)
	req.Host = a.name
	for _, w := range words[1:] {
		switch k, v, _ := strings.Cut(w, "="); k {
		case "cookie":
			req.Header.Set("Cookie", strings.ReplaceAll(v, "+", " "))
		case "url":
			path, query, _ := strings.Cut(v, "?")
			req.URL.Opaque = "//" + a.name + "/" + a.name + path
			req.URL.RawQuery = query
		}
	}
	res, err := h.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, res.Body)
	res.Body.Close()
	if a.busyness {
		a.settle(t, h)
	}
	who, env = res.Header.Get("X-Member"), res.Header.Get("X-Vars")
	switch {
	case who == "":
		who = strconv.Itoa(res.StatusCode)
	case res.StatusCode != 200:
		who += "=" + strconv.Itoa(res.StatusCode)
	}
	return who, env
}

// hold starts a request that its member keeps until end is called.
func (a *act) hold(t *testing.T, h *httpd) (who string, end func()) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET /%s/hold HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", a.name, a.name)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	who = res.Header.Get("X-Member")
	return who, func() {
		a.houses[who].gate <- struct{}{}
		io.Copy(io.Discard, res.Body)
		conn.Close()
	}
}

func (a *act) backend(t *testing.T, words []string) {
	h := a.houses[words[1]]
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range words[2:] {
		n, err := strconv.Atoi(strings.TrimPrefix(w, "received="))
		switch {
		case w == "refused":
			h.ln.Close()
		case w == "ok":
			h.status = 200
			if conn, err := net.Dial("tcp", h.addr); err == nil {
				conn.Close()
			} else {
				h.open(t)
			}
		case err == nil && strings.HasPrefix(w, "received="):
			h.body = n - 20
		case err == nil:
			h.status = n
		}
	}
}

// edit makes the change in the balancer-manager.
func (a *act) edit(t *testing.T, h *httpd, name string, words []string) {
	f := url.Values{"b": {a.name}, "nonce": {"n"}}
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		switch k {
		case "status":
			mode := "1"
			for _, c := range v {
				if c == '+' || c == '-' {
					mode = map[rune]string{'+': "1", '-': "0"}[c]
				} else {
					f.Set("w_status_"+string(c), mode)
				}
			}
		default:
			f.Set(map[string]string{"loadfactor": "w_lf", "lbset": "w_ls", "route": "w_wr", "redirect": "w_rr",
				"lbmethod": "b_lbm", "maxattempts": "b_max", "nofailover": "b_sforce", "stickysession": "b_ss"}[k],
				map[string]string{"On": "1", "Off": "0"}[v]+strings.TrimPrefix(strings.TrimPrefix(v, "On"), "Off"))
		}
	}
	if name != "balancer" {
		f.Set("w", "http://"+a.houses[name].addr)
	}
	req, _ := http.NewRequest("POST", h.base+"/manager", strings.NewReader(f.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Referer", "http://"+a.name+"/manager")
	req.Host = a.name
	res, err := h.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, res.Body)
	res.Body.Close()
	if res.StatusCode != 200 {
		t.Fatalf("manager answers %d", res.StatusCode)
	}
}

var (
	managerBalancer = regexp.MustCompile(`(?s)<httpd:name>balancer://([^<]*)</httpd:name>.*?</httpd:balancer>`)
	managerWorker   = regexp.MustCompile(`(?s)<httpd:worker>.*?</httpd:worker>`)
	managerField    = regexp.MustCompile(`<httpd:(\w+)>([^<]*)</httpd:\w+>`)
)

// settle waits until httpd has finished with all requests but those held: it
// counts a member busy a moment longer than the client waits.
func (a *act) settle(t *testing.T, h *httpd) {
	for range 500 {
		busy := 0
		for _, line := range a.show(t, h) {
			_, after, _ := strings.Cut(line, " busy=")
			n, _ := strconv.Atoi(strings.Fields(after)[0])
			busy += n
		}
		if busy == a.held {
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// show prints the members as the manager has them, up to lbstatus.
func (a *act) show(t *testing.T, h *httpd) (lines []string) {
	req, _ := http.NewRequest("GET", h.base+"/manager?xml=1", nil)
	req.Header.Set("Referer", "http://"+a.name+"/manager")
	req.Host = a.name
	res, err := h.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	page, _ := io.ReadAll(res.Body)
	res.Body.Close()
	for _, b := range managerBalancer.FindAllStringSubmatch(string(page), -1) {
		if b[1] != a.name {
			continue
		}
		for i, w := range managerWorker.FindAllString(b[0], -1) {
			f := map[string]string{}
			for _, m := range managerField.FindAllStringSubmatch(w, -1) {
				f[m[1]] = m[2]
			}
			lines = append(lines, fmt.Sprintf("%s %s factor=%s set=%s elected=%s busy=%s lbstatus=%s",
				a.cast[i].name, f["status"], f["loadfactor"], f["lbset"], f["elected"], f["busy"], f["lbstatus"]))
		}
	}
	if len(lines) == 0 {
		t.Errorf("the manager shows nothing of %s: %.2000s", a.name, page)
	}
	return lines
}

// invent makes up one act. It stays clear of what is decided otherwise than in
// httpd: failing acts have one member down at a time and no others disabled,
// and nothing fails under bytraffic.
func invent(rnd *rand.Rand) string {
	var b strings.Builder
	one := func(of ...string) string { return of[rnd.IntN(len(of))] }
	some := func(percent int) bool { return rnd.IntN(100) < percent }
	method := one("", "", "lbmethod=byrequests", "lbmethod=bybusyness", "lbmethod=bytraffic")
	traffic := strings.HasSuffix(method, "bytraffic")
	failing, sticky := !traffic && some(50), !traffic && some(60)
	fmt.Fprintf(&b, "balancer %s", method)
	if sticky {
		b.WriteString(" stickysession=" + one("S", "S", "S|s"))
		if some(30) {
			b.WriteString(" nofailover=On")
		}
	}
	if some(20) {
		b.WriteString(" maxattempts=" + one("1", "2", "3"))
	}
	if !failing && some(30) {
		b.WriteString(" failonstatus=500,404")
	}
	names := strings.Split("abcdef", "")[:2+rnd.IntN(5)]
	states := []string{"H", "R", "N", "H", "R"}
	if !failing {
		states = append(states, "D", "S", "I")
	}
	for _, n := range names {
		fmt.Fprintf(&b, "\nmember %s", n)
		if some(50) && !traffic {
			b.WriteString(" loadfactor=" + one("2", "3", "1.5", "5", "2.25", "10"))
		}
		if some(25) {
			b.WriteString(" lbset=" + one("0", "1", "2", "3"))
		}
		if some(40) {
			b.WriteString(" status=+" + one(states...))
		}
		if sticky {
			b.WriteString(" route=" + one(n, n, n, "z"))
			if some(30) {
				b.WriteString(" redirect=" + one(names...))
			}
		}
		if traffic {
			fmt.Fprintf(&b, "\nbackend %s sent=200 received=20020", n)
		}
	}
	down := ""
	for range 3 + rnd.IntN(6) {
		switch k := rnd.IntN(10); {
		case k < 5 || traffic:
			fmt.Fprintf(&b, "\nelect x%d", 1+rnd.IntN(9))
			if r := one(append(names, "q")...); sticky && some(60) {
				b.WriteString(one(" cookie=S=1."+r, " cookie=o=1;+S=x."+r, " url=/p;s=1."+r, " url=/p?S=1."+r, " url=/p;S=1."+r+"?x=1"))
			}
		case failing && k < 7:
			if down != "" {
				fmt.Fprintf(&b, "\nbackend %s ok", down)
				down = ""
			} else {
				down = one(names...)
				fmt.Fprintf(&b, "\nbackend %s refused", down)
			}
		case !failing && k < 7:
			fmt.Fprintf(&b, "\nbackend %s %s", one(names...), one("404", "500", "503", "200"))
		case !failing && k < 9:
			fmt.Fprintf(&b, "\nedit %s %s", one(names...), one("status=+D", "status=-D", "status=+S", "status=-S", "status=+N", "status=-N",
				"status=+H", "status=-H", "status=+R", "status=-R", "status=-I", "lbset=1", "lbset=0", "route=q", "route=a", "redirect=b"))
		case k < 9:
			fmt.Fprintf(&b, "\nedit %s loadfactor=%s", one(names...), one("1", "4"))
		default:
			b.WriteString("\nshow")
		}
	}
	b.WriteString("\nelect x12\nshow\n----\n\n")
	return b.String()
}
