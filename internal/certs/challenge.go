package certs

import (
	"context"
	"crypto/tls"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"

	"sallyport/internal/errorlog"
)

// The types of challenges.
const (
	HTTP01    = "http-01"
	TLSALPN01 = "tls-alpn-01"
	DNS01     = "dns-01"
)

// proofs are the answers to challenges under way.
type proofs struct {
	mu   sync.RWMutex
	http map[string]string           // key authorization by host and token
	tls  map[string]*tls.Certificate // by host
}

func (p *proofs) setHTTP(host, token, answer string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.http == nil {
		p.http = map[string]string{}
	}
	if answer == "" {
		delete(p.http, host+" "+token)
	} else {
		p.http[host+" "+token] = answer
	}
}

func (p *proofs) setTLS(host string, c *tls.Certificate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tls == nil {
		p.tls = map[string]*tls.Certificate{}
	}
	if c == nil {
		delete(p.tls, host)
	} else {
		p.tls[host] = c
	}
}

// HTTPProof is what an authority is to find at
// http://host/.well-known/acme-challenge/token (RFC 8555 §8.3). ours tells
// whether the host is one whose certificates are obtained here.
func (m *Manager) HTTPProof(host, token string) (answer string, ours bool) {
	m.proofs.mu.RLock()
	answer = m.proofs.http[host+" "+token]
	m.proofs.mu.RUnlock()
	if answer != "" {
		return answer, true
	}
	d := m.at(host)
	if d == nil || !d.Spec().Renews() {
		return "", false
	}
	// Another node, with the same files, may have asked.
	if b, err := d.store.read("challenges", dirOf(host), "acme-http-01.txt"); err == nil {
		if s := string(b); strings.HasPrefix(s, token+".") {
			return s, true
		}
	}
	return "", true
}

// TLSProof is the certificate that answers a tls-alpn-01 challenge (RFC 8737);
// nil: none is under way for the name.
func (m *Manager) TLSProof(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	m.proofs.mu.RLock()
	defer m.proofs.mu.RUnlock()
	return m.proofs.tls[strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))], nil
}

// solvers are the ways a domain can prove itself.
func (d *Domain) solvers(s *Spec) map[string]acmez.Solver {
	out := map[string]acmez.Solver{}
	for _, c := range s.Challenges {
		switch c {
		case HTTP01:
			out[c] = httpSolver{d, s}
		case TLSALPN01:
			out[c] = tlsSolver{d, s}
		case DNS01:
			if len(s.DNSCommand) > 0 {
				out[c] = dnsSolver{d, s}
			}
		}
	}
	return out
}

type httpSolver struct {
	d *Domain
	s *Spec
}

func (v httpSolver) Present(ctx context.Context, c acme.Challenge) error {
	v.d.manager.proofs.setHTTP(c.Identifier.Value, c.Token, c.KeyAuthorization)
	if err := v.d.store.write([]byte(c.KeyAuthorization), "challenges", dirOf(c.Identifier.Value), "acme-http-01.txt"); err != nil {
		v.d.logf(errorlog.Warn, "%s: the challenge is answered by this process only: %v", v.s.Name, err)
	}
	return v.d.challengeSetUp(ctx, v.s, c)
}

func (v httpSolver) CleanUp(_ context.Context, c acme.Challenge) error {
	v.d.manager.proofs.setHTTP(c.Identifier.Value, c.Token, "")
	v.d.store.remove("challenges", dirOf(c.Identifier.Value), "acme-http-01.txt")
	return nil
}

type tlsSolver struct {
	d *Domain
	s *Spec
}

func (v tlsSolver) Present(ctx context.Context, c acme.Challenge) error {
	cert, err := acmez.TLSALPN01ChallengeCert(c)
	if err != nil {
		return err
	}
	v.d.manager.proofs.setTLS(c.Identifier.Value, cert)
	return v.d.challengeSetUp(ctx, v.s, c)
}

func (v tlsSolver) CleanUp(_ context.Context, c acme.Challenge) error {
	v.d.manager.proofs.setTLS(c.Identifier.Value, nil)
	return nil
}

// dnsSolver runs MDChallengeDns01's command: "setup NAME VALUE" and "teardown
// NAME", in version 2 with the value.
type dnsSolver struct {
	d *Domain
	s *Spec
}

func (v dnsSolver) Present(ctx context.Context, c acme.Challenge) error {
	if err := run(ctx, v.s.DNSCommand, "setup", c.Identifier.Value, c.DNS01KeyAuthorization()); err != nil {
		return err
	}
	return v.d.challengeSetUp(ctx, v.s, c)
}

func (v dnsSolver) CleanUp(ctx context.Context, c acme.Challenge) error {
	args := []string{"teardown", c.Identifier.Value}
	if v.s.DNSVersion == 2 {
		args = append(args, c.DNS01KeyAuthorization())
	}
	// Also when the attempt was given up: what was set up must not stay. But the
	// end of the process does not wait long for that.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tearDownTime)
	defer cancel()
	err := run(ctx, v.s.DNSCommand, args...)
	if err != nil {
		v.d.logf(errorlog.Warn, "%s: dns-01: %v", v.s.Name, err)
	}
	return err
}

// challengeSetUp tells the message command.
func (d *Domain) challengeSetUp(ctx context.Context, s *Spec, c acme.Challenge) error {
	return d.tell(ctx, s, "challenge-setup:"+c.Type+":"+c.Identifier.Value)
}

// tell runs the message command for an event.
func (d *Domain) tell(ctx context.Context, s *Spec, event string) error {
	if len(s.Message) == 0 {
		return nil
	}
	return run(ctx, s.Message, event, s.Name)
}

// run runs a program with more arguments and waits for it, commandTime at most.
func run(ctx context.Context, argv []string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	c := exec.CommandContext(ctx, argv[0], append(append([]string{}, argv[1:]...), args...)...)
	ownGroup(c)
	c.WaitDelay = time.Second // what it has started may hold its output open
	out, err := c.CombinedOutput()
	if err != nil {
		text := strings.Join(strings.Fields(string(out)), " ")
		if len(text) > 200 {
			text = text[:200] + "…"
		}
		return fmt.Errorf("%s %s: %w: %s", argv[0], strings.Join(args, " "), err, text)
	}
	return nil
}
