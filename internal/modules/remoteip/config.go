// Package remoteip is mod_remoteip: who the client really is, told by the
// proxies in front, in a field of the request or before the connection's first
// byte.
//
// # To the newcomer
//
// config.go reads the directives and settles them per server; hooks.go has the
// one hook, in phase Read, that peels a field from the right as far as its
// words can be trusted. The PROXY protocol itself is read by the server, before
// TLS and HTTP (server/arrive.go, wire/proxyproto): this room only says where.
package remoteip

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/hosts"
	"sallyport/internal/module"
)

// Room is mod_remoteip.
var Room = module.Room{
	Name:       "remoteip",
	Directives: directives,
	Compile:    compile,
}

// serverConf is the room's configuration of one server.
type serverConf struct {
	Header, ProxiesHeader conf.Opt[string]
	// Proxies are in the order of the text. A virtual host's come before the
	// main server's: the first that matches decides.
	Proxies []proxy
	Proto   conf.Opt[bool] // RemoteIPProxyProtocol
	Except  []hosts.Net
}

// proxy is one pattern of trusted addresses. Internal ones may name private
// addresses and leave no trace.
type proxy struct {
	net      hosts.Net
	internal bool
}

var server = &conf.Key[serverConf]{Room: "remoteip", Merge: merge}

func merge(outer, inner *serverConf) *serverConf {
	return &serverConf{
		Header:        inner.Header.Over(outer.Header),
		ProxiesHeader: inner.ProxiesHeader.Over(outer.ProxiesHeader),
		Proxies:       append(inner.Proxies[:len(inner.Proxies):len(inner.Proxies)], outer.Proxies...),
		Proto:         inner.Proto,
	}
}

var directives = []conf.Directive{
	{
		Name: "RemoteIPHeader", In: conf.Servers, Args: conf.One,
		Help: "Specifies a request header to trust as the client IP, e.g. X-Forwarded-For",
		Set:  fieldName(func(s *serverConf) *conf.Opt[string] { return &s.Header }),
	},
	{
		Name: "RemoteIPProxiesHeader", In: conf.Servers, Args: conf.One,
		Help: "Specifies a request header to record proxy IP's, e.g. X-Forwarded-By; if not given then do not record",
		Set:  fieldName(func(s *serverConf) *conf.Opt[string] { return &s.ProxiesHeader }),
	},
	{
		Name: "RemoteIPTrustedProxy", In: conf.Servers, Args: conf.Each,
		Help: "Specifies one or more proxies which are trusted to present IP headers",
		Set:  server.Do(func(c *conf.Cmd, s *serverConf, args []string) error { return add(c, s, args[0], false) }),
	},
	{
		Name: "RemoteIPInternalProxy", In: conf.Servers, Args: conf.Each,
		Help: "Specifies one or more internal (transparent) proxies which are trusted to present IP headers",
		Set:  server.Do(func(c *conf.Cmd, s *serverConf, args []string) error { return add(c, s, args[0], true) }),
	},
	{
		Name: "RemoteIPTrustedProxyList", In: conf.Servers, Args: conf.One,
		Help: "The filename to read the list of trusted proxies, see the RemoteIPTrustedProxy directive",
		Set:  server.Do(func(c *conf.Cmd, s *serverConf, args []string) error { return addList(c, s, args[0], false) }),
	},
	{
		Name: "RemoteIPInternalProxyList", In: conf.Servers, Args: conf.One,
		Help: "The filename to read the list of internal proxies, see the RemoteIPInternalProxy directive",
		Set:  server.Do(func(c *conf.Cmd, s *serverConf, args []string) error { return addList(c, s, args[0], true) }),
	},
	{
		Name: "RemoteIPProxyProtocol", In: conf.Servers, Args: conf.Flag,
		Help: "Enable PROXY protocol handling: On or Off",
		Set:  server.Flag(func(s *serverConf) *conf.Opt[bool] { return &s.Proto }),
	},
	{
		Name: "RemoteIPProxyProtocolExceptions", In: conf.Servers, Args: conf.Many,
		Help: "Hosts or networks that connect without a PROXY header",
		Set:  server.Do(addExceptions),
	},
}

// fieldName makes the setter of a directive that takes the name of a field.
func fieldName(field func(*serverConf) *conf.Opt[string]) conf.Setter {
	return server.Do(func(c *conf.Cmd, s *serverConf, args []string) error {
		// Unlike httpd: it takes any text, which no request's field can match.
		for i := 0; i < len(args[0]); i++ {
			if b := args[0][i]; b <= ' ' || b >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, b) >= 0 {
				return &diag.Err{Text: c.Directive.Name + ": '" + args[0] + "' is no name of a header field", Expected: "a name such as X-Forwarded-For", Word: 1}
			}
		}
		*field(s) = conf.Some(c, args[0])
		return nil
	})
}

const expectProxy = "an address, the beginning of one (10.1), address/bits, or the name of a host"

func add(c *conf.Cmd, s *serverConf, word string, internal bool) error {
	nets, err := parse(word)
	if err != nil {
		return &diag.Err{
			Text:     "RemoteIP: Error parsing IP " + word + " (" + err.Error() + " error) for " + c.Directive.Name,
			Expected: expectProxy,
		}
	}
	for _, n := range nets {
		s.Proxies = append(s.Proxies, proxy{n, internal})
	}
	return nil
}

// lookUpTime bounds the look-up of a proxy's name.
const lookUpTime = 5 * time.Second

// parse reads a pattern, or looks a name up: all its addresses count.
func parse(word string) ([]hosts.Net, error) {
	n, err := hosts.ParseNet(word)
	if err == nil {
		return []hosts.Net{n}, nil
	}
	if !errors.Is(err, hosts.ErrNotIP) || strings.Contains(word, "/") {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookUpTime)
	defer cancel()
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", word)
	if err != nil {
		return nil, errors.New("Name or service not known")
	}
	var nets []hosts.Net
	for _, a := range found {
		if n, err := hosts.ParseNet(a.Unmap().WithZone("").String()); err == nil {
			nets = append(nets, n)
		}
	}
	return nets, nil
}

// addList reads a file of patterns, separated by white space. A word that
// begins with "#" and the rest of its line are a comment.
func addList(c *conf.Cmd, s *serverConf, name string, internal bool) error {
	path := c.Path(name)
	text, err := c.Loader.ReadFile(path)
	if err != nil {
		why := err
		var pe *os.PathError
		if errors.As(err, &pe) {
			why = pe.Err
		}
		return &diag.Err{Text: c.Directive.Name + ": Could not open file " + path + ": " + why.Error(), Word: 1}
	}
	for i, line := range strings.Split(string(text), "\n") {
		for _, word := range strings.Fields(line) {
			if word[0] == '#' {
				break
			}
			if err := add(c, s, word, internal); err != nil {
				e := err.(*diag.Err)
				e.Text += " at line " + strconv.Itoa(i+1) + " of " + path
				e.Word = 1
				c.Fail(e)
			}
		}
	}
	return nil
}

func addExceptions(c *conf.Cmd, s *serverConf, args []string) error {
	if len(args) == 0 {
		return errors.New("RemoteIPProxyProtocolExceptions requires an argument")
	}
	for i, w := range args {
		n, err := hosts.ParseNet(w)
		if err != nil {
			e := &diag.Err{Text: "ip address '" + w + "' appears to be invalid", Expected: "an address, the beginning of one (10.1) or address/bits", Word: i + 1}
			if !errors.Is(err, hosts.ErrNotIP) {
				e.Text += ": " + err.Error()
			}
			return e
		}
		s.Except = append(s.Except, n)
	}
	return nil
}

// announced collects what all servers say about the PROXY protocol.
func announced(b *module.Build) *module.Announced {
	out := &module.Announced{Of: map[int]bool{}}
	var except []hosts.Net
	for _, sb := range b.Servers {
		s := server.Of(sb.Source.Conf)
		if s == nil {
			continue
		}
		if s.Proto.Is {
			out.Of[sb.Server.Index] = s.Proto.V
		}
		except = append(except, s.Except...)
	}
	if len(out.Of) == 0 {
		return nil
	}
	set := hosts.MakeSet(except)
	out.Except = func(a netip.Addr) bool { return set.Contains(a) }
	return out
}
