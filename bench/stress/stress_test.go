//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"sallyport/bench/internal/proc"
)

func TestPattern(t *testing.T) {
	for _, size := range []int64{0, 1, 31, 32, 33, 1000, 70_000} {
		var b bytes.Buffer
		if n, err := io.Copy(&b, iotest.OneByteReader(newPattern("k1-7", size))); n != size || err != nil {
			t.Fatalf("%d bytes of %d, %v", n, size, err)
		}
		check := newPattern("k1-7", size)
		if _, err := io.Copy(check, bytes.NewReader(b.Bytes())); err != nil || !check.whole() {
			t.Errorf("size %d: own bytes are refused: %v", size, err)
		}
	}
	body, err := io.ReadAll(newPattern("k1-7", 1000))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		b    []byte
	}{
		{"another token's", must(io.ReadAll(newPattern("k1-8", 1000)))},
		{"a block left out", append(bytes.Clone(body[:64]), body[96:]...)},
		{"one byte changed", append(append(bytes.Clone(body[:500]), body[500]^1), body[501:]...)},
		{"too long", append(bytes.Clone(body), 'x')},
	}
	for _, test := range tests {
		_, err := io.Copy(newPattern("k1-7", 1000), bytes.NewReader(test.b))
		if !errors.As(err, new(mismatch)) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	short := newPattern("k1-7", 1000)
	if _, err := io.Copy(short, bytes.NewReader(body[:999])); err != nil || short.whole() {
		t.Errorf("a byte short: %v, whole %v", err, short.whole())
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func TestPlanPath(t *testing.T) {
	for _, b := range behaviours() {
		want := plan{Where: "pool", What: b, Size: 42, Token: "k1-7"}
		got, err := parsePath(want.path(), byName())
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", want.path(), got, err)
		}
	}
	for _, bad := range []string{"", "/one/length/1", "/one/nope/1/t", "/one/length/x/t", "/one/length/-1/t", "/one/length/1/t/u"} {
		if _, err := parsePath(bad, byName()); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}

// newTestClient talks to addr and counts in the tally.
func newTestClient(addr string, tally *Tally) *client {
	table, weight := behaviours(), 0
	for _, b := range table {
		weight += b.Weight
	}
	return &client{kind: "test", name: "t1", addr: addr, random: rand.New(rand.NewPCG(1, 2)), tally: tally, table: table, weight: weight}
}

// Straight at the backends, every behaviour ends as the table says: what is
// owed comes right, and no fault is taken for a right, wrong or crossed answer.
func TestBehaviours(t *testing.T) {
	for _, b := range behaviours() {
		if b.Costly {
			continue // seconds long by design
		}
		t.Run(b.Name, func(t *testing.T) {
			tally := newTally([]string{"test"})
			back, err := newBackend(tally, &tokens{set: map[string]bool{}})
			if err != nil {
				t.Fatal(err)
			}
			defer back.Close()
			c := newTestClient(proc.Loopback(back.Port()), tally)
			for range 20 {
				if err := c.dial(context.Background(), 0); err != nil {
					t.Fatal(err)
				}
				c.ask(c.next(b))
				c.close(false)
			}
			right, cut, wrong := tally.total(Right), tally.total(Cut), tally.total(Wrong)
			switch {
			case tally.total(Crossed)+tally.total(Hung)+tally.total(Refused) > 0:
				t.Errorf("crossed %d, hung %d, refused %d: %v", tally.total(Crossed), tally.total(Hung), tally.total(Refused), tally.Examples())
			case b.Must && right != 20:
				t.Errorf("%d of 20 right: %v", right, tally.Examples())
			case b.Name == "nothttp" || b.Name == "badchunk":
				// Nobody stands between: the client itself sees what a proxy must stop.
				if wrong != 20 {
					t.Errorf("%d of 20 wrong", wrong)
				}
			case wrong > 0 || right+cut != 20:
				t.Errorf("right %d, cut %d, wrong %d: %v", right, cut, wrong, tally.Examples())
			}
			if tally.Garbled.Load()+tally.BadUpload.Load()+tally.Twice.Load() > 0 {
				t.Errorf("the backend complains: %v", tally.Examples())
			}
		})
	}
}

// liar answers every connection's first request with what answer makes of it.
func liar(t *testing.T, answer func(p plan) string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				req, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				p, err := parsePath(req.URL.Path, byName())
				if err == nil {
					io.WriteString(conn, answer(p))
				}
			}()
		}
	}()
	return l.Addr().String()
}

// Whatever a faulty proxy may do is seen as what it is.
func TestLiesAreSeen(t *testing.T) {
	head := func(status int, token string, size int64) string {
		return fmt.Sprintf("HTTP/1.1 %d X\r\nX-Token: %s\r\nContent-Length: %d\r\n\r\n", status, token, size)
	}
	text := func(token string, size int64) string { return string(must(io.ReadAll(newPattern(token, size)))) }
	tests := []struct {
		name   string
		answer func(plan) string
		want   Outcome
	}{
		{"right", func(p plan) string { return head(200, p.Token, p.Size) + text(p.Token, p.Size) }, Right},
		{"another's head", func(p plan) string { return head(200, "k9-9", p.Size) + text("k9-9", p.Size) }, Crossed},
		{"another's error", func(p plan) string { return head(503, "k9-9", 0) }, Crossed},
		{"another's body", func(p plan) string { return head(200, p.Token, p.Size) + text("k9-9", p.Size) }, Crossed},
		{"bytes of another within", func(p plan) string {
			return head(200, p.Token, p.Size) + text(p.Token, p.Size)[:100] + text("k9-9", p.Size)[100:]
		}, Crossed},
		{"shortened and declared whole", func(p plan) string { return head(200, p.Token, p.Size/2) + text(p.Token, p.Size/2) }, Wrong},
		{"cut chunks ended politely", func(p plan) string {
			return fmt.Sprintf("HTTP/1.1 200 OK\r\nX-Token: %s\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n%s\r\n0\r\n\r\n", p.Token, text(p.Token, 32))
		}, Wrong},
		{"nobody's 200", func(p plan) string { return "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" }, Wrong},
		{"not HTTP", func(p plan) string { return "hello\r\n" }, Wrong},
		{"cut", func(p plan) string { return head(200, p.Token, p.Size) + text(p.Token, p.Size/2) }, Cut},
		{"nothing", func(p plan) string { return "" }, Cut},
		{"the proxy's own error", func(p plan) string { return "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nbad" }, Refused},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tally := newTally([]string{"test"})
			c := newTestClient(liar(t, test.answer), tally)
			if err := c.dial(context.Background(), 0); err != nil {
				t.Fatal(err)
			}
			defer c.close(false)
			c.patient()
			p := plan{Where: "one", What: byName()["length"], Size: 2000, Token: "t1-1"}
			if _, err := io.WriteString(c.conn, c.head("GET", p, -1, false, "")); err != nil {
				t.Fatal(err)
			}
			if got, _ := c.answer("GET", p, nil); got != test.want {
				t.Errorf("seen as %v, want %v: %v", got, test.want, tally.Examples())
			}
		})
	}
}

// A backend notices what a faulty proxy does to requests.
func TestBackendNotices(t *testing.T) {
	tests := []struct {
		name, text string
		count      func(*Tally) int64
	}{
		{"another's fields", "GET /one/length/1/t1-1 HTTP/1.1\r\nHost: h\r\nX-Token: t1-2\r\n\r\n", func(t *Tally) int64 { return t.Garbled.Load() }},
		{"nobody's path", "GET /one HTTP/1.1\r\nHost: h\r\n\r\n", func(t *Tally) int64 { return t.Garbled.Load() }},
		{"leftovers of a body as a head", "k9-9 00000\nk9-9 10000\r\n\r\n", func(t *Tally) int64 { return t.Garbled.Load() }},
		{"another's upload", "POST /one/upload/1/t1-1 HTTP/1.1\r\nHost: h\r\nX-Token: t1-1\r\nX-Upload: 9\r\nContent-Length: 9\r\n\r\nt1-2 0000", func(t *Tally) int64 { return t.BadUpload.Load() }},
		{"a shortened upload", "POST /one/upload/1/t1-1 HTTP/1.1\r\nHost: h\r\nX-Token: t1-1\r\nX-Upload: 9\r\nContent-Length: 4\r\n\r\nt1-1", func(t *Tally) int64 { return t.BadUpload.Load() }},
		{"an upload twice", strings.Repeat("POST /one/upload/1/t1-1 HTTP/1.1\r\nHost: h\r\nX-Token: t1-1\r\nX-Upload: 4\r\nContent-Length: 4\r\n\r\nt1-1", 2), func(t *Tally) int64 { return t.Twice.Load() }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tally := newTally(nil)
			back, err := newBackend(tally, &tokens{set: map[string]bool{}})
			if err != nil {
				t.Fatal(err)
			}
			conn, err := net.Dial("tcp", proc.Loopback(back.Port()))
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(conn, test.text)
			conn.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, conn)
			conn.Close()
			back.Close()
			if got := test.count(tally); got != 1 {
				t.Errorf("noticed %d times: %v", got, tally.Examples())
			}
		})
	}
}

func TestLeaks(t *testing.T) {
	rested := State{Files: 20, Memory: 40 << 20}
	tests := []struct {
		name          string
		first, second State
		strict        bool
		want          []string
	}{
		{"flat", rested, rested, true, nil},
		{"files grow run by run", rested, State{Files: 40, Memory: 40 << 20}, false, []string{"two equal runs"}},
		{"files grew once", State{Files: 40, Memory: 40 << 20}, State{Files: 40, Memory: 40 << 20}, true, []string{"at the start"}},
		{"files grew once, kept for reuse", State{Files: 40, Memory: 40 << 20}, State{Files: 40, Memory: 40 << 20}, false, nil},
		{"memory grows", rested, State{Files: 20, Memory: 80 << 20}, true, []string{"memory grew"}},
		{"memory grew at first only", State{Files: 20, Memory: 90 << 20}, State{Files: 20, Memory: 91 << 20}, true, nil},
	}
	for _, test := range tests {
		got := leaks(rested, test.first, test.second, test.strict)
		if len(got) != len(test.want) || len(got) > 0 && !strings.Contains(got[0], test.want[0]) {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestTracebacks(t *testing.T) {
	const dump = "SIGQUIT: quit\nPC=0x1\n\ngoroutine 0 gp=0x1 m=0 mp=0x2 [idle]:\nx()\n\ngoroutine 1 gp=0x3 m=nil [IO wait]:\nmain.main()\n\ngoroutine 18 [select, 2 minutes]:\ny()\ncreated by z in goroutine 1\n"
	if n := goroutines(dump); n != 3 {
		t.Errorf("%d goroutines, want 3", n)
	}
	if n := goroutines("nothing of the kind"); n != 0 {
		t.Errorf("%d goroutines of nothing", n)
	}
	if got := alarms("WARNING: DATA RACE\n..\nWARNING: DATA RACE\npanic: x"); len(got) != 2 {
		t.Errorf("alarms %q", got)
	}
	if got := lastWords("noise\npanic: boom\n\ngoroutine 1"); !strings.HasPrefix(got, "panic: boom") {
		t.Errorf("last words %q", got)
	}
}
