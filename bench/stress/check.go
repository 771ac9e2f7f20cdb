//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"sallyport/bench/internal/proc"
)

// State is what the proxy holds while nothing is asked of it.
type State struct {
	Files, Threads int
	Memory         int64 // resident bytes
}

func stateOf(p *proc.Process) State {
	return State{Files: proc.TreeFiles(p.PID()), Threads: proc.TreeThreads(p.PID()), Memory: proc.TreeMemory(p.PID(), "VmRSS")}
}

// settle closes the backends' idle connections and waits until the proxy's
// open files have not changed for two seconds, at most for limit.
func settle(ctx context.Context, p *proc.Process, backends []*Backend, limit time.Duration) State {
	deadline := time.Now().Add(limit)
	last, since := -1, time.Now()
	for time.Now().Before(deadline) && ctx.Err() == nil {
		for _, b := range backends {
			b.CloseIdle()
		}
		if n := proc.TreeFiles(p.PID()); n != last {
			last, since = n, time.Now()
		} else if time.Since(since) > 2*time.Second {
			break
		}
		rest(ctx, 100*time.Millisecond)
	}
	return stateOf(p)
}

const (
	fileSlack   = 8
	memorySlack = 16 << 20
)

// leaks compares the states at the start, after the first and after the
// second run. What grows from run to run leaks; a strict subject must also be
// back where it started.
func leaks(start, first, second State, strict bool) []string {
	var found []string
	if second.Files > first.Files+first.Files/10+fileSlack {
		found = append(found, fmt.Sprintf("open files grew from %d to %d between two equal runs", first.Files, second.Files))
	}
	if strict && second.Files > start.Files+fileSlack {
		found = append(found, fmt.Sprintf("open files grew from %d at the start to %d", start.Files, second.Files))
	}
	if second.Memory > first.Memory+first.Memory/4+memorySlack {
		found = append(found, fmt.Sprintf("memory grew from %.1f to %.1f MB between two equal runs", mb(first.Memory), mb(second.Memory)))
	}
	return found
}

// goroutineHead is the first line of each goroutine in a Go traceback.
var goroutineHead = regexp.MustCompile(`(?m)^goroutine \d+ .*\[`)

// goroutines counts those in a traceback; 0 when there is none.
func goroutines(dump string) int { return len(goroutineHead.FindAllString(dump, -1)) }

// alarms are words that must not stand in what the proxy printed.
func alarms(text string) []string {
	var found []string
	for _, word := range []string{"DATA RACE", "panic:", "fatal error:", "runtime error"} {
		if n := bytes.Count([]byte(text), []byte(word)); n > 0 {
			found = append(found, fmt.Sprintf("%q printed %d times", word, n))
		}
	}
	return found
}

// lastWords is the part of what a process printed that says why it ended: a
// Go program's panic and the goroutine that had it, else the last lines.
func lastWords(text string) string {
	for _, word := range []string{"panic:", "fatal error:"} {
		if i := strings.Index(text, word); i >= 0 {
			text = text[i:]
			return text[:min(len(text), 1500)]
		}
	}
	text = text[max(0, len(text)-600):]
	return strings.TrimSpace("(no panic) " + text)
}

// lines counts a file's lines; 0 when it cannot be read.
func lines(path string) int64 {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	return int64(bytes.Count(b, []byte("\n")))
}

func mb(n int64) float64 { return float64(n) / (1 << 20) }
