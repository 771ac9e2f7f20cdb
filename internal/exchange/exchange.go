// Package exchange is one request and its response on their way through the
// house: the Exchange itself, the Place (what the configuration says about
// where the request landed), the phases it passes and the hooks that wait
// there. Protocol adapters (front/…, backend/…) and rooms (modules/…) meet only
// here.
//
// It decides nothing: which Place applies is the snapshot's business, what a
// hook does its room's. It holds no sockets; bytes leave through a Downstream.
package exchange

import (
	"io"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"sallyport/internal/errorlog"
	"sallyport/internal/message"
	"sallyport/internal/pipe"
)

// Verdict is a hook's answer, as in httpd: Declined (not mine, go on), OK,
// Done (the response is complete), or an HTTP status that ends the exchange.
type Verdict int

const (
	Declined Verdict = -1
	OK       Verdict = 0
	Done     Verdict = -2
)

// Status makes a verdict of an HTTP status.
func Status(code int) Verdict { return Verdict(code) }

// Hook is one room's work in one phase, bound to the configuration of one
// Place when that Place was built. It runs in the exchange's goroutine.
type Hook func(*Exchange) Verdict

// Phase numbers the stations of an exchange in the order it passes them.
type Phase uint8

const (
	// Read: the head is parsed; Server-level configuration only (httpd's
	// post_read_request). All hooks run until one does not decline/OK.
	Read Phase = iota
	// Encoded: Path is normalised and still encoded; an OK has mapped the
	// URL, which is then not decoded (pre_translate_name: ProxyPass with
	// mapping=encoded or servlet).
	Encoded
	// Translate: Path is decoded; the first OK ends the phase and has filled
	// Exchange.Mapped (translate_name).
	Translate
	// Head: the final Place is known (header_parser).
	Head
	// Access and Auth: Require, Order/Allow/Deny, and who is asking.
	Access
	Auth
	// Fixup: type_checker and fixups: last changes before the handler.
	Fixup
	// Handle: the first hook that does not decline answers.
	Handle
	// Respond: the response head is made and not yet sent; every hook runs
	// (httpd's insert_filter and the header filters).
	Respond
	// Log: the exchange is over, bytes are counted; every hook runs.
	Log
	NumPhases
)

// Reset says what a stream that is given up is reset for, in whatever version
// of HTTP: the codes that mean something to the client of a proxy. The others
// are about the connection on which they came.
type Reset uint8

const (
	ResetInternal  Reset = iota // something broke
	ResetCancelled              // the backend has cancelled it
	ResetCalm                   // the backend wants less to do
)

// Exchange is one request with everything learnt about it. It belongs to the
// goroutine that serves it and is taken from a pool: nothing may keep a
// pointer to it after the Log phase. Strings out of it may be kept.
type Exchange struct {
	// Request is the client's. Rooms change Request.Header (RequestHeader,
	// setting X-Forwarded-…); what the client really sent is in no other place.
	Request message.Request

	// Path is the request's path: first normalised but still encoded (in
	// phase Read), then decoded (httpd's r->uri). Query is what follows "?"
	// as received; HasQuery tells "/a?" from "/a".
	Path     string
	Query    string
	HasQuery bool
	// RawPath is the path as received, up to "?" (httpd's unparsed_uri
	// without the query). Encoded is the normalised, still encoded path.
	RawPath string
	Encoded string

	Client   *Client
	Server   *Server
	Place    *Place
	Received time.Time

	Env   Vars // httpd's subprocess_env
	Notes Vars
	// User is who the client says to be. It is set while that is being proved,
	// for the log; only behind phase Auth it is somebody. AuthType is how
	// ("Basic"), Challenge the WWW-Authenticate field that asks for it.
	User, AuthType, Challenge string
	// Claimed: User was not proved. Only the access log may show it.
	Claimed bool

	// Line is the request line of a head that was refused, with a NUL or LF at
	// its end where that ended it; "" else.
	Line string

	// Mapped says where the URL leads; filled in phase Translate.
	Mapped Mapping
	// Handler is the name set by SetHandler, AddHandler or a translation;
	// "" means the file handler.
	Handler string
	// PathInfo is what follows the file in Path.
	PathInfo string
	// ContentType and friends as found by the type checker for local files.
	Type Type

	// Out is the response in the making. Out.Header is httpd's headers_out;
	// Always (err_headers_out) is sent on errors too, in front of it.
	Out    message.Response
	Always message.Header
	// OwnError says that Out is a page of our own for an error or a redirect,
	// made by Runner.Fail (httpd's error path): in phase Respond only what
	// holds for errors too may change it (Header always). What Always held
	// until then has moved to the front of Out.Header.
	OwnError bool

	Down Downstream
	Run  Runner

	// Prev is the exchange's own earlier life before an internal redirect
	// (ErrorDocument, DirectoryIndex): its URL, status and environment. nil
	// for the first.
	Prev *Prev

	// Sub is greater than 0 for a look ahead: an exchange that is only taken to
	// the door of its handler, to see what it would meet (httpd's subrequest).
	Sub int
	// Ahead says that fixups run for an index that stands in for its
	// directory: httpd has run them while it looked ahead.
	Ahead bool

	// KeepStatus is the error's status while its ErrorDocument is served; it
	// covers the page's own. 0: none.
	KeepStatus int

	// KeepAlive false asks the front to end the client connection after this
	// exchange. Begun is set once the response head has left.
	KeepAlive bool
	Begun     bool
	Aborted   bool // the client went away, or the response broke off
	// Reset is why a response broke off, for a client that can be told.
	Reset Reset
	// Patience is how long the client may take to send or take something
	// (H2StreamTimeout of a section); 0: what holds for the server.
	Patience time.Duration

	// Counts of bytes for the log: received with heads, sent with heads,
	// sent body only.
	BytesIn, BytesOut, BodyOut int64

	// HeadAt is when the response head was made; the zero time where nobody
	// asked for it (LogIOTrackTTFB).
	HeadAt time.Time

	// Satisfied is the Place whose Satisfy Any the client's address has met:
	// nothing else need be asked there. NeedUser is the Place where Require
	// can't decide without an authenticated user: the rooms of phase Auth
	// have work there, and only there.
	// Asked is the Place whose rules the exchange, or what it was before an
	// internal redirect, has answered to: they are not asked twice.
	Satisfied, NeedUser, Asked *Place

	// LogID names the exchange in the error log (%L); "" until something was
	// logged about it.
	LogID  string
	logged bool // the once-per-request lines are written

	// Proxy is the proxy room's own record of this exchange (alias taken,
	// worker, attempts). It outlives the exchange in its pool, for reuse: only
	// that room looks at it.
	Proxy any
	// Scratch lets other rooms keep something between their hooks; small.
	Scratch []any
}

// Client is the connection (or stream) a request came by. Shared by all
// exchanges of that connection.
type Client struct {
	Remote, Local netip.AddrPort // of the socket
	// Addr is the client's address as Require, logs and X-Forwarded-For see
	// it: Remote, unless a room (remoteip) learnt better.
	Addr netip.AddrPort
	// Announced: Addr is what a proxy in front said when it connected (PROXY
	// protocol).
	Announced bool
	TLS       *TLS // nil on a clear connection
	Since     time.Time
	ID        uint64 // unique within the process
	text      string // see Text
	textOf    netip.Addr
	// Served counts the exchanges before this one on the connection.
	Served int
	// Stream is the stream that the request came by; 0 in HTTP/1.1.
	Stream uint64

	// Name remembers what a reverse lookup of Addr found; see package hosts.
	Name atomic.Pointer[Hostname]

	logged atomic.Bool // the once-per-connection lines are written
	whole  *Client     // see For; nil: this is the connection's own
}

// For makes the Client of one exchange that came on behalf of another address
// than the connection's.
func (c *Client) For(addr netip.AddrPort) *Client {
	whole := c
	if c.whole != nil {
		whole = c.whole
	}
	return &Client{
		Remote: c.Remote, Local: c.Local, Addr: addr, Announced: c.Announced, TLS: c.TLS,
		Since: c.Since, ID: c.ID, Served: c.Served, Stream: c.Stream, whole: whole,
	}
}

// ForStream makes the Client of one stream of the connection: what exchanges
// that run at the same time must not share.
func (c *Client) ForStream() *Client {
	s := c.For(c.Addr)
	s.Served = 1
	return s
}

// Hostname is the result of looking an address up in the DNS.
type Hostname struct {
	Addr     netip.Addr
	Name     string // "" when there is none
	Verified bool   // the name leads back to the address
	Double   bool   // that was asked for
}

// Text is the address of Addr as text, made once for as long as Addr stays.
// For the goroutine that serves the client.
func (c *Client) Text() string {
	if a := c.Addr.Addr(); c.text == "" || c.textOf != a {
		c.textOf, c.text = a, a.Unmap().String()
	}
	return c.text
}

// Downstream takes one response to the client. front/h1, h2, h3 and the
// tests' recorder implement it. All methods are called from the exchange's
// goroutine.
type Downstream interface {
	// Inform sends an interim response (100, 103); any number of them.
	Inform(status int, h *message.Header) error
	// Begin sends the head, once. The Downstream decides framing from
	// r.Body.Length and the client's version; it does not keep r.
	Begin(r *message.Response) error
	io.Writer // the body
	// Flush hands over what is buffered.
	Flush() error
	// End closes the message; trailer may be nil.
	End(trailer *message.Header) error
	// Upgrade hands the connection over after a 101 (or an accepted
	// extended CONNECT): raw bytes both ways.
	Upgrade() (io.ReadWriteCloser, error)
	// Waiting tells what the exchange is about to block on (a backend), so
	// that it can be woken when the client leaves; nil when it no longer
	// blocks. It reports false when the client is known to be gone already.
	Waiting(w Waker) bool
}

// Waker is something blocked on behalf of an exchange. Wake makes it return
// early with an error; it may be called from any goroutine, more than once.
type Waker interface{ Wake() }

// Runner is the way back into the house: the snapshot implements it.
type Runner interface {
	// Redirect starts the exchange again at another local URL
	// (ErrorDocument, DirectoryIndex); httpd's ap_internal_redirect.
	Redirect(x *Exchange, target string) Verdict
	// Fail answers an error status: ErrorDocument or the default page
	// (httpd's ap_die).
	Fail(x *Exchange, status int)
}

// Type is what mod_mime knows of a file.
type Type struct {
	Media, Charset, Encoding string
	Languages                []string
}

// MappingKind says what became of the URL.
type MappingKind uint8

const (
	Unmapped MappingKind = iota
	File                 // Mapped.Path is a file system path
	Proxied              // Mapped.Path is an absolute URL: httpd's "proxy:…" filename
	Nowhere              // answered without any (OPTIONS *, redirects)
)

// Mapping is the result of translation.
type Mapping struct {
	Kind MappingKind
	// Path is the file's, or for Proxied the beginning of the URL that goes on
	// with Rest: the two are joined only where somebody wants the whole (URL).
	Path, Rest string
	What       FileKind // what is at Path, for Kind File
	// Raw says that the URL of a Proxied mapping is spelt for the wire already.
	Raw bool
}

// URL is the whole URL of a Proxied mapping.
func (m *Mapping) URL() string { return m.Path + m.Rest }

// Begins reports whether URL begins with prefix, without making it.
func (m *Mapping) Begins(prefix string) bool {
	if len(prefix) <= len(m.Path) {
		return m.Path[:len(prefix)] == prefix
	}
	return strings.HasPrefix(prefix, m.Path) && strings.HasPrefix(m.Rest, prefix[len(m.Path):])
}

// Prev is what an internal redirect leaves behind.
type Prev struct {
	Path, Query string
	Target      string
	Status      int
	Failing     int // the status whose ErrorDocument is being fetched; 0: none
	Env         Vars
	Prev        *Prev
}

// Server is one virtual host (or the main server) of a snapshot: what is
// known of it before any section matches.
type Server struct {
	Name      string   // ServerName's host; never empty
	Scheme    string   // of ServerName, "" when not given
	Port      uint16   // of ServerName, 0 when not given
	Aliases   []string // ServerAlias, as written
	Path      string   // ServerPath; "": none
	Admin     string
	DefinedAt string // "file:line" for -S and logs
	Core      *ServerSettings
	TLS       *ServerTLS // nil: clients speak to it in the clear
	Log       *errorlog.Logger
	// Base is the Place of requests no section matches.
	Base *Place
	// Locate finds the Place for x as it stands (Path, Mapped); set by the
	// snapshot.
	Locate func(x *Exchange) *Place
	// Index is the server's number in its snapshot.
	Index int
}

// Place is what the configuration says about one combination of virtual host
// and matching sections: built once, remembered, immutable. A phase's list
// holds only hooks that have work there.
type Place struct {
	Server *Server
	Hooks  [NumPhases][]Hook
	Core   DirSettings
	// Log is the server's error log with the thresholds that LogLevel sets
	// here; nil: the server's own.
	Log *errorlog.Logger
}

// Getenv returns the value of a variable in Env, "" without one.
func (x *Exchange) Getenv(name string) string { v, _ := x.Env.Get(name); return v }

// First runs a phase up to the first hook that takes the exchange, and returns
// what it says; Declined if none does.
func (x *Exchange) First(ph Phase) Verdict {
	for _, h := range x.Place.Hooks[ph] {
		if v := h(x); v != Declined {
			return v
		}
	}
	return Declined
}

// Begin sends the response head in Out: the Respond hooks run on it first,
// then Always goes in front of Out.Header (httpd overlays err_headers_out on
// headers_out). Called once; the body follows with Write or CopyBody.
func (x *Exchange) Begin() error {
	if x.KeepStatus != 0 {
		x.Out.Status, x.Out.Reason = x.KeepStatus, message.ReasonOf(x.KeepStatus)
	}
	for _, h := range x.Place.Hooks[Respond] {
		h(x)
	}
	if len(x.Always.Fields) > 0 {
		x.Always.Fields = append(x.Always.Fields, x.Out.Header.Fields...)
		x.Out.Header, x.Always = x.Always, x.Out.Header
		x.Always.Reset()
	}
	x.Out.Header.Unite(message.Vary)
	x.Begun = true
	err := x.Down.Begin(&x.Out)
	if err != nil {
		x.Aborted = true
	}
	return err
}

// Write sends body bytes to the client.
func (x *Exchange) Write(p []byte) (int, error) {
	n, err := x.Down.Write(p)
	if err != nil {
		x.Aborted = true
	}
	return n, err
}

// CopyBody sends n bytes of r (all of it when n < 0), letting the kernel move
// them where both ends can (sendfile, splice).
func (x *Exchange) CopyBody(r io.Reader, n int64) error {
	if n >= 0 {
		r = &io.LimitedReader{R: r, N: n}
	}
	var got int64
	var err error
	if rf, ok := x.Down.(io.ReaderFrom); ok {
		got, err = rf.ReadFrom(r)
	} else {
		got, err = io.Copy(struct{ io.Writer }{x.Down}, r)
	}
	if err == nil && n >= 0 && got < n {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		x.Aborted = true
	}
	return err
}

// Splicer is a Downstream that can let the kernel move body bytes to the
// client's socket.
type Splicer interface {
	// CanSplice reports whether it can for the response that has begun.
	CanSplice() bool
	// Splice sends all that p holds.
	Splice(p *pipe.Pipe) error
}

// SpliceSource is a request's Body.Reader from which the kernel can move bytes
// to a backend's socket.
type SpliceSource interface {
	// Spliceable is how many bytes are still to come that way; 0 while some
	// have been read already that must go first.
	Spliceable() int64
	// FillPipe takes some of them; it blocks, and fails, as Read does.
	FillPipe(p *pipe.Pipe) error
}

// CanSplice reports whether Splice will work for the response that has begun.
func (x *Exchange) CanSplice() bool {
	s, ok := x.Down.(Splicer)
	return ok && s.CanSplice()
}

// Splice: see Splicer. CanSplice must have said yes.
func (x *Exchange) Splice(p *pipe.Pipe) error {
	err := x.Down.(Splicer).Splice(p)
	if err != nil {
		x.Aborted = true
	}
	return err
}

// ServerToken is the Server field of responses that bring none of their own.
func (x *Exchange) ServerToken() string {
	if x.Server == nil {
		return ""
	}
	return x.Server.Core.Tokens
}

// RemoteUser is the user who was proved; "" for none. (httpd's REMOTE_USER.)
//
// Unlike httpd: a name that came with a wrong password is nobody's, not even for
// the page of an ErrorDocument 401, because backends are told of users by it.
func (x *Exchange) RemoteUser() string {
	if x.Claimed {
		return ""
	}
	return x.User
}

// Unauthorized is the verdict 401 with the Challenge, if there is one.
func (x *Exchange) Unauthorized() Verdict {
	if x.Challenge != "" {
		x.Always.Set("WWW-Authenticate", x.Challenge)
	}
	return Status(401)
}
