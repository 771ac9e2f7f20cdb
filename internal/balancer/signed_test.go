package balancer_test

import (
	"strings"
	"testing"
	"time"

	"sallyport/internal/balancer"
	"sallyport/internal/live"
)

// TestSigner: the balancer's own cookie leads back to its member, nobody
// else's does, and it is renewed when half its time is over.
func TestSigner(t *testing.T) {
	sign := &balancer.Signer{Name: "SP", Secret: []byte("0123456789abcdef"), TTL: time.Hour}
	b := signing(sign, 5)
	now := start
	var p balancer.Pick
	elect := func(cookie string) (url, set string) {
		p.Reset()
		if b.Elect(now, balancer.Request{URL: "/", Cookie: cookie}, &p).Refused() {
			t.Fatal("refused")
		}
		set = p.SetCookie(now, true)
		b.Done(&p, good, now)
		b.Release(&p)
		return p.Member.URL(), set
	}
	elect("")
	url, set := elect("")
	cookie, rest, _ := strings.Cut(set, ";")
	if want := " Path=/; HttpOnly; SameSite=Lax; Secure"; rest != want {
		t.Errorf("attributes %q, want %q", rest, want)
	}
	for range 3 {
		if u, s := elect("x=y; " + cookie); u != url || s != "" {
			t.Errorf("got %s and cookie %q, want %s and none", u, s, url)
		}
	}
	value := strings.TrimPrefix(cookie, "SP=")
	seen := map[string]bool{}
	for range 10 {
		for i, bad := range []string{"", "x", value[:len(value)-1], value + "A", value[:10] + "A" + value[11:], strings.ToLower(value)} {
			if bad == value {
				continue
			}
			u, s := elect("SP=" + bad)
			if seen[u] = true; s == "" {
				t.Errorf("case %d: a cookie that is not ours is believed", i)
			}
		}
	}
	if len(seen) < 5 {
		t.Errorf("forged cookies reach only %v", seen)
	}
	other := signing(&balancer.Signer{Name: "SP", Secret: []byte("another secret..."), TTL: time.Hour}, 5)
	var q balancer.Pick
	if other.Elect(now, balancer.Request{URL: "/", Cookie: cookie}, &q); q.SetCookie(now, false) == "" {
		t.Error("a cookie of another secret is believed")
	}
	now = now.Add(31 * time.Minute)
	u, s := elect(cookie)
	if u != url || s == "" {
		t.Errorf("after half its time: %s and %q, want %s and a new cookie", u, s, url)
	}
	now = start.Add(61 * time.Minute)
	for range 2 { // two in a row by turns can not both be the old member
		if _, s = elect(cookie); s == "" {
			t.Error("believed beyond its time")
		}
	}
}

func signing(sign *balancer.Signer, n int) *balancer.Balancer {
	reg := live.NewRegistry()
	key := live.BalancerKey{Name: "x"}
	d := reg.Begin()
	var members []*balancer.Member
	for i := range n {
		w := d.Worker(live.WorkerKey{Balancer: key, URL: "http://m" + string(rune('0'+i))}, live.Configured{})
		members = append(members, &balancer.Member{Worker: w, Retry: time.Minute})
	}
	b := balancer.New("balancer://x", d.Balancer(key),
		balancer.Config{Method: methods("byrequests"), MaxAttempts: -1, Signer: sign}, members)
	d.Commit()
	return b
}

// TestHashMoves: when one of ten members goes, hardly any key but its own
// moves; shares follow the factors.
func TestHashMoves(t *testing.T) {
	b := many("byhash", 10, false, 100, 200)
	var p balancer.Pick
	where := func() []string {
		var out []string
		for k := range 2000 {
			p.Reset()
			b.Elect(start, balancer.Request{URL: "/", Key: balancer.Mix(uint64(k)), HasKey: true}, &p)
			b.Release(&p)
			out = append(out, p.Member.URL())
		}
		return out
	}
	before := where()
	share := map[string]int{}
	for _, u := range before {
		share[u]++
	}
	for i, m := range b.Members() {
		want := 2000 / 15 * (1 + i%2)
		if n := share[m.URL()]; n < want*2/3 || n > want*3/2 {
			t.Errorf("%s has %d keys, want about %d", m.URL(), n, want)
		}
	}
	gone := b.Members()[3].Worker
	gone.Balancer().Lock()
	gone.ProbeFailed()
	gone.Balancer().Unlock()
	for i, u := range where() {
		if u != before[i] && before[i] != gone.Key().URL {
			t.Fatalf("key %d moved from %s to %s", i, before[i], u)
		}
	}
	gone.Balancer().Lock()
	gone.ProbePassed()
	gone.Balancer().Unlock()
	for i, u := range where() {
		if u != before[i] {
			t.Fatalf("key %d did not come back to %s", i, before[i])
		}
	}
}
