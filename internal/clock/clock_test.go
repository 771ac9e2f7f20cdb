package clock

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestNow(t *testing.T) {
	for range 1000 {
		before := time.Now()
		now := Now()
		after := time.Now()
		if now.Before(before) || now.After(after) {
			t.Fatalf("%v is not between %v and %v", now, before, after)
		}
		// The wall's clock too, were it not for its own corrections.
		if d := now.Round(0).Sub(before.Round(0)); d < -time.Minute || d > time.Minute {
			t.Fatalf("the wall's clock is off by %v", d)
		}
	}
}

// A bubble's clock and the system's are far apart: neither may be told the
// other's time.
func TestBubble(t *testing.T) {
	Now()
	synctest.Test(t, func(t *testing.T) {
		for range 3 {
			if now := Now(); !now.Equal(time.Now()) {
				t.Errorf("in the bubble it is %v, and Now says %v", time.Now(), now)
			}
			time.Sleep(700 * time.Millisecond)
		}
	})
	if d := time.Since(Now()); d < 0 || d > time.Minute {
		t.Errorf("behind the bubble Now is off by %v", d)
	}
}

func BenchmarkNow(b *testing.B) {
	b.Run("clock", func(b *testing.B) {
		for b.Loop() {
			Now()
		}
	})
	b.Run("time", func(b *testing.B) {
		for b.Loop() {
			time.Now()
		}
	})
}
