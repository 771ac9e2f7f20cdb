package urlmap

// bare[c] is true for the bytes that stay themselves in a path made from a
// decoded one (httpd's ap_proxy_canonenc for paths): letters, digits, the
// slash, and the marks RFC 3986 allows in a segment.
var bare = func() (t [256]bool) {
	for c := '0'; c <= '9'; c++ {
		t[c] = true
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = true, true
	}
	for _, c := range "/~$-_.+!*'(),;:@&=" {
		t[c] = true
	}
	return t
}()

// Plain reports that a decoded path is spelt on the wire as it stands: Encode
// would change nothing.
func Plain(path string) bool {
	for i := 0; i < len(path); i++ {
		if !bare[path[i]] {
			return false
		}
	}
	return true
}

const hexDigits = "0123456789ABCDEF"

// Encode spells a decoded path for the wire, appending to dst: every byte that
// is not bare becomes %XX in upper case. With keepSlashes (AllowEncodedSlashes
// NoDecode) an escaped slash, "%2F" or "%2f", that is still in the path stays
// as it is; then a percent sign without two hex digits behind it is an error,
// as in httpd, and ok is false.
func Encode(dst []byte, path string, keepSlashes bool) (out []byte, ok bool) {
	for i := 0; i < len(path); i++ {
		c := path[i]
		if bare[c] {
			dst = append(dst, c)
			continue
		}
		if c == '%' && keepSlashes {
			if i+2 >= len(path) || !isHex(path[i+1]) || !isHex(path[i+2]) {
				return dst, false
			}
			if path[i+1] == '2' && path[i+2]|0x20 == 'f' {
				dst = append(dst, path[i:i+3]...)
				i += 2
				continue
			}
		}
		dst = append(dst, '%', hexDigits[c>>4], hexDigits[c&15])
	}
	return dst, true
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

// Sendable reports that a path or query taken over as it came holds no
// control byte and no space: nothing that could end a request line early.
// Bytes above 127 pass, as in httpd (ap_scan_vchar_obstext).
func Sendable(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] == 0x7f {
			return false
		}
	}
	return true
}
