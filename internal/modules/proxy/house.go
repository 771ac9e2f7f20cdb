package proxy

import (
	"path/filepath"
	"slices"

	"sallyport/internal/backend"
	"sallyport/internal/backend/http"
	"sallyport/internal/backend/pool"
	"sallyport/internal/live"
	"sallyport/internal/module"
)

// house is what the room uses of the world around a configuration.
type house struct {
	live    *live.Registry
	pools   *pool.Registry // nil with -t: nothing is opened
	modules []string
	schemes map[string]scheme
	root    string
	test    bool
}

// scheme says which module serves a URL scheme, under which name on the wire,
// over which transport.
type scheme struct {
	module    string
	wire      string
	transport backend.Transport
}

var schemes = map[string]scheme{
	"http": {"proxy_http_module", "http", &http.Transport{}},
	"ws":   {"proxy_http_module", "http", &http.Transport{}},
}

func newHouse(b *module.Build) *house {
	h := &house{live: b.Env.Live, pools: b.Env.Pools, modules: b.Config.Modules, schemes: schemes, root: b.Config.Root, test: b.Env.Test}
	if h.live == nil || h.test {
		h.live = live.NewRegistry() // to be thrown away
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
	return h.pools.For(t)
}

// loose is a pool for a target that no line of the configuration names: it
// keeps nothing.
func (h *house) loose(t backend.Target) backend.Pool { return h.pool(t) }

// socket makes the path of a unix socket absolute.
func (h *house) socket(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(h.root, path)
}

// balances reports whether balancers work: mod_proxy_balancer is loaded.
func (h *house) balances() bool { return h.loaded("proxy_balancer_module") }

// noHandler is the log line for a URL that nothing serves.
const noHandler = "AH01144: No protocol handler was valid for the URL %s (scheme '%s'). " +
	"If you are using a DSO version of mod_proxy, make sure the proxy submodules are included in the configuration using LoadModule."
