// Package buffer lends byte buffers of two sizes. A buffer belongs to its
// borrower until Put; the contents are not cleared.
package buffer

import (
	"io"
	"sync"
)

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

// Copy writes all that comes from r to w, through a large buffer, and counts
// what w took.
func Copy(w io.Writer, r io.Reader) (int64, error) {
	b := GetLarge()
	defer Put(b)
	var total int64
	for {
		n, err := r.Read(b)
		if n > 0 {
			m, werr := w.Write(b[:n])
			total += int64(m)
			if werr != nil {
				return total, werr
			}
		}
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}
