package api

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"sallyport/internal/cluster"
	"sallyport/internal/diag"
	"sallyport/internal/live"
	"sallyport/internal/manager"
	"sallyport/internal/workerconf"
)

// The shapes of the answers. Names are openapi.json's.

type balancerJ struct {
	Name         string             `json:"name"`
	Version      string             `json:"version"`
	Inherited    bool               `json:"inherited"`
	DefinedAt    string             `json:"definedAt"`
	Paths        []string           `json:"paths"`
	Method       string             `json:"method"`
	Active       bool               `json:"active"`
	Waiting      int                `json:"waiting"`
	Parameters   map[string]string  `json:"parameters"`
	Edited       map[string]editedJ `json:"edited"`
	Members      []memberJ          `json:"members"`
	FormCanAdd   int                `json:"formCanAdd"`
	ConflictList []conflictJ        `json:"conflicts"`
}

type memberJ struct {
	ID         string             `json:"id"`
	URL        string             `json:"url"`
	Scheme     string             `json:"scheme"`
	Host       string             `json:"host"`
	Port       string             `json:"port"`
	Added      bool               `json:"added"`
	DefinedAt  string             `json:"definedAt,omitempty"`
	State      string             `json:"state"`
	Status     string             `json:"status"`
	Flags      map[string]bool    `json:"flags"`
	Usable     bool               `json:"usable"`
	Leaving    bool               `json:"leaving"`
	LeavesAt   *time.Time         `json:"leavesAt,omitempty"`
	Factor     float64            `json:"factor"`
	LBSet      int                `json:"lbset"`
	Route      string             `json:"route"`
	Redirect   string             `json:"redirect"`
	Share      float64            `json:"share"`
	Elected    int64              `json:"elected"`
	Busy       int64              `json:"busy"`
	Tunnels    int64              `json:"tunnels"`
	Sessions   *int               `json:"sessions,omitempty"`
	Sent       int64              `json:"sent"`
	Received   int64              `json:"received"`
	LBStatus   int64              `json:"lbstatus"`
	ErrorAt    *time.Time         `json:"errorAt,omitempty"`
	RetryAt    *time.Time         `json:"retryAt,omitempty"`
	Retries    uint32             `json:"retries"`
	Fails      uint32             `json:"fails"`
	ResponseMS float64            `json:"responseMilliseconds"`
	Parameters map[string]string  `json:"parameters"`
	Edited     map[string]editedJ `json:"edited"`
}

// editedJ tells of a parameter that an edit holds.
type editedJ struct {
	Configured *string   `json:"configured"` // null: not set there
	Revision   uint64    `json:"revision"`
	Time       time.Time `json:"time"`
	User       string    `json:"user,omitempty"`
	Client     string    `json:"client,omitempty"`
	Reason     string    `json:"reason,omitempty"`
}

type conflictJ struct {
	Kind      string  `json:"kind"`
	Balancer  string  `json:"balancer"`
	Member    string  `json:"member,omitempty"`
	Parameter string  `json:"parameter,omitempty"`
	Then      *string `json:"configuredThen"`
	Now       *string `json:"configuredNow"`
	Edit      *string `json:"edit"`
	Revision  uint64  `json:"revision"`
	Text      string  `json:"text"`
}

type changeJ struct {
	Revision uint64    `json:"revision"`
	Time     time.Time `json:"time"`
	User     string    `json:"user,omitempty"`
	Client   string    `json:"client,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	Undoes   uint64    `json:"undoes,omitempty"`
	UndoneBy uint64    `json:"undoneBy,omitempty"`
	CanUndo  bool      `json:"canUndo"`
	Why      string    `json:"whyNot,omitempty"` // it can't be undone
	Edits    []doneJ   `json:"edits"`
}

// doneJ is an edit that was made, or would be.
type doneJ struct {
	Op         string   `json:"op"`
	Balancer   string   `json:"balancer"`
	Member     string   `json:"member,omitempty"`
	Parameters []valueJ `json:"parameters,omitempty"`
}

type valueJ struct {
	Name string  `json:"name"`
	Old  *string `json:"old"` // null: the default
	New  *string `json:"new"` // null: the configuration's again
}

func text(t cluster.Text) *string {
	if !t.Is {
		return nil
	}
	return &t.V
}

func at(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Millisecond)
	return &t
}

func position(p diag.Position) string {
	if p.IsZero() {
		return ""
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

func balancerOf(s *manager.Status) balancerJ {
	b := balancerJ{
		Name: s.Key.Name, Version: s.Version.String(), Inherited: s.Inherited, DefinedAt: position(s.Pos),
		Paths: s.Paths, Method: s.Method, Active: s.Active, Waiting: s.Waiting, FormCanAdd: s.Growth,
		Members: []memberJ{}, ConflictList: []conflictJ{},
	}
	if b.Paths == nil {
		b.Paths = []string{}
	}
	b.Parameters, b.Edited = parametersOf(s.Params)
	for i := range s.Members {
		b.Members = append(b.Members, memberOf(&s.Members[i]))
	}
	for _, c := range s.Conflicts {
		b.ConflictList = append(b.ConflictList, conflictOf(c))
	}
	return b
}

func parametersOf(list []manager.Param) (map[string]string, map[string]editedJ) {
	values, edited := map[string]string{}, map[string]editedJ{}
	for _, p := range list {
		switch {
		case p.Set && p.Secret:
			values[p.Name] = "(not shown)"
		case p.Set:
			values[p.Name] = p.Value
		}
		if p.Edited {
			edited[p.Name] = editedJ{text(p.Configured), uint64(p.Mark.Revision), p.Mark.At.UTC(), p.Mark.By.User, p.Mark.By.Client, p.Mark.By.Reason}
		}
	}
	return values, edited
}

// ID names a member in a URL: its own URL can not stand there.
func ID(url string) string {
	sum := sha256.Sum256([]byte(url))
	return hex.EncodeToString(sum[:6])
}

func memberOf(s *manager.MemberStatus) memberJ {
	m := memberJ{
		ID: ID(s.URL), URL: s.URL, Scheme: s.Scheme, Host: s.Host, Port: s.Port, Added: s.Added, DefinedAt: position(s.Pos),
		State: stateOf(s), Status: strings.TrimSpace(s.Flags.String()), Flags: flagsOf(s.Flags), Usable: s.Usable,
		Leaving: s.Leaving, LeavesAt: at(s.LeavesAt),
		Factor: float64(s.Factor) / 100, LBSet: int(s.LBSet), Route: s.Route, Redirect: s.Redirect,
		Share:   math.Round(s.Share*1e4) / 1e4,
		Elected: s.Elected, Busy: s.Load.Busy, Tunnels: s.Load.Tunnels, Sent: s.Transferred, Received: s.Read,
		LBStatus: s.LBStatus, ErrorAt: at(s.ErrorAt), RetryAt: at(s.RetryAt), Retries: s.Retries, Fails: s.Fails,
		ResponseMS: math.Round(float64(s.Pace)/float64(time.Millisecond)*100) / 100,
	}
	if s.Load.Sessions >= 0 {
		m.Sessions = &s.Load.Sessions
	}
	m.Parameters, m.Edited = parametersOf(s.Params)
	return m
}

// stateOf says in one word what a member is.
func stateOf(s *manager.MemberStatus) string {
	f := s.Flags
	switch {
	case s.Leaving:
		return "leaving"
	case f&live.Stopped != 0:
		return "stopped"
	case f&live.Disabled != 0:
		return "disabled"
	case f&live.HealthFailed != 0:
		return "unhealthy"
	case f&live.InError != 0:
		return "error"
	case f&live.Draining != 0:
		return "draining"
	case s.Full:
		return "full"
	case f&live.Standby != 0:
		return "standby"
	case f&live.Spare != 0:
		return "spare"
	case s.Usable:
		return "ok"
	}
	return "unknown"
}

// flagNames are the flags that can be edited, and the error.
var flagNames = []struct {
	flag live.Flags
	name string
}{
	{live.IgnoreErrors, "ignoreErrors"}, {live.Draining, "draining"}, {live.Disabled, "disabled"}, {live.Stopped, "stopped"},
	{live.Standby, "standby"}, {live.Spare, "spare"}, {live.HealthFailed, "healthFailed"}, {live.InError, "inError"},
}

func flagsOf(f live.Flags) map[string]bool {
	out := map[string]bool{}
	for _, row := range flagNames {
		out[row.name] = f&row.flag != 0
	}
	return out
}

func conflictOf(c cluster.Conflict) conflictJ {
	return conflictJ{string(c.Kind), c.Balancer.Name, c.Member, c.Param, text(c.Base), text(c.Now), text(c.Edit),
		uint64(c.Mark.Revision), manager.Describe(c)}
}

func changeOf(e *manager.Entry) changeJ {
	c := changeJ{
		Revision: uint64(e.Revision), Time: e.At.UTC(), User: e.By.User, Client: e.By.Client, Reason: e.By.Reason,
		Undoes: uint64(e.Undoes), UndoneBy: uint64(e.Undone), CanUndo: e.CanUndo == nil, Edits: doneOf(e.Edits),
	}
	if e.CanUndo != nil {
		c.Why = e.CanUndo.Error()
	}
	return c
}

func doneOf(edits []cluster.Edit) []doneJ {
	out := []doneJ{}
	edits = manager.Hide(edits)
	for i := range edits {
		e := &edits[i]
		d := doneJ{Op: string(e.Verb), Balancer: e.Balancer.Name, Member: e.Member}
		for k := range e.Params {
			p := &e.Params[k]
			v := valueJ{Name: p.Name, Old: text(p.Old()), New: &p.Value}
			if p.Back {
				v.New = nil
			}
			d.Parameters = append(d.Parameters, v)
		}
		out = append(out, d)
	}
	return out
}

// The calls that read.

func (c *call) index() {
	away := ""
	if err := c.Manager.Away(); err != nil {
		away = err.Error()
	}
	c.send(200, c.Manager.Version(), map[string]any{
		"product": c.Product, "version": c.Manager.Version().String(), "server": c.serverName(),
		"balancers": c.view.Names(), "persistent": c.Manager.Persistent(), "editsRefused": away,
		"conflicts": len(c.Manager.Conflicts()), "documentation": "openapi.json",
	})
}

func (c *call) serverName() string {
	if c.view.Server == nil {
		return ""
	}
	return c.view.Server.Name
}

func (c *call) balancers() {
	if f := c.query.only(); f != nil {
		c.fail(f)
		return
	}
	version := c.Manager.Version()
	list := c.view.Balancers()
	out := []balancerJ{}
	for i := range list {
		out = append(out, balancerOf(&list[i]))
	}
	c.send(200, version, map[string]any{"version": version.String(), "balancers": out})
}

// find looks for the balancer that the path names; nil: it has been answered.
func (c *call) find() *manager.Status {
	s, ok := c.view.Balancer(c.vars["balancer"])
	if !ok {
		f := wrong("", "balancer", c.vars["balancer"], "there is no such balancer", strings.Join(c.view.Names(), ", "))
		f.Status, f.Title = 404, "Not Found"
		c.fail(f)
		return nil
	}
	return &s
}

// findMember looks for the member that the path names, by its id.
func (c *call) findMember() (*manager.Status, *manager.MemberStatus) {
	s := c.find()
	if s == nil {
		return nil, nil
	}
	var all []string
	for i := range s.Members {
		if ID(s.Members[i].URL) == c.vars["member"] {
			return s, &s.Members[i]
		}
		all = append(all, ID(s.Members[i].URL)+" ("+s.Members[i].URL+")")
	}
	f := wrong("", "member", c.vars["member"], s.Name+" has no member of this id", strings.Join(all, ", "))
	f.Status, f.Title = 404, "Not Found"
	c.fail(f)
	return nil, nil
}

func (c *call) balancer() {
	if s := c.find(); s != nil {
		c.send(200, s.Version, balancerOf(s))
	}
}

func (c *call) members() {
	if s := c.find(); s != nil {
		c.send(200, s.Version, map[string]any{"version": s.Version.String(), "members": balancerOf(s).Members})
	}
}

func (c *call) member() {
	if s, m := c.findMember(); m != nil {
		c.send(200, s.Version, memberOf(m))
	}
}

type parameterJ struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	Unit    string `json:"unit,omitempty"`
	Default string `json:"default,omitempty"`
	Range   string `json:"range,omitempty"`
	Help    string `json:"help"`
	Fixed   bool   `json:"fixed"`
	Why     string `json:"why,omitempty"` // it is
}

// parameters is the two tables of what can be edited.
func (c *call) parameters() {
	rows := func(list []workerconf.Param) []parameterJ {
		out := []parameterJ{}
		for _, p := range list {
			out = append(out, parameterJ{p.Name, p.Kind, p.Unit, p.Default, p.Range, p.Help, manager.Fixed(p.Name) != "", manager.Fixed(p.Name)})
		}
		return out
	}
	c.send(200, manager.Version{}, map[string]any{
		"member":   rows(workerconf.WorkerParams),
		"balancer": rows(workerconf.BalancerParams),
		"flags":    workerconf.EditableFlags,
	})
}

func (c *call) history() {
	if f := c.query.only("balancer", "member", "user", "parameter", "since", "before", "limit"); f != nil {
		c.fail(f)
		return
	}
	f := manager.Filter{Balancer: c.query["balancer"], Member: c.query["member"], User: c.query["user"], Param: c.query["parameter"]}
	var err error
	if v := c.query["since"]; v != "" {
		if f.Since, err = time.Parse(time.RFC3339, v); err != nil {
			c.fail(wrong("", "since", v, "this is no time", "RFC 3339, such as 2026-01-02T15:04:05Z"))
			return
		}
	}
	if v := c.query["before"]; v != "" {
		n, err := strconv.ParseUint(v, 10, 63)
		if err != nil {
			c.fail(wrong("", "before", v, "this is no revision", "a whole number"))
			return
		}
		f.Before = cluster.Revision(n)
	}
	if v := c.query["limit"]; v != "" {
		if f.Limit, err = strconv.Atoi(v); err != nil || f.Limit < 1 || f.Limit > cluster.KeptChanges {
			c.fail(wrong("", "limit", v, "out of range", fmt.Sprintf("1 to %d", cluster.KeptChanges)))
			return
		}
	}
	version := c.Manager.Version()
	out := []changeJ{}
	for _, e := range c.view.History(f) {
		out = append(out, changeOf(&e))
	}
	c.send(200, version, map[string]any{"version": version.String(), "changes": out})
}

// revision reads the path's; 0: it has been answered.
func (c *call) revision() cluster.Revision {
	n, err := strconv.ParseUint(c.vars["revision"], 10, 63)
	if err != nil || n == 0 {
		f := wrong("", "revision", c.vars["revision"], "this is no revision", "a whole number from 1")
		f.Status, f.Title = 404, "Not Found"
		c.fail(f)
		return 0
	}
	return cluster.Revision(n)
}

func (c *call) oneChange() {
	r := c.revision()
	if r == 0 {
		return
	}
	for _, e := range c.view.History(manager.Filter{Before: r + 1, Limit: 1}) {
		if e.Revision == r {
			c.send(200, manager.Version{}, changeOf(&e))
			return
		}
	}
	f := wrong("", "revision", c.vars["revision"], "there is no such change, or it is too long ago", "")
	f.Status, f.Title = 404, "Not Found"
	c.fail(f)
}

func (c *call) conflicts() {
	out := []conflictJ{}
	for _, k := range c.Manager.Conflicts() {
		out = append(out, conflictOf(k))
	}
	c.send(200, c.Manager.Version(), map[string]any{"conflicts": out})
}

func (c *call) export() {
	if f := c.query.only("format"); f != nil {
		c.fail(f)
		return
	}
	switch v := c.query["format"]; v {
	case "", "text":
	case "json":
		c.folds()
		return
	default:
		c.fail(wrong("", "format", v, "there is no such format", "text or json"))
		return
	}
	c.body(200, "text/plain; charset=utf-8", []byte(c.Manager.Export()))
}

// placeJ is a line of the configuration.
type placeJ struct {
	File string `json:"file"`
	Line int    `json:"line"`
}

func placeOf(p diag.Position) *placeJ {
	if p.IsZero() {
		return nil
	}
	return &placeJ{p.File, p.Line}
}

// foldJ is what is to be done to the configuration's text for one thing that
// was edited.
type foldJ struct {
	Op         string       `json:"op"`
	Server     string       `json:"server"`
	Balancer   string       `json:"balancer"`
	Member     string       `json:"member,omitempty"`
	At         *placeJ      `json:"at"`
	Beside     string       `json:"beside"` // URL of the member that the line is about
	Parameters []foldParamJ `json:"parameters"`
	Withheld   []string     `json:"withheld"`
}

type foldParamJ struct {
	Name  string  `json:"name"`
	Value *string `json:"value"` // null: nothing is to be said
	At    *placeJ `json:"at"`    // null: nothing is said now, or the place is not known
}

func (c *call) folds() {
	list, left := c.Manager.Folds()
	out := []foldJ{}
	for i := range list {
		f := &list[i]
		j := foldJ{Op: string(f.Op), Server: f.Server, Balancer: f.Balancer, Member: f.Member, At: placeOf(f.At), Beside: f.Beside,
			Parameters: []foldParamJ{}, Withheld: append([]string{}, f.Withheld...)}
		for _, p := range f.Params {
			j.Parameters = append(j.Parameters, foldParamJ{p.Name, text(p.Value), placeOf(p.At)})
		}
		out = append(out, j)
	}
	c.send(200, c.Manager.Version(), map[string]any{"version": c.Manager.Version().String(), "folds": out, "left": append([]string{}, left...)})
}
