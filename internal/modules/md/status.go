package md

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"sallyport/internal/certs"
	"sallyport/internal/exchange"
)

// statusHandler is the name that SetHandler knows.
const statusHandler = "md-status"

// certificatePath shows a host's certificate (MDCertificateStatus).
const certificatePath = "/.httpd/certificate-status"

// validity is a span of time in reports.
type validity struct {
	From  string `json:"from"`
	Until string `json:"until"`
}

// certReport is one certificate in reports, with mod_md's names.
type certReport struct {
	Valid       *validity `json:"valid,omitempty"`
	Serial      string    `json:"serial,omitempty"`
	Fingerprint string    `json:"sha256-fingerprint,omitempty"`
}

// renewalReport is how the last attempt went.
type renewalReport struct {
	Name    string `json:"name"`
	Errors  int    `json:"errors"`
	LastRun string `json:"last-run,omitempty"`
	NextRun string `json:"next-run,omitempty"`
	Problem string `json:"problem,omitempty"`
}

// domainReport is one managed domain.
type domainReport struct {
	Name        string                `json:"name"`
	Domains     []string              `json:"domains"`
	Ready       bool                  `json:"ready"`
	Authorities []string              `json:"ca-urls"`
	Mode        string                `json:"renew-mode"`
	RenewAt     string                `json:"renew-at,omitempty"`
	Cert        map[string]certReport `json:"cert,omitempty"`
	Renewal     *renewalReport        `json:"renewal,omitempty"`
}

// timeFormat is HTTP's way to write a date.
const timeFormat = "Mon, 02 Jan 2006 15:04:05 GMT"

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(timeFormat)
}

func report(c *tls.Certificate) certReport {
	sum := sha256.Sum256(c.Certificate[0])
	return certReport{
		Valid:  &validity{stamp(c.Leaf.NotBefore), stamp(c.Leaf.NotAfter)},
		Serial: fmt.Sprintf("%X", c.Leaf.SerialNumber), Fingerprint: hex.EncodeToString(sum[:]),
	}
}

func reports(d *certs.Domain) map[string]certReport {
	out := map[string]certReport{}
	for _, c := range d.Certificates() {
		out[certs.KindOf(c)] = report(c)
	}
	return out
}

// certificateStatus is public: what a handshake shows anyway.
func (s *site) certificateStatus(x *exchange.Exchange) exchange.Verdict {
	if x.Path != certificatePath || x.Request.Method != "GET" && x.Request.Method != "HEAD" || !s.domain.Spec().Covers(hostOf(x)) {
		return exchange.Declined
	}
	out := map[string]any{}
	var from, until time.Time
	for _, c := range s.domain.Certificates() {
		if from.IsZero() || c.Leaf.NotBefore.After(from) {
			from = c.Leaf.NotBefore
		}
		if until.IsZero() || c.Leaf.NotAfter.Before(until) {
			until = c.Leaf.NotAfter
		}
		out[certs.KindOf(c)] = report(c)
	}
	if !from.IsZero() {
		out["valid"] = validity{stamp(from), stamp(until)}
	}
	return sendJSON(x, out)
}

// status is the handler md-status: all domains, or the one that the path ends in.
func (bd *builder) status(x *exchange.Exchange) exchange.Verdict {
	if x.Handler != statusHandler {
		return exchange.Declined
	}
	if x.Request.Method != "GET" && x.Request.Method != "HEAD" {
		return exchange.Status(405)
	}
	list := []domainReport{}
	last := x.Path[strings.LastIndexByte(x.Path, '/')+1:]
	for _, g := range bd.groups {
		if g.live == nil {
			continue
		}
		s := g.live.Spec()
		t := g.live.Trial()
		r := domainReport{
			Name: s.Name, Domains: s.Names, Ready: g.live.Ready(), Authorities: s.Authorities,
			Mode: s.Mode.String(), RenewAt: stamp(t.Due), Cert: reports(g.live),
		}
		if !t.Last.IsZero() {
			r.Renewal = &renewalReport{Name: s.Name, Errors: t.Errors, LastRun: stamp(t.Last), Problem: t.Problem}
			if t.Errors > 0 {
				r.Renewal.NextRun = stamp(t.Next)
			}
		}
		if s.Name == last {
			return sendJSON(x, r)
		}
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b domainReport) int { return strings.Compare(a.Name, b.Name) })
	return sendJSON(x, map[string]any{"managed-domains": list})
}

func sendJSON(x *exchange.Exchange, v any) exchange.Verdict {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return exchange.Status(500)
	}
	return send(x, "application/json", string(b)+"\n")
}
