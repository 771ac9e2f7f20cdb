package proxyproto

import (
	"strings"
	"testing"
)

const (
	v4 = "\xc6\x33\x64\x08\xc0\x00\x02\x01\x9c\x43\x00\x50"
	v6 = "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x09" +
		"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x9c\x44\x00\x50"
)

func TestRead(t *testing.T) {
	const none = "invalid AddrPort"
	for _, c := range []struct{ in, from, to, err string }{
		{in: "PROXY TCP4 198.51.100.7 192.0.2.1 40001 80\r\n", from: "198.51.100.7:40001", to: "192.0.2.1:80"},
		{in: "PROXY TCP6 2001:db8::7 2001:db8::1 40001 80\r\n", from: "[2001:db8::7]:40001", to: "[2001:db8::1]:80"},
		{in: "PROXY TCP6 ::ffff:198.51.100.7 ::1 1 0\r\n", from: "198.51.100.7:1", to: "[::1]:0"},
		{in: "PROXY UNKNOWN\r\n", from: none, to: none},
		{in: "PROXY UNKNOWN ffff:f:f:f:f:f:f:f ffff:f:f:f:f:f:f:f 65535 65535\r\n", from: none, to: none},
		{in: "PROXY TCP4 198.51.100.7 192.0.2.1 40001\r\n", err: "5 words"},
		{in: "PROXY TCP4 198.51.100.7 192.0.2.1 40001 80 \r\n", err: "7 words"},
		{in: "PROXY  TCP4 198.51.100.7 192.0.2.1 40001 80\r\n", err: `unknown family ""`},
		{in: "PROXY TCP5 198.51.100.7 192.0.2.1 40001 80\r\n", err: `unknown family "TCP5"`},
		{in: "PROXY TCP4 2001:db8::7 192.0.2.1 40001 80\r\n", err: `invalid address "2001:db8::7"`},
		{in: "PROXY TCP6 2001:db8::7 192.0.2.1 40001 80\r\n", err: `invalid address "192.0.2.1"`},
		{in: "PROXY TCP6 fe80::1%lo ::1 40001 80\r\n", err: "invalid address"},
		{in: "PROXY TCP4 198.51.100.7 192.0.2.1 65536 80\r\n", err: `invalid port "65536"`},
		{in: "PROXY TCP4 198.51.100.7 192.0.2.1 80 -1\r\n", err: `invalid port "-1"`},
		{in: "PROXY TCP4 198.51.100.7 192.0.2.1 +1 80\r\n", err: `invalid port "+1"`},
		{in: "PROXY UNKNOWN " + strings.Repeat("x", 91) + "\r\n", from: none, to: none},
		{in: "PROXY UNKNOWN " + strings.Repeat("x", 92) + "\r\n", err: ErrLong.Error()},
		{in: "GET / HTTP/1.1\r\n\r\n", err: ErrMissing.Error()},
		{in: "proxy TCP4 198.51.100.7 192.0.2.1 40001 80\r\n", err: ErrMissing.Error()},
		{in: "\x16\x03\x01\x02\x00", err: ErrMissing.Error()},
		{in: signature + "\x21\x11\x00\x0c" + v4, from: "198.51.100.8:40003", to: "192.0.2.1:80"},
		{in: signature + "\x21\x11\x00\x14" + v4 + "\x04\x00\x05hello", from: "198.51.100.8:40003", to: "192.0.2.1:80"},
		{in: signature + "\x21\x21\x00\x24" + v6, from: "[2001:db8::9]:40004", to: "[2001:db8::1]:80"},
		{in: signature + "\x20\x00\x00\x00", from: none, to: none},
		{in: signature + "\x20\x11\x00\x0c" + v4, from: none, to: none},
		{in: signature + "\x21\x00\x00\x04abcd", from: none, to: none},
		{in: signature + "\x21\x31\x00\xd8" + strings.Repeat("\x00", 216), from: none, to: none},
		{in: signature + "\x21\x12\x00\x0c" + v4, err: "unsupported protocol 0x12"},
		{in: signature + "\x22\x11\x00\x0c" + v4, err: "command 0x22"},
		{in: signature + "\x11\x11\x00\x0c" + v4, err: "command 0x11"},
		{in: signature + "\x21\x11\x00\x0b" + v4[:11], err: "too short"},
		{in: signature + "\x21\x21\x00\x0c" + v4, err: "too short"},
		{in: signature + "\x21\x11\x0f\xf0" + v4 + strings.Repeat("x", 4068), from: "198.51.100.8:40003", to: "192.0.2.1:80"},
		{in: signature + "\x21\x11\x0f\xf1" + v4 + strings.Repeat("x", 4069), err: ErrLong.Error()},
	} {
		// However the bytes come, and whatever follows them.
		for _, tail := range []string{"", "GET / HTTP/1.1\r\n"} {
			in := c.in + tail
			n, err := 0, error(nil)
			for i := 0; n == 0 && err == nil; i++ {
				if i > len(in) {
					t.Fatalf("%q: no end found", c.in)
				}
				n, err = Size([]byte(in[:i]))
			}
			var h Header
			if err == nil {
				if n != len(c.in) {
					t.Errorf("%q: %d bytes", c.in, n)
					continue
				}
				h, err = Parse([]byte(in[:n]))
			}
			switch {
			case c.err != "":
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("%q: error %v, want %s", c.in, err, c.err)
				}
			case err != nil:
				t.Errorf("%q: %v", c.in, err)
			case h.Source.String() != c.from || h.Target.String() != c.to:
				t.Errorf("%q: %v to %v", c.in, h.Source, h.Target)
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("PROXY TCP4 198.51.100.7 192.0.2.1 40001 80\r\n"))
	f.Add([]byte(signature + "\x21\x11\x00\x0c" + v4))
	f.Add([]byte(signature + "\x21\x21\x00\x24" + v6))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := Size(b)
		if err != nil || n == 0 {
			return
		}
		if n > Max || n < len("PROXY \r\n") {
			t.Fatalf("%q: size %d", b, n)
		}
		if n > len(b) {
			return
		}
		if more, err := Size(b[:n]); more != n || err != nil {
			t.Fatalf("%q: size %d alone, %d with more, %v", b, more, n, err)
		}
		h, err := Parse(b[:n])
		if err != nil {
			return
		}
		if h.Source.IsValid() != h.Target.IsValid() || h.Source.Addr().Is4In6() || h.Source.Addr().Zone() != "" {
			t.Errorf("%q: from %v to %v", b[:n], h.Source, h.Target)
		}
	})
}
