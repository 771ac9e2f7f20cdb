package archtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sallyport/internal/conf"
	"sallyport/internal/modules/all"
	"sallyport/internal/server"
	"sallyport/internal/snapshot"
)

// TestExamples loads every example in Sallyport as -t does, without a
// complaint, and in httpd where it is installed.
func TestExamples(t *testing.T) {
	dir, err := filepath.Abs(filepath.Join(root, "examples"))
	if err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.conf"))
	if len(files) < 5 {
		t.Fatalf("examples found: %v", files)
	}
	for _, f := range files {
		name := filepath.Base(f)
		if name == "modules.conf" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			check(t, dir, f)
			if httpd, err := exec.LookPath("/usr/sbin/apache2"); err == nil {
				out, err := exec.Command(httpd, "-t", "-d", dir, "-f", f).CombinedOutput()
				if err != nil {
					t.Errorf("httpd: %v\n%s", err, out)
				}
			}
		})
	}
}

// TestREADMEConfigurations loads every configuration shown in README.md.
func TestREADMEConfigurations(t *testing.T) {
	n := 0
	parts := strings.Split(read(t, "README.md"), "```")
	for i := 1; i < len(parts); i += 2 {
		lang, text, _ := strings.Cut(parts[i], "\n")
		if lang != "apache" {
			continue
		}
		n++
		dir := t.TempDir()
		file := filepath.Join(dir, "httpd.conf")
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		check(t, dir, file)
	}
	if n == 0 {
		t.Error("README.md shows no configuration")
	}
}

// check is what sallyport -t does.
func check(t *testing.T, dir, file string) {
	t.Helper()
	cfg, diags := conf.Load(conf.Options{File: file, Root: dir, Modules: all.Infos()})
	if !diags.Failed() {
		_, more := snapshot.Build(cfg, all.Rooms, server.TestEnv())
		diags = append(diags, more...)
	}
	for _, d := range diags {
		t.Errorf("%s:%d: %s", filepath.Base(d.Pos.File), d.Pos.Line, d.Text)
	}
}
