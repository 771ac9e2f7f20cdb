package urlmap

import "sallyport/internal/wire/h1"

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
// NoDecode) the slashes that are still encoded in the path stay as they are.
func Encode(dst []byte, path string, keepSlashes bool) []byte {
	for i := 0; i < len(path); i++ {
		c := path[i]
		if bare[c] || c == '%' && keepSlashes && h1.KeptSlash(path[i:]) {
			dst = append(dst, c)
			continue
		}
		dst = append(dst, '%', hexDigits[c>>4], hexDigits[c&15])
	}
	return dst
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
