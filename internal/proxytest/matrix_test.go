package proxytest

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
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
	for _, via := range []named{{"h2c", newH2C}, {"h2", newH2}, {"h3", newH3}} {
		for _, s := range scripts(t) {
			if !inMatrix(s) || s.Via != "" {
				continue
			}
			if s.Excluded() != "" || matrixExclusions[s.Name] != "" || matrixExclusions[via.name+"/"+s.Name] != "" {
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
			found = found || (s.Name == name || strings.HasSuffix(name, "/"+s.Name)) && s.Excluded() == ""
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

	"h2/headers/request-host-format": "expects a connection without TLS",
	"h3/headers/request-host-format": "the same",
	"h2/reverse/host-port":           "expects :80 to be left out of URLs",
	"h3/reverse/host-port":           "the same",
	"h2/errors/signature":            "expects the port without TLS below a page",
	"h3/errors/signature":            "the same",
	"h3/forward/interim-too-many":    "the client takes five interim responses",
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

func newH2() Via {
	return &library{modules: []string{"http2", "ssl"}, conf: "Protocols h2 http/1.1\nH2EarlyHints On\n", scheme: "https", client: func() http.RoundTripper {
		tr := &http.Transport{DisableCompression: true, Protocols: new(http.Protocols), TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
		tr.Protocols.SetHTTP2(true)
		return tr
	}}
}

func newH3() Via {
	return &library{modules: []string{"http2", "ssl"}, conf: "Protocols h3 http/1.1\nH2EarlyHints On\n", scheme: "https", client: func() http.RoundTripper {
		return &http3.Transport{DisableCompression: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, QUICConfig: &quic.Config{EnableStreamResetPartialDelivery: true}}
	}}
}

func (l *library) Modules() []string { return l.modules }
func (l *library) Secure() bool      { return l.scheme == "https" }

// Conf also writes the server's certificate where there is TLS.
func (l *library) Conf(root string) string {
	if l.scheme == "http" {
		return l.conf
	}
	name := filepath.Join(root, "via")
	if err := writeCertificate(name); err != nil {
		return "Error " + strconv.Quote(err.Error()) + "\n"
	}
	return l.conf + "SSLEngine on\nSSLCertificateFile " + name + ".crt\nSSLCertificateKeyFile " + name + ".key\n"
}

// writeCertificate makes a certificate that nobody checks.
func writeCertificate(name string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"cl.test"}}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return err
	}
	k, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(name+".crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644),
		os.WriteFile(name+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: k}), 0o644))
}

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
