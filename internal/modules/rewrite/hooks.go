package rewrite

import (
	"os"
	"strings"

	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/module"
	"sallyport/internal/storage"
	"sallyport/internal/urlmap"
	wire "sallyport/internal/wire/h1"
)

// compile resolves the servers' rules, ends programs with the snapshot and
// furnishes Places.
func compile(b *module.Build) func(*module.Plan) {
	servers := make([]*config, len(b.Servers))
	main := server.Of(b.Servers[0].Source.Conf)
	for i, sb := range b.Servers {
		own := server.Of(sb.Source.Conf)
		if i > 0 {
			own = host(main, own)
		}
		servers[i] = own
		if own == nil {
			continue
		}
		for _, m := range own.maps {
			if m.kind == "prg" {
				b.Open(module.Opening{Close: m.prog.close})
			}
		}
	}
	return func(p *module.Plan) {
		if s := servers[p.Server.Server.Index]; s != nil && s.engine.V && len(s.rules) > 0 {
			p.Hook(exchange.Translate, module.First, s.translate)
			p.Hook(exchange.Fixup, module.First+2, forced)
		}
		if d := dir.Of(p.Dir); d != nil && d.engine.V && len(d.rules) > 0 && d.directory != "" {
			p.Hook(exchange.Fixup, module.First, d.fixup)
			p.Hook(exchange.Fixup, module.Last-1, resume)
			p.Hook(exchange.Fixup, module.First+2, forced)
		}
	}
}

// host is a virtual host's configuration: it has the main server's rules only
// where options want them, but whether the engine runs is inherited.
func host(main, own *config) *config {
	if main == nil {
		return own
	}
	out := config{}
	if own != nil {
		out = *own
	}
	down := main.options.V.inheritDown || main.options.V.inheritDownBefore
	if own != nil && own.options.Is || !down {
		// As in httpd rules that come down need an engine of the host's own.
		out.engine = out.engine.Over(main.engine)
	}
	out.options = out.options.Over(main.options)
	out.rules = inherit(main, &config{rules: out.rules, options: out.options})
	return &out
}

// over reports an [END] that was met in this exchange.
type over struct{}

func ended(x *exchange.Exchange) bool {
	for _, s := range x.Scratch {
		if _, ok := s.(over); ok {
			return true
		}
	}
	return false
}

// translate runs a server's rules (hook_uri2file).
func (c *config) translate(x *exchange.Exchange) exchange.Verdict {
	if x.Mapped.Kind != exchange.Unmapped || ended(x) ||
		!c.options.V.anyURI && (x.Path == "" || x.Path[0] != '/') {
		return exchange.Declined
	}
	x.Env.Set("SCRIPT_URL", x.Path)
	x.Env.Set("SCRIPT_URI", x.SelfURL(x.Path))
	n := &run{x: x, file: x.Path}
	n.logf(2, "init rewrite engine with requested uri %s", n.file)
	query := x.Query
	res := n.apply(c.rules)
	n.finish()
	switch {
	case res == unchanged:
		n.logf(1, "pass through %s", n.file)
		return exchange.Declined
	case res == refused:
		return exchange.Status(n.status)
	case n.proxied:
		return n.proxy(res)
	case absolute(n.file):
		return n.redirect(res, query)
	}
	if v := n.checkQuery(); v != exchange.OK {
		return v
	}
	if n.passed {
		x.Path = n.file
		return exchange.Declined
	}
	if n.file == "" || n.file[0] != '/' {
		return exchange.Status(400)
	}
	if !n.onDisk(c.options.V) {
		root := x.Server.Core.DocumentRoot
		if root == "" {
			return exchange.Status(404)
		}
		n.file = strings.TrimSuffix(root, "/") + n.file
		n.logf(2, "prefixed with document_root to %s", n.file)
	}
	n.logf(1, "go-ahead with %s [OK]", n.file)
	return storage.Map(x, n.file)
}

// onDisk reports whether the path is already a file's: its first segment
// exists in the root directory (prefix_stat). A first segment that the client
// may have chosen counts only with UnsafePrefixStat.
func (n *run) onDisk(o options) bool {
	if n.last != nil && n.last.to.opensLoose && !n.last.unsafePrefix && !o.legacyPrefix {
		root := strings.TrimSuffix(n.x.Server.Core.DocumentRoot, "/")
		return root != "" && strings.HasPrefix(n.file, root+"/")
	}
	first := n.file
	if i := strings.IndexByte(first[1:], '/'); i >= 0 {
		first = first[:i+1]
	}
	_, err := os.Stat(first)
	return first != "/" && err == nil
}

// finish remembers an [END].
func (n *run) finish() {
	if n.ended {
		n.x.Scratch = append(n.x.Scratch, over{})
	}
}

// proxy hands the URL to the room proxy.
func (n *run) proxy(res result) exchange.Verdict {
	x := n.x
	if n.info != "" {
		n.file += n.info
	}
	if v := n.checkQuery(); v != exchange.OK {
		return v
	}
	x.Mapped = exchange.Mapping{Kind: exchange.Proxied, Path: n.file, Raw: res == changedRaw}
	x.PathInfo = ""
	n.logf(1, "go-ahead with proxy request %s [OK]", "proxy:"+n.file)
	return exchange.OK
}

// checkQuery refuses a query that cannot be sent on.
func (n *run) checkQuery() exchange.Verdict {
	if n.x.HasQuery && !urlmap.Sendable(n.x.Query) {
		n.x.Logf(errorlog.Error, "rewrite", "AH10410: Rewritten query string contains control characters or spaces")
		return exchange.Status(403)
	}
	return exchange.OK
}

// redirect sends the client to the URL; query is what the request came with.
func (n *run) redirect(res result, query string) exchange.Verdict {
	x := n.x
	if res != changedRaw {
		n.logf(1, "escaping %s for redirect", n.file)
		n.file = escapeURL(n.file)
	}
	if x.HasQuery {
		args := x.Query
		if res == changedRaw || args == query {
			if v := n.checkQuery(); v != exchange.OK {
				return v
			}
		} else {
			args = exchange.EscapePath(args)
			n.logf(1, "escaped %s to %s for redirect", x.Query, args)
		}
		n.file += "?" + args
	}
	status := n.status
	if status == 0 {
		status = 302
	}
	if !wire.IsValue(n.file) {
		x.Logf(errorlog.Error, "core", "AH02430: Response header 'Location' value of '%s' contains invalid characters, aborting request", n.file)
		return exchange.Status(500)
	}
	x.Out.Header.Set("Location", n.file)
	n.logf(1, "redirect to %s [REDIRECT/%d]", n.file, status)
	return exchange.Status(status)
}

// escapeURL escapes the path of a URL.
func escapeURL(s string) string {
	const mail = "mailto:"
	if len(s) > len(mail) && strings.EqualFold(s[:len(mail)], mail) {
		return s[:len(mail)] + exchange.EscapePath(s[len(mail):])
	}
	i, _ := scheme(s)
	j := strings.IndexByte(s[i:], '/')
	if j < 0 {
		return s
	}
	return s[:i+j] + exchange.EscapePath(s[i+j:])
}

// fixup runs a section's rules (hook_fixup).
func (c *config) fixup(x *exchange.Exchange) exchange.Verdict {
	if ended(x) {
		return exchange.Declined
	}
	n := &run{x: x, dir: c.directory, info: x.PathInfo}
	switch x.Mapped.Kind {
	case exchange.File:
		n.file = x.Mapped.Path
	case exchange.Proxied:
		n.file, n.proxied = "proxy:"+x.Mapped.URL(), true
	default:
		n.file = x.Path
	}
	if x.Mapped.Kind == exchange.File && x.Mapped.What == exchange.Directory && x.PathInfo == "" {
		if !c.options.V.noSlash && n.file+"/" == n.dir && !strings.HasSuffix(x.Path, "/") {
			return exchange.Declined // the room dir adds the slash first
		}
		if strings.HasSuffix(x.Path, "/") && !strings.HasSuffix(n.file, "/") {
			n.file += "/"
		}
	}
	if core := &x.Place.Core; !core.FollowSymlinks && !core.SymlinksIfOwner {
		x.Logf(errorlog.Error, "rewrite", "AH00670: Options FollowSymLinks and SymLinksIfOwnerMatch are both off, so the RewriteRule directive is also forbidden due to its similar ability to circumvent directory restrictions : %s", n.file)
		return exchange.Status(403)
	}
	before, query, had := n.file, x.Query, x.HasQuery
	n.logf(2, "init rewrite engine with passed filename %s. Original uri = %s", n.file, x.Path)
	res := n.apply(c.rules)
	n.finish()
	switch {
	case res == unchanged:
		n.logf(1, "pass through %s", n.file)
		return exchange.Declined
	case res == refused:
		return exchange.Status(n.status)
	case n.proxied && n.last != nil && n.last.proxy:
		// Unlike httpd: where the URL names a directory its index is not
		// looked for, nor is a slash added, because the backend's paths are
		// its own.
		return n.proxy(res)
	case absolute(n.file):
		n.rebase(c)
		return n.redirect(res, query)
	}
	if v := n.checkQuery(); v != exchange.OK {
		return v
	}
	if n.file == "" || n.file[0] != '/' {
		return exchange.Status(400)
	}
	if n.file == before {
		n.logf(1, "initial URL equal rewritten URL: %s [IGNORING REWRITE]", n.file)
		x.Query, x.HasQuery = query, had
		return exchange.Declined
	}
	target := n.local(c)
	n.logf(1, "internal redirect with %s [INTERNAL REDIRECT]", target)
	target = exchange.EscapePath(target)
	if x.HasQuery {
		target += "?" + x.Query
	}
	if x.Mapped.Kind == exchange.File && x.Mapped.What == exchange.Directory && !strings.HasSuffix(x.Path, "/") {
		// The room dir adds the slash first, if it is to.
		x.Scratch = append(x.Scratch, waiting(target))
		return exchange.Declined
	}
	return enter(x, target)
}

// waiting is the target of an internal redirect that waits for the room dir.
type waiting string

// resume goes on where fixup has waited.
func resume(x *exchange.Exchange) exchange.Verdict {
	for i, s := range x.Scratch {
		if target, ok := s.(waiting); ok {
			x.Scratch = append(x.Scratch[:i], x.Scratch[i+1:]...)
			return enter(x, string(target))
		}
	}
	return exchange.Declined
}

// enter makes the request one for another URL.
func enter(x *exchange.Exchange, target string) exchange.Verdict {
	switch v := x.Run.Redirect(x, target); v {
	case exchange.Declined:
		return exchange.Status(404)
	case exchange.OK:
		if x.Sub > 0 {
			return exchange.OK
		}
		return exchange.Done
	default:
		return v
	}
}

// local is the URL path of a rewritten file: the section's prefix makes way for
// RewriteBase, or DocumentRoot is cut off.
func (n *run) local(c *config) string {
	if base := c.base.V; base != "" {
		if rest, ok := strings.CutPrefix(n.file, n.dir); ok {
			out := strings.TrimSuffix(base, "/") + "/" + rest
			n.logf(2, "trying to replace prefix %s with %s", n.dir, base)
			return out
		}
		return n.file
	}
	root := strings.TrimSuffix(n.x.Server.Core.DocumentRoot, "/")
	if rest, ok := strings.CutPrefix(n.file, root+"/"); ok && root != "" {
		n.logf(2, "strip document_root prefix: %s -> /%s", n.file, rest)
		return "/" + rest
	}
	return n.file
}

// rebase replaces the section's prefix in a URL's path by RewriteBase.
func (n *run) rebase(c *config) {
	base := c.base.V
	i, _ := scheme(n.file)
	j := strings.IndexByte(n.file[i:], '/')
	if base == "" || j < 0 {
		return
	}
	path := n.file[i+j:]
	if n.dir[0] != '/' {
		path = path[1:] // below a prefix that no path has
	}
	if rest, ok := strings.CutPrefix(path, n.dir); ok && n.dir != "/" {
		n.logf(2, "trying to replace prefix %s with %s", n.dir, base)
		n.file = n.file[:i+j] + strings.TrimSuffix(base, "/") + "/" + rest
	}
}

// forced applies what [T] and [H] have noted (hook_mimetype).
func forced(x *exchange.Exchange) exchange.Verdict {
	if v, ok := x.Notes.Get(mediaNote); ok && v != "" {
		x.Type.Media = v
	}
	if v, ok := x.Notes.Get(handlerNote); ok && v != "" {
		x.Handler = v
	}
	return exchange.Declined
}
