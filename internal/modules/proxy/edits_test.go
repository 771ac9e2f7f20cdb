package proxy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sallyport/internal/backend/pool"
	"sallyport/internal/cluster"
	"sallyport/internal/live"
	"sallyport/internal/manager"
	"sallyport/internal/watch"
)

// desk is a configuration in service with a manager whose edits land.
type desk struct {
	*stage
	m   *manager.Manager
	reg *live.Registry
	net *pool.Registry
}

func openDesk(t *testing.T, text string) *desk {
	t.Helper()
	w, err := watch.New()
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{reg: live.NewRegistry(), net: pool.NewRegistry(w)}
	d.m = manager.New(d.reg, time.Now)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { d.m.Run(ctx); close(done) }()
	usher := make(chan struct{})
	go func() { d.m.Usher(ctx); close(usher) }()
	t.Cleanup(func() { stop(); <-done; <-usher; d.net.Close(); w.Close() })
	d.reload(t, text)
	return d
}

// reload puts a text into service.
func (d *desk) reload(t *testing.T, text string) {
	t.Helper()
	d.stage, _ = buildOn(t, text, func(h *house) { h.pools, h.live, h.manager = d.net, d.reg, d.m })
	for _, o := range d.b.Openings {
		if err := o.Open(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(o.Close)
	}
}

var cl = live.BalancerKey{Name: "cl"}

func change(member string, words ...string) cluster.Edit {
	e := cluster.Edit{Verb: cluster.Set, Balancer: cl, Member: member}
	for _, w := range words {
		k, v, ok := strings.Cut(w, "=")
		e.Params = append(e.Params, cluster.Param{Name: k, Value: v, Back: !ok})
	}
	return e
}

func (d *desk) propose(t *testing.T, edits ...cluster.Edit) cluster.Revision {
	t.Helper()
	r, err := d.m.Propose(context.Background(), manager.Proposal{By: cluster.By{User: "anna"}, Edits: edits})
	if err != nil {
		t.Fatal(err)
	}
	return r.Revision
}

// members prints who is there: URL, factor, flags.
func (d *desk) members() string {
	b, _ := d.m.At("").Balancer("cl")
	var out []string
	for _, m := range b.Members {
		out = append(out, fmt.Sprintf("%s:%s/%g/%s", m.Host, m.Port, float64(m.Factor)/100, strings.ReplaceAll(strings.TrimPrefix(m.Flags.String(), "Init "), " ", "")))
	}
	return strings.Join(out, " ")
}

const pair = `
<Proxy balancer://cl>
  BalancerMember http://a:81 route=a
  BalancerMember http://b:82 loadfactor=2
</Proxy>
ProxyPass / balancer://cl/
`

// TestEdits: edits hold at once and over a reload, members come and go, and
// what was done can be taken back.
func TestEdits(t *testing.T) {
	d := openDesk(t, pair)
	is := func(want string) {
		t.Helper()
		if got := d.members(); got != want {
			t.Fatalf("members %s\n   want %s", got, want)
		}
	}
	is("a:81/1/Ok b:82/2/Ok")
	first := d.propose(t, change("http://a:81", "loadfactor=3", "status=+D"), change("", "lbmethod=leastconn", "timeout=7"))
	is("a:81/3/Dis b:82/2/Ok")
	added := d.propose(t, cluster.Edit{Verb: cluster.Add, Balancer: cl, Member: "HTTP://C:83/", Params: []cluster.Param{{Name: "loadfactor", Value: "5"}, {Name: "timeout", Value: "3"}}})
	is("a:81/3/Dis b:82/2/Ok c:83/5/Ok")
	p := d.place(0)
	seen := map[string]int{}
	for range 20 {
		d.run(p, "GET", "/x")
	}
	for _, text := range d.remote.sent {
		for line := range strings.SplitSeq(text, "\n") {
			if h, ok := strings.CutPrefix(line, "Host: "); ok {
				seen[strings.TrimSpace(h)]++
			}
		}
	}
	if seen["a:81"] != 0 || seen["b:82"] == 0 || seen["c:83"] == 0 {
		t.Errorf("served by %v", seen)
	}
	if b := d.house.rosters[0].balancer; b.Method().Name() != "leastconn" {
		t.Errorf("method %s", b.Method().Name())
	}
	d.reload(t, pair)
	is("a:81/3/Dis b:82/2/Ok c:83/5/Ok")
	if l := d.house.rosters[0].places[2].worker().links[0]; l.Timeout != 3*time.Second {
		t.Errorf("timeout of the added member: %v", l.Timeout)
	}
	if _, err := d.m.Undo(context.Background(), cluster.By{}, first, manager.Version{}); err != nil {
		t.Fatal(err)
	}
	is("a:81/1/Ok b:82/2/Ok c:83/5/Ok")
	if b := d.house.rosters[0].balancer; b.Method().Name() != "byrequests" {
		t.Errorf("method %s", b.Method().Name())
	}
	r := d.propose(t, cluster.Edit{Verb: cluster.Remove, Balancer: cl, Member: "http://b:82", Timeout: time.Minute})
	for range 500 {
		if d.members() == "a:81/1/Ok c:83/5/Ok" {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	is("a:81/1/Ok c:83/5/Ok")
	d.reload(t, pair)
	is("a:81/1/Ok c:83/5/Ok")
	if _, err := d.m.Undo(context.Background(), cluster.By{}, r, manager.Version{}); err != nil {
		t.Fatal(err)
	}
	is("a:81/1/Ok b:82/2/Ok c:83/5/Ok")
	if _, err := d.m.Undo(context.Background(), cluster.By{}, first, manager.Version{}); err == nil {
		t.Error("undone twice")
	}
	_ = added
}

// TestRefusedEdits: what is wrong is named, and nothing is half applied.
func TestRefusedEdits(t *testing.T) {
	d := openDesk(t, pair)
	for _, c := range []struct {
		edit        cluster.Edit
		name, value string
	}{
		{change("http://a:81", "loadfactor=101"), "loadfactor", "101"},
		{change("http://a:81", "loadfactor=2x"), "loadfactor", "2x"},
		{change("http://a:81", "lbset=100"), "lbset", "100"},
		{change("http://a:81", "route="+strings.Repeat("r", 64)), "route", strings.Repeat("r", 64)},
		{change("http://a:81", "status=+Q"), "status", "+Q"},
		{change("http://a:81", "nonsense=1"), "nonsense", "1"},
		{change("http://a:81", "lbmethod=byrequests"), "lbmethod", "byrequests"},
		{change("http://z:81", "lbset=1"), "member", "http://z:81"},
		{change("", "lbmethod=bywhim"), "lbmethod", "bywhim"},
		{change("", "growth=5"), "growth", "5"},
		{cluster.Edit{Verb: cluster.Add, Balancer: cl, Member: "c:83"}, "member", "c:83"},
		{cluster.Edit{Verb: cluster.Add, Balancer: cl, Member: "gopher://c:83"}, "member", "gopher://c:83"},
		{cluster.Edit{Verb: cluster.Add, Balancer: cl, Member: "http://a:81/"}, "member", "http://a:81/"},
		{cluster.Edit{Verb: "jump", Balancer: cl, Member: "http://a:81"}, "verb", "jump"},
		{cluster.Edit{Verb: cluster.Set, Balancer: live.BalancerKey{Name: "no"}}, "balancer", "no"},
	} {
		before := d.members()
		good := change("http://b:82", "loadfactor=9")
		_, err := d.m.Propose(context.Background(), manager.Proposal{Edits: []cluster.Edit{good, c.edit}})
		var bad *manager.Invalid
		if !errors.As(err, &bad) || len(bad.Fields) != 1 || bad.Fields[0].Edit != 1 || bad.Fields[0].Name != c.name || bad.Fields[0].Value != c.value {
			t.Errorf("%+v: %v", c.edit, err)
		}
		if after := d.members(); after != before {
			t.Errorf("%+v: half applied: %s", c.edit, after)
		}
	}
}
