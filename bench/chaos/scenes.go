//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// stage is the members of one scene.
type stage struct {
	nginx [3]*nginx
	goes  [2]*goServer
}

// scene is one kind of trouble.
type scene struct {
	name string
	// pause is between two requests of a client.
	pause time.Duration
	// act makes the trouble until ctx ends.
	act func(ctx context.Context, s *stage) error
	// cuts: bodies may be cut in the middle.
	cuts bool
	// crowd multiplies the clients; 0: as many as usual.
	crowd int
	// unseen: no member can have seen a lost POST.
	unseen bool
}

var scenes = []scene{
	{name: "peace", pause: 2 * time.Millisecond, unseen: true},
	// Each connection is idle for about as long as the members keep it.
	{name: "idle connections closed", pause: time.Second, crowd: 16, unseen: true},
	{name: "a member killed, again and again", pause: 2 * time.Millisecond, act: kill},
	{name: "a member frozen, again and again", pause: 2 * time.Millisecond, act: freeze},
	{name: "a member slow", pause: 2 * time.Millisecond, act: slow, unseen: true},
	{name: "resets in the middle", pause: 2 * time.Millisecond, act: reset, cuts: true},
	{name: "three of five killed at once", pause: 5 * time.Millisecond, act: blackout},
}

func kill(ctx context.Context, s *stage) error {
	for i := 0; sleep(ctx, 300*time.Millisecond); i++ {
		n := s.nginx[i%len(s.nginx)]
		n.signal(syscall.SIGKILL)
		n.p.Stop()
		sleep(ctx, 300*time.Millisecond)
		if err := n.start(); err != nil {
			return err
		}
	}
	return nil
}

func freeze(ctx context.Context, s *stage) error {
	for i := 0; sleep(ctx, 500*time.Millisecond); i++ {
		n := s.nginx[i%len(s.nginx)]
		n.signal(syscall.SIGSTOP)
		sleep(ctx, 2*time.Second)
		n.signal(syscall.SIGCONT)
	}
	return nil
}

func slow(ctx context.Context, s *stage) error {
	s.goes[0].delay.Store(int64(400 * time.Millisecond))
	<-ctx.Done()
	s.goes[0].delay.Store(0)
	return nil
}

func reset(ctx context.Context, s *stage) error {
	s.goes[0].reset.Store(10)
	<-ctx.Done()
	s.goes[0].reset.Store(0)
	return nil
}

// blackout kills all that can be killed at once: two members of five are left.
func blackout(ctx context.Context, s *stage) error {
	for sleep(ctx, time.Second) {
		for _, n := range s.nginx {
			n.signal(syscall.SIGKILL)
			n.p.Stop()
		}
		sleep(ctx, 200*time.Millisecond)
		for _, n := range s.nginx {
			if err := n.start(); err != nil {
				return err
			}
		}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// tally is what the clients saw.
type tally struct {
	gets, posts atomic.Int64
	getsLost    atomic.Int64 // errors that another member could have prevented
	unsentLost  atomic.Int64 // POSTs that no member had seen
	unwhole     atomic.Int64 // shorter than it should be, and passed off as whole
	postsLost   atomic.Int64 // POSTs that a member may have seen
	cut         atomic.Int64 // broken off in the middle, and visibly so

	mu  sync.Mutex
	how map[string]int
}

func (t *tally) note(what string) {
	t.mu.Lock()
	t.how[what]++
	t.mu.Unlock()
}

func (t *tally) show() {
	for _, k := range slices.Sorted(maps.Keys(t.how)) {
		fmt.Printf("    %6d %s\n", t.how[k], k)
	}
}

// play runs one scene against a fresh proxy with fresh members.
func play(s scene, peer, binary, dir string, length time.Duration, clients int) (*tally, error) {
	dir = filepath.Join(dir, strings.ReplaceAll(s.name, " ", "-"))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	st := &stage{}
	var ports []int
	var err error
	for i := range st.nginx {
		if st.nginx[i], err = startNginx(dir, fmt.Sprint("nginx", i)); err != nil {
			return nil, err
		}
		defer func() { st.nginx[i].p.Stop() }()
		ports = append(ports, st.nginx[i].port)
	}
	for i := range st.goes {
		if st.goes[i], err = startGo(); err != nil {
			return nil, err
		}
		defer st.goes[i].srv.Close()
		ports = append(ports, st.goes[i].port)
	}
	proxy, port, err := startProxy(peer, binary, dir, ports, "retries=2")
	if err != nil {
		return nil, err
	}
	defer proxy.Stop()

	ctx, cancel := context.WithTimeout(context.Background(), length)
	defer cancel()
	t := &tally{how: map[string]int{}}
	var all sync.WaitGroup
	trouble := make(chan error, 1)
	if s.act != nil {
		all.Go(func() { trouble <- s.act(ctx, st) })
	}
	url := fmt.Sprintf("http://127.0.0.1:%d/page", port)
	for i := range clients * max(s.crowd, 1) {
		all.Go(func() { client(ctx, t, s, url, i) })
	}
	all.Wait()
	select {
	case err := <-trouble:
		return t, err
	default:
		return t, nil
	}
}

// client asks on a connection of its own, kept as long as the proxy keeps it.
func client(ctx context.Context, t *tally, s scene, url string, seed int) {
	rnd := rand.New(rand.NewPCG(2026, uint64(seed)))
	tr := &http.Transport{MaxIdleConnsPerHost: 1, DisableCompression: true}
	defer tr.CloseIdleConnections()
	c := &http.Client{Transport: tr, Timeout: 15 * time.Second}
	for ctx.Err() == nil {
		post := rnd.IntN(4) == 0
		var req *http.Request
		if post {
			t.posts.Add(1)
			// No GetBody: the client's library must not repeat it either.
			req, _ = http.NewRequest("POST", url, io.NopCloser(strings.NewReader(strings.Repeat("f", 500))))
			req.ContentLength = 500
		} else {
			t.gets.Add(1)
			// A body of nothing, so that the client's library does not repeat
			// what the proxy has dropped.
			req, _ = http.NewRequest("GET", url, io.NopCloser(strings.NewReader("")))
		}
		what, cut := ask(c, req, t)
		switch {
		case what == "":
		case cut:
			t.cut.Add(1)
			if !s.cuts && !post {
				t.note("GET " + what)
			}
		case post && s.unseen:
			t.unsentLost.Add(1)
			t.note("POST " + what)
		case post:
			t.postsLost.Add(1)
		default:
			t.getsLost.Add(1)
			t.note("GET " + what)
		}
		if s.pause > 0 && !sleep(ctx, s.pause/2+time.Duration(rnd.Int64N(int64(s.pause)))) {
			return
		}
	}
}

// ask sends one request; what is how it failed, cut that its answer had begun.
func ask(c *http.Client, req *http.Request, t *tally) (what string, cut bool) {
	res, err := c.Do(req)
	if err != nil {
		return strings.TrimPrefix(errors.Unwrap(err).Error(), "http: "), false
	}
	defer res.Body.Close()
	n, err := io.Copy(io.Discard, res.Body)
	switch {
	case res.StatusCode != 200:
		return fmt.Sprint("status ", res.StatusCode), false
	case err != nil:
		return "cut", true
	case n != size:
		t.unwhole.Add(1)
		return "", false
	}
	return "", false
}
