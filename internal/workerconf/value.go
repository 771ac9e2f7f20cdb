package workerconf

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// errFormat is returned by Interval; callers say which parameter it was.
var errFormat = errors.New("wrong format")

// Interval reads httpd's time-interval syntax: digits, then optionally ms, s,
// mi or h; only these leading letters are looked at ("5sec", "5min"), in lower
// case. unit applies when no letter follows. Empty text is zero
// (ap_timeout_parameter_parse). Negative and fractional numbers are errors.
func Interval(text string, unit time.Duration) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	n, rest := digits(text)
	if n == 0 {
		return 0, errFormat
	}
	v, err := strconv.ParseInt(text[:n], 10, 64)
	if err != nil {
		return 0, errFormat
	}
	if rest != "" {
		switch {
		case strings.HasPrefix(rest, "ms"):
			unit = time.Millisecond
		case rest[0] == 's':
			unit = time.Second
		case strings.HasPrefix(rest, "mi"):
			unit = time.Minute
		case rest[0] == 'h':
			unit = time.Hour
		default:
			return 0, errFormat
		}
	}
	if v > int64(math.MaxInt64/unit) {
		return 0, errFormat
	}
	return time.Duration(v) * unit, nil
}

// lenient reads a time for the parameters that httpd reads as a bare integer
// of unit. A unit or a fraction in text is honoured; whatever else follows the
// digits is ignored as httpd ignores it. note says where httpd would differ.
// Text without leading digits is zero, as in httpd: the range check refuses it.
func lenient(text string, unit time.Duration) (d time.Duration, note string) {
	neg := strings.HasPrefix(text, "-")
	num := strings.TrimLeft(text, "+-")
	n, rest := digits(num)
	whole, err := strconv.ParseInt("0"+num[:n], 10, 64)
	if err != nil || whole > int64(math.MaxInt64/time.Hour) {
		whole, rest = int64(math.MaxInt64/time.Hour), ""
	}
	frac := ""
	if strings.HasPrefix(rest, ".") {
		m, tail := digits(rest[1:])
		if m > 0 {
			frac, rest = rest[:1+m], tail
		}
	}
	as := unit
	switch {
	case rest == "":
	case strings.HasPrefix(rest, "ms"):
		as = time.Millisecond
	case rest[0] == 's':
		as = time.Second
	case rest[0] == 'h':
		as = time.Hour
	case rest == "m", strings.HasPrefix(rest, "mi"):
		as = time.Minute
	default:
		note = fmt.Sprintf("%q: what follows the number is ignored, as in httpd", text)
	}
	d = time.Duration(whole) * as
	if frac != "" {
		f, _ := strconv.ParseFloat("0"+frac, 64)
		d += time.Duration(f * float64(as))
	}
	if neg {
		d = -d
	}
	httpd := time.Duration(whole) * unit
	if neg {
		httpd = -httpd
	}
	if note == "" && d != httpd {
		note = fmt.Sprintf("%q is taken as %v; httpd 2.4 reads %v", text, d, httpd)
	}
	return d, note
}

// integer reads a number as C's atoi does: optional sign, leading digits; the
// rest is ignored (with a note), no digits are zero. Numbers beyond 32 bits
// are cut to the nearest, so that the range check sees them.
func integer(text string) (v int, note string) {
	body := strings.TrimLeft(text, " \t")
	sign := 1
	if body != "" && (body[0] == '-' || body[0] == '+') {
		if body[0] == '-' {
			sign = -1
		}
		body = body[1:]
	}
	n, rest := digits(body)
	if rest != "" || n == 0 {
		note = fmt.Sprintf("%q is read as %s, as httpd does", text, strconv.Itoa(sign*small(body[:n])))
	}
	return sign * small(body[:n]), note
}

func small(s string) int {
	if s == "" {
		return 0
	}
	v, err := strconv.ParseInt(s, 10, 32)
	if err != nil {
		return math.MaxInt32
	}
	return int(v)
}

// decimal reads a number as C's atof does, without hexadecimal, infinities
// and the like.
func decimal(text string) float64 {
	i := 0
	if i < len(text) && (text[i] == '-' || text[i] == '+') {
		i++
	}
	n, rest := digits(text[i:])
	i += n
	if strings.HasPrefix(rest, ".") {
		m, _ := digits(rest[1:])
		i += 1 + m
	}
	if i+1 < len(text) && (text[i] == 'e' || text[i] == 'E') {
		j := i + 1
		if text[j] == '-' || text[j] == '+' {
			j++
		}
		if m, _ := digits(text[j:]); m > 0 {
			i = j + m
		}
	}
	f, err := strconv.ParseFloat(text[:i], 64)
	if err != nil {
		return 0
	}
	return f
}

// digits counts the leading decimal digits of s and returns what follows.
func digits(s string) (int, string) {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return n, s[n:]
}

// onOff reads On or Off in any case.
func onOff(s string) (v, ok bool) {
	switch {
	case strings.EqualFold(s, "on"):
		return true, true
	case strings.EqualFold(s, "off"):
		return false, true
	}
	return false, false
}
