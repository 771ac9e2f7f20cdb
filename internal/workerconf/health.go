package workerconf

import (
	"fmt"
	"strings"
	"time"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
)

// Health are the hc… parameters of a member, or of a ProxyHCTemplate.
type Health struct {
	Method   conf.Opt[string]        // upper case: NONE, TCP, GET, …
	Interval conf.Opt[time.Duration] // 100 ms or more; default 30 s
	Passes   conf.Opt[int]
	Fails    conf.Opt[int]
	URI      conf.Opt[string]
	Expr     conf.Opt[string] // name of a ProxyHCExpr
}

// DefaultHealthInterval is hcinterval's default.
const DefaultHealthInterval = 30 * time.Second

var (
	healthMethods = []string{"NONE", "TCP", "OPTIONS", "HEAD", "GET", "OPTIONS11", "HEAD11", "GET11"}
	// Names httpd knows and refuses; CPING comes with the AJP module.
	healthRefused = []string{"CPING", "PROVIDER"}
)

// Set reads one parameter of a ProxyHCTemplate, which knows only the hc…
// names.
func (h *Health) Set(k *Known, name, value string, pos diag.Position) (note string, err error) {
	for i := range WorkerParams {
		p := &WorkerParams[i]
		if strings.HasPrefix(p.Name, "hc") && strings.EqualFold(p.Name, name) {
			w := Worker{Health: *h}
			err = p.worker(&w, k, setting{value, pos, &note})
			*h = w.Health
			return note, err
		}
	}
	return "", unknown(unknownHcheck, name, WorkerParams, BalancerParams, "balancers")
}

func setHealth(f func(*Health, *Known, setting) error) func(*Worker, *Known, setting) error {
	return func(w *Worker, k *Known, s setting) error { return f(&w.Health, k, s) }
}

func healthMethod(h *Health, _ *Known, s setting) error {
	for _, m := range healthMethods {
		if strings.EqualFold(m, s.text) {
			h.Method = some(s, m)
			return nil
		}
	}
	for _, m := range healthRefused {
		if strings.EqualFold(m, s.text) {
			return bad(fmt.Sprintf("Health check method %s not (yet) implemented", s.text), "one of "+strings.Join(healthMethods, ", "))
		}
	}
	return bad("Unknown method", "one of "+strings.Join(healthMethods, ", "))
}

func healthInterval(h *Health, _ *Known, s setting) error {
	d, err := Interval(s.text, time.Second)
	if err != nil {
		return bad("Unparse-able hcinterval setting", intervalExample)
	}
	if d < 100*time.Millisecond {
		return bad("Interval must be a positive value greater than 100ms", "100ms or more")
	}
	h.Interval = some(s, d)
	return nil
}

func healthPasses(h *Health, _ *Known, s setting) error {
	return ranged(s, &h.Passes, 0, 1<<31-2, "Passes must be a positive value")
}

func healthFails(h *Health, _ *Known, s setting) error {
	return ranged(s, &h.Fails, 0, 1<<31-2, "Fails must be a positive value")
}

func healthURI(h *Health, _ *Known, s setting) error {
	return short(s, &h.URI, 64, "Health check uri length must be < %d characters")
}

func healthExpr(h *Health, k *Known, s setting) error {
	if k.Condition != nil && !k.Condition(s.text) {
		return bad("Unknown health check condition expr: "+s.text, "a name given by ProxyHCExpr further up")
	}
	h.Expr = some(s, s.text)
	return nil
}

func healthTemplate(h *Health, k *Known, s setting) error {
	if k.Template == nil {
		return nil
	}
	t, ok := k.Template(s.text)
	if !ok {
		return bad("Unknown ProxyHCTemplate name: "+s.text, "a name given by ProxyHCTemplate further up")
	}
	*h = *conf.Overlay(h, &t) // what the template sets; later words override it again
	return nil
}
