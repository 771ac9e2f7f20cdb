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
	text = w.text("dialog")
	for _, want := range []string{"Undo revision 1?", "default", "75 %", "50 %"} {
		if !strings.Contains(text, want) {
			t.Errorf("the preview of the undoing lacks %q: %s", want, text)
		}
	}
	w.shot("undo")
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
	w.open("/bm/console")
	eval[bool](w, `document.querySelectorAll("tbody .pick input").forEach(b => b.click()) ?? true`)
	w.until(`document.querySelector("#batch").checkVisibility()`)
	w.shot("ticked")
	w.click("#batch button", "Disable")
	w.until(`document.querySelector("dialog h1")?.innerText === "Preview"`)
	for _, selector := range []string{"dialog", "html", "#batch"} {
		if wide := eval[int](w, fmt.Sprintf(`document.querySelector(%q).scrollWidth - window.innerWidth`, selector)); wide > 0 {
			t.Errorf("%s is %d pixels wider than the screen", selector, wide)
		}
	}
	if wide := eval[int](w, `Math.max(...[...document.querySelectorAll("dialog .scroll")].map(s => s.scrollWidth - s.clientWidth))`); wide > 0 {
		t.Errorf("a table of the preview is %d pixels wider than its place", wide)
	}
	w.shot("preview")
}

// TestBatch ticks members of two balancers and changes them in one go: one
// preview, one change in the history.
func TestBatch(t *testing.T) {
	a, b, c := newBackend(t, "127.0.0.1:0"), newBackend(t, "127.0.0.1:0"), newBackend(t, "127.0.0.1:0")
	r := serve(t, shop(a, b)+fmt.Sprintf("<Proxy balancer://blog>\nBalancerMember %s\nBalancerMember %s\n</Proxy>\n", a.url(), c.url()))
	w := r.browse()
	w.open("/bm/console")
	w.until(`document.querySelector("#live").textContent === "Live"`)
	if eval[bool](w, `document.querySelector("#batch").checkVisibility()`) {
		t.Error("the buttons are there though nothing is ticked")
	}
	tick := func(selector string) {
		t.Helper()
		eval[bool](w, fmt.Sprintf(`document.querySelectorAll(%q).forEach(b => b.click()) ?? true`, selector))
	}
	tick(fmt.Sprintf(`tbody .pick input[name$=%q]`, a.url()))
	w.until(`document.querySelector("#picked").textContent === "2 members"`)
	// Somebody else changes a balancer: the page shows it, and keeps the ticks.
	r.post("/bm/api/v1/changes", fmt.Sprintf(`{"edits":[{"op":"set","balancer":"shop","member":%q,"parameters":{"lbset":0,"loadfactor":7}}]}`, b.url()))
	w.until(row(b) + `.innerText.includes("factor 7")`)
	w.until(`document.querySelector("#picked").textContent === "2 members" && document.querySelectorAll("tbody .pick :checked").length === 2`)
	w.shot("ticked")
	w.click("#batch button", "Drain")
	w.until(`document.querySelector("dialog h1")?.innerText === "Preview"`)
	text := w.text("dialog")
	for _, want := range []string{"Who gets the requests of shop", "Who gets the requests of blog", "one member is left"} {
		if !strings.Contains(text, want) {
			t.Errorf("the preview lacks %q: %s", want, text)
		}
	}
	w.shot("preview")
	w.confirm("Make the change", 2)
	w.until(`document.querySelectorAll("tr.warn").length === 2`)

	// All of one balancer, by the box at its head; the stream keeps the ticks.
	tick("section:nth-of-type(1) .pick .all")
	w.until(`document.querySelector("#picked").textContent === "2 members"`)
	w.do(chromedp.SetValue("#batch-factor", "2.5"))
	w.click("#batch button", "Set")
	w.until(`document.querySelector("dialog h1")?.innerText === "Preview"`)
	w.confirm("Make the change", 3)
	w.until(`[...document.querySelectorAll("th small")].filter(e => e.innerText.includes("factor 2.5")).length === 2`)
	w.open("/bm/console/history")
	if n := eval[int](w, `document.querySelectorAll("tbody tr").length`); n != 3 {
		t.Errorf("%d changes in the history: %s", n, w.text("main"))
	}
	w.shot("history")
	w.click("a", "Undo")
	w.until(`document.querySelector("dialog[open]")`)
	w.confirm("Undo it", 4)
	if strings.Contains(r.xml(), "<httpd:loadfactor>2.50") {
		t.Error("nothing was undone")
	}
}

// TestBatchRefused: a wrong value, and a member that somebody else has removed,
// refuse all of it.
func TestBatchRefused(t *testing.T) {
	a, b := newBackend(t, "127.0.0.1:0"), newBackend(t, "127.0.0.1:0")
	r := serve(t, shop(a, b))
	w := r.browse(noScript())
	w.open("/bm/console")
	w.do(chromedp.Click("tbody tr:nth-child(1) .pick input"), chromedp.Click("tbody tr:nth-child(2) .pick input"),
		chromedp.SetValue("#batch-factor", "1000"), chromedp.Click("#batch button[value=factor]"), chromedp.WaitVisible("[role=alert]"))
	if text := w.text("[role=alert]"); !strings.Contains(text, "1000") || !strings.Contains(text, "1 to 100") {
		t.Errorf("the refusal: %s", text)
	}
	w.open("/bm/console")
	w.do(chromedp.Click("tbody tr:nth-child(1) .pick input"), chromedp.Click("tbody tr:nth-child(2) .pick input"),
		chromedp.Click("#batch button[value=disable]"), chromedp.WaitVisible("form.confirm"))
	w.shot("preview")
	if text := w.text("main"); !strings.Contains(text, "no member is left") {
		t.Errorf("no warning that nobody is left: %s", text)
	}
	w.do(chromedp.Click("form.confirm button.main"), chromedp.WaitVisible(".message.good"))
	if n := strings.Count(r.xml(), "Dis "); n != 2 {
		t.Errorf("%d members are disabled: %s", n, r.xml())
	}
}

// TestWidths: whatever the screen's width, nothing that a user needs is beyond
// its edge, with members in all states, long names, and many of them.
func TestWidths(t *testing.T) {
	a, gone := newBackend(t, "127.0.0.1:0"), newBackend(t, "127.0.0.1:0")
	gone.kill()
	long := strings.Repeat("a-long-name-", 5) + "end"
	conf := strings.Replace(shop(a, gone), "route=r0", "route=r0 hcmethod=TCP hcinterval=1", 1) +
		fmt.Sprintf("<Proxy balancer://%s>\nBalancerMember %s/%s/%s route=%s\nBalancerMember http://localhost:%s status=+D\n</Proxy>\n", long, a.url(), long, long, long, "9") +
		"<Proxy balancer://many>\n"
	for i := range 200 {
		conf += fmt.Sprintf("BalancerMember http://127.0.0.1:9/%d route=m%d\n", i, i)
	}
	r := serve(t, conf+"</Proxy>\nProxyPass /many balancer://many\n")
	for range 6 {
		r.get("/shop/x")
		r.get("/many/x")
	}
	for _, theme := range []string{"light", "dark"} {
		var with []step
		if theme == "dark" {
			with = append(with, dark())
		}
		w := r.browse(with...)
		for _, width := range []int{1280, 1024, 768, 390} {
			w.do(chromedp.EmulateViewport(int64(width), 900))
			w.open("/bm/console")
			w.until(`document.querySelector("#live").textContent === "Live"`)
			beyond := eval[string](w, `(() => {
				const out = [];
				for (const e of document.querySelectorAll("main button, main a, main input, main [data-f], main svg")) {
					const r = e.getBoundingClientRect();
					if (e.checkVisibility() && r.width && (r.right > innerWidth + 1 || r.left < -1)) out.push(e.outerHTML.slice(0, 150));
				}
				if (document.documentElement.scrollWidth > innerWidth) out.push("the page");
				for (const s of document.querySelectorAll(".scroll")) if (s.scrollWidth > s.clientWidth + 1) out.push("a table: " + s.scrollWidth + " in " + s.clientWidth);
				return out.slice(0, 5).join("\n");
			})()`)
			if beyond != "" {
				t.Errorf("%s, %d pixels wide, beyond the edge: %s", theme, width, beyond)
			}
			w.shot(fmt.Sprintf("%s-%d", theme, width))
		}
	}
}
