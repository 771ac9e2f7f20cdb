package certs

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sallyport/internal/certs/pebbletest"
	"sallyport/internal/errorlog"
)

// rig is a manager with what a server does for it: the answers to challenges.
type rig struct {
	*Manager
	t     *testing.T
	ca    *pebbletest.Pebble
	store *Store

	mu  sync.Mutex
	log []string
}

func newRig(t *testing.T, ca *pebbletest.Pebble) *rig {
	r := &rig{t: t, ca: ca, store: &Store{Dir: filepath.Join(t.TempDir(), "md"), UID: -1, GID: -1}}
	r.restart()
	if ca != nil {
		web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			host, _, _ := strings.Cut(q.Host, ":")
			answer, _ := r.HTTPProof(host, strings.TrimPrefix(q.URL.Path, "/.well-known/acme-challenge/"))
			io.WriteString(w, answer)
		})}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", ca.HTTPPort))
		if err != nil {
			t.Fatal(err)
		}
		go web.Serve(l)
		t.Cleanup(func() { web.Close() })
		tl, err := tls.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", ca.TLSPort), &tls.Config{
			NextProtos:     []string{"acme-tls/1"},
			GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) { return r.TLSProof(h) },
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { tl.Close() })
		go func() {
			for {
				c, err := tl.Accept()
				if err != nil {
					return
				}
				go func() {
					c.(*tls.Conn).Handshake()
					c.Close()
				}()
			}
		}()
	}
	return r
}

// restart is the manager of another process.
func (r *rig) restart() {
	if r.Manager != nil {
		r.Stop()
	}
	r.Manager = NewManager(func(l errorlog.Level, format string, args ...any) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.log = append(r.log, fmt.Sprintf(format, args...))
	})
	r.t.Cleanup(r.Stop)
}

func (r *rig) lines() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.log, "\n")
}

func (r *rig) spec(change func(*Spec)) *Spec {
	s := &Spec{
		Name: "a.test", Names: []string{"a.test", "b.test"}, Keys: []Key{{Curve: "secp256r1"}},
		Contact: "admin@example.org", Agreed: true,
		Authorities: []string{"https://127.0.0.1:1/none"},
		Challenges:  []string{HTTP01}, DNSVersion: 1,
		RenewWindow: Window{Percent: 33}, WarnWindow: Window{Percent: 10},
		RetryDelay: 50 * time.Millisecond, RetryFailover: 13, CheckInterval: time.Hour,
	}
	if r.ca != nil {
		s.Authorities, s.Roots = []string{r.ca.Directory}, pebbletest.Pool(r.t, r.ca.RootFile)
	}
	if change != nil {
		change(s)
	}
	return s
}

// use settles one spec and starts.
func (r *rig) use(s *Spec) *Domain {
	r.t.Helper()
	f := r.Draft(r.store)
	d := f.Add(s)
	if err := f.Prepare(); err != nil {
		r.t.Fatal(err)
	}
	r.Settle()
	r.Start()
	return d
}

func (r *rig) until(what string, ok func() bool) {
	r.t.Helper()
	for end := time.Now().Add(60 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("not within a minute: %s; log:\n%s", what, r.lines())
		}
	}
}

// leaf is what a handshake for the name gets.
func leaf(t *testing.T, d *Domain, name string) *x509.Certificate {
	t.Helper()
	c, err := d.Certificate(&tls.ClientHelloInfo{ServerName: name,
		SupportedVersions: []uint16{tls.VersionTLS13}, SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256, tls.PSSWithSHA256}})
	if err != nil || c == nil {
		t.Fatalf("%v, %v", c, err)
	}
	return c.Leaf
}

func TestObtain(t *testing.T) {
	ca := pebbletest.Start(t, pebbletest.Options{})
	hook := filepath.Join(t.TempDir(), "dns")
	events := hook + ".log"
	script := fmt.Sprintf(`#!/bin/sh
echo "$@" >>%s
case $1 in
setup) curl -sf -d "{\"host\":\"_acme-challenge.$2.\",\"value\":\"$3\"}" %s/set-txt ;;
teardown) curl -sf -d "{\"host\":\"_acme-challenge.$2.\"}" %s/clear-txt ;;
esac
`, events, ca.DNS, ca.DNS)
	if err := os.WriteFile(hook, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(*Spec)
		wants  func(t *testing.T, r *rig, d *Domain)
	}{
		{"http-01", func(s *Spec) {}, nil},
		{"tls-alpn-01", func(s *Spec) { s.Challenges = []string{TLSALPN01} }, nil},
		{"dns-01 and a wildcard", func(s *Spec) {
			s.Challenges, s.DNSCommand = []string{DNS01}, []string{hook}
			s.Names = []string{"a.test", "*.a.test"}
		}, func(t *testing.T, r *rig, d *Domain) {
			b, _ := os.ReadFile(events)
			if n := strings.Count(string(b), "setup a.test "); n != 2 || strings.Count(string(b), "teardown a.test\n") != 2 {
				t.Errorf("the command was called:\n%s", b)
			}
			if r.at("www.a.test") != d || r.at("x.www.a.test") != nil {
				t.Error("the wildcard covers the wrong names")
			}
		}},
		{"two keys, must-staple", func(s *Spec) {
			s.Keys, s.MustStaple = []Key{{Curve: "secp384r1"}, {Bits: 2048}}, true
		}, func(t *testing.T, r *rig, d *Domain) {
			cs := d.Certificates()
			if len(cs) != 2 || cs[0].Leaf.PublicKeyAlgorithm != x509.ECDSA || cs[1].Leaf.PublicKeyAlgorithm != x509.RSA {
				t.Fatalf("%d certificates", len(cs))
			}
			if got := leaf(t, d, "a.test"); got.PublicKeyAlgorithm != x509.RSA {
				t.Errorf("a client without P-384 gets %v", got.PublicKeyAlgorithm)
			}
		}},
		{"through a proxy, with a profile that nobody knows", func(s *Spec) {
			s.Proxy, s.Profile = tunnels(t), "unheard-of"
		}, func(t *testing.T, r *rig, d *Domain) {
			if tunnelled.Load() == 0 {
				t.Error("the proxy was not asked")
			}
		}},
		{"commands", func(s *Spec) {
			s.Message, s.Notify = []string{"sh", "-c", `echo "message $*" >>` + events, "-"}, []string{"sh", "-c", `echo "notify $*" >>` + events, "-"}
		}, func(t *testing.T, r *rig, d *Domain) {
			want := []string{"message renewing a.test", "message challenge-setup:http-01:", "message challenge-setup:http-01:", "message renewed a.test", "message installed a.test", "notify a.test"}
			var got []string
			r.until("notify", func() bool {
				b, _ := os.ReadFile(events)
				got = strings.Split(strings.TrimSpace(string(b)), "\n")
				return strings.HasPrefix(got[len(got)-1], "notify")
			})
			if len(got) != len(want) {
				t.Fatalf("%q", got)
			}
			for i := range want {
				if !strings.HasPrefix(got[i], want[i]) {
					t.Errorf("%q, want %q", got[i], want[i])
				}
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			os.Remove(events)
			r := newRig(t, ca)
			s := r.spec(c.change)
			d := r.use(s)
			if first := leaf(t, d, "a.test"); !d.Ready() && first.Subject.CommonName != "Sallyport temporary certificate" {
				t.Errorf("at first %v", first.Subject)
			}
			r.until("a certificate", d.Ready)
			got := leaf(t, d, "a.test")
			names, want := slices.Sorted(slices.Values(got.DNSNames)), slices.Sorted(slices.Values(s.Names))
			if !slices.Equal(names, want) {
				t.Errorf("names %q", names)
			}
			inter := x509.NewCertPool()
			for _, der := range d.Certificates()[0].Certificate[1:] {
				c, err := x509.ParseCertificate(der)
				if err != nil {
					t.Fatal(err)
				}
				inter.AddCert(c)
			}
			if _, err := d.Certificates()[0].Leaf.Verify(x509.VerifyOptions{Roots: ca.Issuer(t), Intermediates: inter}); err != nil {
				t.Error(err)
			}
			if c.wants != nil {
				c.wants(t, r, d)
			}
			// What a challenge left behind is gone, and keys are nobody else's.
			r.until("clean up", func() bool {
				left, _ := os.ReadDir(filepath.Join(r.store.Dir, "challenges"))
				r.proofs.mu.RLock()
				defer r.proofs.mu.RUnlock()
				return len(left) == 0 && len(r.proofs.http) == 0 && len(r.proofs.tls) == 0
			})
			keyFile, _ := pairNames(s.Keys[0])
			if st, err := os.Stat(filepath.Join(r.store.Dir, "domains", "a.test", keyFile)); err != nil || st.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v", st, err)
			}
			// Another process finds it, and asks for nothing.
			r.restart()
			r.log = nil
			again := r.use(r.spec(c.change))
			if !again.Ready() || !leaf(t, again, "a.test").Equal(got) {
				t.Error("after a restart it is another certificate")
			}
		})
	}
}

// TestReload: the Domain stays over reloads; another name gets another
// certificate, and until then the old one is shown.
func TestReload(t *testing.T) {
	ca := pebbletest.Start(t, pebbletest.Options{})
	r := newRig(t, ca)
	d := r.use(r.spec(nil))
	r.until("a certificate", d.Ready)
	first := leaf(t, d, "a.test")
	if r.use(r.spec(nil)) != d {
		t.Error("a reload made another Domain")
	}
	if r.use(r.spec(func(s *Spec) { s.Names = append(s.Names, "c.test") })) != d || !d.Ready() || !leaf(t, d, "a.test").Equal(first) {
		t.Error("with another name wanted the old certificate is not shown")
	}
	r.until("three names", func() bool { return len(leaf(t, d, "a.test").DNSNames) == 3 })
	f := r.Draft(r.store)
	f.Add(r.spec(func(s *Spec) { s.Name, s.Names = "z.test", []string{"z.test"} }))
	if err := f.Prepare(); err != nil {
		t.Fatal(err)
	}
	if r.at("z.test") != nil || r.at("a.test") != d {
		t.Error("a draft has an effect")
	}
	r.Settle()
	if r.at("a.test") != nil || r.at("z.test") == nil || d.cancel != nil {
		t.Error("the domains have not been replaced")
	}
}

// TestRenewal: a certificate is replaced before it ends.
func TestRenewal(t *testing.T) {
	ca := pebbletest.Start(t, pebbletest.Options{Validity: 6 * time.Second})
	r := newRig(t, ca)
	d := r.use(r.spec(func(s *Spec) { s.RenewWindow = Window{Fixed: 4 * time.Second} }))
	r.until("a certificate", d.Ready)
	seen := map[string]bool{}
	r.until("three certificates, none missing between", func() bool {
		if !d.Ready() {
			t.Fatalf("no certificate between two; log:\n%s", r.lines())
		}
		seen[leaf(t, d, "a.test").SerialNumber.String()] = true
		return len(seen) == 3
	})
}

func TestExternalAccount(t *testing.T) {
	const mac = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
	ca := pebbletest.Start(t, pebbletest.Options{EABKey: "kid-1", EABMAC: mac})
	r := newRig(t, ca)
	d := r.use(r.spec(nil))
	r.until("the refusal", func() bool { return strings.Contains(r.lines(), "externalAccountRequired") })
	if d.Ready() {
		t.Error("a certificate without an account")
	}
	r.use(r.spec(func(s *Spec) { s.EABKey, s.EABMAC = "kid-1", mac }))
	r.until("a certificate", d.Ready)
}

// TestStopInCommand: the end of the process waits neither for a command nor for
// what that has started.
func TestStopInCommand(t *testing.T) {
	r := newRig(t, nil)
	began := filepath.Join(t.TempDir(), "began")
	r.use(r.spec(func(s *Spec) { s.Message = []string{"sh", "-c", "touch " + began + "; sleep 300 & sleep 300", "-"} }))
	r.until("the command", func() bool { _, err := os.Stat(began); return err == nil })
	done := make(chan struct{})
	go func() {
		r.Stop()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(60 * time.Second):
		t.Fatal("still waiting")
	}
	if strings.Contains(r.lines(), "next try") {
		t.Errorf("the end counts as a failure:\n%s", r.lines())
	}
}

func TestMandatoryProfile(t *testing.T) {
	r := newRig(t, pebbletest.Start(t, pebbletest.Options{}))
	d := r.use(r.spec(func(s *Spec) { s.Profile, s.MustProfile = "unheard-of", true }))
	r.until("the complaint", func() bool { return strings.Contains(r.lines(), `offers no profile "unheard-of"`) })
	if d.Ready() {
		t.Error("a certificate without the profile")
	}
}

// tunnelled counts the connections through tunnels.
var tunnelled atomic.Int32

// tunnels runs an HTTP proxy that knows CONNECT.
func tunnels(t *testing.T) *url.URL {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		far, err := net.Dial("tcp", r.Host)
		if r.Method != http.MethodConnect || err != nil {
			http.Error(w, "no", http.StatusBadGateway)
			return
		}
		defer far.Close()
		tunnelled.Add(1)
		w.WriteHeader(http.StatusOK)
		near, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer near.Close()
		go func() {
			io.Copy(far, rw)
			far.Close()
		}()
		io.Copy(near, far)
	}))
	t.Cleanup(srv.Close)
	u, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestAgreement(t *testing.T) {
	r := newRig(t, pebbletest.Start(t, pebbletest.Options{}))
	d := r.use(r.spec(func(s *Spec) { s.Agreed = false }))
	r.until("the complaint", func() bool { return strings.Contains(r.lines(), "MDCertificateAgreement accepted") })
	if d.Ready() {
		t.Error("terms were accepted that nobody accepted")
	}
}

// TestFailures: the authority is away, then it can't reach us, then all is
// well; the log says when the next try is due, and that survives a restart.
func TestFailures(t *testing.T) {
	ca := pebbletest.Start(t, pebbletest.Options{})
	r := newRig(t, ca)
	away := r.spec(func(s *Spec) {
		s.Authorities = []string{"https://127.0.0.1:1/dir"}
		s.RetryDelay = time.Hour
		s.Message = []string{"sh", "-c", "exit 0"}
	})
	d := r.use(away)
	r.until("the next try", func() bool { return strings.Contains(r.lines(), "encountered error for the 1. time, next try at") })
	if d.Ready() || !slices.Contains(leaf(t, d, "b.test").DNSNames, "b.test") {
		t.Error("no temporary certificate")
	}
	var j job
	b, err := r.store.read("domains", "a.test", "sallyport-job.json")
	if err != nil || json.Unmarshal(b, &j) != nil || j.Errors != 1 || j.Problem == "" || !j.Next.After(j.Last) {
		t.Errorf("%s, %v", b, err)
	}
	r.restart()
	r.log = nil
	d = r.use(away)
	time.Sleep(100 * time.Millisecond) // a new attempt would have failed by now
	if s := r.lines(); strings.Contains(s, "encountered error") {
		t.Errorf("tried again at once:\n%s", s)
	}
	// With another spec the waiting time means nothing. Here the challenge
	// fails: nobody answers for the name.
	r.use(r.spec(func(s *Spec) {
		s.Challenges = []string{DNS01}
		s.DNSCommand = []string{"true"}
		s.RetryDelay = time.Hour
	}))
	r.until("the failed challenge", func() bool {
		return strings.Contains(r.lines(), "_acme-challenge") || strings.Contains(r.lines(), "TXT")
	})
	r.use(r.spec(func(s *Spec) { s.Message = []string{"sh", "-c", "echo no, not now; exit 1"} }))
	r.until("a command that forbids it", func() bool { return strings.Contains(r.lines(), "no, not now") })
	r.use(r.spec(func(s *Spec) { s.Authorities = []string{"https://127.0.0.1:1/dir", ca.Directory}; s.RetryFailover = 1 }))
	r.until("the other authority", d.Ready)
}

// TestStore: what can't be used is not used; a pair half written neither.
func TestStore(t *testing.T) {
	r := newRig(t, nil)
	if err := r.store.open(); err != nil {
		t.Fatal(err)
	}
	if c, err := r.store.load("a.test", Key{Bits: 2048}); c != nil || err != nil {
		t.Errorf("%v, %v", c, err)
	}
	one, err := temporary([]string{"a.test"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	k := Key{Curve: "secp256r1"}
	chain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: one.Certificate[0]})
	other, err := k.generate()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.store.save("a.test", k, other, chain); err != nil {
		t.Fatal(err)
	}
	if c, err := r.store.load("a.test", k); c != nil || err == nil || !strings.Contains(err.Error(), "pubcert.secp256r1.pem") {
		t.Errorf("a key that does not fit: %v, %v", c, err)
	}
	d := r.use(r.spec(func(s *Spec) { s.Mode = Manual }))
	if d.Ready() {
		t.Error("ready with nothing")
	}
	bad := &Store{Dir: filepath.Join(r.store.Dir, "domains", "a.test", "pubcert.secp256r1.pem", "md")}
	f := r.Draft(bad)
	f.Add(r.spec(nil))
	if err := f.Prepare(); err == nil || !strings.Contains(err.Error(), "MDStoreDir") {
		t.Errorf("a store below a file: %v", err)
	}
	if r.at("a.test") != d {
		t.Error("a store that can't be opened has changed something")
	}
}

// TestGive: as root a store is handed over once, and never more than the store.
func TestGive(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("skipped: not root")
	}
	const uid, gid = 65534, 65534
	dir := t.TempDir()
	outside := filepath.Join(dir, "outside")
	s := &Store{Dir: filepath.Join(dir, "md"), UID: uid, GID: gid}
	inside := filepath.Join(s.Dir, "domains", "a.test")
	for _, err := range []error{
		os.WriteFile(outside, nil, 0o600), os.MkdirAll(inside, 0o700), os.WriteFile(filepath.Join(inside, "privkey.pem"), nil, 0o600),
		os.Link(outside, filepath.Join(inside, "hard")), os.Symlink(outside, filepath.Join(inside, "soft")), os.Symlink(dir, filepath.Join(inside, "up")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	whose := func(path string) int {
		info, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		return owner(info)
	}
	if err := s.open(); err != nil {
		t.Fatal(err)
	}
	if whose(filepath.Join(inside, "privkey.pem")) != uid || whose(inside) != uid || whose(filepath.Join(s.Dir, "locks")) != uid || whose(outside) != 0 || whose(dir) != 0 {
		t.Error("the wrong files were given away, or too few")
	}
	late := filepath.Join(inside, "late")
	if err := os.WriteFile(late, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.open(); err != nil || whose(late) != 0 {
		t.Errorf("a store that was handed over is given away again: %v", err)
	}
}

func TestWindow(t *testing.T) {
	day := 24 * time.Hour
	for _, c := range []struct {
		w          Window
		life, want time.Duration
	}{
		{Window{Percent: 33}, 100 * day, 33 * day},
		{Window{Fixed: 21 * day}, 90 * day, 21 * day},
		{Window{Fixed: 100 * day}, 10 * day, 9 * day},
		{Window{Percent: 100}, 10 * day, 9 * day},
	} {
		if got := c.w.Before(c.life); got != c.want {
			t.Errorf("%+v of %v: %v", c.w, c.life, got)
		}
	}
	for n := 1; n < 100; n++ {
		if b := backoff(30*time.Second, n); b < 15*time.Second || b > maxBackoff {
			t.Errorf("%d: %v", n, b)
		}
	}
}

// TestSharedProofs: the answer to a challenge that another process has asked for
// lies in the store.
func TestSharedProofs(t *testing.T) {
	r := newRig(t, nil)
	if err := r.store.open(); err != nil {
		t.Fatal(err)
	}
	r.use(r.spec(func(s *Spec) { s.RetryDelay = time.Hour }))
	if err := r.store.write([]byte("tok.thumb"), "challenges", "b.test", "acme-http-01.txt"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		host, token, answer string
		ours                bool
	}{
		{"b.test", "tok", "tok.thumb", true}, {"b.test", "to", "", true}, {"a.test", "tok", "", true}, {"c.test", "tok", "", false},
		{"..", "tok", "", false},
	} {
		if answer, ours := r.HTTPProof(c.host, c.token); answer != c.answer || ours != c.ours {
			t.Errorf("%s %s: %q, %v", c.host, c.token, answer, ours)
		}
	}
}

// TestSharedStore: of two processes on one store, of which the authority reaches
// one, either obtains a certificate and both use it; so it goes with the next.
func TestSharedStore(t *testing.T) {
	ca := pebbletest.Start(t, pebbletest.Options{Validity: 20 * time.Second})
	r := newRig(t, ca)
	change := func(s *Spec) {
		s.RenewWindow = Window{Fixed: 14 * time.Second}
		s.CheckInterval = time.Second
	}
	other := &rig{t: t, ca: ca, store: &Store{Dir: r.store.Dir, UID: -1, GID: -1}}
	other.restart()
	a, b := r.use(r.spec(change)), other.use(other.spec(change))
	r.until("both", func() bool { return a.Ready() && b.Ready() })
	seen := map[string]bool{}
	r.until("the same third certificate", func() bool {
		one, two := leaf(t, a, "a.test"), leaf(t, b, "a.test")
		seen[one.SerialNumber.String()] = true
		return len(seen) >= 3 && one.Equal(two)
	})
	if n := strings.Count(r.lines()+other.lines(), "AH10059"); n > len(seen)+1 {
		t.Errorf("%d certificates were obtained, %d were enough:\n%s\n-- other\n%s", n, len(seen), r.lines(), other.lines())
	}
}
