package certs

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
)

// How long things may take.
const (
	attemptTime  = 10 * time.Minute // one certificate
	commandTime  = 2 * time.Minute  // a program that is told something
	tearDownTime = 10 * time.Second
	pollTime     = 3 * time.Minute // the authority's checks
)

// client makes the client of an authority.
func (s *Spec) client(authority string) *acme.Client {
	t := &http.Transport{
		DialContext:           (&net.Dialer{Timeout: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   30 * time.Second,
		ResponseHeaderTimeout: 60 * time.Second,
		TLSClientConfig:       &tls.Config{RootCAs: s.Roots},
		ForceAttemptHTTP2:     true,
	}
	if s.Proxy != nil {
		t.Proxy = http.ProxyURL(s.Proxy)
	}
	return &acme.Client{
		Directory:   authority,
		HTTPClient:  &http.Client{Transport: t, Timeout: 90 * time.Second},
		UserAgent:   "Sallyport",
		PollTimeout: pollTime,
	}
}

// obtain gets one certificate of a kind, for all names, and stores it.
func (d *Domain) obtain(ctx context.Context, s *Spec, k Key, authority string, old *x509.Certificate) (err error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	c := &acmez.Client{Client: s.client(authority), ChallengeSolvers: d.solvers(s)}
	defer c.HTTPClient.CloseIdleConnections()
	later := &patience{RoundTripper: c.HTTPClient.Transport}
	c.HTTPClient.Transport = later
	defer func() { err = later.about(err) }()
	if len(c.ChallengeSolvers) == 0 {
		return errors.New("no type of challenge can work here: nothing listens at port 80 or 443 (MDPortMap tells of others), and there is no MDChallengeDns01")
	}
	dir, err := c.GetDirectory(ctx)
	if err != nil {
		return fmt.Errorf("reach the authority %s: %w", authority, err)
	}
	account, err := d.account(ctx, c, s, authority)
	if err != nil {
		return fmt.Errorf("account with %s: %w", authority, err)
	}
	key, err := k.generate()
	if err != nil {
		return err
	}
	csr, err := request(key, s)
	if err != nil {
		return err
	}
	p, err := acmez.OrderParametersFromCSR(account, csr)
	if err != nil {
		return err
	}
	if s.Profile != "" {
		offered := false
		if dir.Meta != nil {
			_, offered = dir.Meta.Profiles[s.Profile]
		}
		switch {
		case offered:
			p.Profile = s.Profile
		case s.MustProfile:
			return fmt.Errorf("%s offers no profile %q", authority, s.Profile)
		}
	}
	if s.ARI && dir.RenewalInfo != "" {
		p.Replaces = old
	}
	chains, err := c.ObtainCertificate(ctx, p)
	if err != nil {
		return err
	}
	if len(chains) == 0 {
		return errors.New("the authority sent no certificate")
	}
	pair, err := encodeKey(key)
	if err != nil {
		return err
	}
	if _, err := tls.X509KeyPair(chains[0].ChainPEM, pair); err != nil {
		return fmt.Errorf("the authority's certificate can't be used: %w", err)
	}
	return d.store.save(s.Name, k, key, chains[0].ChainPEM)
}

// mustStaple is the extension of RFC 7633 with status_request.
var mustStaple = pkix.Extension{
	Id:    asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24},
	Value: []byte{0x30, 0x03, 0x02, 0x01, 0x05},
}

// request makes the certificate signing request.
func request(key crypto.Signer, s *Spec) (*x509.CertificateRequest, error) {
	t := &x509.CertificateRequest{DNSNames: s.Names}
	if s.MustStaple {
		t.ExtraExtensions = []pkix.Extension{mustStaple}
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, t, key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificateRequest(der)
}

// account finds the account with an authority in the store, or opens one. The
// same contact and binding share it.
func (d *Domain) account(ctx context.Context, c *acmez.Client, s *Spec, authority string) (acme.Account, error) {
	id := accountID(s, authority)
	unlock, err := d.store.lock(ctx, "account-"+id)
	if err != nil {
		return acme.Account{}, err
	}
	defer unlock()
	var a acme.Account
	if b, err := d.store.read("accounts", id, "account.json"); err == nil && json.Unmarshal(b, &a) == nil {
		if b, err = d.store.read("accounts", id, "account.pem"); err == nil {
			if a.PrivateKey, err = decodeKey(b); err == nil {
				found, err := c.GetAccount(ctx, a)
				if err == nil && found.Status == acme.StatusValid {
					return found, nil
				}
				var p acme.Problem
				if err != nil && (!errors.As(err, &p) || p.Type != acme.ProblemTypeAccountDoesNotExist) {
					return a, err
				}
			}
		}
	}
	if !s.Agreed {
		return a, errors.New("its terms of service must be accepted: MDCertificateAgreement accepted")
	}
	a = acme.Account{TermsOfServiceAgreed: true}
	if s.Contact != "" {
		a.Contact = []string{"mailto:" + s.Contact}
	}
	if a.PrivateKey, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return a, err
	}
	if s.EABKey != "" {
		if err := a.SetExternalAccountBinding(ctx, c.Client, acme.EAB{KeyID: s.EABKey, MACKey: s.EABMAC}); err != nil {
			return a, err
		}
	}
	if a, err = c.NewAccount(ctx, a); err != nil {
		return a, err
	}
	key, err := encodeKey(a.PrivateKey)
	if err == nil {
		err = d.store.write(key, "accounts", id, "account.pem")
	}
	if err == nil {
		var b []byte
		if b, err = json.MarshalIndent(a, "", "  "); err == nil {
			err = d.store.write(b, "accounts", id, "account.json")
		}
	}
	return a, err
}

// accountID names an account's directory.
func accountID(s *Spec, authority string) string {
	host := "authority"
	if u, err := url.Parse(authority); err == nil && u.Hostname() != "" {
		host = u.Hostname()
	}
	sum := sha256.Sum256([]byte(authority + "\n" + s.Contact + "\n" + s.EABKey))
	return "sallyport-" + host + "-" + hex.EncodeToString(sum[:4])
}
