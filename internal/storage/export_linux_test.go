package storage

// ForceWalk makes every path be walked, as on a kernel without openat2(2),
// until the returned function is called.
func ForceWalk() (undo func()) {
	old := noOpenat2.Swap(true)
	return func() { noOpenat2.Store(old) }
}
