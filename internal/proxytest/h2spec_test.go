package proxytest

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestH2Spec runs h2spec, a conformance suite for HTTP/2, in its strict mode
// against Sallyport: without TLS, and inside of it. The path leads to a backend,
// so that content is read as it comes.
func TestH2Spec(t *testing.T) {
	p := sallyport(t)
	const text = "The conformance suite of HTTP/2.\n-- httpd.conf --\nProxyPass / http://127.0.0.1:$B1/\n-- script --\nbackend b1\ncheck\n"
	for _, c := range []struct {
		name string
		via  Via
		args []string
		// but are cases that fail: a port without TLS speaks HTTP/1.1 too, and
		// answers a first line that is no preface.
		but []string
	}{
		{"clear", newH2C(), nil, []string{"Sends invalid connection preface"}},
		{"tls", newH2(), []string{"-t", "-k"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := ParseScript("h2spec", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			stop, port := standing(t, p, s, c.via)
			defer stop()
			cmd := exec.Command("go", append([]string{"tool", "h2spec", "-h", "127.0.0.1", "-p", port, "-P", "/x", "--strict", "-o", "10"}, c.args...)...)
			out, err := cmd.CombinedOutput()
			sum := regexp.MustCompile(`(\d+) tests, (\d+) passed`).FindStringSubmatch(string(out))
			if sum == nil || sum[1] != "146" {
				t.Fatalf("h2spec: %v\n%s", err, out)
			}
			_, failures, _ := strings.Cut(string(out), "Failures:")
			for _, m := range regexp.MustCompile(`× \d+: (.*)`).FindAllStringSubmatch(failures, -1) {
				if !slices.Contains(c.but, strings.TrimSpace(m[1])) {
					t.Errorf("fails: %s\n%s", m[1], failures)
				}
			}
		})
	}
}

// standing starts the program with a script's configuration, for tests that
// are no scripts, and gives its port.
func standing(t *testing.T, p Program, s *Script, via Via) (stop func(), port string) {
	t.Helper()
	r := stand(t, p, s, via)
	return r.close, r.port
}

func stand(t *testing.T, p Program, s *Script, via Via) *run {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{root, root + "/.."} { // the server may be somebody else
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	r := &run{t: t, s: s, p: p, via: via, root: root, vars: map[string]string{"ROOT": root},
		backends: map[string]*backend{}, conns: map[string]*client{}, logs: map[string]*tail{}}
	if err := r.prepare(); err != nil {
		t.Fatal(err)
	}
	if err := r.start(); err != nil {
		r.close()
		t.Fatal(err)
	}
	return r
}
