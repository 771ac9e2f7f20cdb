package consoletest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// axeVersion is what is fetched from npm, for this test only.
const axeVersion = "4.14.1"

// axe is the script of axe-core, or the test is skipped.
func axe(t *testing.T) string {
	t.Helper()
	npm, err := exec.LookPath("npm")
	if err != nil {
		t.Skip("npm is not installed: axe-core does not look for barriers")
	}
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, npm, "install", "--prefix", dir, "--no-audit", "--no-fund", "--ignore-scripts", "--cache", dir+"/cache", "axe-core@"+axeVersion)
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("npm has no axe-core for us: axe-core does not look for barriers (%v: %s)", err, out)
	}
	script, err := os.ReadFile(filepath.Join(dir, "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	return string(script)
}

// violation is one rule of axe that a page breaks.
type violation struct {
	ID, Impact, Help string
	Nodes            []struct {
		HTML           string
		FailureSummary string
	}
}

// TestBarriers lets axe-core look at every page, light and dark, wide and
// narrow, and with a dialogue open.
func TestBarriers(t *testing.T) {
	script := axe(t)
	a, b := newBackend(t, "127.0.0.1:0"), newBackend(t, "127.0.0.1:0")
	gone := newBackend(t, "127.0.0.1:0")
	gone.kill()
	r := serve(t, strings.Replace(shop(a, b, gone), "route=r1", "route=r1 status=+D", 1))
	for range 8 {
		r.get("/shop/x")
	}
	for _, look := range []struct {
		name string
		with []step
	}{{"light", nil}, {"dark", []step{dark()}}, {"phone", []step{phone()}}} {
		w := r.browse(look.with...)
		check := func(what string) {
			t.Helper()
			w.axe(script, look.name+" "+what)
		}
		for _, path := range []string{"", "?b=shop", "?b=shop&w=" + a.url(), "?b=shop&add=1", "/history"} {
			w.open("/bm/console" + path)
			check(path)
		}
		w.open("/bm/console")
		w.until(`document.querySelector("#live").textContent === "Live"`)
		w.until(row(a))
		eval[bool](w, row(a)+`.querySelector("button[value=drain]").click() ?? true`)
		w.until(`document.querySelector("dialog[open] h1")`)
		check("dialogue")
	}
}

func (b *browser) axe(script, what string) {
	b.t.Helper()
	eval[bool](b, "("+"() => { if (!window.axe) { "+script+" } return true })()")
	eval[bool](b, `(window.found = "", axe.run(document).then(r => { window.found = JSON.stringify(r.violations) }, e => { window.found = JSON.stringify([{id: String(e), impact: "serious", nodes: []}]) }), true)`)
	b.until(`window.found !== ""`)
	var list []violation
	if err := json.Unmarshal([]byte(eval[string](b, "window.found")), &list); err != nil {
		b.t.Fatal(err)
	}
	for _, v := range list {
		where := ""
		for _, n := range v.Nodes {
			where += fmt.Sprintf("\n    %s\n    %s", n.HTML, strings.ReplaceAll(n.FailureSummary, "\n", " "))
		}
		if v.Impact == "serious" || v.Impact == "critical" {
			b.t.Errorf("%s: %s (%s): %s%s", what, v.ID, v.Impact, v.Help, where)
		} else {
			b.t.Logf("%s: %s (%s): %s%s", what, v.ID, v.Impact, v.Help, where)
		}
	}
}
