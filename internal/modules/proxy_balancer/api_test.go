package proxy_balancer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport/internal/backend/pool"
	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/exchange/exchangetest"
	"sallyport/internal/live"
	"sallyport/internal/manager"
	"sallyport/internal/manager/api"
	"sallyport/internal/message"
	"sallyport/internal/module"
	"sallyport/internal/modules/all"
	"sallyport/internal/snapshot"
	"sallyport/internal/watch"
)

// rig is a configuration in service, whose API is asked without sockets.
type rig struct {
	t    *testing.T
	m    *manager.Manager
	env  module.Env
	snap *snapshot.Snapshot
	from string // the client's address
}

const modules = "LoadModule proxy_module x\nLoadModule proxy_http_module x\nLoadModule proxy_balancer_module x\n" +
	"LoadModule lbmethod_byrequests_module x\nLoadModule lbmethod_bytraffic_module x\nLoadModule authz_core_module x\nLoadModule authz_host_module x\n"

const shop = `
<Proxy balancer://shop>
  BalancerMember http://127.0.0.1:8001 route=a
  BalancerMember http://127.0.0.1:8002 loadfactor=2 route=b
  ProxySet stickysession=SID
</Proxy>
ProxyPass /shop balancer://shop
<Location /bm>
  SetHandler balancer-manager
  Require all granted
</Location>
`

func newRig(t *testing.T, text string) *rig {
	t.Helper()
	w, err := watch.New()
	if err != nil {
		t.Fatal(err)
	}
	reg := live.NewRegistry()
	r := &rig{t: t, m: manager.New(reg, time.Now), from: "127.0.0.1:40000"}
	r.env = module.Env{Live: reg, Manager: r.m, Pools: pool.NewRegistry(w), Now: time.Now}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { r.m.Run(ctx); close(ended) }()
	t.Cleanup(func() { stop(); <-ended; r.env.Pools.Close(); w.Close() })
	r.load(text)
	return r
}

func (r *rig) load(text string) {
	r.t.Helper()
	if diags := r.try(text); diags.Failed() {
		r.t.Fatalf("%v", diags)
	}
}

func (r *rig) try(text string) diag.List {
	r.t.Helper()
	cfg, diags := conf.Load(conf.Options{
		File: "test.conf", Root: r.t.TempDir(), Modules: all.Infos(),
		Text: "ServerName shop.test\nErrorLog /dev/null\n" + modules + text + "\n",
	})
	if diags.Failed() {
		return diags
	}
	snap, more := snapshot.Build(cfg, all.Rooms, r.env)
	if snap == nil {
		return more
	}
	if err := snap.Open(); err != nil {
		r.t.Fatal(err)
	}
	if r.snap != nil {
		r.snap.Close()
	}
	r.snap = snap
	r.t.Cleanup(snap.Close)
	return nil
}

// answer is what came back.
type answer struct {
	*exchangetest.Recorder
	t    *testing.T
	json map[string]any
}

func (r *rig) do(method, path, body string, headers ...string) *answer {
	r.t.Helper()
	target := "/bm/api/v1/" + path
	bare, _, _ := strings.Cut(target, "?")
	x, rec := exchangetest.NewExchange(method, bare, append(headers, "Host: shop.test")...)
	x.Request.Target = target
	x.RawPath, x.Query, x.HasQuery = strings.Cut(target, "?")
	x.Client.Addr = mustAddr(r.from)
	x.Client.Remote = x.Client.Addr
	if body != "" {
		x.Request.Body = message.Body{Reader: strings.NewReader(body), Length: int64(len(body))}
		if !x.Request.Header.Has(message.ContentType) {
			x.Request.Header.Add("Content-Type", "application/json")
		}
	}
	r.snap.At(x.Client.Local).Serve(x)
	a := &answer{Recorder: rec, t: r.t}
	if kind := rec.Head.Header.Get("Content-Type"); strings.Contains(kind, "json") && method != "HEAD" {
		if err := json.Unmarshal(rec.Body.Bytes(), &a.json); err != nil {
			r.t.Errorf("%s %s: %v in %s", method, path, err, rec.Body.Bytes())
		}
	}
	return a
}

func (a *answer) is(status int) *answer {
	a.t.Helper()
	if a.Head.Status != status {
		a.t.Fatalf("status %d, want %d: %s", a.Head.Status, status, a.Body.Bytes())
	}
	return a
}

// at follows names and numbers: "members.0.url".
func (a *answer) at(path string) any {
	a.t.Helper()
	var v any = a.json
	for name := range strings.SplitSeq(path, ".") {
		switch in := v.(type) {
		case map[string]any:
			v = in[name]
		case []any:
			var i int
			fmt.Sscan(name, &i)
			if i >= len(in) {
				a.t.Fatalf("%s: %d of %d in %s", path, i, len(in), a.Body.Bytes())
			}
			v = in[i]
		default:
			a.t.Fatalf("%s: nothing at %s in %s", path, name, a.Body.Bytes())
		}
	}
	return v
}

func (a *answer) has(path string, want any) *answer {
	a.t.Helper()
	if got := a.at(path); fmt.Sprint(got) != fmt.Sprint(want) {
		a.t.Fatalf("%s is %v, want %v: %s", path, got, want, a.Body.Bytes())
	}
	return a
}

var (
	idA = api.ID("http://127.0.0.1:8001")
	idB = api.ID("http://127.0.0.1:8002")
)

// TestAPI tells the story of an evening's work.
func TestAPI(t *testing.T) {
	r := newRig(t, shop)
	r.do("GET", "", "").is(200).has("balancers.0", "shop").has("persistent", false)
	all := r.do("GET", "balancers", "").is(200).
		has("balancers.0.members.1.factor", 2).has("balancers.0.members.1.share", 0.6667).
		has("balancers.0.members.0.state", "ok").has("balancers.0.parameters.stickysession", "SID").has("balancers.0.paths.0", "/shop")
	etag := all.Head.Header.Get("ETag")

	r.do("PATCH", "balancers/shop/members/"+idA, `{"parameters":{"loadfactor":3,"status":"+D","timeout":"500ms","disablereuse":true},"reason":"disk"}`).
		is(200).has("revision", 1).has("edits.0.parameters.1.name", "loadfactor").has("edits.0.parameters.1.old", "<nil>")
	r.do("GET", "balancers/shop/members/"+idA, "").is(200).has("factor", 3).has("state", "disabled").
		has("parameters.timeout", "500ms").has("edited.loadfactor.reason", "disk").has("edited.status.revision", 1).has("flags.disabled", true)

	// Somebody else who has not seen it.
	r.do("PATCH", "balancers/shop/members/"+idB, `{"parameters":{"loadfactor":4}}`, "If-Match: "+etag).is(412).has("status", 412)
	now := r.do("GET", "balancers/shop", "").Head.Header.Get("ETag")
	r.do("PATCH", "balancers/shop/members/"+idB, `{"parameters":{"loadfactor":4}}`, "If-Match: "+now).is(200).has("revision", 2)

	// A dry run says what would be and does nothing.
	r.do("DELETE", "balancers/shop/members/"+idB+"?dry-run=1", "").is(200).has("dryRun", true).
		has("balancers.0.members.1.gone", true).has("warnings.0", "balancer://shop: no member is left that may serve: requests will be answered with 503")
	r.do("GET", "balancers/shop", "").has("members.1.state", "ok")

	// null takes an edit back, and so does undo.
	r.do("PATCH", "balancers/shop/members/"+idA, `{"parameters":{"status.D":null}}`).is(200)
	r.do("GET", "balancers/shop/members/"+idA, "").has("state", "ok").has("factor", 3)
	r.do("POST", "changes/1/undo", `{}`).is(422) // part of it was changed since
	r.do("POST", "changes/3/undo", `{}`).is(200)
	r.do("GET", "balancers/shop/members/"+idA, "").has("state", "disabled")
	r.do("GET", "changes?member=http://127.0.0.1:8001&limit=2", "").is(200).
		has("changes.0.undoes", 3).has("changes.1.undoneBy", 4).has("changes.0.client", "127.0.0.1")

	// A batch is all or nothing.
	batch := func(factor string) string {
		return `{"reason":"both","edits":[{"op":"set","balancer":"shop","parameters":{"lbmethod":"bytraffic"}},
			{"op":"add","balancer":"shop","member":"http://127.0.0.1:8003","parameters":{"loadfactor":` + factor + `}}]}`
	}
	r.do("POST", "changes", batch("900")).is(422).has("errors.0.pointer", "/edits/1/parameters/loadfactor").
		has("errors.0.value", 900).has("errors.0.allowed", "a number from 1 to 100, such as 2 or 1.5")
	r.do("GET", "balancers/shop", "").has("method", "byrequests")
	r.do("POST", "changes", batch("9")).is(200)
	r.do("GET", "balancers/shop", "").has("method", "bytraffic").has("members.2.added", true).has("members.2.factor", 9)
	r.do("POST", "balancers/shop/members/"+idA+"/actions", `{"action":"drain"}`).is(200)
	r.do("GET", "balancers/shop", "").has("members.0.flags.draining", true).has("members.0.sessions", 0)
	if r.do("HEAD", "balancers", "").is(200).Body.Len() != 0 {
		t.Error("HEAD has a body")
	}
}

// TestAPIRefuses: everything that is malformed, too long, out of range, of the
// wrong type, stale or unknown gets an answer that names it.
func TestAPIRefuses(t *testing.T) {
	r := newRig(t, shop)
	long := strings.Repeat("x", 2000)
	member := "balancers/shop/members/" + idA
	for _, c := range []struct {
		method, path, body string
		status             int
		name, value        string
	}{
		{"GET", "nothing", "", 404, "", ""},
		{"GET", "balancers/none", "", 404, "balancer", "none"},
		{"GET", "balancers/shop/members/abc", "", 404, "member", "abc"},
		{"GET", "changes/0", "", 404, "revision", "0"},
		{"GET", "changes/17", "", 404, "revision", "17"},
		{"GET", "changes?limit=0", "", 422, "limit", "0"},
		{"GET", "changes?since=monday", "", 422, "since", "monday"},
		{"GET", "changes?colour=red", "", 422, "colour", "red"},
		{"GET", "changes?limit=1&limit=2", "", 400, "", ""},
		{"GET", "changes?limit=%zz", "", 400, "", ""},
		{"GET", "export?format=xml", "", 422, "format", "xml"},
		{"GET", "events?load=0", "", 422, "load", "0"},
		{"PUT", "balancers/shop", "{}", 405, "", ""},
		{"POST", "balancers/shop", "{}", 405, "", ""},
		{"PATCH", member, "", 415, "", ""},
		{"PATCH", member, "{", 400, "", ""},
		{"PATCH", member, "[]", 400, "", ""},
		{"PATCH", member, `{"parameters":{}}`, 422, "parameters", ""},
		{"PATCH", member, `{"parameters":{"lbset":1}} x`, 400, "", ""},
		{"PATCH", member, `{"parameters":{"lbset":[1]}}`, 422, "parameters", "[1]"},
		{"PATCH", member, `{"parameters":7}`, 422, "parameters", "number"},
		{"PATCH", member, `{"parameters":"x"}`, 422, "parameters", "string"},
		{"PATCH", member, `{"parameters":[]}`, 422, "parameters", "array"},
		{"PATCH", member, `{"parameters":{"lbset":1,"lbset":2}}`, 422, "lbset", "2"},
		{"PATCH", member, `{"parameters":{"lbset":1,"LBSET":2}}`, 422, "lbset", "1"},
		{"PATCH", member, "{\"parameters\":{\"route\":\"a\xff\"}}", 400, "", ""},
		{"PATCH", member, `{"parameters":{"lbset":1}`, 400, "", ""},
		{"PATCH", member, `{"parameters":{"lbset":}}`, 400, "", ""},
		{"PATCH", member, `{"parameters":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`, 400, "", ""},
		{"PATCH", member, `{"parametres":{"lbset":1}}`, 422, "parametres", ""},
		{"PATCH", member, `{"parameters":{"lbset":1},"reason":"` + long + `"}`, 422, "reason", ""},
		{"PATCH", member, `{"parameters":{"lbset":1},"reason":"a\nb"}`, 422, "reason", ""},
		{"PATCH", member, `{"parameters":{"lbset":100}}`, 422, "lbset", "100"},
		{"PATCH", member, `{"parameters":{"lbset":-1}}`, 422, "lbset", "-1"},
		{"PATCH", member, `{"parameters":{"lbset":1.5}}`, 422, "lbset", "1.5"},
		{"PATCH", member, `{"parameters":{"loadfactor":"abc"}}`, 422, "loadfactor", "abc"},
		{"PATCH", member, `{"parameters":{"loadfactor":1e9}}`, 422, "loadfactor", "1e9"},
		{"PATCH", member, `{"parameters":{"route":"` + long + `"}}`, 422, "route", long[:200] + "…"},
		{"PATCH", member, `{"parameters":{"route":"a\u0000b"}}`, 422, "route", "a\x00b"},
		{"PATCH", member, `{"parameters":{"disablereuse":"maybe"}}`, 422, "disablereuse", "maybe"},
		{"PATCH", member, `{"parameters":{"status":"+E"}}`, 422, "status", "+E"},
		{"PATCH", member, `{"parameters":{"status.X":"On"}}`, 422, "status.X", "On"},
		{"PATCH", member, `{"parameters":{"lbfactor":2}}`, 422, "lbfactor", "2"},
		{"PATCH", member, `{"parameters":{"expand":true}}`, 422, "expand", "On"},
		{"PATCH", member, `{"parameters":{"timeout":"0"}}`, 422, "timeout", "0"},
		{"PATCH", member, `{"parameters":{"timeout":"five"}}`, 422, "timeout", "five"},
		{"PATCH", "balancers/shop", `{"parameters":{"lbmethod":"bywhim"}}`, 422, "lbmethod", "bywhim"},
		{"PATCH", "balancers/shop", `{"parameters":{"maxattempts":"-2"}}`, 422, "maxattempts", "-2"},
		{"PATCH", "balancers/shop", `{"parameters":{"nonce":""}}`, 422, "nonce", ""},
		{"PATCH", "balancers/shop", `{"parameters":{"nonce":"` + long[:37] + `"}}`, 422, "nonce", long[:37]},
		{"PATCH", "balancers/shop", `{"parameters":{"growth":0}}`, 422, "growth", "0"},
		{"PATCH", "balancers/shop", `{"parameters":{"stickysecret":"too short"}}`, 422, "stickysecret", ""},
		{"PATCH", "balancers/shop", `{"parameters":{"enablereuse":false}}`, 422, "enablereuse", "Off"},
		{"PATCH", member, `{"parameters":{"flusher":"x"}}`, 422, "flusher", "x"},
		{"PATCH", member + "?dry-run=perhaps", `{"parameters":{"lbset":1}}`, 422, "dry-run", "perhaps"},
		{"POST", "balancers/shop/members", `{"url":""}`, 422, "member", ""},
		{"POST", "balancers/shop/members", `{"url":"127.0.0.1:80"}`, 422, "member", "127.0.0.1:80"},
		{"POST", "balancers/shop/members", `{"url":"http://127.0.0.1:99999"}`, 422, "member", "http://127.0.0.1:99999"},
		{"POST", "balancers/shop/members", `{"url":"http://127.0.0.1:8001/"}`, 422, "member", "http://127.0.0.1:8001/"},
		{"POST", "balancers/shop/members", `{"url":"http://a b"}`, 422, "member", "http://a b"},
		{"POST", "balancers/shop/members", `{"url":"http://a\"><script>"}`, 422, "member", `http://a"><script>`},
		{"POST", member + "/actions", `{"action":"explode"}`, 422, "action", "explode"},
		{"DELETE", member + "?timeout=soon", "", 422, "timeout", "soon"},
		{"DELETE", member + "?timeout=9999h", "", 422, "timeout", "9999h0m0s"},
		{"POST", "changes", `{"edits":[]}`, 422, "edits", ""},
		{"POST", "changes", `{"edits":[{"op":"jump","balancer":"shop"}]}`, 422, "verb", "jump"},
		{"POST", "changes", `{"edits":[{"op":"set","balancer":"none","parameters":{"timeout":3}}]}`, 404, "balancer", "none"},
		{"POST", "changes", `{"edits":{}}`, 422, "edits", "object"},
		{"POST", "changes", `{"edits":[null]}`, 422, "edits", "null"},
		{"POST", "changes", `{"edits":[{"op":"set","balancer":"shop","timeout":5}]}`, 422, "timeout", "number"},
		{"POST", "changes", `{"edits":[{"op":"set","balancer":"shop","colour":5}]}`, 422, "colour", ""},
		{"POST", "changes", `{"edits":[{"op":"zero","balancer":"shop","member":"http://127.0.0.1:8001","timeout":"5m"}]}`, 422, "timeout", "5m0s"},
		{"POST", "changes/99/undo", `{}`, 404, "revision", "99"},
	} {
		a := r.do(c.method, c.path, c.body)
		if a.Head.Status != c.status || a.Head.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s %.80s: %d %s", c.method, c.path, c.body, a.Head.Status, a.Body.Bytes())
			continue
		}
		if c.name != "" && (a.at("errors.0.name") != c.name || a.at("errors.0.value") != c.value) {
			t.Errorf("%s %s %.80s: names %v=%q", c.method, c.path, c.body, a.at("errors.0.name"), a.at("errors.0.value"))
		}
		if c.name != "" && a.at("errors.0.problem") == "" {
			t.Errorf("%s %s %.80s: does not say why", c.method, c.path, c.body)
		}
	}
	r.do("PATCH", member, `{"parameters":{"lbset":1}}`, "If-Match: \"stale\"").is(412)
	r.do("PATCH", member, `{"parameters":{"lbset":1}}`, "Content-Type: text/plain").is(415)
	r.do("PATCH", member, `{"parameters":{"route":"`+strings.Repeat(" ", 1<<20)+`"}}`).is(413)
	if n := r.do("GET", "changes", "").at("changes").([]any); len(n) != 0 {
		t.Errorf("something was changed: %v", n)
	}
}

// TestAPIGuard: who may not change anything does not.
func TestAPIGuard(t *testing.T) {
	edit := `{"parameters":{"lbset":1}}`
	member := "balancers/shop/members/" + idA
	tokens := filepath.Join(t.TempDir(), "tokens")
	secret, line := api.NewToken("deploy")
	if err := os.WriteFile(tokens, []byte("# who\n"+line+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	bare := strings.Replace(shop, "  Require all granted\n", "", 1)
	with := strings.Replace(bare, "  SetHandler", "  BalancerManagerTokens "+tokens+"\n  SetHandler", 1)
	closed := strings.Replace(with, "  SetHandler", "  Require all denied\n  SetHandler", 1)
	for _, c := range []struct {
		name, text, from string
		headers          []string
		read, write      int
	}{
		{"no rule, this machine", bare, "127.0.0.1:1", nil, 200, 200},
		{"no rule, another machine", bare, "192.0.2.9:1", nil, 200, 403},
		{"another site's page", shop, "127.0.0.1:1", []string{"Origin: http://evil.test"}, 200, 403},
		{"another site's page, told by the browser", shop, "127.0.0.1:1", []string{"Sec-Fetch-Site: cross-site"}, 200, 403},
		{"its own page", shop, "127.0.0.1:1", []string{"Origin: http://shop.test", "Sec-Fetch-Site: same-origin"}, 200, 200},
		{"a token, no rule", with, "192.0.2.9:1", []string{"Authorization: Bearer " + secret}, 200, 200},
		{"a token, nobody else", closed, "192.0.2.9:1", []string{"Authorization: bearer " + secret}, 200, 200},
		{"nobody else", closed, "192.0.2.9:1", nil, 403, 403},
		{"a wrong token", closed, "192.0.2.9:1", []string{"Authorization: Bearer x" + secret}, 401, 401},
		{"a wrong token where all may come in", with, "127.0.0.1:1", []string{"Authorization: Bearer x"}, 401, 401},
	} {
		r := newRig(t, c.text)
		r.from = c.from
		if got := r.do("GET", "balancers", "", c.headers...).Head.Status; got != c.read {
			t.Errorf("%s: reading is answered with %d, want %d", c.name, got, c.read)
		}
		if got := r.do("PATCH", member, edit, c.headers...).Head.Status; got != c.write {
			t.Errorf("%s: writing is answered with %d, want %d", c.name, got, c.write)
		}
		r.from = "127.0.0.1:1"
		for _, e := range r.m.At("").History(manager.Filter{}) {
			if c.write != 200 {
				t.Errorf("%s: something was changed: %+v", c.name, e)
			} else if strings.Contains(c.name, "token") && e.By.User != "deploy" {
				t.Errorf("%s: by %q", c.name, e.By.User)
			}
		}
	}
	os.WriteFile(tokens, []byte("deploy:1234\n"), 0o600)
	r := newRig(t, shop)
	if d := r.try(with); !d.Failed() || !strings.Contains(d[0].Text, tokens+":1: expected a name, a colon and 64 hexadecimal digits") {
		t.Errorf("a broken file of tokens: %v", d)
	}
}

// TestOpenAPI holds the description to the routes and the answers.
func TestOpenAPI(t *testing.T) {
	r := newRig(t, shop)
	r.do("PATCH", "balancers/shop/members/"+idA, `{"parameters":{"loadfactor":3,"status":"+DN"},"reason":"disk"}`).is(200)
	r.do("POST", "balancers/shop/members", `{"url":"http://127.0.0.1:8009"}`).is(201)
	r.load(strings.Replace(shop, "8001 route=a", "8001 loadfactor=7 route=a", 1))
	doc := r.do("GET", "openapi.json", "").is(200)
	schemas := doc.at("components.schemas").(map[string]any)
	paths := doc.at("paths").(map[string]any)
	var described []string
	for path, item := range paths {
		for method := range item.(map[string]any) {
			described = append(described, strings.ToUpper(method)+" "+strings.TrimPrefix(path, "/"))
		}
	}
	routes := api.Routes()
	slices.Sort(described)
	slices.Sort(routes)
	if !slices.Equal(described, routes) {
		t.Errorf("described %q\nserved    %q", described, routes)
	}
	for _, route := range routes {
		method, path, _ := strings.Cut(route, " ")
		if method != "GET" || path == "events" || path == "export" || path == "openapi.json" {
			continue
		}
		schema := paths["/"+path].(map[string]any)["get"].(map[string]any)["responses"].(map[string]any)["200"].(map[string]any)["content"].(map[string]any)["application/json"].(map[string]any)["schema"]
		url := strings.NewReplacer("{balancer}", "shop", "{member}", idA, "{revision}", "1").Replace(path)
		fits(t, path, schemas, schema, any(r.do("GET", url, "").is(200).json))
	}
	ref := func(name string) any { return map[string]any{"$ref": "#/components/schemas/" + name} }
	exported := paths["/export"].(map[string]any)["get"].(map[string]any)["responses"].(map[string]any)["200"].(map[string]any)["content"].(map[string]any)["application/json"].(map[string]any)["schema"]
	fits(t, "export", schemas, exported, any(r.do("GET", "export?format=json", "").is(200).has("folds.0.at.line", 12.0).json))
	fits(t, "preview", schemas, ref("Preview"), any(r.do("DELETE", "balancers/shop/members/"+idB+"?dry-run=1", "").is(200).json))
	fits(t, "result", schemas, ref("Result"), any(r.do("PATCH", "balancers/shop", `{"parameters":{"maxattempts":1}}`).is(200).json))
	fits(t, "problem", schemas, ref("Problem"), any(r.do("PATCH", "balancers/shop", `{"parameters":{"maxattempts":-1}}`).is(422).json))
	fits(t, "stale", schemas, ref("Problem"), any(r.do("PATCH", "balancers/shop", `{"parameters":{"maxattempts":1}}`, `If-Match: "1-1"`).is(412).json))
}

// fits checks a value against the parts of JSON schema that the document uses.
func fits(t *testing.T, where string, schemas map[string]any, schema, v any) {
	t.Helper()
	s := schema.(map[string]any)
	if ref, ok := s["$ref"].(string); ok {
		fits(t, where, schemas, schemas[strings.TrimPrefix(ref, "#/components/schemas/")], v)
		return
	}
	kinds, _ := s["type"].([]any)
	if kinds == nil {
		kinds = []any{s["type"]}
	}
	kind := "null"
	switch n := v.(type) {
	case string:
		kind = "string"
	case bool:
		kind = "boolean"
	case float64:
		if kind = "number"; n == float64(int64(n)) && slices.Contains(kinds, "integer") {
			kind = "integer"
		}
	case []any:
		kind = "array"
		for i, e := range n {
			fits(t, fmt.Sprintf("%s.%d", where, i), schemas, s["items"], e)
		}
	case map[string]any:
		kind = "object"
		props, _ := s["properties"].(map[string]any)
		for name, e := range n {
			switch {
			case props[name] != nil:
				fits(t, where+"."+name, schemas, props[name], e)
			case s["additionalProperties"] == false || s["additionalProperties"] == nil:
				t.Errorf("%s: %s is not described", where, name)
			default:
				fits(t, where+"."+name, schemas, s["additionalProperties"], e)
			}
		}
		required, _ := s["required"].([]any)
		for _, name := range required {
			if _, has := n[name.(string)]; !has {
				t.Errorf("%s: %s is missing", where, name)
			}
		}
	}
	if !slices.Contains(kinds, any(kind)) {
		t.Errorf("%s: %v is a %s, described as %v", where, v, kind, kinds)
	}
	if list, ok := s["enum"].([]any); ok && !slices.Contains(list, v) {
		t.Errorf("%s: %v is none of %v", where, v, list)
	}
}

// TestEvents: a listener hears what happens and is let go by a reload.
func TestEvents(t *testing.T) {
	r := newRig(t, shop)
	// It goes on behind what it has heard, so that nothing is missed however
	// late it comes.
	x, rec := exchangetest.NewExchange("GET", "/bm/api/v1/events", "Host: shop.test", fmt.Sprintf("Last-Event-ID: %d", r.m.Latest()))
	x.RawPath, x.Query, x.HasQuery = "/bm/api/v1/events", "load=1", true
	x.Client.Addr = mustAddr(r.from)
	x.Client.Remote = x.Client.Addr
	snap := r.snap
	done := make(chan struct{})
	go func() { snap.At(x.Client.Local).Serve(x); close(done) }()
	r.do("PATCH", "balancers/shop", `{"parameters":{"maxattempts":1},"reason":"calm"}`).is(200)
	r.load(shop)
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("the stream has not ended with the reload")
	}
	text := rec.Body.Bytes()
	for _, want := range []string{"event: load\ndata: [{\"name\":\"shop\"", "event: edited\n", `"reason":"calm"`, "event: reloaded\n"} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("%q is not in %s", want, text)
		}
	}
}

func mustAddr(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// TestAPIKeepsSecrets: a secret can be set, and is shown nowhere.
func TestAPIKeepsSecrets(t *testing.T) {
	const old, fresh, base = "old-secret-77", "new-secret-88", "base-secret-66"
	r := newRig(t, strings.Replace(shop, "route=a", "route=a secret="+base, 1))
	var log strings.Builder
	r.m.SetLog(func(_ bool, format string, args ...any) { fmt.Fprintf(&log, format+"\n", args...) })
	member := "balancers/shop/members/" + idA
	var said []string
	ask := func(a *answer) { said = append(said, a.is(200).Body.String()) }
	ask(r.do("PATCH", member, `{"parameters":{"secret":"`+old+`"}}`))
	ask(r.do("PATCH", member+"?dry-run=1", `{"parameters":{"secret":"`+fresh+`"}}`))
	ask(r.do("PATCH", member, `{"parameters":{"secret":"`+fresh+`"}}`))
	r.load(strings.Replace(shop, "route=a", "route=a secret=other-"+base, 1))
	for _, path := range []string{"", "balancers", member, "changes", "changes/1", "conflicts", "export"} {
		ask(r.do("GET", path, ""))
	}
	if c := r.do("GET", "conflicts", "").at("conflicts").([]any); len(c) != 1 {
		t.Errorf("conflicts: %v", c)
	}
	long := fresh + strings.Repeat("x", 80)
	said = append(said, r.do("PATCH", member, `{"parameters":{"secret":"`+long+`"}}`).is(422).Body.String())
	list, _, _ := r.m.Events(1)
	for _, e := range list {
		said = append(said, fmt.Sprintf("%+v", e.Change))
	}
	said = append(said, log.String())
	for _, text := range said {
		for _, s := range []string{old, fresh, base} {
			if strings.Contains(text, s) {
				t.Errorf("%s is shown: %s", s, text)
			}
		}
	}
}

// TestTwoAdmins: of many who saw the same version one wins, and the others are
// told.
func TestTwoAdmins(t *testing.T) {
	r := newRig(t, shop)
	for range 20 {
		etag := r.do("GET", "balancers/shop", "").is(200).Head.Header.Get("ETag")
		status := make(chan int, 4)
		for n := range 4 {
			go func() {
				status <- r.do("PATCH", "balancers/shop", fmt.Sprintf(`{"parameters":{"maxattempts":%d}}`, n), "If-Match: "+etag).Head.Status
			}()
		}
		won := 0
		for range 4 {
			switch s := <-status; s {
			case 200:
				won++
			case 412:
			default:
				t.Errorf("status %d", s)
			}
		}
		if won != 1 {
			t.Fatalf("%d of four won", won)
		}
	}
}

// TestGivenUp: a configuration that can not be opened changes nothing of what
// is managed, and edits go on reaching what runs.
func TestGivenUp(t *testing.T) {
	r := newRig(t, shop)
	cfg, _ := conf.Load(conf.Options{
		File: "test.conf", Root: t.TempDir(), Modules: all.Infos(),
		Text: "ServerName shop.test\n" + modules + strings.ReplaceAll(shop, "8001", "8005") + "\n",
	})
	broken := module.Room{Name: "broken", Static: true, Compile: func(b *module.Build) func(*module.Plan) {
		b.Open(module.Opening{Open: func() error { return os.ErrPermission }})
		return nil
	}}
	snap, diags := snapshot.Build(cfg, append(slices.Clone(all.Rooms), &broken), r.env)
	if snap == nil {
		t.Fatal(diags)
	}
	if err := snap.Open(); err == nil {
		t.Fatal("it was opened")
	}
	r.do("GET", "balancers/shop", "").has("members.0.url", "http://127.0.0.1:8001")
	r.do("PATCH", "balancers/shop/members/"+idA, `{"parameters":{"loadfactor":5}}`).is(200)
	r.do("GET", "balancers/shop", "").has("members.0.factor", 5)
}
