// Package exprvars binds httpd's expressions (package expr) to an
// exchange.Exchange: what %{REQUEST_URI}, req('Cookie') and -f mean for a
// request.
//
// Of and Varying cost nothing: an exchange seen under another type. The rooms
// that take expressions use Cond and Text of conf.go, which parse them and turn
// what is wrong into a configuration error with a caret. Neighbours: expr below,
// the rooms headers, authz_core, setenvif, log_config, alias, core and rewrite
// above.
package exprvars

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/expr"
	"sallyport/internal/hosts"
	"sallyport/internal/message"
	"sallyport/internal/tlsvars"
)

// view is an exchange as expressions see it.
type view exchange.Exchange

// varying is a view that notes the request fields it was asked for in the
// response's Vary.
type varying exchange.Exchange

// Of binds expressions to x.
func Of(x *exchange.Exchange) expr.Vars { return (*view)(x) }

// Varying is Of for a condition that decides what the response is: the request
// fields it reads are added to Vary, but for req_novary().
func Varying(x *exchange.Exchange) expr.Vars { return (*varying)(x) }

func (v *varying) Var(n expr.Variable) string {
	if n <= expr.HTTPUserAgent {
		Vary((*exchange.Exchange)(v), fieldNames[n])
	}
	return (*view)(v).Var(n)
}

func (v *varying) Call(f expr.Function, arg string) string {
	if f == expr.Req {
		Vary((*exchange.Exchange)(v), arg)
	}
	return (*view)(v).Call(f, arg)
}

func (v *varying) Other(name string) string          { return (*view)(v).Other(name) }
func (v *varying) Test(t expr.Test, arg string) bool { return (*view)(v).Test(t, arg) }
func (v *varying) ClientIn(n expr.Net) bool          { return (*view)(v).ClientIn(n) }

// Vary adds a field's name to the response's Vary, once; not Host, which every
// cache looks at anyway.
func Vary(x *exchange.Exchange, name string) {
	if message.EqualFold(name, "Host") {
		return
	}
	if old, ok := x.Out.Header.Find("Vary"); !ok || !message.HasToken(old, name) {
		x.Out.Header.Merge("Vary", name)
	}
}

// fieldNames are the fields of the first variables.
var fieldNames = [...]string{
	expr.HTTPAccept: "Accept", expr.HTTPCookie: "Cookie", expr.HTTPForwarded: "Forwarded", expr.HTTPHost: "Host",
	expr.HTTPProxyConnection: "Proxy-Connection", expr.HTTPReferer: "Referer", expr.HTTPUserAgent: "User-Agent",
}

// Var implements expr.Vars.
func (v *view) Var(n expr.Variable) string {
	x := (*exchange.Exchange)(v)
	if n <= expr.HTTPUserAgent {
		return Field(x, fieldNames[n])
	}
	if n >= expr.TimeYear && n <= expr.Time {
		return clock(n, time.Now())
	}
	switch n {
	case expr.RequestMethod:
		return x.Request.Method
	case expr.RequestScheme:
		if x.Server.Scheme != "" {
			return x.Server.Scheme
		}
		if x.Client.TLS != nil {
			return "https"
		}
		return "http"
	case expr.RequestURI, expr.DocumentURI:
		return x.Path
	case expr.RequestFilename, expr.ScriptFilename:
		return Filename(x)
	case expr.LastModified, expr.ScriptUser, expr.ScriptGroup:
		return fileFact(x, n)
	case expr.PathInfo:
		return x.PathInfo
	case expr.QueryString:
		return x.Query
	case expr.IsSubreq:
		return strconv.FormatBool(x.Sub > 0)
	case expr.TheRequest:
		return RequestLine(x)
	case expr.RemoteAddr:
		return x.Client.Addr.Addr().Unmap().String()
	case expr.RemotePort:
		return strconv.Itoa(int(x.Client.Addr.Port()))
	case expr.RemoteHost:
		return remoteHost(x)
	case expr.RemoteUser:
		return x.RemoteUser()
	case expr.ServerName:
		return x.HostName()
	case expr.ServerPort:
		return ServerPort(x)
	case expr.ServerAdmin:
		return x.Server.Admin
	case expr.ServerProtocol:
		return x.Request.Version.String()
	case expr.DocumentRoot, expr.ContextDocumentRoot:
		return x.Server.Core.DocumentRoot
	case expr.AuthType:
		if x.RemoteUser() != "" {
			return x.AuthType
		}
	case expr.ContentType:
		if t, ok := x.Out.Header.Known(message.ContentType); ok {
			return t
		}
		return x.Type.Media
	case expr.Handler:
		switch {
		case x.Handler != "":
			return x.Handler
		case x.Mapped.Kind == exchange.Proxied:
			return "proxy-server"
		case x.Mapped.Kind == exchange.File:
			return x.Type.Media // as in httpd
		}
	case expr.HTTP2:
		return onOff(x.Request.Version == message.HTTP2)
	case expr.HTTPS:
		return onOff(x.Client.TLS != nil)
	case expr.IPv6:
		return onOff(x.Client.Remote.Addr().Is6() && !x.Client.Remote.Addr().Is4In6())
	case expr.RequestStatus:
		if x.Out.Status == 0 {
			return "200"
		}
		return strconv.Itoa(x.Out.Status)
	case expr.RequestLogID:
		if x.LogID == "" {
			if x.LogID = x.Getenv("UNIQUE_ID"); x.LogID == "" {
				x.LogID = errorlog.NewID()
			}
		}
		return x.LogID
	case expr.ConnLogID:
		return errorlog.ConnectionID(x.Client.ID)
	case expr.ConnRemoteAddr:
		return x.Client.Remote.Addr().Unmap().String()
	case expr.ServerSoftware:
		return x.ServerToken()
	case expr.APIVersion:
		return apiVersion
	}
	return ""
}

// apiVersion is the module magic number of the httpd whose language this is.
const apiVersion = "20120211"

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}

// Field returns a request field's value, those of repeated ones joined.
func Field(x *exchange.Exchange, name string) string {
	s, _ := x.Request.Header.Joined(name)
	return s
}

// Filename is httpd's r->filename: the file, or "proxy:" and the URL; "" as
// long as nothing is mapped.
func Filename(x *exchange.Exchange) string {
	switch x.Mapped.Kind {
	case exchange.Proxied:
		return "proxy:" + x.Mapped.URL()
	case exchange.File:
		return x.Mapped.Path
	}
	return ""
}

// RequestLine is the request line as the client sent it.
func RequestLine(x *exchange.Exchange) string {
	if x.Line != "" {
		return x.Line
	}
	target := x.Request.Target
	return x.Request.Method + " " + target + " " + x.Request.Version.String()
}

// ServerPort is the port this server goes by, never 0.
func ServerPort(x *exchange.Exchange) string {
	_, port := x.SelfHost()
	if port == 0 {
		port = 80
		if x.Client.TLS != nil || x.Server.Scheme == "https" {
			port = 443
		}
	}
	return strconv.Itoa(int(port))
}

func remoteHost(x *exchange.Exchange) string {
	if l := x.Place.Core.HostnameLookups; l != exchange.LookupsOff {
		if name := hosts.Name(x.Client, l == exchange.LookupsDouble); name != "" {
			return name
		}
	}
	return x.Client.Addr.Addr().Unmap().String()
}

func clock(n expr.Variable, t time.Time) string {
	switch n {
	case expr.TimeYear:
		return t.Format("2006")
	case expr.TimeMon:
		return t.Format("01")
	case expr.TimeDay:
		return t.Format("02")
	case expr.TimeHour:
		return t.Format("15")
	case expr.TimeMin:
		return t.Format("04")
	case expr.TimeSec:
		return t.Format("05")
	case expr.TimeWday:
		return strconv.Itoa(int(t.Weekday()))
	}
	return t.Format("20060102150405")
}

// Other implements expr.Vars: the variables of a TLS connection, and what
// SSLRequire takes besides.
func (v *view) Other(name string) string { return TLS((*exchange.Exchange)(v), name) }

// TLS is mod_ssl's look-up of a variable (ssl_var_lookup): of the connection, of
// the request, "ENV:name" and "HTTP:field". "" where there is none.
func TLS(x *exchange.Exchange, name string) string {
	if prefix, rest, ok := strings.Cut(name, ":"); ok {
		switch {
		case message.EqualFold(prefix, "ENV"):
			return x.Getenv(rest)
		case message.EqualFold(prefix, "HTTP"):
			return Field(x, rest)
		}
		return ""
	}
	if expr.TLSVariable(name) {
		return tlsvars.Lookup(x.Client, name)
	}
	if n, ok := expr.LookupVariable(name); ok {
		return (*view)(x).Var(n)
	}
	return ""
}

// ClientIn implements expr.Vars.
func (v *view) ClientIn(n expr.Net) bool { return n.Contains(v.Client.Addr.Addr()) }

// Call implements expr.Vars.
func (v *view) Call(f expr.Function, arg string) string {
	x := (*exchange.Exchange)(v)
	switch f {
	case expr.Req, expr.ReqNoVary:
		return Field(x, arg)
	case expr.Resp:
		if s, ok := x.Out.Header.Find(arg); ok {
			return s
		}
		s, _ := x.Always.Find(arg)
		return s
	case expr.ReqEnv:
		return x.Getenv(arg)
	case expr.Note:
		s, _ := x.Notes.Get(arg)
		return s
	case expr.OSEnv:
		return os.Getenv(arg)
	case expr.Env:
		if s, ok := x.Notes.Get(arg); ok {
			return s
		}
		if s, ok := x.Env.Get(arg); ok {
			return s
		}
		return os.Getenv(arg)
	case expr.PeerExt:
		return tlsvars.Extensions(x.Client, arg)
	case expr.File:
		return readFile(x, arg)
	case expr.FileSize:
		fi, err := os.Stat(arg)
		if err != nil || !fi.Mode().IsRegular() {
			return "0"
		}
		return strconv.FormatInt(fi.Size(), 10)
	}
	return ""
}

// maxFile is how much of a file an expression may read (httpd's limit).
const maxFile = 10 << 20

func readFile(x *exchange.Exchange, name string) string {
	fi, err := os.Stat(name)
	if err == nil && !fi.Mode().IsRegular() {
		return ""
	}
	if err == nil && fi.Size() > maxFile {
		x.Logf(errorlog.Error, "core", "expression: file %s is larger than %d bytes", name, maxFile)
		return ""
	}
	b, err := os.ReadFile(name)
	if err != nil {
		x.LogErr(errorlog.Error, "core", err, "expression: cannot read file %s", name)
		return ""
	}
	return string(b)
}

// Prober is an exchange.Runner that can tell what a request for something else
// would meet: for -U and -F.
type Prober interface {
	// Probe takes a request like x for a local URL, or for a file, to the door
	// of its handler, and returns the status it would be stopped with, or 200.
	// If see is given it is shown what came of it.
	Probe(x *exchange.Exchange, target string, file bool, see func(*exchange.Exchange)) (status int)
}

// Test implements expr.Vars.
func (v *view) Test(t expr.Test, arg string) bool { return Test((*exchange.Exchange)(v), t, arg) }

// Test runs a unary operator on a file or URL. A URL that does not begin with a
// slash is one beside the request's, as in ap_sub_req_lookup_uri, and so is a
// file for -F.
func Test(x *exchange.Exchange, t expr.Test, arg string) bool {
	if t == expr.URLReach {
		p, ok := x.Run.(Prober)
		if !strings.HasPrefix(arg, "/") {
			arg = x.Path[:strings.LastIndexByte(x.Path, '/')+1] + arg
		}
		return ok && p.Probe(x, arg, false, nil) < 400
	}
	if arg == "" {
		return false
	}
	switch t {
	case expr.FileReach:
		p, ok := x.Run.(Prober)
		if !filepath.IsAbs(arg) {
			dir := filepath.Dir(x.Mapped.Path) + "/"
			if arg = filepath.Join(dir, arg); x.Mapped.Kind != exchange.File || !strings.HasPrefix(arg, dir) {
				return false
			}
		}
		if !ok {
			return false
		}
		_, err := os.Stat(arg)
		return err == nil && p.Probe(x, arg, true, nil) < 300
	case expr.IsLink:
		fi, err := os.Lstat(arg)
		return err == nil && fi.Mode()&os.ModeSymlink != 0
	}
	fi, err := os.Stat(arg)
	if err != nil {
		return false
	}
	switch t {
	case expr.IsDir:
		return fi.IsDir()
	case expr.IsFile:
		return fi.Mode().IsRegular()
	case expr.NotEmpty:
		return fi.Mode().IsRegular() && fi.Size() > 0
	case expr.IsExec:
		return fi.Mode()&0o111 != 0
	}
	return true
}
