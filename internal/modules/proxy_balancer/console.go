package proxy_balancer

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"sallyport/internal/exchange"
	"sallyport/internal/manager"
	"sallyport/internal/page"
)

// The console is one page made here, whole, for every request: it works in a
// browser without scripts. The script beside it (assets/console.js) fills in
// what has changed since, from a stream (live.go), and opens the forms in a
// dialogue.

//go:embed assets/console.css
var styleSheet []byte

//go:embed assets/console.js
var script []byte

// look is one request for the console.
type look struct {
	*site
	x    *exchange.Exchange
	base string // URL of the console, escaped: "/balancer-manager/console"
	home string // of the plain page
	now  time.Time
	buf  bytes.Buffer
}

// console answers below the console's path: base is the path in front of it,
// rest what follows.
func (s *site) console(x *exchange.Exchange, base, rest string) exchange.Verdict {
	l := &look{site: s, x: x, now: s.now(), home: exchange.EscapePath(base), base: exchange.EscapePath(base + consolePath)}
	if l.home == "" {
		l.home = "/"
	}
	reads := x.Request.Method == "GET" || x.Request.Method == "HEAD"
	switch {
	case reads && (rest == "" || rest == "/"):
		q := parseForm(x.Query)
		switch {
		case q["b"] != "":
			return l.editPage(q, nil)
		case q["undo"] != "":
			return l.undoPage(q)
		}
		return l.overview(q)
	case reads && rest == "/history":
		return l.history(parseForm(x.Query))
	case reads && rest == "/style.css":
		return l.asset("text/css; charset=utf-8", styleSheet)
	case reads && rest == "/script.js":
		return l.asset("text/javascript; charset=utf-8", script)
	case reads && rest == "/live":
		return l.live()
	case reads && rest == "/hour":
		return l.hour()
	case x.Request.Method == "POST" && rest == "/preview":
		return l.post(false)
	case x.Request.Method == "POST" && rest == "/apply":
		return l.post(true)
	case x.Request.Method == "POST" && rest == "/undo":
		return l.undo()
	}
	return exchange.Status(404)
}

func (l *look) asset(kind string, data []byte) exchange.Verdict {
	l.x.Out.Header.Set("Cache-Control", "no-cache")
	tag := `"` + assetTag(data) + `"`
	l.x.Out.Header.Set("ETag", tag)
	if got, ok := l.x.Request.Header.Find("If-None-Match"); ok && got == tag {
		return exchange.Status(304)
	}
	return page.Send(l.x, 200, kind, data)
}

func assetTag(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}

// token must come with every change that the console makes; the same as long
// as the process lives.
func (s *site) token() string {
	h := hmac.New(sha256.New, s.reg.Secret())
	h.Write([]byte("console\x00" + s.key))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func (l *look) p(format string, args ...any) { fmt.Fprintf(&l.buf, format, args...) }

// e is page.Escape; every text on the page goes through it.
func e(s string) string { return page.Escape(s) }

// head begins a page.
func (l *look) head(title, current string) {
	l.p(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>%s &#183; %s</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="%s/style.css?%s">
<script src="%s/script.js?%s" defer></script>
</head>
<body data-base="%s">
<a class="skip" href="#main">Skip to content</a>
<header class="top">
<p class="brand"><svg viewBox="0 0 24 24" aria-hidden="true"><path d="M4 21V8l8-5 8 5v13h-5v-6a3 3 0 0 0-6 0v6z"/></svg>Sallyport <span>%s</span></p>
<nav aria-label="Console">
`, e(title), e(l.x.HostName()), l.base, assetTag(styleSheet), l.base, assetTag(script), l.base, e(l.x.HostName()))
	for _, tab := range [...]struct{ id, url, text string }{
		{"balancers", l.base, "Balancers"}, {"history", l.base + "/history", "History"}, {"plain", l.home, "Plain page"},
	} {
		here := ""
		if tab.id == current {
			here = ` aria-current="page"`
		}
		l.p("<a href=\"%s\"%s>%s</a>\n", tab.url, here, tab.text)
	}
	l.p(`</nav>
<p class="tools"><span id="live" class="live" role="status" hidden></span><button type="button" id="theme" class="quiet" hidden>Theme</button></p>
</header>
<main id="main" tabindex="-1">
`)
}

// send ends a page and sends it.
func (l *look) send(status int) exchange.Verdict {
	l.p("</main>\n<footer><p>Sallyport balancer manager</p></footer>\n</body>\n</html>\n")
	l.x.Out.Header.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	return page.Send(l.x, status, "text/html; charset=utf-8", l.buf.Bytes())
}

// message is a box at the top of a page. kind: "good", "bad", "warn".
func (l *look) message(kind, title string, lines ...string) {
	role := "status"
	if kind == "bad" {
		role = "alert"
	}
	l.p("<div class=\"message %s\" role=\"%s\"><p><strong>%s</strong></p>\n", kind, role, e(title))
	if len(lines) > 0 {
		l.p("<ul>\n")
		for _, t := range lines {
			l.p("<li>%s</li>\n", e(t))
		}
		l.p("</ul>\n")
	}
	l.p("</div>\n")
}

// url is the console's address of a balancer or member.
func (l *look) url(b *manager.Status, m *manager.MemberStatus) string {
	s := l.base + "?b=" + page.QueryEscape(b.Key.Name)
	if m != nil {
		s += "&w=" + page.QueryEscape(m.URL)
	}
	return e(s)
}

// hidden are the fields every form carries.
func (l *look) hidden(b *manager.Status, m *manager.MemberStatus) {
	l.p("<input type=\"hidden\" name=\"token\" value=\"%s\"><input type=\"hidden\" name=\"at\" value=\"%s\"><input type=\"hidden\" name=\"b\" value=\"%s\">",
		l.token(), l.manager.Version(), e(b.Key.Name))
	if m != nil {
		l.p("<input type=\"hidden\" name=\"w\" value=\"%s\">", e(m.URL))
	}
}

// find finds what b= and w= name, as they stand in the console's own links.
func (l *look) find(q form) (*manager.Status, *manager.MemberStatus) {
	st, ok := l.manager.At(l.key).Balancer(q["b"])
	if !ok {
		return nil, nil
	}
	if q["w"] == "" {
		return &st, nil
	}
	return &st, st.Member(q["w"])
}

// redirect sends the browser to another page of the console after a change.
func (l *look) redirect(to string) exchange.Verdict {
	l.x.Out.Header.Set("Location", to)
	return page.Send(l.x, 303, "text/plain", []byte("Done: "+to+"\n"))
}

// missing answers for a balancer or member that is not (or no longer) there.
func (l *look) missing(q form) exchange.Verdict {
	l.head("Not there", "")
	what := "There is no balancer " + q["b"]
	if q["w"] != "" {
		what += " with a member " + q["w"]
	}
	l.message("bad", what+".")
	l.p("<p><a href=\"%s\">All balancers</a></p>\n", l.base)
	return l.send(404)
}

// join leaves out what is empty.
func join(list []string, sep string) string {
	var out []string
	for _, s := range list {
		if s != "" {
			out = append(out, s)
		}
	}
	return strings.Join(out, sep)
}
