package mime

import (
	"strings"
	"sync"

	"sallyport/internal/exchange"
	"sallyport/internal/module"
)

// entry is what one extension means, ready for use.
type entry struct {
	media             *media
	untyped           bool // the types file does not count
	charset, encoding string
	languages         []string // one or none
	handler           string
}

// table is the compiled dirConf of a Place; many share one.
type table struct {
	types       map[string]*media // of the types file
	extensions  map[string]*entry
	language    []string // DefaultLanguage
	usePathInfo bool
}

// compile reads the types file and furnishes every Place: any file may have a
// type, and as in httpd what is proxied has one too, for a backend that names
// none.
func compile(b *module.Build) func(*module.Plan) {
	types := loadTypes(b)
	none := &table{types: types}
	var mu sync.Mutex
	tables := map[*dirConf]*table{}
	return func(p *module.Plan) {
		t := none
		if d := dir.Of(p.Dir); d != nil {
			mu.Lock()
			if t = tables[d]; t == nil {
				t = newTable(d, types)
				tables[d] = t
			}
			mu.Unlock()
		}
		p.Hook(exchange.Fixup, module.First, t.fixup)
	}
}

func newTable(d *dirConf, types map[string]*media) *table {
	t := &table{types: types, usePathInfo: d.usePathInfo.V, extensions: map[string]*entry{}}
	if d.language.Is {
		t.language = []string{d.language.V}
	}
	for ext, m := range d.resolved() {
		e := &entry{charset: m[charset], encoding: m[encoding], handler: m[handler]}
		switch m[mediaType] {
		case "":
		case untyped:
			e.untyped = true
		default:
			e.media = parseMedia(m[mediaType])
		}
		if m[language] != "" {
			e.languages = []string{m[language]}
		}
		t.extensions[ext] = e
	}
	return t
}

// fixup finds out the type of what x is mapped to (httpd's find_ct).
func (t *table) fixup(x *exchange.Exchange) exchange.Verdict {
	name := x.Mapped.Path
	switch x.Mapped.Kind {
	case exchange.Proxied:
		if name = x.Mapped.Rest; name == "" {
			name = urlPath(x.Mapped.Path)
		}
	case exchange.File:
		if x.Mapped.What == exchange.Directory {
			return exchange.Declined
		}
		if t.usePathInfo {
			name += x.PathInfo
		}
	default:
		return exchange.Declined
	}
	t.check(x, name[strings.LastIndexByte(name, '/')+1:])
	return exchange.Declined
}

// check goes through the extensions of a name. Dots in front and the first
// part are no extension: ".html" has none.
func (t *table) check(x *exchange.Exchange, name string) {
	var (
		found *media
		cs    string
		to    = &x.Type
	)
	_, rest, more := strings.Cut(strings.TrimLeft(name, "."), ".")
	for more {
		var ext string
		if ext, rest, more = strings.Cut(rest, "."); ext == "" {
			continue
		}
		ext = strings.ToLower(ext)
		e := t.extensions[ext]
		if e == nil || e.media == nil && !e.untyped {
			if m := t.types[ext]; m != nil {
				found = m
			}
		}
		if e == nil {
			continue
		}
		if e.media != nil {
			found = e.media
		}
		if e.charset != "" {
			cs = e.charset
		}
		switch {
		case e.encoding == "":
		case to.Encoding == "":
			to.Encoding = e.encoding
		default:
			to.Encoding += ", " + e.encoding
		}
		switch {
		case e.languages == nil:
		case to.Languages == nil:
			to.Languages = e.languages
		default:
			to.Languages = append(to.Languages[:len(to.Languages):len(to.Languages)], e.languages...)
		}
		if e.handler != "" && x.Mapped.Kind != exchange.Proxied && x.Place.Core.Handler == "" {
			x.Handler = e.handler
		}
	}
	if found != nil {
		to.Media = found.with(cs)
	}
	if to.Languages == nil {
		to.Languages = t.language
	}
}

// urlPath is the path of an absolute URL.
func urlPath(url string) string {
	if i := strings.IndexAny(url, "?#"); i >= 0 {
		url = url[:i]
	}
	i := strings.Index(url, "://")
	if i < 0 {
		return url
	}
	if j := strings.IndexByte(url[i+3:], '/'); j >= 0 {
		return url[i+3+j:]
	}
	return ""
}
