package files

import (
	"strconv"
	"strings"

	"sallyport/internal/exchange"
	"sallyport/internal/message"
)

// span is a range of bytes, both ends included.
type span struct{ first, last int64 }

func (s span) size() int64 { return s.last - s.first + 1 }

// contentRange is the value of a Content-Range.
func (s span) contentRange(size int64) string {
	b := make([]byte, 0, 48)
	b = append(b, "bytes "...)
	b = strconv.AppendInt(b, s.first, 10)
	b = append(b, '-')
	b = strconv.AppendInt(b, s.last, 10)
	b = append(b, '/')
	b = strconv.AppendInt(b, size, 10)
	return string(b)
}

// wanted reads the Range of a request for a resource of size bytes. No spans
// and ok mean the whole; not ok, that none of the ranges lies within. Spans
// that touch or overlap their predecessor are joined with it; too many of
// them, or more bytes than there are, make it the whole (httpd's
// ap_set_byterange with MaxRanges, MaxRangeOverlaps, MaxRangeReversals).
//
// Unlike httpd: blanks and empty members, which RFC 9110 §5.6.1 allows in a
// list, do not spoil it.
func (w *place) wanted(x *exchange.Exchange, size int64) (spans []span, ok bool) {
	if w.core.MaxRanges < 0 || size == 0 {
		return nil, true
	}
	if m := x.Request.Method; m != "GET" && m != "HEAD" {
		return nil, true // RFC 9110 §14.2; httpd takes POST too
	}
	if !x.Request.Header.Has(message.Range) {
		return nil, true
	}
	set, _ := x.Request.Header.Joined("Range")
	if len(set) < 6 || !strings.EqualFold(set[:6], "bytes=") {
		return nil, true
	}
	var (
		sum                 int64
		overlaps, reversals int
		outside             bool
	)
	for spec := range message.Tokens(set[6:]) {
		s, in, valid := parseSpan(spec, size)
		if !valid {
			return nil, true
		}
		if !in {
			outside = true
			continue
		}
		if n := len(spans); n > 0 {
			joined, backwards := spans[n-1].join(s)
			if joined {
				overlaps++
				if backwards {
					reversals++
				}
				continue
			}
		}
		if w.core.MaxRanges > 0 && len(spans) == w.core.MaxRanges {
			return nil, true
		}
		spans = append(spans, s)
	}
	for _, s := range spans {
		sum += s.size()
	}
	switch {
	case len(spans) == 0:
		return nil, !outside
	case sum > size,
		w.core.RangeOverlaps != 0 && overlaps > max(w.core.RangeOverlaps, 0),
		w.core.RangeReversals != 0 && reversals > max(w.core.RangeReversals, 0):
		return nil, true
	}
	return spans, true
}

// join widens s by t when t touches or overlaps it; backwards tells that t
// begins before s.
func (s *span) join(t span) (joined, backwards bool) {
	if t.first > s.last+1 || t.last < s.first-1 {
		return false, false
	}
	backwards = t.first < s.first
	s.first, s.last = min(s.first, t.first), max(s.last, t.last)
	return true, backwards
}

// parseSpan reads "first-", "first-last" or "-count". Not in: it lies behind
// the end; not valid: it is none.
func parseSpan(spec string, size int64) (s span, in, valid bool) {
	from, to, dash := strings.Cut(spec, "-")
	if !dash {
		return s, false, false
	}
	if from == "" {
		n, ok := digits(to)
		if !ok || n == 0 {
			return s, false, false
		}
		return span{max(size-n, 0), size - 1}, true, true
	}
	var ok bool
	if s.first, ok = digits(from); !ok {
		return s, false, false
	}
	s.last = size - 1
	if to != "" {
		if s.last, ok = digits(to); !ok || s.first > s.last {
			return s, false, false
		}
	}
	s.last = min(s.last, size-1)
	return s, s.first < size, true
}

// digits reads a number of digits alone. One that is too large counts as the
// largest.
func digits(t string) (int64, bool) {
	const largest = 1<<63 - 1
	if t == "" {
		return 0, false
	}
	var n int64
	for i := 0; i < len(t); i++ {
		if t[i] < '0' || t[i] > '9' {
			return 0, false
		}
		d := int64(t[i] - '0')
		if n > (largest-d)/10 {
			n = largest
			continue
		}
		n = n*10 + d
	}
	return n, true
}
