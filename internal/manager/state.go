package manager

import (
	"crypto/rand"
	"net/url"
	"strings"
	"time"

	"sallyport/internal/cluster"
	"sallyport/internal/diag"
	"sallyport/internal/live"
	"sallyport/internal/workerconf"
)

// View is what one virtual host sees. Get one for each answer.
type View struct {
	m      *Manager
	Server *Server // nil: no configuration is in service
}

// At is the view of the server of that key: live.BalancerKey.Server, as
// module.ServerBuild.Key has it.
func (m *Manager) At(server string) *View {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &View{m, m.board.server(server)}
}

// Status is a balancer as it stands.
type Status struct {
	Key       live.BalancerKey // for edits of its settings
	MemberKey live.BalancerKey // for edits of its members: its owner's key
	Name      string           // "balancer://name"
	Inherited bool             // it is the main server's
	Pos       diag.Position
	Version   Version // with the latest revision that touched it or its members
	Nonce     string  // that httpd's form must bring; "": None
	Paths     []string
	Settings  workerconf.Balancer // as they hold
	Params    []Param
	Method    string
	Members   []MemberStatus
	Growth    int // members that httpd's form may still add
	MaxSeats  int // members of the text and growth
	Waiting   int // requests in the queue
	// Active: some member can be elected.
	Active    bool
	Conflicts []cluster.Conflict
}

// Param is one parameter as it holds.
type Param struct {
	*workerconf.Param
	Value string // "" with Set false: the default holds
	Set   bool
	// Edited: an edit holds; Configured is what the text says.
	Edited     bool
	Configured cluster.Text
	Mark       cluster.Mark
	// Fixed: it can't be changed while running.
	Fixed bool
	// Secret: Value is not to be shown; it is "" here.
	Secret bool
}

// MemberStatus is a member as it stands.
type MemberStatus struct {
	URL                string
	Scheme, Host, Port string
	Pos                diag.Position // zero: it was added
	Added              bool
	Leaving            bool
	LeavesAt           time.Time // when it goes though it is not empty
	Conf               workerconf.Worker
	Params             []Param

	Flags             live.Flags
	Factor            int32 // hundredths, as it holds
	LBSet             uint8
	Route, Redirect   string
	Usable, Full      bool
	Elected           int64
	LBStatus          int64
	Transferred, Read int64 // bytes to and from it
	ErrorAt, RetryAt  time.Time
	Retries, Fails    uint32
	Pace              time.Duration // of its answers of late; 0: unknown
	Share             float64       // of the requests without a session, 0 to 1
	Load              Load
}

// Balancers lists what the server sees, inherited ones first.
func (v *View) Balancers() []Status {
	v.m.mu.Lock()
	defer v.m.mu.Unlock()
	var out []Status
	for _, e := range v.m.board.seen(v.Server) {
		out = append(out, v.m.status(e, v.Server))
	}
	return out
}

// Loads is Balancers without parameters and conflicts: what is cheap to ask for
// once a second.
func (v *View) Loads() []Status {
	v.m.mu.Lock()
	defer v.m.mu.Unlock()
	var out []Status
	for _, e := range v.m.board.seen(v.Server) {
		own := e.Owner
		s := Status{Key: e.Key, MemberKey: own.Key, Name: e.Name, Waiting: own.LB.Waiting()}
		seats := v.m.layouts[own]
		shares := Shares(v.m.claims(own, seats))
		for i := range seats.Seats {
			ms := v.m.load(own, &seats.Seats[i], v.m.now())
			ms.Share = shares[i]
			s.Members = append(s.Members, ms)
		}
		out = append(out, s)
	}
	return out
}

// Balancer finds one by its name, with or without "balancer://".
func (v *View) Balancer(name string) (Status, bool) {
	v.m.mu.Lock()
	defer v.m.mu.Unlock()
	if e := v.find(name); e != nil {
		return v.m.status(e, v.Server), true
	}
	return Status{}, false
}

func (v *View) find(name string) *Balancer {
	name = strings.ToLower(strings.TrimPrefix(name, "balancer://"))
	for _, e := range v.m.board.seen(v.Server) {
		if e.Key.Name == name {
			return e
		}
	}
	return nil
}

// Names lists the balancers, without "balancer://".
func (v *View) Names() []string {
	v.m.mu.Lock()
	defer v.m.mu.Unlock()
	var out []string
	for _, e := range v.m.board.seen(v.Server) {
		out = append(out, e.Key.Name)
	}
	return out
}

// Member finds a member of a balancer by its URL.
func (s *Status) Member(url string) *MemberStatus {
	for i := range s.Members {
		if s.Members[i].URL == url {
			return &s.Members[i]
		}
	}
	return nil
}

// status looks at a balancer; locked.
func (m *Manager) status(e *Balancer, from *Server) Status {
	own, l := e.Owner, m.layouts[e]
	s := Status{
		Key: e.Key, MemberKey: own.Key, Name: e.Name, Inherited: from.Key != e.Key.Server, Pos: e.Pos,
		Nonce: m.nonce(e), Paths: e.Paths, Settings: l.Settings,
		Method: l.Settings.Method.Or(workerconf.DefaultMethod), MaxSeats: len(own.Members) + m.layouts[own].Settings.Growth.V,
	}
	edited, members := m.overlay.Of(e.Key), m.overlay.Of(own.Key)
	s.Version = Version{m.config, 0}
	for _, b := range []*cluster.Balancer{edited, members} {
		if b != nil {
			s.Version.Revision = max(s.Version.Revision, b.Last)
		}
	}
	var params map[string]cluster.Value
	if edited != nil {
		params = edited.Params
	}
	for _, p := range e.balancerParams() {
		s.Params = append(s.Params, param(p, l.Settings.Text, e.Text.Text, params, p.Name))
	}
	now := m.now()
	added := 0
	seats := m.layouts[own]
	shares := Shares(m.claims(own, seats))
	s.Waiting = own.LB.Waiting()
	for i := range seats.Seats {
		seat := &seats.Seats[i]
		if seat.Line < 0 {
			added++
		}
		ms := m.member(own, seat, members.Member(seat.URL), now)
		ms.Share = shares[i]
		s.Active = s.Active || ms.Usable
		s.Members = append(s.Members, ms)
	}
	s.Growth = max(seats.Settings.Growth.V-added, 0)
	for _, c := range m.merged {
		if c.Balancer == e.Key || c.Balancer == own.Key {
			s.Conflicts = append(s.Conflicts, c)
		}
	}
	return s
}

func (m *Manager) member(e *Balancer, seat *Seat, edited *cluster.Member, now time.Time) MemberStatus {
	key := live.WorkerKey{Balancer: e.Key, URL: seat.URL}
	s := m.load(e, seat, now)
	s.Conf, s.Added = seat.Conf, seat.Line < 0
	s.Scheme, s.Host, s.Port = split(seat.URL)
	text := &e.New
	if seat.Line >= 0 {
		s.Pos, text = e.Members[seat.Line].Pos, &e.Members[seat.Line].Text
	}
	if l := m.leaving[key]; l != nil {
		s.LeavesAt = l.until
	}
	var params map[string]cluster.Value
	if edited != nil {
		params = edited.Params
	}
	for i := range workerconf.WorkerParams {
		p := &workerconf.WorkerParams[i]
		if strings.HasPrefix(p.Name, "hc") && !e.Known.Hcheck {
			continue
		}
		s.Params = append(s.Params, param(p, s.Conf.Text, text.Text, params, p.Name))
	}
	return s
}

// load looks at the live side of a member; locked.
func (m *Manager) load(e *Balancer, seat *Seat, now time.Time) MemberStatus {
	key := live.WorkerKey{Balancer: e.Key, URL: seat.URL}
	s := MemberStatus{URL: seat.URL, Leaving: seat.Leaving}
	w := m.live.Worker(key)
	if w == nil {
		return s
	}
	s.Flags, s.Usable, s.Full = w.Flags(), w.Usable(), w.Full()
	s.Elected, s.Transferred, s.Read = w.Elected(), w.Transferred(), w.Read()
	s.Pace = w.Pace(now)
	b := w.Balancer()
	b.Lock()
	b.Settle()
	set := w.Settings()
	s.Factor, s.LBSet, s.Route, s.Redirect = set.Factor, set.LBSet, set.Route, set.Redirect
	s.LBStatus, s.Retries, s.Fails, s.ErrorAt = w.LBStatus(), w.Retries(), w.Fails(), w.ErrorAt()
	if s.Flags&live.InError != 0 {
		s.RetryAt = s.ErrorAt.Add(w.Hold(seat.Conf.Retry.Or(workerconf.DefaultRetry)))
	}
	b.Unlock()
	s.Load = loadOf(w, now)
	return s
}

// param makes the row of one parameter.
func param(p *workerconf.Param, holds, text func(string) (string, bool, bool), edits map[string]cluster.Value, name string) Param {
	out := Param{Param: p, Fixed: fixed[name] != "", Secret: secret[name]}
	out.Value, out.Set, _ = holds(name)
	base, is, _ := text(name)
	out.Configured = cluster.Text{V: base, Is: is}
	var last cluster.Value
	for edited, v := range edits {
		if edited == name || name == "status" && strings.HasPrefix(edited, "status.") {
			out.Edited = true
			if v.Revision > last.Revision {
				last = v
			}
		}
	}
	out.Mark = last.Mark
	if out.Secret {
		out.Value, out.Configured.V = "", ""
	}
	return out
}

// secret are the parameters whose values are never shown.
var secret = map[string]bool{"secret": true, "stickysecret": true}

// fixed are the parameters of members that can't be changed while running, and
// why.
var fixed = map[string]string{
	"enablereuse": "disablereuse says the same the other way round: change that",
	"flusher":     "it has no effect in Sallyport: only mod_proxy_fdpass uses it, which there is not",
}

// Fixed says why a parameter can't be edited; "" where it can.
func Fixed(name string) string { return fixed[name] }

// nonce is what httpd's form must bring; the same as long as the process lives.
func (m *Manager) nonce(e *Balancer) string {
	if n := m.layouts[e].Settings.Nonce; n.Is {
		return n.V
	}
	n := m.nonces[e.Key]
	if n == "" {
		n = rand.Text()
		m.nonces[e.Key] = n
	}
	return n
}

// split takes a member's URL apart for display.
func split(member string) (scheme, host, port string) {
	if i := strings.IndexByte(member, '|'); i >= 0 && strings.HasPrefix(member, "unix:") {
		member = member[i+1:]
	}
	u, err := url.Parse(member)
	if err != nil {
		return "", member, ""
	}
	return u.Scheme, u.Hostname(), u.Port()
}
