package archtest

import (
	"go/ast"
	"regexp"
	"strings"
	"testing"
)

// named is a name in ARCHITECTURE.md that says its package: "watch.Guard.Arm",
// "snapshot.(*Snapshot).Fail", "conf.Load".
var named = regexp.MustCompile(`^([a-z][a-z0-9_/]*)\.(?:\(\*(\w+)\)\.)?(\w+)(?:\.(\w+))?$`)

// TestNames: what ARCHITECTURE.md names in the code is there.
func TestNames(t *testing.T) {
	have := map[string]bool{} // "pkg Name" and "pkg Type.Name"
	packages := map[string]bool{}
	for _, s := range sources(t) {
		packages[s.Pkg] = true
		for _, d := range s.AST.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil {
					have[s.Pkg+" "+d.Name.Name] = true
					continue
				}
				have[s.Pkg+" "+receiver(d.Recv.List[0].Type)+"."+d.Name.Name] = true
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					switch spec := spec.(type) {
					case *ast.ValueSpec:
						for _, n := range spec.Names {
							have[s.Pkg+" "+n.Name] = true
						}
					case *ast.TypeSpec:
						have[s.Pkg+" "+spec.Name.Name] = true
						for _, member := range members(spec.Type) {
							have[s.Pkg+" "+spec.Name.Name+"."+member] = true
						}
					}
				}
			}
		}
	}
	found := 0
	for _, code := range codes(read(t, "ARCHITECTURE.md")) {
		m := named.FindStringSubmatch(code)
		if m == nil || !packages[m[1]] || strings.HasSuffix(code, ".go") {
			continue
		}
		found++
		name := m[3]
		switch {
		case m[2] != "":
			name = m[2] + "." + name
		case m[4] != "":
			name += "." + m[4]
		}
		if !have[m[1]+" "+name] {
			t.Errorf("ARCHITECTURE.md names %s, which is not there", code)
		}
	}
	if found < 20 {
		t.Errorf("only %d names found", found)
	}
}

func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

// members are the fields of a struct or the methods of an interface.
func members(e ast.Expr) (names []string) {
	var list *ast.FieldList
	switch e := e.(type) {
	case *ast.StructType:
		list = e.Fields
	case *ast.InterfaceType:
		list = e.Methods
	default:
		return nil
	}
	for _, f := range list.List {
		for _, n := range f.Names {
			names = append(names, n.Name)
		}
	}
	return names
}
