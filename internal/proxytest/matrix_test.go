package proxytest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"strings"
	"testing"
)

// matrixDirs are the scripts about messages on their way: what they say holds
// whatever version of HTTP the client speaks.
var matrixDirs = []string{"forward/", "errors/", "headers/", "reverse/", "mapping/", "cookies/", "balancer/failover", "balancer/sticky"}

// TestMatrix plays the forwarding scripts through the later versions of HTTP
// in front. What the script says of status, fields, content, trailers, interim
// responses, logs and what the backends saw must hold there too. Excluded
// names what a script cannot be about then; matrixExclusions are the rest.
func TestMatrix(t *testing.T) {
	p := sallyport(t)
	played := map[string]int{}
	for _, via := range []named{{"h2c", newH2C}} {
		for _, s := range scripts(t) {
			if !inMatrix(s) {
				continue
			}
			if s.Excluded() != "" || matrixExclusions[s.Name] != "" {
				continue
			}
			played[via.name]++
			t.Run(via.name+"/"+s.Name, func(t *testing.T) {
				t.Parallel()
				RunVia(t, p, s, via.make())
			})
		}
		if played[via.name] < 100 {
			t.Errorf("%s: only %d scripts", via.name, played[via.name])
		}
	}
	for name := range matrixExclusions {
		found := false
		for _, s := range scripts(t) {
			found = found || s.Name == name && s.Excluded() == ""
		}
		if !found {
			t.Errorf("matrixExclusions: %s is no script, or excluded anyway", name)
		}
	}
}

func inMatrix(s *Script) bool {
	for _, d := range matrixDirs {
		if strings.HasPrefix(s.Name, d) {
			return true
		}
	}
	return false
}

// matrixExclusions are scripts about something that only HTTP/1.1 has in front.
var matrixExclusions = map[string]string{
	"forward/via-full":          "expects the client's version, 1.1, in Via",
	"forward/request-head":      "expects fields in the order they were sent in; the client has an order of its own",
	"forward/forwarded-append":  "the same",
	"mapping/merge-slashes":     "asks for //a, which the client cannot",
	"mapping/merge-slashes-off": "the same",
}

type named struct {
	name string
	make func() Via
}

// library is a Via through one of the HTTP clients of Go.
type library struct {
	modules []string
	conf    string
	scheme  string
	client  func() http.RoundTripper
}

func newH2C() Via {
	return &library{modules: []string{"http2"}, conf: "Protocols h2c http/1.1\nH2EarlyHints On\n", scheme: "http", client: func() http.RoundTripper {
		tr := &http.Transport{DisableCompression: true, Protocols: new(http.Protocols)}
		tr.Protocols.SetUnencryptedHTTP2(true)
		return tr
	}}
}

func (l *library) Modules() []string       { return l.modules }
func (l *library) Conf(root string) string { return l.conf }

// Send sends each request on a connection of its own, as the text does.
func (l *library) Send(port string, a *Ask) *Response {
	tr := l.client()
	if c, ok := tr.(interface{ CloseIdleConnections() }); ok {
		defer c.CloseIdleConnections()
	}
	if c, ok := tr.(io.Closer); ok {
		defer c.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), stepTimeout)
	defer cancel()
	resp := &Response{}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		resp.Interim = append(resp.Interim, &Message{First: fmt.Sprintf("HTTP/1.1 %d", code), Fields: fields(http.Header(h)), Whole: true})
		return nil
	}})
	q := (&http.Request{
		Method: a.Method, URL: &url.URL{Scheme: l.scheme, Host: "127.0.0.1:" + port, Opaque: a.Target}, Host: a.Host,
		Header: http.Header{"User-Agent": nil},
	}).WithContext(ctx)
	for _, f := range a.Fields {
		q.Header[textproto.CanonicalMIMEHeaderKey(f.Name)] = append(q.Header[textproto.CanonicalMIMEHeaderKey(f.Name)], f.Value)
	}
	if a.HasBody {
		q.Body, q.ContentLength = io.NopCloser(bytes.NewReader(a.Body)), -1
		if a.Counted {
			q.ContentLength = int64(len(a.Body))
			if len(a.Body) == 0 {
				q.Body = http.NoBody
			}
		}
	}
	got, err := tr.RoundTrip(q)
	if err != nil {
		resp.Err = err
		return resp
	}
	defer got.Body.Close()
	m := &Message{First: fmt.Sprintf("HTTP/1.1 %d", got.StatusCode), Fields: fields(got.Header), Framing: "none"}
	resp.Message = m
	m.Body, resp.Err = io.ReadAll(got.Body)
	m.Whole = resp.Err == nil
	m.Trailer = fields(got.Trailer)
	return resp
}

func fields(h http.Header) []Field {
	var out []Field
	for name, values := range h {
		for _, v := range values {
			out = append(out, Field{name, v})
		}
	}
	return out
}
