package dbm

import "slices"

// Where things stand in a GDBM file whose offsets have 64 bits (gdbmdefs.h of
// GDBM 1.x). Header and buckets hold C structs with their padding.
const (
	gdbmMagic     = 0x13579acf
	gdbmMagicSync = 0x13579ad1 // of databases opened with GDBM_NUMSYNC

	gdbmDir      = 8  // uint64, offset of the directory
	gdbmDirSize  = 16 // int32, bytes of the directory
	gdbmBucket   = 24 // int32, bytes of a bucket
	gdbmElements = 28 // int32, elements of a bucket
	gdbmNext     = 32 // uint64, where the next block will be: behind all others
	gdbmHeader   = 40

	bucketHeader  = 112 // up to the first element
	elementSize   = 24
	elementHash   = 0  // int32, -1: free
	elementData   = 8  // uint64, offset of key and value, one after the other
	elementKey    = 16 // int32, bytes of the key
	elementValue  = 20 // int32, bytes of the value
	elementUnused = 1<<32 - 1
)

func isGDBM(magic uint32) bool { return magic == gdbmMagic || magic == gdbmMagicSync }

// GDBM reads a GDBM file: a directory of buckets, of which several entries may
// name the same, and buckets of elements, which name a key and its value.
func GDBM(text string) (map[string]string, error) {
	if len(text) < gdbmHeader || !isGDBM(u32(text, 0)) {
		return nil, errNot("a GDBM file with offsets of 64 bits")
	}
	dir, ok := part(text, u64(text, gdbmDir), uint64(u32(text, gdbmDirSize)))
	size, elements := uint64(u32(text, gdbmBucket)), uint64(u32(text, gdbmElements))
	if !ok || len(dir)%8 != 0 || u64(text, gdbmNext) > uint64(len(text)) || bucketHeader+elements*elementSize > size {
		return nil, errDamaged
	}
	buckets := make([]uint64, 0, len(dir)/8)
	for at := 0; at < len(dir); at += 8 {
		buckets = append(buckets, u64(dir, at))
	}
	slices.Sort(buckets)
	out := map[string]string{}
	end := uint64(0) // of the bucket before, which none may overlap
	for _, at := range slices.Compact(buckets) {
		bucket, ok := part(text, at, size)
		if !ok || at < end {
			return nil, errDamaged
		}
		end = at + size
		for i := range elements {
			e := bucket[bucketHeader+i*elementSize:][:elementSize]
			if u32(e, elementHash) == elementUnused {
				continue
			}
			key := uint64(u32(e, elementKey))
			both, ok := part(text, u64(e, elementData), key+uint64(u32(e, elementValue)))
			if !ok {
				return nil, errDamaged
			}
			out[both[:key]] = both[key:]
		}
	}
	return out, nil
}
