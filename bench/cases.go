//go:build linux

package main

import (
	"fmt"
	"strings"
)

// Shape says what a case measures and by which means.
type Shape int

const (
	ShapeLoad  Shape = iota // wrk drives requests as fast as they are answered
	ShapeIdle               // many keep-alive connections, each silent after one request
	ShapeSlow               // many clients that read a large body slowly
	ShapeShake              // a TLS handshake per request
	ShapeMany               // a number of requests over HTTP/2, and what is left of them
)

// Target is one place of the peer that a load asks for.
type Target struct {
	Path string
	Host string // value of the Host field; empty: the peer's address
}

// Case is one load and the configuration it needs. Every peer gets the same.
type Case struct {
	Name  string
	Title string
	Shape Shape

	Conns    int      // client connections
	Targets  []Target // asked for in turn
	BodySize int      // bytes of one response body, known to the probe
	Method   string   // empty: GET
	Upload   int      // bytes of request body
	Close    bool     // a new connection per request
	Headers  []string // further request fields, "Name: value"
	Bulk     bool     // count bytes, not whole responses: few end within a run

	Log      bool // the peer writes a combined access log
	Members  int  // backends behind a balancer; 0: one backend without
	Prefixes int  // number of mapped prefixes; 0: the root alone
	Hosts    int  // number of virtual hosts; 0: one

	TLS     bool // for peers that know it
	Resume  bool // ShapeShake: clients come back with a session ticket
	Streams int  // of HTTP/2 at a time on each connection, by h2load; 0: HTTP/1.1
	Clear   bool // HTTP/2 without TLS, for peers that know it
	GRPC    bool // Clear, unary calls of gRPC to a backend of gRPC
	QUIC    bool // HTTP/3, for peers that know it
	Total   int  // ShapeMany: requests
}

const (
	kib = 1 << 10
	mib = 1 << 20
)

// cases returns the race's cases in the order they are run and printed. Cases
// that a goal compares with each other stand side by side, so that they run
// close in time.
func cases() []Case {
	small := []Target{{Path: "/100"}}
	list := []Case{
		{Name: "100b-c64", Title: "100 B, 64 connections", Conns: 64, Targets: small, BodySize: 100},
		{Name: "100b-c64-log", Title: "100 B, 64 connections, combined access log", Conns: 64, Targets: small, BodySize: 100, Log: true},
		{Name: "100b-c512", Title: "100 B, 512 connections", Conns: 512, Targets: small, BodySize: 100},
		{Name: "browser", Title: "100 B, browser-like request: 15 fields, 1 KB of cookies", Conns: 64, Targets: small, BodySize: 100, Headers: browserHeaders()},
		{Name: "balancer8", Title: "100 B, balancer of 8 members", Conns: 64, Targets: small, BodySize: 100, Members: 8},
		{Name: "16k", Title: "16 KB", Conns: 64, Targets: []Target{{Path: "/16k"}}, BodySize: 16 * kib},
		{Name: "1m", Title: "1 MB, 16 connections", Conns: 16, Targets: []Target{{Path: "/1m"}}, BodySize: mib, Bulk: true},
		{Name: "100m", Title: "100 MB, 4 connections", Conns: 4, Targets: []Target{{Path: "/100m"}}, BodySize: 100 * mib, Bulk: true},
		{Name: "post16k", Title: "POST 16 KB", Conns: 64, Targets: []Target{{Path: "/post"}}, BodySize: 100, Method: "POST", Upload: 16 * kib},
		{Name: "newconn", Title: "100 B, a new client connection per request", Conns: 64, Targets: small, BodySize: 100, Close: true},
	}
	for _, n := range []int{10, 10_000} {
		list = append(list, Case{Name: fmt.Sprintf("pp%d", n), Title: fmt.Sprintf("100 B, %d ProxyPass lines", n), Conns: 64,
			Targets: spread(n, func(i int) Target { return Target{Path: prefix(i) + "100"} }), BodySize: 100, Prefixes: n})
	}
	for _, n := range []int{10, 10_000} {
		list = append(list, Case{Name: fmt.Sprintf("vhosts%d", n), Title: fmt.Sprintf("100 B, %d virtual hosts", n), Conns: 64,
			Targets: spread(n, func(i int) Target { return Target{Path: "/100", Host: hostName(i)} }), BodySize: 100, Hosts: n})
	}
	return append(list,
		Case{Name: "tls-100b", Title: "100 B over TLS 1.3, 64 connections", Conns: 64, Targets: small, BodySize: 100, TLS: true},
		Case{Name: "tls-1m", Title: "1 MB over TLS 1.3, 16 connections", Conns: 16, Targets: []Target{{Path: "/1m"}}, BodySize: mib, Bulk: true, TLS: true},
		Case{Name: "tls-new", Title: "a full TLS 1.3 handshake (ECDSA P-256) per request", Shape: ShapeShake, Conns: 16, Targets: small, BodySize: 100, TLS: true},
		Case{Name: "tls-resumed", Title: "a resumed TLS 1.3 handshake per request", Shape: ShapeShake, Conns: 16, Targets: small, BodySize: 100, TLS: true, Resume: true},
		Case{Name: "h2-c1m100", Title: "100 B over HTTP/2, one connection, 100 streams", Conns: 1, Streams: 100, Targets: small, BodySize: 100, TLS: true},
		Case{Name: "h2-c64m16", Title: "100 B over HTTP/2, 64 connections, 16 streams", Conns: 64, Streams: 16, Targets: small, BodySize: 100, TLS: true},
		Case{Name: "h3-c64m16", Title: "100 B over HTTP/3, 64 connections, 16 streams", Conns: 64, Streams: 16, Targets: small, BodySize: 100, TLS: true, QUIC: true},
		Case{Name: "grpc", Title: "unary calls of gRPC, 100 B each way, 16 connections, 16 streams", Conns: 16, Streams: 16, Targets: small, BodySize: 100, Clear: true, GRPC: true},
		Case{Name: "h2-million", Title: "a million requests over HTTP/2, one in a hundred given up half-way, 8 connections, 100 streams", Shape: ShapeMany, Conns: 8, Streams: 100, Total: 1_000_000, Targets: small, BodySize: 100, Clear: true},
		Case{Name: "idle10000", Title: "10,000 idle keep-alive connections", Shape: ShapeIdle, Conns: 10_000, Targets: small, BodySize: 100},
		Case{Name: "slow1000", Title: "1,000 clients that read 1 MB slowly", Shape: ShapeSlow, Conns: 1000, Targets: []Target{{Path: "/1m"}}, BodySize: mib},
	)
}

// scheme begins the case's URLs.
func (c Case) scheme() string {
	if c.TLS {
		return "https://"
	}
	return "http://"
}

// spread returns the first, middle and last of n targets: a lookup that walks
// its list shows, one that happens to find the first does not win.
func spread(n int, at func(int) Target) []Target {
	return []Target{at(1), at((n + 1) / 2), at(n)}
}

// prefix is the i-th mapped path, counted from 1, with both slashes.
func prefix(i int) string { return fmt.Sprintf("/app%05d/", i) }

// hostName is the i-th virtual host, counted from 1.
func hostName(i int) string { return fmt.Sprintf("h%05d.bench.test", i) }

// browserHeaders returns fields as a browser sends them for a sub-resource:
// with the Host that wrk adds they are 15, one of them a kilobyte of cookies.
func browserHeaders() []string {
	h := []string{
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
		"Accept-Language: en-GB,en;q=0.7,de;q=0.3",
		"Accept-Encoding: gzip, deflate, br, zstd",
		"Referer: http://www.example.test/catalogue/index.html?page=3&sort=price",
		"DNT: 1",
		"Sec-GPC: 1",
		"Upgrade-Insecure-Requests: 1",
		"Sec-Fetch-Dest: document",
		"Sec-Fetch-Mode: navigate",
		"Sec-Fetch-Site: same-origin",
		"Sec-Fetch-User: ?1",
		"Priority: u=0, i",
	}
	var cookie strings.Builder
	for i := 0; cookie.Len() < kib; i++ {
		if i > 0 {
			cookie.WriteString("; ")
		}
		fmt.Fprintf(&cookie, "pref_%02d=%s", i, strings.Repeat(string(rune('a'+i%26)), 40))
	}
	return append(h, "Cookie: "+cookie.String()[:kib])
}

// chooseCases returns the cases named in a comma-separated list, in the
// race's order; an empty list means all.
func chooseCases(list string) ([]Case, error) {
	all := cases()
	if list == "" {
		return all, nil
	}
	want := map[string]bool{}
	for name := range strings.SplitSeq(list, ",") {
		want[strings.TrimSpace(name)] = true
	}
	var chosen []Case
	for _, c := range all {
		if want[c.Name] {
			chosen = append(chosen, c)
			delete(want, c.Name)
		}
	}
	for name := range want {
		return nil, fmt.Errorf("choose cases: no case %q (-list names them)", name)
	}
	return chosen, nil
}
