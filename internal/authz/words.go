package authz

import (
	"sallyport/internal/conf/syntax"
	"sallyport/internal/exchange"
	"sallyport/internal/exprvars"
)

// Words reads the rest of a Require line that is a text with variables, and
// returns a function that gives its words for a request: split after the
// variables are put in, as in httpd. They must not be changed.
func Words(args string) (func(*exchange.Exchange) []string, error) {
	t, err := exprvars.Text(args, "Cannot parse expression in require line: ", 2)
	if err != nil {
		return nil, err
	}
	if s, fixed := t.Literal(); fixed {
		words := syntax.Words(s)
		return func(*exchange.Exchange) []string { return words }, nil
	}
	return func(x *exchange.Exchange) []string { return syntax.Words(t.Value(exprvars.Of(x), nil)) }, nil
}
