// Package dbm reads the key-value files that httxt2dbm and its kin write: SDBM,
// GDBM and the hashes of Berkeley DB.
//
// # To the newcomer
//
// A file is read whole: its text goes in, a map comes out, whose keys and values
// are parts of that text wherever they stand there in one piece. So nothing is
// hashed and no directory of buckets is followed further than to find all
// buckets; where a key stands does not matter. The C libraries write these files,
// and no library for Go reads them without C.
//
// It writes nothing, takes no locks and opens no files; internal/freshfile does
// that for the room rewrite. Files are read in the byte order of the machine,
// which the C libraries write too. A file may be damaged, or half written: each
// reader then returns an error, in time and memory that its length bounds.
package dbm

import (
	"encoding/binary"
	"errors"
)

// Read reads a file of either kind that says what it is: GDBM or Berkeley DB.
func Read(text string) (map[string]string, error) {
	if len(text) >= 4 && isGDBM(u32(text, 0)) {
		return GDBM(text)
	}
	return Berkeley(text)
}

// u16, u32 and u64 are the numbers at an offset, which the caller has checked.
func u16(s string, at int) int { return int(binary.NativeEndian.Uint16([]byte(s[at : at+2]))) }

func u32(s string, at int) uint32 { return binary.NativeEndian.Uint32([]byte(s[at : at+4])) }

func u64(s string, at int) uint64 { return binary.NativeEndian.Uint64([]byte(s[at : at+8])) }

// part is s[at:at+size]; false where s does not reach so far.
func part(s string, at, size uint64) (string, bool) {
	if at > uint64(len(s)) || size > uint64(len(s))-at {
		return "", false
	}
	return s[at : at+size], true
}

var errDamaged = errors.New("the file is damaged")
