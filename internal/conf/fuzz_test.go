package conf

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// FuzzLoad reads anything without panics, and finds the same twice. Files are
// left alone.
func FuzzLoad(f *testing.F) {
	data, err := os.ReadFile("testdata/reading.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range txtar.Parse(data).Files {
		if strings.HasSuffix(file.Name, "httpd.conf") {
			f.Add(string(file.Data))
		}
	}
	rows := httpdRows()
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(strings.ToLower(text), "clude") || strings.Contains(text, "$") && strings.Contains(strings.ToLower(text), "define") {
			return // Include, also when a variable spells it
		}
		load := func() string {
			_, diags := Load(Options{File: "httpd.conf", Text: text, Modules: rows, Env: func(string) (string, bool) { return "", false }})
			for _, d := range diags {
				if d.Text == "" || d.Pos.Line < 0 || d.Pos.Col < 0 {
					t.Fatalf("%q: %+v", text, d)
				}
			}
			return diags.Error()
		}
		if a, b := load(), load(); a != b {
			t.Fatalf("%q: first\n%s\nthen\n%s", text, a, b)
		}
	})
}
