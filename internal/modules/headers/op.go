package headers

import (
	"strings"

	"sallyport/internal/exchange"
	"sallyport/internal/expr"
	"sallyport/internal/exprvars"
	"sallyport/internal/message"
	"sallyport/internal/regex"
	"sallyport/internal/urlmap"
)

// verb is what a line does to a field.
type verb uint8

const (
	set verb = iota
	setIfEmpty
	add
	appendTo
	merge
	unset
	echo
	note
	edit
	editAll
)

var verbs = map[string]verb{
	"set": set, "setifempty": setIfEmpty, "add": add, "append": appendTo, "merge": merge,
	"unset": unset, "echo": echo, "note": note, "edit": edit, "edit*": editAll,
}

// op is one Header or RequestHeader line. Immutable once read.
type op struct {
	verb  verb
	name  string // of the field, without colon
	known message.Known
	// value is the new value; for note the note's name, for edit the
	// replacement (whose $1 are filled in afterwards).
	value  format
	regex  *regex.Regex // of edit and echo
	env    string       // only if this variable is set …
	unless bool         // … or rather unset
	cond   *expr.Cond   // … and only if this holds
	early  bool
}

func (o *op) setName(name string) {
	o.name, o.known = name, message.Lookup(name)
}

// applies reports whether the condition of the line holds. An early op has
// none.
func (o *op) applies(x *exchange.Exchange) bool {
	if o.cond != nil {
		return o.cond.Eval(exprvars.Varying(x), nil)
	}
	return o.env == "" || x.Env.Has(o.env) != o.unless
}

// table is one of the three header tables a line can work on.
type table uint8

const (
	request table = iota
	onSuccess
	always
)

// run does the op on h, which is x's table t.
func (o *op) run(x *exchange.Exchange, h *message.Header, t table) {
	if !o.applies(x) {
		return
	}
	if o.known == message.ContentType && t != request && o.verb != echo && o.verb != note {
		o.contentType(x, t)
		return
	}
	if t == request {
		o.join(h)
	}
	switch o.verb {
	case set:
		o.set(h, o.value.value(x))
	case setIfEmpty:
		if !o.has(h) {
			h.Add(o.name, o.value.value(x))
		}
	case add:
		h.Add(o.name, o.value.value(x))
	case appendTo:
		h.Merge(o.name, o.value.value(x))
	case merge:
		v := o.value.value(x)
		if old, ok := h.Find(o.name); !ok || !listed(old, v) {
			h.Merge(o.name, v)
		}
	case unset:
		h.Del(o.name)
	case echo:
		o.echo(x, h)
	case note:
		if v, ok := h.Find(o.name); ok {
			x.Notes.Set(o.value.value(x), v)
		}
	case edit, editAll:
		o.edit(x, h)
	}
}

func (o *op) has(h *message.Header) bool {
	_, ok := h.Find(o.name)
	return ok
}

// is reports whether f bears the op's name.
func (o *op) is(f *message.Field) bool {
	return f.Known == o.known && (o.known != message.Other || message.EqualFold(f.Name, o.name))
}

// set makes v the only value. A field that is there keeps its place and, as in
// httpd, its spelling.
func (o *op) set(h *message.Header, v string) {
	for i := range h.Fields {
		if o.is(&h.Fields[i]) {
			h.Fields[i].Value = v
			first := i
			at := -1
			h.DelFunc(func(f *message.Field) bool {
				at++
				return at > first && o.is(f)
			})
			return
		}
	}
	h.Add(o.name, v)
}

// join makes one field of several of the request, as httpd does with every
// field when it reads a request: else "append" would change only the first.
func (o *op) join(h *message.Header) {
	n := 0
	for i := range h.Fields {
		if o.is(&h.Fields[i]) {
			n++
		}
	}
	if n > 1 {
		v, _ := h.Joined(o.name)
		o.set(h, v)
	}
}

// echo copies the request's fields whose names match, letter case included.
func (o *op) echo(x *exchange.Exchange, h *message.Header) {
	for i := range x.Request.Header.Fields {
		if f := &x.Request.Header.Fields[i]; o.regex.Match(f.Name) {
			h.Fields = append(h.Fields, *f)
		}
	}
}

// edit replaces in every field of the name; as in httpd they then stand at
// the end.
func (o *op) edit(x *exchange.Exchange, h *message.Header) {
	var done []message.Field
	h.DelFunc(func(f *message.Field) bool {
		if !o.is(f) {
			return false
		}
		done = append(done, *f)
		return true
	})
	if done == nil {
		return
	}
	with := o.value.value(x)
	for _, f := range done {
		f.Value = o.replace(f.Value, with)
		h.Fields = append(h.Fields, f)
	}
}

// replace edits one value: the first match, or for edit* each one, every
// search beginning anew behind the last (so that "^" can match again).
func (o *op) replace(value, with string) string {
	m := o.regex.Find(value)
	if m == nil {
		return value
	}
	var b []byte
	rest := value
	for ; m != nil; m = o.regex.Find(rest) {
		b = append(b, rest[:m[0]]...)
		b = urlmap.Subst(b, with, rest, m)
		end := m[1]
		if o.verb == editAll && end == m[0] {
			// Unlike httpd, which would replace nothing for ever: a match
			// of no length takes the next byte along.
			if end == len(rest) {
				rest = ""
				break
			}
			b = append(b, rest[end])
			end++
		}
		rest = rest[end:]
		if o.verb == edit {
			break
		}
	}
	return oneLine(string(append(b, rest...)))
}

// contentType does the op on a response's Content-Type, of which there is only
// one in the end, wherever it was set: in the header by whoever made the
// response, or in x.Type by the type checker.
//
// As in httpd "add", "append" and "merge" have no effect where a type is known.
func (o *op) contentType(x *exchange.Exchange, t table) {
	h := &x.Out.Header
	old, inHeader := h.Known(message.ContentType)
	inAlways := false
	if !inHeader {
		if old, inAlways = x.Always.Known(message.ContentType); !inAlways {
			old = x.Type.Media
		}
	}
	put := func(v string) {
		x.Type.Media = ""
		if t == always {
			h.DelKnown(message.ContentType)
			h = &x.Always
		} else {
			x.Always.DelKnown(message.ContentType)
		}
		h.Set("Content-Type", v)
	}
	switch o.verb {
	case set:
		put(o.value.value(x))
	case setIfEmpty:
		if !inHeader && !inAlways {
			put(o.value.value(x))
		}
	case add, appendTo, merge:
		if old == "" {
			put(o.value.value(x))
		}
	case unset:
		x.Type.Media = ""
		h.DelKnown(message.ContentType)
		x.Always.DelKnown(message.ContentType)
	case edit, editAll:
		if old == "" {
			return
		}
		switch v := o.replace(old, o.value.value(x)); {
		case inHeader:
			h.Set("Content-Type", v)
		case inAlways:
			x.Always.Set("Content-Type", v)
		default:
			x.Type.Media = v
		}
	}
}

// listed reports whether v is a member of the comma-separated list, letter
// case and quotes included. A comma between quotes separates nothing.
func listed(list, v string) bool {
	for list != "" {
		list = strings.TrimLeft(list, " \t\r\n\v\f")
		end, quoted := 0, false
		for end < len(list) && (quoted || list[end] != ',') {
			if list[end] == '"' {
				quoted = !quoted
			}
			end++
		}
		if list[:end] == v {
			return true
		}
		list = strings.TrimPrefix(list[end:], ",")
	}
	return false
}
