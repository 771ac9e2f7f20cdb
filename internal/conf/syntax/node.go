package syntax

import "sallyport/internal/diag"

// Node is one directive or section as written: no meaning attached.
type Node struct {
	Name     string // as spelled; for a section without "<"
	Args     string // the rest of the line (without ">"), outer space trimmed, not yet split
	Pos      diag.Position
	End      diag.Position // of the closing line, for a section
	Section  bool
	Children []*Node
}
