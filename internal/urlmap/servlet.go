package urlmap

import "strings"

// MatchServlet matches a still encoded path against a prefix as servlet
// containers read paths (mapping=servlet): parameters (";x=y") are no part of
// a segment's name, empty and "." segments do not count, ".." takes a segment
// back; it is then that "/a/..;x/b" is "/b".
//
// It returns how many bytes of path the prefix took (0: no match), and the
// path as the servlet sees it, which Location sections are matched against.
// Parameters behind the last segment of a prefix without final slash are not
// taken when more segments follow: they travel on. Those further in front, and
// those at the very end, are gone.
func MatchServlet(path, prefix string) (n int, seen string) {
	if path == "" || path[0] != '/' || prefix == "" || prefix[0] != '/' {
		return 0, ""
	}
	var kept []segment
	slash := true  // the path as seen ends in a slash
	popped := true // a ".." took the last segment back: what stood there is gone
	first := 1
	for i := 0; i < len(path); {
		for i < len(path) && path[i] == '/' {
			i++
			if !slash {
				first, slash, popped = i, true, false
			} else if first == i-1 {
				first = i // one run of slashes
			}
		}
		if i == len(path) {
			break
		}
		from := i
		for i < len(path) && path[i] != '/' && path[i] != ';' {
			i++
		}
		name := i
		for i < len(path) && path[i] != '/' {
			i++
		}
		switch path[from:name] {
		case "", ".":
			// ";x" alone, or "here": nothing to see, but carried along.
		case "..":
			if len(kept) == 0 {
				return 0, ""
			}
			kept = kept[:len(kept)-1]
			slash, popped = true, true
		default:
			s := segment{first: first, from: from, name: name}
			if popped {
				s.first = from
			}
			kept = append(kept, s)
			slash = false
		}
	}
	var b strings.Builder
	for _, s := range kept {
		b.WriteByte('/')
		b.WriteString(path[s.from:s.name])
	}
	if slash || len(kept) == 0 {
		b.WriteByte('/')
	}
	seen = b.String()

	want := strings.FieldsFunc(prefix, func(r rune) bool { return r == '/' })
	below := strings.HasSuffix(prefix, "/") // matches only what is below it
	if len(want) > len(kept) || below && len(want) == len(kept) && !slash {
		return 0, ""
	}
	for i, w := range want {
		if w != path[kept[i].from:kept[i].name] {
			return 0, ""
		}
	}
	if len(want) == len(kept) { // nothing follows but perhaps a slash
		if below || path[len(path)-1] != '/' || len(want) == 0 {
			return len(path), seen
		}
		return len(path) - 1, seen
	}
	next := kept[len(want)]
	if below || len(want) == 0 {
		return next.first, seen
	}
	if last := kept[len(want)-1]; path[last.name] == ';' {
		return last.name, seen
	}
	return next.first - 1, seen
}

// segment is one segment of a path that counts: its name is path[from:name].
// first is where what is carried along with it begins: at from, or at "." and
// empty segments in front of it.
type segment struct{ first, from, name int }
