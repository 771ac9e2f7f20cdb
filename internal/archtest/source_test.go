package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// root is the repository, seen from this package.
const root = "../.."

// read returns a file of the repository.
func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// source is one Go file that is no test, for whatever system.
type source struct {
	Name string // "internal/front/h1/conn.go"
	Pkg  string // "front/h1", "cmd/sallyport"
	Text string
	AST  *ast.File
	Set  *token.FileSet
}

// sources parses the program: internal and cmd.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	for _, top := range []string{"internal", "cmd"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && d.Name() == "testdata" {
				return filepath.SkipDir
			}
			if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return nil
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			set := token.NewFileSet()
			tree, err := parser.ParseFile(set, path, text, parser.ParseComments)
			if err != nil {
				return err
			}
			name, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			name = filepath.ToSlash(name)
			pkg := strings.TrimPrefix(name[:strings.LastIndexByte(name, '/')], "internal/")
			all = append(all, source{name, pkg, string(text), tree, set})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// row is one line of a Markdown table.
type row []string

// table returns the rows of the first table whose first column is headed so.
func table(t *testing.T, text, heading string) []row {
	t.Helper()
	var rows []row
	in := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			if in {
				break
			}
			continue
		}
		cells := cells(line)
		switch {
		case !in:
			in = cells[0] == heading
		case !strings.HasPrefix(cells[0], "---"):
			rows = append(rows, cells)
		}
	}
	if len(rows) == 0 {
		t.Fatalf("no table headed %q", heading)
	}
	return rows
}

// cells cuts a table's line at the bars that are not escaped.
func cells(line string) row {
	line = strings.ReplaceAll(strings.Trim(line, "|"), `\|`, "\x00")
	var out row
	for c := range strings.SplitSeq(line, "|") {
		out = append(out, strings.ReplaceAll(strings.TrimSpace(c), "\x00", "|"))
	}
	return out
}

// codes are the texts between back-quotes.
func codes(s string) []string {
	var out []string
	for i, part := range strings.Split(s, "`") {
		if i%2 == 1 {
			out = append(out, part)
		}
	}
	return out
}
