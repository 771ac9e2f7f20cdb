package workerconf

import (
	"math"
	"slices"
	"strings"
	"time"

	"sallyport/internal/conf"
	"sallyport/internal/health"
	"sallyport/internal/live"
)

// Worker is what a configuration says about one worker: the target of a
// ProxyPass line or a member of a balancer. A field that was not set falls
// back as its row in WorkerParams says.
type Worker struct {
	LoadFactor conf.Opt[int] // hundredths: 100..10000; default 100
	LBSet      conf.Opt[int] // 0..99
	Route      conf.Opt[string]
	Redirect   conf.Opt[string]
	Status     conf.Opt[Status]
	Retry      conf.Opt[time.Duration] // 0: always; default DefaultRetry

	Timeout        conf.Opt[time.Duration] // unset: ProxyTimeout, then Timeout
	ConnectTimeout conf.Opt[time.Duration] // connectiontimeout; unset: Timeout above
	Ping           conf.Opt[time.Duration] // negative: look at the socket, ask nothing
	Acquire        conf.Opt[time.Duration] // unset: wait for ever

	Min, SMax, Max conf.Opt[int] // Max 0: no limit of its own
	TTL            conf.Opt[time.Duration]
	DisableReuse   conf.Opt[bool]          // also enablereuse, inverted
	AddressTTL     conf.Opt[time.Duration] // negative: as its records say; 0: no connection is kept
	Expand         conf.Opt[bool]          // every address of the name is a member
	MaxConn        conf.Opt[int]           // exchanges in hand; 0: no limit
	SlowStart      conf.Opt[time.Duration]
	TCPKeepAlive   conf.Opt[bool] // keepalive: SO_KEEPALIVE, not HTTP's

	IOBufferSize      conf.Opt[int] // bytes
	ReceiveBufferSize conf.Opt[int] // bytes; 0: the system's
	ResponseFieldSize conf.Opt[int] // bytes

	FlushPackets conf.Opt[Flush]
	FlushWait    conf.Opt[time.Duration]
	Upgrade      conf.Opt[string] // protocols; "*": any
	// Protocols are offered to an https:// backend, with commas between; ""
	// offers nothing.
	Protocols     conf.Opt[string]
	ProxyProtocol conf.Opt[int] // version; 0: none
	Secret        conf.Opt[string]
	Flusher       conf.Opt[string]

	Health Health
}

// Status is what status= asks for: flags switched on and off, in that order
// of words, the later letter winning.
type Status struct{ On, Off live.Flags }

// Flush is flushpackets.
type Flush uint8

// The values of flushpackets.
const (
	FlushOff Flush = iota
	FlushOn
	FlushAuto
)

// Defaults that hold where nothing was set.
const (
	DefaultRetry      = 60 * time.Second
	DefaultIOBuffer   = 8192
	DefaultFieldSize  = 8192
	DefaultFlushWait  = 10 * time.Millisecond
	DefaultLoadFactor = 100
)

// Known is what Set must ask the rest of the configuration. Nil functions
// accept any name; it is then judged when the configuration is compiled.
type Known struct {
	Method func(name string) bool // is there an lbmethod of this name
	// Hcheck says that the proxy_hcheck module is loaded: without it httpd
	// knows no hc… parameter.
	Hcheck    bool
	Template  func(name string) (Health, bool) // ProxyHCTemplate
	Condition func(name string) bool           // ProxyHCExpr
}

// WorkerParams is the table of all parameters of a worker.
var WorkerParams = []Param{
	{Name: "loadfactor", Kind: "decimal", Default: "1", Range: "1..100, two decimals",
		Help:   "share of the load relative to the other members",
		worker: in(func(w *Worker) *conf.Opt[int] { return &w.LoadFactor }, kind[int]{readFactor, Factor})},
	{Name: "lbset", Kind: "integer", Default: "0", Range: "0..99",
		Help:   "set this member belongs to; lower sets are used first",
		worker: in(func(w *Worker) *conf.Opt[int] { return &w.LBSet }, whole(0, 99, "lbset must be between 0 and 99"))},
	{Name: "route", Kind: "text", Range: "shorter than 64",
		Help:   "name of this member in sticky sessions",
		worker: in(func(w *Worker) *conf.Opt[string] { return &w.Route }, short(64, "Route length must be < %d characters"))},
	{Name: "redirect", Kind: "text", Range: "shorter than 64",
		Help:   "route of the member that takes this one's sessions when it is unusable",
		worker: in(func(w *Worker) *conf.Opt[string] { return &w.Redirect }, short(64, "Redirect length must be < %d characters"))},
	{Name: "status", Kind: "flags", Range: "letters of D S H R N I E C O G U F, each with + or -",
		Help:   "initial status: D disabled, S stopped, H hot standby, R hot spare, N draining, I ignore errors",
		worker: in(func(w *Worker) *conf.Opt[Status] { return &w.Status }, kind[Status]{readStatus, Status.String})},
	{Name: "retry", Kind: "interval", Unit: "s", Default: "60", Range: "0 or more",
		Help: "time a member in error is left alone; 0: try it always",
		worker: in(func(w *Worker) *conf.Opt[time.Duration] { return &w.Retry }, loose(time.Second, 0, anyTime,
			"Retry must be a positive value", "a time such as 30 or 500ms; 0 tries always"))},
	{Name: "timeout", Kind: "interval", Unit: "s", Default: "ProxyTimeout, then Timeout", Range: "more than 0",
		Help: "time to wait for the backend's bytes",
		worker: in(func(w *Worker) *conf.Opt[time.Duration] { return &w.Timeout }, loose(time.Second, time.Millisecond, anyTime,
			"Timeout must be at least one second", "a time such as 30 or 500ms"))},
	{Name: "connectiontimeout", Kind: "interval", Unit: "s", Default: "timeout, then ProxyTimeout, then Timeout", Range: "1ms or more",
		Help: "time to wait for a connection to the backend",
		worker: in(func(w *Worker) *conf.Opt[time.Duration] { return &w.ConnectTimeout }, interval(time.Second,
			"Connectiontimeout has wrong format", "Connectiontimeout must be at least one millisecond."))},
	{Name: "ping", Kind: "interval", Unit: "s", Range: "1ms or more, or negative",
		Help:   "ask the backend first (Expect: 100-continue, CPING) and wait this long; negative: only look at the socket",
		worker: in(func(w *Worker) *conf.Opt[time.Duration] { return &w.Ping }, duration(time.Second, readPing))},
	{Name: "acquire", Kind: "interval", Unit: "ms", Range: "1ms or more",
		Help: "time to wait for a free connection when max are in use; unset: no limit",
		worker: in(func(w *Worker) *conf.Opt[time.Duration] { return &w.Acquire }, interval(time.Millisecond,
			"Acquire timeout has wrong format", "Acquire must be at least one millisecond"))},
	{Name: "min", Kind: "integer", Default: "0", Range: "0 or more",
		Help:   "pool entries kept ready",
		worker: in(func(w *Worker) *conf.Opt[int] { return &w.Min }, whole(0, math.MaxInt32, "Min must be a positive number"))},
	{Name: "smax", Kind: "integer", Default: "max", Range: "0 or more",
		Help:   "idle connections above this number are closed after ttl",
		worker: in(func(w *Worker) *conf.Opt[int] { return &w.SMax }, whole(0, math.MaxInt32, "Smax must be a positive number"))},
	{Name: "max", Kind: "integer", Default: "0", Range: "0 or more",
		Help:   "connections to the backend at any time, over the whole server; 0: no limit",
		worker: in(func(w *Worker) *conf.Opt[int] { return &w.Max }, whole(0, math.MaxInt32, "Max must be a positive number"))},
	{Name: "ttl", Kind: "interval", Unit: "s", Range: "more than 0",
		Help: "idle connections older than this are not used again",
		worker: in(func(w *Worker) *conf.Opt[time.Duration] { return &w.TTL }, loose(time.Second, time.Millisecond, anyTime,
			"TTL must be at least one second", "a time such as 120"))},
	{Name: "maxconn", Kind: "integer", Default: "0", Range: "0 or more",
		Help:   "requests the member has in hand at a time, over all balancers' servers; 0: no limit (not in httpd)",
		worker: in(func(w *Worker) *conf.Opt[int] { return &w.MaxConn }, whole(0, math.MaxInt32, "maxconn must be a positive number"))},
	{Name: "slowstart", Kind: "interval", Unit: "s", Default: "0", Range: "0 or more",
		Help:   "time a member takes to come to its full share after it was out (not in httpd)",
		worker: in(func(w *Worker) *conf.Opt[time.Duration] { return &w.SlowStart }, duration(time.Second, readSlowStart))},
	{Name: "expand", Kind: "On|Off", Default: "Off",
		Help:   "every address the name has is a member of its own, as long as it has it (not in httpd)",
		worker: in(func(w *Worker) *conf.Opt[bool] { return &w.Expand }, flag(false, "expand must be On|Off"))},
	{Name: "disablereuse", Kind: "On|Off", Default: "Off",
		Help:   "close the connection after each request",
		worker: in(func(w *Worker) *conf.Opt[bool] { return &w.DisableReuse }, flag(false, "DisableReuse must be On|Off"))},
	{Name: "enablereuse", Kind: "On|Off", Default: "On",
		Help:   "the inverse of disablereuse",
		worker: in(func(w *Worker) *conf.Opt[bool] { return &w.DisableReuse }, flag(true, "EnableReuse must be On|Off"))},
	{Name: "addressttl", Kind: "interval", Unit: "s", Default: "-1", Range: "-1, or whole seconds",
		Help:   "look the name up again at least this often and leave addresses it no longer has; -1: new connections follow its records, 0: keep no connections",
		worker: in(func(w *Worker) *conf.Opt[time.Duration] { return &w.AddressTTL }, kind[time.Duration]{readAddressTTL, showAddressTTL})},
	{Name: "keepalive", Kind: "On|Off", Default: "Off",
		Help:   "let the system probe idle connections (SO_KEEPALIVE)",
		worker: in(func(w *Worker) *conf.Opt[bool] { return &w.TCPKeepAlive }, flag(false, "KeepAlive must be On|Off"))},
	{Name: "iobuffersize", Kind: "integer", Unit: "bytes", Default: "8192", Range: "512 or more, or 0",
		Help: "size of the buffer between backend and client",
		worker: in(func(w *Worker) *conf.Opt[int] { return &w.IOBufferSize }, orElse(DefaultIOBuffer,
			size("IOBufferSize must be >= 512 bytes, or 0 for system default.")))},
	{Name: "receivebuffersize", Kind: "integer", Unit: "bytes", Default: "0", Range: "512 or more, or 0",
		Help:   "size of the socket's receive buffer; 0: the system's",
		worker: in(func(w *Worker) *conf.Opt[int] { return &w.ReceiveBufferSize }, size("ReceiveBufferSize must be >= 512 bytes, or 0 for system default."))},
	{Name: "responsefieldsize", Kind: "integer", Unit: "bytes", Default: "8192", Range: "0 or more",
		Help: "longest line of a response head",
		worker: in(func(w *Worker) *conf.Opt[int] { return &w.ResponseFieldSize }, orElse(DefaultFieldSize,
			whole(0, math.MaxInt32, "ResponseFieldSize must be greater than 0 bytes, or 0 for system default.")))},
	{Name: "flushpackets", Kind: "on|off|auto", Default: "off",
		Help:   "accepted; Sallyport never holds back what a backend sent",
		worker: in(func(w *Worker) *conf.Opt[Flush] { return &w.FlushPackets }, oneOf[Flush]("flushpackets must be on|off|auto", "on, off or auto", "off", "on", "auto"))},
	{Name: "flushwait", Kind: "interval", Unit: "ms", Default: "10", Range: "0..1000 ms",
		Help:   "with flushpackets=auto",
		worker: in(func(w *Worker) *conf.Opt[time.Duration] { return &w.FlushWait }, duration(time.Millisecond, readFlushWait))},
	{Name: "upgrade", Kind: "text", Range: "shorter than 16",
		Help:   "protocols a client may upgrade to, or ANY",
		worker: in(func(w *Worker) *conf.Opt[string] { return &w.Upgrade }, upgrades())},
	{Name: "protocols", Kind: "list", Range: "h2,http/1.1, h2 or http/1.1",
		Help:   "of an https:// backend: the protocols offered in the TLS handshake; the backend chooses (not in httpd)",
		worker: in(func(w *Worker) *conf.Opt[string] { return &w.Protocols }, text(readProtocols))},
	{Name: "proxyprotocol", Kind: "v1|v2|off", Default: "off",
		Help:   "begin each connection with a PROXY protocol header that tells the client's address; connections then serve one client only (not in httpd)",
		worker: in(func(w *Worker) *conf.Opt[int] { return &w.ProxyProtocol }, oneOf[int]("proxyprotocol must be v1|v2|off", "v1, v2 or off", "off", "v1", "v2"))},
	{Name: "secret", Kind: "text", Range: "shorter than 64",
		Help:   "AJP secret shared with the backend",
		worker: in(func(w *Worker) *conf.Opt[string] { return &w.Secret }, short(64, "Secret length must be < %d characters"))},
	{Name: "flusher", Kind: "text", Default: "flush", Range: "shorter than 16",
		Help:   "accepted; used by mod_proxy_fdpass only",
		worker: in(func(w *Worker) *conf.Opt[string] { return &w.Flusher }, short(16, "flusher name length must be < %d characters"))},
	{Name: "hcmethod", Kind: "name", Default: "NONE",
		Range:  "NONE TCP OPTIONS HEAD GET OPTIONS11 HEAD11 GET11 CPING; not in httpd: POST POST11 OPTIONS2 HEAD2 GET2 POST2 GRPC",
		Help:   "what the health check sends",
		health: in(func(h *Health) *conf.Opt[string] { return &h.Method }, text(readHealthMethod))},
	{Name: "hcinterval", Kind: "interval", Unit: "s", Default: "30", Range: "100ms or more",
		Help: "time between two health checks",
		health: in(func(h *Health) *conf.Opt[time.Duration] { return &h.Interval }, atLeast(100*time.Millisecond, time.Second,
			"Unparse-able hcinterval setting", "Interval must be a positive value greater than 100ms", "100ms or more"))},
	{Name: "hcpasses", Kind: "integer", Default: "1", Range: "0 or more",
		Help:   "passes in a row that bring a member back",
		health: in(func(h *Health) *conf.Opt[int] { return &h.Passes }, whole(0, math.MaxInt32-1, "Passes must be a positive value"))},
	{Name: "hcfails", Kind: "integer", Default: "1", Range: "0 or more",
		Help:   "failures in a row that take a member out",
		health: in(func(h *Health) *conf.Opt[int] { return &h.Fails }, whole(0, math.MaxInt32-1, "Fails must be a positive value"))},
	{Name: "hcuri", Kind: "text", Range: "shorter than 64",
		Help:   "path of the health check, behind the member's own; the service's name for GRPC",
		health: in(func(h *Health) *conf.Opt[string] { return &h.URI }, text(readHealthURI))},
	{Name: "hcexpr", Kind: "name", Range: "a name given by ProxyHCExpr",
		Help:   "condition a check's response must meet",
		health: in(func(h *Health) *conf.Opt[string] { return &h.Expr }, text(readHealthExpr))},
	{Name: "hctimeout", Kind: "interval", Unit: "s", Default: "timeout", Range: "1ms or more",
		Help: "time a whole check may take (not in httpd)",
		health: in(func(h *Health) *conf.Opt[time.Duration] { return &h.Timeout }, interval(time.Second,
			"hctimeout has wrong format", "hctimeout must be at least one millisecond"))},
	{Name: "hcfastinterval", Kind: "interval", Unit: "s", Default: "hcinterval", Range: "100ms or more",
		Help: "time between two checks while they fail or the member is out (not in httpd)",
		health: in(func(h *Health) *conf.Opt[time.Duration] { return &h.Fast }, atLeast(100*time.Millisecond, time.Second,
			"Unparse-able hcfastinterval setting", "hcfastinterval must be 100ms or more", "100ms or more"))},
	{Name: "hcjitter", Kind: "percentage", Default: "On", Range: "1..90, On (10) or Off",
		Help:   "share by which intervals differ at random, so that checks do not come all at once (not in httpd)",
		health: in(func(h *Health) *conf.Opt[int] { return &h.Jitter }, percentage(DefaultHealthJitter, 90, "hcjitter must be On, Off or a percentage"))},
	{Name: "hchost", Kind: "text", Default: "the member's host and port", Range: "a host, with or without port",
		Help:   "Host sent by the check (not in httpd)",
		health: in(func(h *Health) *conf.Opt[string] { return &h.Host }, text(readHealthHost))},
	{Name: "hcport", Kind: "integer", Default: "the member's port", Range: "1..65535",
		Help:   "port the check connects to (not in httpd)",
		health: in(func(h *Health) *conf.Opt[int] { return &h.Port }, whole(1, 65535, "hcport must be a port"))},
	{Name: "hcheader", Kind: "text", Range: "Name: value",
		Help:   "a field sent by the check; may come several times (not in httpd)",
		health: in(func(h *Health) *conf.Opt[string] { return &h.Header }, lines(func(text string) error { _, err := health.ParseHeader(text); return err }))},
	{Name: "hcbody", Kind: "text", Range: "shorter than 1024",
		Help:   "body sent by the check (not in httpd)",
		health: in(func(h *Health) *conf.Opt[string] { return &h.Body }, short(1024, "hcbody length must be < %d characters"))},
	{Name: "hcexpect", Kind: "list", Default: "200-399 without hcexpr", Range: "status codes, body~regex, header:Name or header:Name~regex",
		Help:   "what the answer must be; may come several times (not in httpd)",
		health: in(func(h *Health) *conf.Opt[string] { return &h.Expect }, lines(func(text string) error { _, err := health.ParseExpect(text); return err }))},
	{Name: "hcmandatory", Kind: "On|Off", Default: "Off",
		Help:   "a new member serves after its first passed check (not in httpd)",
		health: in(func(h *Health) *conf.Opt[bool] { return &h.Mandatory }, flag(false, "hcmandatory must be On|Off"))},
	{Name: "hcslowstart", Kind: "interval", Unit: "s", Default: "slowstart", Range: "1ms or more",
		Help: "time a member takes to come to its full share after a check has brought it back (not in httpd)",
		health: in(func(h *Health) *conf.Opt[time.Duration] { return &h.SlowStart }, interval(time.Second,
			"hcslowstart has wrong format", "hcslowstart must be at least one millisecond"))},
	{Name: "hcagent", Kind: "On|Off", Default: "Off",
		Help:   "the answer may set the member's share or ask for draining (not in httpd)",
		health: in(func(h *Health) *conf.Opt[bool] { return &h.Agent }, flag(false, "hcagent must be On|Off"))},
	{Name: "hctemplate", Kind: "name", Range: "a name given by ProxyHCTemplate",
		Help:   "health check parameters to start from",
		health: field[Health]{setTemplate, func(*Health) spelling { return spelling{known: true} }}},
}

// readFactor cuts, not rounds, after the multiplication: the same hundredths as
// httpd.
func readFactor(_ *Known, s setting, _ int) (int, error) {
	f := decimal(s.text) * 100
	if !(f >= 100 && f < 10001) {
		return 0, bad("LoadFactor must be a number between 1..100", "a number from 1 to 100, such as 2 or 1.5")
	}
	return int(f), nil
}

// readPing reads ping=.
//
// Unlike httpd: a negative ping is taken as its manual has it.
func readPing(s setting) (time.Duration, error) {
	t, neg := strings.CutPrefix(s.text, "-")
	d, err := Interval(t, time.Second)
	switch {
	case err != nil || neg && d < time.Millisecond:
		return 0, bad("Ping/Pong timeout has wrong format", intervalExample)
	case neg:
		return -d, nil
	case d < time.Millisecond:
		return 0, bad("Ping/Pong timeout must be at least one millisecond", intervalExample)
	}
	return d, nil
}

func readSlowStart(s setting) (time.Duration, error) {
	if s.text == "0" {
		return 0, nil
	}
	d, err := Interval(s.text, time.Second)
	switch {
	case err != nil:
		return 0, bad("slowstart has wrong format", intervalExample)
	case d < time.Millisecond:
		return 0, bad("slowstart must be at least one millisecond, or 0", intervalExample)
	}
	return d, nil
}

func readFlushWait(s setting) (time.Duration, error) {
	d, note := lenient(s.text, time.Millisecond)
	switch {
	case d < 0 || d > time.Second:
		return 0, bad("flushwait must be <= 1000, or 0 for system default of 10 millseconds.", "0 to 1000 milliseconds")
	case d == 0:
		d = DefaultFlushWait
	}
	s.add(note)
	return d, nil
}

// upgrades are the protocols of upgrade=; ANY is kept as "*".
func upgrades() kind[string] {
	k := short(16, "upgrade protocol length must be < %d characters")
	read := k.read
	k.read = func(known *Known, s setting, was string) (string, error) {
		if strings.EqualFold(s.text, "ANY") {
			s.text = "*"
		}
		return read(known, s, was)
	}
	k.show = func(v string) string {
		if v == "*" {
			return "ANY"
		}
		return v
	}
	return k
}

func readProtocols(_ *Known, s setting) (string, error) {
	var list []string
	for _, p := range strings.Split(strings.ToLower(s.text), ",") {
		if p != "h2" && p != "http/1.1" || slices.Contains(list, p) {
			return "", bad("protocols must be a list of h2 and http/1.1", "protocols=h2,http/1.1")
		}
		list = append(list, p)
	}
	return strings.Join(list, ","), nil
}

// readStatus goes on where an earlier status= left off, as in httpd.
func readStatus(_ *Known, s setting, st Status) (Status, error) {
	on := true
	for i := 0; i < len(s.text); i++ {
		if c := s.text[i]; c == '+' || c == '-' {
			on = c == '+'
			i++
		}
		var f live.Flags
		if i < len(s.text) {
			f = live.FlagOf(s.text[i])
		}
		if f == 0 {
			return st, bad("Unknown status parameter option", "letters of D, S, H, R, N, I, E, C, each with + or - before it")
		}
		if on {
			st.On, st.Off = st.On|f, st.Off&^f
		} else {
			st.On, st.Off = st.On&^f, st.Off|f
		}
	}
	return st, nil
}

// String spells the flags as status= does.
func (s Status) String() string {
	text := ""
	if s.On != 0 {
		text = "+" + s.On.Letters()
	}
	if s.Off != 0 {
		text += "-" + s.Off.Letters()
	}
	return text
}

func readAddressTTL(_ *Known, s setting, _ time.Duration) (time.Duration, error) {
	if s.text == "-1" {
		return -1, nil
	}
	d, err := Interval(s.text, time.Second)
	if err != nil || d%time.Second != 0 || d > math.MaxInt32*time.Second {
		return 0, bad("AddressTTL must be -1 or a number of seconds not exceeding (2147483647)", "-1, or whole seconds")
	}
	return d, nil
}

func showAddressTTL(d time.Duration) string {
	if d < 0 {
		return "-1"
	}
	return seconds(d)
}
