//go:build linux

package main

import (
	"strings"
	"testing"
	"time"
)

func TestParseWrk(t *testing.T) {
	const good = "RESULT requests=176411 bytes=47630970 us=2000131 p50=529 p99=4480 connect=0 read=7 write=0 timeout=1 status=3\n"
	tests := []struct {
		name, out string
		want      wrkResult
		fails     string
	}{
		{name: "within wrk's own output", out: "Running 2s test @ http://127.0.0.1:1/100\n  Socket errors: connect 0, read 7, write 0, timeout 1\n" + good,
			want: wrkResult{Requests: 176411, Bytes: 47630970, Duration: 2000131 * time.Microsecond, P50: 529 * time.Microsecond, P99: 4480 * time.Microsecond, Read: 7, Timeout: 1, Status: 3}},
		{name: "no line", out: "unable to connect to 127.0.0.1:1 Connection refused\n", fails: "no RESULT line"},
		{name: "a figure is missing", out: strings.Replace(good, " p99=4480", "", 1), fails: "incomplete"},
		{name: "a figure twice", out: strings.Replace(good, "p99=", "p50=", 1), fails: "unknown"},
		{name: "not a number", out: strings.Replace(good, "us=2000131", "us=nan", 1), fails: "invalid syntax"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := parseWrk([]byte(test.out))
			if test.fails != "" {
				if err == nil || !strings.Contains(err.Error(), test.fails) {
					t.Fatalf("error %v, want one with %q", err, test.fails)
				}
				return
			}
			if err != nil || got != test.want {
				t.Fatalf("got %+v, %v\nwant %+v", got, err, test.want)
			}
			if got.errors() != 11 || got.complaint() != "read 7, time-out 1, status 3" {
				t.Errorf("errors %d: %s", got.errors(), got.complaint())
			}
		})
	}
}

func TestLuaScript(t *testing.T) {
	tests := []struct {
		name     string
		c        Case
		want     []string
		wantNone []string
	}{
		{name: "one fixed request costs no Lua call", c: Case{Targets: []Target{{Path: "/100"}}},
			want: []string{`wrk.method = "GET"`, "RESULT requests=%d"}, wantNone: []string{"request = function", "wrk.body", "Connection"}},
		{name: "an upload", c: Case{Targets: []Target{{Path: "/post"}}, Method: "POST", Upload: 16384},
			want: []string{`wrk.method = "POST"`, `string.rep("u", 16384)`}},
		{name: "a new connection per request", c: Case{Targets: []Target{{Path: "/100"}}, Close: true},
			want: []string{`wrk.headers["Connection"] = "close"`}},
		{name: "several hosts in turn", c: Case{Targets: []Target{{Path: "/a", Host: "one.test"}, {Path: "/b", Host: "two.test"}}},
			want: []string{`wrk.headers["Host"] = "one.test"`, `wrk.format(nil, "/b")`, "request = function()", "turn % #list"}},
		{name: "fields", c: Case{Targets: []Target{{Path: "/"}}, Headers: []string{"Accept: a:b"}},
			want: []string{`wrk.headers["Accept"] = "a:b"`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := luaScript(test.c)
			for _, w := range test.want {
				if !strings.Contains(got, w) {
					t.Errorf("script lacks %q:\n%s", w, got)
				}
			}
			for _, w := range test.wantNone {
				if strings.Contains(got, w) {
					t.Errorf("script has %q:\n%s", w, got)
				}
			}
		})
	}
}
