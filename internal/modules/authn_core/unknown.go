package authn_core

import (
	"slices"
	"strings"

	"sallyport/internal/diag"
)

// Unknown is the error for a provider name in word n that is not known.
func Unknown(name string, known []string, n int) error {
	slices.Sort(known)
	e := &diag.Err{Text: "Unknown Authn provider: " + name, Expected: "one of: " + strings.Join(known, ", "), Word: n}
	if m := Module(name); m != "" {
		e.Hint = "LoadModule " + m + "_module modules/mod_" + m + ".so"
	}
	return e
}
