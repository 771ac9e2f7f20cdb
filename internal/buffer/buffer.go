// Package buffer lends byte buffers of two sizes. A buffer belongs to its
// borrower until Put; the contents are not cleared.
package buffer

import "sync"

// Sizes in bytes: Small holds nearly every head with its first body bytes,
// Large one good read of a body.
const (
	Small = 4 << 10
	Large = 32 << 10
)

var (
	small = sync.Pool{New: func() any { return new([Small]byte) }}
	large = sync.Pool{New: func() any { return new([Large]byte) }}
)

// GetSmall lends a buffer of Small bytes.
func GetSmall() []byte { return small.Get().(*[Small]byte)[:] }

// GetLarge lends a buffer of Large bytes.
func GetLarge() []byte { return large.Get().(*[Large]byte)[:] }

// Put takes a buffer back, told apart by its capacity. One that came from
// elsewhere (grown for a large head) is left to the collector.
func Put(b []byte) {
	switch cap(b) {
	case Small:
		small.Put((*[Small]byte)(b[:Small]))
	case Large:
		large.Put((*[Large]byte)(b[:Large]))
	}
}
