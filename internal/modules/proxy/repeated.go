package proxy

import (
	"strings"

	"sallyport/internal/message"
)

// joinRepeated joins the fields of a repeated name in one, at the place of the
// first: what httpd does with every request it reads. It is done when the
// request is mapped, before RequestHeader rules run, for what they add stays a
// line of its own.
func joinRepeated(h *message.Header) {
	var known, other uint64 // which names are there; other: perhaps
	for i := range h.Fields {
		f := &h.Fields[i]
		if f.Known != message.Other {
			bit := uint64(1) << f.Known
			if known&bit != 0 {
				joinFrom(h, i)
				return
			}
			known |= bit
			continue
		}
		bit := nameBit(f.Name)
		if other&bit != 0 && (i >= manyFields || find(h.Fields[:i], f) >= 0) {
			joinFrom(h, i)
			return
		}
		other |= bit
	}
}

// manyFields is the number of fields that are compared one by one.
const manyFields = 128

func nameBit(name string) uint64 {
	if name == "" {
		return 1
	}
	return uint64(1) << ((len(name)*8 + int(name[0]|0x20)) & 63)
}

func find(fields []message.Field, f *message.Field) int {
	for i := range fields {
		if fields[i].Known == f.Known && message.EqualFold(fields[i].Name, f.Name) {
			return i
		}
	}
	return -1
}

// joinFrom goes on from field n, the first that is a repetition. Names are
// looked up in a map, for a client may send thousands.
func joinFrom(h *message.Header, n int) {
	index := make(map[string]int, len(h.Fields))
	for i := range h.Fields[:n] {
		index[strings.ToLower(h.Fields[i].Name)] = i
	}
	values := map[int]*strings.Builder{}
	kept := h.Fields[:n]
	for _, f := range h.Fields[n:] {
		name := strings.ToLower(f.Name)
		i, ok := index[name]
		if !ok {
			index[name] = len(kept)
			kept = append(kept, f)
			continue
		}
		b := values[i]
		if b == nil {
			b = &strings.Builder{}
			b.WriteString(kept[i].Value)
			values[i] = b
		}
		b.WriteString(", ")
		b.WriteString(f.Value)
	}
	clear(h.Fields[len(kept):])
	h.Fields = kept
	for i, b := range values {
		h.Fields[i].Value = b.String()
	}
}
