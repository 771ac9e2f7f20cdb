//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"sallyport/bench/internal/proc"
)

// wrkResult is what one run of wrk says.
type wrkResult struct {
	Requests int64
	Bytes    int64 // received, heads included
	Duration time.Duration
	P50, P99 time.Duration
	// Socket errors by kind, and answers that were not 2xx or 3xx.
	Connect, Read, Write, Timeout, Status int64
}

// errors is how much went wrong; any makes the run worthless.
func (r wrkResult) errors() int64 { return r.Connect + r.Read + r.Write + r.Timeout + r.Status }

// complaint names the kinds of errors that happened; empty when none did.
func (r wrkResult) complaint() string {
	var words []string
	for _, k := range []struct {
		name string
		n    int64
	}{{"connect", r.Connect}, {"read", r.Read}, {"write", r.Write}, {"time-out", r.Timeout}, {"status", r.Status}} {
		if k.n > 0 {
			words = append(words, fmt.Sprintf("%s %d", k.name, k.n))
		}
	}
	return strings.Join(words, ", ")
}

// luaScript is the wrk script of a case: the fixed request, or several in
// turn, and one line at the end with every figure unrounded. Only a case of
// several targets pays for a Lua call per request.
func luaScript(c Case) string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("wrk.method = %q", c.method())
	for _, h := range c.Headers {
		name, value, _ := strings.Cut(h, ": ")
		p("wrk.headers[%q] = %q", name, value)
	}
	if c.Close {
		p(`wrk.headers["Connection"] = "close"`)
	}
	if c.Upload > 0 {
		p(`wrk.headers["Content-Type"] = "application/octet-stream"`)
		p(`wrk.body = string.rep("u", %d)`, c.Upload)
	}
	if len(c.Targets) > 1 || c.Targets[0].Host != "" {
		p("local list, turn = {}, 0")
		p("init = function(args)")
		for _, t := range c.Targets {
			if t.Host != "" {
				p("  wrk.headers[\"Host\"] = %q", t.Host)
			}
			p("  list[#list + 1] = wrk.format(nil, %q)", t.Path)
		}
		p("end")
		p("request = function()")
		p("  turn = turn %% #list + 1")
		p("  return list[turn]")
		p("end")
	}
	p("done = function(s, latency, requests)")
	p(`  io.write(string.format("RESULT requests=%%d bytes=%%d us=%%d p50=%%d p99=%%d connect=%%d read=%%d write=%%d timeout=%%d status=%%d\n",`)
	p("    s.requests, s.bytes, s.duration, latency:percentile(50), latency:percentile(99),")
	p("    s.errors.connect, s.errors.read, s.errors.write, s.errors.timeout, s.errors.status))")
	p("end")
	return b.String()
}

// parseWrk finds the script's RESULT line in wrk's output.
func parseWrk(out []byte) (wrkResult, error) {
	var r wrkResult
	for line := range bytes.Lines(out) {
		rest, ok := bytes.CutPrefix(line, []byte("RESULT "))
		if !ok {
			continue
		}
		var us, p50, p99 int64
		into := map[string]*int64{
			"requests": &r.Requests, "bytes": &r.Bytes, "us": &us, "p50": &p50, "p99": &p99,
			"connect": &r.Connect, "read": &r.Read, "write": &r.Write, "timeout": &r.Timeout, "status": &r.Status,
		}
		for word := range strings.FieldsSeq(string(rest)) {
			name, value, _ := strings.Cut(word, "=")
			field := into[name]
			if field == nil {
				return r, fmt.Errorf("parse wrk's result: unknown %q", word)
			}
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				return r, fmt.Errorf("parse wrk's result: %w", err)
			}
			*field = n
			delete(into, name)
		}
		if len(into) > 0 {
			return r, fmt.Errorf("parse wrk's result: incomplete line %q", line)
		}
		r.Duration = time.Duration(us) * time.Microsecond
		r.P50, r.P99 = time.Duration(p50)*time.Microsecond, time.Duration(p99)*time.Microsecond
		return r, nil
	}
	return r, fmt.Errorf("parse wrk's result: no RESULT line in %q", out)
}

// runWrk drives the port with the case for d.
func runWrk(ctx context.Context, binary, dir string, c Case, port int, d time.Duration) (wrkResult, error) {
	script := filepath.Join(dir, "load.lua")
	if err := os.WriteFile(script, []byte(luaScript(c)), 0o644); err != nil {
		return wrkResult{}, fmt.Errorf("run wrk: %w", err)
	}
	seconds := max(1, int(d.Round(time.Second)/time.Second))
	ctx, cancel := context.WithTimeout(ctx, time.Duration(seconds)*time.Second+60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, "-t1", fmt.Sprintf("-c%d", c.Conns), fmt.Sprintf("-d%ds", seconds),
		"--latency", "--timeout", "20s", "-s", script, c.scheme()+proc.Loopback(port)+c.Targets[0].Path)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return wrkResult{}, fmt.Errorf("run wrk: %w: %s", err, bytes.TrimSpace(out))
	}
	return parseWrk(out)
}
