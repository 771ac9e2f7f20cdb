package http

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sallyport/internal/watch"
)

const largeBody = 12 << 20

// pattern is a body in which every block tells where it belongs.
func pattern(n int) []byte {
	var b bytes.Buffer
	b.Grow(n + 16)
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%015d\n", i)
	}
	return b.Bytes()[:n]
}

// A client that stops reading for longer than the clock's ticks, again and
// again, has deadlines strike at every point of a spliced body; the server's
// Timeout passes several times over the whole. Every byte still comes.
func TestSlowReaderGetsEveryByte(t *testing.T) {
	want := pattern(largeBody)
	back := listen(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(want)))
		w.Write(want)
	})
	r := newRig(t, back, clientTimeout(16*watch.Tick))
	nc := dialSmall(t, r.addr)
	io.WriteString(nc, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(nc), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := sha256.New()
	n := 0
	buf := make([]byte, 256<<10)
	for {
		m, err := io.ReadFull(res.Body, buf)
		got.Write(buf[:m])
		n += m
		if err != nil {
			break
		}
		// Long enough for sockets to fill up, short enough to take something
		// within each Timeout.
		time.Sleep(watch.Tick)
	}
	if s := sha256.Sum256(want); n != len(want) || !bytes.Equal(got.Sum(nil), s[:]) {
		t.Errorf("%d of %d bytes came, not all as they were", n, len(want))
	}
}

// The same upwards: a client that sends slower than the backend's time-out
// altogether, and a backend that reads in fits.
func TestSlowUploadArrivesWhole(t *testing.T) {
	want := pattern(largeBody)
	var sum atomic.Pointer[[32]byte]
	back := listen(t, func(w http.ResponseWriter, r *http.Request) {
		h := sha256.New()
		buf := make([]byte, 300<<10)
		for {
			n, err := io.ReadFull(r.Body, buf)
			h.Write(buf[:n])
			if err != nil {
				break
			}
			time.Sleep(watch.Tick)
		}
		s := [32]byte(h.Sum(nil))
		sum.Store(&s)
		io.WriteString(w, "thanks")
	})
	r := newRig(t, back, func(r *rig) { r.work.Timeout = 24 * watch.Tick })
	req, _ := http.NewRequest("POST", "http://"+r.addr+"/", &fitful{b: want})
	req.ContentLength = largeBody
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(res.Body)
	res.Body.Close()
	if res.StatusCode != 200 || string(b) != "thanks" {
		t.Fatalf("answered %d %q", res.StatusCode, b)
	}
	if s := sum.Load(); s == nil || *s != sha256.Sum256(want) {
		t.Error("the upload arrived changed")
	}
}

// fitful reads its bytes with pauses; it has a length, so that they go counted.
type fitful struct {
	b []byte
	n int
}

func (f *fitful) Read(p []byte) (int, error) {
	if len(f.b) == 0 {
		return 0, io.EOF
	}
	if f.n++; f.n%16 == 0 {
		time.Sleep(watch.Tick / 4)
	}
	n := copy(p, f.b)
	f.b = f.b[n:]
	return n, nil
}

// A client that takes nothing at all for Timeout is cut, and the backend's
// connection with it.
func TestClientThatTakesNothingIsCut(t *testing.T) {
	gone := make(chan error, 1)
	back := listen(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000000000")
		buf := make([]byte, 1<<20)
		for {
			if _, err := w.Write(buf); err != nil {
				gone <- err
				return
			}
		}
	})
	r := newRig(t, back, clientTimeout(4*watch.Tick))
	nc := dialSmall(t, r.addr)
	io.WriteString(nc, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	select {
	case <-gone:
	case <-time.After(20 * time.Second):
		t.Fatal("the backend still sends to a client that reads nothing")
	}
}

// A backend that answers before it has read the upload, and one that closes:
// the stream upwards is stopped, nothing is left running.
func TestEarlyAnswerEndsUpload(t *testing.T) {
	back := listen(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(413)
	})
	r := newRig(t, back)
	for range 20 {
		nc, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(nc, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", 1<<30)
		go func() {
			buf := make([]byte, 1<<20)
			for {
				if _, err := nc.Write(buf); err != nil {
					return
				}
			}
		}()
		res, err := http.ReadResponse(bufio.NewReader(nc), nil)
		if err != nil || res.StatusCode != 413 {
			t.Fatalf("%v %v", res, err)
		}
		nc.Close()
	}
}

// A client that ends in the middle of a counted upload: the backend must not
// take what came for the whole.
func TestBrokenUploadIsNotWhole(t *testing.T) {
	whole := make(chan bool, 1)
	back := listen(t, func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		whole <- err == nil
	})
	r := newRig(t, back)
	nc, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	fmt.Fprintf(nc, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n")
	io.WriteString(nc, strings.Repeat("x", 1_000_000))
	nc.(*net.TCPConn).CloseWrite()
	select {
	case ok := <-whole:
		if ok {
			t.Error("the backend took half an upload for the whole")
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the backend was not told")
	}
}

func clientTimeout(d time.Duration) func(*rig) {
	return func(r *rig) { r.srv.Core.Timeout = d }
}

func listen(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	back := &http.Server{Handler: h}
	go back.Serve(l)
	t.Cleanup(func() { back.Close() })
	return l.Addr().String()
}

// dialSmall connects with little room for what comes.
func dialSmall(t *testing.T, addr string) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.(*net.TCPConn).SetReadBuffer(16 << 10)
	return nc
}

// Chunks large and small, and a body that only the end of the connection ends,
// arrive as they were, whatever the client speaks; small ones are not held back
// while the backend pauses.
func TestSplicedFramings(t *testing.T) {
	want := pattern(3 << 20)
	chunked := func(w io.Writer) {
		io.WriteString(w, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		for b, n := want, 10; len(b) > 0; n = n*7 + 1 {
			n := min(n, len(b))
			fmt.Fprintf(w, "%x\r\n", n)
			w.Write(b[:n/2])
			time.Sleep(time.Millisecond) // so that pieces meet waits
			w.Write(b[n/2 : n])
			io.WriteString(w, "\r\n")
			b = b[n:]
		}
		io.WriteString(w, "0\r\nX-Sum: 1\r\n\r\n")
	}
	until := func(w io.Writer) {
		io.WriteString(w, "HTTP/1.1 200 OK\r\n\r\n")
		w.Write(want)
	}
	for name, send := range map[string]func(io.Writer){"chunked": chunked, "until the end": until} {
		back, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer back.Close()
		go func() {
			for {
				nc, err := back.Accept()
				if err != nil {
					return
				}
				go func() {
					defer nc.Close()
					if _, err := http.ReadRequest(bufio.NewReader(nc)); err == nil {
						send(nc)
					}
				}()
			}
		}()
		r := newRig(t, back.Addr().String())
		for _, version := range []string{"1.0", "1.1"} {
			nc, err := net.Dial("tcp", r.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			nc.SetDeadline(time.Now().Add(30 * time.Second))
			fmt.Fprintf(nc, "GET / HTTP/%s\r\nHost: a\r\nTE: trailers\r\n\r\n", version)
			res, err := http.ReadResponse(bufio.NewReader(nc), nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(res.Body)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s to HTTP/%s: %d bytes of %d, equal %v, %v", name, version, len(got), len(want), bytes.Equal(got, want), err)
			}
			if sum := res.Trailer.Get("X-Sum"); version == "1.1" && name == "chunked" && sum != "1" {
				t.Errorf("trailer %q", sum)
			}
		}
	}
}
