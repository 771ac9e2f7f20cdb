// Package proxy is the room of mod_proxy: where a URL leads, which worker
// serves it, what the backend is sent and what the client gets back.
//
// # To the newcomer
//
// The files in the order the data meets them. config.go is the directive
// table; settings.go, pass.go, reverse.go and member.go hold the setters,
// target.go reads the URLs they name. compile.go turns all lines of a
// configuration into the sites of its servers, once: alias lists, workers
// (workers.go) and balancers (balancers.go); house.go is what it uses of the process,
// hidden.go a warning. Then requests: translate.go maps a path to a URL and
// spells it for the wire, record.go is what is remembered of that; handler.go
// carries the exchange to a worker, elect.go finds it, or a balancer's members
// one after the other. request.go and repeated.go prepare what the backend is
// sent, response.go and reverse_headers.go what the client gets, errors.go
// answers when it went wrong.
//
// What it is not: it opens no sockets and frames no bytes (backend/http), does
// not keep connections (backend/pool), does not elect members (balancer), does
// not hold what outlives a reload (live), and knows the parameters of workers
// only as package workerconf's tables.
package proxy
