package archtest

import (
	"go/ast"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestImports holds every package to its row in ARCHITECTURE.md. A row whose
// name ends in "/*" stands for the packages below that have no row of their
// own; a row that begins with "+" adds to that.
func TestImports(t *testing.T) {
	allowed := map[string][]string{}
	plus := map[string]bool{}
	for _, r := range table(t, read(t, "ARCHITECTURE.md"), "Package") {
		may := codes(r[2])
		extra := strings.HasPrefix(r[2], "+")
		for _, name := range codes(r[0]) {
			if _, twice := allowed[name]; twice {
				t.Errorf("ARCHITECTURE.md: two rows for %s", name)
			}
			allowed[name], plus[name] = may, extra
		}
	}
	used := map[string]bool{}
	packages := map[string]bool{}
	for _, s := range sources(t) {
		packages[s.Pkg] = true
	}
	permit := func(pkg string) (may []string, ok bool) {
		may, own := allowed[pkg]
		if own {
			used[pkg] = true
			if !plus[pkg] {
				return may, true
			}
		}
		if i := strings.LastIndexByte(pkg, '/'); i > 0 {
			if group, ok := allowed[pkg[:i]+"/*"]; ok {
				used[pkg[:i]+"/*"] = true
				return append(slices.Clone(group), may...), true
			}
		}
		return may, own
	}
	for _, s := range sources(t) {
		may, ok := permit(s.Pkg)
		if !ok {
			t.Errorf("ARCHITECTURE.md: no row for package %s", s.Pkg)
			allowed[s.Pkg] = nil // say it once
			continue
		}
		for _, spec := range s.AST.Imports {
			path, _ := strconv.Unquote(spec.Path.Value)
			name, ours := strings.CutPrefix(path, "sallyport/internal/")
			if !ours && !strings.Contains(strings.Split(path, "/")[0], ".") {
				continue // the standard library
			}
			if !slices.Contains(may, name) && !groupHas(may, name) {
				t.Errorf("%s imports %s, which its row in ARCHITECTURE.md does not allow", s.Name, name)
			}
		}
	}
	for name, may := range allowed {
		if !used[name] {
			t.Errorf("ARCHITECTURE.md: a row for %s, which is not there", name)
		}
		for _, m := range may {
			if !strings.Contains(m, ".") && !strings.HasSuffix(m, "/*") && !packages[m] {
				t.Errorf("ARCHITECTURE.md: %s may import %s, which is not there", name, m)
			}
		}
	}
}

// groupHas reports whether a word such as "modules/*" covers name.
func groupHas(may []string, name string) bool {
	i := strings.LastIndexByte(name, '/')
	return i > 0 && slices.Contains(may, name[:i]+"/*")
}

// TestPure keeps the packages that ARCHITECTURE.md calls pure free of sockets,
// files, clocks and goroutines.
func TestPure(t *testing.T) {
	pure := codes(paragraph(t, "**Pure:**"))
	if len(pure) < 5 {
		t.Fatalf("pure packages found: %v", pure)
	}
	for _, s := range sources(t) {
		if !slices.Contains(pure, s.Pkg) {
			continue
		}
		for _, spec := range s.AST.Imports {
			switch path, _ := strconv.Unquote(spec.Path.Value); path {
			case "net", "os", "io/fs", "syscall", "net/http", "os/exec", "context", "golang.org/x/sys/unix":
				t.Errorf("%s imports %s", s.Name, path)
			}
		}
		ast.Inspect(s.AST, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s starts a goroutine", s.Set.Position(n.Pos()))
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && x.Obj == nil {
					switch n.Sel.Name {
					case "Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick":
						t.Errorf("%s uses time.%s", s.Set.Position(n.Pos()), n.Sel.Name)
					}
				}
			}
			return true
		})
	}
}

// paragraph returns the paragraph of ARCHITECTURE.md that begins so.
func paragraph(t *testing.T, begin string) string {
	t.Helper()
	for p := range strings.SplitSeq(read(t, "ARCHITECTURE.md"), "\n\n") {
		if strings.HasPrefix(p, begin) {
			return p
		}
	}
	t.Fatalf("ARCHITECTURE.md: no paragraph %q", begin)
	return ""
}

// TestGoroutines wants every start of a goroutine in the inventory, by its file.
func TestGoroutines(t *testing.T) {
	listed := map[string]bool{}
	for _, r := range table(t, read(t, "ARCHITECTURE.md"), "Goroutine") {
		for _, name := range codes(r[1]) {
			if strings.HasSuffix(name, ".go") {
				listed[name] = false
			}
		}
	}
	for _, s := range sources(t) {
		if s.Pkg == "proxytest" {
			continue
		}
		ast.Inspect(s.AST, func(n ast.Node) bool {
			if !starts(n) {
				return true
			}
			name := strings.TrimPrefix(s.Name, "internal/")
			if _, ok := listed[name]; !ok {
				t.Errorf("%s: a goroutine that is not in ARCHITECTURE.md's inventory", s.Set.Position(n.Pos()))
			}
			listed[name] = true
			return true
		})
	}
	for name, found := range listed {
		if !found {
			t.Errorf("ARCHITECTURE.md: the inventory names %s, which starts no goroutine", name)
		}
	}
}

// starts reports whether n is a go statement, or a call of a WaitGroup's Go.
func starts(n ast.Node) bool {
	if _, ok := n.(*ast.GoStmt); ok {
		return true
	}
	call, ok := n.(*ast.CallExpr)
	if !ok || len(call.Args) != 1 {
		return false
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	return ok && sel.Sel.Name == "Go"
}

// TestHouseRules: no init functions; unsafe, reflect and net/http only where
// ARCHITECTURE.md says.
func TestHouseRules(t *testing.T) {
	where := map[string][]string{
		"unsafe":  {"rawio"},
		"reflect": {"conf", "modules/proxy"},
		// ctl is a client beside the server; nothing of a request passes through it.
		"net/http": {"ctl", "httpdate", "proxytest", "responder", "certs", "certs/pebbletest"},
	}
	for _, s := range sources(t) {
		for _, d := range s.AST.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: a function init", s.Set.Position(f.Pos()))
			}
		}
		for _, spec := range s.AST.Imports {
			path, _ := strconv.Unquote(spec.Path.Value)
			if may, ruled := where[path]; ruled && !slices.Contains(may, s.Pkg) {
				t.Errorf("%s imports %s; only %v may", s.Name, path, may)
			}
		}
	}
}
