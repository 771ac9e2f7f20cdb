package balancer_test

import (
	"bufio"
	"fmt"
	"io"
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
	bin, err := exec.LookPath("apache2")
	if err != nil {
		if bin, err = exec.LookPath("/usr/sbin/apache2"); err != nil {
			t.Skip("no apache2 here: stories are not compared with httpd")
		}
	}
	if testing.Short() {
		t.Skip("short")
	}
	files, _ := filepath.Glob("testdata/*.story")
	var acts []*act
	for _, file := range files {
		acts = append(acts, readActs(t, file)...)
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
}

type actBlock struct {
	line     int
	commands []string
	want     []string
}

// readActs takes a story apart and keeps the acts that httpd can play.
func readActs(t *testing.T, file string) []*act {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
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
	for _, block := range strings.SplitAfter(string(text), "\n\n") {
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
					title: fmt.Sprintf("%s:%d", strings.TrimSuffix(filepath.Base(file), ".story"), b.line),
					name:  fmt.Sprintf("%s%d", strings.TrimSuffix(filepath.Base(file), ".story"), b.line), settings: strings.Join(words[1:], " "),
					houses: map[string]*house{},
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
			case "begin", "end", "edit", "show":
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
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()

	var c strings.Builder
	fmt.Fprintf(&c, "ServerRoot %s\nPidFile %s/pid\nDefaultRuntimeDir %s\nErrorLog %s/log\nLogLevel warn\nServerName localhost\nListen %s\n", dir, dir, dir, dir, addr)
	for _, m := range []string{"mpm_event", "authz_core", "headers", "proxy", "proxy_http", "slotmem_shm", "proxy_balancer", "lbmethod_byrequests", "lbmethod_bytraffic", "lbmethod_bybusyness"} {
		fmt.Fprintf(&c, "LoadModule %s_module /usr/lib/apache2/modules/mod_%s.so\n", m, m)
	}
	fmt.Fprintf(&c, "Header always set X-Vars \"%%{BALANCER_WORKER_ROUTE}e|%%{BALANCER_SESSION_STICKY}e|%%{BALANCER_SESSION_ROUTE}e|%%{BALANCER_ROUTE_CHANGED}e\"\n")
	c.WriteString("ServerLimit 1\nStartServers 1\nThreadsPerChild 64\nMaxRequestWorkers 64\nTimeout 5\n<Location /manager>\nSetHandler balancer-manager\n</Location>\nProxyPass /manager !\n")
	for _, a := range acts {
		fmt.Fprintf(&c, "<Proxy balancer://%s>\n", a.name)
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
		fmt.Fprintf(&c, "</Proxy>\nProxyPass /%s balancer://%s\n", a.name, a.name)
	}
	conf := filepath.Join(dir, "httpd.conf")
	if err := os.WriteFile(conf, []byte(c.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, "-f", conf, "-DFOREGROUND")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	})
	for range 500 {
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			return &httpd{"http://" + addr, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
		}
		time.Sleep(10 * time.Millisecond)
	}
	log, _ := os.ReadFile(dir + "/log")
	t.Fatalf("httpd does not start: %s", log)
	return nil
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
				if w := next(); w != who {
					t.Errorf("line %d: %s\nhttpd: %s\nstory: %s", b.line, c, who, w)
				}
			case "end":
				held[words[1]]()
				time.Sleep(20 * time.Millisecond)
			case "tick":
				d, _ := time.ParseDuration(words[1])
				time.Sleep(d)
			case "edit":
				a.edit(t, h, words[1], words[2:])
			case "show":
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
	for _, w := range words[1:] {
		switch k, v, _ := strings.Cut(w, "="); k {
		case "cookie":
			req.Header.Set("Cookie", strings.ReplaceAll(v, "+", " "))
		case "url":
			path, query, _ := strings.Cut(v, "?")
			req.URL.Opaque = "//" + req.URL.Host + "/" + a.name + path
			req.URL.RawQuery = query
		}
	}
	res, err := h.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, res.Body)
	res.Body.Close()
	if strings.Contains(a.settings, "bybusyness") {
		time.Sleep(3 * time.Millisecond) // httpd counts the member busy a moment longer than the client waits
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
	fmt.Fprintf(conn, "GET /%s/hold HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", a.name)
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
	req.Header.Set("Referer", "http://localhost/manager")
	req.Host = "localhost"
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

// show prints the members as the manager has them, up to lbstatus.
func (a *act) show(t *testing.T, h *httpd) (lines []string) {
	time.Sleep(20 * time.Millisecond)
	req, _ := http.NewRequest("GET", h.base+"/manager?xml=1", nil)
	req.Header.Set("Referer", "http://localhost/manager")
	req.Host = "localhost"
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
