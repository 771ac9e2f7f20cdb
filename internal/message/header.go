package message

import "strings"

// Field is one header line as received: Name in its own spelling, Value
// without the white space around it. Known is found once, by Lookup.
type Field struct {
	Name, Value string
	Known       Known
}

// Header is the field section of a message in order of arrival. Repeated names
// stay separate fields. The zero Header is empty and ready to use.
type Header struct {
	Fields []Field
}

// Reset empties the header and keeps its memory.
func (h *Header) Reset() {
	clear(h.Fields)
	h.Fields = h.Fields[:0]
}

// Get returns the first value of the named field; "" when there is none.
// The name is compared without regard to case, as all names below.
func (h *Header) Get(name string) string {
	v, _ := h.Find(name)
	return v
}

// Find returns the first value of the named field and whether it is there.
func (h *Header) Find(name string) (string, bool) {
	k := Lookup(name)
	for i := range h.Fields {
		if h.Fields[i].is(k, name) {
			return h.Fields[i].Value, true
		}
	}
	return "", false
}

// Known returns the first value of a well-known field and whether it is there.
func (h *Header) Known(k Known) (string, bool) {
	for i := range h.Fields {
		if h.Fields[i].Known == k {
			return h.Fields[i].Value, true
		}
	}
	return "", false
}

// Has reports whether a well-known field is there.
func (h *Header) Has(k Known) bool {
	_, ok := h.Known(k)
	return ok
}

// Joined returns all values of the named field joined by ", " (RFC 9110 §5.3),
// and whether there is any.
func (h *Header) Joined(name string) (string, bool) {
	k := Lookup(name)
	var v string
	found := false
	for i := range h.Fields {
		if !h.Fields[i].is(k, name) {
			continue
		}
		if found {
			v += ", " + h.Fields[i].Value
		} else {
			v, found = h.Fields[i].Value, true
		}
	}
	return v, found
}

// Values returns all values of the named field in order; nil when none.
func (h *Header) Values(name string) []string {
	k := Lookup(name)
	var vs []string
	for i := range h.Fields {
		if h.Fields[i].is(k, name) {
			vs = append(vs, h.Fields[i].Value)
		}
	}
	return vs
}

// Add appends a field, whatever is there already.
func (h *Header) Add(name, value string) {
	h.Fields = append(h.Fields, Field{name, value, Lookup(name)})
}

// AddKnown appends a well-known field under its canonical spelling.
func (h *Header) AddKnown(k Known, value string) {
	h.Fields = append(h.Fields, Field{k.String(), value, k})
}

// Set makes value the only one of the named field: the first field of that
// name keeps its place and takes the value and the spelling, the others go; a
// new field goes last.
func (h *Header) Set(name, value string) {
	k := Lookup(name)
	out := h.Fields[:0]
	done := false
	for _, f := range h.Fields {
		if f.is(k, name) {
			if done {
				continue
			}
			f.Name, f.Value, done = name, value, true
		}
		out = append(out, f)
	}
	clear(h.Fields[len(out):])
	h.Fields = out
	if !done {
		h.Fields = append(h.Fields, Field{name, value, k})
	}
}

// Merge appends value to the first field of that name as ", value"; a missing
// field is added (apr_table_merge's way).
func (h *Header) Merge(name, value string) {
	k := Lookup(name)
	for i := range h.Fields {
		if h.Fields[i].is(k, name) {
			h.Fields[i].Value += ", " + value
			return
		}
	}
	h.Fields = append(h.Fields, Field{name, value, k})
}

// Unite makes one field of a well-known list, in the place of the first, that
// names each member once, with nothing but a comma between them (httpd's
// fixup_vary). Letters' case does not tell members apart.
func (h *Header) Unite(k Known) {
	first, n := -1, 0
	for i := range h.Fields {
		if h.Fields[i].Known == k {
			if n++; n == 1 {
				first = i
			}
		}
	}
	if n == 0 || n == 1 && strings.IndexByte(h.Fields[first].Value, ',') < 0 {
		return
	}
	var v string
	for i := first; i < len(h.Fields); i++ {
		if h.Fields[i].Known != k {
			continue
		}
		for member := range Tokens(h.Fields[i].Value) {
			switch {
			case v == "":
				v = member
			case !HasToken(v, member):
				v += "," + member
			}
		}
	}
	if v == "" {
		return
	}
	h.Fields[first].Value = v
	at := -1
	h.DelFunc(func(f *Field) bool { at++; return at > first && f.Known == k })
}

// Del removes every field of that name.
func (h *Header) Del(name string) {
	k := Lookup(name)
	h.DelFunc(func(f *Field) bool { return f.is(k, name) })
}

// DelKnown removes every field of a well-known name.
func (h *Header) DelKnown(k Known) {
	for i := range h.Fields {
		if h.Fields[i].Known == k {
			h.DelFunc(func(f *Field) bool { return f.Known == k })
			return
		}
	}
}

// DelFunc removes the fields for which drop says true, keeping the order.
func (h *Header) DelFunc(drop func(*Field) bool) {
	out := h.Fields[:0]
	for i := range h.Fields {
		if !drop(&h.Fields[i]) {
			out = append(out, h.Fields[i])
		}
	}
	clear(h.Fields[len(out):])
	h.Fields = out
}

// CopyFrom makes h a copy of src that shares no memory but the strings.
func (h *Header) CopyFrom(src *Header) {
	h.Fields = append(h.Fields[:0], src.Fields...)
}

// manyFields is the number of fields from which Join looks for repeated names
// with a map instead of a search.
const manyFields = 256

// Join makes one field of those that share a name, at the place of the first,
// their values joined by ", ": what a recipient may do (RFC 9110 §5.3), and what
// httpd does with a request. It costs little where no name is repeated.
func (h *Header) Join() {
	var known, other uint64 // names met; other: a hash, so perhaps
	for i := range h.Fields {
		f := &h.Fields[i]
		if f.Known != Other {
			if bit := uint64(1) << f.Known; known&bit == 0 {
				known |= bit
				continue
			}
		} else if n := len(f.Name); n > 0 {
			bit := uint64(1) << ((n*8 + int(f.Name[0]|0x20) + int(f.Name[n-1]|0x20)) & 63)
			if other&bit == 0 {
				other |= bit
				continue
			}
		}
		h.joinFrom(i)
		return
	}
}

// joinFrom is Join where the first i fields are known to be distinct.
func (h *Header) joinFrom(i int) {
	out := h.Fields[:i]
	var index map[string]int
	if len(h.Fields) > manyFields {
		index = make(map[string]int, len(h.Fields))
		for k := range out {
			index[lower(out[k].Name)] = k
		}
	}
next:
	for _, f := range h.Fields[i:] {
		if index != nil {
			name := lower(f.Name)
			if k, ok := index[name]; ok {
				out[k].Value += ", " + f.Value
				continue
			}
			index[name] = len(out)
		} else {
			for k := range out {
				if out[k].Known == f.Known && EqualFold(out[k].Name, f.Name) {
					out[k].Value += ", " + f.Value
					continue next
				}
			}
		}
		out = append(out, f)
	}
	clear(h.Fields[len(out):])
	h.Fields = out
}

func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

func (f *Field) is(k Known, name string) bool {
	if k != Other || f.Known != Other {
		return f.Known == k
	}
	return EqualFold(f.Name, name)
}

// EqualFold compares two strings byte by byte without regard to the case of
// ASCII letters: what HTTP means by case-insensitive.
func EqualFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		x, y := a[i], b[i]
		if x == y {
			continue
		}
		if x|0x20 != y|0x20 || x|0x20 < 'a' || x|0x20 > 'z' {
			return false
		}
	}
	return true
}

// HasToken reports whether the comma-separated list holds the token, compared
// without regard to case (RFC 9110 §5.6.1).
func HasToken(list, token string) bool {
	for tok := range Tokens(list) {
		if EqualFold(tok, token) {
			return true
		}
	}
	return false
}

// Tokens yields the non-empty members of a comma-separated list, white space
// around them removed. Quoted strings are not understood: not for lists whose
// members may hold commas.
func Tokens(list string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for len(list) > 0 {
			var tok string
			i := 0
			for i < len(list) && list[i] != ',' {
				i++
			}
			tok = list[:i]
			if i < len(list) {
				i++
			}
			list = list[i:]
			for len(tok) > 0 && (tok[0] == ' ' || tok[0] == '\t') {
				tok = tok[1:]
			}
			for len(tok) > 0 && (tok[len(tok)-1] == ' ' || tok[len(tok)-1] == '\t') {
				tok = tok[:len(tok)-1]
			}
			if tok != "" && !yield(tok) {
				return
			}
		}
	}
}
