// Package httpdate prints and reads the dates of HTTP (RFC 9110 §5.6.7). The
// current second's text is made once and shared by all.
package httpdate

import (
	"net/http"
	"sync/atomic"
	"time"
)

// Layout is the IMF-fixdate: "Sun, 06 Nov 1994 08:49:37 GMT".
const Layout = http.TimeFormat

type second struct {
	unix int64
	text [len(Layout)]byte
}

var last atomic.Pointer[second]

// Append appends t in the form of Layout.
func Append(dst []byte, t time.Time) []byte {
	u := t.Unix()
	s := last.Load()
	if s == nil || s.unix != u {
		s = &second{unix: u}
		t.UTC().AppendFormat(s.text[:0], Layout)
		last.Store(s)
	}
	return append(dst, s.text[:]...)
}

// Parse reads any of the three forms a recipient must accept.
func Parse(s string) (time.Time, error) { return http.ParseTime(s) }
