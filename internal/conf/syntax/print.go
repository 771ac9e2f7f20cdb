package syntax

import "strings"

// Print writes nodes as text that Parse reads back to the same nodes (their
// positions apart). Comments, blank lines and the original indentation are
// gone; arguments keep their spelling.
func Print(nodes []*Node) string {
	var b strings.Builder
	printAll(&b, nodes, 0)
	return b.String()
}

func printAll(b *strings.Builder, nodes []*Node, depth int) {
	for _, n := range nodes {
		indent(b, depth)
		if !n.Section {
			head(b, n.Name, n.Args)
			continue
		}
		name := "<" + n.Name
		if n.Args == "" {
			head(b, name+">", "")
		} else {
			// One ">" at the end of the name is not part of it.
			if strings.HasSuffix(name, ">") {
				name += ">"
			}
			args := n.Args
			if !n.Bare {
				args += ">"
			}
			head(b, name, args)
		}
		printAll(b, n.Children, depth+1)
		indent(b, depth)
		head(b, "</"+n.Name+">", "")
	}
}

func indent(b *strings.Builder, depth int) {
	for range depth {
		b.WriteString("    ")
	}
}

// head writes one line of a name and arguments.
func head(b *strings.Builder, name, args string) {
	word := Quote(name)
	if word[0] == '#' {
		word = quoted(name) // else it would be a comment
	}
	b.WriteString(word)
	if args != "" {
		b.WriteByte(' ')
		b.WriteString(args)
	}
	if strings.HasSuffix(word, `\`) && args == "" || strings.HasSuffix(args, `\`) {
		b.WriteByte(' ') // else it would continue on the next line
	}
	b.WriteByte('\n')
}
