package ssl

import "sallyport/internal/module"

func compile(b *module.Build) func(*module.Plan) {
	for _, sb := range b.Servers {
		if s := server.Of(sb.Conf); s != nil && s.Engine.V != engineOff {
			b.Fail(s.Engine.Pos, "SSLEngine: TLS is not served yet", "")
		}
	}
	checkProxy(b)
	return nil
}
