package server

import (
	"crypto/tls"
	"errors"
	"sync"
	"sync/atomic"

	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/snapshot"
)

// visit is one client connection: which snapshot it uses just now, if any.
// The mark stands in the visit and not in a counter of the snapshot, so that
// many cores do not write to one place; a reload looks at all visits instead.
type visit struct {
	srv        *Server
	client     *exchange.Client
	using      atomic.Pointer[snapshot.Snapshot]
	addr       snapshot.Address // of the snapshot last used; the connection's goroutine
	shard      int
	stream     bool                 // of a stream: the connection is counted by its own visit
	slot       atomic.Pointer[slot] // nil until something is counted
	prev, next *visit               // under the shard's lock
}

type visitShard struct {
	sync.Mutex
	first   *visit
	count   int // of all visits, and of those that are streams'
	streams int
	ended   sums
}

// Admit implements exchange.House.
func (s *Server) Admit(c *exchange.Client) exchange.Visit {
	v := &visit{srv: s, client: c, shard: int(c.ID % uint64(len(s.visits)))}
	v.enlist()
	s.open.count.Add(1)
	return v
}

// Stream implements exchange.Visit.
func (v *visit) Stream(c *exchange.Client) exchange.Visit {
	sv := &visit{srv: v.srv, client: c, shard: v.shard, stream: true}
	sv.enlist()
	return sv
}

func (v *visit) enlist() {
	sh := &v.srv.visits[v.shard]
	sh.Lock()
	v.next = sh.first
	if v.next != nil {
		v.next.prev = v
	}
	sh.first = v
	sh.count++
	if v.stream {
		sh.streams++
	}
	sh.Unlock()
}

// Enter implements exchange.Visit.
func (v *visit) Enter() *exchange.ServerSettings {
	for {
		snap := v.srv.current.Load()
		v.using.Store(snap)
		// A reload between the two lines might have missed the mark.
		if v.srv.current.Load() == snap {
			if v.addr.Snapshot() != snap {
				v.addr = snap.At(v.client.Local)
			}
			return v.addr.Default().Core
		}
	}
}

// TLS implements exchange.Visit.
func (v *visit) TLS() *tls.Config { return v.addr.TLS() }

// Secured implements exchange.Visit.
func (v *visit) Secured(state tls.ConnectionState, err error) *exchange.TLS {
	srv := v.addr.Default()
	if err != nil {
		var bad *exchange.ClientCertificateError
		if errors.As(err, &bad) {
			srv.Log.Logf(errorlog.Error, "ssl", errorlog.Facts{Client: v.client.Addr}, "AH02039: Certificate Verification: Error: %v", bad.Err)
		}
		if srv.Log.Enabled("ssl", errorlog.Info) {
			srv.Log.Logf(errorlog.Info, "ssl", errorlog.Facts{Client: v.client.Addr},
				"AH02008: SSL library error 1 in handshake (server %s): %v", srv.Name, err)
		}
		return nil
	}
	if srv.Log.Enabled("ssl", errorlog.Debug) {
		srv.Log.Logf(errorlog.Debug, "ssl", errorlog.Facts{Client: v.client.Addr},
			"AH02041: Protocol: %s, Cipher: %s", tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite))
	}
	host := v.addr.TLSHost(state.ServerName)
	return &exchange.TLS{State: state, Host: host, Local: host.Leaf()}
}

// Serve implements exchange.Visit. Where as many exchanges are under way as
// there may be, it waits first.
func (v *visit) Serve(x *exchange.Exchange) {
	if !v.srv.gate.enter(v.shard, x.Down) {
		x.Aborted = true
		return
	}
	if v.srv.board.extended.Load() == 0 {
		v.addr.Serve(x)
	} else {
		sl := v.begin(x)
		v.addr.Serve(x)
		sl.end(x)
	}
	v.srv.gate.leave(v.shard)
}

// Refuse implements exchange.Visit.
func (v *visit) Refuse(x *exchange.Exchange, status int, why string) { v.addr.Refuse(x, status, why) }

// Logger implements exchange.Visit.
func (v *visit) Logger() *errorlog.Logger { return v.addr.Default().Log }

// Leave implements exchange.Visit.
func (v *visit) Leave() bool {
	v.using.Store(nil)
	return !v.srv.draining.Load()
}

// Bye implements exchange.Visit.
func (v *visit) Bye() {
	v.using.Store(nil)
	sh := &v.srv.visits[v.shard]
	sh.Lock()
	if v.prev != nil {
		v.prev.next = v.next
	} else {
		sh.first = v.next
	}
	if v.next != nil {
		v.next.prev = v.prev
	}
	sh.count--
	if v.stream {
		sh.streams--
	}
	sh.ended.add(v.slot.Load())
	sh.Unlock()
	if !v.stream {
		v.srv.open.gone()
	}
}

// inUse reports whether any exchange is under way with snap.
func (s *Server) inUse(snap *snapshot.Snapshot) bool {
	for i := range s.visits {
		sh := &s.visits[i]
		sh.Lock()
		for v := sh.first; v != nil; v = v.next {
			if v.using.Load() == snap {
				sh.Unlock()
				return true
			}
		}
		sh.Unlock()
	}
	return false
}

func (s *Server) countVisits() int {
	n := 0
	for i := range s.visits {
		s.visits[i].Lock()
		n += s.visits[i].count
		s.visits[i].Unlock()
	}
	return n
}
