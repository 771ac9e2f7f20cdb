package proxytest

import (
	"fmt"
	"strings"
	"testing"
)

// notes is a Reporter that keeps what went wrong.
type notes struct{ text strings.Builder }

func (n *notes) Helper() {}

func (n *notes) Errorf(format string, args ...any) { fmt.Fprintf(&n.text, format+"\n", args...) }

func (n *notes) Fatalf(format string, args ...any) { n.Errorf(format, args...) }

// twice plays a script, and plays it again if it fails. Thousands of scripts
// with real servers run side by side: each of them, httpd foremost, loses a
// race of its own now and then (a log line behind its answer, a scoreboard one
// request late), which says nothing about what the script is for. What goes
// wrong in the same way twice is a failure; what went wrong once is logged, and
// a script to repair.
func twice(t *testing.T, play func(Reporter)) {
	t.Helper()
	var first, second notes
	if play(&first); first.text.Len() == 0 {
		return
	}
	if play(&second); second.text.Len() == 0 && !strings.Contains(first.text.String(), "goroutine ") {
		t.Logf("went wrong once, and not again:\n%s", first.text.String())
		return
	}
	t.Errorf("%s%s", first.text.String(), second.text.String())
}

// TestTwice: a script that goes wrong twice has failed.
func TestTwice(t *testing.T) {
	for _, c := range []struct {
		wrong  []bool
		plays  int
		failed bool
	}{{[]bool{false, true}, 1, false}, {[]bool{true, false}, 2, false}, {[]bool{true, true}, 2, true}} {
		plays := 0
		var inner testing.T
		twice(&inner, func(r Reporter) {
			if c.wrong[plays] {
				r.Errorf("wrong")
			}
			plays++
		})
		if plays != c.plays || inner.Failed() != c.failed {
			t.Errorf("%v: played %d times, failed %v", c.wrong, plays, inner.Failed())
		}
	}
}
