package proxy_balancer

import (
	"fmt"
	"strings"
	"time"

	"sallyport/internal/live"
)

// checkMarks is the strip of a member's last health checks, the oldest first:
// "+" passed, "-" failed; and the same in words for those who can't see it.
func checkMarks(w *live.Worker, now time.Time) (marks, text string) {
	last, passed, failed := w.Checks()
	if len(last) == 0 {
		return "", ""
	}
	var b strings.Builder
	for i := len(last) - 1; i >= 0; i-- {
		if last[i].Passed {
			b.WriteByte('+')
		} else {
			b.WriteByte('-')
		}
	}
	return b.String(), fmt.Sprintf("%d passed and %d failed; the last one %s", passed, failed, checkText(&last[0], now))
}

// lastCheck says what the latest check found.
func lastCheck(w *live.Worker, now time.Time) string {
	last, _, _ := w.Checks()
	if len(last) == 0 {
		return ""
	}
	return "check " + checkText(&last[0], now)
}

func checkText(c *live.Check, now time.Time) string {
	word := "failed"
	if c.Passed {
		word = "passed"
	}
	text := word + " at " + clock(c.At, now)
	if c.Reason != "" {
		text += ": " + c.Reason
	}
	return text + " (" + timeText(c.Took) + ")"
}
