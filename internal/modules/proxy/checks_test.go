package proxy

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/internal/cluster"
	"sallyport/internal/health/checker"
	"sallyport/internal/live"
)

// checkedBackend answers health checks and remembers their first lines.
type checkedBackend struct {
	addr string

	mu     sync.Mutex
	status int
	lines  map[string]int
}

func newCheckedBackend(t *testing.T) *checkedBackend {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &checkedBackend{addr: ln.Addr().String(), status: 200, lines: map[string]int{}}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			buf := make([]byte, 4096)
			n, _ := c.Read(buf)
			line, _, _ := strings.Cut(string(buf[:n]), "\r\n")
			b.mu.Lock()
			b.lines[line]++
			fmt.Fprintf(c, "HTTP/1.0 %d x\r\n\r\n", b.status)
			b.mu.Unlock()
			c.Close()
		}
	}()
	return b
}

func (b *checkedBackend) answer(status int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status = status
}

func (b *checkedBackend) count(line string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lines[line]
}

// eventually waits for something that must come true.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// TestChecksFollowEdits: members added, changed and removed while the server
// runs are checked, checked otherwise, and checked no more.
func TestChecksFollowEdits(t *testing.T) {
	a, b := newCheckedBackend(t), newCheckedBackend(t)
	c := checker.New()
	defer c.Stop()
	text := `
<Proxy balancer://cl>
  BalancerMember http://` + a.addr + ` hcmethod=GET hcinterval=100ms hcuri=/one
</Proxy>
ProxyPass / balancer://cl/
`
	d := openDesk(t, "", c)
	d.reload(t, text)
	worker := func(addr string) *live.Worker {
		return d.reg.Worker(live.WorkerKey{Balancer: cl, URL: "http://" + addr})
	}
	eventually(t, "a is checked", func() bool { return a.count("GET /one HTTP/1.0") > 2 })

	d.propose(t, change("http://"+a.addr, "hcuri=/two", "hcmethod=HEAD11"))
	eventually(t, "a is asked otherwise", func() bool { return a.count("HEAD /two HTTP/1.1") > 2 })
	before := a.count("GET /one HTTP/1.0")

	d.propose(t, cluster.Edit{Verb: cluster.Add, Balancer: cl, Member: "http://" + b.addr, Params: []cluster.Param{
		{Name: "hcmethod", Value: "GET"}, {Name: "hcinterval", Value: "100ms"}}})
	eventually(t, "b is checked", func() bool { return b.count("GET / HTTP/1.0") > 2 })
	b.answer(503)
	eventually(t, "b is out", func() bool { return !worker(b.addr).Usable() })
	last, _, failed := worker(b.addr).Checks()
	if len(last) == 0 || last[0].Reason != "status 503" || last[0].Status != 503 || failed == 0 {
		t.Errorf("%d failed: %+v", failed, last)
	}

	// An operator's word about the flag holds until the checks have spoken.
	d.propose(t, change("http://"+b.addr, "hcmethod=NONE"))
	d.propose(t, change("http://"+b.addr, "status.C=Off"))
	if !worker(b.addr).Usable() {
		t.Error("the flag is not cleared")
	}
	d.propose(t, change("http://"+b.addr, "status.C=On"))
	if worker(b.addr).Usable() {
		t.Error("the flag is not set")
	}
	b.answer(200)
	d.propose(t, change("http://"+b.addr, "hcmethod=GET"))
	eventually(t, "b is back", func() bool { return worker(b.addr).Usable() })

	// A reload keeps the edits, and with them the checks.
	b.answer(503)
	eventually(t, "b is out again", func() bool { return !worker(b.addr).Usable() })
	d.reload(t, text)
	if worker(b.addr).Usable() {
		t.Error("after the reload b is up")
	}
	n := b.count("GET / HTTP/1.0")
	eventually(t, "b is checked after the reload", func() bool { return b.count("GET / HTTP/1.0") > n+1 })
	if got := a.count("GET /one HTTP/1.0"); got > before+1 {
		t.Errorf("a was asked the old way %d times more", got-before)
	}

	d.propose(t, cluster.Edit{Verb: cluster.Remove, Balancer: cl, Member: "http://" + b.addr})
	eventually(t, "b is gone", func() bool { return c.Len() == 1 })
	d.reload(t, "")
	if c.Len() != 0 {
		t.Errorf("%d members are checked by an empty configuration", c.Len())
	}
}
