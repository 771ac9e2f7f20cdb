package heartbeat

import (
	"maps"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// maxServers bounds what a Board remembers, whoever sends.
const maxServers = 4096

// Board holds the last report of each server. The zero Board is ready.
type Board struct {
	mu      sync.RWMutex
	reports map[string]Report

	sources sync.Mutex // held while a socket is opened; not while one is closed
	running map[string]*source
}

// source is a socket or a file that reports come from.
type source struct {
	users int
	stop  func() // waits for its goroutine
}

// Put pins a report up. limit is how many servers may be known (0: no special
// limit); it reports false where there is no room for another.
func (b *Board) Put(host string, r Report, limit int) bool {
	if limit == 0 || limit > maxServers {
		limit = maxServers
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, known := b.reports[host]; !known && len(b.reports) >= limit && !b.forget(r.Seen) {
		return false
	}
	if b.reports == nil {
		b.reports = map[string]Report{}
	}
	b.reports[host] = r
	return true
}

// forget drops those that were not heard of for long, to make room.
func (b *Board) forget(now time.Time) bool {
	before := len(b.reports)
	maps.DeleteFunc(b.reports, func(_ string, r Report) bool { return now.Sub(r.Seen) > 10*Stale })
	return len(b.reports) < before
}

// Get returns the last report of a host.
func (b *Board) Get(host string) (Report, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	r, ok := b.reports[host]
	return r, ok
}

// Listening reports whether datagrams are listened for.
func (b *Board) Listening() bool {
	b.sources.Lock()
	defer b.sources.Unlock()
	return len(b.running) > 0
}

// Monitor is what Listen does with reports.
type Monitor struct {
	// Addr is the UDP address; a multicast group is joined.
	Addr *net.UDPAddr
	// Limit is how many servers are remembered, 0: as many as come.
	Limit int
	// File, if set, is written every few seconds.
	File string
	// Log takes what goes wrong, from the goroutine of the source.
	Log func(err error, text string)
}

// Listen gathers reports until release is called, and reports are gathered as
// long as anybody who asked for the address has not released it.
func (b *Board) Listen(m Monitor) (release func(), err error) {
	return b.hold("udp "+m.Addr.String()+" "+m.File, func() (func(), error) {
		var conn *net.UDPConn
		var err error
		if m.Addr.IP.IsMulticast() {
			conn, err = net.ListenMulticastUDP("udp", nil, m.Addr)
		} else {
			conn, err = net.ListenUDP("udp", m.Addr)
		}
		if err != nil {
			return nil, err
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			b.receive(conn, m)
		}()
		return func() {
			conn.Close()
			<-done
		}, nil
	})
}

func (b *Board) hold(key string, start func() (stop func(), err error)) (release func(), err error) {
	b.sources.Lock()
	defer b.sources.Unlock()
	s := b.running[key]
	if s == nil {
		stop, err := start()
		if err != nil {
			return nil, err
		}
		s = &source{stop: stop}
		if b.running == nil {
			b.running = map[string]*source{}
		}
		b.running[key] = s
	}
	s.users++
	return sync.OnceFunc(func() {
		b.sources.Lock()
		s.users--
		last := s.users == 0
		if last {
			delete(b.running, key)
		}
		b.sources.Unlock()
		if last {
			s.stop()
		}
	}), nil
}

// receive takes datagrams until conn is closed.
func (b *Board) receive(conn *net.UDPConn, m Monitor) {
	buf := make([]byte, 1500)
	written := time.Now()
	for {
		conn.SetReadDeadline(time.Now().Add(time.Second))
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		now := time.Now()
		if err == nil {
			r, err := Parse(string(buf[:n]))
			r.Seen = now
			host := from.Addr().Unmap().WithZone("").String()
			switch {
			case err != nil:
				m.Log(nil, "AH02087: malformed message from "+from.String())
			case !b.Put(host, r, m.Limit):
				m.Log(nil, "no room for the heartbeats of "+host+": HeartbeatMaxServers")
			}
		} else if ne, ok := err.(net.Error); !ok || !ne.Timeout() {
			return
		}
		if m.File != "" && now.Sub(written) >= 5*time.Second {
			written = now
			if err := b.write(m.File, now); err != nil {
				m.Log(err, "AH02085: Unable to write heartbeats to "+m.File)
			}
		}
	}
}

// write replaces the file by one with the present reports.
func (b *Board) write(path string, now time.Time) error {
	b.mu.RLock()
	text := file(b.reports, now)
	b.mu.RUnlock()
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".tmp.*")
	if err != nil {
		return err
	}
	_, err = tmp.WriteString(text)
	if e := tmp.Chmod(0o644); err == nil {
		err = e
	}
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		os.Remove(tmp.Name())
	}
	return err
}

// Followed is the content of a file that somebody else writes, read once a
// second while it is held.
type Followed struct {
	reports atomic.Pointer[map[string]Report]
}

// Get returns the report of a host as the file has it.
func (f *Followed) Get(host string) (Report, bool) {
	m := f.reports.Load()
	if m == nil {
		return Report{}, false
	}
	r, ok := (*m)[host]
	return r, ok
}

// Follow reads path now and then once a second until stop is called. log takes
// the error where it can't be read, once until it can be again.
func Follow(path string, log func(err error)) (f *Followed, stop func()) {
	f = &Followed{}
	failed := false
	look := func() {
		text, err := os.ReadFile(path)
		if err != nil {
			f.reports.Store(nil)
			if !failed {
				log(err)
			}
			failed = true
			return
		}
		failed = false
		m := ParseFile(string(text), time.Now())
		f.reports.Store(&m)
	}
	look()
	stop = every(time.Second, look)
	return f, stop
}

// Announce sends busy and ready to addr once a second until stop is called. Like
// a heartbeat it is not repeated when it got lost.
func Announce(addr *net.UDPAddr, state func() (busy, ready int)) (stop func(), err error) {
	conn, err := net.DialUDP("udp", nil, addr)
	if err != nil {
		return nil, err
	}
	end := every(time.Second, func() {
		busy, ready := state()
		conn.Write(Datagram(busy, ready))
	})
	return func() {
		end()
		conn.Close()
	}, nil
}

// every calls do again and again until stop is called, which waits for it.
func every(d time.Duration, do func()) (stop func()) {
	ticker := time.NewTicker(d)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		defer ticker.Stop()
		for {
			select {
			case <-quit:
				return
			case <-ticker.C:
				do()
			}
		}
	}()
	return sync.OnceFunc(func() {
		close(quit)
		<-done
	})
}
