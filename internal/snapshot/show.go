package snapshot

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"sallyport/internal/exchange"
)

// WriteHosts prints the virtual hosts as httpd's -S does: per address the
// default server, then each with its names.
func (s *Snapshot) WriteHosts(w io.Writer) {
	fmt.Fprintln(w, "VirtualHost configuration:")
	for _, set := range s.hosts.shown() {
		if len(set.Servers) == 1 {
			srv := set.Servers[0]
			fmt.Fprintf(w, "%-22s %s (%s)\n", set.Addr, srv.Name, srv.DefinedAt)
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
			writeAliases(w, set.Names[i])
		}
	}
}

// shown gives the sets in the order in which httpd prints them: those of
// addresses by their place in its hash table, then those of any address; in
// both the one used by the latest of the virtual hosts last.
func (h *hosts) shown() []*Set {
	var out []*Set
	seen := map[*Set]bool{}
	// httpd goes through the servers from the last to the first, and puts what
	// is new at the head of its lists.
	for end := len(h.uses); end > 0; {
		begin := end - 1
		for begin > 0 && h.uses[begin-1].server == h.uses[end-1].server {
			begin--
		}
		for _, u := range h.uses[begin:end] {
			if !seen[u.set] {
				seen[u.set] = true
				out = append(out, u.set)
			}
		}
		end = begin
	}
	slices.Reverse(out)
	slices.SortStableFunc(out, func(a, b *Set) int { return a.bucket() - b.bucket() })
	return out
}

// bucket is the place in httpd's table (vhost.c, hash_addr).
func (s *Set) bucket() int {
	if !s.IP.IsValid() {
		return 256 // behind all of them
	}
	b := s.IP.AsSlice()
	b = b[len(b)-4:]
	return int(b[0] ^ b[2] ^ b[1] ^ b[3])
}

func writeAliases(w io.Writer, names []Name) {
	for _, kind := range []struct {
		NameKind
		title string
	}{{Alias, "alias"}, {WildAlias, "wild alias"}} {
		for _, n := range names {
			if n.Kind == kind.NameKind {
				fmt.Fprintf(w, "                 %s %s\n", kind.title, n.Text)
			}
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
	for _, set := range s.hosts.shown() {
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
