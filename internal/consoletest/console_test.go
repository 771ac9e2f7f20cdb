package consoletest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

type (
	exceptionThrown = runtime.EventExceptionThrown
	logged          = log.EventEntryAdded
)

func row(b *backend) string {
	return fmt.Sprintf(`[...document.querySelectorAll("tbody tr")].find(tr => tr.querySelector("th").innerText.includes(%q))`, b.addr)
}

// TestLook sees cards, rows, states, and the numbers moving.
func TestLook(t *testing.T) {
	a, b := newBackend(t, "127.0.0.1:0"), newBackend(t, "127.0.0.1:0")
	r := serve(t, shop(a, b))
	r.traffic("/shop/x")
	w := r.browse()
	w.open("/bm/console")
	w.until(`document.querySelector("#live").textContent === "Live"`)
	w.until(`parseFloat(document.querySelector("#sum [data-f=rate]").textContent) > 1`)
	w.until(row(a) + `.querySelector("[data-f=state]").textContent === "OK"`)
	w.until(`parseFloat(` + row(a) + `.querySelector("[data-f=rate]").textContent) > 0`)
	w.until(`/ms$/.test(` + row(b) + `.querySelector("[data-f=p95]").textContent)`)
	if got := w.text("h2"); got != "shop" {
		t.Errorf("the card is called %q", got)
	}
	if got := eval[string](w, row(a)+`.querySelector("[data-f=share]").textContent`); got != "50 %" {
		t.Errorf("share %q", got)
	}
	w.shot("overview")
	w.do(dark())
	w.shot("dark")
}

// TestEdit goes the whole way: form, preview, confirmation, history, undo.
func TestEdit(t *testing.T) {
	a, b := newBackend(t, "127.0.0.1:0"), newBackend(t, "127.0.0.1:0")
	r := serve(t, shop(a, b))
	w := r.browse()
	w.open("/bm/console")
	w.click("th a", a.url())
	w.until(`document.querySelector("dialog[open] h1")`)
	w.shot("form")
	w.do(chromedp.SetValue(`dialog [name="p.loadfactor"]`, "3"))
	w.click("dialog button", "Preview the change")
	w.until(`document.querySelector("dialog h1").innerText === "Preview"`)
	text := w.text("dialog")
	for _, want := range []string{"loadfactor", "75 %", "25 %"} {
		if !strings.Contains(text, want) {
			t.Errorf("the preview lacks %q: %s", want, text)
		}
	}
	w.shot("preview")
	if strings.Contains(r.xml(), "<httpd:loadfactor>3.00") {
		t.Error("the preview has changed something")
	}
	w.do(chromedp.SetValue(`dialog [name="reason"]`, "more <memory> & \"cores\""))
	w.confirm("Make the change", 1)
	if !strings.Contains(r.xml(), "<httpd:loadfactor>3.00") {
		t.Error("nothing was changed")
	}
	w.until(row(a) + `.innerText.includes("factor 3")`)
	w.shot("done")
	w.open("/bm/console/history")
	if text := w.text("main"); !strings.Contains(text, "loadfactor: default → 3") || !strings.Contains(text, `more <memory> & "cores"`) {
		t.Errorf("the history: %s", text)
	}
	w.shot("history")
	w.click("a", "Undo")
	w.until(`document.querySelector("dialog[open]")`)
	w.confirm("Undo it", 2)
	if strings.Contains(r.xml(), "<httpd:loadfactor>3.00") {
		t.Error("nothing was undone")
	}
}

// TestRefused sees why a value is not taken, and the form as it was.
func TestRefused(t *testing.T) {
	a := newBackend(t, "127.0.0.1:0")
	w := serve(t, shop(a)).browse()
	w.open("/bm/console")
	w.click("th a", a.url())
	w.until(`document.querySelector("dialog[open] h1")`)
	w.do(chromedp.SetValue(`dialog [name="p.loadfactor"]`, "1000"), chromedp.SetValue(`dialog [name="p.route"]`, "kept"))
	w.click("dialog button", "Preview the change")
	w.until(`document.querySelector("dialog [role=alert]")`)
	text := w.text("dialog [role=alert]")
	if !strings.Contains(text, "loadfactor") || !strings.Contains(text, "1000") || !strings.Contains(text, "1 to 100") {
		t.Errorf("the refusal: %s", text)
	}
	if got := eval[string](w, `document.querySelector('dialog [name="p.route"]').value`); got != "kept" {
		t.Errorf("the form has lost what was typed: %q", got)
	}
	w.shot("refused")
}

// TestQuickActions drains, sees it, and enables again.
func TestQuickActions(t *testing.T) {
	a, b := newBackend(t, "127.0.0.1:0"), newBackend(t, "127.0.0.1:0")
	r := serve(t, shop(a, b))
	w := r.browse()
	w.open("/bm/console")
	w.until(row(a))
	eval[bool](w, row(a)+`.querySelector("button[value=drain]").click() ?? true`)
	w.until(`document.querySelector("dialog[open] h1")?.innerText === "Preview"`)
	if text := w.text("dialog"); !strings.Contains(text, "one member is left") {
		t.Errorf("no warning that nobody can take over: %s", text)
	}
	w.confirm("Make the change", 1)
	w.until(row(a) + `?.querySelector("[data-f=state]").textContent === "Draining"`)
	w.until(row(a) + `.querySelector("[data-f=why]").textContent.includes("by 127.0.0.1")`)
	w.shot("draining")
	eval[bool](w, row(a)+`.querySelector("button[value=enable]").click() ?? true`)
	w.confirm("Make the change", 2)
	w.until(row(a) + `?.querySelector("[data-f=state]").textContent === "OK"`)
}

// TestAddAndRemove: a member comes, serves, and goes.
func TestAddAndRemove(t *testing.T) {
	a, c := newBackend(t, "127.0.0.1:0"), newBackend(t, "127.0.0.1:0")
	r := serve(t, strings.Replace(shop(a), "ProxySet stickysession=SID", "", 1))
	r.traffic("/shop/x")
	w := r.browse()
	w.open("/bm/console")
	w.click("a", "Add a member")
	w.until(`document.querySelector("dialog[open] #url")`)
	w.do(chromedp.SetValue("#url", c.url()))
	eval[bool](w, `document.querySelector("dialog [name=off]").click() ?? true`)
	w.click("dialog button", "Preview the change")
	w.confirm("Make the change", 1)
	w.until(row(c) + `?.querySelector("[data-f=state]").textContent === "OK"`)
	w.until(`parseFloat(` + row(c) + `.querySelector("[data-f=rate]").textContent) > 0`)
	w.shot("added")
	w.click("th a", c.url())
	w.click("dialog button", "Remove")
	w.until(`document.querySelector("#timeout")`)
	w.shot("remove")
	w.confirm("Make the change", 2)
	w.until(`!` + row(c))
	if strings.Contains(r.xml(), c.addr) {
		t.Error("it is still there")
	}
}

// TestABackendDies: the page shows it while traffic runs, without anybody
// touching it, and shows its return.
func TestABackendDies(t *testing.T) {
	a, b := newBackend(t, "127.0.0.1:0"), newBackend(t, "127.0.0.1:0")
	r := serve(t, strings.ReplaceAll(shop(a, b), "route=", "retry=1 route="))
	r.traffic("/shop/x")
	w := r.browse()
	w.open("/bm/console")
	w.until(row(b) + `?.querySelector("[data-f=state]").textContent === "OK"`)
	eval[bool](w, `(window.untouched = true)`)
	b.kill()
	w.until(row(b) + `.querySelector("[data-f=state]").textContent === "Error"`)
	w.until(row(b) + `.querySelector("[data-f=why]").textContent.includes("refused")`)
	w.until(row(b) + `.classList.contains("bad")`)
	w.shot("dead")
	newBackend(t, b.addr)
	w.until(row(b) + `.querySelector("[data-f=state]").textContent === "OK"`)
	if !eval[bool](w, `window.untouched === true`) {
		t.Error("the page was loaded anew")
	}
}

// TestWithoutScript does everything by links and forms.
func TestWithoutScript(t *testing.T) {
	a, b := newBackend(t, "127.0.0.1:0"), newBackend(t, "127.0.0.1:0")
	r := serve(t, shop(a, b))
	w := r.browse(noScript())
	w.open("/bm/console")
	w.shot("overview")
	w.do(chromedp.Click(`th a[href*="`+strings.TrimPrefix(a.url(), "http://")+`"]`), chromedp.WaitVisible(`form.edit`))
	w.do(chromedp.SetValue(`[name="p.lbset"]`, "1"), chromedp.Click("form.edit button.main"), chromedp.WaitVisible("form.confirm"))
	w.shot("preview")
	w.do(chromedp.Click("form.confirm button.main"), chromedp.WaitVisible(".message.good"))
	if !strings.Contains(r.xml(), "<httpd:lbset>1<") {
		t.Error("nothing was changed")
	}
	w.do(chromedp.Click(".message.good a"), chromedp.WaitVisible("form.confirm"), chromedp.Click("form.confirm button.main"), chromedp.WaitVisible(".message.good"))
	if strings.Contains(r.xml(), "<httpd:lbset>1<") {
		t.Error("nothing was undone")
	}
}

// TestPhone: nothing is wider than the screen.
func TestPhone(t *testing.T) {
	a, b := newBackend(t, "127.0.0.1:0"), newBackend(t, "127.0.0.1:0")
	w := serve(t, shop(a, b)).browse(phone())
	for _, path := range []string{"", "?b=shop", "?b=shop&w=" + a.url(), "?b=shop&add=1", "/history"} {
		w.open("/bm/console" + path)
		if wide := eval[int](w, `document.documentElement.scrollWidth - window.innerWidth`); wide > 0 {
			t.Errorf("%s is %d pixels wider than the screen", path, wide)
		}
		w.shot(strings.NewReplacer("?", "", "/", "", "&", "-", ":", "", "=", "").Replace("page" + path))
	}
}
