//go:build !unix

package files

import "io/fs"

// inode is 0: the system has none.
func inode(fs.FileInfo) uint64 { return 0 }
