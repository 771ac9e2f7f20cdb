// Package module says what a room is: one httpd module as data. A room is a
// value of type Room in its own package under modules/; modules/all lists them
// in the one order that decides who comes first where several have work in the
// same phase. Nothing registers itself.
package module

import (
	"crypto/tls"
	"net/netip"
	"time"

	"sallyport/internal/backend/pool"
	"sallyport/internal/balancer"
	"sallyport/internal/certs"
	"sallyport/internal/chart"
	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/exchange"
	"sallyport/internal/health/checker"
	"sallyport/internal/heartbeat"
	"sallyport/internal/live"
	"sallyport/internal/logfile"
	"sallyport/internal/manager"
	"sallyport/internal/tickets"
)

// Room declares one module.
type Room struct {
	// Name without "mod_": "headers" is known to LoadModule as headers_module
	// and to IfModule also as mod_headers.c.
	Name string
	// Source overrides "mod_<Name>.c" (core: "core.c").
	Source string
	// Static rooms are there without a LoadModule line, as in Debian's httpd
	// (core, so, log_config, version, unixd …).
	Static bool
	// Directives is the room's table; names are unique over all rooms.
	Directives []conf.Directive
	// Expand may write on in a configuration that was read without an error:
	// see conf.ModuleInfo.
	Expand func(c *conf.Config)
	// Compile is called once per configuration, after all text was executed.
	// It checks what only the whole can show (b.Fail, b.Warn), builds what is
	// shared, and returns the function that furnishes each Place; nil when the
	// room furnishes none.
	Compile func(b *Build) func(p *Plan)
	// Methods are the lbmethods the room provides, by the name lbmethod= knows
	// them by. Each call makes the method of one balancer.
	Methods map[string]func() balancer.Method
	// Handlers are the names by which SetHandler and AddHandler ask for the
	// room's answer (Exchange.Handler).
	Handlers []string
}

// Rank orders hooks of one phase before the order of rooms does.
type Rank int8

const (
	First  Rank = -10
	Middle Rank = 0
	Last   Rank = 10
)

// Build is one configuration on its way to a snapshot.
type Build struct {
	Config   *conf.Config
	Servers  []*ServerBuild // [0] is the main server
	Diags    *diag.List
	Openings []Opening
	// Methods are the lbmethods of all rooms that count as loaded.
	Methods map[string]func() balancer.Method
	// Handlers tells by a handler's name which room has it and whether that
	// counts as loaded.
	Handlers map[string]Handler
	// Announced is set by the room that has connections begin with a PROXY
	// header; nil: none does.
	Announced *Announced
	// Env opens what outlives the snapshot and needs the process: logs, live
	// state. With -t it opens nothing.
	Env Env
	// Challenge, where a room sets it, gives the certificate that proves to an
	// ACME server whose name this is: for hellos that offer "acme-tls/1" and
	// nothing else (RFC 8737), on any address with TLS. The connection ends
	// after the handshake. nil and no error: no such challenge is under way.
	Challenge func(*tls.ClientHelloInfo) (*tls.Certificate, error)
}

// Handler is a name that SetHandler knows.
type Handler struct {
	Room   string // "status"
	Loaded bool
}

// Announced tells which connections begin with a PROXY header: by the local
// address, as virtual hosts are found by it.
type Announced struct {
	// Of has the servers that say so themselves, by exchange.Server.Index; false
	// keeps the header away from addresses that others want it at.
	Of map[int]bool
	// Except reports the clients that send none.
	Except func(client netip.Addr) bool
}

// ServerBuild pairs a server with its merged configuration.
type ServerBuild struct {
	// Key names the server over reloads (live.BalancerKey.Server); "" for the
	// main server. Set by room proxy's Compile.
	Key string
	// ShowsProxy is ProxyStatus: server-status lists the balancers. Set by room
	// proxy's Compile.
	ShowsProxy bool

	Conf   conf.Vector // main server's under the virtual host's own
	Dir    conf.Vector // base, merged likewise
	Source *conf.Server
	Server *exchange.Server
	TLS    TLSWish
}

// TLSWish is what other rooms want of room ssl for one server. They set it in
// Compile and stand before room ssl in modules/all.
type TLSWish struct {
	// On asks for TLS where neither SSLEngine nor Listen says anything.
	On bool
	// Certificate gives the certificate of a handshake; nil and no error: none
	// of its own, SSLCertificateFile's is used. Asked for every full handshake,
	// by many goroutines: it must answer at once, from memory. Where it is set
	// the server needs no SSLCertificateFile.
	Certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// CertificateID names what Certificate gives: requests for servers with the
	// same one may come by each other's connections. "": no other has it.
	CertificateID string
	// Files is room ssl's answer: the server has SSLCertificateFile. Known once
	// all rooms are compiled.
	Files bool
}

// Plan is one Place being furnished. Dir is the merged per-section
// configuration of its sections, Conf that of its server.
type Plan struct {
	Server *ServerBuild
	Conf   conf.Vector
	Dir    conf.Vector
	Place  *exchange.Place
	hooks  [exchange.NumPhases][]ranked
}

type ranked struct {
	rank Rank
	hook exchange.Hook
}

// Hook adds work to a phase.
func (p *Plan) Hook(ph exchange.Phase, r Rank, h exchange.Hook) {
	p.hooks[ph] = append(p.hooks[ph], ranked{r, h})
}

// Close sorts the hooks into the Place: by rank, then in the order added.
func (p *Plan) Close() {
	for ph := range p.hooks {
		var out []exchange.Hook
		for r := First; r <= Last; r++ {
			for _, h := range p.hooks[ph] {
				if h.rank == r {
					out = append(out, h.hook)
				}
			}
		}
		p.Place.Hooks[ph] = out
	}
}

// Fail records an error about a place in the text; the configuration is not used.
func (b *Build) Fail(pos diag.Position, text, hint string) {
	*b.Diags = append(*b.Diags, diag.Diagnostic{Pos: pos, Text: text, Hint: hint})
}

// Warn records a warning.
func (b *Build) Warn(pos diag.Position, text, hint string) {
	*b.Diags = append(*b.Diags, diag.Diagnostic{Severity: diag.Warning, Pos: pos, Text: text, Hint: hint})
}

// EachDir shows f the per-section configuration of every section as written, and
// that of servers outside of sections: for what can be told of a line alone.
func (b *Build) EachDir(f func(conf.Vector)) {
	var each func([]*conf.Section)
	each = func(list []*conf.Section) {
		for _, s := range list {
			f(s.Dir)
			each(s.Sections)
		}
	}
	for _, sb := range b.Servers {
		f(sb.Source.Dir)
		each(sb.Source.Sections)
	}
}

// Env is the process around a Build: what a room may use that is not
// configuration.
type Env struct {
	// Test is set for -t: nothing is opened, no live state is touched.
	Test bool
	Live *live.Registry
	// Manager is where balancers are looked at and edited while the server runs;
	// nil where nobody does.
	Manager *manager.Manager
	// Pools are the connections to backends; they outlive a snapshot.
	Pools *pool.Registry
	// Health carries out health checks; it outlives a snapshot, too.
	Health *checker.Checker
	// Logs opens log files and runs piped log programs; nil: with the rights of
	// this process.
	Logs logfile.Opener
	// ReadFile reads certificates, keys and the like, with the rights of root
	// where this process has given them up (only files that it had read
	// before). nil: os.ReadFile.
	ReadFile func(path string) ([]byte, error)
	// Tickets are the keys of TLS session tickets; they outlive a snapshot. nil:
	// each tls.Config makes its own.
	Tickets *tickets.Keys
	// Secrets are pass phrases of private keys; nil: none are remembered.
	Secrets *Secrets
	// Scoreboard tells what the process is doing; nil with -t.
	Scoreboard Scoreboard
	// Heartbeats is what backends have told of themselves; nil with -t.
	Heartbeats *heartbeat.Board
	// Charts is the last hour of balancers' members; nil with -t.
	Charts *chart.Recorder
	// Certs are the managed certificates, which outlive a snapshot.
	Certs *certs.Manager
	// Now is the clock; time.Now outside of tests.
	Now func() time.Time
}

// Opening is something a snapshot owns that must be opened before it serves
// and closed when its last exchange has ended: log files, caches, pools of
// its own. Open's error keeps the running configuration. Never called for -t.
type Opening struct {
	Open func() error
	// Ready is called when all openings have succeeded: what must not happen for
	// a configuration that is then given up belongs here.
	Ready func()
	Close func()
}

// Open registers an Opening.
func (b *Build) Open(o Opening) { b.Openings = append(b.Openings, o) }
