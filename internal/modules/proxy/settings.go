package proxy

import (
	"math"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"sallyport/internal/backend"
	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/regex"
	"sallyport/internal/workerconf"
)

// defaultIOBuffer is ProxyIOBufferSize's default, in bytes.
const defaultIOBuffer = workerconf.DefaultIOBuffer

// choice finds word among the names, in any case.
func choice[V any](word string, names map[string]V) (V, bool) {
	v, ok := names[strings.ToLower(word)]
	return v, ok
}

func setVia(c *conf.Cmd, s *serverConf, args []string) error {
	v, ok := choice(args[0], map[string]via{"off": viaOff, "on": viaOn, "full": viaFull, "block": viaBlock})
	if !ok {
		return &diag.Err{Text: "ProxyVia must be one of: off | on | full | block", Word: 1}
	}
	s.Via = conf.Some(c, v)
	return nil
}

func setStatus(c *conf.Cmd, s *serverConf, args []string) error {
	v, ok := choice(args[0], map[string]statusLevel{"off": statusOff, "on": statusOn, "full": statusFull})
	if !ok {
		return &diag.Err{Text: "ProxyStatus must be one of: off | on | full", Word: 1}
	}
	s.Status = conf.Some(c, v)
	return nil
}

func setBadHeader(c *conf.Cmd, s *serverConf, args []string) error {
	v, ok := choice(args[0], map[string]backend.BadHeader{
		"iserror": backend.BadHeaderIsError, "ignore": backend.BadHeaderIgnore, "startbody": backend.BadHeaderStartBody,
	})
	if !ok {
		return &diag.Err{Text: "ProxyBadHeader must be one of: IsError | Ignore | StartBody", Word: 1}
	}
	s.BadHeader = conf.Some(c, v)
	return nil
}

// setTimeout reads ProxyTimeout as the worker parameter timeout is read.
// Unlike httpd: a unit is not ignored; 5ms is five milliseconds, not seconds.
func setTimeout(c *conf.Cmd, s *serverConf, args []string) error {
	var w workerconf.Worker
	note, err := w.Set(&workerconf.Known{}, "timeout", args[0], c.Pos)
	if err != nil {
		return &diag.Err{Text: "Proxy Timeout must be at least 1 second.", Expected: "a time such as 60 or 500ms", Word: 1}
	}
	noted(c, note)
	s.Timeout = w.Timeout
	return nil
}

// noted passes on what a parameter's reader had to say.
func noted(c *conf.Cmd, note string) {
	if note != "" {
		c.Warn(note, "")
	}
}

// number reads as httpd does: leading digits count, none are zero.
func number(c *conf.Cmd, text string) int {
	end := 0
	if text != "" && (text[0] == '-' || text[0] == '+') {
		end = 1
	}
	for end < len(text) && '0' <= text[end] && text[end] <= '9' {
		end++
	}
	v, err := strconv.ParseInt(text[:end], 10, 32)
	if err != nil && text[:end] != "" && strings.Trim(text[:end], "+-") != "" {
		v = math.MaxInt32
		if text[0] == '-' {
			v = math.MinInt32
		}
	}
	if end < len(text) || end == 0 {
		noted(c, strconv.Quote(text)+" is read as "+strconv.FormatInt(v, 10)+", as httpd does")
	}
	return int(v)
}

// bufferSize makes the setter of a size in bytes; zero stands for def.
func bufferSize(field func(*serverConf) *conf.Opt[int], def int) conf.Setter {
	return server.Do(func(c *conf.Cmd, s *serverConf, args []string) error {
		v := number(c, args[0])
		if v < 512 && v != 0 {
			return &diag.Err{Text: c.Directive.Name + " must be >= 512 bytes, or 0 for system default.", Word: 1}
		}
		if v == 0 {
			v = def
		}
		*field(s) = conf.Some(c, v)
		return nil
	})
}

func setMaxForwards(c *conf.Cmd, s *serverConf, args []string) error {
	s.MaxForwards = conf.Some(c, number(c, args[0]))
	return nil
}

func setGrowth(c *conf.Cmd, s *serverConf, args []string) error {
	v := number(c, args[0])
	if v < 0 || v > 1000 {
		return &diag.Err{Text: "BalancerGrowth must be between 0 and 1000", Word: 1}
	}
	s.Growth = conf.Some(c, v)
	return nil
}

// setPersist reads BalancerPersist.
//
// Unlike httpd: On in any server keeps the edits of all, for there is one file.
func setPersist(c *conf.Cmd, args []string) error {
	server.In(c).Persist = conf.Some(c, args[0] == "on")
	return nil
}

func setPersistFile(c *conf.Cmd, s *serverConf, args []string) error {
	s.PersistFile = conf.Some(c, c.Path(args[0]))
	return nil
}

// setSource reads ProxySourceAddress: an address, or a name that has one now.
func setSource(c *conf.Cmd, s *serverConf, args []string) error {
	addr, err := netip.ParseAddr(args[0])
	if err != nil {
		if found, lerr := net.LookupIP(args[0]); lerr == nil && len(found) > 0 {
			addr, _ = netip.AddrFromSlice(found[0])
		}
	}
	if !addr.IsValid() {
		return &diag.Err{Text: "ProxySourceAddress invalid value", Expected: "an address of this machine", Word: 1}
	}
	s.Source = conf.Some(c, addr.Unmap())
	return nil
}

func setBlock(_ *conf.Cmd, s *serverConf, args []string) error {
	s.Block = append(s.Block, strings.ToLower(args[0]))
	return nil
}

// setErrorOverride reads one word of ProxyErrorOverride: On or Off, codes
// behind On.
func setErrorOverride(c *conf.Cmd, d *dirConf, args []string) error {
	word := args[0]
	switch {
	case strings.EqualFold(word, "on"):
		d.ErrorOverride = conf.Some(c, true)
		return nil
	case strings.EqualFold(word, "off"):
		d.ErrorOverride = conf.Some(c, false)
		return nil
	case !d.ErrorOverride.Is:
		return &diag.Err{Text: "ProxyErrorOverride first parameter must be one of: off | on", Word: 1}
	case word[0] < '0' || word[0] > '9':
		return &diag.Err{Text: "ProxyErrorOverride: status codes to intercept must be numeric", Word: 1}
	case !d.ErrorOverride.V:
		return &diag.Err{Text: "ProxyErrorOverride: status codes must follow a value of 'on'", Word: 1}
	}
	code := number(c, word)
	if code < 400 || code > 599 {
		return &diag.Err{
			Text: "ProxyErrorOverride: status codes to intercept must be valid HTTP Status Codes >=400 && <600",
			Word: 1,
		}
	}
	d.OverrideCodes = append(d.OverrideCodes, code)
	return nil
}

// setRequests reads ProxyRequests. A forward proxy is another product.
func setRequests(c *conf.Cmd, args []string) error {
	if args[0] == "on" {
		return &diag.Err{
			Text: "ProxyRequests On: forward proxying is not there, Sallyport is a reverse proxy",
			Hint: "ProxyPass needs no ProxyRequests; write Off or remove the line",
			Word: 1,
		}
	}
	return nil
}

// setRemote refuses what would send requests another way than the author
// means. Bad lines are reported as httpd does first.
func setRemote(c *conf.Cmd, args []string) error {
	name := c.Directive.Name
	scheme, rest, ok := strings.Cut(args[1], "://")
	if !ok || rest == "" || !isScheme(scheme) {
		return &diag.Err{Text: name + ": Bad syntax for a remote proxy server", Expected: "scheme://host[:port]", Word: 2}
	}
	if _, _, err := splitHostPort(strings.TrimSuffix(rest, "/")); err != nil {
		return &diag.Err{Text: name + ": Bad syntax for a remote proxy server (bad port number)", Word: 2}
	}
	if name == "ProxyRemoteMatch" {
		if _, err := regex.Compile(args[0], false); err != nil {
			return &diag.Err{Text: "Regular expression for ProxyRemoteMatch could not be compiled.", Word: 1}
		}
	}
	return &diag.Err{
		Text: name + ": sending requests through another proxy is not there",
		Hint: "name the backend itself in ProxyPass",
	}
}

func setDomain(c *conf.Cmd, args []string) error {
	if !strings.HasPrefix(args[0], ".") {
		return &diag.Err{Text: "ProxyDomain: domain name must start with a dot.", Word: 1}
	}
	return forwardOnly(c, args)
}

// forwardOnly takes a directive that says nothing to a reverse proxy.
func forwardOnly(c *conf.Cmd, args []string) error {
	c.Warn(c.Directive.Name+" has no effect: it is for forward proxies and ProxyRemote", "")
	return nil
}
