package setenvif_test

import (
	"strings"
	"testing"

	"sallyport/internal/exchange"
	"sallyport/internal/module"
	"sallyport/internal/modules/roomtest"
	"sallyport/internal/modules/setenvif"
)

// watch is a handler that notes the environment.
func watch(seen *string) *module.Room {
	return &module.Room{Name: "watch", Static: true, Compile: func(*module.Build) func(*module.Plan) {
		return func(p *module.Plan) {
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

// Seen on httpd, but for "unlike".
func TestRules(t *testing.T) {
	for _, c := range []struct {
		name, conf string
		fields     string // of the request, ";" between them
		want       string
	}{
		{"groups", `SetEnvIf Request_URI "^/(a)(.*)$" V=[$1|$2|$0|$9]`, "", "V=[a|.txt|/a.txt|];"},
		{"group without part", `SetEnvIf Accept "(en)?" V=[$1]`, "", "V=[];"},
		{"several", `SetEnvIf Request_Method G(ET) A B=b !C D=$1`, "", "A=1;B=b;D=ET;"},
		{"unset", "SetEnvIf Host . A B\nSetEnvIf Host . !A", "", "B=1;"},
		{"value with =", `SetEnvIf Host . A=b=c`, "", "A=b=c;"},
		{"empty value is 1", `SetEnvIf Host . A=`, "", "A=1;"},
		{"protected group", `SetEnvIf Host . A=\$1`, "", "A=$1;"},
		{"unlike: group of a plain pattern", `SetEnvIf X-A foo A=<$0>`, "X-A: afoob", "A=<foo>;"},
		{"plain pattern leaves backslashes", `SetEnvIf X-A foo A=a\b`, "X-A: foo", `A=a\b;`},
		{"no match", `SetEnvIf X-A foo A`, "X-A: bar", ""},
		{"unanchored", `SetEnvIf X-A foo A`, "X-A: afoob", "A=1;"},
		{"case counts", `SetEnvIf X-A Foo A`, "X-A: foo", ""},
		{"nocase", `SetEnvIfNoCase X-A Foo A=$0`, "X-A: foo", "A=foo;"},
		{"field name in any case", `SetEnvIf x-a foo A`, "X-A: foo", "A=1;"},
		{"missing field is empty", `SetEnvIf X-A ^$ A`, "", "A=1;"},
		{"repeated fields are joined", `SetEnvIf X-A "^1, 2$" A`, "X-A: 1;X-A: 2", "A=1;"},
		{"names by pattern", `SetEnvIf ^X- ^v A=$0`, "X-A: v;Z: v", "A=v;"},
		{"names by pattern: the last counts", `SetEnvIf ^X- ^v A`, "X-A: v;X-B: w", ""},
		{"names by pattern, case counts", `SetEnvIf ^x- ^v A`, "X-A: v", ""},
		{"names by pattern, nocase", `SetEnvIfNoCase ^x- ^V A`, "X-A: v", "A=1;"},
		{"a variable set before", "SetEnvIf X-A foo A=b\nSetEnvIf A b C", "X-A: foo", "A=b;C=1;"},
		{"a field hides a variable", "SetEnvIf Host . X-A=b\nSetEnvIf X-A b C", "X-A: foo", "X-A=b;"},
		{"a variable named like a known field", "SetEnvIf Host . From=b\nSetEnvIf From b C", "", "From=b;C=1;"},
		{"remote addr", `SetEnvIf Remote_Addr ^192\.0\.2\.1$ A`, "", "A=1;"},
		{"remote host is the address without lookups", `SetEnvIf REMOTE_HOST ^192 A=$0`, "", "A=192;"},
		{"remote user", `SetEnvIf Remote_User ^$ A`, "", "A=1;"},
		{"server addr", `SetEnvIf Server_Addr ^192\.0\.2\.2$ A`, "", "A=1;"},
		{"protocol", `SetEnvIf Request_Protocol ^HTTP/1\.1$ A`, "", "A=1;"},
		{"attribute in any case", `SetEnvIf request_uri txt A`, "", "A=1;"},
		{"browser", "BrowserMatch ^Moz A\nBrowserMatch ^moz B\nBrowserMatchNoCase ^moz C=$0", "User-Agent: Mozilla", "A=1;C=Moz;"},
		{"doubled backslash", `SetEnvIf Request_URI a\\.txt A`, "", "A=1;"},
		{"quotes", `SetEnvIf X-A "a b" "A=c d"`, "X-A: a b", "A=c d;"},
	} {
		for _, where := range []string{"server", "section"} {
			var seen string
			text := c.conf
			if where == "section" {
				text = "<Location />\n" + text + "\n</Location>"
			}
			h := roomtest.New(t, text, &setenvif.Room, watch(&seen))
			var fields []string
			if c.fields != "" {
				fields = strings.Split(c.fields, ";")
			}
			h.Do("GET", "/a.txt", fields...)
			if seen != c.want {
				t.Errorf("%s, in a %s: got %s, want %s", c.name, where, seen, c.want)
			}
		}
	}
}

// A server's rules see the path as received, those of a section as decoded;
// and the former come first, whatever the order of lines.
func TestPhases(t *testing.T) {
	var seen string
	h := roomtest.New(t, `
<Location />
    SetEnvIf Request_URI (.*) LOC=$1
    SetEnvIf SRV (.*) COPY=$1
</Location>
SetEnvIf Request_URI (.*) SRV=$1
<Location /d>
    SetEnvIf LOC . D
</Location>
<VirtualHost *:80>
    SetEnvIf SRV . HOST
</VirtualHost>
`, &setenvif.Room, watch(&seen))
	h.Do("GET", "/x/../d//a%20b?q")
	if want := "SRV=/x/../d//a%20b;HOST=1;LOC=/d/a b;COPY=/x/../d//a%20b;D=1;"; seen != want {
		t.Errorf("got %s, want %s", seen, want)
	}
}

func TestErrors(t *testing.T) {
	for conf, want := range map[string]string{
		`SetEnvIf`:               "Missing header-field name for SetEnvIf",
		`SetEnvIf "" a b`:        "Missing header-field name for SetEnvIf",
		`SetEnvIf a`:             "Missing regular expression for SetEnvIf",
		`SetEnvIf a "" b`:        "Missing regular expression for SetEnvIf",
		`SetEnvIfNoCase a b`:     "Missing envariable expression for SetEnvIfNoCase",
		`SetEnvIf a ( b`:         "SetEnvIf regex could not be compiled.",
		`SetEnvIf "^a(" b c`:     "SetEnvIfHeader name regex could not be compiled.",
		`BrowserMatch`:           "Missing regular expression for BrowserMatch",
		`BrowserMatch a`:         "Missing envariable expression for BrowserMatch",
		`BrowserMatchNoCase ( b`: "BrowserMatchNoCase regex could not be compiled.",
		`SetEnvIfExpr`:           "Missing expression for SetEnvIfExpr",
		`SetEnvIfExpr "treu" A`:  "Could not parse expression \"treu\": syntax error, unexpected 'treu'",
	} {
		if got := roomtest.Errors(t, conf, &setenvif.Room); got != "1: "+want {
			t.Errorf("%s: %s", conf, got)
		}
	}
	if got := roomtest.Errors(t, "SetEnvIf a b !\nSetEnvIf a b =x", &setenvif.Room); got != "" {
		t.Error(got)
	}
}

func TestAllocations(t *testing.T) {
	h := roomtest.New(t, "SetEnvIf User-Agent Mozilla A=b\nSetEnvIf Request_Method ^GET$ !A\nSetEnvIf X-None ^$ C", &setenvif.Room)
	x, _ := h.Exchange("GET", "/", "User-Agent: Mozilla")
	x.Place = h.Snap.Servers[0].Server.Base
	hook := x.Place.Hooks[exchange.Read][0]
	hook(x)
	if n := testing.AllocsPerRun(100, func() { hook(x) }); n > 3 { // the offsets of a match
		t.Errorf("%v allocations", n)
	}
}
