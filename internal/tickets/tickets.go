// Package tickets keeps the keys that TLS session tickets are sealed with. They
// belong to the process and not to a configuration, so that clients can resume
// their sessions across a reload; they change with time, so that a stolen key
// opens little.
//
// A configuration registers its tls.Configs while it serves (Attach), each under
// a label: a ticket opens only where the label is the same, so that a session
// made under one virtual host's rules is worth nothing at another.
package tickets

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"sync"
	"time"
)

// Rotation is how long a key seals; as long again it still opens.
const Rotation = 12 * time.Hour

// Keys is the process's set of keys. Make it with New.
type Keys struct {
	mu      sync.Mutex
	secrets [][32]byte // the first seals, all open
	since   time.Time
	configs map[*tls.Config]string
}

// New makes a set with a first key.
func New(now time.Time) *Keys {
	k := &Keys{configs: map[*tls.Config]string{}}
	k.rotate(now)
	return k
}

// Attach gives cfg the keys, and later ones until Detach.
func (k *Keys) Attach(cfg *tls.Config, label string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.configs[cfg] = label
	k.hand(cfg, label)
}

// Detach forgets cfg, which keeps the keys that it has.
func (k *Keys) Detach(cfg *tls.Config) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.configs, cfg)
}

// Tend replaces the key if it is time to. To be called now and then.
func (k *Keys) Tend(now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now.Sub(k.since) < Rotation {
		return
	}
	k.rotate(now)
	for cfg, label := range k.configs {
		k.hand(cfg, label)
	}
}

func (k *Keys) rotate(now time.Time) {
	var fresh [32]byte
	rand.Read(fresh[:])
	k.secrets = append([][32]byte{fresh}, k.secrets...)
	k.secrets = k.secrets[:min(len(k.secrets), 2)]
	k.since = now
}

// hand derives the keys of one configuration.
func (k *Keys) hand(cfg *tls.Config, label string) {
	keys := make([][32]byte, len(k.secrets))
	for i, s := range k.secrets {
		keys[i] = Derive(s[:], label)
	}
	cfg.SetSessionTicketKeys(keys)
}

// Derive makes the key for a label from a secret.
func Derive(secret []byte, label string) (key [32]byte) {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte("session tickets\x00" + label))
	m.Sum(key[:0])
	return key
}
