package syntax

import "sallyport/internal/diag"

// Node is one directive or section as written: no meaning attached.
type Node struct {
	Name    string // as spelled; for a section without "<"
	Args    string // the rest of the line (without ">"), outer space trimmed, not yet split
	Pos     diag.Position
	End     diag.Position // of the closing line, for a section
	Section bool
	// Bare marks a section whose opening line has no closing ">". That is for
	// the section's own directive to complain about, as in httpd.
	Bare bool
	// Unclosed marks a section without a closing line of its own: what stands
	// in it may have been meant to stand behind it.
	Unclosed bool
	Children []*Node
}

// Title is the name as messages show it: "Listen", "<Location>".
func (n *Node) Title() string {
	if n.Section {
		return "<" + n.Name + ">"
	}
	return n.Name
}
