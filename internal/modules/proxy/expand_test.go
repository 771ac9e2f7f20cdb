package proxy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport/internal/backend/pool"
	"sallyport/internal/balancer"
	"sallyport/internal/live"
	"sallyport/internal/resolve"
	"sallyport/internal/watch"
)

// TestExpand: every address of a name is a member, members come and go with
// the addresses, keep their counters, and are sent the name as Host.
func TestExpand(t *testing.T) {
	hosts := filepath.Join(t.TempDir(), "hosts")
	w, err := watch.New()
	if err != nil {
		t.Fatal(err)
	}
	pools := pool.NewRegistry(w)
	pools.Names.Close()
	pools.Names = resolve.NewFrom(filepath.Join(t.TempDir(), "none"), hosts)
	reg := live.NewRegistry()
	t.Cleanup(func() { pools.Close(); w.Close() })
	names := func(lines ...string) {
		t.Helper()
		os.WriteFile(hosts, []byte(strings.Join(lines, "\n")+"\n"), 0o666)
		os.Chtimes(hosts, time.Time{}, time.Now().Add(time.Duration(len(lines))*time.Second))
	}
	start := func() (*stage, *balancer.Balancer) {
		s, _ := buildOn(t, `
<Proxy balancer://cl>
  BalancerMember http://app.test:81 expand=on
  BalancerMember http://fixed:82
</Proxy>
ProxyPass / balancer://cl/
`, func(h *house) { h.pools, h.live = pools, reg })
		for _, o := range s.b.Openings {
			o.Ready()
			t.Cleanup(o.Close)
		}
		return s, s.house.rosters[0].balancer
	}
	names("127.0.0.1 app.test", "127.0.0.2 app.test")
	s, b := start()
	members := func(want ...string) {
		t.Helper()
		var got []string
		for range 200 {
			got = got[:0]
			for _, m := range b.Members() {
				got = append(got, m.Host())
			}
			if strings.Join(got, " ") == strings.Join(want, " ") {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
		t.Fatalf("members %v, want %v", got, want)
	}
	members("127.0.0.1:81", "127.0.0.2:81", "fixed:82")
	p := s.place(0)
	for range 3 {
		s.run(p, "GET", "/x")
	}
	for _, text := range s.remote.sent[:2] {
		if !strings.Contains(text, "Host: app.test:81") {
			t.Errorf("sent %q", text)
		}
	}
	names("127.0.0.2 app.test", "127.0.0.3 app.test", "# other")
	pools.Names.Doubt("app.test:81")
	pools.Names.Tend()
	members("127.0.0.2:81", "127.0.0.3:81", "fixed:82")
	if n := b.Members()[0].Worker.Elected(); n != 1 {
		t.Errorf("who stayed was elected %d times, want 1", n)
	}
	// A reload finds them again at once, with their counts.
	_, b = start()
	members("127.0.0.2:81", "127.0.0.3:81", "fixed:82")
	if n := b.Members()[0].Worker.Elected(); n != 1 {
		t.Errorf("after a reload who stayed was elected %d times, want 1", n)
	}
}
