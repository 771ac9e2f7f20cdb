package h2

import "time"

// calm is a leaky bucket for what costs us work and brings nobody an answer:
// pings, settings, empty frames, priorities, requests that are taken back. No
// client that means well comes near its rim (RFC 9113 §10.5).
type calm struct {
	idle, vain bucket
}

type bucket struct {
	level float64
	at    time.Duration
}

// What may come at once, and how much a second after that.
const (
	idleFrames, idleRate = 2000, 200
	vainStreams          = 400 // streams reset before their answer
	vainRate             = 40
)

func (c *calm) begin(now time.Duration) { c.idle.at, c.vain.at = now, now }

// frame counts a frame that leads nowhere; false: it was one too many.
func (c *calm) frame(now time.Duration) bool { return c.idle.add(now, idleFrames, idleRate) }

// reset counts a stream that its client took back.
func (c *calm) reset(now time.Duration) bool { return c.vain.add(now, vainStreams, vainRate) }

func (b *bucket) add(now time.Duration, size, rate float64) bool {
	b.level = max(0, b.level-(now-b.at).Seconds()*rate) + 1
	b.at = now
	return b.level <= size
}
