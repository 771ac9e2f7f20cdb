package proxy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/internal/backend/pool"
	"sallyport/internal/chart"
	"sallyport/internal/cluster"
	"sallyport/internal/health/checker"
	"sallyport/internal/live"
	"sallyport/internal/manager"
	"sallyport/internal/resolve"
	"sallyport/internal/watch"
)

// desk is a configuration in service with a manager whose edits land.
type desk struct {
	*stage
	m   *manager.Manager
	reg *live.Registry
	net *pool.Registry

	health *checker.Checker // nil: there are no checks
}

func openDesk(t *testing.T, text string, health ...*checker.Checker) *desk {
	t.Helper()
	w, err := watch.New()
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{reg: live.NewRegistry(), net: pool.NewRegistry(w)}
	for _, c := range health {
		d.health = c
	}
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
	d.stage, _ = buildOn(t, text, func(h *house) {
		h.pools, h.live, h.manager, h.health = d.net, d.reg, d.m, d.health
		h.modules = append(h.modules, "proxy_hcheck_module")
	})
	for _, o := range d.b.Openings {
		o.Ready()
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
		{change("", "growth=0"), "growth", "0"},
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

// tells collects what the manager writes into the log.
func (d *desk) tells() func() string {
	var mu sync.Mutex
	var b strings.Builder
	d.m.SetLog(func(warn bool, format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		if warn {
			fmt.Fprintf(&b, format+"\n", args...)
		}
	})
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return b.String()
	}
}

// TestMerge: what was edited meets a configuration that has changed since.
// Where both say something new the edit holds and the log names both values;
// what the configuration has taken over is no edit any more.
func TestMerge(t *testing.T) {
	d := openDesk(t, pair)
	tells := d.tells()
	d.propose(t, change("http://a:81", "loadfactor=3", "route=x"), change("http://b:82", "lbset=1"), change("", "timeout=7"),
		cluster.Edit{Verb: cluster.Add, Balancer: cl, Member: "http://c:83", Params: []cluster.Param{{Name: "loadfactor", Value: "4"}}})
	conflicts := func() string {
		var out []string
		for _, c := range d.m.Conflicts() {
			out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s %s>%s|%s", c.Kind, c.Member, c.Param, c.Base.V, c.Now.V, c.Edit.V)))
		}
		return strings.Join(out, "; ")
	}
	if c := conflicts(); c != "" {
		t.Errorf("conflicts with nothing: %s", c)
	}
	d.reload(t, `
<Proxy balancer://cl>
  BalancerMember http://a:81 route=b loadfactor=3.0
  ProxySet timeout=9
  BalancerMember http://c:83 loadfactor=5
</Proxy>
ProxyPass / balancer://cl/
`)
	if c := conflicts(); c != "changed  timeout >9|7; changed http://a:81 route a>b|x; gone http://b:82  >|; changed http://c:83 loadfactor >5|4" {
		t.Errorf("conflicts %s", c)
	}
	if got := d.members(); got != "a:81/3/Ok c:83/4/Ok" {
		t.Errorf("members %s", got)
	}
	for _, want := range []string{
		"balancer://cl http://a:81: route was a when it was edited to x (revision 1 by anna), and the configuration says b now: the edit holds",
		"balancer://cl http://b:82 is no longer in the configuration",
	} {
		if !strings.Contains(tells(), want) {
			t.Errorf("the log does not say %q:\n%s", want, tells())
		}
	}
	// loadfactor=3 is the configuration's now, and c a member like any other.
	for range 500 {
		if h := d.m.At("").History(manager.Filter{}); len(h) == 2 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	b, _ := d.m.At("").Balancer("cl")
	if m := b.Member("http://c:83"); m.Added {
		t.Error("c is still an added member")
	}
	d.reload(t, pair)
	if got := d.members(); got != "a:81/1/Ok b:82/2/Ok" {
		t.Errorf("edits that were settled have come back to life: %s", got)
	}
}

// TestExport: what is exported, put in the place of the text, is the state that
// holds, and leaves nothing edited.
func TestExport(t *testing.T) {
	d := openDesk(t, strings.Replace(pair, "</Proxy>", "  ProxySet timeout=5\n</Proxy>", 1))
	d.propose(t, change("http://a:81", "loadfactor=3", "route=a b", "status=+D-H", "timeout=1500ms", "disablereuse=On"),
		change("", "nofailover=On", "stickysession=A|b", "failonstatus=500,503", "maxattempts=2", "timeout=0"),
		cluster.Edit{Verb: cluster.Add, Balancer: cl, Member: "http://c:83"},
		cluster.Edit{Verb: cluster.Remove, Balancer: cl, Member: "http://b:82"})
	for range 500 {
		if !strings.Contains(d.members(), "b:82") {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	before := d.members()
	text := d.m.Export()
	d.reload(t, text+"\nProxyPass / balancer://cl/\n")
	if after := d.members(); after != before {
		t.Errorf("members %s, were %s; exported\n%s", after, before, text)
	}
	if c := d.m.Conflicts(); len(c) > 0 {
		t.Errorf("conflicts: %+v; exported\n%s", c, text)
	}
	for range 500 {
		if d.m.Export() == "# Nothing was edited.\n" {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if again := d.m.Export(); again != "# Nothing was edited.\n" {
		t.Errorf("still edited after\n%s\n is\n%s", text, again)
	}
	if after := d.members(); after != before {
		t.Errorf("members %s, were %s", after, before)
	}
}

// TestPersist: edits survive the process; a damaged file is told of, the text
// serves, and nothing is edited until it is mended.
func TestPersist(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state", "edits.conf")
	text := "BalancerPersist On\nBalancerPersistFile " + file + "\n" + pair
	d := openDesk(t, text)
	d.propose(t, change("http://a:81", "loadfactor=3"), cluster.Edit{Verb: cluster.Add, Balancer: cl, Member: "http://c:83"})
	again := openDesk(t, text)
	if got := again.members(); got != "a:81/3/Ok b:82/2/Ok c:83/1/Ok" {
		t.Fatalf("after a restart: %s", got)
	}
	if h := again.m.At("").History(manager.Filter{}); len(h) != 1 || h[0].By.User != "anna" {
		t.Errorf("history %+v", h)
	}
	good, _ := os.ReadFile(file)
	if err := os.WriteFile(file, good[:len(good)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	broken := openDesk(t, text)
	if got := broken.members(); got != "a:81/1/Ok b:82/2/Ok" {
		t.Errorf("with a damaged file: %s", got)
	}
	_, err := broken.m.Propose(context.Background(), manager.Proposal{Edits: []cluster.Edit{change("http://a:81", "loadfactor=9")}})
	var away *manager.AwayError
	if !errors.As(err, &away) || !strings.Contains(err.Error(), file) {
		t.Errorf("edited over a damaged file: %v", err)
	}
	// The one that runs keeps what holds, but edits nothing over the damage.
	if _, err = again.m.Propose(context.Background(), manager.Proposal{Edits: []cluster.Edit{change("http://a:81", "loadfactor=9")}}); !errors.As(err, &away) {
		t.Errorf("edited over a changed file: %v", err)
	}
	again.reload(t, text)
	if got := again.members(); got != "a:81/3/Ok b:82/2/Ok c:83/1/Ok" {
		t.Errorf("a reload with a damaged file: %s", got)
	}
	if err := os.WriteFile(file, good, 0o600); err != nil {
		t.Fatal(err)
	}
	broken.reload(t, text)
	if got := broken.members(); got != "a:81/3/Ok b:82/2/Ok c:83/1/Ok" {
		t.Errorf("mended: %s", got)
	}
	broken.propose(t, change("http://a:81", "loadfactor=9"))
	// Without the directive they hold on, in memory.
	broken.reload(t, pair)
	if got := broken.members(); got != "a:81/9/Ok b:82/2/Ok c:83/1/Ok" {
		t.Errorf("BalancerPersist taken away: %s", got)
	}
}

// TestRemoval: a removed member takes no new requests, finishes what it has in
// hand, serves its sessions, and goes when it is empty or its time is over.
func TestRemoval(t *testing.T) {
	d := openDesk(t, strings.Replace(pair, "</Proxy>", "  ProxySet stickysession=S\n</Proxy>", 1))
	key := live.WorkerKey{Balancer: cl, URL: "http://a:81"}
	w := d.reg.Worker(key)
	busy := func(n int) {
		w.Balancer().Lock()
		defer w.Balancer().Unlock()
		for ; n > 0; n-- {
			w.Enter()
		}
	}
	left := func() *manager.Event {
		list, _, _ := d.m.Events(1)
		for i := range list {
			if list[i].Kind == manager.Left {
				return &list[i]
			}
		}
		return nil
	}
	busy(1)
	w.AddTunnel(1)
	d.propose(t, cluster.Edit{Verb: cluster.Remove, Balancer: cl, Member: key.URL, Timeout: time.Hour})
	p := d.place(0)
	for range 6 {
		d.run(p, "GET", "/x")
	}
	d.run(p, "GET", "/y", "Cookie: S=17.a")
	if n := w.Elected(); n != 2 { // ours above, and the session's
		t.Errorf("a member that leaves was elected %d times", n)
	}
	d.reload(t, strings.Replace(pair, "</Proxy>", "  ProxySet stickysession=S\n</Proxy>", 1))
	b, _ := d.m.At("").Balancer("cl")
	if m := b.Member(key.URL); m == nil || !m.Leaving || m.Load.Busy != 1 || m.Load.Tunnels != 1 || m.Load.Sessions != 1 {
		t.Errorf("while it leaves, after a reload: %+v", m)
	}
	if e := left(); e != nil {
		t.Errorf("it left with work in hand: %+v", e)
	}
	w.AddTunnel(-1)
	w.Leave()
	for range 1000 {
		if left() != nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if e := left(); e == nil || e.Member != key.URL || e.Load.Busy != 0 {
		t.Fatalf("it does not leave: %+v", e)
	}
	if got := d.members(); got != "b:82/2/Ok" {
		t.Errorf("members %s", got)
	}
	if d.reg.Worker(key) != nil {
		t.Error("its worker is still there")
	}

	// Time over.
	tells := d.tells()
	key.URL = "http://b:82"
	w = d.reg.Worker(key)
	busy(2)
	w.AddTunnel(1)
	d.propose(t, cluster.Edit{Verb: cluster.Remove, Balancer: cl, Member: key.URL, Timeout: time.Millisecond})
	for range 1000 {
		if strings.Contains(tells(), "has left") {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if !strings.Contains(tells(), "http://b:82 has left after 0s with 2 requests (1 of them tunnels) in hand and 0 sessions") {
		t.Errorf("the log says %q", tells())
	}
	// An undone removal brings it back, and nobody chases it away again.
	if _, err := d.m.Undo(context.Background(), cluster.By{}, 2, manager.Version{}); err != nil {
		t.Fatal(err)
	}
	if got := d.members(); got != "b:82/2/Ok" {
		t.Errorf("members %s", got)
	}
}

// TestHealthWord: an operator's word about the flag C counts each time it is
// said, though checks have changed the flag meanwhile.
func TestHealthWord(t *testing.T) {
	d := openDesk(t, pair)
	w := d.reg.Worker(live.WorkerKey{Balancer: cl, URL: "http://a:81"})
	for range 2 {
		d.propose(t, change("http://a:81", "status=+C"))
		if got := d.members(); got != "a:81/1/HcFl b:82/2/Ok" {
			t.Fatalf("members %s", got)
		}
		w.Balancer().Lock()
		w.ProbePassed()
		w.Balancer().Unlock()
	}
	if got := d.members(); got != "a:81/1/Ok b:82/2/Ok" {
		t.Errorf("members %s", got)
	}
}

// TestStandingForOthers: parameters that stand for others, may come several
// times, or concern the forms and the session cookie can be edited, too, hold
// over a reload, and can be taken back.
func TestStandingForOthers(t *testing.T) {
	text := strings.Replace(pair, "</Proxy>", "  ProxySet growth=2 nonce=first stickycookie=SID stickysecret=0123456789abcdef\n</Proxy>", 1) +
		"ProxyHCTemplate often hcmethod=GET hcinterval=2 hcuri=/alive \"hcheader=A: 1\" \"hcheader=B: 2\"\n"
	d := openDesk(t, text)
	balancer := func() manager.Status {
		b, _ := d.m.At("").Balancer("cl")
		return b
	}
	param := func(list []manager.Param, name string) string {
		for _, p := range list {
			if p.Name == name {
				return p.Value
			}
		}
		return "?"
	}
	member := func(name string) string { b := balancer(); return param(b.Members[0].Params, name) }
	signs := func() string { b := balancer(); return b.Settings.StickySecret.V }
	is := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s is %q, want %q", what, got, want)
		}
	}
	edits := []cluster.Edit{
		change("http://a:81", "hctemplate=often", "hcinterval=5"),
		change("", "growth=9", "nonce=second", "stickysecret=fedcba9876543210"),
	}
	p, err := d.m.Preview(manager.Proposal{Edits: edits})
	if err != nil || len(p.Warnings) != 1 || !strings.Contains(p.Warnings[0], "stickysecret changes") {
		t.Errorf("the preview: %v, %+v", err, p)
	}
	r := d.propose(t, edits...)
	holds := func() {
		t.Helper()
		is("hcmethod", member("hcmethod"), "GET")
		is("hcuri", member("hcuri"), "/alive")
		is("hcinterval", member("hcinterval"), "5")
		is("hcheader", member("hcheader"), "A: 1\nB: 2")
		b := balancer()
		is("growth", param(b.Params, "growth"), "9")
		is("what the form may add", fmt.Sprint(b.Growth), "9")
		is("nonce", b.Nonce, "second")
		is("the secret", signs(), "fedcba9876543210")
	}
	holds()
	d.reload(t, text)
	holds()
	if _, err := d.m.Undo(context.Background(), cluster.By{}, r, manager.Version{}); err != nil {
		t.Fatal(err)
	}
	is("hcmethod", member("hcmethod"), "")
	is("hcheader", member("hcheader"), "")
	is("nonce", balancer().Nonce, "first")
	is("the secret", signs(), "0123456789abcdef")
	d.propose(t, change("http://a:81", "hctemplate=often"))
	is("hcinterval", member("hcinterval"), "2")
	again := d.propose(t, change("http://a:81", "hcheader=C: 3"))
	is("hcheader", member("hcheader"), "C: 3")
	if _, err := d.m.Undo(context.Background(), cluster.By{}, again, manager.Version{}); err != nil {
		t.Fatal(err)
	}
	is("hcheader", member("hcheader"), "A: 1\nB: 2")
	d.propose(t, change("http://a:81", "hctemplate"))
	is("hcmethod", member("hcmethod"), "")
	for _, c := range []struct {
		edit cluster.Edit
		want string
	}{
		{change("http://a:81", "hctemplate=never"), "there is no template of this name"},
		{change("http://a:81", "hctemplate"), "nothing to take back"},
		{change("http://a:81", "hcheader=A: 1\nB"), "hcheader must be a field"},
		{change("http://a:81", "route=a\nb"), "control characters"},
		{change("http://a:81", "flusher=x"), "mod_proxy_fdpass"},
		{cluster.Edit{Verb: cluster.Add, Balancer: cl, Member: "http://127.0.0.9:81", Params: []cluster.Param{{Name: "expand", Value: "On"}}}, "names no host"},
	} {
		if _, err := d.m.Propose(context.Background(), manager.Proposal{Edits: []cluster.Edit{c.edit}}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.edit, err, c.want)
		}
	}
}

// TestExpandEdited: expand=On can be set and taken back while members serve.
func TestExpandEdited(t *testing.T) {
	hosts := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(hosts, []byte("127.0.0.1 app.test\n127.0.0.2 app.test\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	const text = "<Proxy balancer://cl>\nBalancerMember http://app.test:81\nBalancerMember http://b:82\n</Proxy>\nProxyPass / balancer://cl/\n"
	d := openDesk(t, text)
	d.net.Names.Close()
	d.net.Names = resolve.NewFrom(filepath.Join(t.TempDir(), "none"), hosts)
	d.reload(t, text)
	members := func(want string) {
		t.Helper()
		got := ""
		for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			var all []string
			for _, m := range d.house.rosters[0].balancer.Members() {
				all = append(all, m.Host())
			}
			if got = strings.Join(all, " "); got == want {
				return
			}
		}
		t.Fatalf("members %s, want %s", got, want)
	}
	members("app.test:81 b:82")
	d.propose(t, change("http://app.test:81", "expand=On"))
	members("127.0.0.1:81 127.0.0.2:81 b:82")
	d.propose(t, change("http://app.test:81", "loadfactor=3"))
	members("127.0.0.1:81 127.0.0.2:81 b:82")
	d.propose(t, change("http://app.test:81", "expand"))
	members("app.test:81 b:82")
}

// TestHourIsKept: with BalancerPersist the charts outlive the process, a reload
// without it does not wipe them out, and a damaged file is no obstacle.
func TestHourIsKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	text := "BalancerPersist On\nBalancerPersistFile " + dir + "/edits.conf\n" + pair
	key := live.WorkerKey{Balancer: cl, URL: "http://a:81"}
	now := time.Now().Add(-time.Minute)
	t.Run("first", func(t *testing.T) {
		d := openDesk(t, text)
		charts := new(chart.Recorder)
		charts.Want(true)
		d.m.SetCharts(charts)
		for range 50 {
			d.reg.Worker(key).Count(1, 200, time.Millisecond)
			now = now.Add(time.Second)
			charts.Tick(now, d.reg.Members(nil))
		}
		d.reload(t, pair)
		d.reload(t, text)
		if list, _ := charts.Hour(key); len(list) == 0 {
			t.Error("a reload has wiped out the charts")
		}
	})
	again := func(want bool) {
		t.Helper()
		d := openDesk(t, pair)
		tells := d.tells()
		charts := new(chart.Recorder)
		d.m.SetCharts(charts)
		d.reload(t, text)
		list, _ := charts.Hour(key)
		if (len(list) > 0) != want {
			t.Errorf("%d samples after a restart; the log: %s", len(list), tells())
		}
		d.propose(t, change("http://a:81", "loadfactor=3"))
	}
	again(true)
	if err := os.Truncate(filepath.Join(dir, "edits.hour"), 50); err != nil {
		t.Fatal(err)
	}
	again(false)
}

// TestFoldsOfAHost: what a virtual host inherits is not to be changed in the
// main server's text, and what is secret is not given out.
func TestFoldsOfAHost(t *testing.T) {
	d := openDesk(t, strings.Replace(pair, "</Proxy>", "  ProxySet nofailover=On maxattempts=3\n</Proxy>", 1)+
		"<VirtualHost *:80>\nProxyPass /own balancer://cl maxattempts=4\n</VirtualHost>\n")
	host := ""
	for _, s := range d.b.Servers {
		host = max(host, s.Key)
	}
	d.propose(t, cluster.Edit{Verb: cluster.Set, Balancer: live.BalancerKey{Server: host, Name: "cl"}, Params: []cluster.Param{
		{Name: "nofailover", Value: "Off"}, {Name: "maxattempts", Value: "5"}, {Name: "stickysecret", Value: "0123456789abcdef"}}})
	list, left := d.m.Folds()
	if len(list) != 1 || len(left) != 0 {
		t.Fatalf("%+v, %q", list, left)
	}
	f := list[0]
	if f.Server != host || f.At.Line != 9 || f.Beside != "" || strings.Join(f.Withheld, " ") != "stickysecret" {
		t.Errorf("%+v", f)
	}
	var got []string
	for _, p := range f.Params {
		got = append(got, fmt.Sprintf("%s=%s %d", p.Name, p.Value.V, p.At.Line))
	}
	if text := strings.Join(got, ", "); text != "maxattempts=5 9, nofailover=Off 0" {
		t.Errorf("parameters: %s", text)
	}
}
