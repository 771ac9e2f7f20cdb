// Package backend is the far side: what a worker's connections lead to and how
// one request is carried over them. The schemes live in sub-packages (http;
// later h2, fcgi, ajp) and implement Transport; package pool keeps idle
// connections. Which worker serves, and what headers it is sent, is decided
// elsewhere (balancer, modules/proxy).
package backend

import (
	"net/netip"
	"time"

	"sallyport/internal/backend/secure"
	"sallyport/internal/exchange"
	"sallyport/internal/fault"
	"sallyport/internal/message"
)

// Target is where a worker's connections lead: the key of the pool that keeps
// them, so workers with equal targets share sockets.
type Target struct {
	Scheme  string // "http", "https"
	Network string // "tcp" or "unix"
	// Addr is host:port (a name or a literal) or the socket's path.
	Addr string
	// Source is ProxySourceAddress; the zero Addr lets the system choose.
	Source netip.Addr
	// ReceiveBuffer is SO_RCVBUF in bytes; 0: the system's.
	ReceiveBuffer int
	// TCPKeepAlive is the worker parameter keepalive=.
	TCPKeepAlive bool
	// TLS is the Key of the settings a connection over TLS was made under; ""
	// for clear text.
	TLS string
	// ALPN are the protocols offered in the handshake, with commas between.
	ALPN string
	// ProxyProtocol is the version of the PROXY protocol header that begins
	// each connection; 0: none.
	ProxyProtocol int
}

// Worker is what a transport needs to know of a worker; immutable, made when
// the configuration is built. Durations of 0 mean "no limit" unless said
// otherwise.
type Worker struct {
	Target Target
	Pool   Pool             // the connections to Target; lives longer than a snapshot
	Name   string           // the worker's URL, for logs
	TLS    *secure.Settings // nil: clear text

	ConnectTimeout time.Duration
	Timeout        time.Duration // between two bytes, either way
	Ping           time.Duration // 0: none; > 0: wait that long for a 100
	Acquire        time.Duration // 0: wait for ever for a free slot
	TTL            time.Duration // idle connections older than this are not reused
	// AddressTTL is how often Target's name is looked up at least; connections to
	// addresses it no longer has are not used again. 0: as its records say, and
	// connections stay where they are.
	AddressTTL     time.Duration
	Min, Smax, Max int // pool shape; Max 0: no limit
	NoReuse        bool
	FieldSize      int // responsefieldsize: longest header line, bytes
	BadHeader      BadHeader
	IOBuffer       int
}

// BadHeader is ProxyBadHeader.
type BadHeader uint8

const (
	BadHeaderIsError BadHeader = iota
	BadHeaderIgnore
	BadHeaderStartBody
)

// Pool is package pool's, as its users see it from here.
type Pool interface {
	// Idle and Busy count connections, for display.
	Idle() int
	Busy() int
}

// Request is one request as a backend is to receive it. The header is
// end-to-end fields only, in order; the transport writes Host first, the
// framing fields it decides on and Connection last.
type Request struct {
	Method string
	// The target is Prefix + Path, then "?" + Query when HasQuery.
	Prefix, Path, Query string
	HasQuery            bool
	Host                string
	Header              message.Header
	// ServerName is the host a backend's certificate must be for, without port;
	// also what its hello names. Only of use where Worker.TLS is set.
	ServerName string
	// Upgrade is the protocol to ask for ("websocket"); "": none.
	Upgrade string
	// AllowUpgrade are the values a 101 may carry; nil: the one asked for.
	Body *message.Body
	// Expect forwards "Expect: 100-continue" and waits for the 100.
	Expect bool
	// ClientExpects: the client itself asked for a 100.
	ClientExpects bool
	// Interim is proxy-interim-response: relay 1xx as RFC 9110 wants them
	// (InterimRFC), none (InterimSuppress), or httpd's default.
	Interim Interim
	// HTTP10 is force-proxy-request-1.0, Close is proxy-nokeepalive or
	// disablereuse; SendLength and SendChunked choose the body's framing
	// (proxy-sendcl, proxy-sendchunked); Fresh is proxy-initial-not-pooled;
	// AtOnce is proxy-prefetch-nonblocking: the head does not wait for content.
	HTTP10, Close, SendLength, SendChunked, Fresh, ExtraCRLF, AtOnce bool
	// Replay: the request may be sent again after a connection died without
	// an answer (idempotent, RFC 9110 §9.2.2).
	Replay bool

	// Ahead is what the transport has read of Body so far, and Whole that
	// this is all of it: kept here so that another worker can be sent the
	// same. Streaming: part of the body has gone beyond Ahead and can't be
	// sent again.
	Ahead            []byte
	Whole, Streaming bool

	// Sent and Received are the bytes of the last try as httpd counts them: all
	// that was sent; status lines and content that came. Known once its Reply has
	// ended or Start has failed.
	Sent, Received int64
}

// Interim says which 1xx responses are relayed to the client.
type Interim uint8

const (
	InterimDefault  Interim = iota // all, but 100 only to a client that expects it
	InterimRFC                     // all
	InterimSuppress                // none
)

// Transport carries requests of one scheme.
type Transport interface {
	// Start finds or makes a connection, sends the request and reads the
	// response's head into x.Out (end-to-end and hop-by-hop fields as
	// received; Body ready to read; Version the backend's). Interim
	// responses are relayed on the way. On a fault nothing of the response
	// has reached the client, unless Fault.Begun.
	//
	// A connection that had served before and died before the first byte of
	// an answer is replaced once by a fresh one where r.Replay or the unsent
	// state of the request allows it.
	Start(x *exchange.Exchange, w *Worker, r *Request) (Reply, *fault.Fault)
}

// Reply is a response whose head has been read. Exactly one of its methods is
// called, once; afterwards the connection is back in its pool or closed.
type Reply interface {
	// Deliver copies the body to the client (x.Begin has been called).
	Deliver(x *exchange.Exchange) *fault.Fault
	// Discard gives the response up: reads a short rest or closes.
	Discard()
	// Tunnel serves a 101 whose head has been sent: bytes both ways until
	// both sides are done or idle for the larger of the time-outs.
	Tunnel(x *exchange.Exchange, idle time.Duration, halfClose bool) *fault.Fault
	// LocalPort is the connection's own port in text (note proxy-source-port).
	LocalPort() string
}
