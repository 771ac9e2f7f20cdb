package conf

import "sallyport/internal/diag"

// Opt is one setting: whether it was set, its value, and on which line. The
// zero Opt is unset. Laying an inner Opt over an outer one is the whole merge.
type Opt[T any] struct {
	V   T
	Is  bool
	Pos diag.Position
}

// Or gives the value, or def when nothing was set.
func (o Opt[T]) Or(def T) T {
	if o.Is {
		return o.V
	}
	return def
}

// Over lays o over outer: o where it is set, else outer.
func (o Opt[T]) Over(outer Opt[T]) Opt[T] {
	if o.Is {
		return o
	}
	return outer
}

func (o Opt[T]) isSet() bool { return o.Is }
