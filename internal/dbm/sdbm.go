package dbm

// sdbmPage is the length of a page in the .pag file, in bytes.
const sdbmPage = 1024

// SDBM reads the .pag file of an SDBM pair. (The .dir file says only where to
// look for a key.)
//
// A page begins with a count of 16-bit offsets and the offsets: of key, value,
// key, value … Each thing reaches from its offset up to the one before it, the
// first to the page's end.
func SDBM(text string) (map[string]string, error) {
	if len(text)%sdbmPage != 0 {
		return nil, errDamaged
	}
	out := map[string]string{}
	for ; text != ""; text = text[sdbmPage:] {
		page := text[:sdbmPage]
		n := u16(page, 0)
		if n%2 != 0 || 2*(n+1) > sdbmPage {
			return nil, errDamaged
		}
		end := sdbmPage
		for i := 1; i < n; i += 2 {
			key, value := u16(page, 2*i), u16(page, 2*i+2)
			if key > end || value > key || value < 2*(n+1) {
				return nil, errDamaged
			}
			out[page[key:end]] = page[value:key]
			end = value
		}
	}
	return out, nil
}
