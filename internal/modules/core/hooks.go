package core

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/exprvars"
	"sallyport/internal/logfile"
	"sallyport/internal/message"
	"sallyport/internal/module"
)

// Product and Version are what Sallyport calls itself in the Server field.
const (
	Product = "Sallyport"
	Version = "0.1.0"
)

// Description is how pages that scripts read name the server: httpd's words
// (Ansible's apache2_mod_proxy insists on "Apache/2.4.N"), our own in brackets.
const Description = "Apache/2.4.71 (" + Product + "/" + Version + ")"

// compile names the servers, resolves their settings and makes their logs.
func compile(b *module.Build) func(p *module.Plan) {
	main := b.Servers[0]
	if p := Process.Of(main.Conf); p != nil {
		*b.Diags = append(*b.Diags, idleNotes(p)...)
	}
	for i, sb := range b.Servers {
		name(b, sb, i == 0)
		sb.Server.Core = Settings(sb.Conf, sb.Dir)
	}
	openLogs(b)
	warnHandlers(b)
	warnHosts(b)
	return furnish
}

// name gives a server its names.
//
// Unlike httpd: a virtual host without ServerName goes by the main server's.
// It asks DNS for the name of the host's address; a start must not wait for
// that.
func name(b *module.Build, sb *module.ServerBuild, main bool) {
	srv := sb.Server
	own, merged := Server.Of(sb.Source.Conf), Server.Of(sb.Conf)
	if own != nil {
		srv.Scheme, srv.Name, srv.Port = own.Name.V.Scheme, own.Name.V.Host, own.Name.V.Port
		srv.Aliases = own.Aliases
		srv.Path = own.Path.V
	}
	srv.Admin = "[no address given]" // httpd's DEFAULT_ADMIN
	if merged != nil && merged.Admin.Is {
		srv.Admin = merged.Admin.V
	}
	if srv.Name != "" {
		return
	}
	if !main {
		srv.Name = b.Servers[0].Server.Name
		return
	}
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "127.0.0.1"
	}
	srv.Name = strings.ToLower(host)
	b.Warn(diag.Position{}, "AH00558: Could not reliably determine the server's fully qualified domain name, using "+
		srv.Name+". Set the 'ServerName' directive globally to suppress this message", "")
}

// Settings resolves the configuration of one server (conf as merged, dir its
// base) with httpd's defaults. The limits of mod_reqtimeout are that room's.
func Settings(c, dir conf.Vector) *exchange.ServerSettings {
	s, d, p := Server.Of(c), Dir.Of(dir), Process.Of(c)
	if s == nil {
		s = new(ServerConf)
	}
	if d == nil {
		d = new(DirConf)
	}
	if p == nil {
		p = new(ProcessConf)
	}
	return &exchange.ServerSettings{
		DocumentRoot:         s.DocumentRoot.V,
		Timeout:              s.Timeout.Or(60 * time.Second),
		KeepAlive:            s.KeepAlive.Or(true),
		KeepAliveTimeout:     s.KeepAliveTimeout.Or(5 * time.Second),
		MaxKeepAliveRequests: max(s.MaxKeepAlive.Or(100), 0),
		LimitRequestLine:     s.Line.Or(8190),
		LimitRequestFields:   s.Fields.Or(100),
		LimitFieldSize:       s.FieldSize.Or(8190),
		Redirects:            s.Recursion.Or(10),
		Unsafe:               s.Unsafe.V,
		RegisteredMethods:    s.Registered.V,
		Methods:              p.Methods,
		AllowHTTP09:          s.Allow09.V,
		TraceEnable:          s.Trace.Or(exchange.TraceOn),
		MergeSlashes:         s.MergeSlashes.Or(true),
		EncodedSlashes:       s.EncodedSlashes.Or(exchange.SlashesRefused),
		StrictHost:           s.StrictHost.V,
		UseCanonicalName:     d.CanonicalName.Or(exchange.NameFromClient),
		UseCanonicalPort:     d.PhysicalPort.V,
		Tokens:               p.Tokens.Or(tokensFull).String(),
		Versions:             exchange.Protocols{List: s.Protocols.V, ClientOrder: !s.HonorOrder.Or(true)},
	}
}

// String is the text of the Server field.
func (t tokens) String() string {
	major, rest, _ := strings.Cut(Version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	switch t {
	case tokensProd:
		return Product
	case tokensMajor:
		return Product + "/" + major
	case tokensMinor:
		return Product + "/" + major + "." + minor
	case tokensMin:
		return Product + "/" + Version
	}
	return Product + "/" + Version + " (Unix)"
}

// SectionSettings resolves the configuration of one combination of sections.
func SectionSettings(dir conf.Vector) exchange.DirSettings {
	d := Dir.Of(dir)
	if d == nil {
		d = new(DirConf)
	}
	o := d.Options.of()
	var handlerFor func(*exchange.Exchange) string
	if t := d.HandlerExpr.V; t != nil {
		handlerFor = func(x *exchange.Exchange) string { return t.Value(exprvars.Of(x), nil) }
	}
	return exchange.DirSettings{
		Handler:          d.Handler.V,
		HandlerFor:       handlerFor,
		ForceType:        d.ForceType.V,
		LimitRequestBody: d.Body.Or(1 << 30),
		Signature:        d.Signature.V,
		AcceptPathInfo:   d.PathInfo.Or("default"),
		FileETag:         d.ETag.String(),
		Charset:          d.Charset.V,
		// Unlike httpd, where it is off: what made it unsafe, network file
		// systems of old kernels, is gone.
		Sendfile:        d.Sendfile.Or(true),
		FollowSymlinks:  o&FollowSymLinks != 0,
		SymlinksIfOwner: o&SymLinksIfOwnerMatch != 0,
		Indexes:         o&Indexes != 0,
		ErrorDocuments:  d.ErrorDocuments,
		HostnameLookups: d.Lookups.Or(exchange.LookupsOff),
		MaxRanges:       d.Ranges.Or(200),
		RangeOverlaps:   d.Overlaps.Or(20),
		RangeReversals:  d.Reversals.Or(20),
	}
}

// openLogs makes the error logs. A server without ErrorLog shares the main
// server's; without any, lines go to standard error.
//
// Unlike httpd, whose default is a file chosen when it was built.
func openLogs(b *module.Build) {
	set := &logfile.Set{Ordered: true, Opener: b.Env.Logs}
	used := false
	for i, sb := range b.Servers {
		s := Server.Of(sb.Conf)
		if s == nil {
			s = new(ServerConf)
		}
		o := errorlog.Options{
			Levels:     levels(sb.Dir),
			Format:     s.LogFormat.V,
			Connection: s.ConnFormats,
			Requests:   s.RequestFormats,
			Server:     sb.Server.Name,
			Now:        b.Env.Now,
		}
		if s.ErrorLog.Is {
			target := s.ErrorLog.V
			if own := Server.Of(sb.Source.Conf); own != nil && own.ErrorLog.Is {
				if dir, err := target.CheckDir(); err != nil {
					whose := "main error log"
					if i > 0 {
						whose = "error log of vhost defined at " + sb.Server.DefinedAt
					}
					b.Fail(s.ErrorLog.Pos, "AH02291: Cannot access directory '"+dir+"' for "+whose, err.Error())
				} else if target.IsDir() {
					b.Fail(s.ErrorLog.Pos, "ErrorLog: "+target.Name+" is a directory", "ErrorLog "+strings.TrimSuffix(target.Name, "/")+"/error.log")
				}
			}
			o.Sink = set.Sink(target)
			used = true
		}
		sb.Server.Log = errorlog.New(o)
	}
	if used {
		b.Open(module.Opening{Open: set.Open, Close: set.Close})
	}
}

func levels(dir conf.Vector) errorlog.Levels {
	if d := Dir.Of(dir); d != nil {
		return d.LogLevel.Over(errorlog.DefaultLevels)
	}
	return errorlog.DefaultLevels
}

// furnish gives a Place its settings, its log where a section has levels of
// its own, and AddDefaultCharset's hook.
func furnish(p *module.Plan) {
	p.Place.Core = SectionSettings(p.Dir)
	srv := p.Server.Server
	if l, base := levels(p.Dir), srv.Log.Levels(); l.Base != base.Base || !slices.Equal(l.Modules, base.Modules) {
		p.Place.Log = srv.Log.With(l)
	}
	if d := Dir.Of(p.Dir); d != nil && d.Charset.V != "" {
		p.Hook(exchange.Respond, module.Last, addCharset("; charset="+d.Charset.V))
	}
}

// addCharset adds a charset to text that names none (ap_make_content_type).
func addCharset(suffix string) exchange.Hook {
	return func(x *exchange.Exchange) exchange.Verdict {
		v, ok := x.Out.Header.Known(message.ContentType)
		if !ok {
			return exchange.Declined
		}
		media, params, _ := strings.Cut(v, ";")
		media = strings.TrimRight(media, " \t")
		if !message.EqualFold(media, "text/plain") && !message.EqualFold(media, "text/html") {
			return exchange.Declined
		}
		for p := range strings.SplitSeq(params, ";") {
			name, _, _ := strings.Cut(p, "=")
			if message.EqualFold(strings.Trim(name, " \t"), "charset") {
				return exchange.Declined
			}
		}
		x.Out.Header.Set("Content-Type", v+suffix)
		return exchange.OK
	}
}

// lineOf names a place for a hint.
func lineOf(p diag.Position) string {
	return strconv.Itoa(p.Line) + " of " + p.File
}
