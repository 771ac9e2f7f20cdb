//go:build linux

package h1

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"sallyport/internal/exchange"
	"sallyport/internal/message"
)

const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

// TestStories are connections from their first byte to their last: what the
// client sends, in pieces, what the house sees of it, and what goes back
// (without Date, line ends as "|").
func TestStories(t *testing.T) {
	big := strings.Repeat("x", 100_000)
	for _, c := range []struct {
		name string
		set  func(*house)
		send []string
		seen string // lines; "": not looked at
		want string
	}{
		{name: "several requests in one packet, with bodies",
			send: []string{"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" +
				"POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\n" +
				"GET /3 HTTP/1.1\r\nHost: a\r\n\r\n"},
			seen: `POST /1 HTTP/1.1 host="a" Host="a" Content-Length="3" body="abc"
POST /2 HTTP/1.1 host="a" Host="a" Transfer-Encoding="chunked" body="de"
GET /3 HTTP/1.1 host="a" Host="a" body=""`,
			want: "HTTP/1.1 200 OK|Content-Length: 3||abcHTTP/1.1 200 OK|Content-Length: 2||deHTTP/1.1 200 OK|Content-Length: 0||"},
		{name: "a request behind a large upload",
			set:  quiet,
			send: []string{"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n", big + "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n"},
			want: "HTTP/1.1 200 OK|Content-Length: 6||100000HTTP/1.1 200 OK|Content-Length: 1||0"},
		{name: "a request behind a large upload in chunks",
			set: quiet,
			send: []string{"POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n" + big,
				"\r\n0\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"},
			want: "HTTP/1.1 200 OK|Content-Length: 6||100000HTTP/1.1 200 OK|Content-Length: 1||0"},
		{name: "a body nobody reads is skipped",
			set:  deaf,
			send: []string{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 30000\r\n\r\n" + big[:30000] + get},
			want: "HTTP/1.1 200 OK|Content-Length: 2||okHTTP/1.1 200 OK|Content-Length: 2||ok"},
		{name: "a small body nobody reads, all here",
			set:  deaf,
			send: []string{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" + get},
			want: "HTTP/1.1 200 OK|Content-Length: 2||okHTTP/1.1 200 OK|Content-Length: 2||ok"},
		{name: "a body too large to skip ends the connection",
			set:  deaf,
			send: []string{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n", big + get},
			want: "HTTP/1.1 200 OK|Content-Length: 2||ok"},
		{name: "HTTP/1.0 keeps the connection when asked, and only then",
			send: []string{"GET /1 HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "GET /2 HTTP/1.0\r\n\r\n", "GET /3 HTTP/1.0\r\n\r\n"},
			want: "HTTP/1.1 200 OK|Content-Length: 0|Keep-Alive: timeout=60|Connection: Keep-Alive||" +
				"HTTP/1.1 200 OK|Content-Length: 0|Connection: close||"},
		{name: "close is heeded in any of several fields",
			send: []string{"GET / HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: Close\r\n\r\n" + get},
			want: "HTTP/1.1 200 OK|Content-Length: 0|Connection: close||"},
		{name: "KeepAlive Off",
			set:  func(h *house) { h.set.KeepAlive = false },
			send: []string{get + get},
			want: "HTTP/1.1 200 OK|Content-Length: 0|Connection: close||"},
		{name: "MaxKeepAliveRequests lets one more pass, as httpd",
			set:  func(h *house) { h.set.MaxKeepAliveRequests = 1 },
			send: []string{get + get + get},
			want: "HTTP/1.1 200 OK|Content-Length: 0||HTTP/1.1 200 OK|Content-Length: 0|Connection: close||"},
		{name: "what follows a refused head reaches nobody",
			send: []string{"GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n" + get},
			seen: "refused",
			want: "HTTP/1.1 400 Bad Request|Content-Length: 0|Connection: close||"},
		{name: "no word, no answer", send: []string{""}, want: ""},
		{name: "empty lines, no answer", send: []string{"\r\n\r", "\n"}, want: ""},
		{name: "half a head", send: []string{"GET / HTTP/1.1\r\nHo"}, seen: "refused",
			want: "HTTP/1.1 400 Bad Request|Content-Length: 0|Connection: close||"},
		{name: "half a large body",
			send: []string{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n", "abc"},
			seen: `POST / HTTP/1.1 host="a" Host="a" Content-Length="100000" body="abc" broken`, want: ""},
		{name: "half a chunk",
			send: []string{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"},
			seen: `POST / HTTP/1.1 host="a" Host="a" Transfer-Encoding="chunked" body="ab" broken`, want: ""},
		{name: "a chunk size in two reads, a long extension, trailers",
			send: []string{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1", "0", "\r", "\n0123456789abcdef\r\n",
				"1;" + strings.Repeat("e", 4000), "\r\n!\r\n0\r\nT: v\r", "\nU: w\r\n\r\n" + get},
			seen: `POST / HTTP/1.1 host="a" Host="a" Transfer-Encoding="chunked" body="0123456789abcdef!"
GET / HTTP/1.1 host="a" Host="a" body=""`},
		{name: "an extension beyond measure",
			send: []string{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("e", 5000) + "\r\n!\r\n0\r\n\r\n" + get},
			seen: `POST / HTTP/1.1 host="a" Host="a" Transfer-Encoding="chunked" body="" broken`},
		{name: "one 100 for who waits",
			send: []string{"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n", "abc" + get},
			want: "HTTP/1.1 100 Continue||HTTP/1.1 200 OK|Content-Length: 3||abcHTTP/1.1 200 OK|Content-Length: 0||"},
		{name: "no 100 for who has sent all",
			send: []string{"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc" + get},
			want: "HTTP/1.1 200 OK|Content-Length: 3||abcHTTP/1.1 200 OK|Content-Length: 0||"},
		{name: "a final answer instead of the 100 ends the connection: nobody knows what comes",
			set:  deaf,
			send: []string{"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n", "abc" + get},
			want: "HTTP/1.1 200 OK|Content-Length: 2|Connection: close||ok"},
		{name: "HTTP/1.0 is sent no 100",
			send: []string{"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n", "abc"},
			want: "HTTP/1.1 200 OK|Content-Length: 3|Connection: close||abc"},
		{name: "an expectation we do not know",
			send: []string{"GET / HTTP/1.1\r\nHost: a\r\nExpect: cake\r\n\r\n" + get}, seen: "refused",
			want: "HTTP/1.1 417 Expectation Failed|Content-Length: 0|Connection: close||"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, got := play(t, func() *house {
				h := newHouse()
				if c.set != nil {
					c.set(h)
				}
				return h
			}, c.send...)
			if seen := strings.Join(h.seen, "\n"); c.seen != "" && seen != c.seen {
				t.Errorf("the house saw\n%s\nwant\n%s", seen, c.seen)
			}
			if got = plainly(got); (c.want != "" || c.seen == "") && got != c.want {
				t.Errorf("the client got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// quiet answers with the length of the body.
func quiet(h *house) {
	h.serve = func(x *exchange.Exchange) {
		n := int64(0)
		if !x.Request.Body.None() {
			n, _ = io.Copy(io.Discard, x.Request.Body)
		}
		answer(x, 200, fmt.Sprint(n))
	}
}

// deaf answers without reading.
func deaf(h *house) {
	h.serve = func(x *exchange.Exchange) { answer(x, 200, "ok") }
}

// TestResponses: how the end of a response is told, by status, method, version
// and what the handler does.
func TestResponses(t *testing.T) {
	for _, c := range []struct {
		name    string
		request string // method and version; "": GET 1.1
		status  int
		length  int64
		writes  []string
		head    string // more fields
		want    string
		kept    bool
	}{
		{name: "counted", length: 5, writes: []string{"he", "llo"}, want: "Content-Length: 5||hello", kept: true},
		{name: "unknown length", length: -1, writes: []string{"he", "", "llo"},
			want: "Transfer-Encoding: chunked||2|he|3|llo|0||", kept: true},
		{name: "unknown length, HTTP/1.0", request: "GET 1.0", length: -1, writes: []string{"he", "llo"}, want: "Connection: close||hello"},
		{name: "empty, unknown length", length: -1, want: "Transfer-Encoding: chunked||0||", kept: true},
		{name: "too few bytes", length: 5, writes: []string{"he"}, want: "Content-Length: 5||he"},
		{name: "too many bytes", length: 2, writes: []string{"he", "llo"}, want: "Content-Length: 2||he"},
		{name: "HEAD, counted", request: "HEAD 1.1", length: 5, writes: []string{"hello"}, want: "Content-Length: 5||", kept: true},
		{name: "HEAD, the backend's length", request: "HEAD 1.1", length: 0, head: "Content-Length: 7", want: "Content-Length: 7||", kept: true},
		{name: "HEAD, unknown length", request: "HEAD 1.1", length: -1, want: "|", kept: true},
		{name: "204 with a body", status: 204, length: 5, head: "Content-Length: 5", writes: []string{"hello"}, want: "|", kept: true},
		{name: "304 with a body", status: 304, length: 5, head: "Content-Length: 5", writes: []string{"hello"}, want: "Content-Length: 5||", kept: true},
		{name: "framing of the handler's is not believed", length: 2, head: "Transfer-Encoding: gzip", writes: []string{"ok"},
			want: "Content-Length: 2||ok", kept: true},
		{name: "hop-by-hop fields stay", length: 0, head: "Connection: x", want: "Content-Length: 0||", kept: true},
		{name: "a field that would end its line", length: 2, head: "X: a\r\nSet-Cookie: b", writes: []string{"ok"},
			want: "HTTP/1.1 500 Internal Server Error|Content-Length: 0|Connection: close||"},
		{name: "a field that would end the head", length: 2, head: "X: a\r\n\r\nHTTP/1.1 200 OK", writes: []string{"ok"},
			want: "HTTP/1.1 500 Internal Server Error|Content-Length: 0|Connection: close||"},
		{name: "a lone CR in a field", length: 2, head: "X: a\rb", writes: []string{"ok"},
			want: "HTTP/1.1 500 Internal Server Error|Content-Length: 0|Connection: close||"},
	} {
		t.Run(c.name, func(t *testing.T) {
			method, version := "GET", "1.1"
			if c.request != "" {
				method, version, _ = strings.Cut(c.request, " ")
			}
			status := max(c.status, 0)
			if status == 0 {
				status = 200
			}
			served := 0
			_, got := play(t, func() *house {
				h := newHouse()
				served = 0
				h.serve = func(x *exchange.Exchange) {
					if served++; served > 1 {
						answer(x, 200, "next")
						return
					}
					x.Out.Status, x.Out.Body.Length = status, c.length
					x.Out.Header.Add("Date", "now")
					if name, value, ok := strings.Cut(c.head, ": "); ok {
						x.Out.Header.Add(name, value)
					}
					if x.Begin() != nil {
						return
					}
					for _, s := range c.writes {
						x.Write([]byte(s))
					}
				}
				return h
			}, method+" / HTTP/"+version+"\r\nHost: a\r\n\r\n"+get)
			got = plainly(got)
			got, kept := strings.CutSuffix(got, "HTTP/1.1 200 OK|Content-Length: 4||next")
			if kept != c.kept {
				t.Errorf("kept %v, want %v", kept, c.kept)
			}
			if got = strings.TrimPrefix(got, fmt.Sprintf("HTTP/1.1 %d %s|", status, message.ReasonOf(status))); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// TestTooMuch: more than was announced is an error for who writes it.
func TestTooMuch(t *testing.T) {
	play(t, func() *house {
		h := newHouse()
		h.serve = func(x *exchange.Exchange) {
			x.Out.Status, x.Out.Body.Length = 200, 2
			x.Begin()
			if n, err := x.Write([]byte("hello")); n != 0 || !errors.Is(err, errTooMuch) {
				t.Errorf("wrote %d, %v", n, err)
			}
		}
		return h
	}, get)
}

// TestUpgrade: the bytes that came along with the head come out of the tunnel
// first; afterwards the connection serves no request.
func TestUpgrade(t *testing.T) {
	var heard string
	_, got := play(t, func() *house {
		h := newHouse()
		h.serve = func(x *exchange.Exchange) {
			x.Out.Status = 101
			x.Out.Header.Add("Connection", "upgrade")
			x.Out.Header.Add("Upgrade", "echo")
			if err := x.Begin(); err != nil {
				t.Fatal(err)
			}
			rw, err := x.Down.Upgrade()
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(rw)
			heard = string(b)
			if err != nil {
				t.Error(err)
			}
			io.WriteString(rw, "bye")
			rw.(interface{ CloseWrite() error }).CloseWrite()
		}
		return h
	}, "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nalong ", "GET / later", "\r\n\r\n")
	if heard != "along GET / later\r\n\r\n" {
		t.Errorf("heard %q", heard)
	}
	if got = plainly(got); got != "HTTP/1.1 101 Switching Protocols|Connection: upgrade|Upgrade: echo||bye" {
		t.Errorf("the client got %s", got)
	}
}

// TestInterim: interim responses go out at once, to HTTP/1.1 clients only.
func TestInterim(t *testing.T) {
	serve := func() *house {
		h := newHouse()
		h.serve = func(x *exchange.Exchange) {
			var head message.Header
			head.Add("Link", "</a>")
			x.Down.Inform(103, &head)
			answer(x, 200, "")
			x.Down.Inform(103, &head) // too late
		}
		return h
	}
	if _, got := play(t, serve, get); plainly(got) != "HTTP/1.1 103 Early Hints|Link: </a>||HTTP/1.1 200 OK|Content-Length: 0||" {
		t.Error(plainly(got))
	}
	if _, got := play(t, serve, "GET / HTTP/1.0\r\n\r\n"); plainly(got) != "HTTP/1.1 200 OK|Content-Length: 0|Connection: close||" {
		t.Error(plainly(got))
	}
}

// TestLeaving: a house that shuts down lets each request be answered and no
// further one begin.
func TestLeaving(t *testing.T) {
	h, _ := play(t, func() *house {
		h := newHouse()
		h.leave = func() bool { return len(h.calls) < 2 }
		return h
	}, get+get+get)
	if len(h.calls) != 2 {
		t.Errorf("served %d", len(h.calls))
	}
}
