package env_test

import (
	"strings"
	"testing"

	"sallyport/internal/exchange"
	"sallyport/internal/module"
	"sallyport/internal/modules/env"
	"sallyport/internal/modules/roomtest"
)

// watch is a handler that notes the environment.
func watch(seen *string) *module.Room {
	return &module.Room{Name: "watch", Static: true, Compile: func(*module.Build) func(*module.Plan) {
		return func(p *module.Plan) {
			p.Hook(exchange.Translate, module.First, func(x *exchange.Exchange) exchange.Verdict {
				x.Env.Set("EARLY", "if") // as SetEnvIf would
				return exchange.Declined
			})
			p.Hook(exchange.Handle, module.Middle, func(x *exchange.Exchange) exchange.Verdict {
				var b strings.Builder
				for name, value := range x.Env.All() {
					b.WriteString(name + "=" + value + ";")
				}
				*seen = b.String()
				return exchange.Status(404)
			})
		}
	}}
}

// All cases were seen on httpd.
func TestEnvironment(t *testing.T) {
	t.Setenv("SALLYPORT_TEST", "passed")
	var seen string
	h := roomtest.New(t, `
SetEnv A one
SetEnv B
SetEnv "sp ace" "v w"
SetEnv EARLY late
SetEnv S 1
UnsetEnv S
UnsetEnv T
SetEnv T 1
SetEnv W 1
PassEnv SALLYPORT_TEST SALLYPORT_UNSET
UnsetEnv EARLY2
<Location /l>
    SetEnv a two
    UnsetEnv B
    SetEnv W 2
    SetEnv W 3
    UnsetEnv W
    SetEnv Z 1
    UnsetEnv EARLY
</Location>
`, &env.Room, watch(&seen))
	for path, want := range map[string]string{
		"/":  "EARLY=if;A=one;B=;sp ace=v w;T=1;W=1;SALLYPORT_TEST=passed;",
		"/l": "EARLY=if;a=two;sp ace=v w;T=1;SALLYPORT_TEST=passed;Z=1;",
	} {
		h.Do("GET", path)
		if seen != want {
			t.Errorf("%s: got %s, want %s", path, seen, want)
		}
	}
	if got, want := h.Warnings(), "11: AH01506: PassEnv variable SALLYPORT_UNSET was undefined"; got != want {
		t.Errorf("warnings: %s", got)
	}
}

func TestErrors(t *testing.T) {
	for conf, want := range map[string]string{
		"SetEnv":       "SetEnv takes 1-2 arguments, an environment variable name and optional value to pass to CGI.",
		"SetEnv a b c": "SetEnv takes 1-2 arguments, an environment variable name and optional value to pass to CGI.",
		"UnsetEnv":     "UnsetEnv requires at least one argument, a list of variables to remove from the CGI environment.",
		"PassEnv":      "PassEnv requires at least one argument, a list of environment variables to pass to CGI.",
	} {
		if got := roomtest.Errors(t, conf, &env.Room); got != "1: "+want {
			t.Errorf("%s: %s", conf, got)
		}
	}
	if w := roomtest.New(t, "SetEnv a=b", &env.Room).Warnings(); w != "1: AH10032: Spurious usage of '=' in an environment variable name. 'SetEnv a b' expected instead?" {
		t.Error(w)
	}
}
