package server

import "testing"

func TestCrowd(t *testing.T) {
	var c crowd
	for i, n := range []int{0, 400, 10, 800, 2000, 900, 300, 250, 240, 10, 600, 80, 70, 0} {
		want := n == 250 || i == 12
		if got := c.left(n); got != want {
			t.Errorf("second %d, %d busy: left %v, want %v", i, n, got, want)
		}
	}
}
