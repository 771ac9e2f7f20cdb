package conf

import (
	"reflect"
	"slices"

	"sallyport/internal/diag"
)

// Vector holds the typed configuration of one scope (a server, a section): at
// most one value per Key. A scope in which no directive of a room stands has
// no entry for it, so that empty scopes cost nothing. Written while the text
// is loaded, immutable afterwards; merging never changes its inputs.
type Vector []entry

type entry struct {
	key   any // *Key[T]; identity is the key
	value any // *T
	merge func(outer, inner any) any
}

// Key is a room's handle on its own configuration type T. A room makes one
// with NewServerKey (per server and virtual host: httpd's server config) or
// NewDirKey (per section: httpd's directory config) in a package variable.
type Key[T any] struct {
	Room  string
	Dir   bool // per section rather than per server
	Merge func(outer, inner *T) *T
	// New makes the empty value; nil: new(T).
	New func() *T
}

// NewServerKey makes the key of a room's per-server configuration.
func NewServerKey[T any](room string) *Key[T] { return &Key[T]{Room: room} }

// NewDirKey makes the key of a room's per-section configuration.
func NewDirKey[T any](room string) *Key[T] { return &Key[T]{Room: room, Dir: true} }

// Of returns the room's configuration in v; nil when no directive set any.
// Callers must not change it.
func (k *Key[T]) Of(v Vector) *T {
	for i := range v {
		if v[i].key == any(k) {
			return v[i].value.(*T)
		}
	}
	return nil
}

// In returns the configuration of the scope the directive stands in, made on
// first use, for the setter to change.
func (k *Key[T]) In(c *Cmd) *T {
	if k.Dir {
		return k.Make(c.Scope.Dir)
	}
	return k.Make(c.Scope.Server)
}

// Make returns the configuration in v, adding an empty one when there is none.
func (k *Key[T]) Make(v *Vector) *T {
	if t := k.Of(*v); t != nil {
		return t
	}
	t := new(T)
	if k.New != nil {
		t = k.New()
	}
	*v = append(*v, entry{key: k, value: t, merge: func(outer, inner any) any {
		if k.Merge != nil {
			return k.Merge(outer.(*T), inner.(*T))
		}
		return Overlay(outer.(*T), inner.(*T))
	}})
	return t
}

// With is v with another configuration of the room in the place of its own.
func (k *Key[T]) With(v Vector, t *T) Vector {
	var out Vector
	for i := range v {
		if v[i].key != any(k) {
			out = append(out, v[i])
		}
	}
	*k.Make(&out) = *t
	return out
}

// room names the room that owns the entry.
func (e *entry) room() string { return e.key.(interface{ room() string }).room() }

func (k *Key[T]) room() string { return k.Room }

// Only is v without the configuration of other rooms.
func (v Vector) Only(rooms ...string) Vector {
	var out Vector
	for i := range v {
		if slices.Contains(rooms, v[i].room()) {
			out = append(out, v[i])
		}
	}
	return out
}

// Merge lays inner over outer and returns the result; entries that stand in
// only one of the two are shared, not copied.
func Merge(outer, inner Vector) Vector {
	if len(outer) == 0 {
		return inner
	}
	if len(inner) == 0 {
		return outer
	}
	out := make(Vector, len(outer), len(outer)+len(inner))
	copy(out, outer)
next:
	for _, in := range inner {
		for i := range out {
			if out[i].key == in.key {
				out[i].value = in.merge(out[i].value, in.value)
				continue next
			}
		}
		out = append(out, in)
	}
	return out
}

// Overlay is the usual merge of a configuration struct, field by field: an Opt
// of inner covers that of outer; slices are joined, outer first (httpd's way
// with lists); maps are united, inner winning; anything else is taken from
// inner unless it is zero. It runs while a configuration is built, never for a
// request.
func Overlay[T any](outer, inner *T) *T {
	out := *inner
	dst := reflect.ValueOf(&out).Elem()
	src := reflect.ValueOf(outer).Elem()
	for i := range dst.NumField() {
		d, s := dst.Field(i), src.Field(i)
		if !d.CanSet() {
			panic("conf: " + dst.Type().String() + "." + dst.Type().Field(i).Name + " is not exported: give its Key a Merge")
		}
		if o, ok := d.Interface().(interface{ isSet() bool }); ok {
			if !o.isSet() {
				d.Set(s)
			}
			continue
		}
		switch d.Kind() {
		case reflect.Slice:
			if s.Len() > 0 {
				all := reflect.MakeSlice(d.Type(), 0, s.Len()+d.Len())
				d.Set(reflect.AppendSlice(reflect.AppendSlice(all, s), d))
			}
		case reflect.Map:
			if s.Len() > 0 {
				all := reflect.MakeMap(d.Type())
				for _, m := range []reflect.Value{s, d} {
					for it := m.MapRange(); it.Next(); {
						all.SetMapIndex(it.Key(), it.Value())
					}
				}
				d.Set(all)
			}
		default:
			if d.IsZero() {
				d.Set(s)
			}
		}
	}
	return &out
}

// Set stores v in the Opt that field picks, with the directive's position.
func set[T any, V any](k *Key[T], c *Cmd, field func(*T) *Opt[V], v V) {
	*field(k.In(c)) = Opt[V]{V: v, Is: true, Pos: c.Pos}
}

// Flag makes the setter of an On/Off directive (Args: Flag).
func (k *Key[T]) Flag(field func(*T) *Opt[bool]) Setter {
	return func(c *Cmd, args []string) error {
		set(k, c, field, args[0] == "on")
		return nil
	}
}

// Text makes the setter of a directive with one free word (Args: One).
func (k *Key[T]) Text(field func(*T) *Opt[string]) Setter {
	return func(c *Cmd, args []string) error {
		set(k, c, field, args[0])
		return nil
	}
}

// Do makes a setter from a function that gets the scope's configuration.
func (k *Key[T]) Do(f func(c *Cmd, t *T, args []string) error) Setter {
	return func(c *Cmd, args []string) error { return f(c, k.In(c), args) }
}

// Some wraps a value set on the line of c.
func Some[V any](c *Cmd, v V) Opt[V] {
	var pos diag.Position
	if c != nil {
		pos = c.Pos
	}
	return Opt[V]{V: v, Is: true, Pos: pos}
}
