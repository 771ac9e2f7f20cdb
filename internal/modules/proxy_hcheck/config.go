// Package proxy_hcheck is the room of mod_proxy_hcheck: the directives that give
// names to conditions (ProxyHCExpr) and to sets of hc… parameters
// (ProxyHCTemplate), for the members further down to use.
//
// # To the newcomer
//
// That the module is loaded makes the hc… parameters of BalancerMember, ProxySet
// and <Proxy> work. They are rows of package workerconf; the room proxy reads
// them and asks this one what a name stands for (Names). What a check sends and
// what an answer means is package health's, asking is health/checker's.
package proxy_hcheck

import (
	"strings"

	"sallyport/internal/conf"
	"sallyport/internal/conf/syntax"
	"sallyport/internal/diag"
	"sallyport/internal/expr"
	"sallyport/internal/health"
	"sallyport/internal/module"
	"sallyport/internal/workerconf"
)

// Room is mod_proxy_hcheck.
var Room = module.Room{
	Name: "proxy_hcheck",
	Directives: []conf.Directive{
		{Name: "ProxyHCExpr", In: conf.Anywhere, Args: conf.Raw, Set: setExpr,
			Help: "Define a health check condition ruleset expression"},
		{Name: "ProxyHCTemplate", In: conf.Anywhere, Args: conf.Raw, Set: setTemplate,
			Help: "Define a health check template"},
		{Name: "ProxyHCTPsize", In: conf.InServer, Args: conf.One, Set: key.Do(setSize),
			Help: "Set size of health check thread pool"},
	},
}

// serverConf is what one server or virtual host defines; the maps are by name.
type serverConf struct {
	Conds     map[string]*expr.Cond
	Templates map[string]workerconf.Health
	Size      conf.Opt[int]
}

var key = conf.NewServerKey[serverConf]("proxy_hcheck")

// maxName is how long the name of an expression may be.
const maxName = 15

func setExpr(c *conf.Cmd, args []string) error {
	name, rest := syntax.Word(args[0])
	switch {
	case len(name) > maxName:
		return &diag.Err{Text: "Expression name limited to 15 characters", Word: 1}
	case rest == "":
		return &diag.Err{Text: "Missing expression for ProxyHCExpr", Expected: "a name and {an expression}"}
	}
	text, more := braced(rest)
	if more != "" {
		return &diag.Err{Text: "error: extra parameter(s)", Expected: "one expression in braces, {" + text + "}"}
	}
	cond, err := health.ParseCond(text)
	if err != nil {
		return expr.Diag(err, text, `Could not parse expression "`+text+`": `, 2)
	}
	s := key.In(c)
	if s.Conds == nil {
		s.Conds = map[string]*expr.Cond{}
	}
	s.Conds[name] = cond
	return nil
}

// braced takes a word off s that may stand in braces, which nest
// (ap_getword_conf2).
func braced(s string) (word, rest string) {
	if !strings.HasPrefix(s, "{") {
		return syntax.Word(s)
	}
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return s[1:i], strings.TrimLeft(s[i+1:], " \t")
			}
		}
	}
	return s[1:], ""
}

func setTemplate(c *conf.Cmd, args []string) error {
	words := syntax.Words(args[0])
	if len(words) == 0 {
		return &diag.Err{Text: "Missing template for ProxyHCTemplate", Expected: "a name and parameters, such as hcmethod=GET hcinterval=5"}
	}
	name := words[0]
	known := NamesOf(c).Known()
	var h workerconf.Health
	for i, w := range words[1:] {
		k, v, ok := workerconf.Split(w)
		if !ok {
			return &diag.Err{Text: "Invalid ProxyHCTemplate parameter. Parameter must be in the form 'key=value'", Expected: "key=value", Word: i + 2}
		}
		note, err := h.Set(known, k, v, c.Pos)
		if err != nil {
			return workerconf.Complaint("ProxyHCTemplate: ", err, " "+w+"; "+name)
		}
		if note != "" {
			c.Warn(note, "")
		}
	}
	if !h.Method.Is {
		h.Method = conf.Some(c, health.TCP.String())
	}
	s := key.In(c)
	if s.Templates == nil {
		s.Templates = map[string]workerconf.Health{}
	}
	s.Templates[name] = h
	return nil
}

func setSize(c *conf.Cmd, s *serverConf, args []string) error {
	digits := 0
	for digits < len(args[0]) && '0' <= args[0][digits] && args[0][digits] <= '9' {
		digits++
	}
	n := 0
	for _, d := range []byte(args[0][:digits]) {
		n = min(n*10+int(d-'0'), 1<<20)
	}
	if strings.HasPrefix(args[0], "-") {
		return &diag.Err{Text: "Invalid ProxyHCTPsize parameter. Parameter must be >= 0", Word: 1}
	}
	if digits < len(args[0]) {
		c.Warn("ProxyHCTPsize "+args[0]+" is no number", "")
	}
	s.Size = conf.Some(c, n)
	return nil
}
