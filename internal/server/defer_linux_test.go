package server

import (
	"net"
	"testing"
)

// A connection is handed over with its first byte, so one that came later but
// speaks comes first.
func TestDeferAccept(t *testing.T) {
	nl, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer nl.Close()
	l := &listener{net: nl, Listen: Listen{Sockets: Sockets{Defer: 30}}}
	l.tune()
	var clients [2]net.Conn
	for i := range clients {
		if clients[i], err = net.Dial("tcp", nl.Addr().String()); err != nil {
			t.Fatal(err)
		}
		defer clients[i].Close()
	}
	for _, i := range []int{1, 0} {
		if _, err := clients[i].Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		c, err := nl.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if c.RemoteAddr().String() != clients[i].LocalAddr().String() {
			t.Errorf("%v is handed over, want client %d", c.RemoteAddr(), i)
		}
	}
}
