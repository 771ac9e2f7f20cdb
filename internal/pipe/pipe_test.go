//go:build linux

package pipe

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// pair is two ends of a TCP connection.
func pair(t *testing.T) (a, b *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); s.Close() })
	return c.(*net.TCPConn), s.(*net.TCPConn)
}

func raw(t *testing.T, c *net.TCPConn) syscall.RawConn {
	t.Helper()
	r, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A deadline on either side, at any moment, loses and doubles no byte.
func TestDeadlinesLoseNothing(t *testing.T) {
	from, in := pair(t)
	out, to := pair(t)
	const total = 8 << 20
	want := make([]byte, total)
	for i := range want {
		want[i] = byte(i * 7 >> 5)
	}
	go func() {
		from.Write(want)
		from.CloseWrite()
	}()
	got := make(chan []byte)
	begin := make(chan struct{})
	go func() {
		<-begin // until both buffers are full and Drain has met its deadline
		b, _ := io.ReadAll(to)
		got <- b
	}()
	p := Get(large)
	if p == nil {
		t.Fatal("no pipe")
	}
	src, dst := raw(t, in), raw(t, out)
	var expired int
	for end := false; !end || p.Held() > 0; {
		if p.Held() == 0 {
			in.SetReadDeadline(time.Time{})
			if _, err := p.Fill(src, Size); err == io.EOF {
				end = true
			} else if err != nil {
				t.Fatal(err)
			}
			continue
		}
		out.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
		n, err := p.Drain(dst)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			if n != 0 || p.Held() == 0 {
				t.Fatalf("a deadline moved %d bytes and left %d", n, p.Held())
			}
			if expired++; expired == 1 {
				close(begin)
			}
		} else if err != nil {
			t.Fatal(err)
		}
	}
	out.CloseWrite()
	if b := <-got; !bytes.Equal(b, want) {
		t.Errorf("%d bytes arrived, %d sent; equal: %v", len(b), total, bytes.Equal(b, want))
	}
	if expired == 0 {
		t.Error("no deadline struck while the pipe held bytes: nothing was tested")
	}
	in.SetReadDeadline(time.Unix(1, 0))
	if _, err := p.Fill(src, 10); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("fill after its deadline: %v", err)
	}
	Put(p)
}

// What a pipe still holds is never given to the next who borrows one.
func TestPutForgetsBytes(t *testing.T) {
	for len(idle) > 0 {
		(<-idle).close()
	}
	before := alive.Load()
	from, in := pair(t)
	from.Write([]byte("another's secret"))
	p := Get(1)
	if n, err := p.Fill(raw(t, in), Size); n == 0 || err != nil {
		t.Fatal(n, err)
	}
	Put(p)
	if alive.Load() != before {
		t.Errorf("%d pipes alive, want %d: one with bytes was kept", alive.Load(), before)
	}
	q := Get(1)
	if q.Held() != 0 {
		t.Errorf("a borrowed pipe holds %d bytes", q.Held())
	}
	Put(q)
	if Get(1) != q {
		t.Error("an empty pipe was not kept")
	}
}

// There is an end to the number of pipes, and then nil.
func TestLimit(t *testing.T) {
	old := most
	defer func() { most = old }()
	for len(idle) > 0 {
		(<-idle).close()
	}
	most = alive.Load() + 2
	a, b, c := Get(1), Get(1), Get(1)
	if a == nil || b == nil || c != nil {
		t.Errorf("got %v, %v, %v; want two pipes", a != nil, b != nil, c != nil)
	}
	Put(a)
	Put(b)
}
