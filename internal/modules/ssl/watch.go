package ssl

import (
	"context"
	"os"
	"sync"
	"time"

	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
)

// lookEvery is how often the files of certificates are looked at.
const lookEvery = 10 * time.Second

// watcher looks after the certificates of one configuration while it serves:
// newer files replace what was read, OCSP responses are renewed.
type watcher struct {
	holders []*holder
	log     *exchange.Server // whose error log it writes to
	stop    context.CancelFunc
	done    sync.WaitGroup
	every   time.Duration
}

func newWatcher(bd *builder) *watcher {
	w := &watcher{log: bd.b.Servers[0].Server, every: lookEvery}
	for _, h := range bd.holders {
		if h.current.Load() != nil {
			w.holders = append(w.holders, h)
		}
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
			if now := stampOf(h); now != h.stamp || !now.known {
				w.look(h)
			}
		}
	}
}

// stamp tells a file from a newer one without reading it. known is false where
// this process may not look.
type stamp struct {
	known   bool
	changed [3]time.Time
	size    [3]int64
}

func stampOf(h *holder) (s stamp) {
	s.known = true
	for i, path := range []string{h.cert, h.key, h.chain} {
		if path == "" {
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			s.known = false
			continue
		}
		s.changed[i], s.size[i] = info.ModTime(), info.Size()
	}
	return s
}

// look reads the files of h again. What was read before stays where they are
// not whole, as between the writing of a key and that of its certificate.
func (w *watcher) look(h *holder) {
	before := h.state
	err := h.load()
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

func (w *watcher) logf(l errorlog.Level, format string, args ...any) {
	w.log.Log.Logf(l, "ssl", errorlog.Facts{}, format, args...)
}
