package exchange

// Vars is a small ordered set of named texts: an environment, notes. Names are
// compared exactly as httpd's subprocess_env does in effect: without regard to
// case. The zero Vars is empty.
type Vars struct {
	list []pair
}

type pair struct{ name, value string }

// Get returns the value and whether the name is set.
func (v *Vars) Get(name string) (string, bool) {
	for i := range v.list {
		if equalFold(v.list[i].name, name) {
			return v.list[i].value, true
		}
	}
	return "", false
}

// Has reports whether the name is set.
func (v *Vars) Has(name string) bool {
	_, ok := v.Get(name)
	return ok
}

// Set gives the name a value, in its old place if it was set.
func (v *Vars) Set(name, value string) {
	for i := range v.list {
		if equalFold(v.list[i].name, name) {
			v.list[i] = pair{name, value}
			return
		}
	}
	v.list = append(v.list, pair{name, value})
}

// Unset forgets the name.
func (v *Vars) Unset(name string) {
	for i := range v.list {
		if equalFold(v.list[i].name, name) {
			v.list = append(v.list[:i], v.list[i+1:]...)
			return
		}
	}
}

// Reset forgets all and keeps the memory.
func (v *Vars) Reset() {
	clear(v.list)
	v.list = v.list[:0]
}

// Len is the number of names set.
func (v *Vars) Len() int { return len(v.list) }

// All yields names and values in the order they were first set.
func (v *Vars) All() func(yield func(name, value string) bool) {
	return func(yield func(string, string) bool) {
		for _, p := range v.list {
			if !yield(p.name, p.value) {
				return
			}
		}
	}
}

// Clone returns an independent copy.
func (v *Vars) Clone() Vars { return Vars{append([]pair(nil), v.list...)} }

func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		x, y := a[i], b[i]
		if x != y && (x|0x20 != y|0x20 || x|0x20 < 'a' || x|0x20 > 'z') {
			return false
		}
	}
	return true
}
