package main

import (
	"os"
	"runtime"
	"runtime/debug"
)

// spareHeap is what the collector may let pile up beyond a small live heap, in
// bytes. Sallyport's live heap is a few megabytes however many requests pass,
// and the collector would run ten times a second for nothing.
const spareHeap = 32 << 20

// ballast counts as live heap and is never touched, so that it takes address
// space and no memory: a collection comes after spareHeap of garbage instead of
// after four megabytes. With a large live heap it hardly matters.
var ballast []byte

// tuneCollector applies that, unless GOGC says that somebody knows better.
func tuneCollector() {
	if os.Getenv("GOGC") != "" {
		return
	}
	ballast = make([]byte, spareHeap)
	runtime.KeepAlive(ballast) // the variable holds it; nobody reads it
	debug.SetGCPercent(100)
}
