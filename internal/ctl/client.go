package ctl

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// client speaks to one API.
type client struct {
	base  string
	http  http.Client
	token string
	user  string
	pass  string
}

// connect makes the client of a session.
func (s *session) connect() (*client, error) {
	if s.client != nil {
		return s.client, nil
	}
	u, err := url.Parse(s.url)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, &usageError{fmt.Sprintf("-url %q is no http:// or https:// URL", s.url)}
	}
	base := strings.TrimSuffix(s.url, "/")
	if !strings.HasSuffix(base, "/api/v1") {
		base += "/api/v1"
	}
	c := &client{base: base, token: s.token}
	if c.token == "" && s.tokenFile != "" {
		text, err := os.ReadFile(s.tokenFile)
		if err != nil {
			return nil, &usageError{err.Error()}
		}
		c.token = strings.TrimSpace(string(text))
	}
	c.user, c.pass, _ = strings.Cut(s.user, ":")
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, ResponseHeaderTimeout: time.Minute}
	if s.ca != "" {
		text, err := os.ReadFile(s.ca)
		pool := x509.NewCertPool()
		if err != nil || !pool.AppendCertsFromPEM(text) {
			return nil, &usageError{fmt.Sprintf("-ca %s holds no certificates", s.ca)}
		}
		t.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	c.http.Transport = t
	// A redirect would take the token elsewhere.
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	s.client = c
	return c, nil
}

// problem is a refusal.
type problem struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Errors []struct {
		Name    string `json:"name"`
		Value   string `json:"value"`
		Problem string `json:"problem"`
		Allowed string `json:"allowed"`
	} `json:"errors"`
}

func (p *problem) Error() string {
	if len(p.Errors) == 0 {
		return p.Detail
	}
	var lines []string
	for _, e := range p.Errors {
		line := e.Name
		if e.Value != "" {
			line += "=" + e.Value
		}
		line += ": " + e.Problem
		if e.Allowed != "" {
			line += "; allowed: " + e.Allowed
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n  ")
}

// send makes a request; the caller closes the body.
func (c *client) send(ctx context.Context, method, path string, body any, header ...string) (*http.Response, error) {
	var r io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		r = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+"/"+path, r)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i+1] != "" {
			req.Header.Set(header[i], header[i+1])
		}
	}
	switch {
	case c.token != "":
		req.Header.Set("Authorization", "Bearer "+c.token)
	case c.user != "":
		req.SetBasicAuth(c.user, c.pass)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	p := &problem{}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if !strings.Contains(resp.Header.Get("Content-Type"), "problem+json") || json.Unmarshal(text, p) != nil || p.Status == 0 {
		switch resp.StatusCode {
		case 401, 403:
			return nil, &problem{Status: resp.StatusCode, Detail: fmt.Sprintf("%s answers %s: give -token or -user, or see its Require", c.base, resp.Status)}
		case 404, 502, 503:
			return nil, fmt.Errorf("%s answers %s: is there a balancer-manager at this URL (-url)?", c.base, resp.Status)
		}
		return nil, fmt.Errorf("%s answers %s", c.base, resp.Status)
	}
	return nil, p
}

// do makes a request and reads its JSON into v; raw is what came.
func (c *client) do(method, path string, body, v any, header ...string) (raw []byte, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	resp, err := c.send(ctx, method, path, body, header...)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	raw, err = io.ReadAll(resp.Body)
	if err == nil && v != nil {
		if jerr := json.Unmarshal(raw, v); jerr != nil {
			return nil, fmt.Errorf("%s answers something that is no JSON: is this a balancer-manager?", c.base)
		}
	}
	return raw, err
}
