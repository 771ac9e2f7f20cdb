// Package proxyproto reads the PROXY protocol's header, versions 1 and 2: the
// few bytes in which a proxy tells, before anything else on a connection, on
// whose behalf it speaks (the specification is HAProxy's
// doc/proxy-protocol.txt).
//
// It is pure: bytes in, addresses out. Reading exactly these bytes from a
// socket is the server's work, deciding which connections have such a header
// the room remoteip's.
package proxyproto

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Max is the longest header that is taken, in bytes: version 2 with room for
// TLVs, such as a name and a certificate's subject. Unlike httpd: it has room
// for 236 bytes behind the first 16.
const Max = 4096

// maxLine is the longest header of version 1 with its line end (§2.1).
const maxLine = 107

const (
	signature = "\r\n\r\n\x00\r\nQUIT\n"
	word      = "PROXY "
	prologue  = 16 // of version 2: signature, command, family, length
)

// Header is what was announced.
type Header struct {
	Version int
	// Source and Target are the ends of the connection that the proxy was
	// asked on. They are the zero value where it named none: its own check
	// (LOCAL), a protocol without Internet addresses (UNKNOWN, UNSPEC, UNIX).
	Source, Target netip.AddrPort
}

// Why a header is refused.
var (
	ErrMissing = errors.New("no PROXY header")
	ErrLong    = errors.New("the header is too long")
)

// Size tells how many bytes the header takes that b begins with; 0: that
// cannot be told yet. The error says that b begins with no header, or with one
// that is too long.
func Size(b []byte) (int, error) {
	if begins(b, signature) {
		if len(b) < prologue {
			return 0, nil
		}
		n := prologue + int(binary.BigEndian.Uint16(b[14:]))
		if n > Max {
			return 0, ErrLong
		}
		return n, nil
	}
	if !begins(b, word) {
		return 0, ErrMissing
	}
	if i := bytes.Index(b[:min(len(b), maxLine)], []byte("\r\n")); i >= 0 {
		return i + 2, nil
	}
	if len(b) >= maxLine {
		return 0, ErrLong
	}
	return 0, nil
}

// begins reports whether b begins with s as far as it goes.
func begins(b []byte, s string) bool {
	n := min(len(b), len(s))
	return string(b[:n]) == s[:n]
}

// Parse reads a header of exactly the length that Size tells.
func Parse(b []byte) (Header, error) {
	if len(b) > 0 && b[0] == signature[0] {
		return parseBinary(b)
	}
	return parseLine(string(b))
}

// parseLine reads version 1: "PROXY TCP4 source target port port" (§2.1).
// Unlike httpd: it reads as far as the first port, skips any number of spaces,
// takes ports beyond 65535, and stumbles over a plain "PROXY UNKNOWN".
func parseLine(s string) (Header, error) {
	h := Header{Version: 1}
	line, ok := strings.CutSuffix(s, "\r\n")
	f := strings.Split(line, " ")
	switch {
	case !ok || f[0] != "PROXY" || len(f) < 2:
		return h, ErrMissing
	case f[1] == "UNKNOWN":
		return h, nil // what follows says nothing
	case f[1] != "TCP4" && f[1] != "TCP6":
		return h, fmt.Errorf("unknown family %q", f[1])
	case len(f) != 6:
		return h, fmt.Errorf("%d words in place of PROXY, family, two addresses and two ports", len(f))
	}
	var err error
	if h.Source, err = parseEnd(f[2], f[4], f[1] == "TCP6"); err == nil {
		h.Target, err = parseEnd(f[3], f[5], f[1] == "TCP6")
	}
	return h, err
}

func parseEnd(addr, port string, v6 bool) (netip.AddrPort, error) {
	a, err := netip.ParseAddr(addr)
	if err != nil || a.Is6() != v6 || a.Zone() != "" {
		return netip.AddrPort{}, fmt.Errorf("invalid address %q", addr)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("invalid port %q", port)
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(n)), nil
}

// parseBinary reads version 2 (§2.2). The TLVs behind the addresses are
// skipped.
func parseBinary(b []byte) (Header, error) {
	h := Header{Version: 2}
	if n, err := Size(b); err != nil || n != len(b) {
		return h, ErrMissing
	}
	body := b[prologue:]
	switch b[12] {
	case 0x20: // LOCAL: the proxy itself
		return h, nil
	case 0x21: // PROXY
	default:
		return h, fmt.Errorf("unsupported version and command %#02x", b[12])
	}
	size := 0 // of an address
	switch b[13] {
	case 0x00, 0x31, 0x32: // UNSPEC, UNIX
		// Unlike httpd: it closes the connection.
		return h, nil
	case 0x11:
		size = 4
	case 0x21:
		size = 16
	default:
		return h, fmt.Errorf("unsupported protocol %#02x", b[13])
	}
	if len(body) < 2*size+4 {
		return h, fmt.Errorf("%d bytes are too short for the addresses", len(body))
	}
	src, _ := netip.AddrFromSlice(body[:size])
	dst, _ := netip.AddrFromSlice(body[size : 2*size])
	ports := body[2*size:]
	h.Source = netip.AddrPortFrom(src.Unmap(), binary.BigEndian.Uint16(ports))
	h.Target = netip.AddrPortFrom(dst.Unmap(), binary.BigEndian.Uint16(ports[2:]))
	return h, nil
}
