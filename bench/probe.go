//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"sallyport/bench/internal/proc"
)

// protocols are those of the case where they are not left to TLS.
func (c Case) protocols() *http.Protocols {
	if !c.Clear {
		return nil
	}
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	return p
}

// probe asks the peer for every target of the case once and checks what
// comes back, then that the peer does its duties: X-Forwarded-For reaches the
// backend and connections are kept on both sides. A peer that fails it is not
// measured.
func probe(peer Peer, c Case, port int, bodies string) error {
	transport := &http.Transport{
		DisableCompression: true,
		TLSClientConfig:    &tls.Config{InsecureSkipVerify: true},
		ForceAttemptHTTP2:  c.Streams > 0,
		Protocols:          c.protocols(),
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", proc.Loopback(port))
		},
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 60 * time.Second}

	want, err := bodySum(c, bodies)
	if err != nil {
		return fmt.Errorf("probe %s: %w", peer.Label, err)
	}
	for _, t := range c.Targets {
		r, err := http.NewRequest(c.method(), c.scheme()+proc.Loopback(port)+t.Path, bytes.NewReader(make([]byte, c.Upload)))
		if err != nil {
			return fmt.Errorf("probe %s: %w", peer.Label, err)
		}
		if c.Upload == 0 {
			r.Body, r.ContentLength = nil, 0
		}
		r.Host = t.Host
		for _, h := range c.Headers {
			name, value, _ := strings.Cut(h, ": ")
			r.Header.Set(name, value)
		}
		if err := probeOne(client, r, c.BodySize, want); err != nil {
			return fmt.Errorf("probe %s: %s %s%s: %w", peer.Label, r.Method, t.Host, t.Path, err)
		}
	}
	if peer.Floor {
		return nil
	}
	if err := probeDuties(client, c, port); err != nil {
		return fmt.Errorf("probe %s: %w", peer.Label, err)
	}
	return nil
}

// probeOne sends r and compares the body with its expected length and sum.
func probeOne(client *http.Client, r *http.Request, size int, want []byte) error {
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	h := sha256.New()
	n, err := io.Copy(h, resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("answered %s", resp.Status)
	case n != int64(size):
		return fmt.Errorf("%d bytes of body, expected %d", n, size)
	case !bytes.Equal(h.Sum(nil), want):
		return fmt.Errorf("the body is not the backend's")
	}
	return nil
}

// probeDuties asks the backend, through the peer, what it saw.
func probeDuties(client *http.Client, c Case, port int) error {
	path := "/echo"
	if c.Prefixes > 0 {
		path = prefix(1) + "echo"
	}
	var clientKept, backendKept bool
	for range 24 {
		r, err := http.NewRequest("GET", c.scheme()+proc.Loopback(port)+path, nil)
		if err != nil {
			return err
		}
		if c.Hosts > 0 {
			r.Host = hostName(1)
		}
		r = r.WithContext(httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
			GotConn: func(i httptrace.GotConnInfo) { clientKept = clientKept || i.Reused },
		}))
		resp, err := client.Do(r)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			return err
		}
		seen := strings.Split(string(body), "|")
		if resp.StatusCode != http.StatusOK || len(seen) != 3 {
			return fmt.Errorf("echo answered %s %q", resp.Status, body)
		}
		if seen[0] != "127.0.0.1" {
			return fmt.Errorf("the backend saw X-Forwarded-For %q", seen[0])
		}
		if seen[1] == "" {
			return fmt.Errorf("the backend saw no X-Forwarded-Host")
		}
		if n, _ := strconv.Atoi(seen[2]); n > 1 {
			backendKept = true
		}
	}
	if !clientKept {
		return fmt.Errorf("the client connection is not kept alive")
	}
	if !backendKept {
		return fmt.Errorf("the backend connection is not kept alive")
	}
	return nil
}

// method is the case's method by name.
func (c Case) method() string {
	if c.Method == "" {
		return http.MethodGet
	}
	return c.Method
}

// bodySum is the SHA-256 of the body that the case's targets answer.
func bodySum(c Case, bodies string) ([]byte, error) {
	if c.BodySize == len(smallBody) {
		sum := sha256.Sum256([]byte(smallBody))
		return sum[:], nil
	}
	f, err := os.Open(filepath.Join(bodies, c.Targets[0].Path))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return nil, err
	}
	return h.Sum(nil), nil
}
