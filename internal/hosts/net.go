package hosts

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

// Net is one address pattern: a whole address, or the bits of it that count.
// The zero Net matches nothing.
type Net struct {
	prefix netip.Prefix
	// For a mask with holes (255.0.255.0) prefix is the zero Prefix.
	sub, mask [4]byte
}

// What is wrong with a pattern, in APR's words.
var (
	// ErrNotIP: it looks like no address at all, maybe like a name.
	ErrNotIP = errors.New("An IP address was expected")
	ErrBadIP = errors.New("The specified IP address is invalid.")
	ErrMask  = errors.New("The specified network mask is invalid.")
)

// ParseNet reads a pattern: an IPv4 or IPv6 address, the first numbers of an
// IPv4 address ("10.1", "10.1."), address/bits, or IPv4 address/mask. Bits of
// the address below the mask are ignored. The errors are those above
// (apr_ipsubnet_create).
func ParseNet(s string) (Net, error) {
	addr, mask, masked := strings.Cut(s, "/")
	if !strings.Contains(addr, ":") && strings.Trim(addr, "0123456789.") != "" {
		return Net{}, ErrNotIP
	}
	a, err := netip.ParseAddr(addr)
	switch {
	case err != nil && masked:
		return Net{}, ErrBadIP
	case err != nil:
		return parsePartial(addr)
	case a.Zone() != "" || a.Is4In6():
		return Net{}, ErrBadIP
	case !masked:
		return Net{prefix: netip.PrefixFrom(a, a.BitLen())}, nil
	}
	if bits, err := strconv.Atoi(mask); err == nil && bits > 0 && bits <= a.BitLen() {
		return Net{prefix: netip.PrefixFrom(a, bits).Masked()}, nil
	}
	m, err := netip.ParseAddr(mask)
	if err != nil || !m.Is4() || !a.Is4() {
		return Net{}, ErrMask
	}
	return withMask(a.As4(), m.As4()), nil
}

// parsePartial reads the first one to four numbers of an IPv4 address.
func parsePartial(s string) (Net, error) {
	if len(s) > len("255.255.255.255") {
		return Net{}, ErrBadIP
	}
	var sub [4]byte
	n := 0
	for s != "" {
		part, rest, _ := strings.Cut(s, ".")
		v, err := strconv.Atoi(part)
		if err != nil || v > 255 || n == 4 {
			return Net{}, ErrBadIP
		}
		sub[n] = byte(v)
		n++
		s = rest
	}
	if n == 0 {
		return Net{}, ErrBadIP
	}
	return Net{prefix: netip.PrefixFrom(netip.AddrFrom4(sub), n*8)}, nil
}

func withMask(sub, mask [4]byte) Net {
	bits, holes := 0, false
	for i := range 32 {
		if mask[i/8]&(0x80>>(i%8)) == 0 {
			continue
		}
		holes = holes || bits != i
		bits++
	}
	if !holes {
		return Net{prefix: netip.PrefixFrom(netip.AddrFrom4(sub), bits).Masked()}
	}
	for i := range sub {
		sub[i] &= mask[i]
	}
	return Net{sub: sub, mask: mask}
}

// Contains reports whether the pattern matches a. An IPv4 address that came
// over IPv6 counts as the IPv4 address.
func (n *Net) Contains(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if n.prefix.IsValid() {
		return n.prefix.Contains(a)
	}
	if !a.Is4() || n.mask == [4]byte{} {
		return false
	}
	b := a.As4()
	for i := range b {
		if b[i]&n.mask[i] != n.sub[i] {
			return false
		}
	}
	return true
}
