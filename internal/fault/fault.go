// Package fault names what can go wrong between the proxy and a backend, on
// which side, and whether another worker may be tried. One table tells code,
// answer, error log and counters; nothing elsewhere invents a status for a
// broken exchange.
package fault

// Kind is one way an exchange with a backend can end early.
type Kind uint8

const (
	None Kind = iota
	// Before the backend can have seen the request.
	ConnectFailed  // refused, unreachable, socket file missing
	ConnectTimeout // connectiontimeout passed
	PoolTimeout    // acquire passed: every connection of the worker is in use
	Unresolved     // the backend's name has no address
	TLSDisabled    // https backend without SSLProxyEngine
	TLSFailed      // handshake or verification
	PingTimeout    // no 100 within ping=
	Refused        // a backend with several requests on a connection did not look at this one
	// After the request was (partly) sent, before a status line.
	ClosedEarly // closed or reset without an answer
	ReadTimeout // no status line in time
	SendFailed  // writing the request failed
	// The answer itself.
	BadStatusLine
	BadHead    // malformed, over-long or timed-out head
	BadName    // field name or value that must not be passed on
	BadFraming // Content-Length, chunk sizes
	TooManyInterim
	BadUpgrade // 101 not asked for, or to another protocol
	BodyBroken // the body ended early, timed out or was malformed after its start
	// The client.
	ClientBody // the request body could not be read; Status says why
	ClientGone // nobody is left to answer
	// Nobody to ask.
	NoWorker  // every member unusable
	NoMembers // empty balancer
	NoHandler // nothing serves the URL's scheme
	Blocked   // ProxyBlock
	numKinds
)

// Side tells whose doing it was.
type Side uint8

const (
	Backend Side = iota
	Client
	Proxy
)

// Row is what the table says of a Kind.
type Row struct {
	Name   string // for counters and logs, stable: "connect_failed"
	Side   Side
	Status int // answered when nothing was sent yet; 0: close without an answer
	// Unsent: the backend cannot have acted on the request: another worker
	// may be tried whatever the method.
	Unsent bool
	// Page is the reason shown on httpd's "Proxy Error" page; "" means the
	// plain page of the status.
	Page string
}

var table = [numKinds]Row{
	None:           {Name: "none"},
	ConnectFailed:  {"connect_failed", Backend, 503, true, ""},
	ConnectTimeout: {"connect_timeout", Backend, 503, true, ""},
	PoolTimeout:    {"pool_timeout", Proxy, 503, true, ""},
	Unresolved:     {"unresolved", Backend, 500, true, "DNS lookup failure for: "},
	TLSDisabled:    {"tls_disabled", Proxy, 500, true, ""},
	TLSFailed:      {"tls_failed", Backend, 500, true, "Error during SSL Handshake with remote server"},
	PingTimeout:    {"ping_timeout", Backend, 503, true, "Timeout on 100-Continue"},
	Refused:        {"refused", Backend, 503, true, ""},
	ClosedEarly:    {"closed_early", Backend, 502, false, "Error reading from remote server"},
	ReadTimeout:    {"read_timeout", Backend, 502, false, "Error reading from remote server"},
	SendFailed:     {"send_failed", Backend, 502, false, "Error reading from remote server"},
	BadStatusLine:  {"bad_status_line", Backend, 502, false, "Corrupt status line returned by remote server"},
	BadHead:        {"bad_head", Backend, 502, false, ""},
	BadName:        {"bad_field", Backend, 500, false, ""},
	BadFraming:     {"bad_framing", Backend, 502, false, ""},
	TooManyInterim: {"too_many_interim", Backend, 502, false, "Too many interim responses from origin server"},
	BadUpgrade:     {"bad_upgrade", Backend, 502, false, "Unexpected Upgrade"},
	BodyBroken:     {"body_broken", Backend, 502, false, ""},
	ClientBody:     {"client_body", Client, 400, false, ""},
	ClientGone:     {"client_gone", Client, 0, false, ""},
	NoWorker:       {"no_worker", Proxy, 503, false, ""},
	NoMembers:      {"no_members", Proxy, 503, false, ""},
	NoHandler:      {"no_handler", Proxy, 500, false, ""},
	Blocked:        {"blocked", Proxy, 403, false, ""},
}

// Row returns the kind's row.
func (k Kind) Row() *Row { return &table[k] }

// String is the stable name.
func (k Kind) String() string { return table[k].Name }

// Fault is one broken exchange. It is handed up unlogged; who decides what to
// do with it logs it, once.
type Fault struct {
	Kind Kind
	// Status overrides the table's where the cause knows better (413, 408).
	Status int
	// Err is the cause as the system told it; may be nil.
	Err error
	// Detail completes the log line: an address, a header name.
	Detail string
	// Reused: it happened on a connection that had served before.
	Reused bool
	// Begun: the response head was already on its way to the client.
	Begun bool
}

// Code is the status to answer with; 0: none.
func (f *Fault) Code() int {
	if f.Status != 0 {
		return f.Status
	}
	return table[f.Kind].Status
}

func (f *Fault) Error() string {
	s := table[f.Kind].Name
	if f.Detail != "" {
		s += " " + f.Detail
	}
	if f.Err != nil {
		s += ": " + f.Err.Error()
	}
	return s
}

func (f *Fault) Unwrap() error { return f.Err }
