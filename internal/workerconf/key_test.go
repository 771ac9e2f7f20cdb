package workerconf

import (
	"slices"
	"strings"
	"testing"
)

// spell writes a Key as key= has it.
func (k Key) spell() string {
	var b strings.Builder
	for _, it := range k.Items {
		switch {
		case it.Kind == 0:
			b.WriteString(it.Name)
		case it.Name != "":
			b.WriteString("%{" + it.Name + "}" + string(it.Kind))
		default:
			b.WriteString("%" + string(it.Kind))
		}
	}
	return b.String()
}

func FuzzParseKey(f *testing.F) {
	for _, s := range []string{"%a", "%{c}a", "%{X-User}i%U%q", "a%{B}Cc%{d}e%m%V", "%", "%{", "%{}i", "%z", "%%a", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		k, err := ParseKey(text)
		if err != nil {
			return
		}
		if len(k.Items) == 0 {
			t.Fatalf("%q: no items", text)
		}
		// What was read and written again reads the same.
		again, err := ParseKey(k.spell())
		if err != nil || !slices.Equal(again.Items, k.Items) {
			t.Errorf("%q: %v, then %v %v", text, k, again, err)
		}
	})
}
