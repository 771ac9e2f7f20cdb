// Package access_compat is mod_access_compat: Order, Allow, Deny and Satisfy of
// httpd 2.2, which a sixth of real configurations still have.
//
// It asks before authz_core does. With Satisfy Any a client that it lets in
// need not answer to Require (exchange.Satisfied); one that it would refuse is
// left to Require.
package access_compat

import (
	"errors"
	"strings"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/hosts"
	"sallyport/internal/module"
)

const within = conf.Sections | conf.InHtaccess

// Room declares mod_access_compat. The names are spelled as httpd's messages
// have them.
var Room = module.Room{
	Name: "access_compat",
	Directives: []conf.Directive{
		{Name: "order", In: within, Args: conf.One, Set: dir.Do(setOrder),
			Help: "'allow,deny', 'deny,allow', or 'mutual-failure'"},
		{Name: "allow", In: within, Args: conf.FirstEach, Set: dir.Do(func(c *conf.Cmd, d *dirConf, args []string) error {
			return addTest(c, &d.Allow, args)
		}), Help: "'from' followed by hostnames or IP-address wildcards"},
		{Name: "deny", In: within, Args: conf.FirstEach, Set: dir.Do(func(c *conf.Cmd, d *dirConf, args []string) error {
			return addTest(c, &d.Deny, args)
		}), Help: "'from' followed by hostnames or IP-address wildcards"},
		{Name: "Satisfy", In: within, Args: conf.One, Set: dir.Do(setSatisfy),
			Help: "access policy if both allow and require used ('all' or 'any')"},
	},
	Compile: compile,
}

// dirConf is what one section says. The directives of an inner section replace
// those of the outer ones altogether.
type dirConf struct {
	Order   []choice // true: allow,deny; the last for a method counts
	Satisfy []choice // true: any
	Allow   []test
	Deny    []test
}

var dir = func() *conf.Key[dirConf] {
	k := conf.NewDirKey[dirConf]("access_compat")
	k.Merge = func(_, inner *dirConf) *dirConf { return inner }
	return k
}()

// choice is a setting for the methods of its <Limit>.
type choice struct {
	methods *conf.MethodSet // nil: all
	yes     bool
}

// chosen gives the last choice for a method; def when there is none.
func chosen(list []choice, method string, def bool) bool {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].methods.Has(method) {
			return list[i].yes
		}
	}
	return def
}

// testKind says what a word behind Allow from looks at.
type testKind uint8

const (
	everybody testKind = iota
	address
	domain
	envSet
	envUnset
)

// test is one word behind Allow from or Deny from.
type test struct {
	kind    testKind
	word    string // the domain or variable
	net     hosts.Net
	methods *conf.MethodSet
}

func setOrder(c *conf.Cmd, d *dirConf, args []string) error {
	var allowFirst bool
	switch strings.ToLower(args[0]) {
	case "allow,deny", "mutual-failure":
		allowFirst = true
	case "deny,allow":
	default:
		return &diag.Err{Text: "unknown order", Expected: "'allow,deny', 'deny,allow', or 'mutual-failure'", Word: 1}
	}
	d.Order = append(d.Order, choice{c.Methods, allowFirst})
	return nil
}

func setSatisfy(c *conf.Cmd, d *dirConf, args []string) error {
	word := strings.ToLower(args[0])
	if word != "any" && word != "all" {
		return &diag.Err{Text: "Satisfy either 'any' or 'all'.", Expected: "any or all", Word: 1}
	}
	d.Satisfy = append(d.Satisfy, choice{c.Methods, word == "any"})
	return nil
}

func addTest(c *conf.Cmd, list *[]test, args []string) error {
	if !strings.EqualFold(args[0], "from") {
		return &diag.Err{Text: "allow and deny must be followed by 'from'", Expected: "from", Word: 1}
	}
	t, err := parseTest(args[1])
	if err != nil {
		return &diag.Err{Text: err.Error(), Word: 2}
	}
	t.methods = c.Methods
	*list = append(*list, t)
	return nil
}

func parseTest(word string) (test, error) {
	if len(word) >= 4 && strings.EqualFold(word[:4], "env=") {
		if name, not := strings.CutPrefix(word[4:], "!"); not {
			return test{kind: envUnset, word: name}, nil
		}
		return test{kind: envSet, word: word[4:]}, nil
	}
	if strings.EqualFold(word, "all") {
		return test{kind: everybody}, nil
	}
	n, err := hosts.ParseNet(word)
	switch {
	case err == nil:
		return test{kind: address, net: n}, nil
	case err != hosts.ErrNotIP || strings.Contains(word, "/"):
		return test{}, err
	case strings.Contains(word, "#"):
		return test{}, errors.New("No comments are allowed here")
	}
	return test{kind: domain, word: word}, nil
}
