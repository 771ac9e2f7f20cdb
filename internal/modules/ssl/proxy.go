package ssl

import "sallyport/internal/conf"

// proxyDirectives are those of TLS towards backends.
var proxyDirectives = []conf.Directive{}
