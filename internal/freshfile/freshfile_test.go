package freshfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestGet(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	parsed := 0
	f := NewChecked(path, func(s string) (string, error) {
		parsed++
		if s == "half" {
			return "", errors.New("half written")
		}
		return strings.TrimSpace(s), nil
	})
	now := time.Now()
	expect := func(want string, reads int) {
		t.Helper()
		got, err := f.Get(now)
		if err != nil {
			got = "error"
		}
		if got != want || parsed != reads {
			t.Errorf("got %q after %d readings, want %q after %d", got, parsed, want, reads)
		}
	}
	write := func(s string, age time.Duration) {
		if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	expect("error", 0)
	write("one", time.Hour)
	expect("error", 0) // not looked at again yet
	now = now.Add(2 * time.Second)
	expect("one", 1)
	now = now.Add(2 * time.Second)
	expect("one", 1) // it has not changed
	write("two", time.Minute)
	expect("one", 1) // not looked at again yet
	now = now.Add(2 * time.Second)
	expect("two", 2)
	write("six", 0) // so young that another change would not show
	now = now.Add(1500 * time.Millisecond)
	expect("six", 3)
	now = now.Add(1500 * time.Millisecond)
	expect("six", 4)
	now = now.Add(2 * time.Second)
	expect("six", 5)
	now = now.Add(2 * time.Second)
	expect("six", 5)
	write("half", time.Hour)
	now = now.Add(2 * time.Second)
	if got, err := f.Get(now); got != "six" || err == nil {
		t.Errorf("a text that does not parse: %q, error %v, want what stood there before", got, err)
	}
	os.Remove(path)
	now = now.Add(2 * time.Second)
	expect("error", 6)
	os.Mkdir(path, 0o755)
	now = now.Add(2 * time.Second)
	expect("error", 6)
}

func TestConcurrent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	os.WriteFile(path, []byte("x"), 0o600)
	f := New(path, func(s string) string { return s })
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			now := time.Now()
			for range 200 {
				now = now.Add(100 * time.Millisecond)
				if s, err := f.Get(now); s != "x" || err != nil {
					t.Error(s, err)
				}
			}
		})
	}
	all.Wait()
}
