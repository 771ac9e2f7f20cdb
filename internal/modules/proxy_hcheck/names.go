package proxy_hcheck

import (
	"sallyport/internal/conf"
	"sallyport/internal/expr"
	"sallyport/internal/module"
	"sallyport/internal/workerconf"
)

// Names knows what the names of templates and conditions stand for in one
// server, as far as the text has been read.
type Names struct{ own, main *conf.Vector }

// NamesOf returns the names of the server a directive stands in.
//
// Unlike httpd: a virtual host knows the main server's too.
func NamesOf(c *conf.Cmd) *Names {
	s := c.Scope
	for s.Outer != nil {
		s = s.Outer
	}
	return &Names{own: c.Scope.Server, main: s.Server}
}

// Template finds a ProxyHCTemplate.
func (n *Names) Template(name string) (workerconf.Health, bool) {
	for _, v := range []*conf.Vector{n.own, n.main} {
		if s := key.Of(*v); s != nil {
			if t, ok := s.Templates[name]; ok {
				return t, true
			}
		}
	}
	return workerconf.Health{}, false
}

// Cond finds the condition of a ProxyHCExpr; nil: there is none of that name.
func (n *Names) Cond(name string) *expr.Cond {
	for _, v := range []*conf.Vector{n.own, n.main} {
		if s := key.Of(*v); s != nil && s.Conds[name] != nil {
			return s.Conds[name]
		}
	}
	return nil
}

// Known is what hc… parameters may ask.
func (n *Names) Known() *workerconf.Known {
	return &workerconf.Known{
		Hcheck:    true,
		Template:  n.Template,
		Condition: func(name string) bool { return n.Cond(name) != nil },
	}
}

// Limit is how many checks may be under way at a time; 0: no limit.
//
// Unlike httpd: without ProxyHCTPsize there is none, so that members that hang
// do not keep others from being checked.
func Limit(b *module.Build) int {
	if s := key.Of(b.Config.Main.Conf); s != nil && s.Size.Is {
		return max(s.Size.V, 1)
	}
	return 0
}

// Conditions lists the expressions a server defines, by name, as written: for
// the balancer-manager.
func Conditions(v conf.Vector) map[string]string {
	s := key.Of(v)
	if s == nil {
		return nil
	}
	out := make(map[string]string, len(s.Conds))
	for name, c := range s.Conds {
		out[name] = c.String()
	}
	return out
}
