//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"sallyport/bench/internal/proc"
)

// certificate is the file of a certificate (ECDSA P-256) and its key, made once.
func (b *bench) certificate() (string, error) {
	file := filepath.Join(b.dir, "site.pem")
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 0, 30), DNSNames: []string{"bench.test"}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		return "", err
	}
	k, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	pem.Encode(&out, &pem.Block{Type: "PRIVATE KEY", Bytes: k})
	return file, os.WriteFile(file, out.Bytes(), 0o644)
}

var (
	reH2Requests = regexp.MustCompile(`requests: \d+ total, \d+ started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout`)
	reH2Status   = regexp.MustCompile(`status codes: (\d+) 2xx`)
)

// runH2Load drives the port with h2load for d. It gives no percentiles.
func runH2Load(ctx context.Context, c Case, port int, d time.Duration) (wrkResult, error) {
	ctx, cancel := context.WithTimeout(ctx, d+60*time.Second)
	defer cancel()
	seconds := max(1, int(d.Round(time.Second)/time.Second))
	out, err := exec.CommandContext(ctx, "h2load", "-t1", fmt.Sprintf("-c%d", c.Conns), fmt.Sprintf("-m%d", c.Streams),
		fmt.Sprintf("-D%d", seconds), c.scheme()+proc.Loopback(port)+c.Targets[0].Path).CombinedOutput()
	if err != nil {
		return wrkResult{}, fmt.Errorf("run h2load: %w: %s", err, bytes.TrimSpace(out))
	}
	return parseH2Load(out, time.Duration(seconds)*time.Second)
}

// parseH2Load reads what h2load says. Requests that were under way at the end
// are no errors of the peer; an answer that is not 2xx is one.
func parseH2Load(out []byte, d time.Duration) (wrkResult, error) {
	r := wrkResult{Duration: d}
	q, st := reH2Requests.FindSubmatch(out), reH2Status.FindSubmatch(out)
	if q == nil || st == nil {
		return r, fmt.Errorf("parse h2load's result: no figures in %q", out)
	}
	n := func(b []byte) int64 { v, _ := strconv.ParseInt(string(b), 10, 64); return v }
	r.Requests = n(st[1])
	r.Status, r.Read, r.Timeout = n(q[3]), n(q[4]), n(q[5])
	return r, nil
}

// measureShakes makes connections one after the other, Conns at a time, each
// for one request, and counts what a handshake and its request cost the peer.
func (b *bench) measureShakes(ctx context.Context, s *Sample, child *proc.Process, c Case, port int) error {
	if _, err := b.shakes(ctx, c, port, max(time.Second, b.duration/4)); err != nil {
		return err
	}
	proc.ResetPeaks(child.PID())
	w := b.watch(child)
	n, err := b.shakes(ctx, c, port, b.duration)
	if err != nil {
		return err
	}
	cpu := w.stop(s)
	s.set(Rate, float64(n)/b.duration.Seconds())
	s.set(CPU, float64(cpu.Microseconds())/float64(n))
	s.set(Peak, float64(proc.TreeMemory(child.PID(), "VmHWM")))
	return nil
}

// shakes is measureShakes for a while; it counts the handshakes.
func (b *bench) shakes(ctx context.Context, c Case, port int, d time.Duration) (int64, error) {
	var done atomic.Int64
	var failed atomic.Value
	var wg sync.WaitGroup
	end := time.Now().Add(d)
	for range c.Conns {
		wg.Add(1)
		go func() {
			defer wg.Done()
			conf := &tls.Config{InsecureSkipVerify: true, ServerName: "bench.test"}
			if c.Resume {
				conf.ClientSessionCache = tls.NewLRUClientSessionCache(1)
			}
			for first := true; time.Now().Before(end) && ctx.Err() == nil && failed.Load() == nil; first = false {
				if err := shake(conf, c, port, c.Resume && !first); err != nil {
					failed.Store(err)
					return
				}
				done.Add(1)
			}
		}()
	}
	wg.Wait()
	if err, ok := failed.Load().(error); ok {
		return 0, err
	}
	if done.Load() == 0 {
		return 0, fmt.Errorf("no handshake in %v", d)
	}
	return done.Load(), ctx.Err()
}

// shake is one connection with one request.
func shake(conf *tls.Config, c Case, port int, resumed bool) error {
	nc, err := net.DialTimeout("tcp", proc.Loopback(port), 20*time.Second)
	if err != nil {
		return fmt.Errorf("shake hands: %w", err)
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(20 * time.Second))
	t := tls.Client(nc, conf)
	if _, err := io.WriteString(t, "GET "+c.Targets[0].Path+" HTTP/1.1\r\nHost: bench.test\r\nConnection: close\r\n\r\n"); err != nil {
		return fmt.Errorf("shake hands: %w", err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(t), nil)
	if err != nil {
		return fmt.Errorf("shake hands: %w", err)
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	switch {
	case err != nil:
		return fmt.Errorf("shake hands: %w", err)
	case resp.StatusCode != 200 || n != int64(c.BodySize):
		return fmt.Errorf("shake hands: %s, %d bytes", resp.Status, n)
	case resumed != t.ConnectionState().DidResume:
		return fmt.Errorf("shake hands: resumed %v, want %v", !resumed, resumed)
	}
	return nil
}
