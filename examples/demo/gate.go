package main

import (
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"sync"
	"sync/atomic"
	"time"
)

//go:embed site
var site embed.FS

var pages = template.Must(template.ParseFS(site, "site/*.html"))

// gate is one backend. A broken one listens nowhere: connections are refused.
type gate struct {
	Name   string
	delay  time.Duration // before each answer of /who
	served atomic.Int64

	mu     sync.Mutex
	addr   string
	server *http.Server // nil while broken

	visits struct {
		sync.Mutex
		of map[string]int // by the cookie VISITOR
	}
}

func newGate(name string, l net.Listener) *gate {
	g := &gate{Name: name, addr: l.Addr().String()}
	g.visits.of = map[string]int{}
	g.open(l)
	return g
}

func (g *gate) open(l net.Listener) {
	g.server = &http.Server{Handler: g.handler()}
	go g.server.Serve(l)
}

// shut breaks the gate, connections in use included.
func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.server != nil {
		g.server.Close()
		g.server = nil
	}
}

// mend opens the gate again, at the same port.
func (g *gate) mend() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.server != nil {
		return nil
	}
	l, err := net.Listen("tcp", g.addr)
	if err == nil {
		g.open(l)
	}
	return err
}

func (g *gate) isOpen() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.server != nil
}

func (g *gate) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", g.page)
	mux.HandleFunc("GET /who", g.who)
	mux.HandleFunc("GET /request", request)
	mux.HandleFunc("GET /events", g.events)
	mux.HandleFunc("GET /echo", g.echo)
	mux.HandleFunc("POST /upload", upload)
	mux.HandleFunc("PUT /upload", upload)
	mux.HandleFunc("GET /desk/{$}", g.desk)
	mux.HandleFunc("GET /desk/who", g.who)
	mux.HandleFunc("GET /old", func(w http.ResponseWriter, r *http.Request) {
		// An absolute Location with the backend's own address: ProxyPassReverse
		// turns it into Sallyport's.
		http.Redirect(w, r, "http://"+g.addr+"/", http.StatusFound)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.served.Add(1)
		mux.ServeHTTP(w, r)
	})
}

func (g *gate) page(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	pages.ExecuteTemplate(w, "index.html", g)
}

func (g *gate) who(w http.ResponseWriter, r *http.Request) {
	time.Sleep(g.delay)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/plain")
	io.WriteString(w, g.Name+"\n")
}

// request repeats the request as it came.
func request(w http.ResponseWriter, r *http.Request) {
	b, err := httputil.DumpRequest(r, false)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Write(b)
}

// events sends one event a second, a hundred in all.
func (g *gate) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	flush := http.NewResponseController(w)
	for n := 1; n <= 100; n++ {
		fmt.Fprintf(w, "data: %s from the %s gate, event %d\n\n", time.Now().Format(time.TimeOnly), g.Name, n)
		if flush.Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-time.After(time.Second):
		}
	}
}

// upload reads a body of any length as it comes and says what it was.
func upload(w http.ResponseWriter, r *http.Request) {
	begin := time.Now()
	sum := sha256.New()
	n, err := io.Copy(sum, r.Body)
	if err != nil {
		return // nobody is left to answer
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{
		"bytes": n, "sha256": hex.EncodeToString(sum.Sum(nil)), "seconds": time.Since(begin).Seconds(),
	})
}

// desk counts the visits of each visitor in this gate's own memory: only a
// client that always comes to the same gate sees the number grow.
func (g *gate) desk(w http.ResponseWriter, r *http.Request) {
	c, err := r.Cookie("VISITOR")
	if err != nil {
		c = &http.Cookie{Name: "VISITOR", Value: rand.Text(), Path: "/desk/", HttpOnly: true}
		http.SetCookie(w, c)
	}
	g.visits.Lock()
	g.visits.of[c.Value]++
	n := g.visits.of[c.Value]
	g.visits.Unlock()
	w.Header().Set("Cache-Control", "no-store")
	pages.ExecuteTemplate(w, "desk.html", map[string]any{"Name": g.Name, "Visit": n})
}
