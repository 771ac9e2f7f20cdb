package exchange

import (
	"crypto/tls"
	"sync"

	"sallyport/internal/errorlog"
	"sallyport/internal/message"
)

// House is what a front hands its connections to: the server behind all
// protocols.
type House interface {
	// Admit is called once per client connection.
	Admit(c *Client) Visit
}

// Visit is one client connection as the house knows it. Its methods are
// called from the goroutine that serves the connection, or one of its streams.
type Visit interface {
	// Enter pins the running snapshot for one exchange and returns the
	// settings that hold before the request's host is known.
	Enter() *ServerSettings
	// TLS is how the connection is to be secured before anything else, nil for
	// not at all: asked between Enter and Leave, once the client has sent
	// something. The configuration chooses the virtual host by the name in the
	// hello.
	TLS() *tls.Config
	// Secured tells how the handshake went and gives what Client.TLS is to be;
	// nil where it failed. Between Enter and Leave as well.
	Secured(state tls.ConnectionState, err error) *TLS
	// Serve runs the exchange x from the phase Read to the phase Log. The
	// front has filled Request, Client, Received and Down; RawPath, Encoded,
	// Path and Query are cut from the target by the house. When it returns
	// the response has been ended on Down.
	Serve(x *Exchange)
	// Refuse answers a request that was not understood, or not in time, with
	// status. x holds what could be read of it; why is for the error log.
	Refuse(x *Exchange, status int, why string)
	// Logger is the error log of the default server, between Enter and Leave.
	Logger() *errorlog.Logger
	// Leave ends what Enter began. It reports false when the house wants the
	// connection closed (it is shutting down).
	Leave() bool
	// Stream makes a visit of its own for one stream of the connection, or
	// several one after the other. For any goroutine, before Bye.
	Stream(c *Client) Visit
	// Bye ends the visit: the connection is closed, the stream over.
	Bye()
}

var pool = sync.Pool{New: func() any { return new(Exchange) }}

// Get takes an empty Exchange from the pool.
func Get() *Exchange { return pool.Get().(*Exchange) }

// Put gives x back. Nothing may use it afterwards.
func Put(x *Exchange) {
	fields, out, always := x.Request.Header, x.Out.Header, x.Always
	env, notes, proxy := x.Env, x.Notes, x.Proxy
	fields.Reset()
	out.Reset()
	always.Reset()
	env.Reset()
	notes.Reset()
	if r, ok := x.Proxy.(interface{ Recycle() }); ok {
		r.Recycle()
	}
	*x = Exchange{} // with fields in it, it would be made elsewhere and copied
	x.Request.Header, x.Out.Header, x.Always = fields, out, always
	x.Env, x.Notes, x.Proxy = env, notes, proxy
	pool.Put(x)
}

// Restart empties what an exchange has made so far, before an internal
// redirect or an error page: the response, but not the request.
func (x *Exchange) Restart() {
	h := x.Out.Header
	h.Reset()
	x.Out = message.Response{Header: h}
}
