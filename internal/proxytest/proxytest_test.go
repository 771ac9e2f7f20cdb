package proxytest

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Most of a script's time is waiting, so a few may run beside each other.
func TestMain(m *testing.M) {
	flag.Parse()
	if !given("test.parallel") {
		flag.Set("test.parallel", "4")
	}
	code := m.Run()
	if build.dir != "" {
		os.RemoveAll(build.dir)
	}
	os.Exit(code)
}

func given(name string) bool {
	found := false
	flag.Visit(func(f *flag.Flag) { found = found || f.Name == name })
	return found
}

// files returns the txtar files below dir by their name without suffix.
func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".txtar") {
			return err
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		all[strings.TrimSuffix(filepath.ToSlash(rel), ".txtar")] = data
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// scripts parses every script of testdata.
func scripts(t *testing.T) []*Script {
	t.Helper()
	var all []*Script
	for name, data := range files(t, "testdata") {
		if strings.HasPrefix(name, "conferr/") {
			continue
		}
		s, err := ParseScript(name, data)
		if err != nil {
			t.Error(err)
			continue
		}
		all = append(all, s)
	}
	if len(all) == 0 {
		t.Fatal("no scripts")
	}
	return all
}

// oracle returns httpd, or skips the test.
func oracle(t *testing.T) Program {
	t.Helper()
	p, err := FindHttpd()
	if err != nil {
		t.Skipf("%s skipped: %v", t.Name(), err)
	}
	return p
}

var build struct {
	once sync.Once
	p    Program
	err  error
	dir  string
}

// sallyport builds the program under test once.
func sallyport(t *testing.T) Program {
	t.Helper()
	if list, _ := filepath.Glob("../../cmd/sallyport/*.go"); len(list) == 0 {
		t.Skipf("%s skipped: no cmd/sallyport here", t.Name())
	}
	build.once.Do(func() {
		if build.dir, build.err = os.MkdirTemp("", "sallyport-build"); build.err == nil {
			build.p, build.err = BuildSallyport("../..", build.dir)
		}
	})
	if build.err != nil {
		t.Fatal(build.err)
	}
	return build.p
}

func runAll(t *testing.T, p Program) {
	for _, s := range scripts(t) {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			twice(t, func(r Reporter) {
				if s.Via != "" {
					RunVia(r, p, s, newH2C())
					return
				}
				Run(r, p, s)
			})
		})
	}
}

// TestOracle holds every script against a real httpd: what a script expects
// is what httpd does.
func TestOracle(t *testing.T) { runAll(t, oracle(t)) }

// TestSallyport holds Sallyport against the same scripts.
func TestSallyport(t *testing.T) { runAll(t, sallyport(t)) }

// TestDifferencesAreDocumented wants each wanted difference in the manual.
func TestDifferencesAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/differences.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scripts(t) {
		for _, d := range s.Differs {
			if !strings.Contains(string(text), "`"+d.ID+"`") {
				t.Errorf("%s: differs %s: not in docs/differences.md", s.Name, d.ID)
			}
		}
	}
}
