package proxy

import (
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sallyport/internal/backend"
	"sallyport/internal/balancer"
	"sallyport/internal/exchange"
	"sallyport/internal/exchange/exchangetest"
	"sallyport/internal/fault"
	"sallyport/internal/message"
	"sallyport/internal/modules/lbmethod_byhash"
	"sallyport/internal/modules/lbmethod_byrequests"
	"sallyport/internal/modules/lbmethod_leastconn"
)

// allMethods are those the room's tests use.
func allMethods() map[string]func() balancer.Method {
	m := map[string]func() balancer.Method{}
	maps.Copy(m, lbmethod_byrequests.Room.Methods)
	maps.Copy(m, lbmethod_leastconn.Room.Methods)
	maps.Copy(m, lbmethod_byhash.Room.Methods)
	return m
}

const three = `
<Proxy balancer://cl>
  BalancerMember http://a:1
  BalancerMember http://b:1
  BalancerMember http://c:1
  ProxySet %
</Proxy>
ProxyPass / balancer://cl/
# %{BALANCER_ATTEMPTS}e %{BALANCER_CANDIDATES}e
`

func with(settings string) string { return strings.Replace(three, "%", settings, 1) }

// who is the member each request so far was sent to.
func (r *remote) who() string {
	s := ""
	for _, t := range r.sent {
		_, name, _ := strings.Cut(t, " @http://")
		s += name[:1]
	}
	return s
}

// TestKey: byhash sends requests of one key to one member, whatever else
// differs.
func TestKey(t *testing.T) {
	for _, c := range []struct {
		key  string
		same []string // header lines of requests that belong together
	}{
		{"key=%{X-Tenant}i", []string{"X-Tenant: one", "X-Tenant: two", "X-Tenant: three", "X-Tenant: four"}},
		{"key=%{sid}C", []string{"Cookie: a=b; sid=one", "Cookie: sid=two", "Cookie: sid=three; x=y"}},
		{"key=%U-%{X}i", []string{"X: 1", "X: 2", "X: 3"}},
	} {
		s, _ := build(t, with("lbmethod=byhash "+c.key))
		p := s.place(0)
		seen := map[string]bool{}
		for _, line := range c.same {
			s.remote.sent = nil
			for range 4 {
				s.run(p, "GET", "/x?n=1", line)
			}
			who := s.remote.who()
			if who != strings.Repeat(who[:1], 4) {
				t.Errorf("%s, %q: went to %s", c.key, line, who)
			}
			seen[who] = true
		}
		if len(seen) == 1 {
			t.Errorf("%s: all keys lead to one member", c.key)
		}
		s.remote.sent = nil
		for range 8 {
			s.run(p, "GET", "/x")
		}
		if who := s.remote.who(); c.key != "key=%U-%{X}i" && who == strings.Repeat(who[:1], 8) {
			t.Errorf("%s: requests without a key do not take turns: %s", c.key, who)
		}
	}
}

// TestRetries: a safe request goes to another member after a broken reply, one
// that is not safe does not, and the log can tell.
func TestRetries(t *testing.T) {
	s, _ := build(t, with("retries=2"))
	p := s.place(0)
	s.remote.answer = func(w *backend.Worker, _ *backend.Request, _ *message.Response) *fault.Fault {
		if w.Name == "http://a:1" {
			return &fault.Fault{Kind: fault.ClosedEarly}
		}
		return nil
	}
	x, rec, _ := s.run(p, "GET", "/x")
	if rec.Head.Status != 200 || s.remote.who() != "ab" {
		t.Errorf("GET: status %d from %s, want 200 from ab", rec.Head.Status, s.remote.who())
	}
	if v := x.Getenv("BALANCER_ATTEMPTS"); !strings.HasPrefix(v, "a:1=closed_early/") || !strings.Contains(v, " b:1=200/") {
		t.Errorf("attempts: %q", v)
	}
	if v := x.Getenv("BALANCER_CANDIDATES"); v != "a:1=tried b:1=candidate c:1=candidate" {
		t.Errorf("candidates: %q", v)
	}
	for range 3 {
		s.remote.sent = nil
		_, _, v := s.run(p, "POST", "/x")
		if who := s.remote.who(); (v == exchange.Status(502)) != (who == "a") || len(who) != 1 {
			t.Errorf("POST: verdict %d from %s", v, who)
		}
	}
}

// TestStickyCookie: the balancer's own cookie brings a client back.
func TestStickyCookie(t *testing.T) {
	s, _ := build(t, with("stickycookie=SP stickyttl=1h"))
	p := s.place(0)
	_, rec, _ := s.run(p, "GET", "/x")
	set := rec.Head.Header.Get("Set-Cookie")
	cookie, _, _ := strings.Cut(set, ";")
	if !strings.HasPrefix(set, "SP=") || !strings.Contains(set, "HttpOnly; SameSite=Lax") || strings.Contains(set, "Secure") {
		t.Fatalf("Set-Cookie %q", set)
	}
	s.remote.sent = nil
	for range 3 {
		if _, rec, _ = s.run(p, "GET", "/x", "Cookie: "+cookie); rec.Head.Header.Get("Set-Cookie") != "" {
			t.Error("set again")
		}
	}
	if who := s.remote.who(); who != "aaa" {
		t.Errorf("went to %s", who)
	}
}

// TestQueue: at maxconn requests wait in line, one too many is refused with a
// time to come back, and one whose client leaves is forgotten.
func TestQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := build(t, `
<Proxy balancer://cl>
  BalancerMember http://a:1 maxconn=1
  ProxySet queue=2 timeout=5
</Proxy>
ProxyPass / balancer://cl/
`)
		p := s.place(0)
		first := make(chan struct{})
		var mu sync.Mutex
		var order []string
		s.remote.answer = func(_ *backend.Worker, r *backend.Request, _ *message.Response) *fault.Fault {
			if r.Path == "/first" {
				<-first
			}
			mu.Lock()
			order = append(order, r.Path)
			mu.Unlock()
			return nil
		}
		var all sync.WaitGroup
		ask := func(path string, left chan struct{}) *exchange.Verdict {
			v := new(exchange.Verdict)
			x, rec := exchangetest.NewExchange("GET", path)
			rec.Left = left
			x.Server, x.Place = p.Server, p
			all.Go(func() { *v = s.phases(x) })
			synctest.Wait()
			if left != nil {
				close(left)
				rec.Blocked.Wake()
				synctest.Wait()
			}
			return v
		}
		ask("/first", nil)
		gone := ask("/gone", make(chan struct{}))
		if *gone != exchange.Done {
			t.Errorf("whose client left ended with %d", *gone)
		}
		second, third := ask("/second", nil), ask("/third", nil)
		x, _ := exchangetest.NewExchange("GET", "/fourth")
		x.Server, x.Place = p.Server, p
		if v := s.phases(x); v != exchange.Status(503) || x.Always.Get("Retry-After") != "5" {
			t.Errorf("one too many: %d, Retry-After %q", v, x.Always.Get("Retry-After"))
		}
		close(first)
		all.Wait()
		if got := strings.Join(order, " "); got != "/first /second /third" {
			t.Errorf("served %s", got)
		}
		if *second != exchange.Done || *third != exchange.Done {
			t.Errorf("who waited ended with %d and %d", *second, *third)
		}
		// Nobody leaves the member: the wait ends with timeout=.
		first = make(chan struct{})
		ask("/first", nil)
		began := time.Now()
		late := ask("/late", nil)
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if *late != exchange.Status(503) || time.Since(began) < 5*time.Second {
			t.Errorf("who waited in vain: %d", *late)
		}
		close(first)
		all.Wait()
	})
}
