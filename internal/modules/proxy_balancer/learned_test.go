package proxy_balancer_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sallyport/internal/chart"
)

// TestLearnedLoad: what a member has carried within the hour is in a dry run's
// answer, in the preview of an edit, of many, and of undoing.
func TestLearnedLoad(t *testing.T) {
	r := newRig(t, "")
	r.env.Charts = new(chart.Recorder)
	r.m.SetCharts(r.env.Charts)
	r.load(shop)
	now := time.Now()
	serve := func(seconds, a, b int) {
		for range seconds {
			now = now.Add(time.Second)
			for _, w := range r.env.Live.Members(nil) {
				n := b
				if strings.HasSuffix(w.Key().URL, ":8001") {
					n = a
				}
				for range n {
					w.Count(1, 200, time.Millisecond)
				}
			}
			r.env.Charts.Tick(now, r.env.Live.Members(nil))
		}
	}
	serve(60, 10, 20)
	const warning = "http://127.0.0.1:8001 would get 30 requests/s; the most it has served within the hour is 10"
	off := fmt.Sprintf("balancers/shop/members/%s", r.do("GET", "balancers/shop", "").at("members.1.id"))
	a := r.do("PATCH", off+"?dry-run=1", `{"parameters":{"status":"+D"}}`).is(200)
	if text := fmt.Sprint(a.at("warnings")); !strings.Contains(text, warning) {
		t.Errorf("the dry run does not warn: %s", text)
	}
	a.has("balancers.0.members.0.rateBefore", 10.0).has("balancers.0.members.0.rateAfter", 30.0).has("balancers.0.members.0.rateMost", 10.0).
		has("balancers.0.members.1.rateAfter", 0.0)

	_, page, _ := r.ask("GET", "/bm/console", "")
	form := "token=" + hidden(t, page, "token") + "&at=" + hidden(t, page, "at") + "&do=disable&pick.shop+http%3A%2F%2F127.0.0.1%3A8002=1"
	if status, text, _ := r.ask("POST", "/bm/console/preview", form, "Origin: http://shop.test", "Sec-Fetch-Site: same-origin"); status != 200 || !strings.Contains(text, warning) {
		t.Errorf("the preview does not warn: %d %s", status, text)
	}

	// Undone: the member comes back to more than it has ever served.
	r.do("PATCH", off, `{"parameters":{"status":"+D"}}`).is(200)
	serve(3600, 30, 0)
	serve(60, 60, 0)
	const back = "http://127.0.0.1:8002 would get 40 requests/s at once; it has served none within the hour"
	if status, text, _ := r.ask("GET", "/bm/console?undo=1", ""); status != 200 || !strings.Contains(text, back) {
		t.Errorf("the preview of undoing does not warn: %d %s", status, text)
	}
	if text := fmt.Sprint(r.do("POST", "changes/1/undo?dry-run=1", `{}`).is(200).at("warnings")); !strings.Contains(text, back) {
		t.Errorf("the dry run of undoing does not warn: %s", text)
	}
}
