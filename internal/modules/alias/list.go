package alias

import (
	"sync"

	"sallyport/internal/diag"
	"sallyport/internal/regex"
	"sallyport/internal/urlmap"
)

// line is one Alias or Redirect line with a path or pattern.
type line struct {
	fake      string       // the path, or the pattern's text
	regex     *regex.Regex // nil: fake is a prefix
	real      string       // file or URL; "" for a status alone
	status    int          // of a redirect
	handler   string
	directive string
	pos       diag.Position
}

// list is the lines of one scope in the order of the file. The map is made
// when it is first asked: most of ten thousand virtual hosts may never be.
type list struct {
	lines []*line
	once  sync.Once
	m     *urlmap.Map
}

func (l *list) compiled() *urlmap.Map {
	l.once.Do(func() {
		patterns := make([]urlmap.Pattern, len(l.lines))
		for i, ln := range l.lines {
			if ln.regex != nil {
				patterns[i].Regex = ln.regex
			} else {
				patterns[i].Prefix = ln.fake
			}
		}
		l.m = urlmap.New(patterns)
	})
	return l.m
}

// layers are lists to be asked one after the other.
type layers []*list

// add puts a line at the end of the scope's own list, which is the first.
func (ls *layers) add(ln *line) {
	if *ls == nil {
		*ls = layers{new(list)}
	}
	own := (*ls)[0]
	own.lines = append(own.lines, ln)
}

// then asks ls before outer.
func (ls layers) then(outer layers) layers {
	if len(ls) == 0 {
		return outer
	}
	if len(outer) == 0 {
		return ls
	}
	return append(append(layers(nil), ls...), outer...)
}

// first finds the first line that matches.
func (ls layers) first(path string) (*line, urlmap.Hit) {
	for _, l := range ls {
		if hit := l.compiled().First(path, 0); hit.Index >= 0 {
			return l.lines[hit.Index], hit
		}
	}
	return nil, urlmap.Hit{}
}

// overlaps calls found for each prefix line whose path an earlier line of the
// same list takes.
func (ls layers) overlaps(found func(ln, earlier *line)) {
	if len(ls) == 0 {
		return
	}
	own := ls[0]
	for i, ln := range own.lines {
		if ln.regex != nil {
			continue
		}
		if hit := own.compiled().First(ln.fake, 0); hit.Index >= 0 && hit.Index < i {
			found(ln, own.lines[hit.Index])
		}
	}
}
