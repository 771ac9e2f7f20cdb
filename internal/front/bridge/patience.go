package bridge

import (
	"time"

	"sallyport/internal/exchange"
)

// Patience is how long an exchange waits for its client to send or take
// something: H2StreamTimeout, of its section or its server, else Timeout. set
// holds until the server is known.
func Patience(x *exchange.Exchange, set *exchange.ServerSettings) time.Duration {
	if x.Patience > 0 {
		return x.Patience
	}
	if x.Server != nil {
		set = x.Server.Core
	}
	if h := set.Versions.HTTP2; h != nil && h.StreamTimeout > 0 {
		return h.StreamTimeout
	}
	return set.Timeout
}
