package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const managed = prelude + proxyModules + `LoadModule proxy_balancer_module x
LoadModule lbmethod_byrequests_module x
LoadModule lbmethod_bybusyness_module x
<Location /bm>
  SetHandler balancer-manager
</Location>
ProxyPass /bm !
`

// ctl runs sallyport ctl against the site.
func (s *site) ctl(args ...string) result {
	s.t.Helper()
	return sallyport(s.t, append([]string{"ctl", "-url", s.url("/bm")}, args...)...)
}

// want checks what ctl said.
func (s *site) want(got result, code int, words ...string) {
	s.t.Helper()
	if got.code != code {
		s.t.Fatalf("code %d wanted: %v\n%s", code, got, s.read("error.log"))
	}
	for _, w := range words {
		if !strings.Contains(got.out+got.err, w) {
			s.t.Fatalf("%q is not in %v", w, got)
		}
	}
}

// TestCtl walks through an evening's work with the real program.
func TestCtl(t *testing.T) {
	s := newSite(t)
	a, b, c := backend(t, "a"), backend(t, "b"), backend(t, "c")
	s.write("httpd.conf", managed+"<Proxy balancer://shop>\nBalancerMember "+a+" route=a\nBalancerMember "+b+" route=b\n</Proxy>\nProxyPass / balancer://shop/\n")
	f := s.serve()
	s.want(s.ctl("balancers"), 0, "BALANCER", "shop", "byrequests")
	s.want(s.ctl("members"), 0, a, b, "ok", "50%")
	s.want(s.ctl("set", "shop", "a", "loadfactor=3", "-reason", "new disk"), 0, "revision 1", "loadfactor=3 (was default)")
	s.want(s.ctl("set", "shop", a, "loadfactor=300"), 2, "loadfactor=300", "allowed: a number from 1 to 100")
	s.want(s.ctl("set", "shop", "lbmethod=bywhim"), 2, "unknown lbmethod")
	s.want(s.ctl("set", "shop", "nobody", "loadfactor=3"), 2, "has no member nobody")
	s.want(s.ctl("set", "attic", "timeout=3"), 2, "there is no such balancer")
	s.want(s.ctl("add", "shop", c, "loadfactor=2"), 0, "revision 2")
	s.want(s.ctl("members", "shop"), 0, c, "33%")
	s.want(s.ctl("remove", "shop", b, "-dry-run"), 0, "gone", "SHARE NOW")
	s.want(s.ctl("drain", "shop", b, "-wait"), 0, "revision 3")
	s.want(s.ctl("remove", "shop", b, "-wait"), 0, "revision 4")
	if got := s.ctl("members"); strings.Contains(got.out, b+" ") {
		t.Errorf("still there: %v", got)
	}
	seen := map[string]int{}
	for range 20 {
		_, body := s.get("/x")
		seen[body]++
	}
	if seen["a /x"] != 12 || seen["c /x"] != 8 {
		t.Errorf("served by %v", seen)
	}
	s.want(s.ctl("history", "-limit", "2"), 0, "4  ", "remove shop "+b)
	s.want(s.ctl("history", "-member", a), 0, `"new disk"`)
	s.want(s.ctl("undo", "4"), 0, "revision 5", "add shop "+b)
	s.want(s.ctl("undo", "4"), 2, "changed since")
	s.want(s.ctl("export"), 0, "<Proxy balancer://shop>", "BalancerMember "+c+" loadfactor=2", "revision 1 by 127.0.0.1, \"new disk\"")
	if got := s.ctl("members", "-json"); !json.Valid([]byte(got.out)) {
		t.Errorf("no JSON: %v", got)
	}
	s.want(s.ctl("token", "deploy"), 0, "deploy:")
	s.want(s.ctl("set", "shop"), 1, "usage: sallyport ctl set")
	s.want(s.ctl("jump"), 1, "there is no command", "there are balancers, members")
	s.want(s.ctl("membrs"), 1, "did you mean members?")
	s.want(s.ctl("recover", "shop", "a"), 1, "did you mean sallyport ctl do BALANCER MEMBER recover?")
	s.want(s.ctl("members", "-reasn", "x"), 1, "did you mean -reason?")
	s.want(s.ctl("remove", "shop", "a", "-timeout", "soon"), 1, "expected seconds")
	s.want(s.ctl("help", "undo"), 0, "undo REVISION")
	s.want(s.ctl("disable", "shop", a, c, "-dry-run"), 0, "shop "+a, "shop "+c, "REQ/S NOW")
	s.want(s.ctl("disable", "shop", a, "nobody"), 2, "has no member nobody")
	s.want(s.ctl("disable", "shop", a, c), 0, "revision 6", "set shop "+a, "set shop "+c)
	s.want(s.ctl("enable", "shop", c, a), 0, "revision 7")
	s.want(s.ctl("history", "attic"), 0, "nothing was changed")
	s.want(s.ctl("-h"), 0, "Examples:")
	s.want(sallyport(t, "ctl", "members", "-url", "http://127.0.0.1:"+freePort(t)+"/bm"), 3, "refused")
	s.want(sallyport(t, "ctl", "members", "-url", s.url("/elsewhere")), 3, "no JSON")
	f.stop()
	// In memory only: nothing was asked to be kept.
	f = s.serve()
	if got := s.ctl("members"); strings.Contains(got.out, c) {
		t.Errorf("kept without BalancerPersist: %v", got)
	}
	f.stop()
}

// TestMembersUnderTraffic: members come, change and go, and no request is lost.
func TestMembersUnderTraffic(t *testing.T) {
	s := newSite(t)
	first := backend(t, "m0")
	s.write("httpd.conf", managed+"<Proxy balancer://shop>\nBalancerMember "+first+"\n</Proxy>\nProxyPass / balancer://shop/\n")
	f := s.serve()
	var asked atomic.Int64
	var others sync.Map
	done := make(chan struct{})
	var clients sync.WaitGroup
	for i := range 4 {
		clients.Add(1)
		go func() {
			defer clients.Done()
			c := http.Client{Transport: &http.Transport{DisableKeepAlives: i == 0}, Timeout: 10 * time.Second}
			for {
				select {
				case <-done:
					return
				default:
				}
				res, err := c.Post(s.url("/x"), "text/plain", strings.NewReader("hello"))
				if err != nil {
					t.Errorf("a request was lost: %v", err)
					return
				}
				b, _ := io.ReadAll(res.Body)
				res.Body.Close()
				if res.StatusCode != 200 {
					t.Errorf("status %d %s", res.StatusCode, b)
					return
				}
				others.Store(strings.Fields(string(b))[0], true)
				asked.Add(1)
			}
		}()
	}
	for n := range 6 {
		name := fmt.Sprintf("n%d", n)
		url := backend(t, name)
		s.want(s.ctl("add", "shop", url), 0)
		f.until("its traffic", func() bool { _, ok := others.Load(name); return ok || t.Failed() })
		s.want(s.ctl("set", "shop", url, "loadfactor=2", "timeout=9", "max=3"), 0)
		s.want(s.ctl("set", "shop", []string{"lbmethod=bybusyness", "lbmethod=byrequests"}[n%2]), 0)
		if n%3 == 2 {
			f.reload(syscall.SIGUSR1)
		}
		s.want(s.ctl("remove", "shop", url, "-wait", "-idle", "0s"), 0)
	}
	before := asked.Load()
	f.until("traffic", func() bool { return asked.Load() > before+20 || t.Failed() })
	close(done)
	clients.Wait()
	f.stop()
}

// value is the balancer's timeout= as the server has it.
func (s *site) value() string {
	s.t.Helper()
	_, body := s.get("/bm/api/v1/balancers/shop")
	var a struct{ Parameters map[string]string }
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		s.t.Fatalf("%v: %s", err, body)
	}
	return a.Parameters["timeout"]
}

// TestEditsSurviveKill: whenever the server is killed, what it has confirmed is
// there afterwards, and nothing is half there.
func TestEditsSurviveKill(t *testing.T) {
	s := newSite(t)
	s.write("httpd.conf", managed+"BalancerPersist On\nBalancerPersistFile $ROOT/state/edits.conf\n<Proxy balancer://shop>\nBalancerMember "+backend(t, "a")+"\n</Proxy>\nProxyPass / balancer://shop/\n")
	confirmed, tried := 0, 0
	rounds := 0
	for end := time.Now().Add(8 * time.Second); time.Now().Before(end) && rounds < 25; rounds++ {
		f := s.serve()
		if rounds > 0 {
			var got int
			fmt.Sscan(s.value(), &got)
			if got != confirmed && got != tried {
				t.Fatalf("round %d: timeout=%d after the kill; %d was confirmed, %d asked for\n%s", rounds, got, confirmed, tried, s.read("state/edits.conf"))
			}
			confirmed = got
		}
		time.AfterFunc(time.Duration(rand.IntN(150))*time.Millisecond, func() { f.cmd.Process.Signal(syscall.SIGKILL) })
		c := http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}
		for {
			tried = confirmed + 1
			// Two parameters at once: both or none.
			body := fmt.Sprintf(`{"parameters":{"timeout":%d,"maxattempts":%d}}`, tried, tried)
			req, _ := http.NewRequest("PATCH", s.url("/bm/api/v1/balancers/shop"), strings.NewReader(body))
			req.Header.Set("Content-Type", "application/json")
			res, err := c.Do(req)
			if err != nil {
				break
			}
			io.Copy(io.Discard, res.Body)
			res.Body.Close()
			if res.StatusCode != 200 {
				t.Fatalf("status %d\n%s", res.StatusCode, s.read("error.log"))
			}
			confirmed = tried
		}
		<-f.exited
		os.Remove(s.path("httpd.pid"))
		if err := os.Truncate(s.path("error.log"), 0); err != nil {
			t.Fatal(err)
		}
	}
	if confirmed < rounds {
		t.Errorf("only %d edits in %d rounds", confirmed, rounds)
	}
	t.Logf("%d kills, %d edits", rounds, confirmed)
}

// TestFullDisk: an edit that can't be kept is refused and does not hold.
func TestFullDisk(t *testing.T) {
	s := newSite(t)
	s.write("state/x", "")
	if err := syscall.Mount("tmpfs", s.path("state"), "tmpfs", 0, "size=8k,mode=0777"); err != nil {
		t.Skipf("skipped: no small file system can be mounted: %v", err)
	}
	defer syscall.Unmount(s.path("state"), syscall.MNT_DETACH)
	s.write("httpd.conf", managed+"BalancerPersist On\nBalancerPersistFile $ROOT/state/edits.conf\n<Proxy balancer://shop>\nBalancerMember "+backend(t, "a")+"\n</Proxy>\nProxyPass / balancer://shop/\n")
	f := s.serve()
	s.want(s.ctl("set", "shop", "timeout=3"), 0)
	if err := os.WriteFile(s.path("state/full"), make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	before := s.read("state/edits.conf")
	s.want(s.ctl("set", "shop", "timeout=4"), 2, "edits are refused", "no space left on device")
	if s.value() != "3" || s.read("state/edits.conf") != before {
		t.Errorf("timeout=%s\n%s", s.value(), s.read("state/edits.conf"))
	}
	if left, _ := filepath.Glob(s.path("state/.*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	os.Remove(s.path("state/full"))
	s.want(s.ctl("set", "shop", "timeout=5"), 0)
	f.stop()
	f = s.serve()
	if s.value() != "5" {
		t.Errorf("after a restart: %s", s.value())
	}
	f.stop()
}

// TestEditsAsUser: the file of edits belongs to the user that the server becomes.
func TestEditsAsUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("skipped: only root can become somebody else")
	}
	if _, err := user.Lookup("nobody"); err != nil {
		t.Skip("skipped: no user nobody")
	}
	s := newSite(t)
	if err := os.Mkdir(s.path("logs"), 0o755); err != nil { // root's, as httpd wants it
		t.Fatal(err)
	}
	s.write("httpd.conf", managed+"User nobody\nGroup nogroup\nBalancerPersist On\n<Proxy balancer://shop>\nBalancerMember "+backend(t, "a")+"\n</Proxy>\nProxyPass / balancer://shop/\n")
	f := s.serve()
	s.want(s.ctl("set", "shop", "timeout=3"), 0)
	f.reload(syscall.SIGUSR1)
	s.want(s.ctl("set", "shop", "timeout=4"), 0)
	f.stop()
	if info, err := os.Stat(s.path("logs/sallyport/edits.conf")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	f = s.serve()
	if s.value() != "4" {
		t.Errorf("after a restart: %s", s.value())
	}
	s.want(s.ctl("set", "shop", "timeout=6"), 0)
	f.stop()
	s.write("logs/sallyport/edits.conf", "what is this\n")
	f = s.serve()
	if s.value() != "" || !strings.Contains(f.said(), "edits.conf: line 1: what has no place here") {
		t.Errorf("a damaged file: timeout=%q\n%s", s.value(), f.said())
	}
	s.want(s.ctl("set", "shop", "timeout=7"), 2, "edits.conf: line 1")
	f.stop()
}
