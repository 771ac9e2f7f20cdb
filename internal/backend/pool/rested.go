package pool

import "sallyport/internal/watch"

// Rested reports that the connection lay in the pool for a while before it was
// handed out: time in which the backend may have sent something unasked, so
// that a look before use is worth its system call.
func (c *Conn) Rested() bool {
	return c.Reused && c.pool.reg.Watch.Now()-c.idleAt >= watch.Tick
}
