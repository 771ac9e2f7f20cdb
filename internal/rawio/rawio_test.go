package rawio

import (
	"bytes"
	"syscall"
	"testing"
)

// A socket takes what it has room for; what is left is what Writev leaves.
func TestWritev(t *testing.T) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fds[0])
	defer syscall.Close(fds[1])
	for _, fd := range fds {
		if err := syscall.SetNonblock(fd, true); err != nil {
			t.Fatal(err)
		}
	}
	want := bytes.Join([][]byte{bytes.Repeat([]byte("h"), 300), bytes.Repeat([]byte("body"), 200<<10), []byte("\r\n")}, nil)
	parts := [3][]byte{want[:300], want[300 : len(want)-2], want[len(want)-2:]}
	var got []byte
	for buf := make([]byte, 50<<10); len(got) < len(want); {
		n, err := Writev(fds[0], &parts)
		if err != nil && err != syscall.EAGAIN {
			t.Fatal(err)
		}
		if n > Max {
			t.Fatalf("%d bytes in one go", n)
		}
		m, err := Read(fds[1], buf)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, buf[:m]...)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%d bytes arrived other than they were sent", len(got))
	}
	for i, p := range parts {
		if len(p) > 0 {
			t.Errorf("part %d still has %d bytes", i, len(p))
		}
	}
}
