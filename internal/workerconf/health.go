package workerconf

import (
	"fmt"
	"math"
	"strings"
	"time"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/health"
)

// Health are the hc… parameters of a member, of all members of a balancer, or
// of a ProxyHCTemplate.
type Health struct {
	Method   conf.Opt[string]        // upper case: NONE, TCP, GET, …
	Interval conf.Opt[time.Duration] // 100 ms or more; default 30 s
	Passes   conf.Opt[int]
	Fails    conf.Opt[int]
	URI      conf.Opt[string]
	Expr     conf.Opt[string] // name of a ProxyHCExpr

	// What httpd lacks.
	Timeout   conf.Opt[time.Duration] // of the whole check
	Fast      conf.Opt[time.Duration] // hcfastinterval
	Jitter    conf.Opt[int]           // per cent
	Host      conf.Opt[string]
	Port      conf.Opt[int]
	Header    conf.Opt[string] // fields, one a line
	Body      conf.Opt[string]
	Expect    conf.Opt[string] // requirements, one a line
	SlowStart conf.Opt[time.Duration]
	Mandatory conf.Opt[bool]
	Agent     conf.Opt[bool]
}

// Defaults of health checks.
const (
	DefaultHealthInterval = 30 * time.Second
	DefaultHealthJitter   = 10 // per cent
)

// Under lays what is set for all members of a balancer under what is set for
// one.
func (h *Health) Under(all *Health) Health { return *conf.Overlay(all, h) }

// Words lists the method's names: what hcmethod, and an operator, may say.
func HealthMethods() []string { return health.Methods() }

// Set reads one parameter of a ProxyHCTemplate, which knows only the hc…
// names.
func (h *Health) Set(k *Known, name, value string, pos diag.Position) (note string, err error) {
	if p := healthParam(name); p != nil {
		w := Worker{Health: *h}
		err = p.worker(&w, k, setting{value, pos, &note})
		*h = w.Health
		return note, err
	}
	return "", unknown(unknownHcheck, name, WorkerParams, BalancerParams, "balancers")
}

func healthParam(name string) *Param {
	for i := range WorkerParams {
		if p := &WorkerParams[i]; strings.HasPrefix(p.Name, "hc") && strings.EqualFold(p.Name, name) {
			return p
		}
	}
	return nil
}

func setHealth(f func(*Health, *Known, setting) error) func(*Worker, *Known, setting) error {
	return func(w *Worker, k *Known, s setting) error { return f(&w.Health, k, s) }
}

// healthMethod reads hcmethod.
//
// Unlike httpd: CPING needs no mod_proxy_ajp.
func healthMethod(h *Health, _ *Known, s setting) error {
	if m, ok := health.MethodOf(s.text); ok {
		h.Method = some(s, m.String())
		return nil
	}
	all := health.Methods()
	e := &diag.Err{Text: "Unknown method", Expected: "one of " + strings.Join(all, ", ")}
	if strings.EqualFold(s.text, "PROVIDER") {
		e.Text = fmt.Sprintf("Health check method %s not (yet) implemented", s.text)
	} else if n := near(strings.ToUpper(s.text), all); n != "" {
		e.Hint = "did you mean " + n + "?"
	}
	return e
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

func healthFast(h *Health, _ *Known, s setting) error {
	d, err := Interval(s.text, time.Second)
	if err != nil {
		return bad("Unparse-able hcfastinterval setting", intervalExample)
	}
	if d < 100*time.Millisecond {
		return bad("hcfastinterval must be 100ms or more", "100ms or more")
	}
	h.Fast = some(s, d)
	return nil
}

func healthTimeout(h *Health, _ *Known, s setting) error {
	return interval(s, &h.Timeout, time.Second, "hctimeout has wrong format", "hctimeout must be at least one millisecond")
}

func healthSlowStart(h *Health, _ *Known, s setting) error {
	return interval(s, &h.SlowStart, time.Second, "hcslowstart has wrong format", "hcslowstart must be at least one millisecond")
}

func healthPasses(h *Health, _ *Known, s setting) error {
	return ranged(s, &h.Passes, 0, math.MaxInt32-1, "Passes must be a positive value")
}

func healthFails(h *Health, _ *Known, s setting) error {
	return ranged(s, &h.Fails, 0, math.MaxInt32-1, "Fails must be a positive value")
}

func healthURI(h *Health, _ *Known, s setting) error {
	if strings.IndexFunc(s.text, func(r rune) bool { return r <= ' ' || r == 0x7f }) >= 0 {
		return bad("Health check uri must not hold blanks", "a path such as /health")
	}
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

// healthJitter reads hcjitter: On, Off or a percentage.
func healthJitter(h *Health, _ *Known, s setting) error {
	if on, ok := onOff(s.text); ok {
		h.Jitter = some(s, 0)
		if on {
			h.Jitter.V = DefaultHealthJitter
		}
		return nil
	}
	s.text = strings.TrimSuffix(s.text, "%")
	return ranged(s, &h.Jitter, 1, 90, "hcjitter must be On, Off or a percentage")
}

func healthHost(h *Health, _ *Known, s setting) error {
	if s.text == "" || strings.IndexFunc(s.text, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '/' }) >= 0 {
		return bad("hchost must be a host, with or without a port", "www.example.com")
	}
	h.Host = some(s, s.text)
	return nil
}

func healthPort(h *Health, _ *Known, s setting) error {
	return ranged(s, &h.Port, 1, 65535, "hcport must be a port")
}

func healthHeader(h *Health, _ *Known, s setting) error {
	if _, err := health.ParseHeader(s.text); err != nil {
		return parsed(err)
	}
	h.Header = joined(s, h.Header)
	return nil
}

func healthExpect(h *Health, _ *Known, s setting) error {
	if _, err := health.ParseExpect(s.text); err != nil {
		return parsed(err)
	}
	h.Expect = joined(s, h.Expect)
	return nil
}

// joined adds a line to those there are: the parameter may come several times.
func joined(s setting, before conf.Opt[string]) conf.Opt[string] {
	if before.V != "" && before.V != s.text {
		s.text = before.V + "\n" + s.text
	}
	return some(s, s.text)
}

func parsed(err error) error {
	if e, ok := err.(*health.Error); ok {
		return bad(e.Text, e.Expected)
	}
	return err
}

func healthBody(h *Health, _ *Known, s setting) error {
	return short(s, &h.Body, 1024, "hcbody length must be < %d characters")
}

func healthMandatory(h *Health, _ *Known, s setting) error {
	return flag(s, &h.Mandatory, false, "hcmandatory must be On|Off")
}

func healthAgent(h *Health, _ *Known, s setting) error {
	return flag(s, &h.Agent, false, "hcagent must be On|Off")
}

// Repeats reports whether a parameter may come several times on a line, each
// adding to those before; of others the last one holds.
func Repeats(name string) bool {
	return strings.EqualFold(name, "hcheader") || strings.EqualFold(name, "hcexpect")
}
