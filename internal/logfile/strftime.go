package logfile

import (
	"strconv"
	"time"
)

// AppendTime appends t in the form of a strftime(3) format, in the C locale.
// A conversion that strftime does not know stays as it is written, as glibc
// has it. The modifiers E and O, and glibc's flags, are accepted; "-" and "_"
// change the padding of numbers, "^" makes upper case.
func AppendTime(dst []byte, format string, t time.Time) []byte {
	for i := 0; i < len(format); i++ {
		c := format[i]
		if c != '%' {
			dst = append(dst, c)
			continue
		}
		start := i
		i++
		pad := byte(0)
		upper := false
	flags:
		for ; i < len(format); i++ {
			switch format[i] {
			case '-', '_', '0':
				pad = format[i]
			case '^':
				upper = true
			default:
				break flags
			}
		}
		if i < len(format) && (format[i] == 'E' || format[i] == 'O') {
			i++
		}
		if i == len(format) {
			return append(dst, format[start:]...)
		}
		at := len(dst)
		var ok bool
		if dst, ok = appendConversion(dst, format[i], pad, t); !ok {
			dst = append(dst, format[start:i+1]...)
		} else if upper {
			for j := at; j < len(dst); j++ {
				if 'a' <= dst[j] && dst[j] <= 'z' {
					dst[j] -= 'a' - 'A'
				}
			}
		}
	}
	return dst
}

// appendConversion appends one conversion; pad is the flag given, 0 for the
// conversion's own habit.
func appendConversion(dst []byte, c, pad byte, t time.Time) ([]byte, bool) {
	num := func(v, width int, habit byte) []byte {
		if pad != 0 {
			habit = pad
		}
		if habit == '_' {
			habit = ' '
		}
		if habit == '-' {
			width = 0
		}
		var scratch [20]byte
		s := strconv.AppendInt(scratch[:0], int64(v), 10)
		for n := len(s); n < width; n++ {
			dst = append(dst, habit)
		}
		return append(dst, s...)
	}
	hour12 := func() int { return (t.Hour()+11)%12 + 1 }
	switch c {
	case '%':
		return append(dst, '%'), true
	case 'n':
		return append(dst, '\n'), true
	case 't':
		return append(dst, '\t'), true
	case 'a':
		return append(dst, t.Weekday().String()[:3]...), true
	case 'A':
		return append(dst, t.Weekday().String()...), true
	case 'b', 'h':
		return append(dst, t.Month().String()[:3]...), true
	case 'B':
		return append(dst, t.Month().String()...), true
	case 'c':
		return AppendTime(dst, "%a %b %e %H:%M:%S %Y", t), true
	case 'C':
		return num(t.Year()/100, 2, '0'), true
	case 'd':
		return num(t.Day(), 2, '0'), true
	case 'D', 'x':
		return AppendTime(dst, "%m/%d/%y", t), true
	case 'e':
		return num(t.Day(), 2, '_'), true
	case 'F':
		return AppendTime(dst, "%Y-%m-%d", t), true
	case 'g', 'G':
		year, _ := t.ISOWeek()
		if c == 'g' {
			return num(year%100, 2, '0'), true
		}
		return num(year, 4, '0'), true
	case 'H':
		return num(t.Hour(), 2, '0'), true
	case 'I':
		return num(hour12(), 2, '0'), true
	case 'j':
		return num(t.YearDay(), 3, '0'), true
	case 'k':
		return num(t.Hour(), 2, '_'), true
	case 'l':
		return num(hour12(), 2, '_'), true
	case 'm':
		return num(int(t.Month()), 2, '0'), true
	case 'M':
		return num(t.Minute(), 2, '0'), true
	case 'p':
		return t.AppendFormat(dst, "PM"), true
	case 'P':
		return t.AppendFormat(dst, "pm"), true
	case 'r':
		return AppendTime(dst, "%I:%M:%S %p", t), true
	case 'R':
		return AppendTime(dst, "%H:%M", t), true
	case 's':
		return strconv.AppendInt(dst, t.Unix(), 10), true
	case 'S':
		return num(t.Second(), 2, '0'), true
	case 'T', 'X':
		return AppendTime(dst, "%H:%M:%S", t), true
	case 'u':
		return num((int(t.Weekday())+6)%7+1, 1, '0'), true
	case 'U':
		return num((t.YearDay()+6-int(t.Weekday()))/7, 2, '0'), true
	case 'V':
		_, week := t.ISOWeek()
		return num(week, 2, '0'), true
	case 'w':
		return num(int(t.Weekday()), 1, '0'), true
	case 'W':
		return num((t.YearDay()+6-(int(t.Weekday())+6)%7)/7, 2, '0'), true
	case 'y':
		return num(t.Year()%100, 2, '0'), true
	case 'Y':
		return num(t.Year(), 0, '0'), true
	case 'z':
		return t.AppendFormat(dst, "-0700"), true
	case 'Z':
		return t.AppendFormat(dst, "MST"), true
	}
	return dst, false
}
