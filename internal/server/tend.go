package server

import "time"

// tend does what must be done from time to time whoever comes by: one ticker
// for all pools of connections. It ends with the server's context.
func (s *Server) tend() {
	defer s.retiring.Done()
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-t.C:
			s.Pools.Tend()
		}
	}
}
