//go:build linux

package main

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"
)

// kindOf is one way of being a client: what it does over and over until the
// run ends.
type kindOf struct {
	name  string
	share int // of a hundred clients
	visit func(*client, context.Context) error
}

// clientKinds are all ways. An error of a visit is a failure to connect.
func clientKinds() []kindOf {
	return []kindOf{
		{"keep-alive", 30, visitKeepAlive},
		{"new-connection", 15, visitOnce},
		{"pipelining", 6, visitPipeline},
		{"uploading", 10, visitUpload},
		{"slow-reading", 8, visitSlowReader},
		{"slow-writing", 5, visitSlowWriter},
		{"half-closing", 6, visitHalfClose},
		{"vanishing", 20, visitVanish},
	}
}

func anything(Behaviour) bool { return true }
func download(b Behaviour) bool {
	return b.Must && !b.Upload && !b.Bodiless
}

// visitKeepAlive asks for anything, many times on one connection.
func visitKeepAlive(c *client, ctx context.Context) error {
	if err := c.dial(ctx, 0); err != nil {
		return err
	}
	defer c.close(false)
	for n := 1 + c.random.IntN(60); n > 0 && ctx.Err() == nil; n-- {
		if !c.ask(c.next(c.choose(anything))) {
			break
		}
		if c.chance(15) {
			rest(ctx, time.Duration(c.random.IntN(200))*time.Millisecond)
		}
	}
	return nil
}

// visitOnce asks once per connection.
func visitOnce(c *client, ctx context.Context) error {
	if err := c.dial(ctx, 0); err != nil {
		return err
	}
	defer c.close(c.chance(4))
	c.ask(c.next(c.choose(anything)))
	return nil
}

// visitPipeline writes several requests at once; the answers must come in
// their order.
func visitPipeline(c *client, ctx context.Context) error {
	if err := c.dial(ctx, 0); err != nil {
		return err
	}
	defer c.close(false)
	c.patient()
	var plans []plan
	var text strings.Builder
	for range 2 + c.random.IntN(6) {
		p := c.next(c.choose(download))
		p.Size = min(p.Size, 20_000)
		plans = append(plans, p)
		text.WriteString(c.head(http.MethodGet, p, -1, false, ""))
	}
	_, err := io.WriteString(c.conn, text.String())
	for _, p := range plans {
		o, again := c.answer(http.MethodGet, p, nil)
		c.settle(http.MethodGet, p, o)
		if !again || err != nil {
			break // the rest was never promised: a proxy may close after any
		}
	}
	return nil
}

// visitUpload sends bodies, to backends that take them and that do not.
func visitUpload(c *client, ctx context.Context) error {
	if err := c.dial(ctx, 0); err != nil {
		return err
	}
	defer c.close(false)
	for n := 1 + c.random.IntN(20); n > 0 && ctx.Err() == nil; n-- {
		if !c.ask(c.next(c.choose(func(b Behaviour) bool { return b.Upload }))) {
			break
		}
	}
	return nil
}

// visitSlowReader takes a large body in small pieces through a small window.
func visitSlowReader(c *client, ctx context.Context) error {
	if err := c.dial(ctx, 16<<10); err != nil {
		return err
	}
	defer c.close(false)
	p := c.next(c.choose(download))
	p.Size = 300_000 + int64(c.random.IntN(500_000))
	c.patient()
	if _, err := io.WriteString(c.conn, c.head(http.MethodGet, p, -1, false, "")); err != nil {
		c.settle(http.MethodGet, p, Cut)
		return nil
	}
	pause := time.Duration(5+c.random.IntN(20)) * time.Millisecond
	o, _ := c.answer(http.MethodGet, p, func() error {
		time.Sleep(pause)
		c.patient()
		return nil
	})
	c.settle(http.MethodGet, p, o)
	return nil
}

// visitSlowWriter sends its head a few bytes at a time. Some finish, some go
// on beyond what any limit allows; the proxy may end those at any time.
func visitSlowWriter(c *client, ctx context.Context) error {
	if err := c.dial(ctx, 0); err != nil {
		return err
	}
	defer c.close(c.chance(2))
	c.patient()
	p := c.next(c.choose(download))
	head := c.head(http.MethodGet, p, -1, false, "")
	finishes := c.chance(2)
	pause := 3 * time.Millisecond
	if !finishes {
		pause = 100 * time.Millisecond
		head = strings.TrimSuffix(head, "\r\n") + strings.Repeat("X-Loris: loris\r\n", 100)
	}
	for len(head) > 0 && ctx.Err() == nil {
		n := min(len(head), 1+c.random.IntN(6))
		if _, err := io.WriteString(c.conn, head[:n]); err != nil {
			break
		}
		head = head[n:]
		time.Sleep(pause)
	}
	if ctx.Err() != nil && len(head) > 0 {
		c.tally.count(c.kind, Gone)
		return nil
	}
	if !finishes {
		p.What.Must = false
	}
	o, _ := c.answer(http.MethodGet, p, nil)
	c.settle(http.MethodGet, p, o)
	return nil
}

// visitHalfClose asks and ends its own side: it still listens.
func visitHalfClose(c *client, ctx context.Context) error {
	if err := c.dial(ctx, 0); err != nil {
		return err
	}
	defer c.close(false)
	c.patient()
	p := c.next(c.choose(download))
	_, err := io.WriteString(c.conn, c.head(http.MethodGet, p, -1, false, ""))
	if err == nil {
		if c.chance(2) {
			time.Sleep(time.Millisecond)
		}
		err = c.conn.CloseWrite()
	}
	o, _ := c.answer(http.MethodGet, p, nil)
	if err != nil {
		p.What.Must = false
	}
	c.settle(http.MethodGet, p, o)
	return nil
}

// visitVanish leaves at a random point of an exchange, half of the time with
// a RST. Whatever it read until then must be right.
func visitVanish(c *client, ctx context.Context) error {
	if err := c.dial(ctx, 0); err != nil {
		return err
	}
	defer func() {
		c.close(c.chance(2))
		c.tally.count(c.kind, Gone)
	}()
	c.patient()
	b := c.choose(anything)
	if c.chance(3) {
		b = byName()["stall"] // nothing else tells the proxy that the client is gone
	}
	p := c.next(b)
	method, upload := http.MethodGet, int64(-1)
	if b.Upload {
		method, upload = http.MethodPost, 1000+c.size()
	}
	head := c.head(method, p, upload, false, "")
	var body []byte
	if upload > 0 {
		body = make([]byte, upload)
		if _, err := io.ReadFull(newPattern(p.Token, upload), body); err != nil {
			return nil
		}
	}
	switch c.random.IntN(6) {
	case 0: // before a byte
		return nil
	case 1: // within the head
		_, _ = io.WriteString(c.conn, head[:c.random.IntN(len(head))])
		return nil
	case 2: // within the body, or after the head where there is none
		_, _ = io.WriteString(c.conn, head)
		if upload > 0 {
			_, _ = c.conn.Write(body[:c.random.IntN(len(body))])
		}
		rest(ctx, time.Duration(c.random.IntN(20))*time.Millisecond)
		return nil
	}
	_, _ = io.WriteString(c.conn, head)
	_, _ = c.conn.Write(body)
	switch c.random.IntN(4) {
	case 0: // at once
		return nil
	case 1: // while the backend works
		rest(ctx, time.Duration(c.random.IntN(50))*time.Millisecond)
		return nil
	}
	if b.Costly {
		rest(ctx, time.Duration(c.random.IntN(400))*time.Millisecond)
		return nil
	}
	// Within the answer.
	left := c.random.IntN(30_000)
	o, _ := c.answer(method, p, func() error {
		if left -= 16 << 10; left < 0 {
			return io.ErrUnexpectedEOF
		}
		return nil
	})
	if o == Wrong || o == Crossed || o == Hung {
		c.tally.count(c.kind, o)
	}
	return nil
}

// rest waits for d or until ctx ends.
func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
