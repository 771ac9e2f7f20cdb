package core

import (
	"net/netip"
	"slices"
	"time"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/expr"
	"sallyport/internal/logfile"
)

// The handles on the room's configuration: per server, per section, and of
// the process (set at the top level only).
var (
	Server  = conf.NewServerKey[ServerConf]("core")
	Process = conf.NewServerKey[ProcessConf]("core")
	Dir     = &conf.Key[DirConf]{Room: "core", Dir: true, Merge: mergeDir}
)

// ServerConf is what the directives say about one server or virtual host.
type ServerConf struct {
	Name         conf.Opt[ServerName]
	Aliases      []string         // ServerAlias, as written; wildcards hold "*" or "?"
	Path         conf.Opt[string] // ServerPath
	Admin        conf.Opt[string] // ServerAdmin
	DocumentRoot conf.Opt[string] // absolute
	ErrorLog     conf.Opt[logfile.Target]
	LogFormat    conf.Opt[*errorlog.Format]
	// ConnFormats and RequestFormats are written once per connection and per
	// request (ErrorLogFormat connection|request).
	ConnFormats, RequestFormats []*errorlog.Format

	Timeout          conf.Opt[time.Duration]
	KeepAlive        conf.Opt[bool]
	KeepAliveTimeout conf.Opt[time.Duration]
	MaxKeepAlive     conf.Opt[int] // MaxKeepAliveRequests; 0: no limit
	Line             conf.Opt[int] // LimitRequestLine
	Fields           conf.Opt[int] // LimitRequestFields; 0: no limit
	FieldSize        conf.Opt[int] // LimitRequestFieldSize
	Recursion        conf.Opt[int] // LimitInternalRecursion: redirects

	// HttpProtocolOptions.
	Unsafe, Registered, Allow09 conf.Opt[bool]

	Trace          conf.Opt[exchange.Trace]
	EncodedSlashes conf.Opt[exchange.EncodedSlashes]
	MergeSlashes   conf.Opt[bool]
	StrictHost     conf.Opt[bool] // StrictHostCheck
	Protocols      conf.Opt[[]string]
	HonorOrder     conf.Opt[bool] // ProtocolsHonorOrder

	Idle []Idle // accepted without effect
}

// DirConf is what the directives say in one section, or about a whole server.
type DirConf struct {
	Handler        conf.Opt[string]     // SetHandler; "": none
	HandlerExpr    conf.Opt[*expr.Text] // SetHandler with variables; nil: Handler counts
	ForceType      conf.Opt[string]     // "": none
	Options        Options
	ETag           ETag // FileETag
	PathInfo       conf.Opt[string]
	Body           conf.Opt[int64] // LimitRequestBody; 0: no limit
	ErrorDocuments map[int]exchange.ErrorDocument
	Sendfile       conf.Opt[bool]
	Lookups        conf.Opt[exchange.Lookups]
	Charset        conf.Opt[string] // AddDefaultCharset; "": Off
	LogLevel       errorlog.Levels
	// Ranges, Overlaps and Reversals are MaxRanges and its like; 0: no limit,
	// -1: none served.
	Ranges, Overlaps, Reversals conf.Opt[int]

	// Of the server only: see serverWide.
	CanonicalName conf.Opt[exchange.CanonicalName]
	PhysicalPort  conf.Opt[bool]
	Signature     conf.Opt[string] // "", "on", "email"

	Idle []Idle // accepted without effect
}

// ProcessConf is what the directives say about the process.
type ProcessConf struct {
	Listen     []Listen
	Backlog    conf.Opt[int]           // ListenBacklog
	Eager      []string                // protocols with AcceptFilter none
	Defer      conf.Opt[int]           // ListenTCPDeferAccept, seconds
	SendBuffer conf.Opt[int]           // SendBufferSize, bytes; 0: the system's
	RecvBuffer conf.Opt[int]           // ReceiveBufferSize, bytes; 0: the system's
	PidFile    conf.Opt[string]        // absolute
	RuntimeDir conf.Opt[string]        // DefaultRuntimeDir, absolute
	Tokens     conf.Opt[tokens]        // ServerTokens
	Drain      conf.Opt[time.Duration] // GracefulShutdownTimeout; 0: as long as it takes
	Methods    []string                // RegisterHttpMethod
	Workers    conf.Opt[int]           // MaxRequestWorkers
	Threads    conf.Opt[int]           // ThreadsPerChild
	Processes  conf.Opt[int]           // ServerLimit
	Idle       []Idle                  // accepted without effect
	// Of the room status.
	ExtendedStatus, RequestTail conf.Opt[bool]
}

// httpd's numbers for the MPMs with threads.
const (
	defaultThreads   = 25
	defaultProcesses = 16
)

// DeferAccept is how many seconds connections of a protocol may be held back
// until they bring a byte.
func (p *ProcessConf) DeferAccept(proto string) int {
	switch {
	case slices.Contains(p.Eager, proto):
		return 0
	case p.Defer.Is:
		return p.Defer.V
	}
	return 30 // httpd's
}

// MaxWorkers is how many exchanges may be under way at once: MaxRequestWorkers,
// else what ThreadsPerChild and ServerLimit would make in httpd; 0: nothing is
// said about it.
func (p *ProcessConf) MaxWorkers() int {
	switch {
	case p == nil:
		return 0
	case p.Workers.Is:
		return p.Workers.V
	case p.Threads.Is || p.Processes.Is:
		return p.Threads.Or(defaultThreads) * p.Processes.Or(defaultProcesses)
	}
	return 0
}

// ServerName is the value of the directive of that name.
type ServerName struct {
	Scheme string // lower case; "": not given
	Host   string // lower case
	Port   uint16 // 0: not given
}

// Listen is one Listen line.
type Listen struct {
	// Addrs are the addresses to listen on, several for a name that has
	// several; none means all of the machine's.
	Addrs []netip.Addr
	Port  uint16
	Proto string // lower case; "http" unless said or port 443
	Pos   diag.Position
}

// mergeDir lays a section's configuration over the outer one's.
func mergeDir(outer, inner *DirConf) *DirConf {
	d := conf.Overlay(outer, inner)
	d.Options = inner.Options.over(outer.Options)
	d.ETag = inner.ETag.over(outer.ETag)
	d.LogLevel = inner.LogLevel.Over(outer.LogLevel)
	return d
}
