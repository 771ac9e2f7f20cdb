package dbm

import (
	"errors"
	"strings"
)

func errNot(what string) error { return errors.New("the file is not " + what) }

// Where things stand in a hash of Berkeley DB (its dbinc/db_page.h).
const (
	// The page that comes first.
	metaMagic    = 12 // uint32
	metaVersion  = 16 // uint32
	metaPageSize = 20 // uint32, bytes
	metaEncrypt  = 24 // byte, 0: not encrypted
	metaFlags    = 26 // byte, 1: pages have checksums, 2: several databases in one file
	metaSize     = 72

	hashMagic = 0x061561

	// All others.
	pageNext    = 16 // uint32, the page with the rest of a long thing; 0: none
	pageEntries = 20 // uint16, how many offsets follow the header
	pageUsed    = 22 // uint16, bytes of a long thing in this page
	pageType    = 25 // byte
	pageHeader  = 26

	typeUnsorted = 2
	typeOverflow = 7
	typeHash     = 13

	// The first byte of a thing says where it is.
	thingHere   = 1
	thingBeyond = 3  // in pages of its own:
	beyondPage  = 4  // uint32, the first of them
	beyondSize  = 8  // uint32, bytes of all
	beyondEnd   = 12 // the size of what stands in its place
)

// berkeley is a file being read.
type berkeley struct {
	text string
	page int // bytes of a page
	// joined is how many bytes were put together from several pages. No file
	// holds more than its length; a damaged one could name the same for ever.
	joined int
}

// Berkeley reads a hash of Berkeley DB, version 8 or later (libdb 4.1 to 5.3,
// 18.1). All pages of the hash's kind are read, one after the other: those no
// longer in use have another type.
func Berkeley(text string) (map[string]string, error) {
	if len(text) < metaSize || u32(text, metaMagic) != hashMagic {
		return nil, errNot("a hash of Berkeley DB")
	}
	if v := u32(text, metaVersion); v < 8 || v > 10 || text[metaEncrypt] != 0 || text[metaFlags] != 0 {
		return nil, errors.New("a hash of Berkeley DB with encryption, checksums, several databases, or of a version that is not known")
	}
	b := &berkeley{text: text, page: int(u32(text, metaPageSize))}
	if b.page < 512 || b.page > 64<<10 || len(text)%b.page != 0 {
		return nil, errDamaged
	}
	out := map[string]string{}
	for at := b.page; at < len(text); at += b.page {
		page := text[at : at+b.page]
		if t := page[pageType]; t != typeHash && t != typeUnsorted {
			continue
		}
		n := u16(page, pageEntries)
		if n%2 != 0 || pageHeader+2*n > b.page {
			return nil, errDamaged
		}
		end := b.page // things fill the page from its end
		for i := 0; i < n; i += 2 {
			middle, start := u16(page, pageHeader+2*i), u16(page, pageHeader+2*i+2)
			if middle > end || start > middle || start < pageHeader+2*n {
				return nil, errDamaged
			}
			key, ok := b.thing(page[middle:end])
			value, ok2 := b.thing(page[start:middle])
			if !ok || !ok2 {
				return nil, errDamaged
			}
			out[key] = value
			end = start
		}
	}
	return out, nil
}

// thing is a key or a value that stands in a page, or is named there.
func (b *berkeley) thing(s string) (string, bool) {
	switch {
	case s == "":
		return "", false
	case s[0] == thingHere:
		return s[1:], true
	case s[0] == thingBeyond && len(s) >= beyondEnd:
		return b.long(u32(s, beyondPage), int(u32(s, beyondSize)))
	}
	return "", false // several values for one key: RewriteMap has none
}

// long puts together what is spread over pages of its own.
func (b *berkeley) long(number uint32, size int) (string, bool) {
	if b.joined += size; b.joined > len(b.text) {
		return "", false
	}
	var out strings.Builder
	for out.Len() < size {
		page, ok := part(b.text, uint64(number)*uint64(b.page), uint64(b.page))
		if !ok || number == 0 || page[pageType] != typeOverflow {
			return "", false
		}
		used := u16(page, pageUsed)
		if used == 0 || used > b.page-pageHeader || used > size-out.Len() {
			return "", false
		}
		out.WriteString(page[pageHeader : pageHeader+used])
		number = u32(page, pageNext)
	}
	return out.String(), true
}
