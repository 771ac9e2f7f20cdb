// Package authz says what stands behind a Require line: a Provider, known by
// the first word ("ip", "env", "user"), that reads the rest of the line and
// makes a Rule of it.
//
// Rooms declare providers as data; the room authz_core lists them, combines
// their results and answers the client. Who the user is, is found out by the
// rooms of phase Auth, where exchange.NeedUser asks them to.
package authz

import (
	"sallyport/internal/exchange"
	"sallyport/internal/hosts"
	"sallyport/internal/module"
)

// Result is a Rule's opinion of an exchange.
type Result uint8

const (
	Neutral Result = iota // no opinion
	Granted
	Denied
	// NoUser: denied as long as nobody is authenticated.
	NoUser
	// Fault: it can't be told; the exchange ends with 500. The rule has logged
	// why.
	Fault
)

// String gives the words of httpd's debug log.
func (r Result) String() string {
	switch r {
	case Granted:
		return "granted"
	case Denied:
		return "denied"
	case NoUser:
		return "denied (no authenticated user yet)"
	case Fault:
		return "general error"
	}
	return "neutral"
}

// Check asks a rule about an exchange. Called in phase Access and, where a user
// was needed, again in phase Auth; must be safe for concurrent use.
type Check func(x *exchange.Exchange) Result

// Rule is one Require line, understood. Of Check and Bind at most one is set;
// where neither is, the result is always Fixed.
type Rule struct {
	Fixed Result
	Check Check
	// Bind makes the Check of one Place, for a rule that depends on other
	// directives there (AuthGroupFile).
	Bind func(p *module.Plan) Check
	// Nets, if set, tells that Check grants exactly the clients whose address
	// is in one of them: many such rules are asked as one.
	Nets []hosts.Net
	// User says that the result may be NoUser.
	User bool
}

// Provider is one word that Require knows.
type Provider struct {
	Name string
	// Module is the room it belongs to; where that is not loaded Require does
	// not know the word.
	Module string
	// Parse reads what follows the word, outer white space removed. The error
	// is shown as it is.
	Parse func(args string) (Rule, error)
}
