package workerconf

import (
	"fmt"
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

// readHealthMethod reads hcmethod.
//
// Unlike httpd: CPING needs no mod_proxy_ajp.
func readHealthMethod(_ *Known, s setting) (string, error) {
	if m, ok := health.MethodOf(s.text); ok {
		return m.String(), nil
	}
	all := health.Methods()
	e := &diag.Err{Text: "Unknown method", Expected: "one of " + strings.Join(all, ", ")}
	if strings.EqualFold(s.text, "PROVIDER") {
		e.Text = fmt.Sprintf("Health check method %s not (yet) implemented", s.text)
	} else if n := near(strings.ToUpper(s.text), all); n != "" {
		e.Hint = "did you mean " + n + "?"
	}
	return "", e
}

func readHealthURI(_ *Known, s setting) (string, error) {
	switch {
	case strings.IndexFunc(s.text, func(r rune) bool { return r <= ' ' || r == 0x7f }) >= 0:
		return "", bad("Health check uri must not hold blanks", "a path such as /health")
	case len(s.text) >= 64:
		return "", bad("Health check uri length must be < 64 characters", "at most 63 characters")
	}
	return s.text, nil
}

func readHealthExpr(k *Known, s setting) (string, error) {
	if k.Condition != nil && !k.Condition(s.text) {
		return "", bad("Unknown health check condition expr: "+s.text, "a name given by ProxyHCExpr further up")
	}
	return s.text, nil
}

func readHealthHost(_ *Known, s setting) (string, error) {
	if s.text == "" || strings.IndexFunc(s.text, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '/' }) >= 0 {
		return "", bad("hchost must be a host, with or without a port", "www.example.com")
	}
	return s.text, nil
}

// setTemplate takes over what a template sets; later words override it again.
func setTemplate(h *Health, k *Known, s setting) error {
	if k.Template == nil {
		return nil
	}
	t, ok := k.Template(s.text)
	if !ok {
		return bad("Unknown ProxyHCTemplate name: "+s.text, "a name given by ProxyHCTemplate further up")
	}
	*h = *conf.Overlay(h, &t)
	return nil
}

func parsed(err error) error {
	if e, ok := err.(*health.Error); ok {
		return bad(e.Text, e.Expected)
	}
	return err
}

// Repeats reports whether a parameter may come several times on a line, each
// adding to those before; of others the last one holds.
func Repeats(name string) bool {
	return strings.EqualFold(name, "hcheader") || strings.EqualFold(name, "hcexpect")
}
