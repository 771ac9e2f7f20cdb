package authn

import (
	"sallyport/internal/conf"
	"sallyport/internal/exchange"
)

// Result is what a provider says to a user and a password.
type Result uint8

const (
	// Fault: it can't be told; the exchange ends with 500. The provider has
	// logged why.
	Fault Result = iota
	Granted
	Denied   // a wrong password
	NotFound // the next provider is asked
	// Wait: nothing was tried, because too much was; see Login.Wait.
	Wait
)

// Checker is a provider with the configuration of one Place. It must be safe
// for concurrent use.
type Checker interface {
	Check(l *Login) Result
}

// DigestChecker is a Checker that can also look up what htdigest(1) stores
// (AuthBasicUseDigestAlgorithm). The Result is Granted where hash was found.
type DigestChecker interface {
	Digest(x *exchange.Exchange, user, realm string) (hash string, r Result)
}

// Decoy is a Checker that can give the hash of somebody else. Where no
// provider knows a user it is tried in his place, so that the time of the answer
// does not tell who is a user. "" for none.
type Decoy interface {
	Decoy(x *exchange.Exchange) string
}

// Provider is one name that AuthBasicProvider knows.
type Provider struct {
	Name string
	// Module is the room it belongs to; where that is not loaded the name is
	// unknown.
	Module string
	// New makes the Checker for the merged per-section configuration of a
	// Place. It may run while requests are served and cannot fail.
	New func(dir conf.Vector) Checker
}
