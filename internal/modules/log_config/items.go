package log_config

import (
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/exprvars"
	"sallyport/internal/hosts"
	"sallyport/internal/logfile"
	"sallyport/internal/message"
)

// kind is one letter of the format language.
type kind struct {
	// make gives the appender for an argument; original says which request to
	// look at where an ErrorDocument made two of them.
	make func(arg string, original bool) appender
	// original is what holds without "<" or ">".
	original bool
}

// kinds are the items there are, by the letters behind "%".
var kinds = map[string]kind{
	"a": {make: clientAddr},
	"A": {make: just(func(e *entry) { e.addr(e.x.Client.Local) })},
	"b": {make: just(func(e *entry) { e.numberOrDash(e.x.BodyOut) })},
	"B": {make: just(func(e *entry) { e.number(e.x.BodyOut) })},
	"C": {make: cookie},
	"c": {make: handshake},
	"D": {make: just(duration(time.Microsecond)), original: true},
	"e": {make: environment},
	"f": {make: just(fileName)},
	"h": {make: clientName},
	"H": {make: just(func(e *entry) { e.text(e.x.Request.Version.String()) })},
	"i": {make: requestField},
	"I": {make: just(func(e *entry) { e.number(e.x.BytesIn) })},
	"k": {make: just(func(e *entry) { e.number(int64(e.x.Client.Served)) })},
	"l": {make: just(dash)},
	"L": {make: just(func(e *entry) { e.text(e.x.LogID) }), original: true},
	"m": {make: method},
	"n": {make: note},
	"o": {make: responseField},
	"O": {make: just(func(e *entry) { e.number(e.x.BytesOut) })},
	"p": {make: port},
	"P": {make: processID},
	"q": {make: query},
	"r": {make: requestLine, original: true},
	"R": {make: just(handler), original: true},
	"s": {make: status, original: true},
	"S": {make: just(func(e *entry) { e.number(e.x.BytesIn + e.x.BytesOut) })},
	"t": {make: requestTime},
	"T": {make: scaled, original: true},
	"u": {make: just(func(e *entry) { e.text(e.x.User) })},
	"U": {make: path, original: true},
	"v": {make: just(func(e *entry) { e.text(e.x.Server.Name) })},
	"V": {make: just(func(e *entry) { e.text(e.x.HostName()) })},
	"x": {make: variable},
	"X": {make: just(connection)},

	"^ti": {make: trailer(func(x *exchange.Exchange) func() *message.Header { return x.Request.Body.Trailer })},
	"^to": {make: trailer(func(x *exchange.Exchange) func() *message.Header { return x.Out.Body.Trailer })},
	"^FB": {make: just(firstByte)},
}

// just is the maker of an item without argument, or that ignores it.
func just(a appender) func(string, bool) appender {
	return func(string, bool) appender { return a }
}

func dash(e *entry) { e.b = append(e.b, '-') }

// text appends what a client or backend may have chosen, escaped; "-" for "".
func (e *entry) text(s string) {
	if s == "" {
		e.b = append(e.b, '-')
		return
	}
	e.b = logfile.AppendEscaped(e.b, s)
}

func (e *entry) number(n int64) { e.b = strconv.AppendInt(e.b, n, 10) }

func (e *entry) numberOrDash(n int64) {
	if n == 0 {
		e.b = append(e.b, '-')
		return
	}
	e.number(n)
}

func (e *entry) addr(a netip.AddrPort) {
	if !a.IsValid() {
		e.b = append(e.b, '-')
		return
	}
	e.b = a.Addr().Unmap().AppendTo(e.b)
}

// clientAddr is %a; {c} asks for the connection's own peer.
func clientAddr(arg string, _ bool) appender {
	if arg == "c" {
		return func(e *entry) { e.addr(e.x.Client.Remote) }
	}
	return func(e *entry) { e.addr(e.x.Client.Addr) }
}

// clientName is %h: the client's name where HostnameLookups asks for it or
// where an access rule has found it, else the address.
func clientName(arg string, _ bool) appender {
	connection := arg == "c"
	return func(e *entry) {
		c := e.x.Client
		if connection && c.Remote != c.Addr {
			e.addr(c.Remote)
			return
		}
		name := ""
		if look := e.x.Place.Core.HostnameLookups; look != exchange.LookupsOff {
			name = hosts.Name(c, look == exchange.LookupsDouble)
		} else if h := c.Name.Load(); h != nil && h.Addr == c.Addr.Addr().Unmap() && (h.Verified || !h.Double) {
			name = h.Name
		}
		if name == "" {
			e.addr(c.Addr)
			return
		}
		e.text(name)
	}
}

// cookie is %{NAME}C: the first cookie of the name, found as httpd does it.
func cookie(arg string, _ bool) appender {
	return func(e *entry) {
		fields := e.x.Request.Header.Fields
		for i := range fields {
			if fields[i].Known != message.Cookie {
				continue
			}
			if v, ok := findCookie(fields[i].Value, arg); ok {
				e.text(v)
				return
			}
		}
		dash(e)
	}
}

func findCookie(list, name string) (string, bool) {
	for list != "" {
		var one string
		one, list, _ = strings.Cut(list, ";")
		n, v, ok := strings.Cut(one, "=")
		if v = strings.Trim(v, " \t"); ok && v != "" && message.EqualFold(strings.Trim(n, " \t"), name) {
			return v, true
		}
	}
	return "", false
}

func environment(arg string, original bool) appender {
	return func(e *entry) {
		env := &e.x.Env
		if original && e.first != nil {
			env = &e.first.Env
		}
		if v, ok := env.Get(arg); ok {
			e.b = logfile.AppendEscaped(e.b, v) // set, though it may be empty
		} else {
			dash(e)
		}
	}
}

// variable is mod_ssl's %{NAME}x.
func variable(arg string, _ bool) appender {
	return func(e *entry) { e.text(exprvars.TLS(e.x, arg)) }
}

// handshake is mod_ssl's older %{name}c.
func handshake(arg string, _ bool) appender {
	name := map[string]string{
		"version": "SSL_PROTOCOL", "cipher": "SSL_CIPHER", "subjectdn": "SSL_CLIENT_S_DN", "clientcert": "SSL_CLIENT_S_DN",
		"issuerdn": "SSL_CLIENT_I_DN", "cacert": "SSL_CLIENT_I_DN",
	}[arg]
	if name == "" {
		return dash
	}
	return variable(name, false)
}

func note(arg string, _ bool) appender {
	return func(e *entry) {
		if v, ok := e.x.Notes.Get(arg); ok {
			e.b = logfile.AppendEscaped(e.b, v)
		} else {
			dash(e)
		}
	}
}

// fileName is %f: what the URL was mapped to, as httpd writes it.
func fileName(e *entry) {
	switch m := &e.x.Mapped; m.Kind {
	case exchange.Proxied:
		e.b = append(e.b, "proxy:"...)
		url := ""
		if p, ok := e.x.Proxy.(interface{ URL() string }); ok {
			url = p.URL()
		}
		if url == "" {
			url = m.URL()
		}
		e.b = logfile.AppendEscaped(e.b, url)
	case exchange.File:
		e.text(m.Path)
	default:
		dash(e)
	}
}

// requestField is %{NAME}i: all fields of the name, joined by ", ".
func requestField(arg string, _ bool) appender {
	k := message.Lookup(arg)
	return func(e *entry) { e.fields(&e.x.Request.Header, k, arg, true) }
}

func (e *entry) fields(h *message.Header, k message.Known, name string, all bool) {
	found := false
	for i := range h.Fields {
		f := &h.Fields[i]
		if f.Known != k || k == message.Other && !message.EqualFold(f.Name, name) {
			continue
		}
		if found {
			e.b = append(e.b, ", "...)
		}
		found = true
		e.b = logfile.AppendEscaped(e.b, f.Value)
		if !all {
			return
		}
	}
	if !found {
		dash(e)
	}
}

// responseField is %{NAME}o: the first field of the name; all of them for
// Set-Cookie, the bare type for Content-Type.
func responseField(arg string, _ bool) appender {
	k := message.Lookup(arg)
	switch k {
	case message.ContentType:
		return func(e *entry) {
			v, _ := e.x.Out.Header.Known(message.ContentType)
			v, _, _ = strings.Cut(v, ";")
			e.text(strings.TrimRight(v, " \t"))
		}
	case message.SetCookie:
		return func(e *entry) { e.fields(&e.x.Out.Header, k, arg, true) }
	}
	return func(e *entry) { e.fields(&e.x.Out.Header, k, arg, false) }
}

func trailer(of func(*exchange.Exchange) func() *message.Header) func(string, bool) appender {
	return func(arg string, _ bool) appender {
		k := message.Lookup(arg)
		return func(e *entry) {
			if get := of(e.x); get != nil {
				if h := get(); h != nil {
					e.fields(h, k, arg, true)
					return
				}
			}
			dash(e)
		}
	}
}

// originalMethod is the method the client sent; an ErrorDocument is fetched
// with GET.
func (e *entry) originalMethod() string {
	if e.first != nil {
		if m, ok := e.first.Env.Get("REQUEST_METHOD"); ok {
			return m
		}
	}
	return e.currentMethod()
}

// currentMethod is the method, also of a head that was not understood.
func (e *entry) currentMethod() string {
	if m := e.x.Request.Method; m != "" {
		return m
	}
	if unended(e.x.Line) {
		return ""
	}
	m, _, _ := strings.Cut(e.x.Line, " ")
	return m
}

func method(_ string, original bool) appender {
	if original {
		return func(e *entry) { e.text(e.originalMethod()) }
	}
	return func(e *entry) { e.text(e.currentMethod()) }
}

// port is %p: the server's by default, or one of the connection's.
func port(arg string, _ bool) appender {
	switch strings.ToLower(arg) {
	case "", "canonical":
		return func(e *entry) {
			p := int64(e.x.Server.Port)
			switch {
			case p != 0:
			case e.x.Client.TLS != nil || e.x.Server.Scheme == "https":
				p = 443
			default:
				p = 80
			}
			e.number(p)
		}
	case "local":
		return func(e *entry) { e.number(int64(e.x.Client.Local.Port())) }
	case "remote":
		return func(e *entry) { e.number(int64(e.x.Client.Addr.Port())) }
	}
	return literal(arg)
}

// processID is %P. Sallyport is one process; the thread is the one that
// happens to log.
func processID(arg string, _ bool) appender {
	switch strings.ToLower(arg) {
	case "", "pid":
		return literal(strconv.Itoa(os.Getpid()))
	case "tid":
		return func(e *entry) { e.number(int64(errorlog.ThreadID())) }
	case "hextid":
		return func(e *entry) { e.b = strconv.AppendInt(e.b, int64(errorlog.ThreadID()), 16) }
	}
	return literal(arg)
}

func query(_ string, original bool) appender {
	return func(e *entry) {
		q, has := e.x.Query, e.x.HasQuery
		if original && e.first != nil {
			q, has = e.first.Query, e.first.Query != ""
		}
		if has {
			e.b = append(e.b, '?')
			e.b = logfile.AppendEscaped(e.b, q)
		}
	}
}

// requestLine is %r: the line as the client sent it, but for a password in it.
func requestLine(string, bool) appender {
	return func(e *entry) {
		x := e.x
		switch {
		case x.Line != "":
			method, rest, found := strings.Cut(x.Line, " ")
			if target, version, more := strings.Cut(rest, " "); found && more {
				e.b = logfile.AppendEscaped(e.b, method+" "+hidePassword(target)+" "+version)
				return
			}
			e.b = logfile.AppendEscaped(e.b, strings.TrimSuffix(x.Line, "\x00"))
			return
		case x.Request.Method == "":
			dash(e)
			return
		}
		e.b = logfile.AppendEscaped(e.b, e.originalMethod())
		e.b = append(e.b, ' ')
		if t := x.Request.Target; t != "" && t[0] != '/' && strings.IndexByte(t, '@') >= 0 {
			e.b = logfile.AppendEscaped(e.b, hidePassword(t))
		} else {
			e.b = logfile.AppendEscaped(e.b, t)
		}
		switch x.Request.Version {
		case message.HTTP11:
			e.b = append(e.b, " HTTP/1.1"...)
		case 9: // a line without version
		default:
			e.b = append(append(e.b, ' '), x.Request.Version.String()...)
		}
	}
}

// hidePassword replaces the password of scheme://user:password@host.
func hidePassword(target string) string {
	scheme, rest, ok := strings.Cut(target, "://")
	if !ok {
		return target
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	at := strings.LastIndexByte(rest[:end], '@')
	if at < 0 {
		return target
	}
	user, _, has := strings.Cut(rest[:at], ":")
	if !has {
		return target
	}
	return scheme + "://" + user + ":XXXXXXXX" + rest[at:]
}

func handler(e *entry) {
	if e.x.Handler == "" && e.x.Mapped.Kind == exchange.Proxied {
		e.b = append(e.b, "proxy-server"...)
		return
	}
	e.text(e.x.Handler)
}

func status(_ string, original bool) appender {
	return func(e *entry) {
		s := e.x.Out.Status
		if original && e.first != nil {
			s = e.first.Failing
		}
		e.numberOrDash(int64(s))
	}
}

// path is %U, decoded; of a request that was refused early, as it came.
func path(_ string, original bool) appender {
	return func(e *entry) {
		switch x := e.x; {
		case original && e.first != nil:
			e.text(e.first.Path)
		case x.Path != "":
			e.text(x.Path)
		case x.RawPath != "":
			e.text(x.RawPath)
		case x.Line != "" && !unended(x.Line):
			e.text(pathOf(x.Line))
		default:
			dash(e)
		}
	}
}

// unended reports whether a request line broke off at a NUL or a lone LF, so
// that nothing of it counts.
func unended(line string) bool {
	return line != "" && (line[len(line)-1] == 0 || line[len(line)-1] == '\n')
}

// pathOf finds the path in a request line that was not understood; httpd takes
// "/" for what has none.
func pathOf(line string) string {
	_, target, _ := strings.Cut(line, " ")
	target, _, _ = strings.Cut(target, " ")
	target, _, _ = strings.Cut(target, "?")
	if _, rest, ok := strings.Cut(target, "://"); ok {
		_, target, _ = strings.Cut(rest, "/")
		target = "/" + target
	}
	if target == "" {
		return "/"
	}
	return target
}

// connection is %X: aborted, to be kept, or to be closed.
func connection(e *entry) {
	c := byte('-')
	switch {
	case e.x.Aborted:
		c = 'X'
	case e.x.KeepAlive:
		c = '+'
	}
	e.b = append(e.b, c)
}

// firstByte is %^FB: microseconds until the response head was made, where
// LogIOTrackTTFB has it noted.
func firstByte(e *entry) {
	if e.x.HeadAt.IsZero() {
		dash(e)
		return
	}
	e.number(e.x.HeadAt.Sub(e.x.Received).Microseconds())
}
