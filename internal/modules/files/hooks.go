// Package files is the default handler: what is left of a request that nobody
// else wants is a file below DocumentRoot or where an Alias led, or it is not
// there. In httpd this is part of the core; here it is a room of its own, with
// no directives and always loaded.
//
// # To the newcomer
//
// hooks.go maps the paths that no other room took, keeps links of directories
// out, decides what to answer and sends it; conditions.go asks whether the
// client has the file already (RFC 9110 §13), ranges.go which parts it wants
// (§14), and head.go makes the fields, at last also those of other handlers:
// what the type checker found and the default charset. Looking and opening is
// package storage's, types are the room mime's, indexes the room dir's.
package files

import (
	"strings"

	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/module"
	"sallyport/internal/storage"
)

// Room is the default handler. It comes behind all other rooms in the list of
// rooms, for its hooks are meant to run last.
var Room = module.Room{
	Name:    "files",
	Source:  "core_files.c",
	Static:  true,
	Compile: compile,
}

// place is what the room knows of one Place.
type place struct {
	core *exchange.DirSettings
	etag etagParts
}

func compile(*module.Build) func(*module.Plan) {
	return func(p *module.Plan) {
		w := &place{core: &p.Place.Core, etag: parseETag(p.Place.Core.FileETag)}
		if root := p.Server.Server.Core.DocumentRoot; root != "" {
			root = strings.TrimSuffix(root, "/")
			prefix := strings.TrimSuffix(p.Server.Server.Path, "/")
			p.Hook(exchange.Translate, module.Last, func(x *exchange.Exchange) exchange.Verdict {
				return translate(x, root, prefix)
			})
		}
		p.Hook(exchange.Head, module.First, checkLinks)
		if w.core.ForceType != "" {
			p.Hook(exchange.Fixup, module.First+1, w.forceType) // behind the type checker
		}
		p.Hook(exchange.Handle, module.Last, w.handle)
		p.Hook(exchange.Respond, module.Last, w.finish)
	}
}

// translate maps what nobody else did below DocumentRoot. prefix is ServerPath,
// which stands for it.
func translate(x *exchange.Exchange, root, prefix string) exchange.Verdict {
	if x.Path == "" || x.Path[0] != '/' {
		x.Logf(errorlog.Error, "core", "AH00126: Invalid URI in request %s %s %s", x.Request.Method, x.Request.Target, x.Request.Version)
		return exchange.Status(400)
	}
	path := x.Path
	if rest, ok := strings.CutPrefix(path, prefix); ok && (rest == "" || rest[0] == '/') {
		path = rest
	}
	return storage.Map(x, root+path)
}

// checkLinks enforces the symlink rules on a directory before anything (a
// redirect, an index) tells that it is there. Files are checked as they are
// opened.
func checkLinks(x *exchange.Exchange) exchange.Verdict {
	if x.Mapped.Kind == exchange.File && x.Mapped.What == exchange.Directory {
		if v := storage.Check(x); v != exchange.OK {
			return v
		}
	}
	return exchange.Declined
}

// forceType lets ForceType have the last word on what a file is.
func (w *place) forceType(x *exchange.Exchange) exchange.Verdict {
	if x.Mapped.What != exchange.Directory {
		x.Type.Media = w.core.ForceType
	}
	return exchange.Declined
}

// programs are the handlers of httpd modules that run a file instead of
// sending it.
//
// Unlike httpd: without the module it sends the program's text. We keep it to
// ourselves.
var programs = map[string]string{
	"cgi-script": "mod_cgi", "fcgid-script": "mod_fcgid", "wsgi-script": "mod_wsgi",
	"application/x-httpd-php": "mod_php", "php-script": "mod_php", "php7-script": "mod_php",
	"perl-script": "mod_perl", "modperl": "mod_perl", "server-parsed": "mod_include",
}

// handle answers with the file (httpd's default_handler).
func (w *place) handle(x *exchange.Exchange) exchange.Verdict {
	if x.Mapped.Kind != exchange.File && x.Mapped.Kind != exchange.Unmapped {
		return exchange.Declined
	}
	switch method := x.Request.Method; method {
	case "GET", "HEAD", "POST":
	case "OPTIONS":
		return options(x)
	default:
		x.Always.Set("Allow", allow(x))
		if !known(x, method) {
			x.Logf(errorlog.Error, "core", "AH00135: Invalid method in request %s %s %s", method, x.Request.Target, x.Request.Version)
			return exchange.Status(501)
		}
		return exchange.Status(405)
	}
	switch {
	case x.Mapped.What == exchange.Directory && w.core.Indexes && x.Handler == "":
		x.Logf(errorlog.Error, "autoindex", "AH01276: Cannot serve directory %s: No matching DirectoryIndex found, and directory listings are not made here", x.Mapped.Path)
		return exchange.Status(403)
	case x.Mapped.What == exchange.Directory:
		x.Logf(errorlog.Info, "core", "AH00129: Attempt to serve directory: %s", x.Mapped.Path)
		return exchange.Status(404)
	case x.Mapped.What != exchange.Regular:
		x.Logf(errorlog.Info, "core", "AH00128: File does not exist: %s%s", x.Mapped.Path, x.PathInfo)
		return exchange.Status(404)
	case x.PathInfo != "" && w.core.AcceptPathInfo != "on":
		x.Logf(errorlog.Info, "core", "AH00130: File does not exist: %s%s", x.Mapped.Path, x.PathInfo)
		return exchange.Status(404)
	}
	if mod := programs[x.Handler]; mod != "" {
		x.Logf(errorlog.Error, "core", "handler \"%s\" of %s is not there: %s is not sent as a file", x.Handler, mod, x.Mapped.Path)
		return exchange.Status(500)
	}
	return w.send(x)
}

// options answers OPTIONS with what the default handler can do.
func options(x *exchange.Exchange) exchange.Verdict {
	x.Out.Status = 200
	x.Out.Header.Set("Allow", allow(x))
	x.Out.Body.Length = 0
	x.Begin()
	return exchange.Done
}

// allow lists the methods the default handler takes.
func allow(x *exchange.Exchange) string {
	if x.Server.Core.TraceEnable == exchange.TraceOff {
		return "GET,POST,OPTIONS,HEAD"
	}
	return "GET,POST,OPTIONS,HEAD,TRACE"
}

// methods are the ones httpd knows besides those handled; any other is
// answered with 501 rather than 405.
const methods = " PUT DELETE CONNECT PATCH PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK" +
	" VERSION-CONTROL CHECKOUT UNCHECKOUT CHECKIN UPDATE LABEL REPORT MKWORKSPACE MKACTIVITY" +
	" BASELINE-CONTROL MERGE "

func known(x *exchange.Exchange, method string) bool {
	if strings.Contains(methods, " "+method+" ") {
		return true
	}
	for _, m := range x.Server.Core.Methods {
		if m == method {
			return true
		}
	}
	return false
}
