package workerconf

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
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

// Param is one row of a table: everything there is to say about a parameter.
type Param struct {
	Name    string
	Kind    string // integer, decimal, interval, On|Off, text, …
	Unit    string // of a bare number; "" where there is none
	Default string
	Range   string
	Help    string

	worker   func(w *Worker, k *Known, s setting) error
	balancer func(b *Balancer, k *Known, s setting) error
}

// setting is one key=value on its way into a struct.
type setting struct {
	text string
	pos  diag.Position
	note *string
}

func some[T any](s setting, v T) conf.Opt[T] { return conf.Opt[T]{V: v, Is: true, Pos: s.pos} }

func (s setting) add(note string) {
	if note == "" {
		return
	}
	if *s.note != "" {
		*s.note += "; "
	}
	*s.note += note
}

func (s setting) int() int {
	v, note := integer(s.text)
	s.add(note)
	return v
}

func (s setting) time(unit time.Duration) time.Duration {
	d, note := lenient(s.text, unit)
	s.add(note)
	return d
}

func bad(text, expected string) error { return &diag.Err{Text: text, Expected: expected} }

// Set reads one parameter into w. The error carries httpd's text without the
// directive's name in front (see Complaint); note is something to tell the
// author though the value was taken, "" mostly. Names are read in any case.
func (w *Worker) Set(k *Known, name, value string, pos diag.Position) (note string, err error) {
	for i := range WorkerParams {
		p := &WorkerParams[i]
		if !strings.EqualFold(p.Name, name) {
			continue
		}
		if strings.HasPrefix(p.Name, "hc") && !k.Hcheck {
			return "", &diag.Err{Text: unknownWorker, Hint: "health checks need the module proxy_hcheck_module"}
		}
		err = p.worker(w, k, setting{value, pos, &note})
		return note, err
	}
	text := unknownWorker
	if k.Hcheck {
		text = unknownHcheck // its hook is asked last and speaks for all
	}
	return "", unknown(text, name, WorkerParams, BalancerParams, "balancers")
}

const (
	unknownWorker = "unknown Worker parameter"
	unknownHcheck = "unknown Worker hcheck parameter"
)

// WorkerParams is the table of all parameters of a worker.
var WorkerParams = []Param{
	{Name: "loadfactor", Kind: "decimal", Default: "1", Range: "1..100, two decimals",
		Help: "share of the load relative to the other members",
		worker: func(w *Worker, _ *Known, s setting) error {
			// Cut, not rounded, after the multiplication: the same hundredths as httpd.
			f := decimal(s.text) * 100
			if !(f >= 100 && f < 10001) {
				return bad("LoadFactor must be a number between 1..100", "a number from 1 to 100, such as 2 or 1.5")
			}
			w.LoadFactor = some(s, int(f))
			return nil
		}},
	{Name: "lbset", Kind: "integer", Default: "0", Range: "0..99",
		Help: "set this member belongs to; lower sets are used first",
		worker: func(w *Worker, _ *Known, s setting) error {
			return ranged(s, &w.LBSet, 0, 99, "lbset must be between 0 and 99")
		}},
	{Name: "route", Kind: "text", Range: "shorter than 64",
		Help: "name of this member in sticky sessions",
		worker: func(w *Worker, _ *Known, s setting) error {
			return short(s, &w.Route, 64, "Route length must be < %d characters")
		}},
	{Name: "redirect", Kind: "text", Range: "shorter than 64",
		Help: "route of the member that takes this one's sessions when it is unusable",
		worker: func(w *Worker, _ *Known, s setting) error {
			return short(s, &w.Redirect, 64, "Redirect length must be < %d characters")
		}},
	{Name: "status", Kind: "flags", Range: "letters of D S H R N I E C O G U F, each with + or -",
		Help:   "initial status: D disabled, S stopped, H hot standby, R hot spare, N draining, I ignore errors",
		worker: setStatus},
	{Name: "retry", Kind: "interval", Unit: "s", Default: "60", Range: "0 or more",
		Help: "time a member in error is left alone; 0: try it always",
		worker: func(w *Worker, _ *Known, s setting) error {
			d := s.time(time.Second)
			if d < 0 {
				return bad("Retry must be a positive value", "a time such as 30 or 500ms; 0 tries always")
			}
			w.Retry = some(s, d)
			return nil
		}},
	{Name: "timeout", Kind: "interval", Unit: "s", Default: "ProxyTimeout, then Timeout", Range: "more than 0",
		Help: "time to wait for the backend's bytes",
		worker: func(w *Worker, _ *Known, s setting) error {
			d := s.time(time.Second)
			if d < time.Millisecond {
				return bad("Timeout must be at least one second", "a time such as 30 or 500ms")
			}
			w.Timeout = some(s, d)
			return nil
		}},
	{Name: "connectiontimeout", Kind: "interval", Unit: "s", Default: "timeout, then ProxyTimeout, then Timeout", Range: "1ms or more",
		Help: "time to wait for a connection to the backend",
		worker: func(w *Worker, _ *Known, s setting) error {
			return interval(s, &w.ConnectTimeout, time.Second,
				"Connectiontimeout has wrong format", "Connectiontimeout must be at least one millisecond.")
		}},
	{Name: "ping", Kind: "interval", Unit: "s", Range: "1ms or more, or negative",
		Help: "ask the backend first (Expect: 100-continue, CPING) and wait this long; negative: only look at the socket",
		worker: func(w *Worker, _ *Known, s setting) error {
			// Unlike httpd: a negative ping is taken as its manual has it.
			if t, neg := strings.CutPrefix(s.text, "-"); neg {
				d, err := Interval(t, time.Second)
				if err != nil || d < time.Millisecond {
					return bad("Ping/Pong timeout has wrong format", intervalExample)
				}
				w.Ping = some(s, -d)
				return nil
			}
			return interval(s, &w.Ping, time.Second,
				"Ping/Pong timeout has wrong format", "Ping/Pong timeout must be at least one millisecond")
		}},
	{Name: "acquire", Kind: "interval", Unit: "ms", Range: "1ms or more",
		Help: "time to wait for a free connection when max are in use; unset: no limit",
		worker: func(w *Worker, _ *Known, s setting) error {
			return interval(s, &w.Acquire, time.Millisecond,
				"Acquire timeout has wrong format", "Acquire must be at least one millisecond")
		}},
	{Name: "min", Kind: "integer", Default: "0", Range: "0 or more",
		Help: "pool entries kept ready",
		worker: func(w *Worker, _ *Known, s setting) error {
			return ranged(s, &w.Min, 0, math.MaxInt32, "Min must be a positive number")
		}},
	{Name: "smax", Kind: "integer", Default: "max", Range: "0 or more",
		Help: "idle connections above this number are closed after ttl",
		worker: func(w *Worker, _ *Known, s setting) error {
			return ranged(s, &w.SMax, 0, math.MaxInt32, "Smax must be a positive number")
		}},
	{Name: "max", Kind: "integer", Default: "0", Range: "0 or more",
		Help: "connections to the backend at any time, over the whole server; 0: no limit",
		worker: func(w *Worker, _ *Known, s setting) error {
			return ranged(s, &w.Max, 0, math.MaxInt32, "Max must be a positive number")
		}},
	{Name: "ttl", Kind: "interval", Unit: "s", Range: "more than 0",
		Help: "idle connections older than this are not used again",
		worker: func(w *Worker, _ *Known, s setting) error {
			d := s.time(time.Second)
			if d < time.Millisecond {
				return bad("TTL must be at least one second", "a time such as 120")
			}
			w.TTL = some(s, d)
			return nil
		}},
	{Name: "maxconn", Kind: "integer", Default: "0", Range: "0 or more",
		Help: "requests the member has in hand at a time, over all balancers' servers; 0: no limit (not in httpd)",
		worker: func(w *Worker, _ *Known, s setting) error {
			return ranged(s, &w.MaxConn, 0, math.MaxInt32, "maxconn must be a positive number")
		}},
	{Name: "slowstart", Kind: "interval", Unit: "s", Default: "0", Range: "0 or more",
		Help: "time a member takes to come to its full share after it was out (not in httpd)",
		worker: func(w *Worker, _ *Known, s setting) error {
			if s.text == "0" {
				w.SlowStart = some(s, time.Duration(0))
				return nil
			}
			return interval(s, &w.SlowStart, time.Second,
				"slowstart has wrong format", "slowstart must be at least one millisecond, or 0")
		}},
	{Name: "expand", Kind: "On|Off", Default: "Off",
		Help: "every address the name has is a member of its own, as long as it has it (not in httpd)",
		worker: func(w *Worker, _ *Known, s setting) error {
			return flag(s, &w.Expand, false, "expand must be On|Off")
		}},
	{Name: "disablereuse", Kind: "On|Off", Default: "Off",
		Help: "close the connection after each request",
		worker: func(w *Worker, _ *Known, s setting) error {
			return flag(s, &w.DisableReuse, false, "DisableReuse must be On|Off")
		}},
	{Name: "enablereuse", Kind: "On|Off", Default: "On",
		Help: "the inverse of disablereuse",
		worker: func(w *Worker, _ *Known, s setting) error {
			return flag(s, &w.DisableReuse, true, "EnableReuse must be On|Off")
		}},
	{Name: "addressttl", Kind: "interval", Unit: "s", Default: "-1", Range: "-1, or whole seconds",
		Help:   "look the name up again at least this often and leave addresses it no longer has; -1: new connections follow its records, 0: keep no connections",
		worker: setAddressTTL},
	{Name: "keepalive", Kind: "On|Off", Default: "Off",
		Help: "let the system probe idle connections (SO_KEEPALIVE)",
		worker: func(w *Worker, _ *Known, s setting) error {
			return flag(s, &w.TCPKeepAlive, false, "KeepAlive must be On|Off")
		}},
	{Name: "iobuffersize", Kind: "integer", Unit: "bytes", Default: "8192", Range: "512 or more, or 0",
		Help: "size of the buffer between backend and client",
		worker: func(w *Worker, _ *Known, s setting) error {
			err := buffer(s, &w.IOBufferSize, "IOBufferSize must be >= 512 bytes, or 0 for system default.")
			if err == nil && w.IOBufferSize.V == 0 {
				w.IOBufferSize.V = DefaultIOBuffer
			}
			return err
		}},
	{Name: "receivebuffersize", Kind: "integer", Unit: "bytes", Default: "0", Range: "512 or more, or 0",
		Help: "size of the socket's receive buffer; 0: the system's",
		worker: func(w *Worker, _ *Known, s setting) error {
			return buffer(s, &w.ReceiveBufferSize, "ReceiveBufferSize must be >= 512 bytes, or 0 for system default.")
		}},
	{Name: "responsefieldsize", Kind: "integer", Unit: "bytes", Default: "8192", Range: "0 or more",
		Help: "longest line of a response head",
		worker: func(w *Worker, _ *Known, s setting) error {
			err := ranged(s, &w.ResponseFieldSize, 0, math.MaxInt32,
				"ResponseFieldSize must be greater than 0 bytes, or 0 for system default.")
			if err == nil && w.ResponseFieldSize.V == 0 {
				w.ResponseFieldSize.V = DefaultFieldSize
			}
			return err
		}},
	{Name: "flushpackets", Kind: "on|off|auto", Default: "off",
		Help: "accepted; Sallyport never holds back what a backend sent",
		worker: func(w *Worker, _ *Known, s setting) error {
			if strings.EqualFold(s.text, "auto") {
				w.FlushPackets = some(s, FlushAuto)
				return nil
			}
			on, ok := onOff(s.text)
			if !ok {
				return bad("flushpackets must be on|off|auto", "on, off or auto")
			}
			w.FlushPackets = some(s, FlushOff)
			if on {
				w.FlushPackets.V = FlushOn
			}
			return nil
		}},
	{Name: "flushwait", Kind: "interval", Unit: "ms", Default: "10", Range: "0..1000 ms",
		Help: "with flushpackets=auto",
		worker: func(w *Worker, _ *Known, s setting) error {
			d := s.time(time.Millisecond)
			if d < 0 || d > time.Second {
				return bad("flushwait must be <= 1000, or 0 for system default of 10 millseconds.", "0 to 1000 milliseconds")
			}
			if d == 0 {
				d = DefaultFlushWait
			}
			w.FlushWait = some(s, d)
			return nil
		}},
	{Name: "upgrade", Kind: "text", Range: "shorter than 16",
		Help: "protocols a client may upgrade to, or ANY",
		worker: func(w *Worker, _ *Known, s setting) error {
			if strings.EqualFold(s.text, "ANY") {
				s.text = "*"
			}
			return short(s, &w.Upgrade, 16, "upgrade protocol length must be < %d characters")
		}},
	{Name: "protocols", Kind: "list", Range: "h2,http/1.1, h2 or http/1.1",
		Help: "of an https:// backend: the protocols offered in the TLS handshake; the backend chooses (not in httpd)",
		worker: func(w *Worker, _ *Known, s setting) error {
			var list []string
			for _, p := range strings.Split(strings.ToLower(s.text), ",") {
				if p != "h2" && p != "http/1.1" || slices.Contains(list, p) {
					return bad("protocols must be a list of h2 and http/1.1", "protocols=h2,http/1.1")
				}
				list = append(list, p)
			}
			w.Protocols = some(s, strings.Join(list, ","))
			return nil
		}},
	{Name: "proxyprotocol", Kind: "v1|v2|off", Default: "off",
		Help: "begin each connection with a PROXY protocol header that tells the client's address; connections then serve one client only (not in httpd)",
		worker: func(w *Worker, _ *Known, s setting) error {
			v, ok := map[string]int{"off": 0, "v1": 1, "v2": 2}[strings.ToLower(s.text)]
			if !ok {
				return bad("proxyprotocol must be v1|v2|off", "v1, v2 or off")
			}
			w.ProxyProtocol = some(s, v)
			return nil
		}},
	{Name: "secret", Kind: "text", Range: "shorter than 64",
		Help: "AJP secret shared with the backend",
		worker: func(w *Worker, _ *Known, s setting) error {
			return short(s, &w.Secret, 64, "Secret length must be < %d characters")
		}},
	{Name: "flusher", Kind: "text", Default: "flush", Range: "shorter than 16",
		Help: "accepted; used by mod_proxy_fdpass only",
		worker: func(w *Worker, _ *Known, s setting) error {
			return short(s, &w.Flusher, 16, "flusher name length must be < %d characters")
		}},
	{Name: "hcmethod", Kind: "name", Default: "NONE",
		Range: "NONE TCP OPTIONS HEAD GET OPTIONS11 HEAD11 GET11 CPING; not in httpd: POST POST11 OPTIONS2 HEAD2 GET2 POST2 GRPC",
		Help:  "what the health check sends", worker: setHealth(healthMethod)},
	{Name: "hcinterval", Kind: "interval", Unit: "s", Default: "30", Range: "100ms or more",
		Help: "time between two health checks", worker: setHealth(healthInterval)},
	{Name: "hcpasses", Kind: "integer", Default: "1", Range: "0 or more",
		Help: "passes in a row that bring a member back", worker: setHealth(healthPasses)},
	{Name: "hcfails", Kind: "integer", Default: "1", Range: "0 or more",
		Help: "failures in a row that take a member out", worker: setHealth(healthFails)},
	{Name: "hcuri", Kind: "text", Range: "shorter than 64",
		Help: "path of the health check, behind the member's own; the service's name for GRPC", worker: setHealth(healthURI)},
	{Name: "hcexpr", Kind: "name", Range: "a name given by ProxyHCExpr",
		Help: "condition a check's response must meet", worker: setHealth(healthExpr)},
	{Name: "hctimeout", Kind: "interval", Unit: "s", Default: "timeout", Range: "1ms or more",
		Help: "time a whole check may take (not in httpd)", worker: setHealth(healthTimeout)},
	{Name: "hcfastinterval", Kind: "interval", Unit: "s", Default: "hcinterval", Range: "100ms or more",
		Help: "time between two checks while they fail or the member is out (not in httpd)", worker: setHealth(healthFast)},
	{Name: "hcjitter", Kind: "percentage", Default: "On", Range: "1..90, On (10) or Off",
		Help: "share by which intervals differ at random, so that checks do not come all at once (not in httpd)", worker: setHealth(healthJitter)},
	{Name: "hchost", Kind: "text", Default: "the member's host and port", Range: "a host, with or without port",
		Help: "Host sent by the check (not in httpd)", worker: setHealth(healthHost)},
	{Name: "hcport", Kind: "integer", Default: "the member's port", Range: "1..65535",
		Help: "port the check connects to (not in httpd)", worker: setHealth(healthPort)},
	{Name: "hcheader", Kind: "text", Range: "Name: value",
		Help: "a field sent by the check; may come several times (not in httpd)", worker: setHealth(healthHeader)},
	{Name: "hcbody", Kind: "text", Range: "shorter than 1024",
		Help: "body sent by the check (not in httpd)", worker: setHealth(healthBody)},
	{Name: "hcexpect", Kind: "list", Default: "200-399 without hcexpr", Range: "status codes, body~regex, header:Name or header:Name~regex",
		Help: "what the answer must be; may come several times (not in httpd)", worker: setHealth(healthExpect)},
	{Name: "hcmandatory", Kind: "On|Off", Default: "Off",
		Help: "a new member serves after its first passed check (not in httpd)", worker: setHealth(healthMandatory)},
	{Name: "hcslowstart", Kind: "interval", Unit: "s", Default: "slowstart", Range: "1ms or more",
		Help: "time a member takes to come to its full share after a check has brought it back (not in httpd)", worker: setHealth(healthSlowStart)},
	{Name: "hcagent", Kind: "On|Off", Default: "Off",
		Help: "the answer may set the member's share or ask for draining (not in httpd)", worker: setHealth(healthAgent)},
	{Name: "hctemplate", Kind: "name", Range: "a name given by ProxyHCTemplate",
		Help: "health check parameters to start from", worker: setHealth(healthTemplate)},
}

const intervalExample = "digits and then ms, s, mi or h, such as 500ms or 30s"

func ranged(s setting, to *conf.Opt[int], low, high int, text string) error {
	v := s.int()
	if v < low || v > high {
		want := fmt.Sprintf("a whole number of %d or more", low)
		if high < math.MaxInt32 {
			want = fmt.Sprintf("a whole number from %d to %d", low, high)
		}
		return bad(text, want)
	}
	*to = some(s, v)
	return nil
}

func buffer(s setting, to *conf.Opt[int], text string) error {
	v := s.int()
	if v < 512 && v != 0 {
		return bad(text, "a number of bytes")
	}
	*to = some(s, v)
	return nil
}

func short(s setting, to *conf.Opt[string], limit int, text string) error {
	if len(s.text) >= limit {
		return bad(fmt.Sprintf(text, limit), fmt.Sprintf("at most %d characters", limit-1))
	}
	*to = some(s, s.text)
	return nil
}

func flag(s setting, to *conf.Opt[bool], inverse bool, text string) error {
	on, ok := onOff(s.text)
	if !ok {
		return bad(text, "On or Off")
	}
	*to = some(s, on != inverse)
	return nil
}

func interval(s setting, to *conf.Opt[time.Duration], unit time.Duration, format, low string) error {
	d, err := Interval(s.text, unit)
	if err != nil {
		return bad(format, intervalExample)
	}
	if d < time.Millisecond {
		return bad(low, intervalExample)
	}
	*to = some(s, d)
	return nil
}

func setStatus(w *Worker, _ *Known, s setting) error {
	st := w.Status.V // a second status= goes on where the first left off, as in httpd
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
			return bad("Unknown status parameter option", "letters of D, S, H, R, N, I, E, C, each with + or - before it")
		}
		if on {
			st.On, st.Off = st.On|f, st.Off&^f
		} else {
			st.On, st.Off = st.On&^f, st.Off|f
		}
	}
	w.Status = some(s, st)
	return nil
}

func setAddressTTL(w *Worker, _ *Known, s setting) error {
	const text = "AddressTTL must be -1 or a number of seconds not exceeding (2147483647)"
	if s.text == "-1" {
		w.AddressTTL = some(s, time.Duration(-1))
		return nil
	}
	d, err := Interval(s.text, time.Second)
	if err != nil || d%time.Second != 0 || d > math.MaxInt32*time.Second {
		return bad(text, "-1, or whole seconds")
	}
	w.AddressTTL = some(s, d)
	return nil
}
