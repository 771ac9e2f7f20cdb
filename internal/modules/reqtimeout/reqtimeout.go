// Package reqtimeout is mod_reqtimeout: how slowly a client may send its
// request. The room reads the directive and writes the limits into the
// settings of each server; the front keeps them, with the coarse deadlines of
// package watch.
package reqtimeout

import (
	"math"
	"strings"
	"time"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/exchange"
	"sallyport/internal/module"
)

// Room declares mod_reqtimeout.
var Room = module.Room{
	Name: "reqtimeout",
	Directives: []conf.Directive{
		{Name: "RequestReadTimeout", In: conf.Servers, Args: conf.Many, Set: key.Do(set),
			Help: "handshake=, header=, body= seconds[-most][,MinRate=bytes per second]"},
	},
	Compile: compile,
}

var key = conf.NewServerKey[serverConf]("reqtimeout")

// serverConf holds the limits that a server sets; its virtual hosts inherit
// each on its own.
type serverConf struct {
	Handshake, Header, Body conf.Opt[exchange.ReadLimit]
}

// httpd's defaults, in force as soon as the module is loaded.
var (
	defaultHeader = exchange.ReadLimit{First: 20 * time.Second, Max: 40 * time.Second, MinRate: 500}
	defaultBody   = exchange.ReadLimit{First: 20 * time.Second, MinRate: 500}
)

func set(c *conf.Cmd, s *serverConf, args []string) error {
	for i, w := range args {
		name, value, ok := strings.Cut(w, "=")
		if !ok {
			return &diag.Err{Text: "Invalid RequestReadTimeout parameter. Parameter must be in the form 'key=value'", Word: i + 1}
		}
		var to *conf.Opt[exchange.ReadLimit]
		switch strings.ToLower(name) {
		case "handshake":
			to = &s.Handshake
		case "header":
			to = &s.Header
		case "body":
			to = &s.Body
		default:
			return &diag.Err{Text: "RequestReadTimeout: " + w + ": Unknown RequestReadTimeout parameter", Expected: "handshake, header or body", Word: i + 1}
		}
		l, wrong := parse(value)
		if wrong != "" {
			return &diag.Err{Text: "RequestReadTimeout: " + w + ": " + wrong, Expected: "seconds, as 20, 20-40,MinRate=500 or 20,MinRate=500", Word: i + 1}
		}
		*to = conf.Some(c, l)
	}
	return nil
}

// parse reads first[-most][,MinRate=rate]; wrong says what is wrong with it,
// in httpd's words.
func parse(s string) (l exchange.ReadLimit, wrong string) {
	first, rest, wrong := number(s)
	if wrong != "" {
		return l, wrong
	}
	var most, rate int
	ranged := strings.HasPrefix(rest, "-")
	if ranged {
		if most, rest, wrong = number(rest[1:]); wrong != "" {
			return l, wrong
		}
		if most <= first {
			return l, "Maximum timeout must be larger than initial timeout"
		}
	}
	const minRate = ",minrate="
	switch {
	case rest == "" && ranged:
		return l, "Must set MinRate option if using timeout range"
	case rest == "":
	case len(rest) < len(minRate) || !strings.EqualFold(rest[:len(minRate)], minRate):
		return l, "Cannot parse '" + rest + "'"
	default:
		if rate, rest, wrong = number(rest[len(minRate):]); wrong != "" {
			return l, wrong
		}
		if rest != "" {
			return l, "Cannot parse '" + rest + "'"
		}
		if rate == 0 {
			return l, "Minimum data rate must be larger than 0"
		}
	}
	return exchange.ReadLimit{First: time.Duration(first) * time.Second, Max: time.Duration(most) * time.Second, MinRate: rate}, ""
}

// number reads leading digits, up to 32 bits.
func number(s string) (n int, rest, wrong string) {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		n = min(n*10+int(s[i]-'0'), math.MaxInt32)
		i++
	}
	if i == 0 {
		word, _, _ := strings.Cut(s, ",")
		return 0, s, "Value '" + word + "' not numerical"
	}
	return n, s[i:], ""
}

// compile writes the limits into the settings that room core has made.
func compile(b *module.Build) func(*module.Plan) {
	for _, sb := range b.Servers {
		s := key.Of(sb.Conf)
		if s == nil {
			s = new(serverConf)
		}
		to := sb.Server.Core
		to.Handshake = s.Handshake.V
		to.HeadTimeout = s.Header.Or(defaultHeader)
		to.BodyTimeout = s.Body.Or(defaultBody)
	}
	return nil
}
