package server

import (
	"runtime"
	"runtime/debug"
	"time"

	"sallyport/internal/live"
)

// tend does what must be done from time to time whoever comes by: one ticker
// for all pools of connections. It ends with the server's context.
func (s *Server) tend() {
	defer s.retiring.Done()
	t := time.NewTicker(time.Second)
	defer t.Stop()
	var c crowd
	var members []*live.Worker
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-t.C:
			s.Pools.Tend()
			s.front.Tend()
			s.Tickets.Tend(time.Now())
			if s.Charts.Wanted() {
				members = s.Live.Members(members[:0])
				s.Charts.Tick(time.Now(), members)
				clear(members)
			}
			if c.left(s.front.Running() + s.front2.Running() + s.front3.Running()) {
				runtime.GC() // pools of buffers empty themselves at the second collection
				debug.FreeOSMemory()
			}
		}
	}
}

// crowd notices that most of many connections with work have gone or fallen
// asleep. Their stacks and buffers are garbage then; without work there is no
// collection soon, and the system would get the memory back only over minutes.
type crowd struct{ peak int }

// manyRunning is from how many connections on it matters.
const manyRunning = 500

// left takes the number of busy connections, once a second, and reports true
// once when a crowd has left.
func (c *crowd) left(running int) bool {
	c.peak = max(c.peak, running)
	if c.peak < manyRunning || running > c.peak/8 {
		return false
	}
	c.peak = running
	return true
}
