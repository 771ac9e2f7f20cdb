package conf

import "sallyport/internal/diag"

// RunBody executes the children of a section directive in scope s (nil: the
// scope the section stands in), collecting their errors in the loader's list.
func (c *Cmd) RunBody(s *Scope) { panic("conf: loader to come") }

// Warn adds a warning at this directive.
func (c *Cmd) Warn(text, hint string) { _ = diag.Warning; panic("conf: loader to come") }

// Loader reads a configuration: see Load.
type Loader struct{}
