//go:build linux

package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sallyport/bench/internal/proc"
)

// peerFlags are the arguments of the two peers that live in this program.
type peerFlags struct {
	port     int
	backends []int
	logFile  string
	prefixes int
	hosts    int
	loops    int
}

// args is how the flags are passed to the child; parsePeerFlags reads them.
func (f peerFlags) args(mode string) []string {
	var ports []string
	for _, p := range f.backends {
		ports = append(ports, strconv.Itoa(p))
	}
	return []string{mode, "-port", strconv.Itoa(f.port), "-backends", strings.Join(ports, ","), "-log", f.logFile,
		"-prefixes", strconv.Itoa(f.prefixes), "-hosts", strconv.Itoa(f.hosts), "-loops", strconv.Itoa(f.loops)}
}

func parsePeerFlags(mode string, args []string) (peerFlags, error) {
	var f peerFlags
	set := flag.NewFlagSet(mode, flag.ContinueOnError)
	set.IntVar(&f.port, "port", 0, "port to listen on, on loopback")
	ports := set.String("backends", "", "ports of the backends, comma-separated")
	set.StringVar(&f.logFile, "log", "", "file for a combined access log")
	set.IntVar(&f.prefixes, "prefixes", 0, "number of mapped prefixes")
	set.IntVar(&f.hosts, "hosts", 0, "number of virtual hosts")
	set.IntVar(&f.loops, "loops", 1, "event loops of the relay")
	if err := set.Parse(args); err != nil {
		return f, err
	}
	for text := range strings.SplitSeq(*ports, ",") {
		port, err := strconv.Atoi(text)
		if err != nil {
			return f, fmt.Errorf("read -backends: %w", err)
		}
		f.backends = append(f.backends, port)
	}
	return f, nil
}

func siteFlags(s Site) peerFlags {
	return peerFlags{port: s.Port, backends: s.Backends, logFile: s.LogFile, prefixes: s.Prefixes, hosts: s.Hosts, loops: s.Cores}
}

func writeNetHTTP(s Site) (Command, error) {
	return Command{Args: siteFlags(s).args("peer-nethttp")}, nil
}

// runNetHTTP serves a httputil.ReverseProxy as a careful user would set it up:
// pooled copy buffers, enough idle connections, no compression.
func runNetHTTP(f peerFlags) error {
	var urls []*url.URL
	for _, port := range f.backends {
		urls = append(urls, &url.URL{Scheme: "http", Host: proc.Loopback(port)})
	}
	var turn atomic.Uint64
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			target := urls[0]
			if len(urls) > 1 {
				target = urls[turn.Add(1)%uint64(len(urls))]
			}
			r.SetURL(target)
			r.Out.Header["X-Forwarded-For"] = r.In.Header["X-Forwarded-For"]
			r.SetXForwarded()
		},
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			DisableCompression:  true,
			MaxIdleConns:        0,
			MaxIdleConnsPerHost: 1024,
			IdleConnTimeout:     10 * time.Minute,
		},
		BufferPool: &bufferPool{},
		ErrorLog:   log.New(os.Stderr, "", log.LstdFlags),
	}
	mux := http.NewServeMux()
	switch {
	case f.hosts > 0:
		for i := 1; i <= f.hosts; i++ {
			mux.Handle(hostName(i)+"/", proxy)
		}
	case f.prefixes > 0:
		for i := 1; i <= f.prefixes; i++ {
			mux.Handle(prefix(i), http.StripPrefix(strings.TrimSuffix(prefix(i), "/"), proxy))
		}
	default:
		mux.Handle("/", proxy)
	}
	var handler http.Handler = mux
	if f.hosts == 0 && f.prefixes == 0 {
		handler = proxy
	}
	if f.logFile != "" {
		file, err := os.OpenFile(f.logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
		if err != nil {
			return fmt.Errorf("open the access log: %w", err)
		}
		handler = &combinedLog{next: handler, out: bufio.NewWriterSize(file, 64*kib)}
		go handler.(*combinedLog).flushEvery(time.Second)
	}
	server := &http.Server{Addr: proc.Loopback(f.port), Handler: handler, IdleTimeout: 10 * time.Minute}
	return server.ListenAndServe()
}

// bufferPool lends the ReverseProxy its copy buffers.
type bufferPool struct{ pool sync.Pool }

func (p *bufferPool) Get() []byte {
	if b, ok := p.pool.Get().(*[]byte); ok {
		return *b
	}
	return make([]byte, 32*kib)
}

func (p *bufferPool) Put(b []byte) { p.pool.Put(&b) }

// combinedLog writes one line of httpd's combined format per request.
type combinedLog struct {
	next http.Handler
	mu   sync.Mutex // guards out
	out  *bufio.Writer
}

func (l *combinedLog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	n := &countingWriter{ResponseWriter: w, status: http.StatusOK}
	l.next.ServeHTTP(n, r)
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.out, "%s - - [%s] \"%s %s %s\" %d %d %q %q\n", host, began.Format("02/Jan/2006:15:04:05 -0700"),
		r.Method, r.RequestURI, r.Proto, n.status, n.bytes, r.Referer(), r.UserAgent())
}

// flushEvery writes out what the buffer holds, for ever.
func (l *combinedLog) flushEvery(d time.Duration) {
	for range time.Tick(d) {
		l.mu.Lock()
		if err := l.out.Flush(); err != nil {
			log.Printf("write the access log: %v", err)
		}
		l.mu.Unlock()
	}
}

// countingWriter remembers what the log line says of the response.
type countingWriter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *countingWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *countingWriter) Write(b []byte) (int, error) {
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// ReadFrom keeps the server's own way of copying open.
func (w *countingWriter) ReadFrom(r io.Reader) (int64, error) {
	n, err := io.Copy(w.ResponseWriter, r)
	w.bytes += n
	return n, err
}

// Unwrap lets http.ResponseController flush.
func (w *countingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
