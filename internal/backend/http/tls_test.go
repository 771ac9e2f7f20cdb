package http

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"sallyport/internal/backend/pool"
	"sallyport/internal/backend/secure"
	"sallyport/internal/watch"
)

// overTLS makes the rig's backend one that speaks TLS.
func overTLS(o secure.Options) func(*rig) {
	return func(r *rig) {
		w, _ := watch.New()
		s := secure.New(o)
		r.work.TLS = s
		r.work.Target.Scheme, r.work.Target.TLS = "https", s.Key
		r.work.Pool = pool.NewRegistry(w).For(r.work.Target)
	}
}

// TestOverTLS: exchanges of all sizes, one connection for those that come one
// after the other, a resumed session for the next.
func TestOverTLS(t *testing.T) {
	var mu sync.Mutex
	from := map[string]bool{}
	var resumed atomic.Int32
	note := func(r *http.Request) {
		mu.Lock()
		from[r.RemoteAddr] = true
		mu.Unlock()
		if r.TLS.DidResume {
			resumed.Add(1)
		}
	}
	back := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		note(r)
		http.NewResponseController(w).EnableFullDuplex()
		switch r.URL.Path {
		case "/large":
			w.Header().Set("Content-Length", "3000000")
			w.Write(make([]byte, 3000000))
		case "/two":
			io.WriteString(w, "one")
			w.(http.Flusher).Flush()
			io.Copy(io.Discard, r.Body)
			io.WriteString(w, "two")
		default:
			io.Copy(w, r.Body)
		}
	}))
	defer back.Close()
	r := newRig(t, strings.TrimPrefix(back.URL, "https://"), overTLS(secure.Options{}))
	do := func(method, path string, body io.Reader, want int) {
		t.Helper()
		req, _ := http.NewRequest(method, "http://"+r.addr+path, body)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(method, path, err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != 200 || len(b) != want {
			t.Fatal(method, path, res.StatusCode, len(b), err)
		}
	}
	for range 3 {
		do("GET", "/", nil, 0)
		do("GET", "/large", nil, 3000000)
		do("POST", "/", strings.NewReader(strings.Repeat("x", 5<<20)), 5<<20)
		do("POST", "/", struct{ io.Reader }{strings.NewReader(strings.Repeat("x", 300<<10))}, 300<<10)
	}
	mu.Lock()
	n := len(from)
	mu.Unlock()
	if n != 1 {
		t.Errorf("%d connections for requests one after the other, want 1", n)
	}
	if resumed.Load() != 0 {
		t.Error("the first session is a resumed one")
	}
	back.CloseClientConnections()
	do("GET", "/", nil, 0)
	if resumed.Load() != 1 {
		t.Error("the session of the second connection was not resumed")
	}

	// What the backend has sent reaches the client before more of it comes.
	pr, pw := io.Pipe()
	req, _ := http.NewRequest("POST", "http://"+r.addr+"/two", pr)
	go io.WriteString(pw, strings.Repeat("x", 100<<10))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b := make([]byte, 3)
	if _, err := io.ReadFull(res.Body, b); err != nil || string(b) != "one" {
		t.Fatalf("%q %v", b, err)
	}
	pw.Close()
	if rest, err := io.ReadAll(res.Body); err != nil || string(rest) != "two" {
		t.Fatalf("%q %v", rest, err)
	}
}

// TestOverTLSAtOnce: many at once, under the race detector.
func TestOverTLSAtOnce(t *testing.T) {
	back := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).EnableFullDuplex()
		io.Copy(w, r.Body)
	}))
	back.TLS = &tls.Config{MaxVersion: tls.VersionTLS12}
	back.StartTLS()
	defer back.Close()
	r := newRig(t, strings.TrimPrefix(back.URL, "https://"), overTLS(secure.Options{}))
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 20 {
				res, err := http.Post("http://"+r.addr+"/", "text/plain", strings.NewReader(strings.Repeat("y", 70<<10)))
				if err != nil {
					t.Error(err)
					return
				}
				n, err := io.Copy(io.Discard, res.Body)
				res.Body.Close()
				if n != 70<<10 || err != nil {
					t.Errorf("%d bytes, %v", n, err)
				}
			}
		})
	}
	all.Wait()
}
