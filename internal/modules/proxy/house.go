package proxy

import (
	"path/filepath"
	"slices"
	"sync"
	"time"

	"sallyport/internal/backend"
	"sallyport/internal/backend/h2"
	"sallyport/internal/backend/http"
	"sallyport/internal/backend/pool"
	"sallyport/internal/balancer"
	"sallyport/internal/health/checker"
	"sallyport/internal/live"
	"sallyport/internal/manager"
	"sallyport/internal/module"
	"sallyport/internal/modules/core"
)

// house is what the room uses of the world around a configuration.
type house struct {
	live    *live.Registry
	pools   *pool.Registry // nil with -t: nothing is opened
	modules []string
	schemes map[string]scheme
	runtime string // DefaultRuntimeDir
	test    bool
	targets map[backend.Target]bool // of the configuration's workers
	stray   strays
	prober  *prober
	checks  *checks
	health  *checker.Checker
	explain explain
	rosters []*roster // of all balancers with members of their own
	methods map[string]func() balancer.Method
	manager *manager.Manager // of the process
}

// scheme says which module serves a URL scheme, under which name on the wire,
// over which transport, and whether TLS is below.
type scheme struct {
	module    string
	wire      string
	transport backend.Transport
	secure    bool
}

var schemes = map[string]scheme{
	"http":    {"proxy_http_module", "http", &http.Transport{}, false},
	"ws":      {"proxy_http_module", "http", &http.Transport{}, false},
	"https":   {"proxy_http_module", "https", &http.Transport{}, true},
	"wss":     {"proxy_http_module", "https", &http.Transport{}, true},
	"h2c":     {"proxy_http2_module", "h2c", &h2.Transport{}, false},
	"h2+http": {"proxy_http_module", "https", &h2.Transport{}, true}, // with protocols=
	"h2":      {"proxy_http2_module", "h2", &h2.Transport{}, true},
}

func newHouse(b *module.Build) *house {
	h := &house{live: b.Env.Live, pools: b.Env.Pools, health: b.Env.Health, modules: b.Config.Modules, schemes: schemes, targets: map[backend.Target]bool{}, test: b.Env.Test, methods: b.Methods, manager: b.Env.Manager}
	h.runtime = filepath.Join(b.Config.Root, "logs")
	if p := core.Process.Of(b.Config.Main.Conf); p != nil && p.RuntimeDir.Is {
		h.runtime = p.RuntimeDir.V
	}
	if h.live == nil || h.test {
		h.live = live.NewRegistry() // to be thrown away
	}
	if h.manager == nil || h.test {
		h.manager = manager.New(h.live, time.Now)
	}
	return h
}

// loaded reports whether a module is loaded.
func (h *house) loaded(id string) bool { return slices.Contains(h.modules, id) }

// transport carries requests of a scheme; nil when no loaded module does.
func (h *house) transport(scheme string) backend.Transport {
	s, ok := h.schemes[scheme]
	if !ok || !h.loaded(s.module) {
		return nil
	}
	return s.transport
}

// wireScheme is the scheme of the connection: ws is http there.
func (h *house) wireScheme(scheme string) string {
	if s, ok := h.schemes[scheme]; ok {
		return s.wire
	}
	return scheme
}

// pool is where connections to a target are kept over reloads.
func (h *house) pool(t backend.Target) backend.Pool {
	if h.pools == nil || h.test {
		return nil
	}
	h.targets[t] = true
	if h.isSecure(t.Scheme) {
		return nil // made for the settings of the requests, see over
	}
	return h.pools.For(t)
}

// isSecure reports whether connections of a scheme are over TLS.
func (h *house) isSecure(scheme string) bool { return h.schemes[scheme].secure }

// settle is called when the configuration goes into service: connections to
// targets it does not name are closed.
func (h *house) settle() {
	if h.pools != nil {
		h.pools.Retain(h.targets)
	}
}

// strays are the pools of targets that only requests name (a host out of a
// regular expression). They keep no connections, and there may be any number
// of them: beyond maxStrays all are forgotten.
type strays struct {
	sync.Mutex
	reg   *pool.Registry
	names map[backend.Target]bool
}

const maxStrays = 1024

// loose is the pool of such a target.
func (h *house) loose(t backend.Target) backend.Pool {
	if h.pools == nil {
		return nil
	}
	s := &h.stray
	s.Lock()
	defer s.Unlock()
	if s.reg == nil || len(s.names) >= maxStrays {
		s.reg, s.names = pool.NewRegistry(h.pools.Watch), map[backend.Target]bool{}
		s.reg.Names = h.pools.Names
	}
	s.names[t] = true
	return s.reg.For(t)
}

// socket makes the path of a unix socket absolute.
func (h *house) socket(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(h.runtime, path)
}

// balances reports whether balancers work: mod_proxy_balancer is loaded.
func (h *house) balances() bool { return h.loaded("proxy_balancer_module") }

// noHandler is the log line for a URL that nothing serves.
const noHandler = "AH01144: No protocol handler was valid for the URL %s (scheme '%s'). " +
	"If you are using a DSO version of mod_proxy, make sure the proxy submodules are included in the configuration using LoadModule."
