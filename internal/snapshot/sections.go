package snapshot

import (
	"slices"
	"sort"
	"strings"

	"sallyport/internal/conf"
	"sallyport/internal/exchange"
	"sallyport/internal/module"
	"sallyport/internal/regex"
)

// section is one <Location>, <Directory>, <Files> or <Proxy> as it is matched.
type section struct {
	src   *conf.Section
	re    *regex.Regex // the Match forms and "~"
	wild  bool         // a shell pattern
	arg   string
	depth int   // <Directory>: path components, for the order
	files []int // <Directory>: the <Files> inside
	ifs   []int // the <If> sections inside
}

// site is one server with everything its requests are matched against. The
// main server's sections come before a virtual host's own.
type site struct {
	build *module.ServerBuild
	plans []func(*module.Plan)

	all       []*section // numbered for the places
	proxies   []int
	dirs      []int // <Directory>, the shortest first, then those by pattern
	files     []int
	locations []int
	ifs       []int            // <If> outside of other sections
	locIndex  map[string][]int // literal <Location> argument → numbers
	locOther  []int            // by pattern
	longest   int              // length of the longest literal argument

	base *node
}

func newSite(sb *module.ServerBuild, main *conf.Server, vhost bool, plans []func(*module.Plan)) *site {
	st := &site{build: sb, plans: plans}
	list := sb.Source.Sections
	if vhost {
		list = slices.Concat(main.Sections, sb.Source.Sections)
	}
	for _, src := range list {
		st.add(src, nil)
	}
	st.sortDirs()
	st.index()
	st.base = &node{dir: sb.Dir, ifs: st.ifs}
	if len(st.locations) > 64 {
		st.base.grow(st, st.locations)
	}
	sb.Server.Locate = st.locate
	return st
}

// add numbers a section that stands in outer, or in none.
func (st *site) add(src *conf.Section, outer *section) {
	n := len(st.all)
	s := &section{src: src, arg: src.Arg, re: src.Pattern}
	switch src.Kind {
	case conf.InLocation:
		st.locations = append(st.locations, n)
		if !src.Regex {
			s.wild = strings.ContainsAny(src.Arg, "*?[")
		}
	case conf.InDirectory:
		st.dirs = append(st.dirs, n)
		if !src.Regex {
			s.arg = strings.TrimRight(src.Arg, "/")
			s.wild = strings.ContainsAny(src.Arg, "*?[")
		}
		s.depth = strings.Count(s.arg, "/")
	case conf.InFiles:
		if outer == nil {
			st.files = append(st.files, n)
		} else {
			outer.files = append(outer.files, n)
		}
		s.wild = !src.Regex && strings.ContainsAny(src.Arg, "*?[")
	case conf.InProxy:
		st.proxies = append(st.proxies, n)
		s.wild = !src.Regex && strings.ContainsAny(src.Arg, "*?[")
	case conf.InIf:
		if outer == nil {
			st.ifs = append(st.ifs, n)
		} else {
			outer.ifs = append(outer.ifs, n)
		}
	default:
		return
	}
	st.all = append(st.all, s)
	for _, inner := range src.Sections {
		st.add(inner, s)
	}
}

// sortDirs puts <Directory> sections in httpd's order: those by regular
// expression last; the fewest slashes first, also in expressions; in the order
// of the file among equals.
func (st *site) sortDirs() {
	slices.SortStableFunc(st.dirs, func(a, b int) int {
		x, y := st.all[a], st.all[b]
		if x.src.Regex != y.src.Regex {
			if x.src.Regex {
				return 1
			}
			return -1
		}
		return x.depth - y.depth
	})
}

// index prepares the look-up of literal locations, so that thousands of them
// cost no more than the segments of a path.
func (st *site) index() {
	st.locIndex = map[string][]int{}
	for _, n := range st.locations {
		s := st.all[n]
		if s.src.Regex || s.wild {
			st.locOther = append(st.locOther, n)
			continue
		}
		st.locIndex[s.arg] = append(st.locIndex[s.arg], n)
		st.longest = max(st.longest, len(s.arg))
	}
}

// appendLocations adds the numbers of the locations that match the path, in
// order.
func (st *site) appendLocations(to []int, x *exchange.Exchange) []int {
	if len(st.locations) == 0 || x.Path == "" {
		return to
	}
	path := x.Path
	if strings.Contains(path, "//") {
		path = mergeSlashes(path)
	}
	from := len(to)
	if len(st.locIndex) > 0 {
		// "/a" covers "/a" and "/a/…", "/a/" only what is below.
		for i := 0; i < len(path) && i <= st.longest; i++ {
			if path[i] == '/' {
				if i > 0 {
					to = append(to, st.locIndex[path[:i]]...)
				}
				to = append(to, st.locIndex[path[:i+1]]...)
			}
		}
		if len(path) <= st.longest && path[len(path)-1] != '/' {
			to = append(to, st.locIndex[path]...)
		}
	}
	for _, n := range st.locOther {
		s := st.all[n]
		if s.wild && fnmatch(s.arg, path, true) || s.re != nil && s.matches(path, x) {
			to = append(to, n)
		}
	}
	sort.Ints(to[from:])
	return to
}

// matches runs the pattern and exports its named groups (MATCH_NAME).
func (s *section) matches(subject string, x *exchange.Exchange) bool {
	names := s.re.Names()
	if len(names) == 0 {
		return s.re.Match(subject)
	}
	m := s.re.Find(subject)
	if m == nil {
		return false
	}
	for i, name := range names {
		if name != "" && 2*i+1 < len(m) && m[2*i] >= 0 {
			x.Env.Set("MATCH_"+strings.ToUpper(name), subject[m[2*i]:m[2*i+1]])
		}
	}
	return true
}

func (st *site) appendProxies(to []int, x *exchange.Exchange) []int {
	if len(st.proxies) == 0 {
		return to
	}
	for _, n := range st.proxies {
		s := st.all[n]
		switch {
		case s.re != nil:
			if !s.matches(x.Mapped.URL(), x) {
				continue
			}
		case s.wild:
			if !fnmatch(s.arg, x.Mapped.URL(), false) {
				continue
			}
		case !x.Mapped.Begins(s.arg):
			continue
		}
		to = append(to, n)
	}
	return to
}

// appendFiles adds the <Directory> sections along the file's path, then the
// <Files> sections, those inside of matching directories included.
func (st *site) appendFiles(to []int, x *exchange.Exchange) []int {
	file := x.Mapped.Path
	dir, name := file, ""
	if x.Mapped.What != exchange.Directory {
		if i := strings.LastIndexByte(file, '/'); i >= 0 {
			dir, name = file[:i], file[i+1:]
		}
	}
	dir = strings.TrimRight(dir, "/")
	// Patterns see what the URL was mapped to: the file, and of a URL that ends
	// in a slash the directory with one, whatever its index is.
	whole := file
	if strings.HasSuffix(x.Path, "/") {
		whole = dir + "/"
	}
	first := len(to)
	for _, n := range st.dirs {
		s := st.all[n]
		switch {
		case s.re != nil:
			if !s.matches(whole, x) {
				continue
			}
		case s.wild:
			if !wildDir(s.arg, dir) {
				continue
			}
		case dir != s.arg && !(strings.HasPrefix(dir, s.arg) && dir[len(s.arg)] == '/'):
			continue
		}
		to = append(to, n)
	}
	if name == "" {
		return to
	}
	dirs := to[first:]
	to = st.appendNamed(to, st.files, name, x)
	for _, n := range dirs {
		to = st.appendNamed(to, st.all[n].files, name, x)
	}
	return to
}

// appendNamed adds those of the <Files> sections that match a name.
func (st *site) appendNamed(to, files []int, name string, x *exchange.Exchange) []int {
	for _, n := range files {
		s := st.all[n]
		if s.re != nil && s.matches(name, x) || s.wild && fnmatch(s.arg, name, true) ||
			s.re == nil && !s.wild && s.arg == name {
			to = append(to, n)
		}
	}
	return to
}

// wildDir matches a pattern against a directory or one above it.
func wildDir(pattern, dir string) bool {
	want := strings.Count(pattern, "/")
	have := 0
	for i := 1; i <= len(dir); i++ {
		if i == len(dir) || dir[i] == '/' {
			if have++; have == want {
				return fnmatch(pattern, dir[:i], true)
			}
		}
	}
	return false
}

func mergeSlashes(p string) string {
	b := make([]byte, 0, len(p))
	for i := 0; i < len(p); i++ {
		if p[i] == '/' && i > 0 && p[i-1] == '/' {
			continue
		}
		b = append(b, p[i])
	}
	return string(b)
}

// fnmatch is apr_fnmatch: "*", "?", "[…]" and "\"; with pathname none of them
// matches "/".
func fnmatch(p, s string, pathname bool) bool {
	for {
		if p == "" {
			return s == ""
		}
		switch p[0] {
		case '*':
			for len(p) > 0 && p[0] == '*' {
				p = p[1:]
			}
			for i := 0; ; i++ {
				if fnmatch(p, s[i:], pathname) {
					return true
				}
				if i == len(s) || pathname && s[i] == '/' {
					return false
				}
			}
		case '?':
			if s == "" || pathname && s[0] == '/' {
				return false
			}
			p, s = p[1:], s[1:]
		case '[':
			if s == "" || pathname && s[0] == '/' {
				return false
			}
			ok, rest := class(p[1:], s[0])
			if rest == "" && !ok {
				return false
			}
			if !ok {
				return false
			}
			p, s = rest, s[1:]
		case '\\':
			if len(p) > 1 {
				p = p[1:]
			}
			fallthrough
		default:
			if s == "" || p[0] != s[0] {
				return false
			}
			p, s = p[1:], s[1:]
		}
	}
}

// class matches c against a bracket expression behind "[" and returns what
// follows it.
func class(p string, c byte) (ok bool, rest string) {
	neg := p != "" && (p[0] == '!' || p[0] == '^')
	if neg {
		p = p[1:]
	}
	for first := true; p != "" && (first || p[0] != ']'); first = false {
		lo := p[0]
		if lo == '\\' && len(p) > 1 {
			p = p[1:]
			lo = p[0]
		}
		p = p[1:]
		hi := lo
		if len(p) > 1 && p[0] == '-' && p[1] != ']' {
			hi = p[1]
			p = p[2:]
		}
		if lo <= c && c <= hi {
			ok = true
		}
	}
	if p == "" {
		return false, "" // unclosed
	}
	return ok != neg, p[1:]
}
