// Command bench is the race: it drives Sallyport and its peers with the same
// load, in turn, and says what each request costs.
//
// Dear newcomer: nothing here is part of Sallyport. This program starts a
// common backend (nginx, one worker), then each peer with a configuration of
// equal duties (keep-alive on both sides, X-Forwarded-*, no access log, or a
// combined one), lets wrk drive it, and reads from /proc what the peer's
// processes used. The figure that counts is CPU time per request: on a
// machine whose cores are shared by client, proxy and backend, requests per
// second say as much about wrk as about the proxy.
//
// Loads that no tool makes are made here: handshakes (tls.go), calls of gRPC and
// their backend (calls.go), HTTP/3 and a million streams (streams.go).
//
// Two of the peers live in this program and are started as children of it:
// a net/http ReverseProxy (nethttp.go) and the floor (relay.go), which copies
// bytes between sockets and reads none of them. What a proxy costs above the
// floor is the price of understanding HTTP.
//
// The files in the order the data meets them: main.go (flags), cases.go (what
// is driven), peers.go and conf_*.go (who runs, and how each is told the same
// thing), backend.go, process.go and procfs.go (starting, stopping, reading
// /proc), probe.go (does the peer answer right at all), wrk.go, measure.go and
// crowd.go (one sample), race.go (rounds), goals.go and report.go (the table),
// merge.go (some cases recorded again).
//
// It reads /proc and uses epoll: Linux only.
package main
