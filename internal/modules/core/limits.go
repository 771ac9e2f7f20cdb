package core

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/exchange"
	"sallyport/internal/workerconf"
)

// setTimeout reads Timeout. httpd takes the leading digits for seconds and
// ignores the rest.
//
// Unlike httpd: a unit means what it says ("500ms" is not 500 seconds), and
// text without digits, which httpd reads as 0, is an error.
func setTimeout(c *conf.Cmd, s *ServerConf, args []string) error {
	d, err := workerconf.Interval(args[0], time.Second)
	n, rest := atoi(args[0])
	switch {
	case err == nil && rest == "":
	case err == nil:
		if d != time.Duration(n)*time.Second {
			c.Warn(fmt.Sprintf("Timeout %q is %v; httpd 2.4 reads %d seconds", args[0], d, n), "")
		}
	case n > 0:
		d = time.Duration(n) * time.Second
		c.Warn(fmt.Sprintf("Timeout %q is read as %d seconds, as httpd does", args[0], n), "")
	default:
		return &diag.Err{Text: "Timeout has wrong format", Expected: "seconds, or a time such as 500ms or 2min", Word: 1}
	}
	if d <= 0 {
		return &diag.Err{Text: "Timeout must be positive", Expected: "seconds, or a time such as 500ms or 2min", Word: 1}
	}
	s.Timeout = conf.Some(c, d)
	return nil
}

func setKeepAliveTimeout(c *conf.Cmd, s *ServerConf, args []string) error {
	d, err := workerconf.Interval(args[0], time.Second)
	if err != nil {
		return &diag.Err{Text: "KeepAliveTimeout has wrong format", Expected: "seconds, or a time such as 500ms or 2min", Word: 1}
	}
	s.KeepAliveTimeout = conf.Some(c, d)
	return nil
}

// count makes the setter of a number that httpd reads with atoi. low is the
// least it may be; text the complaint, with %s for the word.
func count(field func(*ServerConf) *conf.Opt[int], low int, text string) conf.Setter {
	return Server.Do(func(c *conf.Cmd, s *ServerConf, args []string) error {
		n := number(args[0])
		if n < low {
			return &diag.Err{Text: fmt.Sprintf(text, args[0]), Word: 1}
		}
		remark(c, args[0])
		*field(s) = conf.Some(c, n)
		return nil
	})
}

// setRecursion reads LimitInternalRecursion: redirects, then subrequests.
func setRecursion(c *conf.Cmd, s *ServerConf, args []string) error {
	for i, w := range args {
		n := number(w)
		if n < 1 {
			return &diag.Err{Text: "The recursion limit must be greater than zero.", Word: i + 1}
		}
		remark(c, w)
		if i == 0 {
			s.Recursion = conf.Some(c, n)
		}
	}
	return nil
}

func setLimitBody(c *conf.Cmd, d *DirConf, args []string) error {
	n, err := strconv.ParseInt(args[0], 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange) && args[0][0] != '-':
		return &diag.Err{Text: "LimitRequestBody argument is not parsable.", Word: 1}
	case err != nil || n < 0 || args[0][0] == '+':
		return &diag.Err{Text: "LimitRequestBody requires a non-negative integer.", Expected: "bytes; 0 for no limit", Word: 1}
	}
	d.Body = conf.Some(c, n)
	return nil
}

func setProtocolOptions(c *conf.Cmd, s *ServerConf, args []string) error {
	pair := func(o *conf.Opt[bool], v bool, yes, no string) error {
		if o.Is && o.V != v {
			return &diag.Err{Text: "HttpProtocolOptions '" + yes + "' and '" + no + "' are mutually exclusive", Word: 1}
		}
		*o = conf.Some(c, v)
		return nil
	}
	switch word := strings.ToLower(args[0]); word {
	case "strict", "unsafe":
		return pair(&s.Unsafe, word == "unsafe", "Strict", "Unsafe")
	case "lenientmethods", "registeredmethods":
		return pair(&s.Registered, word == "registeredmethods", "RegisteredMethods", "LenientMethods")
	case "allow0.9", "require1.0":
		err := pair(&s.Allow09, word == "allow0.9", "Allow0.9", "Require1.0")
		if err == nil && s.Allow09.V {
			c.Warn("HttpProtocolOptions Allow0.9: Sallyport does not serve HTTP/0.9, such requests are answered 400", "")
		}
		return err
	}
	return &diag.Err{
		Text: "HttpProtocolOptions accepts 'Unsafe' or 'Strict' (default), 'RegisteredMethods' or 'LenientMethods' (default), and 'Require1.0' or 'Allow0.9' (default)",
		Word: 1,
	}
}

func setMethod(c *conf.Cmd, p *ProcessConf, args []string) error {
	p.Methods = append(p.Methods, args...)
	return nil
}

func setTrace(c *conf.Cmd, s *ServerConf, args []string) error {
	switch strings.ToLower(args[0]) {
	case "on":
		s.Trace = conf.Some(c, exchange.TraceOn)
	case "off":
		s.Trace = conf.Some(c, exchange.TraceOff)
	case "extended":
		s.Trace = conf.Some(c, exchange.TraceExtended)
	default:
		return &diag.Err{Text: "TraceEnable must be one of 'on', 'off', or 'extended'", Word: 1}
	}
	return nil
}

func setEncodedSlashes(c *conf.Cmd, s *ServerConf, args []string) error {
	switch strings.ToLower(args[0]) {
	case "on":
		s.EncodedSlashes = conf.Some(c, exchange.SlashesDecoded)
	case "off":
		s.EncodedSlashes = conf.Some(c, exchange.SlashesRefused)
	case "nodecode":
		s.EncodedSlashes = conf.Some(c, exchange.SlashesKept)
	default:
		return &diag.Err{Text: "AllowEncodedSlashes must be On, Off, or NoDecode", Word: 1}
	}
	return nil
}

func setGraceful(c *conf.Cmd, p *ProcessConf, args []string) error {
	remark(c, args[0])
	p.Drain = conf.Some(c, time.Duration(max(number(args[0]), 0))*time.Second)
	return nil
}

// tokens is ServerTokens.
type tokens uint8

const (
	tokensFull tokens = iota
	tokensOS
	tokensMin
	tokensMinor
	tokensMajor
	tokensProd
)

func setTokens(c *conf.Cmd, p *ProcessConf, args []string) error {
	v, ok := map[string]tokens{
		"full": tokensFull, "os": tokensOS, "min": tokensMin, "minimal": tokensMin, "minor": tokensMinor,
		"major": tokensMajor, "prod": tokensProd, "productonly": tokensProd,
	}[strings.ToLower(args[0])]
	if !ok {
		return &diag.Err{Text: "ServerTokens takes 1 argument: 'Prod(uctOnly)', 'Major', 'Minor', 'Min(imal)', 'OS', or 'Full'", Word: 1}
	}
	p.Tokens = conf.Some(c, v)
	return nil
}

// number reads an integer as httpd does: what stands behind it is ignored.
func number(word string) int {
	n, _ := atoi(word)
	return n
}

// remark warns that more than an integer stands where number has read one.
// Called when the number will do: a refused one needs no remark.
func remark(c *conf.Cmd, word string) {
	if n, rest := atoi(word); rest != "" {
		c.Warn(fmt.Sprintf("%s: %q is read as %d, as httpd does", c.Directive.Name, word, n), "")
	}
}

// atoi is C's: a sign, leading digits, zero without any; rest is what follows.
// Numbers out of range are cut to the nearest 32 bit one.
func atoi(s string) (n int, rest string) {
	i := 0
	if s != "" && (s[0] == '-' || s[0] == '+') {
		i++
	}
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	v, err := strconv.ParseInt(s[:i], 10, 32)
	if errors.Is(err, strconv.ErrRange) {
		v = math.MaxInt32
		if s[0] == '-' {
			v = math.MinInt32
		}
	} else if err != nil {
		return 0, s
	}
	return int(v), s[i:]
}
