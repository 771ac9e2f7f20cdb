package heartbeat

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for in, want := range map[string]string{
		"v=1&ready=75&busy=3":           "75 3 0",
		"ready=1&busy=0&port=8081&x=y":  "1 0 8081",
		"ready=-1&busy=x&port=70000\n":  "0 0 0",
		"ready=99999999999&busy=1":      "0 1 0",
		"ready=1":                       "error",
		"":                              "error",
		"%zz":                           "error",
		"v=1&ready=2&busy=1&ready=3":    "2 1 0",
		"v=2&busy=0&ready=4&future=yes": "4 0 0",
	} {
		r, err := Parse(in)
		got := fmt.Sprint(r.Ready, r.Busy, r.Port)
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func TestFile(t *testing.T) {
	now := time.Unix(1e9, 0)
	in := map[string]Report{
		"127.0.0.1": {Ready: 10, Busy: 2, Port: 80, Seen: now.Add(-3 * time.Second)},
		"::1":       {Ready: 8, Busy: 0, Port: 8080, Seen: now},
	}
	out := ParseFile(file(in, now)+"\n# nothing\nbad %zz\n", now)
	if fmt.Sprint(in) != fmt.Sprint(out) {
		t.Errorf("got %v, want %v", out, in)
	}
	for host, want := range map[string]int{"127.0.0.1": 10, "::1": 2} {
		if got := out[host].Capacity(now); got != want {
			t.Errorf("%s: %d, want %d", host, got, want)
		}
	}
	if got := out["127.0.0.1"].Capacity(now.Add(7 * time.Second)); got != 0 {
		t.Errorf("stale: %d", got)
	}
	if got := ParseFile("h &ready=4&busy=1", now)["h"].Capacity(now); got != 4 {
		t.Errorf("without lastseen: %d", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("127.0.0.1 &ready=1&busy=2&lastseen=3&port=80")
	f.Fuzz(func(t *testing.T, text string) {
		now := time.Unix(1e9, 0)
		Parse(text)
		for _, r := range ParseFile(text, now) {
			if r.Capacity(now) < 0 {
				t.Errorf("%q: %v", text, r)
			}
		}
	})
}

// eventually polls until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what)
		}
	}
}

// A server announces itself, the board hears it, stores it, and a follower of
// the file reads it. Two that listen share one socket.
func TestLine(t *testing.T) {
	probe, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	addr := probe.LocalAddr().(*net.UDPAddr)
	probe.Close()
	var b Board
	path := filepath.Join(t.TempDir(), "hb.dat")
	m := Monitor{Addr: addr, File: path, Log: func(err error, text string) { t.Error(err, text) }}
	release, err := b.Listen(m)
	if err != nil {
		t.Fatal(err)
	}
	again, err := b.Listen(m)
	if err != nil {
		t.Fatal(err)
	}
	release()
	release() // does no harm
	if !b.Listening() {
		t.Error("closed although one still listens")
	}
	stop, err := Announce(addr, func() (int, int) { return 3, 40 })
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "no heartbeat was heard", func() bool { r, ok := b.Get("127.0.0.1"); return ok && r.Busy == 3 && r.Ready == 40 })
	eventually(t, "no file was written", func() bool { _, err := os.Stat(path); return err == nil })
	stop()
	f, stop := Follow(path, func(err error) { t.Error(err) })
	if r, ok := f.Get("127.0.0.1"); !ok || r.Ready != 40 {
		t.Error("the file says", r)
	}
	stop()
	again()
	if b.Listening() {
		t.Error("still listening")
	}
	if l, err := net.ListenUDP("udp", addr); err != nil {
		t.Error(err)
	} else {
		l.Close()
	}
}

func TestBounds(t *testing.T) {
	var b Board
	now := time.Unix(1e9, 0)
	for i := range 12 {
		ok := b.Put(fmt.Sprint(i), Report{Seen: now}, 10)
		if ok != (i < 10) {
			t.Errorf("server %d: %v", i, ok)
		}
	}
	if !b.Put("3", Report{Ready: 5, Seen: now}, 10) || !b.Put("new", Report{Seen: now.Add(time.Hour)}, 10) {
		t.Error("no room for a known one, or in place of the dead")
	}
	if _, ok := b.Get("1"); ok {
		t.Error("the dead are still there")
	}
	if strings.Count(file(b.reports, now), "\n") != 1 {
		t.Error(b.reports)
	}
}
