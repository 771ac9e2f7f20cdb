package proxy

import (
	"sallyport/internal/backend"
	"sallyport/internal/balancer"
	"sallyport/internal/exchange"
	"sallyport/internal/fault"
)

// record is what the room keeps about one exchange between its hooks: the
// alias that took it, the target as the wire spells it, the request as the
// backend is to get it. It lives in Exchange.Proxy, belongs to the exchange's
// goroutine and is used again by the exchange's next life.
type record struct {
	clean bool // nothing of an exchange is in it
	trip

	req  backend.Request
	pick balancer.Pick
	vars []balancer.Var
}

// trip is what a record does not keep the memory of.
type trip struct {
	site  *site
	route *route           // nil: mapped by somebody else (RewriteRule, SetHandler)
	made  exchange.Mapping // x.Mapped as it was when the record was made
	// raw: the path is as received (nocanon); encoded: it was never decoded
	// (mapping=).
	raw, encoded bool
	// authority is the length of scheme://host[:port] in the URL; -1 when it
	// must be read from there.
	authority int
	socket    string // "unix:/path|" that stood in front of url
	// path is what the backend is asked for, without a balancer member's own
	// path in front; query follows it.
	path     string
	query    string
	hasQuery bool
	// refuse is the status that phase Fixup ends the exchange with; 0: none.
	refuse int

	to      *link        // the worker it was last directed at
	upgrade string       // the client's Upgrade, if it may be passed on
	expects bool         // the client sent Expect: 100-continue
	fault   *fault.Fault // of the last attempt, before its answer began
	paced   bool         // the balancer wants to know when the answer began
}

// recordOf gives the exchange a fresh record.
func recordOf(x *exchange.Exchange) *record {
	rec, ok := x.Proxy.(*record)
	if !ok {
		rec = new(record)
		x.Proxy = rec
	}
	if !rec.clean {
		rec.reset()
	}
	rec.clean = false
	return rec
}

// reset forgets the exchange but keeps the memory.
func (rec *record) reset() {
	h := rec.req.Header
	h.Reset()
	rec.req = backend.Request{}
	rec.req.Header = h
	rec.pick.Reset()
	clear(rec.vars)
	rec.vars = rec.vars[:0]
	rec.trip = trip{}
	rec.authority = -1
	rec.clean = true
}

// URL is what a backend was asked for last; "" before any was. For the log.
func (rec *record) URL() string {
	if rec.to == nil {
		return ""
	}
	r := &rec.req
	url := rec.to.scheme + "://" + rec.to.host + r.Prefix + r.Path
	if r.HasQuery {
		url += "?" + r.Query
	}
	return url
}

// Recycle forgets the exchange when it ends; the record stays with it in the
// pool.
func (rec *record) Recycle() {
	if !rec.clean {
		rec.reset()
	}
}
