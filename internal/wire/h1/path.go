package h1

import (
	"bytes"
	"strings"
)

// Slashes says what becomes of "%2F" in a path (AllowEncodedSlashes). The
// order is that of exchange.EncodedSlashes.
type Slashes uint8

const (
	SlashesRefused Slashes = iota
	SlashesDecoded
	SlashesKept
)

// NormalizePath brings the path of a target into the one form that all
// matching sees (httpd's ap_normalize_path): escapes of unreserved characters
// decoded, "." and ".." segments removed, runs of "/" merged if asked to. "*"
// is left alone. A broken escape, a path that does not begin with "/" and one
// that climbs above the root are refused. Nothing is allocated for a path that
// is normal already.
func NormalizePath(path string, merge bool) (string, *Problem) {
	if path == "" || path[0] != '/' {
		if path == "*" {
			return path, nil
		}
		return path, problemPath
	}
	if isNormal(path) {
		return path, nil
	}
	return normalize(path, merge)
}

// isNormal is a quick look that may say no for a path that is normal.
func isNormal(path string) bool {
	for i := 0; i < len(path); i++ {
		switch path[i] {
		case '%':
			return false
		case '/':
			if i+1 < len(path) && (path[i+1] == '/' || path[i+1] == '.') {
				return false
			}
		}
	}
	return true
}

func normalize(path string, merge bool) (string, *Problem) {
	out, ok := cleanPath(path, merge, true)
	if !ok {
		return path, problemPath
	}
	return out, nil
}

// cleanPath does the work. ok is false for a broken escape (looked for only
// when decoding) and for a path above the root, which out then ends at.
func cleanPath(path string, merge, decode bool) (cleaned string, ok bool) {
	var room [256]byte
	out := append(room[:0], '/')
	seg := 1 // where the current segment begins in out
	ok = true
	for i := 1; ; i++ {
		if i < len(path) && path[i] != '/' {
			c := path[i]
			if decode && c == '%' {
				if i+2 >= len(path) || class[path[i+1]]&class[path[i+2]]&cHex == 0 {
					return path, false
				}
				if d := unhex(path[i+1])<<4 | unhex(path[i+2]); class[d]&cUnreserved != 0 {
					c = d
					i += 2
				}
			}
			out = append(out, c)
			continue
		}
		end := i >= len(path)
		switch string(out[seg:]) {
		case ".":
			out = out[:seg]
		case "..":
			if seg == 1 {
				ok = false
			} else {
				seg = bytes.LastIndexByte(out[:seg-1], '/') + 1
			}
			out = out[:seg]
		case "":
			if !end && !merge {
				out = append(out, '/')
			}
		default:
			if !end {
				out = append(out, '/')
			}
		}
		seg = len(out)
		if end {
			return string(out), ok
		}
	}
}

// Unescape decodes what NormalizePath left encoded (httpd's ap_unescape_url).
// An encoded NUL, and an encoded slash when they are refused, answer 404. With
// SlashesDecoded the new slashes may have made new dot segments, so the result
// is normalised once more, without decoding. With SlashesKept the escape of a
// percent sign stays too where what follows would look like a kept slash: see
// KeptSlash.
func Unescape(path string, slashes Slashes, merge bool) (string, *Problem) {
	i := strings.IndexByte(path, '%')
	if i < 0 {
		return path, nil
	}
	var room [256]byte
	out := append(room[:0], path[:i]...)
	var problem *Problem
	for ; i < len(path); i++ {
		c := path[i]
		if c != '%' {
			out = append(out, c)
			continue
		}
		if i+2 >= len(path) || class[path[i+1]]&class[path[i+2]]&cHex == 0 {
			return path, problemPath
		}
		switch c = unhex(path[i+1])<<4 | unhex(path[i+2]); {
		case c == 0:
			problem = problemNUL
		case c == '/' && slashes == SlashesRefused:
			problem = problemSlash
		case slashes == SlashesKept && (c == '/' || c == '%' && KeptSlash(path[i:])):
			out = append(out, path[i:i+3]...)
		default:
			out = append(out, c)
		}
		i += 2
	}
	if problem != nil {
		return path, problem
	}
	if slashes == SlashesDecoded && out[0] == '/' {
		// As httpd, which here lets a path end at the root it would climb over.
		s := string(out)
		if !isNormal(s) {
			s, _ = cleanPath(s, merge, false)
		}
		return s, nil
	}
	return string(out), nil
}

// KeptSlash reports that s begins with a slash that was kept encoded, however
// often: "%2F", "%252F", "%25252F" and so on, in either case.
// Unlike httpd: nodecode, because after one more decoding nobody could tell
// "%252F" from "%2F".
func KeptSlash(s string) bool {
	if len(s) < 3 || s[0] != '%' {
		return false
	}
	for s = s[1:]; len(s) > 3 && s[:2] == "25"; s = s[2:] {
	}
	return len(s) > 1 && s[0] == '2' && s[1]|0x20 == 'f'
}
