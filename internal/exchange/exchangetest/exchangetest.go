// Package exchangetest lets a room's tests run hooks without a socket: an
// Exchange made from a method, a target and header lines, and a Recorder that
// stands in for the client and keeps what the room sent.
//
// It does not choose a Place, run phases or frame bytes; tests of those belong
// to packages snapshot, front/… and proxytest.
package exchangetest

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"sallyport/internal/exchange"
	"sallyport/internal/message"
)

// Recorder is an exchange.Downstream that keeps everything in memory. The zero
// Recorder is ready to use.
type Recorder struct {
	// Interim are the 1xx responses in order.
	Interim []message.Response
	// Begun says whether Begin was called; Head is its response (its own
	// copy, without Body.Reader).
	Begun bool
	Head  message.Response
	// Body collects what was written; Writes counts the calls, Flushes the
	// calls of Flush.
	Body    bytes.Buffer
	Writes  int
	Flushes int
	// Ended says whether End was called; Trailer is what it got.
	Ended   bool
	Trailer *message.Header
	// Fail, when set, is returned by every Write from now on: the client has
	// gone away.
	Fail error
	// Tunnel is what Upgrade hands over; nil: Upgrade fails.
	Tunnel io.ReadWriteCloser
	// Left is what Gone returns; a test closes it when its client leaves.
	Left    chan struct{}
	Blocked exchange.Waker // what Waiting was last told
}

var _ exchange.Downstream = (*Recorder)(nil)

// Inform records an interim response.
func (r *Recorder) Inform(status int, h *message.Header) error {
	if r.Begun {
		return errors.New("inform: the response has begun")
	}
	in := message.Response{Status: status}
	if h != nil {
		in.Header.CopyFrom(h)
	}
	r.Interim = append(r.Interim, in)
	return r.Fail
}

// Begin records the head; a second call is an error.
func (r *Recorder) Begin(m *message.Response) error {
	if r.Begun {
		return errors.New("begin: called twice")
	}
	r.Begun = true
	r.Head = *m
	r.Head.Header = message.Header{}
	r.Head.Header.CopyFrom(&m.Header)
	r.Head.Body.Reader = nil
	return r.Fail
}

// Write appends to Body.
func (r *Recorder) Write(p []byte) (int, error) {
	if r.Fail != nil {
		return 0, r.Fail
	}
	if !r.Begun {
		return 0, errors.New("write: the response has not begun")
	}
	if r.Ended {
		return 0, errors.New("write: the response has ended")
	}
	r.Writes++
	return r.Body.Write(p)
}

// Flush counts.
func (r *Recorder) Flush() error {
	r.Flushes++
	return r.Fail
}

// End records the end of the message.
func (r *Recorder) End(trailer *message.Header) error {
	if r.Ended {
		return errors.New("end: called twice")
	}
	r.Ended, r.Trailer = true, trailer
	return r.Fail
}

// Upgrade hands over Tunnel.
func (r *Recorder) Upgrade() (io.ReadWriteCloser, error) {
	if r.Tunnel == nil {
		return nil, errors.New("upgrade: the recorder has no tunnel")
	}
	return r.Tunnel, nil
}

// Waiting remembers the Waker; it reports false once Left is closed.
func (r *Recorder) Waiting(w exchange.Waker) bool {
	r.Blocked = w
	select {
	case <-r.Left:
		return false
	default:
		return true
	}
}

// NewExchange makes an exchange as a front hands it over once Path is decoded:
// an HTTP/1.1 request of method for target (origin form), with header lines
// like "Host: example.test", from 192.0.2.1:40000 to 192.0.2.2:80. Its
// Downstream is the Recorder; it has no Place and no Runner yet, and a Server
// named "example.test" that logs nothing. Path is Encoded with its escapes
// decoded; dot segments are the caller's business. It panics on a target whose
// escapes are malformed or a header line without colon: those are mistakes in
// the test.
func NewExchange(method, target string, headers ...string) (*exchange.Exchange, *Recorder) {
	rec := &Recorder{}
	x := &exchange.Exchange{
		Client: &exchange.Client{
			Remote: netip.MustParseAddrPort("192.0.2.1:40000"),
			Local:  netip.MustParseAddrPort("192.0.2.2:80"),
			Addr:   netip.MustParseAddrPort("192.0.2.1:40000"),
			ID:     1,
		},
		Server:    &exchange.Server{Name: "example.test", Core: &exchange.ServerSettings{}},
		Place:     &exchange.Place{},
		Received:  time.Date(2024, time.May, 6, 7, 8, 9, 0, time.UTC),
		Down:      rec,
		KeepAlive: true,
	}
	x.Place.Server = x.Server
	x.Request = message.Request{Method: method, Target: target, Version: message.HTTP11}
	for _, line := range headers {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			panic("exchangetest: header line without colon: " + line)
		}
		x.Request.Header.Add(name, strings.TrimSpace(value))
	}
	x.Request.Authority = x.Request.Header.Get("Host")
	SetTarget(x, target)
	return x, rec
}

// SetTarget gives x the path and query of an origin-form target, as at the
// start of an exchange or after an internal redirect.
func SetTarget(x *exchange.Exchange, target string) {
	x.RawPath, x.Query, x.HasQuery = strings.Cut(target, "?")
	x.Encoded = x.RawPath
	path, err := url.PathUnescape(x.Encoded)
	if err != nil {
		panic("exchangetest: " + err.Error())
	}
	x.Path = path
}

// Run calls the hooks of one phase of x.Place as the runner does: up to the
// first that does not decline (Translate, Handle), or that answers neither
// Declined nor OK (the others); in Respond and Log all run. It returns the
// last verdict: Declined when no hook had anything to say.
func Run(x *exchange.Exchange, ph exchange.Phase) exchange.Verdict {
	last := exchange.Declined
	for _, h := range x.Place.Hooks[ph] {
		v := h(x)
		if v == exchange.Declined {
			continue
		}
		last = v
		switch {
		case ph == exchange.Respond || ph == exchange.Log:
		case ph == exchange.Translate || ph == exchange.Handle || v != exchange.OK:
			return v
		}
	}
	return last
}

// Lines prints a header as lines "Name: value\n" in order.
func Lines(h *message.Header) string {
	var b strings.Builder
	for _, f := range h.Fields {
		b.WriteString(f.Name + ": " + f.Value + "\n")
	}
	return b.String()
}
