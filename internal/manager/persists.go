package manager

// Persists reports whether edits are kept over a restart (BalancerPersist On).
func (v *View) Persists() bool {
	v.m.mu.Lock()
	defer v.m.mu.Unlock()
	return v.m.board != nil && v.m.board.Persist
}
