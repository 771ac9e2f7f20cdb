package ssl

import (
	"crypto/x509"
	"net/http/httptest"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"sallyport/internal/errorlog"
)

// A good answer is remembered for a while, a bad one is not.
func TestAnswersRemembered(t *testing.T) {
	root := issue(t, "root", nil, nil)
	r := &answerer{t: t, ca: root, life: time.Hour}
	srv := httptest.NewServer(r)
	defer srv.Close()
	one := issue(t, "one", root, func(c *x509.Certificate) { c.OCSPServer = []string{srv.URL} })
	o := &ocspCheck{skew: time.Minute, keep: time.Minute, good: map[[32]byte]time.Time{}, logf: func(errorlog.Level, string, ...any) {}}
	now := time.Now()
	for i, step := range []struct {
		status int32
		after  time.Duration
		want   error
		asked  int32
	}{
		{0, 0, errUnknown, 1},
		{ocsp.Revoked + 1, 0, errRevoked, 2},
		{ocsp.Good + 1, 0, nil, 3},
		{ocsp.Revoked + 1, 59 * time.Second, nil, 3},
		{ocsp.Revoked + 1, 61 * time.Second, errRevoked, 4},
	} {
		r.status.Store(step.status)
		err := o.chain([]*x509.Certificate{one.cert, root.cert}, now.Add(step.after))
		if err != step.want || r.asked.Load() != step.asked {
			t.Errorf("%d: %v after %d questions, want %v after %d", i, err, r.asked.Load(), step.want, step.asked)
		}
	}
}
