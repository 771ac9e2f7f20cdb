package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"sallyport/internal/cluster"
	"sallyport/internal/live"
	"sallyport/internal/manager"
)

// valueOf is the value of a parameter as programs write it: a string, a number,
// a boolean (On and Off); null takes an edit back.
type value struct {
	text string
	null bool
}

// UnmarshalJSON reads a value; anything else is of the wrong type.
func (v *value) UnmarshalJSON(b []byte) error {
	switch {
	case string(b) == "null":
		v.null = true
	case string(b) == "true":
		v.text = "On"
	case string(b) == "false":
		v.text = "Off"
	case b[0] == '"':
		return json.Unmarshal(b, &v.text)
	case b[0] == '-' || b[0] >= '0' && b[0] <= '9':
		v.text = string(b)
	default:
		return wrong("/parameters", "parameters", string(b), "a value is of the wrong type", "strings, numbers, true and false, or null")
	}
	return nil
}

type parameters map[string]value

// UnmarshalJSON reads an object. A name that comes twice is an error: which of
// them was meant?
func (p *parameters) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	if b[0] != '{' {
		kind := map[byte]string{'"': "string", '[': "array", 't': "bool", 'f': "bool"}[b[0]]
		return wrong("/parameters", "parameters", cmp.Or(kind, "number"), "this is of the wrong type", "a JSON object")
	}
	*p = parameters{}
	d := json.NewDecoder(bytes.NewReader(b))
	d.Token()
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		key := name.(string) // an object has nothing else there
		var v value
		if err := d.Decode(&v); err != nil {
			return err
		}
		if _, twice := (*p)[key]; twice {
			return wrong("/parameters/"+key, key, v.text, "given twice", "each name once")
		}
		(*p)[key] = v
	}
	return nil
}

// params lists them by name.
func (p parameters) params() []cluster.Param {
	var out []cluster.Param
	for _, name := range slices.Sorted(maps.Keys(p)) {
		out = append(out, cluster.Param{Name: name, Value: p[name].text, Back: p[name].null})
	}
	return out
}

// patience bounds how long the store may take.
const patience = 10 * time.Second

// proposal is a write on its way.
type proposal struct {
	manager.Proposal
	dry bool
	at  func(manager.Field) string // pointer of a field in the body
}

// begin reads what all writes have in common: who, why, what version. false:
// it has been answered.
func (c *call) begin(reason string, more ...string) (*proposal, bool) {
	if f := c.query.only(append(more, "dry-run", "reason")...); f != nil {
		c.fail(f)
		return nil, false
	}
	if reason == "" {
		reason = c.query["reason"]
	}
	p := &proposal{at: func(f manager.Field) string {
		if f.Name == "reason" {
			return "/reason"
		}
		return "/parameters/" + f.Name
	}}
	p.By = cluster.By{User: c.x.User, Client: c.x.Client.Addr.Addr().Unmap().String(), Reason: reason}
	switch v := c.query["dry-run"]; v {
	case "", "0", "false":
	case "1", "true":
		p.dry = true
	default:
		c.fail(wrong("", "dry-run", v, "this is no boolean", "1 or 0"))
		return nil, false
	}
	match, has := c.x.Request.Header.Find("If-Match")
	if match = strings.TrimSpace(match); has && match != "*" {
		version, ok := manager.ParseVersion(strings.Trim(match, `"`))
		if !ok {
			c.fail(problem(412, "If-Match "+match+" is no version that this server has given; send the ETag of an answer"))
			return nil, false
		}
		p.At = version
	}
	return p, true
}

// finish proposes, or says what would be.
func (c *call) finish(p *proposal, status int) {
	if p.dry {
		out, err := c.Manager.Preview(p.Proposal)
		if err != nil {
			c.failed(err, p.at)
			return
		}
		c.send(200, c.Manager.Version(), previewOf(out))
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := c.Manager.Propose(ctx, p.Proposal)
	if err != nil {
		c.failed(err, p.at)
		return
	}
	c.send(status, r.Version, map[string]any{"revision": r.Revision, "version": r.Version.String(), "edits": doneOf(r.Edits)})
}

type previewJ struct {
	DryRun    bool       `json:"dryRun"`
	Edits     []doneJ    `json:"edits"`
	Warnings  []string   `json:"warnings"`
	Balancers []outlookJ `json:"balancers"`
}

type outlookJ struct {
	Name    string   `json:"name"`
	Members []shareJ `json:"members"`
}

type shareJ struct {
	URL    string  `json:"url"`
	Before float64 `json:"shareBefore"`
	After  float64 `json:"shareAfter"`
	New    bool    `json:"new"`
	Gone   bool    `json:"gone"`
	Busy   int64   `json:"busy"`
	// Requests per second: now, then, and the most of the last hour.
	RateBefore float64 `json:"rateBefore"`
	RateAfter  float64 `json:"rateAfter"`
	RateMost   float64 `json:"rateMost"`
}

func previewOf(p *manager.Preview) previewJ {
	out := previewJ{DryRun: true, Edits: doneOf(p.Edits), Warnings: p.Warnings, Balancers: []outlookJ{}}
	if out.Warnings == nil {
		out.Warnings = []string{}
	}
	for _, b := range p.Balancers {
		o := outlookJ{Name: b.Key.Name, Members: []shareJ{}}
		for _, m := range b.Members {
			o.Members = append(o.Members, shareJ{m.URL, m.Before, m.After, m.IsNew, m.IsGone, m.Busy, hundredths(m.Rate), hundredths(m.WillRate), hundredths(m.Most)})
		}
		out.Balancers = append(out.Balancers, o)
	}
	return out
}

func hundredths(v float64) float64 { return math.Round(v*100) / 100 }

// The calls that write.

type editBody struct {
	Parameters parameters `json:"parameters"`
	Reason     string     `json:"reason"`
}

func (c *call) editBalancer() {
	s := c.find()
	if s == nil {
		return
	}
	c.edit(cluster.Edit{Verb: cluster.Set, Balancer: s.Key})
}

func (c *call) editMember() {
	s, m := c.findMember()
	if m == nil {
		return
	}
	c.edit(cluster.Edit{Verb: cluster.Set, Balancer: s.MemberKey, Member: m.URL})
}

func (c *call) edit(e cluster.Edit) {
	var b editBody
	if f := c.read(&b); f != nil {
		c.fail(f)
		return
	}
	if len(b.Parameters) == 0 {
		c.fail(wrong("/parameters", "parameters", "", "there is nothing to change", "an object of parameters and values"))
		return
	}
	p, ok := c.begin(b.Reason)
	if !ok {
		return
	}
	e.Params = b.Parameters.params()
	p.Edits = []cluster.Edit{e}
	c.finish(p, 200)
}

type addBody struct {
	URL        string     `json:"url"`
	Parameters parameters `json:"parameters"`
	Reason     string     `json:"reason"`
}

func (c *call) addMember() {
	s := c.find()
	if s == nil {
		return
	}
	var b addBody
	if f := c.read(&b); f != nil {
		c.fail(f)
		return
	}
	p, ok := c.begin(b.Reason)
	if !ok {
		return
	}
	fields := p.at
	p.at = func(f manager.Field) string {
		if f.Name == "member" {
			return "/url"
		}
		return fields(f)
	}
	p.Edits = []cluster.Edit{{Verb: cluster.Add, Balancer: s.MemberKey, Member: b.URL, Params: b.Parameters.params()}}
	c.finish(p, 201)
}

// duration reads a time: digits and a unit, or seconds.
func duration(name, text string, def time.Duration) (time.Duration, *failure) {
	if text == "" {
		return def, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		if n, serr := strconv.ParseUint(text, 10, 31); serr == nil {
			d, err = time.Duration(n)*time.Second, nil
		}
	}
	if err != nil || d < 0 {
		return 0, wrong("/"+name, name, text, "this is no time", "seconds, or a number with a unit such as 30s, 5m or 1h")
	}
	return d, nil
}

func (c *call) removeMember() {
	s, m := c.findMember()
	if m == nil {
		return
	}
	p, ok := c.begin("", "timeout", "idle")
	if !ok {
		return
	}
	e := cluster.Edit{Verb: cluster.Remove, Balancer: s.MemberKey, Member: m.URL}
	var f, g *failure
	e.Timeout, f = duration("timeout", c.query["timeout"], manager.DefaultLeave)
	e.Idle, g = duration("idle", c.query["idle"], manager.DefaultIdle)
	if f != nil || g != nil {
		if f == nil {
			f = g
		}
		c.fail(f)
		return
	}
	p.Edits = []cluster.Edit{e}
	c.finish(p, 202)
}

type actBody struct {
	Action string `json:"action"`
	Reason string `json:"reason"`
}

// actions are what can be done to a member in one word.
var actions = map[string]struct {
	verb  cluster.Verb
	flag  string
	value string
}{
	"recover": {verb: cluster.Recover}, "zero": {verb: cluster.Zero}, "check": {verb: cluster.Check},
	"fail": {verb: cluster.Fail}, "pass": {verb: cluster.Pass},
	"drain": {cluster.Set, "status.N", "On"}, "undrain": {cluster.Set, "status.N", "Off"},
	"disable": {cluster.Set, "status.D", "On"}, "enable": {cluster.Set, "status.D", "Off"},
	"stop": {cluster.Set, "status.S", "On"}, "start": {cluster.Set, "status.S", "Off"},
}

func (c *call) act() {
	s, m := c.findMember()
	if m == nil {
		return
	}
	var b actBody
	if f := c.read(&b); f != nil {
		c.fail(f)
		return
	}
	a, known := actions[b.Action]
	if !known {
		c.fail(wrong("/action", "action", b.Action, "there is no such action", strings.Join(slices.Sorted(maps.Keys(actions)), ", ")))
		return
	}
	p, ok := c.begin(b.Reason)
	if !ok {
		return
	}
	e := cluster.Edit{Verb: a.verb, Balancer: s.MemberKey, Member: m.URL}
	if a.flag != "" {
		e.Params = []cluster.Param{{Name: a.flag, Value: a.value}}
	}
	p.Edits = []cluster.Edit{e}
	c.finish(p, 200)
}

type changeBody struct {
	Edits  []json.RawMessage `json:"edits"`
	Reason string            `json:"reason"`
}

type changeEdit struct {
	Op         string     `json:"op"`
	Balancer   string     `json:"balancer"`
	Member     string     `json:"member"`
	Parameters parameters `json:"parameters"`
	Timeout    string     `json:"timeout"`
	Idle       string     `json:"idle"`
}

// change is a batch: all of it or nothing.
func (c *call) change() {
	var b changeBody
	if f := c.read(&b); f != nil {
		c.fail(f)
		return
	}
	p, ok := c.begin(b.Reason)
	if !ok {
		return
	}
	p.at = func(f manager.Field) string {
		switch f.Name {
		case "reason", "edits":
			return "/" + f.Name
		case "verb":
			return fmt.Sprintf("/edits/%d/op", f.Edit)
		case "balancer", "member", "timeout", "idle":
			return fmt.Sprintf("/edits/%d/%s", f.Edit, f.Name)
		}
		return fmt.Sprintf("/edits/%d/parameters/%s", f.Edit, f.Name)
	}
	for i := range b.Edits {
		e := &changeEdit{}
		at := fmt.Sprintf("/edits/%d", i)
		if b.Edits[i][0] != '{' {
			c.fail(wrong(at, "edits", string(b.Edits[i]), "this is of the wrong type", "a JSON object"))
			return
		}
		if f := decode(b.Edits[i], e); f != nil {
			c.fail(f.under(at))
			return
		}
		edit := cluster.Edit{Verb: cluster.Verb(e.Op), Member: e.Member, Params: e.Parameters.params(), Balancer: c.key(e.Balancer)}
		var f *failure
		def, idle := time.Duration(0), time.Duration(0)
		if edit.Verb == cluster.Remove {
			def, idle = manager.DefaultLeave, manager.DefaultIdle
		}
		if edit.Timeout, f = duration("timeout", e.Timeout, def); f == nil {
			edit.Idle, f = duration("idle", e.Idle, idle)
		}
		if f != nil {
			c.fail(f.under(at))
			return
		}
		p.Edits = append(p.Edits, edit)
	}
	c.finish(p, 200)
}

// key is the balancer that a name means here.
func (c *call) key(name string) live.BalancerKey {
	if s, ok := c.view.Balancer(name); ok {
		return s.Key
	}
	return live.BalancerKey{Server: c.Server, Name: name}
}

type undoBody struct {
	Reason string `json:"reason"`
}

func (c *call) undo() {
	r := c.revision()
	if r == 0 {
		return
	}
	var b undoBody
	if f := c.read(&b); f != nil {
		c.fail(f)
		return
	}
	p, ok := c.begin(b.Reason)
	if !ok {
		return
	}
	if len(c.view.History(manager.Filter{Before: r + 1, Limit: 1})) == 0 {
		f := wrong("", "revision", c.vars["revision"], "there is no such change here", "")
		f.Status, f.Title = 404, "Not Found"
		c.fail(f)
		return
	}
	inverse, err := c.Manager.Inverse(p.By, r, p.At)
	if err != nil {
		c.failed(err, func(manager.Field) string { return "" })
		return
	}
	p.Proposal = inverse
	c.finish(p, 200)
}
