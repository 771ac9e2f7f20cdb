package ssl

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// responders is the client that asks OCSP responders (RFC 6960 A.1), a few times
// an hour. It keeps no connections.
var responders = http.Client{
	Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	},
}

// post sends a question to a responder.
func post(ctx context.Context, to string, question []byte) ([]byte, error) {
	u, err := url.Parse(to)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(question))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/ocsp-request")
	req.Header.Set("Accept", "application/ocsp-response")
	res, err := responders.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", to, res.Status)
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, maxResponse+1))
	if err == nil && len(b) > maxResponse {
		err = fmt.Errorf("%s answers with more than %d bytes", to, maxResponse)
	}
	return b, err
}
