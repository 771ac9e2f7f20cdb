package ctl

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sallyport/internal/manager/api"
)

var commands = []command{
	{"balancers", "", "the balancers and how they are", 0, 0, (*session).balancers},
	{"members", "[BALANCER]", "the members and how they are", 0, 1, (*session).members},
	{"show", "BALANCER [MEMBER]", "everything about one, as JSON", 1, 2, (*session).show},
	{"set", "BALANCER [MEMBER] KEY=VALUE…", "change settings or a member", 2, -1, (*session).set},
	{"drain", "BALANCER MEMBER…", "no new sessions for members", 2, -1, (*session).drain},
	{"disable", "BALANCER MEMBER…", "no requests for members", 2, -1, (*session).disable},
	{"enable", "BALANCER MEMBER…", "put members back to work", 2, -1, (*session).enable},
	{"add", "BALANCER URL [KEY=VALUE…]", "add a member", 2, -1, (*session).add},
	{"remove", "BALANCER MEMBER…", "drain members and remove them", 2, -1, (*session).remove},
	{"do", "BALANCER MEMBER ACTION", "recover, check, zero, stop, start … a member", 3, 3, (*session).act},
	{"history", "[BALANCER]", "what was changed, by whom", 0, 1, (*session).history},
	{"undo", "REVISION", "take a change back", 1, 1, (*session).undo},
	{"conflicts", "", "edits that a changed configuration disagrees with", 0, 0, (*session).conflicts},
	{"watch", "", "print what happens as it happens", 0, 0, (*session).watch},
	{"export", "[-into FILE [-write]]", "the edits as configuration text, or folded into a file", 0, 0, (*session).export},
	{"token", "NAME", "make a token for BalancerManagerTokens", 1, 1, (*session).newToken},
}

// The API's shapes, as far as tables show them.

type balancer struct {
	Name    string   `json:"name"`
	Method  string   `json:"method"`
	Active  bool     `json:"active"`
	Waiting int      `json:"waiting"`
	Members []member `json:"members"`
}

type member struct {
	ID       string  `json:"id"`
	URL      string  `json:"url"`
	Host     string  `json:"host"`
	Port     string  `json:"port"`
	State    string  `json:"state"`
	Route    string  `json:"route"`
	Factor   float64 `json:"factor"`
	LBSet    int     `json:"lbset"`
	Share    float64 `json:"share"`
	Elected  int64   `json:"elected"`
	Busy     int64   `json:"busy"`
	Tunnels  int64   `json:"tunnels"`
	Sessions *int    `json:"sessions"`
	Edited   map[string]json.RawMessage
}

// get asks for something and prints its JSON if that is wanted; then done.
func (s *session) get(path string, v any) (done bool, err error) {
	c, err := s.connect()
	if err != nil {
		return true, err
	}
	raw, err := c.do("GET", path, nil, v)
	if err == nil && s.json {
		s.out.Write(raw)
	}
	return err != nil || s.json, err
}

func (s *session) all() (list []balancer, done bool, err error) {
	var a struct {
		Balancers []balancer `json:"balancers"`
	}
	done, err = s.get("balancers", &a)
	return a.Balancers, done, err
}

func (s *session) balancers() error {
	list, done, err := s.all()
	if done {
		return err
	}
	t := table{head: []string{"BALANCER", "METHOD", "MEMBERS", "USABLE", "BUSY", "WAITING"}}
	for _, b := range list {
		usable, busy := 0, int64(0)
		for _, m := range b.Members {
			if m.State == "ok" || m.State == "full" || m.State == "standby" || m.State == "spare" {
				usable++
			}
			busy += m.Busy
		}
		t.add(b.Name, b.Method, len(b.Members), usable, busy, b.Waiting)
	}
	t.print(s.out)
	return nil
}

func (s *session) members() error {
	var list []balancer
	if len(s.args) == 1 {
		var b balancer
		if done, err := s.get("balancers/"+url.PathEscape(s.args[0]), &b); done {
			return err
		}
		list = []balancer{b}
	} else {
		var done bool
		var err error
		if list, done, err = s.all(); done {
			return err
		}
	}
	t := table{head: []string{"BALANCER", "MEMBER", "STATE", "ROUTE", "FACTOR", "SET", "SHARE", "ELECTED", "BUSY", "TUNNELS", "SESSIONS", "EDITED"}}
	for _, b := range list {
		for _, m := range b.Members {
			sessions := "-"
			if m.Sessions != nil {
				sessions = strconv.Itoa(*m.Sessions)
			}
			t.add(b.Name, m.URL, m.State, dash(m.Route), m.Factor, m.LBSet, fmt.Sprintf("%.0f%%", 100*m.Share), m.Elected, m.Busy, m.Tunnels, sessions, len(m.Edited))
		}
	}
	t.print(s.out)
	return nil
}

// find turns what was written for a member into the member. It asks anew each
// time: counters move.
func (s *session) find(name, what string) (member, error) {
	c, err := s.connect()
	if err != nil {
		return member{}, err
	}
	var b balancer
	if _, err := c.do("GET", "balancers/"+url.PathEscape(name), nil, &b); err != nil {
		return member{}, err
	}
	var found []member
	for _, m := range b.Members {
		if what == m.URL || what == m.ID {
			return m, nil
		}
		if strings.TrimSuffix(what, "/") == strings.TrimSuffix(m.URL, "/") || what == m.Host+":"+m.Port || m.Route != "" && what == m.Route || what == m.Host {
			found = append(found, m)
		}
	}
	switch len(found) {
	case 0:
		var all []string
		for _, m := range b.Members {
			all = append(all, m.URL)
		}
		return member{}, &problem{Status: 404, Detail: fmt.Sprintf("%s has no member %s; it has %s", name, what, strings.Join(all, ", "))}
	case 1:
		return found[0], nil
	}
	return member{}, &usageError{fmt.Sprintf("%s may be %s or %s: give the URL", what, found[0].URL, found[1].URL)}
}

func memberPath(balancer, id string) string {
	return "balancers/" + url.PathEscape(balancer) + "/members/" + id
}

func (s *session) show() error {
	s.json = true
	if len(s.args) == 1 {
		_, err := s.get("balancers/"+url.PathEscape(s.args[0]), nil)
		return err
	}
	m, err := s.find(s.args[0], s.args[1])
	if err == nil {
		_, err = s.get(memberPath(s.args[0], m.ID), nil)
	}
	return err
}

// pairs reads KEY=VALUE words.
func pairs(words []string) (map[string]any, error) {
	out := map[string]any{}
	for _, w := range words {
		key, value, ok := strings.Cut(w, "=")
		if !ok || key == "" {
			return nil, &usageError{fmt.Sprintf("%q is not KEY=VALUE", w)}
		}
		if before, twice := out[key]; twice {
			if key != "hcheader" && key != "hcexpect" || before == nil {
				return nil, &usageError{key + " is given twice"}
			}
			value = before.(string) + "\n" + value
		}
		if value == "null" {
			out[key] = nil
		} else {
			out[key] = value
		}
	}
	return out, nil
}

// write sends a change and prints what came of it.
func (s *session) write(method, path string, body map[string]any) error {
	c, err := s.connect()
	if err != nil {
		return err
	}
	q := url.Values{}
	if s.dry {
		q.Set("dry-run", "1")
	}
	if s.reason != "" {
		if body != nil {
			body["reason"] = s.reason
		} else {
			q.Set("reason", s.reason)
		}
	}
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	var a struct {
		Revision uint64   `json:"revision"`
		Edits    []edit   `json:"edits"`
		Warnings []string `json:"warnings"`
		List     []struct {
			Name    string `json:"name"`
			Members []struct {
				URL    string  `json:"url"`
				Before float64 `json:"shareBefore"`
				After  float64 `json:"shareAfter"`
				New    bool    `json:"new"`
				Gone   bool    `json:"gone"`
				Rate   float64 `json:"rateBefore"`
				Will   float64 `json:"rateAfter"`
				Most   float64 `json:"rateMost"`
			} `json:"members"`
		} `json:"balancers"`
	}
	match := s.match
	if match != "" && match != "*" && match[0] != '"' {
		match = `"` + match + `"`
	}
	var send any
	if body != nil {
		send = body
	}
	raw, err := c.do(method, path, send, &a, "If-Match", match)
	switch {
	case err != nil:
		return err
	case s.json:
		s.out.Write(raw)
		return nil
	case !s.dry:
		fmt.Fprintf(s.out, "revision %d\n", a.Revision)
	}
	for _, e := range a.Edits {
		e.print(s.out)
	}
	for _, w := range a.Warnings {
		fmt.Fprintf(s.out, "warning: %s\n", w)
	}
	if s.dry {
		t := table{head: []string{"BALANCER", "MEMBER", "SHARE NOW", "THEN", "REQ/S NOW", "THEN", "MOST OF THE HOUR"}}
		for _, b := range a.List {
			for _, m := range b.Members {
				now, then := fmt.Sprintf("%.0f%%", 100*m.Before), fmt.Sprintf("%.0f%%", 100*m.After)
				if m.New {
					now = "-"
				}
				if m.Gone {
					then = "gone"
				}
				t.add(b.Name, m.URL, now, then, m.Rate, m.Will, m.Most)
			}
		}
		t.print(s.out)
	}
	return nil
}

func (s *session) set() error {
	path := "balancers/" + url.PathEscape(s.args[0])
	words := s.args[1:]
	// A URL may hold "=", but no parameter's name holds "://".
	if key, _, pair := strings.Cut(words[0], "="); !pair || strings.Contains(key, "://") {
		m, err := s.find(s.args[0], words[0])
		if err != nil {
			return err
		}
		path, words = memberPath(s.args[0], m.ID), words[1:]
	}
	if len(words) == 0 {
		return &usageError{"there is nothing to change: KEY=VALUE is missing"}
	}
	params, err := pairs(words)
	if err != nil {
		return err
	}
	return s.write("PATCH", path, map[string]any{"parameters": params})
}

func (s *session) add() error {
	params, err := pairs(s.args[2:])
	if err != nil {
		return err
	}
	return s.write("POST", "balancers/"+url.PathEscape(s.args[0])+"/members", map[string]any{"url": s.args[1], "parameters": params})
}

func (s *session) act() error {
	m, err := s.find(s.args[0], s.args[1])
	if err != nil {
		return err
	}
	return s.write("POST", memberPath(s.args[0], m.ID)+"/actions", map[string]any{"action": s.args[2]})
}

// each makes one change of an edit for each member that is named, and returns
// the members.
func (s *session) each(edit func(*member) map[string]any) ([]member, error) {
	var list []member
	var edits []map[string]any
	for _, what := range s.args[1:] {
		m, err := s.find(s.args[0], what)
		if err != nil {
			return nil, err
		}
		e := edit(&m)
		e["balancer"], e["member"] = s.args[0], m.URL
		list, edits = append(list, m), append(edits, e)
	}
	return list, s.write("POST", "changes", map[string]any{"edits": edits})
}

// flags is an edit that sets flags of status=.
func flags(words ...string) func(*member) map[string]any {
	params := map[string]any{}
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		params["status."+key] = value
	}
	return func(*member) map[string]any { return map[string]any{"op": "set", "parameters": params} }
}

func (s *session) disable() error {
	_, err := s.each(flags("D=On"))
	return err
}

func (s *session) enable() error {
	_, err := s.each(flags("D=Off", "N=Off", "S=Off"))
	return err
}

func (s *session) drain() error {
	list, err := s.each(flags("N=On"))
	if err != nil || !s.wait || s.dry {
		return err
	}
	return s.poll(list, func(m member, err error) (bool, error) {
		return err == nil && m.Busy == 0 && (m.Sessions == nil || *m.Sessions == 0), err
	})
}

func (s *session) remove() error {
	list, err := s.each(func(*member) map[string]any {
		return map[string]any{"op": "remove", "timeout": s.timeout.String(), "idle": s.idle.String()}
	})
	if err != nil || !s.wait || s.dry {
		return err
	}
	s.timeout += 5 * time.Second // the server lets go when its time is over
	return s.poll(list, func(_ member, err error) (bool, error) {
		if p, ok := err.(*problem); ok && p.Status == 404 {
			return true, nil
		}
		return false, err
	})
}

// pollPause is how often a member is looked at.
const pollPause = 500 * time.Millisecond

// poll looks at members, one after the other, until over says so of all.
func (s *session) poll(list []member, over func(member, error) (bool, error)) error {
	last := ""
	for end := time.Now().Add(s.timeout); ; time.Sleep(pollPause) {
		m := &list[0]
		var now member
		_, err := s.client.do("GET", memberPath(s.args[0], m.ID), nil, &now)
		done, err := over(now, err)
		if err != nil {
			return err
		}
		if done {
			if list = list[1:]; len(list) == 0 {
				return nil
			}
			continue
		}
		left := fmt.Sprintf("%s: %d requests in hand, %d of them tunnels", m.URL, now.Busy, now.Tunnels)
		if now.Sessions != nil {
			left += fmt.Sprintf(", %d sessions of late", *now.Sessions)
		}
		if left != last {
			fmt.Fprintln(s.err, left)
			last = left
		}
		if time.Now().After(end) {
			return &waitError{"not empty after " + s.timeout.String() + ": " + left}
		}
	}
}

type change struct {
	Revision uint64    `json:"revision"`
	Time     time.Time `json:"time"`
	User     string    `json:"user"`
	Client   string    `json:"client"`
	Reason   string    `json:"reason"`
	UndoneBy uint64    `json:"undoneBy"`
	Edits    []edit    `json:"edits"`
}

type edit struct {
	Op         string `json:"op"`
	Balancer   string `json:"balancer"`
	Member     string `json:"member"`
	Parameters []struct {
		Name string  `json:"name"`
		Old  *string `json:"old"`
		New  *string `json:"new"`
	} `json:"parameters"`
}

func (e *edit) print(w io.Writer) {
	fmt.Fprintf(w, "  %s %s %s", e.Op, e.Balancer, e.Member)
	for _, p := range e.Parameters {
		old, now := "default", "as configured"
		if p.Old != nil {
			old = *p.Old
		}
		if p.New != nil {
			now = *p.New
		}
		fmt.Fprintf(w, " %s=%s (was %s)", p.Name, now, old)
	}
	fmt.Fprintln(w)
}

func (c *change) print(w io.Writer) {
	who := c.User
	if who == "" {
		who = "-"
	}
	fmt.Fprintf(w, "%d  %s  %s", c.Revision, c.Time.Local().Format("2006-01-02 15:04:05"), who)
	if c.Client != "" {
		fmt.Fprintf(w, " from %s", c.Client)
	}
	if c.Reason != "" {
		fmt.Fprintf(w, "  %q", c.Reason)
	}
	if c.UndoneBy != 0 {
		fmt.Fprintf(w, "  (undone by %d)", c.UndoneBy)
	}
	fmt.Fprintln(w)
	for i := range c.Edits {
		c.Edits[i].print(w)
	}
}

func (s *session) history() error {
	q := url.Values{"limit": {strconv.Itoa(s.limit)}}
	for name, v := range map[string]string{"member": s.member, "user": s.by, "parameter": s.parameter} {
		if v != "" {
			q.Set(name, v)
		}
	}
	if len(s.args) == 1 {
		q.Set("balancer", s.args[0])
	}
	var a struct {
		Changes []change `json:"changes"`
	}
	if done, err := s.get("changes?"+q.Encode(), &a); done {
		return err
	}
	for i := range a.Changes {
		a.Changes[i].print(s.out)
	}
	if len(a.Changes) == 0 {
		fmt.Fprintln(s.err, "nothing was changed")
	}
	return nil
}

func (s *session) undo() error {
	if _, err := strconv.ParseUint(s.args[0], 10, 63); err != nil {
		return &usageError{fmt.Sprintf("%q is no revision; see sallyport ctl history", s.args[0])}
	}
	return s.write("POST", "changes/"+s.args[0]+"/undo", map[string]any{})
}

func (s *session) conflicts() error {
	var a struct {
		Conflicts []struct {
			Text string `json:"text"`
		} `json:"conflicts"`
	}
	if done, err := s.get("conflicts", &a); done {
		return err
	}
	for _, c := range a.Conflicts {
		fmt.Fprintln(s.out, c.Text)
	}
	if len(a.Conflicts) == 0 {
		fmt.Fprintln(s.err, "none")
	}
	return nil
}

func (s *session) export() error {
	switch {
	case s.into != "":
		return s.exportInto()
	case s.diff || s.writes:
		return &usageError{"-diff and -write need -into FILE"}
	}
	c, err := s.connect()
	if err != nil {
		return err
	}
	raw, err := c.do("GET", "export", nil, nil)
	s.out.Write(raw)
	return err
}

// watch prints events until the server is gone for good.
func (s *session) watch() error {
	c, err := s.connect()
	if err != nil {
		return err
	}
	last := ""
	for fails := 0; ; {
		resp, err := c.send(context.Background(), "GET", "events", nil, "Last-Event-ID", last)
		if err != nil {
			if fails++; fails > 5 || last == "" {
				return err
			}
			time.Sleep(time.Duration(fails) * time.Second)
			continue
		}
		fails = 0
		sc := bufio.NewScanner(resp.Body)
		sc.Buffer(nil, 16<<20)
		kind, data := "", ""
		for sc.Scan() {
			line := sc.Text()
			switch {
			case line == "" && data != "":
				s.event(kind, data)
				kind, data = "", ""
			case strings.HasPrefix(line, "id: "):
				last = line[4:]
			case strings.HasPrefix(line, "event: "):
				kind = line[7:]
			case strings.HasPrefix(line, "data: "):
				data = line[6:]
			}
		}
		resp.Body.Close()
		time.Sleep(time.Second) // a reload ends the stream
	}
}

func (s *session) event(kind, data string) {
	if s.json {
		fmt.Fprintf(s.out, "%s\n", data)
		return
	}
	var e struct {
		Time     time.Time `json:"time"`
		Change   *change   `json:"change"`
		Balancer string    `json:"balancer"`
		Member   string    `json:"member"`
		Busy     int64     `json:"busy"`
		Tunnels  int64     `json:"tunnels"`
		Sessions int       `json:"sessions"`
		Why      string    `json:"why"`
	}
	if json.Unmarshal([]byte(data), &e) != nil {
		return
	}
	switch {
	case e.Change != nil:
		e.Change.print(s.out)
	case kind == "left":
		fmt.Fprintf(s.out, "%s  %s %s has left with %d requests in hand, %d of them tunnels, %d sessions\n",
			e.Time.Local().Format(time.TimeOnly), e.Balancer, e.Member, e.Busy, e.Tunnels, e.Sessions)
	default:
		fmt.Fprintln(s.out, strings.TrimSpace(e.Time.Local().Format(time.TimeOnly)+"  "+kind+" "+e.Why))
	}
}

func (s *session) newToken() error {
	if s.args[0] == "" || strings.ContainsAny(s.args[0], ": \t\n") {
		return &usageError{"a token's name has no colon and no blank"}
	}
	secret, line := api.NewToken(s.args[0])
	fmt.Fprintf(s.err, "The token, shown this once:\n%s\nThe line for the file of BalancerManagerTokens:\n", secret)
	fmt.Fprintln(s.out, line)
	return nil
}
