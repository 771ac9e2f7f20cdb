// Package http2 is mod_http2: what a configuration says about HTTP/2. The room
// reads the directives and writes them into the settings of each server; the
// fronts act on them (front/h2, and front/h1 for the ways in). The hooks set
// the variables that tell of HTTP/2, switch a connection that asks for h2c, and
// send early hints.
package http2

import (
	"strconv"
	"strings"
	"time"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/message"
	"sallyport/internal/module"
	"sallyport/internal/modules/core"
	"sallyport/internal/workerconf"
)

// Room declares mod_http2.
var Room = module.Room{
	Name:       "http2",
	Directives: directives,
	Compile:    compile,
}

var (
	server = conf.NewServerKey[serverConf]("http2")
	dir    = conf.NewDirKey[dirConf]("http2")
)

type serverConf struct {
	Direct, WebSockets, EarlyHints conf.Opt[bool]
	EarlyData                      conf.Opt[bool]
	Streams, Window                conf.Opt[int]
	Timeout                        conf.Opt[time.Duration]
	MaxFrame, MaxHeader, MaxErrors conf.Opt[int]
	Padding                        conf.Opt[int] // bits
	Workers                        conf.Opt[int] // only checked
}

type dirConf struct {
	Upgrade conf.Opt[bool]
	Timeout conf.Opt[time.Duration]
	Hints   []message.Field // H2EarlyHint, in order
}

// The reasons why a directive means nothing here.
const (
	whyWorkers = "each stream has a goroutine of its own; MaxRequestWorkers bounds those under way"
	whyPush    = "Sallyport never pushes: browsers have given it up; H2EarlyHint does what it was for"
	whyMemory  = "what waits to be sent is bounded for each connection: 32 KB"
	whyTLS     = "TLS chooses the size of its records itself"
	whyModern  = "versions and ciphers that HTTP/2 forbids inside of TLS are never offered with it"
	whyOutput  = "whatever a backend has sent goes out before Sallyport waits for more"
	whySerial  = "it has none in httpd either"
	whyForward = "there is no forward proxy"
)

const (
	servers  = conf.Servers
	anywhere = conf.Anywhere | conf.InHtaccess
)

var directives = []conf.Directive{
	{Name: "H2Direct", In: servers, Args: conf.One, Help: "a connection may begin with HTTP/2's preface", Set: server.Do(func(c *conf.Cmd, s *serverConf, args []string) error { return setFlag(c, &s.Direct, args[0]) })},
	{Name: "H2Upgrade", In: anywhere, Args: conf.One, Help: "an HTTP/1.1 request may ask for h2c", Set: dir.Do(func(c *conf.Cmd, d *dirConf, args []string) error { return setFlag(c, &d.Upgrade, args[0]) })},
	{Name: "H2MaxSessionStreams", In: servers, Args: conf.One, Help: "requests at a time on one connection", Set: number(func(s *serverConf) *conf.Opt[int] { return &s.Streams }, 1, "value must be > 0")},
	{Name: "H2WindowSize", In: servers, Args: conf.One, Help: "bytes of a request body that may wait for each stream", Set: number(func(s *serverConf) *conf.Opt[int] { return &s.Window }, 1024, "value must be >= 1024")},
	{Name: "H2StreamTimeout", In: servers | conf.InDirectory | conf.InLocation | conf.InFiles | conf.InIf | conf.InProxy, Args: conf.One, Help: "how long a stream waits for its client to send or take something", Set: dir.Do(setTimeout)},
	{Name: "H2MaxDataFrameLen", In: servers, Args: conf.One, Help: "bytes of content in a frame, at most; 0 for no limit but the client's", Set: number(func(s *serverConf) *conf.Opt[int] { return &s.MaxFrame }, 0, "value must be 0 or larger")},
	{Name: "H2MaxHeaderBlockLen", In: servers, Args: conf.One, Help: "bytes of a response's encoded header, at most; 0 for no limit", Set: number(func(s *serverConf) *conf.Opt[int] { return &s.MaxHeader }, 0, "value must be 0 or larger")},
	{Name: "H2MaxStreamErrors", In: servers, Args: conf.One, Help: "broken streams that a connection survives; 0 for any number", Set: number(func(s *serverConf) *conf.Opt[int] { return &s.MaxErrors }, 0, "value must be 0 or larger")},
	{Name: "H2Padding", In: servers, Args: conf.One, Help: "bits of the number of bytes that content is padded by, at random", Set: server.Do(setPadding)},
	{Name: "H2WebSockets", In: servers, Args: conf.One, Help: "WebSockets over HTTP/2 (RFC 8441)", Set: server.Do(func(c *conf.Cmd, s *serverConf, args []string) error { return setFlag(c, &s.WebSockets, args[0]) })},
	{Name: "H2EarlyHints", In: servers, Args: conf.One, Help: "103 responses go to clients", Set: server.Do(func(c *conf.Cmd, s *serverConf, args []string) error { return setFlag(c, &s.EarlyHints, args[0]) })},
	{Name: "H2EarlyHint", In: anywhere, Args: conf.Two, Help: "a field to send in a 103 before the request is worked on", Set: dir.Do(setHint)},
	{Name: "H3EarlyData", In: servers, Args: conf.Flag, Help: "HTTP/3 clients may send safe requests before the handshake is over (0-RTT)", Set: server.Flag(func(s *serverConf) *conf.Opt[bool] { return &s.EarlyData })},

	core.Accept("H2MinWorkers", conf.InServer, conf.One, "threads per process, at least", whyWorkers, checkPositive),
	core.Accept("H2MaxWorkers", conf.InServer, conf.One, "threads per process, at most", whyWorkers, checkPositive),
	core.Accept("H2MaxWorkerIdleSeconds", conf.InServer, conf.One, "seconds until an idle thread ends", whyWorkers, checkSeconds),
	core.Accept("H2StreamMaxMemSize", servers, conf.One, "bytes of a response that may wait to be sent", whyMemory, checkSize),
	core.Accept("H2SerializeHeaders", servers, conf.One, "make HTTP/1.1 text of requests", whySerial, nil),
	core.Accept("H2SessionExtraFiles", servers, conf.One, "files that a connection may keep open", whySerial, nil),
	core.Accept("H2ModernTLSOnly", servers, conf.One, "HTTP/2 only with the TLS that its RFC wants", whyModern, checkFlag),
	core.Accept("H2TLSWarmUpSize", servers, conf.One, "bytes to send in small TLS records first", whyTLS, nil),
	core.Accept("H2TLSCoolDownSecs", servers, conf.One, "seconds until TLS records become small again", whyTLS, nil),
	core.Accept("H2Push", anywhere, conf.One, "push resources to clients", whyPush, checkFlag),
	core.Accept("H2PushPriority", servers, conf.TwoThree, "priority of pushed resources", whyPush, checkPriority),
	core.Accept("H2PushDiarySize", servers, conf.One, "pushed resources to remember", whyPush, checkDiary),
	core.Accept("H2PushResource", anywhere, conf.OneTwoThree, "a resource to push", whyPush, checkResource),
	core.Accept("H2CopyFiles", anywhere, conf.One, "copy files instead of handing them on", whyMemory, checkFlag),
	core.Accept("H2OutputBuffering", servers, conf.One, "let responses wait for more to send along", whyOutput, checkFlag),
	core.Accept("H2ProxyRequests", servers, conf.One, "take forward proxy requests", whyForward, checkFlag),
}

func setFlag(c *conf.Cmd, to *conf.Opt[bool], word string) error {
	switch strings.ToLower(word) {
	case "on":
		*to = conf.Some(c, true)
	case "off":
		*to = conf.Some(c, false)
	default:
		return errFlag
	}
	return nil
}

var errFlag = &diag.Err{Text: "value must be On or Off", Expected: "On or Off", Word: 1}

func checkFlag(c *conf.Cmd, args []string) error {
	var ignored conf.Opt[bool]
	return setFlag(c, &ignored, args[0])
}

// number makes the setter of a directive with one number. Unlike httpd, text
// that is no number is an error everywhere, and not 0.
func number(field func(*serverConf) *conf.Opt[int], low int, complaint string) conf.Setter {
	return server.Do(func(c *conf.Cmd, s *serverConf, args []string) error {
		n, err := strconv.ParseInt(args[0], 10, 32)
		if err != nil || int(n) < low {
			return &diag.Err{Text: complaint, Word: 1}
		}
		*field(s) = conf.Some(c, int(n))
		return nil
	})
}

func setTimeout(c *conf.Cmd, d *dirConf, args []string) error {
	v, err := workerconf.Interval(args[0], time.Second)
	if err != nil || v < 0 {
		return &diag.Err{Text: "Invalid timeout value", Expected: "seconds, or a time such as 500ms or 2min", Word: 1}
	}
	d.Timeout = conf.Some(c, v)
	return nil
}

func setPadding(c *conf.Cmd, s *serverConf, args []string) error {
	n, err := strconv.ParseInt(args[0], 10, 32)
	switch {
	case err != nil || n < 0:
		return &diag.Err{Text: "number of bits must be >= 0", Word: 1}
	case n > 8:
		return &diag.Err{Text: "number of bits must be <= 8", Word: 1}
	}
	s.Padding = conf.Some(c, int(n))
	return nil
}

func setHint(c *conf.Cmd, d *dirConf, args []string) error {
	f := message.Field{Name: args[0], Value: args[1], Known: message.Lookup(args[0])}
	if !sound(f) {
		return &diag.Err{Text: "H2EarlyHint: not a header field", Expected: "name and value, as Link \"</my.css>;rel=preload;as=style\"", Word: 1}
	}
	d.Hints = append(d.Hints, f)
	return nil
}

func checkPositive(c *conf.Cmd, args []string) error { return atLeast(args[0], 1, "value must be > 0") }
func checkSize(c *conf.Cmd, args []string) error {
	return atLeast(args[0], 1024, "value must be >= 1024")
}

func checkSeconds(c *conf.Cmd, args []string) error {
	if v, err := workerconf.Interval(args[0], time.Second); err != nil || v < 0 {
		return &diag.Err{Text: "Invalid idle limit value", Word: 1}
	}
	return nil
}

func atLeast(word string, low int64, complaint string) error {
	if n, err := strconv.ParseInt(word, 10, 32); err != nil || n < low {
		return &diag.Err{Text: complaint, Word: 1}
	}
	return nil
}

func checkDiary(c *conf.Cmd, args []string) error {
	n, err := strconv.ParseInt(args[0], 10, 32)
	switch {
	case err != nil || n < 0:
		return &diag.Err{Text: "value must be >= 0", Word: 1}
	case n&(n-1) != 0:
		return &diag.Err{Text: "value must a power of 2", Word: 1}
	}
	return nil
}

func checkPriority(c *conf.Cmd, args []string) error {
	switch word := strings.ToLower(args[1]); {
	case word == "before" && len(args) > 2:
		return &diag.Err{Text: "dependency 'Before' does not allow a weight", Word: 3}
	case word == "before", word == "after", word == "interleaved":
		return nil
	case len(args) == 2 && atLeast(word, 1, "") == nil:
		return nil
	}
	return &diag.Err{Text: "dependency must be one of 'After', 'Before' or 'Interleaved'", Word: 2}
}

func checkResource(c *conf.Cmd, args []string) error {
	last := args[len(args)-1]
	if len(args) == 3 && !strings.EqualFold(last, "critical") {
		return &diag.Err{Text: "unknown last parameter", Expected: "critical", Word: 3}
	}
	return nil
}
