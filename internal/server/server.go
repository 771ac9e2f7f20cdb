// Package server keeps the house running: it holds the snapshot that serves,
// opens and keeps listeners (listen.go), lets connections in (visit.go),
// replaces the configuration without dropping anything, and drains. It owns
// every long-lived goroutine: they start in Start or Reload and have ended when
// Stop returns.
package server

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"sallyport/internal/backend/pool"
	"sallyport/internal/certs"
	"sallyport/internal/chart"
	"sallyport/internal/errorlog"
	"sallyport/internal/front/h1"
	"sallyport/internal/front/h2"
	"sallyport/internal/front/h3"
	"sallyport/internal/health/checker"
	"sallyport/internal/heartbeat"
	"sallyport/internal/keeper"
	"sallyport/internal/live"
	"sallyport/internal/manager"
	"sallyport/internal/module"
	"sallyport/internal/snapshot"
	"sallyport/internal/tickets"
	"sallyport/internal/watch"
)

// Server is one running Sallyport. Make it with New.
type Server struct {
	Watch *watch.Watcher
	Pools *pool.Registry
	Live  *live.Registry
	// Certs are the managed certificates; its Start is for whoever knows that
	// the process has become the user it stays.
	Certs *certs.Manager
	// Manager is the desk at which balancers are edited.
	Manager *manager.Manager
	// Charts is the last hour of balancers' members.
	Charts *chart.Recorder
	// Heartbeats is what backends have told of themselves.
	Heartbeats *heartbeat.Board
	// Health carries out health checks of Live's workers.
	Health *checker.Checker
	// Keeper opens sockets and logs; nil: with the rights of this process. Set
	// before the first Env.
	Keeper *keeper.Keeper
	// Tickets are the keys of TLS session tickets.
	Tickets *tickets.Keys

	front    *h1.Front
	front2   *h2.Front
	front3   *h3.Front
	current  atomic.Pointer[snapshot.Snapshot]
	draining atomic.Bool
	visits   [16]visitShard
	gate     gate
	open     openConns
	board    board
	arrivals arrivals
	secrets  module.Secrets

	mu        sync.Mutex // for Start, Reload and Stop
	listeners map[string]*listener
	quic      map[string]*h3.Listener // beside listeners, under the same keys
	retiring  sync.WaitGroup          // also of tend
	stop      context.CancelFunc
	ctx       context.Context
}

// New makes a server that listens nowhere yet.
func New() (*Server, error) {
	w, err := watch.New()
	if err != nil {
		return nil, err
	}
	s := &Server{Watch: w, Pools: pool.NewRegistry(w), Live: live.NewRegistry(), Tickets: tickets.New(time.Now()), Charts: new(chart.Recorder), Heartbeats: new(heartbeat.Board), listeners: map[string]*listener{}, quic: map[string]*h3.Listener{}}
	s.board.started = time.Now()
	s.Health = checker.New()
	s.Manager = manager.New(s.Live, time.Now)
	s.Manager.SetLog(s.logEdit)
	s.Manager.SetCheck(s.Health.Now)
	s.Manager.SetCharts(s.Charts)
	s.front2 = &h2.Front{Watch: w}
	s.front3 = s.newFront3()
	s.front = &h1.Front{House: s, Watch: w, H2: s.front2.Serve}
	s.gate.full = func(limit int64) {
		s.Logf(errorlog.Error, "core", "AH00484: server reached MaxRequestWorkers setting (%d), consider raising the MaxRequestWorkers setting", limit)
	}
	s.Certs = certs.NewManager(func(l errorlog.Level, format string, args ...any) { s.Logf(l, "md", format, args...) })
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.retiring.Add(3)
	go s.tend()
	go func() {
		defer s.retiring.Done()
		s.Manager.Run(s.ctx)
	}()
	go func() {
		defer s.retiring.Done()
		s.Manager.Usher(s.ctx)
	}()
	return s, nil
}

// logEdit writes what the manager has to say into the error log.
func (s *Server) logEdit(warn bool, format string, args ...any) {
	level := errorlog.Notice
	if warn {
		level = errorlog.Warn
	}
	s.Logf(level, "proxy_balancer", format, args...)
}

// Env is what rooms may use of the process.
func (s *Server) Env() module.Env {
	return module.Env{Live: s.Live, Manager: s.Manager, Pools: s.Pools, Health: s.Health, Logs: s.Keeper, ReadFile: s.Keeper.ReadFile, Tickets: s.Tickets, Secrets: &s.secrets, Now: time.Now, Scoreboard: s, Charts: s.Charts, Heartbeats: s.Heartbeats, Certs: s.Certs}
}

// TestEnv is the Env of a check (-t): rooms may build, not open.
func TestEnv() module.Env {
	return module.Env{Test: true, Live: live.NewRegistry(), Pools: pool.NewRegistry(nil), Now: time.Now}
}

// Use puts a snapshot to work and listens where listens says: the first time
// as at start, later as a reload. workers is how many exchanges may be under way
// at once (MaxRequestWorkers); 0 leaves it to the machine's size. Either all of it happens or nothing: on an
// error the old snapshot serves on. Exchanges under way finish with the
// snapshot they began with; what it owns is closed after the last of them.
func (s *Server) Use(snap *snapshot.Snapshot, listens []Listen, workers int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining.Load() {
		return errors.New("use configuration: shutting down")
	}
	turn, err := s.openListeners(listens)
	if err != nil {
		return err
	}
	var quic []Listen
	for _, l := range listens {
		if l.wantsQUIC(snap.SpeaksQUIC) {
			quic = append(quic, l)
		}
	}
	fresh, err := s.openQUIC(quic)
	if err != nil {
		return errors.Join(append([]error{err}, turn.undo()...)...)
	}
	if err := snap.Open(); err != nil {
		s.Certs.Discard()
		for _, pc := range fresh {
			pc.Close()
		}
		return errors.Join(append([]error{err}, turn.undo()...)...)
	}
	s.Certs.Settle()
	old := s.current.Swap(snap)
	s.board.turns.Add(1)
	s.board.loaded.Store(time.Now().UnixNano())
	s.applyCapacity(workers)
	s.useListeners(listens, turn.fresh)
	s.useQUIC(quic, fresh)
	if old != nil {
		s.retiring.Add(1)
		go s.retire(old)
	}
	return nil
}

// retire closes a replaced snapshot once no visit uses it.
func (s *Server) retire(old *snapshot.Snapshot) {
	defer s.retiring.Done()
	for pause := 10 * time.Millisecond; s.inUse(old); pause = min(2*pause, time.Second) {
		select {
		case <-s.ctx.Done():
			if s.inUse(old) {
				return // the process ends, and what it has open with it
			}
		case <-time.After(pause):
		}
	}
	old.Close()
}

// CloseListeners lets no more connections in.
func (s *Server) CloseListeners() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.useListeners(nil, nil)
	s.stopQUIC()
}

// closeGrace is how long Stop waits for goroutines whose connections it closed.
const closeGrace = time.Second

// Stop ends the server: no new connections, idle ones closed. Exchanges under
// way and tunnels may finish until ctx is done; then they are cut off, and
// everything is closed.
func (s *Server) Stop(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining.Swap(true) {
		return
	}
	s.useListeners(nil, nil)
	s.stopQUIC()
	s.Certs.Stop()
	s.arrivals.stop()
	s.Manager.Close() // streams of events end
	// Again and again: a connection may have begun to wait just after.
	for s.drain(); s.countVisits() > 0 && ctx.Err() == nil; s.drain() {
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
	s.front.Close()
	s.front2.Close()
	s.front3.Close()
	for end := time.Now().Add(closeGrace); s.countVisits() > 0 && time.Now().Before(end); {
		time.Sleep(2 * time.Millisecond)
	}
	s.stop()
	s.Health.Stop()
	s.retiring.Wait()
	s.releaseQUIC()
	s.Pools.Close()
	if snap := s.current.Load(); snap != nil && s.countVisits() == 0 {
		snap.Close()
	}
	s.Watch.Close()
}

// drain asks the clients to go.
func (s *Server) drain() {
	s.front.Drain()
	s.front2.Drain()
	s.front3.Drain()
}
