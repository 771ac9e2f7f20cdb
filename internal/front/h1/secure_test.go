//go:build linux

package h1

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/internal/exchange"
	"sallyport/internal/watch"
)

// safeHouse is a crowdHouse with TLS.
type safeHouse struct {
	*crowdHouse
	cfg    *tls.Config
	failed chan error // of handshakes
}

func (h *safeHouse) Admit(*exchange.Client) exchange.Visit { return h }
func (h *safeHouse) TLS() *tls.Config                      { return h.cfg }
func (h *safeHouse) Secured(s tls.ConnectionState, err error) *exchange.TLS {
	if err != nil {
		h.failed <- err
		return nil
	}
	return &exchange.TLS{State: s}
}

func newSafe(t *testing.T, serve func(x *exchange.Exchange)) *safeHouse {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"front.test"}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &safeHouse{newCrowd(serve), &tls.Config{
		Certificates:                []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		DynamicRecordSizingDisabled: true,
	}, make(chan error, 1000)}
}

// dialTLS connects; raw is the socket below.
func (d *door) dialTLS() (c *tls.Conn, raw *net.TCPConn) {
	d.t.Helper()
	nc := d.dial()
	c = tls.Client(nc, &tls.Config{InsecureSkipVerify: true})
	if err := c.Handshake(); err != nil {
		d.t.Fatal(err)
	}
	return c, nc.(*net.TCPConn)
}

// An idle TLS connection gives up its goroutine like a clear one, before the
// handshake, after it and between requests, and goes on where it was.
func TestSecurePark(t *testing.T) {
	var mu sync.Mutex
	var wait *slow
	d := open(t, newSafe(t, func(x *exchange.Exchange) {
		mu.Lock()
		s := wait
		mu.Unlock()
		if s != nil {
			s.serve(x)
			return
		}
		answer(x, 200, "quick")
	}))
	raw := d.dial()
	parked := func() bool { return d.Running() == 0 }
	until(t, "it is parked before it has said anything", parked)
	nc := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
	if err := nc.Handshake(); err != nil {
		t.Fatal(err)
	}
	until(t, "it is parked after the handshake", parked)
	r := bufio.NewReader(nc)
	for round := range 3 {
		s := newSlow()
		mu.Lock()
		if wait = nil; round == 1 {
			wait = s
		}
		mu.Unlock()
		io.WriteString(nc, get)
		if round == 1 {
			await(t, "the request", s.began)
			until(t, "the watch", d.watched)
			close(s.ready)
		}
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, res.Body)
		until(t, "it is parked", parked)
	}
	// Half a record must not be taken for a request, nor get lost.
	var record bytes.Buffer
	split := &splitter{Conn: raw, to: &record}
	c2 := tls.Client(split, &tls.Config{InsecureSkipVerify: true})
	raw2 := d.dial()
	split.Conn = raw2
	if err := c2.Handshake(); err != nil {
		t.Fatal(err)
	}
	split.hold = true
	io.WriteString(c2, get)
	raw2.Write(record.Bytes()[:20])
	until(t, "it is parked in the middle of a record", parked)
	raw2.Write(record.Bytes()[20:])
	if res, err := http.ReadResponse(bufio.NewReader(c2), nil); err != nil || res.StatusCode != 200 {
		t.Fatal(err)
	}
}

// splitter holds back what is written, once told to.
type splitter struct {
	net.Conn
	to   *bytes.Buffer
	hold bool
}

func (s *splitter) Write(p []byte) (int, error) {
	if s.hold {
		return s.to.Write(p)
	}
	return s.Conn.Write(p)
}

func TestSecureHangup(t *testing.T) {
	for _, how := range []string{"close", "reset", "no goodbye"} {
		t.Run(how, func(t *testing.T) {
			s := newSlow()
			d := open(t, newSafe(t, s.serve))
			nc, raw := d.dialTLS()
			io.WriteString(nc, get)
			await(t, "the request", s.began)
			until(t, "the watch", d.watched)
			switch how {
			case "reset":
				raw.SetLinger(0)
				raw.Close()
			case "no goodbye":
				raw.Close()
			default:
				nc.Close()
			}
			await(t, "being woken", s.woken)
		})
	}
}

// A client that has ended its side is asked inside of TLS whether it is there.
func TestSecureHalfClose(t *testing.T) {
	s := newSlow()
	d := open(t, newSafe(t, s.serve))
	nc, raw := d.dialTLS()
	io.WriteString(nc, get)
	await(t, "the request", s.began)
	nc.CloseWrite()
	raw.CloseWrite()
	r := bufio.NewReader(nc)
	if line, err := r.ReadString('\n'); line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("%q %v", line, err)
	}
	close(s.ready)
	rest, err := io.ReadAll(r)
	if got := plainly(string(rest)); err != nil || got != "|HTTP/1.1 200 OK|Content-Length: 4||late" {
		t.Errorf("%s %v", got, err)
	}
}

// The end of a whole response is the end of TLS too; that of a broken one is
// not, so that nobody takes half for the whole.
func TestSecureEnd(t *testing.T) {
	for _, broken := range []bool{false, true} {
		d := open(t, newSafe(t, func(x *exchange.Exchange) {
			x.Out.Status, x.Out.Body.Length = 200, -1
			x.Request.Version = 10 // until the end of the connection
			x.KeepAlive = false
			x.Begin()
			x.Write([]byte("some"))
			if x.Down.Flush(); broken {
				x.Aborted = true
			}
		}))
		heard := &listener{Conn: d.dial()}
		nc := tls.Client(heard, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12})
		io.WriteString(nc, "GET / HTTP/1.0\r\n\r\n")
		if b, err := io.ReadAll(nc); err != nil || !strings.HasSuffix(string(b), "some") {
			t.Errorf("broken %v: %q %v", broken, b, err)
		}
		alert := bytes.Contains(heard.got.Bytes()[heard.got.Len()-31:], []byte{21, 3, 3, 0, 26})
		if alert == broken {
			t.Errorf("broken %v: said goodbye: %v", broken, alert)
		}
	}
}

// listener remembers what it reads.
type listener struct {
	net.Conn
	got bytes.Buffer
}

func (l *listener) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	l.got.Write(p[:n])
	return n, err
}

func TestSecureBodies(t *testing.T) {
	big := strings.Repeat("0123456789abcdef", 300_000/16)
	d := open(t, newSafe(t, func(x *exchange.Exchange) {
		if x.CanSplice() {
			t.Error("TLS can't be spliced")
		}
		b, err := io.ReadAll(x.Request.Body)
		if err != nil {
			t.Error(err)
		}
		x.Out.Status, x.Out.Body.Length = 200, int64(2*len(b))
		if strings.HasSuffix(x.RawPath, "chunked") {
			x.Out.Body.Length = -1
		}
		x.Begin()
		x.Write(b[:len(b)/3])
		x.Write(b[len(b)/3:])
		x.CopyBody(bytes.NewReader(b), int64(len(b)))
	}))
	nc, _ := d.dialTLS()
	r := bufio.NewReader(nc)
	for _, path := range []string{"/counted", "/chunked", "/counted"} {
		go func() {
			if path == "/chunked" {
				fmt.Fprintf(nc, "POST %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", path, len(big), big)
			} else {
				fmt.Fprintf(nc, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", path, len(big), big)
			}
		}()
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(res.Body); err != nil || string(b) != big+big {
			t.Errorf("%s: %d bytes, %v", path, len(b), err)
		}
	}
}

// TestSecureTimeouts: who does not finish the handshake is sent away; nobody
// waits for the rest of a record longer than for that of a head.
func TestSecureTimeouts(t *testing.T) {
	hello := func() []byte { // a client's first record
		var b bytes.Buffer
		a, z := net.Pipe()
		z.Close()
		tls.Client(&splitter{Conn: a, to: &b, hold: true}, &tls.Config{ServerName: "front.test"}).Handshake()
		return b.Bytes()
	}()
	for _, c := range []struct {
		name string
		send []byte
	}{{"nothing", nil}, {"a byte", hello[:1]}, {"half a hello", hello[:len(hello)/2]}, {"a hello", hello}} {
		t.Run(c.name, func(t *testing.T) {
			h := newSafe(t, func(x *exchange.Exchange) { answer(x, 200, "") })
			h.set.Handshake = exchange.ReadLimit{First: 3 * watch.Tick}
			d := open(t, h)
			nc := d.dial()
			nc.Write(c.send)
			if _, err := io.Copy(io.Discard, nc); err != nil && !strings.Contains(err.Error(), "reset") {
				t.Errorf("it is not closed: %v", err)
			}
			until(t, "the connection has left", func() bool { return h.left.Load() == 1 })
		})
	}
}

// TestSecureVanishing: clients that end at any byte of a handshake and a request
// leave nothing behind.
func TestSecureVanishing(t *testing.T) {
	h := newSafe(t, func(x *exchange.Exchange) { answer(x, 200, "yes") })
	d := open(t, h)
	var wg sync.WaitGroup
	n := int64(0)
	for cut := 0; cut < 700; cut += 23 {
		n++
		wg.Go(func() {
			raw, err := net.Dial("tcp", d.addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer raw.Close()
			raw.SetDeadline(time.Now().Add(patience))
			c := tls.Client(&limited{Conn: raw, left: cut + 1300}, &tls.Config{InsecureSkipVerify: true})
			if c.Handshake() == nil {
				io.WriteString(c, get)
			}
		})
	}
	wg.Wait()
	until(t, "all have left", func() bool { return h.left.Load() == n })
}

// limited ends after so many bytes.
type limited struct {
	net.Conn
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	if len(p) > l.left {
		l.Conn.Write(p[:l.left])
		l.Conn.Close()
		return 0, io.ErrClosedPipe
	}
	l.left -= len(p)
	return l.Conn.Write(p)
}

// A client that wants to shake hands again and again is refused and costs
// nobody else anything.
func TestSecureRenegotiation(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("skipped: openssl is not there")
	}
	d := open(t, newSafe(t, func(x *exchange.Exchange) { answer(x, 200, "yes") }))
	cmd := exec.Command(openssl, "s_client", "-connect", d.addr, "-tls1_2")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		io.WriteString(in, "R\n")
	}
	late := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer late.Stop()
	cmd.Wait()
	in.Close()
	if _, after, asked := strings.Cut(out.String(), "RENEGOTIATING"); !asked || !strings.Contains(after, "alert") {
		t.Errorf("it was not refused:\n%s", out.String())
	}
	nc, _ := d.dialTLS()
	io.WriteString(nc, get)
	if res, err := http.ReadResponse(bufio.NewReader(nc), nil); err != nil || res.StatusCode != 200 {
		t.Errorf("another client: %v", err)
	}
}
