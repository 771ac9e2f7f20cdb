package h2

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"sallyport/internal/backend"
	"sallyport/internal/exchange"
	"sallyport/internal/fault"
	"sallyport/internal/message"
)

// serve answers with a handler over net/http's server; it counts connections.
func (r *rig) serve(h http.HandlerFunc) *atomic.Int32 {
	n := new(atomic.Int32)
	srv := &http.Server{Handler: h, Protocols: new(http.Protocols), ConnState: func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			n.Add(1)
		}
	}}
	srv.Protocols.SetUnencryptedHTTP2(true)
	go srv.Serve(r.ln)
	r.t.Cleanup(func() { srv.Close() })
	return n
}

type unknown struct{ io.Reader }

// TestExchanges: everything a message can hold, many at a time, on one
// connection.
func TestExchanges(t *testing.T) {
	r := newRig(t)
	conns := r.serve(func(w http.ResponseWriter, q *http.Request) {
		switch q.URL.Path {
		case "/echo":
			w.Header().Set("Trailer", "X-Sum")
			n, _ := io.Copy(w, q.Body)
			w.Header().Set("X-Sum", fmt.Sprint(n, " ", q.Trailer.Get("X-In")))
		case "/hints":
			w.Header().Set("Link", "</a>")
			w.WriteHeader(103)
			w.Header().Del("Link")
			w.WriteHeader(200)
		case "/none":
			w.Header().Set("Etag", `"e"`)
			w.WriteHeader(304)
		case "/head":
			w.Header().Set("Content-Length", "1000")
		case "/seen":
			fmt.Fprintf(w, "%s %s %s %s|%s|%s", q.Method, q.Host, q.URL.RequestURI(), q.Proto, q.Header.Get("X-A"), q.Header.Get("Te"))
		}
	})
	r.want(request{method: "GET", path: "/seen", header: []string{"X-A: b", "TE: trailers, gzip"}, change: func(q *backend.Request) {
		q.Query, q.HasQuery = "q=1", true
	}}, 200, "GET back.test /seen?q=1 HTTP/2.0|b|trailers")
	if res := r.want(request{method: "GET", path: "/hints"}, 200, ""); len(res.Interim) != 1 || res.Interim[0].Status != 103 || res.Interim[0].Header.Get("Link") != "</a>" {
		t.Errorf("interim responses %v", res.Interim)
	}
	if res := r.want(request{method: "GET", path: "/none"}, 304, ""); !res.Head.Body.None() || res.Head.Header.Get("ETag") != `"e"` {
		t.Errorf("%+v", res.Head)
	}
	if res := r.want(request{method: "HEAD", path: "/head"}, 200, ""); !res.Head.Body.None() || res.Head.Header.Get("Content-Length") != "1000" {
		t.Errorf("%+v", res.Head)
	}
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			body := strings.Repeat("x", i*i*200)
			in := &message.Header{}
			in.Add("X-In", fmt.Sprint(i))
			res := r.do(request{method: "POST", path: "/echo", header: []string{"TE: trailers"}, body: unknown{strings.NewReader(body)}, length: -1, trailer: in})
			if res.f != nil || res.df != nil || res.Body.String() != body {
				t.Errorf("%d: %v %v, %d bytes of %d", i, res.f, res.df, res.Body.Len(), len(body))
				return
			}
			if res.Trailer == nil || !strings.HasPrefix(res.Trailer.Get("X-Sum"), fmt.Sprint(len(body))) {
				t.Errorf("%d: trailer %v", i, res.Trailer)
			}
			r.want(request{method: "POST", path: "/echo", body: strings.NewReader(body), length: int64(len(body))}, 200, body)
		})
	}
	all.Wait()
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
	if g := r.group(); g.Busy() != 0 || g.Idle() != 1 {
		t.Errorf("busy %d, idle %d at the end", g.Busy(), g.Idle())
	}
}

// async runs the client's side while the test plays the backend.
func (r *rig) async(q request) (*result, chan *result) {
	res := r.begin(q)
	done := make(chan *result, 1)
	go func() { done <- r.finish(res) }()
	return res, done
}

func wait(t *testing.T, done chan *result) *result {
	t.Helper()
	select {
	case res := <-done:
		return res
	case <-time.After(patience):
		t.Fatal("the exchange does not end")
		return nil
	}
}

// TestRefused: what the backend has not looked at is sent again, whatever the
// method, but not what was streamed.
func TestRefused(t *testing.T) {
	r := newRig(t)
	_, done := r.async(request{method: "POST", path: "/", body: strings.NewReader("abc"), length: 3})
	p := r.accept()
	id, _ := p.headers()
	p.next() // DATA
	p.WriteRSTStream(id, http2.ErrCodeRefusedStream)
	id, head := p.headers()
	if d := p.next().(*http2.DataFrame); string(d.Data()) != "abc" || !d.StreamEnded() || !strings.Contains(head, "content-length: 3\n") {
		t.Errorf("the second try: %s%q", head, d.Data())
	}
	p.ok(id, "well")
	if res := wait(t, done); res.f != nil || res.Body.String() != "well" {
		t.Errorf("%v %q", res.f, res.Body.String())
	}
	_, done = r.async(request{method: "POST", path: "/", body: strings.NewReader("abc"), length: -1})
	id, _ = p.headers()
	p.next()
	p.WriteRSTStream(id, http2.ErrCodeRefusedStream)
	if res := wait(t, done); res.f == nil || res.f.Kind != fault.Refused || res.f.Code() != 503 {
		t.Errorf("a streamed request: %v", res.f)
	}
	_, done = r.async(request{method: "GET", path: "/"})
	for range maxTries {
		id, _ = p.headers()
		p.WriteRSTStream(id, http2.ErrCodeRefusedStream)
	}
	if res := wait(t, done); res.f == nil || res.f.Kind != fault.Refused {
		t.Errorf("a backend that refuses everything: %v", res.f)
	}
}

// TestGoAway: streams above the last one move to another connection, the others
// end where they are.
func TestGoAway(t *testing.T) {
	r := newRig(t)
	_, first := r.async(request{method: "POST", path: "/1"})
	p := r.accept()
	one, _ := p.headers()
	_, second := r.async(request{method: "POST", path: "/2"})
	p.headers()
	p.WriteGoAway(one, http2.ErrCodeNo, nil)
	q := r.accept()
	id, head := q.headers()
	if !strings.Contains(head, ":path: /2\n") {
		t.Errorf("sent again: %s", head)
	}
	q.ok(id, "two")
	p.ok(one, "one")
	if res := wait(t, first); res.f != nil || res.Body.String() != "one" {
		t.Errorf("%v %q", res.f, res.Body.String())
	}
	if res := wait(t, second); res.f != nil || res.Body.String() != "two" {
		t.Errorf("%v %q", res.f, res.Body.String())
	}
	for p.next() != nil { // it is closed when its last stream has ended
	}
}

// TestResetInside: which resets inside of an answer a client is told of.
func TestResetInside(t *testing.T) {
	r := newRig(t)
	var p *peer
	for code, want := range map[http2.ErrCode]exchange.Reset{
		http2.ErrCodeCancel: exchange.ResetCancelled, http2.ErrCodeEnhanceYourCalm: exchange.ResetCalm,
		http2.ErrCodeInternal: exchange.ResetInternal, http2.ErrCodeRefusedStream: exchange.ResetInternal, http2.ErrCodeNo: exchange.ResetInternal,
	} {
		_, done := r.async(request{method: "GET", path: "/"})
		if p == nil {
			p = r.accept()
		}
		id, _ := p.headers()
		p.answer(id, false, ":status: 200")
		p.WriteData(id, false, []byte("half"))
		p.WriteRSTStream(id, code)
		if res := wait(t, done); !res.x.Aborted || res.x.Reset != want {
			t.Errorf("%v: aborted %v, reset %v", code, res.x.Aborted, res.x.Reset)
		}
	}
}

// TestLost: what was on a connection that broke is sent again where that is safe.
func TestLost(t *testing.T) {
	r := newRig(t)
	_, done := r.async(request{method: "GET", path: "/"})
	p := r.accept()
	id, _ := p.headers()
	p.ok(id, "")
	wait(t, done)
	_, done = r.async(request{method: "GET", path: "/"})
	p.headers()
	p.Close()
	p = r.accept()
	id, _ = p.headers()
	p.ok(id, "again")
	if res := wait(t, done); res.f != nil || res.Body.String() != "again" {
		t.Errorf("%v %q", res.f, res.Body.String())
	}
	_, done = r.async(request{method: "POST", path: "/"})
	p.headers()
	p.Close()
	if res := wait(t, done); res.f == nil || res.f.Kind != fault.ClosedEarly || !res.f.Reused {
		t.Errorf("a POST: %v", res.f)
	}
	_, done = r.async(request{method: "GET", path: "/"})
	p = r.accept()
	id, _ = p.headers()
	p.answer(id, false, ":status: 200")
	p.WriteData(id, false, []byte("half"))
	p.Close()
	if res := wait(t, done); res.df == nil || res.df.Kind != fault.BodyBroken || res.Body.String() != "half" {
		t.Errorf("an answer that broke off: %v %q", res.df, res.Body.String())
	}
}

// TestClientLeaves: the stream is reset, the connection stays.
func TestClientLeaves(t *testing.T) {
	r := newRig(t)
	res, done := r.async(request{method: "GET", path: "/"})
	p := r.accept()
	id, _ := p.headers()
	res.leave()
	if code := p.reset(id); code != http2.ErrCodeCancel {
		t.Errorf("reset with %v", code)
	}
	if res := wait(t, done); res.f == nil || res.f.Kind != fault.ClientGone {
		t.Errorf("%v", res.f)
	}
	res, done = r.async(request{method: "GET", path: "/"})
	id, _ = p.headers()
	p.answer(id, false, ":status: 200")
	p.WriteData(id, false, []byte("some"))
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		res.mu.Lock()
		waits := res.waker != nil && res.waits > 1 // for the head, and for more content
		res.mu.Unlock()
		if waits || time.Now().After(deadline) {
			break
		}
	}
	res.leave()
	if code := p.reset(id); code != http2.ErrCodeCancel {
		t.Errorf("reset with %v", code)
	}
	if res := wait(t, done); res.df == nil || res.df.Kind != fault.ClientGone {
		t.Errorf("%v", res.df)
	}
	if g := r.group(); g.Idle() != 1 {
		t.Error("the connection was given up with the stream")
	}
}

// TestEarlyAnswer: an answer that is complete before the request stops it.
func TestEarlyAnswer(t *testing.T) {
	r := newRig(t)
	pr, pw := io.Pipe()
	_, done := r.async(request{method: "POST", path: "/", body: &stoppable{pr}, length: -1})
	p := r.accept()
	id, _ := p.headers()
	pw.Write([]byte("abc"))
	p.next() // DATA
	p.answer(id, false, ":status: 413")
	p.WriteData(id, true, []byte("too much"))
	if code := p.reset(id); code != http2.ErrCodeNo {
		t.Errorf("reset with %v", code)
	}
	if res := wait(t, done); res.f != nil || res.df != nil || res.Head.Status != 413 || res.Body.String() != "too much" {
		t.Errorf("%v %v %d %q", res.f, res.df, res.Head.Status, res.Body.String())
	}
}

// stoppable is a request body as the fronts have it.
type stoppable struct{ *io.PipeReader }

func (s *stoppable) Stop() { s.CloseWithError(errors.New("stopped")) }

// TestBothWays: request and answer at the same time, message by message.
func TestBothWays(t *testing.T) {
	r := newRig(t)
	pr, pw := io.Pipe()
	res, done := r.async(request{method: "POST", path: "/", header: []string{"TE: trailers"}, body: pr, length: -1})
	p := r.accept()
	id, _ := p.headers()
	p.answer(id, false, ":status: 200")
	for i := range 5 {
		pw.Write([]byte{'a' + byte(i)})
		if d := p.next().(*http2.DataFrame); string(d.Data()) != string([]byte{'a' + byte(i)}) {
			t.Fatalf("message %d: %q", i, d.Data())
		}
		p.WriteData(id, false, []byte{'A' + byte(i)})
	}
	pw.Close()
	if d := p.next().(*http2.DataFrame); !d.StreamEnded() {
		t.Error("the request does not end")
	}
	p.answer(id, true, "grpc-status: 0")
	wait(t, done)
	if res.Body.String() != "ABCDE" || res.Trailer == nil || res.Trailer.Get("Grpc-Status") != "0" || res.df != nil {
		t.Errorf("%q %v %v", res.Body.String(), res.Trailer, res.df)
	}
}

// TestWindows: a tiny window slows an upload down and breaks nothing; a backend
// that sends more than it may is stopped, for that stream only.
func TestWindows(t *testing.T) {
	r := newRig(t)
	_, done := r.async(request{method: "POST", path: "/", body: strings.NewReader("hello"), length: 5})
	p := r.accept(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1})
	id, _ := p.headers()
	got := ""
	for ended := false; !ended; {
		d := p.next().(*http2.DataFrame)
		if len(d.Data()) > 1 {
			t.Fatalf("%q is more than the window", d.Data())
		}
		got += string(d.Data())
		ended = d.StreamEnded()
		p.WriteWindowUpdate(id, 1)
	}
	if got != "hello" {
		t.Errorf("got %q", got)
	}
	p.ok(id, "")
	wait(t, done)

	// Nobody takes the content of this one.
	x := r.begin(request{method: "GET", path: "/"})
	started := make(chan *fault.Fault, 1)
	go func() {
		var f *fault.Fault
		x.reply, f = new(Transport).Start(x.x, r.work, &x.req)
		started <- f
	}()
	id, _ = p.headers()
	p.answer(id, false, ":status: 200")
	if f := <-started; f != nil {
		t.Fatal(f)
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for n := 0; n <= windowSize; n += 16384 {
			p.WriteData(id, false, make([]byte, 16384))
		}
	}()
	if code := p.reset(id); code != http2.ErrCodeFlowControl {
		t.Errorf("reset with %v", code)
	}
	<-sent
	x.reply.Discard()
	_, done = r.async(request{method: "GET", path: "/"})
	id, _ = p.headers()
	p.ok(id, "alive")
	if res := wait(t, done); res.Body.String() != "alive" {
		t.Errorf("%v %q", res.f, res.Body.String())
	}
}

// TestMalformed: a bad answer is a fault of its stream.
func TestMalformed(t *testing.T) {
	r := newRig(t)
	var p *peer
	for _, c := range [][]string{
		{"x-a: b"},
		{":status: 200", ":status: 200"},
		{":status: 20"},
		{":status: 2000"},
		{":status: abc"},
		{"x-a: b", ":status: 200"},
		{":status: 200", ":path: /"},
		{":status: 200", "X-Upper: a"},
		{":status: 200", "connection: close"},
		{":status: 200", "transfer-encoding: chunked"},
		{":status: 200", "content-length: 1", "content-length: 2"},
		{":status: 200", "content-length: -1"},
		{":status: 101"},
	} {
		_, done := r.async(request{method: "GET", path: "/"})
		if p == nil {
			p = r.accept()
		}
		id, _ := p.headers()
		p.answer(id, false, c...)
		if code := p.reset(id); code != http2.ErrCodeProtocol {
			t.Errorf("%q: reset with %v", c, code)
		}
		if res := wait(t, done); res.f == nil || res.f.Kind != fault.BadHead {
			t.Errorf("%q: %v", c, res.f)
		}
	}
	_, done := r.async(request{method: "GET", path: "/"})
	id, _ := p.headers()
	p.answer(id, false, ":status: 200", "x-a: line\nbreak")
	if res := wait(t, done); res.f == nil || res.f.Kind != fault.BadName {
		t.Errorf("a line break in a field: %v", res.f)
	}
	p.reset(id)
	_, done = r.async(request{method: "GET", path: "/"})
	id, _ = p.headers()
	p.answer(id, false, ":status: 200", "content-length: 3")
	p.WriteData(id, true, []byte("four"))
	if res := wait(t, done); res.f == nil && res.df == nil {
		t.Error("a body longer than its content-length")
	}
	p.reset(id)
	_, done = r.async(request{method: "GET", path: "/"})
	id, _ = p.headers()
	for range maxInterim + 1 {
		p.answer(id, false, ":status: 102")
	}
	if res := wait(t, done); res.f == nil || res.f.Kind != fault.TooManyInterim {
		t.Errorf("many interim responses: %v", res.f)
	}
	if g := r.group(); g.Idle() != 1 {
		t.Error("the connection was given up")
	}
}

// TestBadConnection: what can't be understood ends the connection, with the
// reason.
func TestBadConnection(t *testing.T) {
	for what, send := range map[string]func(p *peer, id uint32){
		"DATA of nobody":    func(p *peer, id uint32) { p.WriteData(id+2, true, nil) },
		"HEADERS of nobody": func(p *peer, id uint32) { p.answer(2, true, ":status: 200") },
		"PUSH_PROMISE": func(p *peer, id uint32) {
			p.WritePushPromise(http2.PushPromiseParam{StreamID: id, PromiseID: 2, EndHeaders: true})
		},
		"a window overflow": func(p *peer, id uint32) { p.WriteWindowUpdate(0, 1<<31-1) },
		"broken HPACK": func(p *peer, id uint32) {
			p.WriteRawFrame(http2.FrameHeaders, http2.FlagHeadersEndHeaders, id, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
		},
		"a bad PING":           func(p *peer, id uint32) { p.WriteRawFrame(http2.FramePing, 0, 0, []byte("short")) },
		"a huge frame":         func(p *peer, id uint32) { p.WriteRawFrame(http2.FrameData, 0, id, make([]byte, 20000)) },
		"CONTINUATION alone":   func(p *peer, id uint32) { p.WriteRawFrame(http2.FrameContinuation, 0, id, nil) },
		"an interrupted block": func(p *peer, id uint32) { p.WriteRawFrame(http2.FrameHeaders, 0, id, nil); p.WriteData(id, true, nil) },
		"endless CONTINUATION": func(p *peer, id uint32) {
			p.WriteRawFrame(http2.FrameHeaders, 0, id, nil)
			for range maxContinued {
				p.WriteRawFrame(http2.FrameContinuation, 0, id, nil)
			}
		},
	} {
		r := newRig(t)
		_, done := r.async(request{method: "POST", path: "/"})
		p := r.accept()
		id, _ := p.headers()
		send(p, id)
		if _, ok := p.next().(*http2.GoAwayFrame); !ok {
			t.Errorf("%s: no GOAWAY", what)
		}
		if res := wait(t, done); res.f == nil || res.f.Kind != fault.BadHead {
			t.Errorf("%s: %v", what, res.f)
		}
	}
}

// TestPlaces: no more streams than the backend takes, no more connections than
// max; then requests wait, or give up after acquire.
func TestPlaces(t *testing.T) {
	r := newRig(t, func(w *backend.Worker) { w.Max = 1; w.Acquire = 50 * time.Millisecond })
	one := http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1}
	_, first := r.async(request{method: "GET", path: "/1"})
	p := r.accept(one)
	id, _ := p.headers()
	if res := r.do(request{method: "GET", path: "/late"}); res.f == nil || res.f.Kind != fault.PoolTimeout {
		t.Errorf("no place: %v", res.f)
	}
	r.work.Acquire = 0
	_, second := r.async(request{method: "GET", path: "/2"})
	p.ok(id, "")
	wait(t, first)
	id, head := p.headers()
	if !strings.Contains(head, ":path: /2\n") {
		t.Errorf("%s", head)
	}
	leaver, third := r.async(request{method: "GET", path: "/3"})
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		leaver.mu.Lock()
		waits := leaver.waker != nil
		leaver.mu.Unlock()
		if waits || time.Now().After(deadline) {
			break
		}
	}
	leaver.leave()
	if res := wait(t, third); res.f == nil || res.f.Kind != fault.ClientGone {
		t.Errorf("a client that did not want to wait: %v", res.f)
	}
	p.ok(id, "")
	wait(t, second)
	r.work.Max = 0
	_, first = r.async(request{method: "GET", path: "/4"})
	id, _ = p.headers()
	_, second = r.async(request{method: "GET", path: "/5"})
	q := r.accept(one)
	other, _ := q.headers()
	p.ok(id, "")
	q.ok(other, "")
	wait(t, first)
	wait(t, second)
}

// TestSilent: a backend that does not answer costs its stream, and the
// connection is not used for others.
func TestSilent(t *testing.T) {
	r := newRig(t)
	_, done := r.async(request{method: "GET", path: "/"})
	p := r.accept()
	id, _ := p.headers()
	p.ok(id, "")
	wait(t, done)
	r.work.Timeout = 100 * time.Millisecond
	_, done = r.async(request{method: "GET", path: "/"})
	id, _ = p.headers()
	if code := p.reset(id); code != http2.ErrCodeCancel {
		t.Errorf("reset with %v", code)
	}
	if res := wait(t, done); res.f == nil || res.f.Kind != fault.ReadTimeout {
		t.Errorf("%v", res.f)
	}
	r.work.Timeout = patience
	_, done = r.async(request{method: "GET", path: "/"})
	q := r.accept()
	id, _ = q.headers()
	q.ok(id, "")
	wait(t, done)
}

// TestPing: with ping= an idle connection is asked before it is used.
func TestPing(t *testing.T) {
	r := newRig(t, func(w *backend.Worker) { w.Ping = 100 * time.Millisecond })
	_, done := r.async(request{method: "GET", path: "/"})
	p := r.accept()
	id, _ := p.headers()
	p.ok(id, "")
	wait(t, done)
	s := r.group().sessions[0]
	s.mu.Lock()
	s.readAt = s.readAt.Add(-time.Hour)
	s.mu.Unlock()
	_, done = r.async(request{method: "GET", path: "/"}) // p says nothing
	q := r.accept()
	id, _ = q.headers()
	q.ok(id, "")
	if res := wait(t, done); res.f != nil {
		t.Error(res.f)
	}
	r.work.Ping = patience
	s = r.group().sessions[0]
	s.mu.Lock()
	s.readAt = s.readAt.Add(-time.Hour)
	s.mu.Unlock()
	_, done = r.async(request{method: "GET", path: "/"})
	id, _ = q.headers() // answers the ping on the way
	q.ok(id, "")
	if res := wait(t, done); res.f != nil {
		t.Error(res.f)
	}
}

// TestNotHTTP2: a backend of another protocol is a clear fault.
func TestNotHTTP2(t *testing.T) {
	r := newRig(t)
	_, done := r.async(request{method: "GET", path: "/"})
	c, err := r.ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c.Write([]byte("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"))
	defer c.Close()
	if res := wait(t, done); res.f == nil || res.f.Kind != fault.BadStatusLine || res.f.Err != errNotHTTP2 {
		t.Errorf("%v", res.f)
	}
}

// TestExpect: a body that waits for a 100 goes when it has come, and not at all
// behind a final answer.
func TestExpect(t *testing.T) {
	r := newRig(t)
	expects := func(q *backend.Request) { q.Expect, q.ClientExpects = true, true }
	res, done := r.async(request{method: "POST", path: "/", body: strings.NewReader("abc"), length: 3, change: expects})
	p := r.accept()
	id, head := p.headers()
	if !strings.Contains(head, "expect: 100-continue\n") {
		t.Errorf("%s", head)
	}
	p.answer(id, false, ":status: 100")
	if d := p.next().(*http2.DataFrame); string(d.Data()) != "abc" {
		t.Errorf("%q", d.Data())
	}
	p.ok(id, "")
	if wait(t, done); len(res.Interim) != 1 || res.Interim[0].Status != 100 {
		t.Errorf("interim %v", res.Interim)
	}
	_, done = r.async(request{method: "POST", path: "/", body: strings.NewReader("abc"), length: 3, change: expects})
	id, _ = p.headers()
	p.answer(id, true, ":status: 417")
	if _, ok := p.next().(*http2.RSTStreamFrame); !ok {
		t.Error("the body was sent, or the stream left open")
	}
	if res := wait(t, done); res.Head.Status != 417 || res.Head.Body.Length != 0 {
		t.Errorf("%+v", res.Head)
	}
}
