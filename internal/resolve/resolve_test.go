package resolve

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// nameServer answers from records that a test changes as it goes.
type nameServer struct {
	mu      sync.Mutex
	records map[string][]string // "name TYPE": records as zone files write them
	rcode   int
	asked   atomic.Int64
	small   atomic.Bool // truncate UDP answers
}

func (n *nameServer) set(key string, rrs ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.records[key] = rrs
}

func (n *nameServer) fail(rcode int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.rcode = rcode
}

func (n *nameServer) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked.Add(1)
	m := new(dns.Msg).SetReply(q)
	name, kind := strings.ToLower(q.Question[0].Name), dns.TypeToString[q.Question[0].Qtype]
	known := false
	for k := range n.records {
		known = known || strings.HasPrefix(k, name+" ")
	}
	_, udp := w.RemoteAddr().(*net.UDPAddr)
	switch {
	case n.rcode != 0:
		m.Rcode = n.rcode
	case !known:
		m.Rcode = dns.RcodeNameError
	case n.small.Load() && udp:
		m.Truncated = true
	default:
		for _, text := range n.records[name+" "+kind] {
			rr, err := dns.NewRR(text)
			if err != nil {
				panic(err)
			}
			m.Answer = append(m.Answer, rr)
		}
	}
	w.WriteMsg(m)
}

// rig is a name server, a resolver that asks it, and a clock.
func rig(t *testing.T) (*nameServer, *Resolver, *clock) {
	t.Helper()
	n := &nameServer{records: map[string][]string{}}
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := pc.LocalAddr().(*net.UDPAddr).Port
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		t.Skip("the port is taken for TCP: ", err)
	}
	u, s := &dns.Server{PacketConn: pc, Handler: n}, &dns.Server{Listener: l, Handler: n}
	go u.ActivateAndServe()
	go s.ActivateAndServe()
	dir := t.TempDir()
	c := &client{files: [2]string{filepath.Join(dir, "resolv.conf"), filepath.Join(dir, "hosts")}}
	os.WriteFile(c.files[0], []byte("nameserver 127.0.0.1\nsearch corp.test\noptions timeout:1 attempts:1\n"), 0o666)
	os.WriteFile(c.files[1], []byte("# names\n127.0.0.9 here.test Here2 # both\n::1 here.test\nnonsense\n"), 0o666)
	c.load()
	c.conf.Port = strings.TrimPrefix(l.Addr().String(), "127.0.0.1:")
	k := &clock{now: time.Unix(1e9, 0)}
	r := newResolver(c.lookup, k.Now)
	t.Cleanup(func() { r.Close(); u.Shutdown(); s.Shutdown() })
	return n, r, k
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	c.now = c.now.Add(d)
	c.mu.Unlock()
}

// settle waits for the look-ups under way.
func settle(r *Resolver) {
	for {
		r.mu.Lock()
		var wait chan struct{}
		for _, e := range r.names {
			if e.asking != nil {
				wait = e.asking
			}
		}
		r.mu.Unlock()
		if wait == nil {
			return
		}
		<-wait
	}
}

func want(t *testing.T, r *Resolver, name string, addrs ...string) {
	t.Helper()
	got, err := r.Dial(name)
	if err != nil || !slices.Equal(got, addrs) {
		t.Errorf("%s: %v %v, want %v", name, got, err, addrs)
	}
}

// TestTTL: an answer holds for its time; the new one comes in the background,
// the old one is given meanwhile.
func TestTTL(t *testing.T) {
	n, r, k := rig(t)
	n.set("app.test. A", "app.test. 5 IN A 127.0.0.2", "app.test. 5 IN A 127.0.0.1")
	n.set("app.test. AAAA", "app.test. 60 IN AAAA ::1")
	want(t, r, "App.test:8080", "127.0.0.1:8080", "127.0.0.2:8080", "[::1]:8080")
	n.set("app.test. A", "app.test. 5 IN A 127.0.0.3")
	asked := n.asked.Load()
	k.pass(4 * time.Second)
	r.Tend()
	settle(r)
	if n.asked.Load() != asked {
		t.Error("asked before the time was over")
	}
	want(t, r, "app.test:8080", "127.0.0.1:8080", "127.0.0.2:8080", "[::1]:8080")
	k.pass(2 * time.Second)
	r.Tend()
	settle(r)
	want(t, r, "app.test:8080", "127.0.0.3:8080", "[::1]:8080")
	if n.asked.Load() != asked+2 {
		t.Errorf("asked %d times, want 2", n.asked.Load()-asked)
	}
}

// TestLastGood: a server that fails, or a name that vanishes, changes nothing.
func TestLastGood(t *testing.T) {
	n, r, k := rig(t)
	n.set("app.test. A", "app.test. 1 IN A 127.0.0.1")
	want(t, r, "app.test:80", "127.0.0.1:80")
	for _, rcode := range []int{dns.RcodeServerFailure, dns.RcodeNameError, dns.RcodeRefused} {
		n.fail(rcode)
		k.pass(time.Minute)
		r.Tend()
		settle(r)
		want(t, r, "app.test:80", "127.0.0.1:80")
	}
	n.fail(0)
	n.set("app.test. A", "app.test. 1 IN A 127.0.0.7")
	k.pass(time.Minute)
	r.Tend()
	settle(r)
	want(t, r, "app.test:80", "127.0.0.7:80")
}

// TestUnknown: a name that does not exist fails, is not asked for again at
// once, and works when it has come.
func TestUnknown(t *testing.T) {
	n, r, k := rig(t)
	if _, err := r.Dial("no.test:80"); err == nil {
		t.Error("no error")
	}
	asked := n.asked.Load()
	if _, err := r.Dial("no.test:80"); err == nil || n.asked.Load() != asked {
		t.Error("asked again at once")
	}
	n.set("no.test. A", "no.test. 1 IN A 127.0.0.1")
	k.pass(2 * time.Second)
	want(t, r, "no.test:80", "127.0.0.1:80")
}

// TestWays: literals, /etc/hosts, search lists, aliases, answers too large for
// UDP.
func TestWays(t *testing.T) {
	n, r, _ := rig(t)
	want(t, r, "127.0.0.5:80", "127.0.0.5:80")
	want(t, r, "[::1]:80", "[::1]:80")
	want(t, r, "here.test:80", "127.0.0.9:80", "[::1]:80")
	want(t, r, "here2:80", "127.0.0.9:80")
	if n.asked.Load() != 0 {
		t.Errorf("%d questions for names that are in the files", n.asked.Load())
	}
	n.set("db.corp.test. A", "db.corp.test. 9 IN A 127.0.0.4")
	want(t, r, "db:80", "127.0.0.4:80")
	n.set("www.test. A", "www.test. 9 IN CNAME x.test.", "x.test. 9 IN A 127.0.0.6")
	n.small.Store(true)
	want(t, r, "www.test:80", "127.0.0.6:80")
}

// TestWatch: changes are told, once each, and losses are not.
func TestWatch(t *testing.T) {
	n, r, k := rig(t)
	n.set("_http._tcp.app.test. SRV", "_http._tcp.app.test. 2 IN SRV 1 0 8001 a.test.", "_http._tcp.app.test. 2 IN SRV 9 0 8009 z.test.")
	n.set("a.test. A", "a.test. 2 IN A 127.0.0.1")
	n.set("b.test. A", "b.test. 2 IN A 127.0.0.2")
	told := make(chan []netip.AddrPort, 8)
	stop := r.Watch(Name{Host: "_http._tcp.app.test", SRV: true}, func(a []netip.AddrPort) { told <- a })
	is := func(want ...string) {
		t.Helper()
		settle(r)
		if len(want) == 0 {
			if len(told) > 0 {
				t.Errorf("told %v", <-told)
			}
			return
		}
		got := <-told
		for i := range want {
			if len(got) != len(want) || got[i].String() != want[i] {
				t.Errorf("told %v, want %v", got, want)
				return
			}
		}
	}
	is("127.0.0.1:8001")
	step := func() { k.pass(time.Minute); r.Tend() }
	step()
	is()
	n.set("_http._tcp.app.test. SRV", "_http._tcp.app.test. 2 IN SRV 1 0 8001 a.test.", "_http._tcp.app.test. 2 IN SRV 1 0 8002 b.test.")
	step()
	is("127.0.0.1:8001", "127.0.0.2:8002")
	n.fail(dns.RcodeServerFailure)
	step()
	is()
	n.fail(0)
	stop()
	n.set("_http._tcp.app.test. SRV", "_http._tcp.app.test. 2 IN SRV 1 0 8002 b.test.")
	step()
	is()
}
