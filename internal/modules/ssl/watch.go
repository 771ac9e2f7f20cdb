package ssl

import (
	"context"
	"os"
	"sync"
	"time"

	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/module"
)

// lookEvery is how often files are looked at.
const lookEvery = 10 * time.Second

// watcher looks after the files of one configuration while it serves: newer ones
// replace what was read, OCSP responses are renewed.
type watcher struct {
	holders []*holder
	sources []changing
	fronts  []*front
	read    func(string) ([]byte, error)
	log     *exchange.Server // whose error log it writes to
	stop    context.CancelFunc
	done    sync.WaitGroup
	every   time.Duration
}

// newWatcher makes one; nil where there is nothing to look after.
func newWatcher(bd *builder) *watcher {
	w := &watcher{log: bd.b.Servers[0].Server, every: lookEvery, sources: proxySources(bd.b), fronts: bd.front, read: bd.read}
	for _, h := range bd.holders {
		if h.current.Load() != nil {
			w.holders = append(w.holders, h)
		}
	}
	for _, s := range bd.cas {
		w.sources = append(w.sources, s)
	}
	for _, s := range bd.crls {
		w.sources = append(w.sources, s)
	}
	if len(w.holders)+len(w.sources) == 0 {
		return nil
	}
	return w
}

func (w *watcher) start() {
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	w.done.Add(1)
	go w.run(ctx)
}

func (w *watcher) close() {
	w.stop()
	w.done.Wait()
}

func (w *watcher) run(ctx context.Context) {
	defer w.done.Done()
	t := time.NewTicker(w.every)
	defer t.Stop()
	for {
		w.renew(ctx)
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		for _, h := range w.holders {
			if now := stampOf(h.cert, h.key, h.chain); now != h.stamp || !now.known {
				w.look(h)
			}
		}
		changed := false
		for _, s := range w.sources {
			changed = w.lookAt(s) || changed
		}
		if changed {
			for _, f := range w.fronts {
				f.nameAuthorities()
			}
		}
	}
}

// look reads the files of h again. What was read before stays where they are
// not whole, as between the writing of a key and that of its certificate.
func (w *watcher) look(h *holder) {
	before := h.state
	err := h.load()
	h.secrets.close()
	switch {
	case h.state == before:
	case err != nil:
		w.logf(errorlog.Warn, "%s has changed and is not used: %v", h.cert, err)
	default:
		if h.staple != nil {
			h.staple.next = time.Time{}
		}
		w.logf(errorlog.Notice, "%s: a new certificate is used, valid until %s", h.cert, h.leaf().NotAfter.UTC().Format(time.DateTime))
	}
}

// lookAt is the same for authorities and revocation lists.
func (w *watcher) lookAt(s changing) bool {
	changed, err := s.look(w.read)
	switch {
	case !changed:
	case err != nil:
		w.logf(errorlog.Warn, "%s has changed and is not used: %v", s.name(), err)
	default:
		w.logf(errorlog.Notice, "%s has changed: what it holds now counts", s.name())
		return true
	}
	return false
}

func (w *watcher) logf(l errorlog.Level, format string, args ...any) {
	w.log.Log.Logf(l, "ssl", errorlog.Facts{}, format, args...)
}

// readerOf is how the files of a configuration are read.
func readerOf(b *module.Build) func(string) ([]byte, error) {
	if b.Env.ReadFile != nil {
		return b.Env.ReadFile
	}
	return os.ReadFile
}
