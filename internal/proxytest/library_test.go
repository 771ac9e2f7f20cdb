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
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"golang.org/x/net/http2"
)

// library is a Via through one of the HTTP clients of Go.
type library struct {
	name    string
	modules []string
	conf    string
	scheme  string
	client  func() http.RoundTripper
}

func newH2C() Via {
	return &library{name: "h2c", modules: []string{"http2"}, conf: "Protocols h2c http/1.1\nH2EarlyHints On\n", scheme: "http", client: func() http.RoundTripper {
		tr := &http.Transport{DisableCompression: true, Protocols: new(http.Protocols)}
		tr.Protocols.SetUnencryptedHTTP2(true)
		return tr
	}}
}

func newH2() Via {
	return &library{name: "h2", modules: []string{"http2", "ssl"}, conf: "Protocols h2 http/1.1\nH2EarlyHints On\n", scheme: "https", client: func() http.RoundTripper {
		tr := &http.Transport{DisableCompression: true, Protocols: new(http.Protocols), TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
		tr.Protocols.SetHTTP2(true)
		return tr
	}}
}

func newH3() Via {
	return &library{name: "h3", modules: []string{"http2", "ssl"}, conf: "Protocols h3 http/1.1\nH2EarlyHints On\n", scheme: "https", client: func() http.RoundTripper {
		return &http3.Transport{DisableCompression: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, QUICConfig: &quic.Config{EnableStreamResetPartialDelivery: true}}
	}}
}

func (l *library) Name() string      { return l.name }
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
	c, err := l.Begin(port, a)
	if err != nil {
		return &Response{Err: err}
	}
	defer c.Close()
	return c.Answer(false)
}

// Begin sends the head of a request, and all of its content unless a.Open.
func (l *library) Begin(port string, a *Ask) (Call, error) {
	c := &libraryCall{tr: l.client(), over: make(chan struct{})}
	ctx, cancel := context.WithTimeout(context.Background(), stepTimeout)
	c.cancel = cancel
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.interim = append(c.interim, &Message{First: fmt.Sprintf("HTTP/1.1 %d", code), Fields: fields(http.Header(h)), Whole: true})
		return nil
	}})
	q := (&http.Request{
		Method: a.Method, URL: &url.URL{Scheme: l.scheme, Host: "127.0.0.1:" + port, Opaque: a.Target}, Host: a.Host,
		Header: http.Header{"User-Agent": nil}, Trailer: http.Header{},
	}).WithContext(ctx)
	for _, f := range a.Fields {
		q.Header[textproto.CanonicalMIMEHeaderKey(f.Name)] = append(q.Header[textproto.CanonicalMIMEHeaderKey(f.Name)], f.Value)
	}
	for _, f := range a.Trailer {
		q.Trailer.Add(f.Name, f.Value)
	}
	switch {
	case a.Open:
		pr, pw := io.Pipe()
		q.Body, q.ContentLength, c.body = pr, a.Length, pw
	case a.HasBody && a.Counted && len(a.Body) == 0:
		q.Body = http.NoBody
	case a.HasBody && a.Counted:
		q.Body, q.ContentLength = io.NopCloser(bytes.NewReader(a.Body)), int64(len(a.Body))
	case a.HasBody:
		q.Body, q.ContentLength = io.NopCloser(bytes.NewReader(a.Body)), -1
	}
	go func() {
		defer close(c.over)
		c.got, c.resp.Err = c.tr.RoundTrip(q)
	}()
	return c, nil
}

// ResetCode is the version of HTTP and the code with which a stream was reset.
func (l *library) ResetCode(err error) (version, code string) {
	var three *http3.Error
	if errors.As(err, &three) {
		return "h3", three.ErrorCode.String()
	}
	var two http2.StreamError
	if errors.As(err, &two) {
		return "h2", two.Code.String()
	}
	return "h2", err.Error()
}

// libraryCall is a request of a library's client. What it got is there once
// over is closed.
type libraryCall struct {
	tr     http.RoundTripper
	cancel context.CancelFunc
	body   *io.PipeWriter // of the request; nil when it was given as a whole
	over   chan struct{}
	got    *http.Response
	resp   Response

	mu      sync.Mutex
	interim []*Message
}

func (c *libraryCall) Write(p []byte) error {
	_, err := c.body.Write(p)
	return err
}

func (c *libraryCall) End() error { return c.body.Close() }

func (c *libraryCall) Interim(status string) error {
	for deadline := time.Now().Add(stepTimeout); ; time.Sleep(2 * time.Millisecond) {
		c.mu.Lock()
		found := slices.ContainsFunc(c.interim, func(m *Message) bool { return m.word(1) == status })
		c.mu.Unlock()
		if found {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("no interim response %s", status)
		}
	}
}

func (c *libraryCall) Answer(head bool) *Response {
	<-c.over
	resp := &c.resp
	c.mu.Lock()
	resp.Interim = c.interim
	c.mu.Unlock()
	if resp.Err != nil {
		return resp
	}
	if resp.Message == nil {
		resp.Message = &Message{First: fmt.Sprintf("HTTP/1.1 %d", c.got.StatusCode), Fields: fields(c.got.Header), Framing: "none"}
	}
	if head {
		return resp
	}
	m := resp.Message
	m.Body, resp.Err = io.ReadAll(c.got.Body)
	m.Whole = resp.Err == nil
	m.Trailer = fields(c.got.Trailer)
	return resp
}

func (c *libraryCall) Read(p []byte) (int, error) {
	<-c.over
	if c.resp.Err != nil {
		return 0, c.resp.Err
	}
	return c.got.Body.Read(p)
}

// Abort takes the request back.
func (c *libraryCall) Abort() {
	c.cancel()
	<-c.over
	if c.got != nil {
		c.got.Body.Close()
	}
}

// Close ends the connection.
func (c *libraryCall) Close() {
	c.Abort()
	if c.body != nil {
		c.body.Close()
	}
	if i, ok := c.tr.(interface{ CloseIdleConnections() }); ok {
		i.CloseIdleConnections()
	}
	if i, ok := c.tr.(io.Closer); ok {
		i.Close()
	}
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
