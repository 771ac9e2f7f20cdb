package storage_test

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"sallyport/internal/exchange"
	"sallyport/internal/exchange/exchangetest"
	"sallyport/internal/storage"
)

// tree makes files (ending in their text), directories (ending in "/") and
// links ("name -> target") below a new directory.
func tree(t *testing.T, lines ...string) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		name, target, link := strings.Cut(line, " -> ")
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		switch {
		case link:
			err = os.Symlink(target, path)
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(path, 0o755)
		default:
			err = os.WriteFile(path, []byte(name), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func mapped(root, path string) (*exchange.Exchange, exchange.Verdict) {
	x, _ := exchangetest.NewExchange("GET", "/")
	return x, storage.Map(x, root+path)
}

func TestMap(t *testing.T) {
	root := tree(t, "d/index.html", "d/sub/", "a.html", "dangling -> nowhere", "loop -> loop",
		"ld -> d", "lf -> a.html")
	if err := syscall.Mkfifo(root+"/fifo", 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path    string
		verdict exchange.Verdict
		what    exchange.FileKind
		file    string
		info    string
	}{
		{"/a.html", exchange.OK, exchange.Regular, "/a.html", ""},
		{"/a.html/", exchange.OK, exchange.Regular, "/a.html", "/"},
		{"/a.html/b/c", exchange.OK, exchange.Regular, "/a.html", "/b/c"},
		{"/d", exchange.OK, exchange.Directory, "/d", ""},
		{"/d/", exchange.OK, exchange.Directory, "/d/", ""},
		{"/d/sub/", exchange.OK, exchange.Directory, "/d/sub/", ""},
		{"/d/none", exchange.OK, exchange.Missing, "/d/none", ""},
		{"/none", exchange.OK, exchange.Missing, "/none", ""},
		{"/none/", exchange.OK, exchange.Missing, "/none", "/"},
		{"/none/b/c", exchange.OK, exchange.Missing, "/none", "/b/c"},
		{"/d/none/b//c", exchange.OK, exchange.Missing, "/d/none", "/b//c"},
		{"/d/index.html//x", exchange.OK, exchange.Regular, "/d/index.html", "//x"},
		{"/ld/index.html", exchange.OK, exchange.Regular, "/ld/index.html", ""},
		{"/lf", exchange.OK, exchange.Regular, "/lf", ""},
		{"/none" + strings.Repeat("/x", 1500), exchange.OK, exchange.Missing, "/none", strings.Repeat("/x", 1500)},
		{"/dangling", exchange.Status(403), exchange.Missing, "/dangling", ""},
		{"/dangling/x", exchange.Status(403), exchange.Missing, "/dangling", "/x"},
		{"/loop", exchange.Status(403), exchange.NotLooked, "/loop", ""},
		{"/loop/x", exchange.Status(403), exchange.NotLooked, "/loop/x", ""},
		{"/fifo", exchange.Status(403), exchange.Special, "/fifo", ""},
		{"/fifo/x", exchange.Status(403), exchange.Special, "/fifo", "/x"},
		{"/a.html\x00", exchange.Status(404), exchange.NotLooked, "/a.html\x00", ""},
		{"/d/../a.html", exchange.Status(403), exchange.NotLooked, "/d/../a.html", ""},
		{"/d/..", exchange.Status(403), exchange.NotLooked, "/d/..", ""},
		{"/d/..a", exchange.OK, exchange.Missing, "/d/..a", ""},
		{"/d/a..", exchange.OK, exchange.Missing, "/d/a..", ""},
		{"/" + strings.Repeat("a", 300), exchange.Status(403), exchange.NotLooked, "/" + strings.Repeat("a", 300), ""},
	} {
		x, v := mapped(root, c.path)
		file := strings.TrimPrefix(x.Mapped.Path, root)
		if v != c.verdict || x.Mapped.What != c.what || file != c.file || x.PathInfo != c.info {
			t.Errorf("%.40q: verdict %d, kind %d, file %.40q, info %.40q; want %d, %d, %.40q, %.40q",
				c.path, v, x.Mapped.What, file, x.PathInfo, c.verdict, c.what, c.file, c.info)
		}
	}
}

// rules gives every directory below root a rule: the longest prefix decides.
func rules(x *exchange.Exchange, root string, by map[string]string) {
	x.Server.Locate = func(p *exchange.Exchange) *exchange.Place {
		if p.Path == "/" || p.Mapped.What != exchange.Directory {
			panic("not a question about a directory")
		}
		best, rule := -1, ""
		for dir, r := range by {
			if strings.HasPrefix(p.Mapped.Path, root+dir) && len(dir) > best {
				best, rule = len(dir), r
			}
		}
		return &exchange.Place{Core: exchange.DirSettings{
			FollowSymlinks: rule == "follow", SymlinksIfOwner: rule == "owner",
		}}
	}
}

func TestSymlinkRules(t *testing.T) {
	root := tree(t, "open/f", "open/in -> f", "open/out -> ../shut/f", "open/ld -> ../shut",
		"shut/f", "shut/in -> f", "shut/out -> ../open/f", "shut/sub/f",
		"own/mine -> ../shut/f", "own/root -> /etc/passwd", "own/chain -> ../open/in",
		"open/abs -> "+"/etc/hostname", "open/chain -> ../shut/in")
	by := map[string]string{"/": "none", "/open/": "follow", "/own/": "owner"}
	if os.Getuid() == 0 {
		if err := os.Lchown(root+"/own/mine", 12345, 12345); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		path string
		want exchange.Verdict
	}{
		{"/open/f", exchange.OK},
		{"/open/in", exchange.OK},
		{"/open/out", exchange.OK},
		{"/open/ld/f", exchange.OK},
		{"/open/ld/sub/f", exchange.OK},
		{"/open/chain", exchange.OK}, // links inside the target are the kernel's
		{"/shut/f", exchange.OK},
		{"/shut/in", 403},
		{"/shut/out", 403},
		{"/own/chain", exchange.OK},
	} {
		x, v := mapped(root, c.path)
		if v != exchange.OK {
			t.Fatalf("%s: Map says %d", c.path, v)
		}
		rules(x, root, by)
		f, fi, v := storage.Open(x)
		if v != c.want {
			t.Errorf("%s: got %d, want %d", c.path, v, c.want)
		}
		if (f != nil) != (v == exchange.OK) || (fi != nil) != (f != nil) {
			t.Errorf("%s: file, info and verdict disagree", c.path)
		}
		if f != nil {
			f.Close()
		}
	}
	if os.Getuid() == 0 && runtime.GOOS == "linux" {
		x, _ := mapped(root, "/own/mine")
		rules(x, root, by)
		if _, _, v := storage.Open(x); v != 403 {
			t.Errorf("a link of another owner: got %d, want 403", v)
		}
	}
}

func TestCheckDirectory(t *testing.T) {
	root := tree(t, "d/sub/f", "ld -> d", "open/ld -> ../d")
	for path, want := range map[string]exchange.Verdict{
		"/d":           exchange.OK,
		"/d/":          exchange.OK,
		"/d/sub/":      exchange.OK,
		"/ld":          403,
		"/ld/":         403,
		"/ld/sub":      403,
		"/open/ld/":    exchange.OK,
		"/open/ld/sub": exchange.OK,
	} {
		x, v := mapped(root, path)
		if v != exchange.OK || x.Mapped.What != exchange.Directory {
			t.Fatalf("%s: Map says %d, %d", path, v, x.Mapped.What)
		}
		rules(x, root, map[string]string{"/": "none", "/open/": "follow"})
		if v := storage.Check(x); v != want {
			t.Errorf("%s: got %d, want %d", path, v, want)
		}
	}
}

func TestOpenWhatChanged(t *testing.T) {
	root := tree(t, "f", "g", "h", "k")
	for name, change := range map[string]func(path string) error{
		"/f": os.Remove,
		"/g": func(p string) error { os.Remove(p); return os.Mkdir(p, 0o755) },
		"/h": func(p string) error { os.Remove(p); return syscall.Mkfifo(p, 0o644) },
		"/k": func(p string) error { os.Remove(p); return os.Symlink("/etc/passwd", p) },
	} {
		x, _ := mapped(root, name)
		rules(x, root, nil)
		if err := change(root + name); err != nil {
			t.Fatal(err)
		}
		want := exchange.Status(403)
		if name == "/f" {
			want = 404
		}
		if f, _, v := storage.Open(x); v != want || f != nil {
			t.Errorf("%s: got %d, want %d", name, v, want)
		}
	}
}

// TestRace swaps a directory and a file for links into a secret place while
// they are opened; not once may the secret be read.
func TestRace(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs openat2")
	}
	root := tree(t, "www/d/f", "www/g", "secret/f")
	var stop sync.WaitGroup
	done := make(chan bool)
	swap := func(name, target string) {
		defer stop.Done()
		aside := root + "/aside-" + filepath.Base(name)
		if err := os.Symlink(target, aside); err != nil {
			t.Error(err)
			return
		}
		for {
			select {
			case <-done:
				return
			default:
				// In and out again: now the real thing, now the link.
				os.Rename(name, aside+"-real")
				os.Rename(aside, name)
				os.Rename(name, aside)
				os.Rename(aside+"-real", name)
			}
		}
	}
	stop.Add(2)
	go swap(root+"/www/d", root+"/secret")
	go swap(root+"/www/g", root+"/secret/f")
	opened := 0
	for range 3000 {
		for _, p := range []string{"/www/d/f", "/www/g"} {
			x, _ := mapped(root, p)
			rules(x, root, nil)
			f, _, v := storage.Open(x)
			if v != exchange.OK {
				continue
			}
			b, err := io.ReadAll(f)
			f.Close()
			if err != nil || strings.HasPrefix(string(b), "secret") {
				t.Fatalf("%s gave %q, %v", p, b, err)
			}
			opened++
		}
	}
	close(done)
	stop.Wait()
	t.Logf("opened %d of 6000", opened)
}
