package snapshot

import (
	"fmt"
	"io"
	"strings"

	"sallyport/internal/exchange"
)

// WriteHosts prints the virtual hosts as httpd's -S does: per address the
// default server, then each with its names.
func (s *Snapshot) WriteHosts(w io.Writer) {
	fmt.Fprintln(w, "VirtualHost configuration:")
	for _, set := range s.hosts.order {
		if len(set.Servers) == 1 {
			srv := set.Servers[0]
			fmt.Fprintf(w, "%-22s %s (%s)\n", set.Addr, srv.Name, srv.DefinedAt)
			writeAliases(w, set.Names[0], "                 ")
			continue
		}
		fmt.Fprintf(w, "%-22s is a NameVirtualHost\n", set.Addr)
		fmt.Fprintf(w, "         default server %s (%s)\n", set.Servers[0].Name, set.Servers[0].DefinedAt)
		for i, srv := range set.Servers {
			port := "*"
			if set.Port != 0 {
				port = fmt.Sprint(set.Port)
			}
			fmt.Fprintf(w, "         port %s namevhost %s (%s)\n", port, srv.Name, srv.DefinedAt)
			writeAliases(w, set.Names[i], "                 ")
		}
	}
}

func writeAliases(w io.Writer, names []Name, indent string) {
	for _, n := range names {
		switch n.Kind {
		case Alias:
			fmt.Fprintf(w, "%salias %s\n", indent, n.Text)
		case WildAlias:
			fmt.Fprintf(w, "%swild alias %s\n", indent, n.Text)
		}
	}
}

// Summary tells in a few words what the snapshot serves.
func (s *Snapshot) Summary() string {
	n := len(s.Servers) - 1
	switch n {
	case 0:
		return "one server, no virtual hosts"
	case 1:
		return "one virtual host, " + s.Servers[1].Server.Name
	}
	var names []string
	seen := map[*exchange.Server]bool{}
	for _, set := range s.hosts.order {
		for _, srv := range set.Servers {
			if !seen[srv] && len(names) < 5 {
				seen[srv] = true
				names = append(names, srv.Name)
			}
		}
	}
	more := ""
	if n > len(names) {
		more = ", …"
	}
	return fmt.Sprintf("%d virtual hosts (%s%s)", n, strings.Join(names, ", "), more)
}
