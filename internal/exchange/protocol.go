package exchange

import (
	"net"
	"slices"
	"time"

	"sallyport/internal/message"
)

// Protocols is what clients of a server may speak (Protocols), and how the
// versions behind HTTP/1.1 behave.
type Protocols struct {
	// List has lower-case names in the order of preference: "http/1.1", "h2",
	// "h2c", "h3". HTTP/1.1 is always spoken, listed or not.
	List []string
	// ClientOrder: the client's order decides, not ours (ProtocolsHonorOrder
	// Off).
	ClientOrder bool
	// HTTP2 is nil where the room http2 is not loaded: then nothing but
	// HTTP/1.1 is spoken.
	HTTP2 *HTTP2
}

// The names of Protocols.
const (
	ProtoH1  = "http/1.1"
	ProtoH2  = "h2"
	ProtoH2C = "h2c"
	ProtoH3  = "h3"
)

// Allows reports whether clients may speak the protocol.
func (p *Protocols) Allows(name string) bool {
	return name == ProtoH1 || p.HTTP2 != nil && slices.Contains(p.List, name)
}

// ALPN lists what is offered inside of TLS over TCP, in the server's order
// (RFC 7301). "http/1.1" is always there.
func (p *Protocols) ALPN() []string {
	var out []string
	for _, name := range p.List {
		if name == ProtoH1 || name == ProtoH2 && p.Allows(name) {
			out = append(out, name)
		}
	}
	if !slices.Contains(out, ProtoH1) {
		out = append(out, ProtoH1)
	}
	return out
}

// Direct reports whether a connection may begin with HTTP/2's preface.
func (p *Protocols) Direct(tls bool) bool {
	switch {
	case p.HTTP2 == nil:
		return false
	case tls:
		return p.HTTP2.DirectTLS && p.Allows(ProtoH2)
	}
	return p.HTTP2.Direct && p.Allows(ProtoH2C)
}

// HTTP2 is what the room http2 says about a server; most of it holds for HTTP/3
// too.
type HTTP2 struct {
	// Direct and DirectTLS let a connection begin with HTTP/2's preface
	// without further negotiation (H2Direct).
	Direct, DirectTLS bool
	MaxStreams        int           // H2MaxSessionStreams
	Window            int           // bytes of a request body under way, per stream (H2WindowSize)
	StreamTimeout     time.Duration // H2StreamTimeout; 0: Timeout
	MaxFrame          int           // bytes in a DATA frame (H2MaxDataFrameLen); 0: as the client allows
	MaxHeaderBlock    int           // bytes of a response's header (H2MaxHeaderBlockLen); 0: 64 KB
	MaxErrors         int           // stream errors that close the connection (H2MaxStreamErrors); 0: no limit
	Padding           int           // bytes a frame may be padded by, at most (H2Padding)
	EarlyHints        bool          // 103 goes to clients (H2EarlyHints)
	WebSockets        bool          // RFC 8441 and RFC 9220 (H2WebSockets)
	EarlyData         bool          // HTTP/3 requests before the handshake is over (H3EarlyData)
}

// Handoff is a client connection on its way from the front for HTTP/1.1 to
// that of another protocol.
type Handoff struct {
	Conn   net.Conn
	Client *Client
	Visit  Visit
	Early  []byte // bytes read that belong to the new protocol
	// Request asked for the change and wants its answer in the new protocol
	// (RFC 7540 §3.2); nil: the connection began with it. It has no body.
	// Settings is the payload that came along.
	Request  *message.Request
	Settings []byte
}

// Switcher is a Downstream whose connection can go over to another protocol.
type Switcher interface {
	// SwitchH2 has the connection speak HTTP/2 after the response at hand,
	// which must be a 101. settings is the payload of the client's SETTINGS. It
	// reports false where that cannot be.
	SwitchH2(settings []byte) bool
}
