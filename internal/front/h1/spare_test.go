package h1

import "testing"

// TestSpare: of those that wait, the last comes first, and who was not needed
// between two trims goes.
func TestSpare(t *testing.T) {
	var s spare
	hands := make([]hand, 4)
	for i := range hands {
		hands[i] = make(hand, 1)
		if !s.wait(hands[i]) {
			t.Fatalf("hand %d may not wait", i)
		}
	}
	s.trim() // they have only just come
	c := new(conn)
	for i, want := range []int{3, 2} {
		s.run(c)
		select {
		case <-hands[want]:
		default:
			t.Fatalf("connection %d did not come to hand %d", i, want)
		}
	}
	s.wait(hands[2])
	s.wait(hands[3])
	s.trim() // two were idle all the time
	for i, h := range hands {
		gone := false
		select {
		case _, ok := <-h:
			gone = !ok
		default:
		}
		if gone != (i < 2) {
			t.Errorf("hand %d: gone %v", i, gone)
		}
	}
	s.close()
	if _, ok := <-hands[3]; ok {
		t.Error("close left a hand waiting")
	}
	if s.wait(hands[0]) {
		t.Error("a hand may wait behind close")
	}
}
