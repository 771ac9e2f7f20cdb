package workerconf

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// The kinds of values that several parameters have. Each names the complaint of
// httpd about a value that it does not take.

const intervalExample = "digits and then ms, s, mi or h, such as 500ms or 30s"

// whole is a whole number of a range.
func whole(low, high int, complaint string) kind[int] {
	return kind[int]{func(_ *Known, s setting, _ int) (int, error) {
		v, note := integer(s.text)
		if v < low || v > high {
			want := fmt.Sprintf("a whole number of %d or more", low)
			if high < math.MaxInt32-1 {
				want = fmt.Sprintf("a whole number from %d to %d", low, high)
			}
			return 0, bad(complaint, want)
		}
		s.add(note)
		return v, nil
	}, strconv.Itoa}
}

// orElse takes 0 for another value.
func orElse(value int, k kind[int]) kind[int] {
	read := k.read
	k.read = func(known *Known, s setting, was int) (int, error) {
		v, err := read(known, s, was)
		if v == 0 {
			v = value
		}
		return v, err
	}
	return k
}

// size is the size of a buffer.
func size(complaint string) kind[int] {
	return kind[int]{func(_ *Known, s setting, _ int) (int, error) {
		v, note := integer(s.text)
		if v < 512 && v != 0 {
			return 0, bad(complaint, "a number of bytes")
		}
		s.add(note)
		return v, nil
	}, strconv.Itoa}
}

// percentage is a number up to high, with or without %, On for a usual one, or
// Off for 0.
func percentage(usual, high int, complaint string) kind[int] {
	number := whole(1, high, complaint)
	return kind[int]{func(k *Known, s setting, was int) (int, error) {
		if on, ok := onOff(s.text); ok && on {
			return usual, nil
		} else if ok {
			return 0, nil
		}
		s.text = strings.TrimSuffix(s.text, "%")
		return number.read(k, s, was)
	}, func(v int) string {
		if v == 0 {
			return "Off"
		}
		return strconv.Itoa(v)
	}}
}

// flag is On or Off; inverse turns it round.
func flag(inverse bool, complaint string) kind[bool] {
	return kind[bool]{func(_ *Known, s setting, _ bool) (bool, error) {
		on, ok := onOff(s.text)
		if !ok {
			return false, bad(complaint, "On or Off")
		}
		return on != inverse, nil
	}, func(v bool) string {
		if v != inverse {
			return "On"
		}
		return "Off"
	}}
}

// oneOf is one of several words, in any case.
func oneOf[T ~int | ~uint8](complaint, expected string, words ...string) kind[T] {
	return kind[T]{func(_ *Known, s setting, _ T) (T, error) {
		for i, w := range words {
			if strings.EqualFold(w, s.text) {
				return T(i), nil
			}
		}
		return 0, bad(complaint, expected)
	}, func(v T) string { return words[v] }}
}

// text is whatever read makes of it.
func text(read func(k *Known, s setting) (string, error)) kind[string] {
	return kind[string]{func(k *Known, s setting, _ string) (string, error) { return read(k, s) }, same}
}

// short is a text below a length.
func short(limit int, complaint string) kind[string] {
	return text(func(_ *Known, s setting) (string, error) {
		if len(s.text) >= limit {
			return "", bad(fmt.Sprintf(complaint, limit), fmt.Sprintf("at most %d characters", limit-1))
		}
		return s.text, nil
	})
}

// lines is a text that may come several times, each adding a line.
func lines(check func(text string) error) kind[string] {
	return kind[string]{func(_ *Known, s setting, was string) (string, error) {
		if err := check(s.text); err != nil {
			return "", parsed(err)
		}
		if was != "" && was != s.text {
			return was + "\n" + s.text, nil
		}
		return s.text, nil
	}, same}
}

// duration is a time, spelt in its unit.
func duration(unit time.Duration, read func(s setting) (time.Duration, error)) kind[time.Duration] {
	show := seconds
	if unit == time.Millisecond {
		show = milliseconds
	}
	return kind[time.Duration]{func(_ *Known, s setting, _ time.Duration) (time.Duration, error) { return read(s) }, show}
}

// interval is a time in httpd's time-interval syntax.
func interval(unit time.Duration, format, low string) kind[time.Duration] {
	return atLeast(time.Millisecond, unit, format, low, intervalExample)
}

func atLeast(least, unit time.Duration, format, low, expected string) kind[time.Duration] {
	return duration(unit, func(s setting) (time.Duration, error) {
		d, err := Interval(s.text, unit)
		switch {
		case err != nil:
			return 0, bad(format, intervalExample)
		case d < least:
			return 0, bad(low, expected)
		}
		return d, nil
	})
}

// loose is a time of those that httpd reads as bare numbers.
func loose(unit, low, high time.Duration, complaint, expected string) kind[time.Duration] {
	return duration(unit, func(s setting) (time.Duration, error) {
		d, note := lenient(s.text, unit)
		if d < low || d > high {
			return 0, bad(complaint, expected)
		}
		s.add(note)
		return d, nil
	})
}

const anyTime = time.Duration(math.MaxInt64)

func same(s string) string { return s }

// Factor spells hundredths: "1", "2.5".
func Factor(hundredths int) string {
	return strconv.FormatFloat(float64(hundredths)/100, 'f', -1, 64)
}

// seconds spells a time for a parameter whose bare numbers are seconds.
func seconds(d time.Duration) string {
	if d%time.Second == 0 {
		return strconv.FormatInt(int64(d/time.Second), 10)
	}
	return strconv.FormatInt(int64(d/time.Millisecond), 10) + "ms"
}

// milliseconds spells one for a parameter whose bare numbers are milliseconds.
func milliseconds(d time.Duration) string {
	return strconv.FormatInt(int64(d/time.Millisecond), 10)
}
