package checker

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"sallyport/internal/backend"
	"sallyport/internal/backend/pool"
	"sallyport/internal/health"
	"sallyport/internal/live"
	"sallyport/internal/watch"
)

// members is how many the load is made of, each checked once a second.
const members = 5000

// TestMain is also the backend of the load: in a process of its own, so that
// what it costs is not counted.
func TestMain(m *testing.M) {
	if os.Getenv("CHECKED_BACKEND") != "" {
		serveLoad()
		return
	}
	os.Exit(m.Run())
}

func serveLoad() {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(ln.Addr())
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			buf := make([]byte, 512)
			if n, _ := c.Read(buf); n > 0 {
				c.Write([]byte("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"))
			}
		}()
	}
}

func loadBackend(b *testing.B) string {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "CHECKED_BACKEND=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(line)
}

func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkMembers checks 5,000 members once a second for some seconds and
// tells what share of one core that takes.
//
//	go test ./internal/health/checker -run - -bench Members -benchtime 5x
func BenchmarkMembers(b *testing.B) {
	for _, method := range []health.Method{health.Get, health.TCP} {
		b.Run(method.String(), func(b *testing.B) {
			addr := loadBackend(b)
			w, err := watch.New()
			if err != nil {
				b.Fatal(err)
			}
			defer w.Close()
			pools := pool.NewRegistry(w)
			defer pools.Close()
			reg := live.NewRegistry()
			draft := reg.Begin()
			c := New()
			gen := c.Begin(0)
			key := live.BalancerKey{Name: "load"}
			target := backend.Target{Network: "tcp", Addr: addr}
			plan := &Plan{
				Rules:   health.Rules{Interval: time.Second, Jitter: 10},
				Request: health.Request{Method: method, Host: addr, Path: "/"},
				Expect:  &health.Expect{}, Timeout: 5 * time.Second,
				Dial: func(ctx context.Context, d time.Time) (net.Conn, error) { return pools.Open(ctx, &target, d) },
			}
			var all []*live.Worker
			for i := range members {
				lw := draft.Worker(live.WorkerKey{Balancer: key, URL: fmt.Sprintf("http://m%d", i)}, live.Configured{})
				all = append(all, lw)
				c.Add(gen, Member{Worker: lw, Plan: plan})
			}
			draft.Commit()
			c.End(gen)
			time.Sleep(1500 * time.Millisecond)
			count := func() (passed, failed int64) {
				for _, w := range all {
					_, p, f := w.Checks()
					passed, failed = passed+p, failed+f
				}
				return
			}
			b.ResetTimer()
			before, _ := count()
			began, used := time.Now(), cpu()
			time.Sleep(time.Duration(b.N) * time.Second)
			took := time.Since(began)
			used = cpu() - used
			after, failed := count()
			b.StopTimer()
			c.Stop()
			n := after - before
			b.ReportMetric(float64(n)/took.Seconds(), "checks/s")
			b.ReportMetric(100*used.Seconds()/took.Seconds(), "%core")
			b.ReportMetric(float64(used.Microseconds())/float64(n), "cpu-µs/check")
			b.ReportMetric(float64(failed), "failed")
		})
	}
}
