//go:build linux

package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"sallyport/bench/internal/proc"
)

func main() {
	peer := flag.String("peer", "sallyport", "sallyport or httpd")
	binary := flag.String("bin", "", "its program; empty: sallyport is built, httpd is /usr/sbin/apache2")
	length := flag.Duration("d", 8*time.Second, "length of each scene")
	clients := flag.Int("clients", 24, "clients at a time")
	flag.Parse()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	go func() { <-stop; proc.StopAll(); os.Exit(1) }()
	lost, err := run(*peer, *binary, *length, *clients)
	proc.StopAll()
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
	if lost > 0 && *peer == "sallyport" {
		fmt.Printf("%d requests were lost that could have been saved\n", lost)
		os.Exit(1)
	}
}

func run(peer, binary string, length time.Duration, clients int) (lost int64, err error) {
	dir, err := os.MkdirTemp("", "chaos")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		return 0, err
	}
	if binary, err = findProxy(peer, binary, dir); err != nil {
		return 0, err
	}
	fmt.Printf("%-28s %8s %8s | %8s %8s %8s | %8s %8s\n", peer, "GET", "POST", "GET lost", "unsent", "unwhole", "POST", "cut")
	for _, s := range scenes {
		t, err := play(s, peer, binary, dir, length, clients)
		if err != nil {
			return lost, fmt.Errorf("%s: %w", s.name, err)
		}
		fmt.Printf("%-28s %8d %8d | %8d %8d %8d | %8d %8d\n", s.name,
			t.gets.Load(), t.posts.Load(), t.getsLost.Load(), t.unsentLost.Load(), t.unwhole.Load(), t.postsLost.Load(), t.cut.Load())
		t.show()
		lost += t.getsLost.Load() + t.unsentLost.Load() + t.unwhole.Load()
	}
	return lost, nil
}
