package watch

import "time"

// Calm is a leaky bucket for what costs us work and brings nobody an answer on a
// connection of HTTP/2 or HTTP/3: pings, settings, empty frames, priorities,
// requests that are taken back. No peer that means well comes near its rim (RFC
// 9113 §10.5). Its methods are called under one lock.
type Calm struct {
	idle, vain bucket
	given      int // what we sent and no idle frame has used up
}

type bucket struct {
	level float64
	at    time.Duration
}

// What may come at once, and how much a second after that.
const (
	idleFrames, idleRate = 2000, 200
	vainStreams          = 400
	vainRate             = 40
)

// Begin starts it, at a time of the watcher's clock.
func (c *Calm) Begin(now time.Duration) { c.idle.at, c.vain.at = now, now }

// Given counts a frame of a message that we sent. It allows the peer one in vain:
// those of gRPC measure the line with a PING for each content that comes.
func (c *Calm) Given() { c.given = min(c.given+1, idleFrames) }

// Frame counts a frame, at a time of the watcher's clock, that leads nowhere; false: it was one too many.
func (c *Calm) Frame(now time.Duration) bool {
	if c.given > 0 {
		c.given--
		return true
	}
	return c.idle.add(now, idleFrames, idleRate)
}

// Reset counts a stream that its client took back before its answer, or made
// us end with a mistake.
func (c *Calm) Reset(now time.Duration) bool { return c.vain.add(now, vainStreams, vainRate) }

func (b *bucket) add(now time.Duration, size, rate float64) bool {
	b.level = max(0, b.level-(now-b.at).Seconds()*rate) + 1
	b.at = now
	return b.level <= size
}
