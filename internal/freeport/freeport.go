// Package freeport finds ports of 127.0.0.1 for the servers that tests start
// as processes of their own: nobody can bind such a port for them and hand it
// over. The ports lie below the ephemeral range, so that no outgoing connection
// takes one meanwhile, and test programs that run at the same time take turns
// by blocks. It is for tests only, and not for servers within the test program:
// those listen on port 0.
package freeport

import (
	"errors"
	"fmt"
	"net"
	"sync"
)

const (
	first  = 10000
	last   = 31999
	block  = 1000
	blocks = (last - first + 1) / block
)

var state struct {
	sync.Mutex
	held  []net.Listener // one for each block of ours
	mine  []int          // the blocks
	count int            // ports given out
}

// New returns a port that can be bound now, for TCP and UDP. Until its blocks
// are used up a program is not given a port twice.
func New() (int, error) {
	state.Lock()
	defer state.Unlock()
	for range last - first + 1 {
		if state.count%block == 0 && state.count/block >= len(state.mine) && !take() {
			if len(state.mine) == 0 {
				return 0, errors.New("free port: other programs hold all blocks")
			}
			state.count = 0 // from the beginning
		}
		port := first + state.mine[state.count/block]*block + state.count%block
		state.count++
		if bindable(port) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free port between %d and %d", first, last)
}

// take makes a block ours until the program ends: a socket in the system's
// abstract name space says so to others, and goes with us. Where there is no
// such name space, blocks are not guarded.
func take() bool {
	for b := range blocks {
		l, err := net.Listen("unix", fmt.Sprintf("@sallyport-test-ports-%d", b))
		if err != nil {
			continue
		}
		state.held = append(state.held, l)
		state.mine = append(state.mine, b)
		return true
	}
	return false
}

func bindable(port int) bool {
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return false
	}
	l.Close()
	u, err := net.ListenPacket("udp", addr)
	if err != nil {
		return false
	}
	u.Close()
	return true
}
