package proxytest

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

var updateExpr = flag.Bool("update-expr", false, "take the results of testdata/expr/table.txt from httpd")

const exprTable = "testdata/expr/table.txt"

// exprRow is one line of the table.
type exprRow struct {
	line       int
	kind, want string
	text       string
}

func readExprTable(t *testing.T) []exprRow {
	t.Helper()
	data, err := os.ReadFile(exprTable)
	if err != nil {
		t.Fatal(err)
	}
	var rows []exprRow
	for i, line := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n") {
		r := exprRow{line: i + 1}
		if line == "" || line[0] == '#' {
			continue
		}
		var rest string
		r.kind, rest, _ = strings.Cut(line, " ")
		if r.kind == "s" && rest[0] == '"' {
			q, err := strconv.QuotedPrefix(rest)
			if err != nil {
				t.Fatalf("line %d: %v", r.line, err)
			}
			r.want, _ = strconv.Unquote(q)
			r.text = rest[len(q)+1:]
		} else {
			r.want, r.text, _ = strings.Cut(rest, " ")
		}
		rows = append(rows, r)
	}
	return rows
}

// confWord quotes a word of the configuration.
func confWord(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// exprConf is the configuration that evaluates the rows; a mistake makes it
// one that must be refused.
func exprConf(rows []exprRow, root string) string {
	var b strings.Builder
	b.WriteString("SetEnv SET yes\nServerAdmin admin@main.test\nHeader set X-Before before\n")
	b.WriteString("<Location /closed>\nRequire all denied\n</Location>\n")
	for _, r := range rows {
		text := strings.ReplaceAll(r.text, "$ROOT", root)
		switch {
		case r.kind == "s":
			fmt.Fprintf(&b, "Header set X-R%d %s\n", r.line, confWord("expr=<"+text+">"))
		case strings.HasPrefix(text, "s:"):
			fmt.Fprintf(&b, "Header set X-R%d %s\n", r.line, confWord("expr="+text[2:]))
		default:
			fmt.Fprintf(&b, "Header set X-R%d yes %s\n", r.line, confWord("expr="+text))
		}
	}
	return b.String()
}

// evalExpr runs the rows on a server and returns its results by line.
func evalExpr(t *testing.T, p Program, rows []exprRow) map[int]string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(root), 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) string {
		path := filepath.Join(root, name)
		os.MkdirAll(filepath.Dir(path), 0o755)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	os.Chmod(root, 0o755)
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	when := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	os.Chtimes(write("htdocs/f.txt", "five!"), when, when)
	write("htdocs/empty.txt", "")
	write("htdocs/d/index.html", "index")
	os.Symlink("f.txt", filepath.Join(root, "htdocs/link.txt"))
	write("mime.types", mimeTypes)
	conf := write("main.conf", prelude(&Script{}, root, port, nil))

	got := map[int]string{}
	var good []exprRow
	if p.Name == Sallyport {
		// It names all mistakes at once.
		var bad []exprRow
		for _, r := range rows {
			if r.kind == "e" {
				bad = append(bad, r)
			}
		}
		text := exprConf(bad, root)
		file := write("httpd.conf", text)
		out, _, err := p.Test(root, conf)
		if err != nil {
			t.Fatal(err)
		}
		first := strings.Count(text, "\n") - len(bad) + 1
		for i, r := range bad {
			got[r.line] = "accepted"
			if strings.Contains(out, fmt.Sprintf("line %d of %s:\nCan't parse", first+i, file)) {
				got[r.line] = "-"
			}
		}
	}
	for i := range rows {
		r := &rows[i]
		if _, done := got[r.line]; done {
			continue
		}
		if r.kind != "e" && !*updateExpr {
			good = append(good, *r)
			continue
		}
		write("httpd.conf", exprConf([]exprRow{*r}, root))
		out, code, err := p.Test(root, conf)
		if err != nil {
			t.Fatal(err)
		}
		if code == 0 && r.kind != "e" {
			good = append(good, *r)
			continue
		}
		got[r.line] = "-"
		if code == 0 {
			got[r.line] = "accepted"
		} else if r.kind != "e" {
			t.Logf("line %d: %s: %s", r.line, r.text, out)
			if r.kind == "s" {
				r.text = "s:" + r.text
			}
			r.kind = "e"
		} else if !strings.Contains(out, "Can't parse") {
			t.Errorf("line %d: %s: refused for another reason: %s", r.line, r.text, out)
		}
	}
	write("httpd.conf", exprConf(good, root))
	server, err := p.start(root, port)
	if err != nil {
		t.Fatal(err)
	}
	defer server.stop()
	req, _ := http.NewRequest("GET", "http://127.0.0.1:"+port+"/f.txt?q=1&r=a%20b", nil)
	req.Host = "cl.test"
	for _, f := range []string{"X-A: foo", "Accept: text/html", "User-Agent: Tester/1.0", "Cookie: a=b; c=d", "Referer: http://r.test/", "X-Twice: one", "X-Twice: two"} {
		name, value, _ := strings.Cut(f, ": ")
		req.Header.Add(name, value)
	}
	c := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true,
		DialContext: (&net.Dialer{}).DialContext, MaxResponseHeaderBytes: 1 << 20}}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatalf("%v\n%s%s", err, server.output, server.errorLog())
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Fatalf("status %d\n%s", resp.StatusCode, server.errorLog())
	}
	for _, r := range good {
		v := resp.Header.Get(fmt.Sprintf("X-R%d", r.line))
		if r.kind == "b" {
			got[r.line] = strconv.FormatBool(v == "yes")
			continue
		}
		v = strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(v, "<"), ">"), root, "$ROOT")
		got[r.line] = strings.ReplaceAll(v, port, "$PORT")
	}
	return got
}

func compareExpr(t *testing.T, p Program) {
	rows := readExprTable(t)
	got := evalExpr(t, p, rows)
	for _, r := range rows {
		if got[r.line] != r.want {
			t.Errorf("line %d: %s\n\tgot %q, want %q", r.line, r.text, got[r.line], r.want)
		}
	}
}

// TestExprOracle holds the table of expressions against httpd; with
// -update-expr it takes the results from there.
func TestExprOracle(t *testing.T) {
	p := oracle(t)
	if !*updateExpr {
		compareExpr(t, p)
		return
	}
	rows := readExprTable(t)
	got := evalExpr(t, p, rows)
	data, _ := os.ReadFile(exprTable)
	lines := strings.Split(string(data), "\n")
	for _, r := range rows {
		want := got[r.line]
		if r.kind == "s" {
			want = strconv.Quote(want)
		}
		lines[r.line-1] = r.kind + " " + want + " " + r.text
	}
	if err := os.WriteFile(exprTable, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestExprSallyport holds Sallyport against the same table.
func TestExprSallyport(t *testing.T) { compareExpr(t, sallyport(t)) }
