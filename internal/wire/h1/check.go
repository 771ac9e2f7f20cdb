package h1

import (
	"slices"

	"sallyport/internal/message"
)

// CheckRequest holds a request that came in fields (HTTP/2, HTTP/3) to what
// ParseRequest demands of text: method, target, names and values without a
// byte that would change its meaning once it is written as HTTP/1.1, within the
// same limits.
func CheckRequest(r *message.Request, lim *Limits, opt Options) *Problem {
	if len(r.Target) > lim.Line {
		return problemLineLong
	}
	if !isToken(r.Method) {
		return problemMethod
	}
	if opt.Registered && !registered(r.Method) && !slices.Contains(opt.Methods, r.Method) {
		return problemNotRegistered
	}
	if r.Target == "" {
		return problemNoTarget
	}
	for i := 0; i < len(r.Target); i++ {
		if class[r.Target[i]]&cTarget == 0 {
			return problemTarget
		}
	}
	if lim.Fields > 0 && len(r.Header.Fields) > lim.Fields {
		return problemFieldsMany
	}
	for i := range r.Header.Fields {
		f := &r.Header.Fields[i]
		switch {
		case len(f.Name)+len(f.Value)+2 > lim.FieldSize+1:
			return problemFieldLong
		case f.Known == message.Other && !isToken(f.Name):
			return problemName
		case !IsValue(f.Value):
			return problemValueCtl
		}
	}
	return nil
}
