package http

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"sallyport/internal/exchange"
	"sallyport/internal/watch"
)

// Clients that send too slowly get 408, wherever in the request they are.
func TestSlowSenders(t *testing.T) {
	back := listen(t, func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })
	limits := func(r *rig) {
		r.srv.Core.HeadTimeout = exchange.ReadLimit{First: 4 * watch.Tick, Max: 8 * watch.Tick, MinRate: 500}
		r.srv.Core.BodyTimeout = exchange.ReadLimit{First: 4 * watch.Tick, MinRate: 1 << 20}
	}
	r := newRig(t, back, limits)
	for _, c := range []struct{ name, sent string }{
		{"half a head", "GET / HTTP/1.1\r\nHost: a\r\nX-"},
		{"a small body", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n123"},
		{"a large body", fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n%050000d", 1)},
		{"a chunk", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n123"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			nc, err := net.Dial("tcp", r.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			nc.SetDeadline(time.Now().Add(20 * time.Second))
			io.WriteString(nc, c.sent)
			br := bufio.NewReader(nc)
			res, err := http.ReadResponse(br, nil)
			if err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != 408 {
				t.Errorf("answered %d, want 408", res.StatusCode)
			}
			io.Copy(io.Discard, res.Body)
			if _, err := br.ReadByte(); err != io.EOF {
				t.Errorf("after the answer: %v, want the end", err)
			}
		})
	}
}
