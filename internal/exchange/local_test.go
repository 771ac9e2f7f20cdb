package exchange_test

import (
	"testing"

	"sallyport/internal/exchange"
	"sallyport/internal/exchange/exchangetest"
)

func TestSelfURL(t *testing.T) {
	for _, c := range []struct {
		host string
		set  func(x *exchange.Exchange)
		want string
	}{
		{"", nil, "http://example.test/d/"},
		{"a.test", nil, "http://a.test/d/"},
		{"A.Test.:8080", nil, "http://a.test:8080/d/"},
		{"a.test:80", nil, "http://a.test/d/"},
		{"a.test:443", nil, "http://a.test:443/d/"},
		{"[::1]:80", nil, "http://[::1]/d/"},
		{"[::1]", nil, "http://[::1]/d/"},
		{"a.test:x", nil, "http://a.test/d/"},
		{"a.test", func(x *exchange.Exchange) { x.Client.TLS = new(exchange.TLS) }, "https://a.test/d/"},
		{"a.test:443", func(x *exchange.Exchange) { x.Client.TLS = new(exchange.TLS) }, "https://a.test/d/"},
		{"a.test", func(x *exchange.Exchange) { x.Server.Scheme = "https" }, "https://a.test/d/"},
		{"a.test", func(x *exchange.Exchange) { x.Server.Port = 8080 }, "http://a.test:8080/d/"},
		{"a.test:9", func(x *exchange.Exchange) { x.Server.Port = 8080 }, "http://a.test:9/d/"},
		{"a.test:9", func(x *exchange.Exchange) {
			x.Server.Port = 8080
			x.Server.Core.UseCanonicalName = exchange.NameFromServer
		}, "http://example.test:8080/d/"},
		{"a.test:9", func(x *exchange.Exchange) { x.Server.Core.UseCanonicalName = exchange.NameFromDNS }, "http://example.test:9/d/"},
		{"a.test", func(x *exchange.Exchange) {
			x.Server.Port = 9000
			x.Server.Core.UseCanonicalPort = true
		}, "http://a.test/d/"}, // the socket's port is 80
		{"", func(x *exchange.Exchange) { x.Server.Name = "::1" }, "http://[::1]/d/"},
	} {
		x, _ := exchangetest.NewExchange("GET", "/d", "Host: "+c.host)
		if c.set != nil {
			c.set(x)
		}
		if got := x.SelfURL("/d/"); got != c.want {
			t.Errorf("Host %q: got %s, want %s", c.host, got, c.want)
		}
	}
}

func TestEscapePath(t *testing.T) {
	for in, want := range map[string]string{
		"":                        "",
		"/a-b_c.d~e/$+!*'(),:;@&": "/a-b_c.d~e/$+!*'(),:;@&",
		"/a b?c#d%":               "/a%20b%3fc%23d%25",
		"/\xe4\r\n\x00\"<>|":      "/%e4%0d%0a%00%22%3c%3e%7c",
	} {
		if got := exchange.EscapePath(in); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

func TestMappingBegins(t *testing.T) {
	m := exchange.Mapping{Path: "http://a", Rest: "/b"}
	for prefix, want := range map[string]bool{"": true, "http://": true, "http://a": true, "http://a/": true, "http://a/b": true,
		"http://a/b/": false, "http://b": false, "http://ab": false, "http://b/b": false} {
		if m.Begins(prefix) != want {
			t.Errorf("%q: %v", prefix, !want)
		}
	}
}
