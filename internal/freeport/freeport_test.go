package freeport

import (
	"fmt"
	"net"
	"testing"
)

func TestNew(t *testing.T) {
	seen := map[int]bool{}
	for range block + 10 { // into a second block
		p, err := New()
		if err != nil {
			t.Fatal(err)
		}
		if seen[p] || p < first || p > last {
			t.Fatalf("port %d", p)
		}
		seen[p] = true
	}
	for _, b := range state.mine {
		if l, err := net.Listen("unix", fmt.Sprintf("@sallyport-test-ports-%d", b)); err == nil {
			l.Close()
			t.Fatalf("block %d is not guarded", b)
		}
	}
}

// TestTaken: a port that somebody listens on is passed over.
func TestTaken(t *testing.T) {
	var l net.Listener
	var p int
	for l == nil { // until the port behind one of ours can be taken
		var err error
		if p, err = New(); err != nil {
			t.Fatal(err)
		}
		l, _ = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", p+1))
	}
	defer l.Close()
	if q, err := New(); err != nil || q == p+1 {
		t.Fatalf("%d, %v", q, err)
	}
}
