package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"sallyport/internal/cluster"
	"sallyport/internal/live"
)

// same compares what holds. Which balancer was touched last counts only for
// this process.
func same(a, b *cluster.Overlay) bool {
	bare := func(o *cluster.Overlay) *cluster.Overlay {
		c := &cluster.Overlay{Revision: o.Revision, Balancers: map[live.BalancerKey]*cluster.Balancer{}}
		for key, b := range o.Balancers {
			copied := *b
			copied.Last = 0
			c.Balancers[key] = &copied
		}
		return c
	}
	return reflect.DeepEqual(bare(a), bare(b))
}

// some makes a change at random: odd texts, several servers, all verbs.
func some(rnd *rand.Rand, n int) cluster.Change {
	pick := func(list ...string) string { return list[rnd.IntN(len(list))] }
	c := cluster.Change{
		At: time.Unix(int64(1e9+n), int64(rnd.IntN(1e9))).UTC(),
		By: cluster.By{User: pick("", "anna", `o"brien \ x`, "üñ"), Client: pick("", "10.0.0.7", "::1"), Reason: pick("", "disk", `a "b" # <c> \`)},
	}
	for range 1 + rnd.IntN(3) {
		e := cluster.Edit{
			Balancer: live.BalancerKey{Server: pick("", "", "shop.test *:80", `x "y"`), Name: pick("a", "b", "c d")},
			Member:   pick("", "http://h:1", "unix:/a b/s|http://h", "http://[::1]:2/p"),
			Verb:     cluster.Verb(pick("set", "set", "add", "remove", "settle", "zero")),
		}
		if e.Member == "" {
			e.Verb = cluster.Set
		}
		if e.Verb == cluster.Set || e.Verb == cluster.Add {
			for _, name := range []string{"route", "status.D", "status.N", "loadfactor", "hcheader"} {
				if rnd.IntN(2) == 0 {
					continue
				}
				p := cluster.Param{Name: name, Value: pick("", "1", "a b", `"`, `\`, "a=b"), Back: rnd.IntN(4) == 0}
				if name == "hcheader" {
					p.Value = pick("A: 1", "A: 1\nB: \"2\"", "A: 1\n\nB: 2")
				}
				if strings.HasPrefix(name, "status.") {
					p.Value = pick("On", "Off")
				}
				if rnd.IntN(2) == 0 {
					p.Base = cluster.Some(pick("", "x y", "7", "x\ny"))
				}
				e.Params = append(e.Params, p)
			}
		}
		c.Edits = append(c.Edits, e)
	}
	return c
}

// TestFormat: what is written is read back, whatever was edited.
func TestFormat(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		log := cluster.NewLog(cluster.State{}, nil)
		for n := range 12 {
			if _, err := log.Propose(context.Background(), cluster.Revision(n), some(rnd, n)); err != nil {
				t.Fatal(err)
			}
		}
		text := print(log.State())
		got, err := parse(text)
		if err != nil {
			t.Fatalf("seed %d: %v in\n%s", seed, err, text)
		}
		if again := print(got); !bytes.Equal(again, text) {
			t.Fatalf("seed %d: read and written again:\n%s\nwas\n%s", seed, again, text)
		}
		if !same(got.Overlay, log.State().Overlay) {
			t.Fatalf("seed %d: another overlay:\n%s", seed, text)
		}
	}
}

// TestReadable shows the file to whoever changes its form.
func TestReadable(t *testing.T) {
	log := cluster.NewLog(cluster.State{}, nil)
	at := time.Date(2026, 11, 22, 22, 20, 11, 0, time.UTC)
	by := cluster.By{User: "anna", Client: "10.0.0.7", Reason: "new rack"}
	shop := live.BalancerKey{Name: "shop"}
	log.Propose(context.Background(), 0, cluster.Change{At: at, By: by, Edits: []cluster.Edit{
		{Verb: cluster.Set, Balancer: shop, Member: "http://10.0.0.4:8080", Params: []cluster.Param{
			{Name: "loadfactor", Value: "2", Base: cluster.Some("1")}, {Name: "status.D", Value: "On", Base: cluster.Some("Off")}}},
		{Verb: cluster.Add, Balancer: shop, Member: "http://10.0.0.9:8080", Params: []cluster.Param{{Name: "route", Value: "i"}}},
		{Verb: cluster.Set, Balancer: shop, Params: []cluster.Param{{Name: "lbmethod", Value: "bybusyness"}}},
	}})
	log.Propose(context.Background(), 1, cluster.Change{At: at, Edits: []cluster.Edit{{Verb: cluster.Remove, Balancer: shop, Member: "http://10.0.0.5:8080"}}})
	text := string(print(log.State()))
	want := `
<Proxy balancer://shop>
    #: 1 2026-11-22T22:20:11Z user=anna client=10.0.0.7 "reason=new rack"
    #: was lbmethod
    ProxySet lbmethod=bybusyness
    #: 1 2026-11-22T22:20:11Z user=anna client=10.0.0.7 "reason=new rack"
    #: was loadfactor=1 status.D=Off
    BalancerMember http://10.0.0.4:8080 loadfactor=2 status=+D
    #: 2 2026-11-22T22:20:11Z removed
    BalancerMember http://10.0.0.5:8080
    #: 1 2026-11-22T22:20:11Z user=anna client=10.0.0.7 "reason=new rack" added
    #: was route
    BalancerMember http://10.0.0.9:8080 route=i
</Proxy>
`
	if !strings.Contains(text, want) {
		t.Errorf("the file is\n%s", text)
	}
}

// TestDamage: a file that lost or changed any part of itself is never taken for
// whole, unless its sum was removed and the rest makes sense.
func TestDamage(t *testing.T) {
	log := cluster.NewLog(cluster.State{}, nil)
	rnd := rand.New(rand.NewPCG(1, 1))
	for n := range 8 {
		log.Propose(context.Background(), cluster.Revision(n), some(rnd, n))
	}
	text := print(log.State())
	for at := range len(text) - 1 {
		if _, err := parse(text[:at]); err == nil && text[at-1] != '\n' {
			t.Fatalf("cut at %d it is taken for whole:\n%s", at, text[:at])
		}
		bad := bytes.Clone(text)
		bad[at] ^= 1 << rnd.IntN(8)
		if s, err := parse(bad); err == nil && !same(s.Overlay, log.State().Overlay) {
			t.Fatalf("a changed byte at %d goes unnoticed", at)
		}
	}
	for name, c := range map[string]struct{ text, want string }{
		"empty":          {"", "line 1: the file was cut short"},
		"something else": {"Listen 80\n", "line 1: Listen has no place here"},
		"no heading":     {"# hello\n", "this is no file of edits"},
		"no author":      {format + "1\n<Proxy balancer://a>\nProxySet timeout=3\n</Proxy>\n", "line 3: ProxySet has no place here; expected a line with revision and time above it"},
		"open":           {format + "1\n<Proxy balancer://a>\n", "line 2: a section is not closed"},
		"no parameter":   {format + "1\n<Proxy balancer://a>\n#: 1 2026-11-22T22:20:11Z\nProxySet timeout\n</Proxy>\n", "line 4: timeout is no parameter"},
		"future":         {format + "1\n<Proxy balancer://a>\n#: 2 2026-11-22T22:20:11Z\nProxySet timeout=1\n</Proxy>\n", "line 3: revision or time is malformed"},
		"another":        {format + "1\n<Location /x>\n", "line 2: <Location /x> has no place here"},
	} {
		if _, err := parse([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// By hand: the last line removed, a value changed.
	cut := text[:bytes.LastIndex(text, []byte(sumLine))]
	if _, err := parse(cut); err != nil {
		t.Errorf("without its sum: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(format + "3\n<Proxy balancer://a>\n#: 1 2026-11-22T22:20:11Z user=a added\n#: was a=b c\nBalancerMember http://h a=d status=+D\n</Proxy>\n#- {\"Revision\":3}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := parse(text)
		if err != nil {
			return
		}
		once := print(s)
		again, err := parse(once)
		if err != nil {
			t.Fatalf("what was read can't be read again: %v\n%s", err, once)
		}
		if !bytes.Equal(print(again), once) {
			t.Fatal("it comes back another")
		}
	})
}

func change(n int) cluster.Change {
	return cluster.Change{At: time.Unix(int64(n), 0).UTC(), Edits: []cluster.Edit{{Verb: cluster.Set, Balancer: live.BalancerKey{Name: "a"},
		Params: []cluster.Param{{Name: "timeout", Value: fmt.Sprint(n + 1)}}}}}
}

// TestStore: kept, found again, not overwritten when somebody else was there,
// and refused as a whole where it can't be kept.
func TestStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "edits.conf")
	s, err := Open(path, Owner{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Propose(context.Background(), 0, change(0)); err == nil {
		t.Fatal("kept in a directory that is not there")
	}
	if s.State().Overlay.Rev() != 0 {
		t.Fatal("a refused change holds")
	}
	if err := s.Prepare(); err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		if _, err := s.Propose(context.Background(), cluster.Revision(n), change(n)); err != nil {
			t.Fatal(err)
		}
	}
	again, err := Open(path, Owner{})
	if err != nil || !same(again.State().Overlay, s.State().Overlay) || len(again.State().History) != 3 {
		t.Fatalf("%v: %+v", err, again)
	}
	var stale *cluster.Stale
	if _, err := s.Propose(context.Background(), 1, change(9)); !errors.As(err, &stale) || stale.Head != 3 {
		t.Errorf("at an old revision: %v", err)
	}
	if s.Changed() {
		t.Error("changed by nobody")
	}
	if _, err := again.Propose(context.Background(), 3, change(3)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Propose(context.Background(), 3, change(7)); !errors.Is(err, ErrChanged) || !s.Changed() {
		t.Errorf("over another's change: %v", err)
	}
	os.WriteFile(path, []byte("nonsense\n"), 0o600)
	if _, err := Open(path, Owner{}); err == nil || !strings.Contains(err.Error(), path+": line 1") {
		t.Errorf("damaged: %v", err)
	}
}
