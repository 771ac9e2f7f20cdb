package headers

import (
	"sallyport/internal/exchange"
	"sallyport/internal/message"
	"sallyport/internal/module"
)

// compile furnishes Places. The request is changed last before the handler
// runs, the response last before it is sent (but for what http's own filters
// do: the type checker's results, see room files).
func compile(*module.Build) func(*module.Plan) {
	return func(p *module.Plan) {
		d := dir.Of(p.Dir)
		if d == nil {
			return
		}
		in, inEarly := split(d.In)
		out, outEarly := split(d.Out)
		all, allEarly := split(d.Always)
		if inEarly != nil || outEarly != nil || allEarly != nil {
			// Only the Place of no section is asked in this phase.
			p.Hook(exchange.Read, module.First, func(x *exchange.Exchange) exchange.Verdict {
				runAll(inEarly, x, &x.Request.Header, request)
				runAll(allEarly, x, &x.Always, always)
				runAll(outEarly, x, &x.Out.Header, onSuccess)
				return exchange.Declined
			})
		}
		if in != nil {
			p.Hook(exchange.Fixup, module.Last, func(x *exchange.Exchange) exchange.Verdict {
				runAll(in, x, &x.Request.Header, request)
				return exchange.Declined
			})
		}
		if out != nil || all != nil {
			p.Hook(exchange.Respond, module.Last-1, func(x *exchange.Exchange) exchange.Verdict {
				runAll(all, x, &x.Always, always)
				if !x.OwnError {
					runAll(out, x, &x.Out.Header, onSuccess)
				}
				return exchange.Declined
			})
		}
	}
}

func runAll(ops []*op, x *exchange.Exchange, h *message.Header, t table) {
	for _, o := range ops {
		o.run(x, h, t)
	}
}

// split parts the late ops from the early ones; nil where there are none.
func split(ops []*op) (late, early []*op) {
	for _, o := range ops {
		if o.early {
			early = append(early, o)
		} else {
			late = append(late, o)
		}
	}
	return late, early
}
