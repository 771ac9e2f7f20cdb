package checker

import "sallyport/internal/resolve"

func newNames(conf, hosts string) *resolve.Resolver { return resolve.NewFrom(conf, hosts) }
