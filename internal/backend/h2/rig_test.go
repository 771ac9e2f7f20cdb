package h2

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"sallyport/internal/backend"
	"sallyport/internal/backend/pool"
	"sallyport/internal/exchange"
	"sallyport/internal/exchange/exchangetest"
	"sallyport/internal/fault"
	"sallyport/internal/message"
	"sallyport/internal/watch"
)

// patience bounds what should happen soon.
const patience = 20 * time.Second

// rig is a transport and the place of one backend.
type rig struct {
	t    *testing.T
	ln   net.Listener
	work *backend.Worker
}

func newRig(t *testing.T, options ...func(*backend.Worker)) *rig {
	t.Helper()
	w, err := watch.New()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	reg := pool.NewRegistry(w)
	target := backend.Target{Scheme: "h2c", Network: "tcp", Addr: l.Addr().String()}
	r := &rig{t: t, ln: l, work: &backend.Worker{Target: target, Timeout: patience, ConnectTimeout: patience}}
	for _, o := range options {
		o(r.work)
	}
	r.work.Pool = reg.For(r.work.Target)
	t.Cleanup(func() { reg.Close(); l.Close(); w.Close() })
	return r
}

func (r *rig) group() *group { return groupOf(r.work.Pool.(*pool.Pool)) }

// request is what a test sends; the body's length is known unless stream.
type request struct {
	method, path string
	header       []string
	body         io.Reader
	length       int64
	trailer      *message.Header
	change       func(*backend.Request)
}

// client is a Recorder that can be asked whom it waits for.
type client struct {
	*exchangetest.Recorder
	mu    sync.Mutex
	waker exchange.Waker
	waits int // how often something began to wait for the backend
}

func (c *client) Waiting(w exchange.Waker) bool {
	c.mu.Lock()
	c.waker = w
	if w != nil {
		c.waits++
	}
	c.mu.Unlock()
	select {
	case <-c.Left:
		return false
	default:
		return true
	}
}

// leave is a client that hangs up.
func (c *client) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.Left)
	if c.waker != nil {
		c.waker.Wake()
	}
}

// result is how an exchange ended.
type result struct {
	*client
	x     *exchange.Exchange
	reply backend.Reply
	f     *fault.Fault // of Start
	df    *fault.Fault // of Deliver
	req   backend.Request
}

// begin prepares an exchange.
func (r *rig) begin(q request) *result {
	x, rec := exchangetest.NewExchange(q.method, q.path, append([]string{"Host: cl.test"}, q.header...)...)
	rec.Left = make(chan struct{})
	c := &client{Recorder: rec}
	x.Down = c
	x.Request.Body = message.Body{Reader: q.body, Length: q.length}
	if q.trailer != nil {
		x.Request.Body.Trailer = func() *message.Header { return q.trailer }
	}
	res := &result{client: c, x: x, req: backend.Request{
		Method: q.method, Path: q.path, Host: "back.test", Body: &x.Request.Body, Replay: q.method == "GET",
	}}
	for i := range x.Request.Header.Fields {
		if f := x.Request.Header.Fields[i]; f.Known != message.Host && f.Known != message.TE {
			res.req.Header.Fields = append(res.req.Header.Fields, f)
		}
	}
	if q.change != nil {
		q.change(&res.req)
	}
	return res
}

// finish carries the exchange.
func (r *rig) finish(res *result) *result {
	t := &Transport{}
	res.reply, res.f = t.Start(res.x, r.work, &res.req)
	if res.f == nil && res.x.Out.Status != 101 {
		res.x.Begin()
		res.df = res.reply.Deliver(res.x)
	}
	return res
}

func (r *rig) do(q request) *result { return r.finish(r.begin(q)) }

// want does a request that must be answered with this status and body.
func (r *rig) want(q request, status int, body string) *result {
	r.t.Helper()
	res := r.do(q)
	switch {
	case res.f != nil:
		r.t.Fatalf("%s %s: %v", q.method, q.path, res.f)
	case res.Head.Status != status, res.Body.String() != body, res.df != nil:
		r.t.Fatalf("%s %s: %d %.60q %v, want %d %.60q", q.method, q.path, res.Head.Status, res.Body.String(), res.df, status, body)
	}
	return res
}

// peer is a backend that does what the test says, frame by frame.
type peer struct {
	t *testing.T
	net.Conn
	*http2.Framer
	block bytes.Buffer
	enc   *hpack.Encoder
}

// accept takes the next connection; settings are the peer's.
func (r *rig) accept(settings ...http2.Setting) *peer {
	r.t.Helper()
	r.ln.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	c, err := r.ln.Accept()
	if err != nil {
		r.t.Error(err)
		panic(err)
	}
	c.SetDeadline(time.Now().Add(2 * patience))
	p := &peer{t: r.t, Conn: c, Framer: http2.NewFramer(c, c)}
	p.enc = hpack.NewEncoder(&p.block)
	p.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	pre := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(c, pre); err != nil || string(pre) != http2.ClientPreface {
		r.t.Errorf("preface %q, %v", pre, err)
	}
	p.WriteSettings(settings...)
	r.t.Cleanup(func() { c.Close() })
	return p
}

// next returns the next frame that is about a stream, or says good-bye; nil at
// the end of the connection.
func (p *peer) next() http2.Frame {
	for {
		f, err := p.ReadFrame()
		if err != nil {
			return nil
		}
		switch f := f.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				p.WriteSettingsAck()
			}
		case *http2.WindowUpdateFrame:
		case *http2.PingFrame:
			if !f.IsAck() {
				p.WritePing(true, f.Data)
			}
		default:
			return f
		}
	}
}

// headers waits for a request and returns its stream and fields, one a line.
// What is left of earlier ones is passed over.
func (p *peer) headers() (uint32, string) {
	var f *http2.MetaHeadersFrame
	for f == nil {
		switch g := p.next().(type) {
		case *http2.MetaHeadersFrame:
			f = g
		case *http2.DataFrame, *http2.RSTStreamFrame:
		default:
			p.t.Errorf("no request has come but %v", g)
			panic("no request")
		}
	}
	var b strings.Builder
	for _, h := range f.Fields {
		b.WriteString(h.Name + ": " + h.Value + "\n")
	}
	return f.StreamID, b.String()
}

// answer sends a header block.
func (p *peer) answer(id uint32, end bool, fields ...string) {
	p.block.Reset()
	for _, l := range fields {
		i := strings.Index(l[1:], ":") + 1
		p.enc.WriteField(hpack.HeaderField{Name: l[:i], Value: strings.TrimPrefix(l[i+1:], " ")})
	}
	p.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: p.block.Bytes(), EndHeaders: true, EndStream: end})
}

// ok answers a request whole.
func (p *peer) ok(id uint32, body string) {
	p.answer(id, false, ":status: 200")
	p.WriteData(id, true, []byte(body))
}

// reset waits until a stream is given up and returns the code.
func (p *peer) reset(id uint32) http2.ErrCode {
	for {
		switch f := p.next().(type) {
		case *http2.RSTStreamFrame:
			if f.StreamID == id {
				return f.ErrCode
			}
		case nil:
			p.t.Error("the connection ended without a reset")
			return 0
		}
	}
}
