package manager

// Persists reports whether edits are kept over a restart (BalancerPersist On).
func (v *View) Persists() bool {
	return v.m.Persistent()
}
