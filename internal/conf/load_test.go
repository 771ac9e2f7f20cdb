package conf

import (
	"strings"
	"testing"
)

type roomConf struct {
	Host  Opt[string]
	On    Opt[bool]
	Names []string
}

var roomKey = NewDirKey[roomConf]("test")

// roomTable is a table as rooms write it.
var roomTable = []Directive{
	{Name: "ServerName", In: Servers, Args: One, Help: "host name", Set: roomKey.Text(func(r *roomConf) *Opt[string] { return &r.Host })},
	{Name: "KeepAlive", In: Servers, Args: Flag, Set: roomKey.Flag(func(r *roomConf) *Opt[bool] { return &r.On })},
	{Name: "Listen", In: InServer, Args: Many, Help: "address", Set: func(*Cmd, []string) error { return nil }},
	{Name: "SetHandler", In: Anywhere, Args: One, Help: "a handler", Set: roomKey.Text(func(r *roomConf) *Opt[string] { return &r.Host })},
	{Name: "Require", In: Sections, Args: Raw, Help: "who", Set: func(*Cmd, []string) error { return nil }},
	{Name: "ProxyPass", In: Servers | InLocation, Args: Raw, Set: func(*Cmd, []string) error { return nil }},
	{Name: "ServerAlias", In: InVHost, Args: Each, Help: "names", Set: roomKey.Do(func(c *Cmd, r *roomConf, args []string) error {
		r.Names = append(r.Names, args[0])
		return nil
	})},
	{Name: "Proxy", In: Servers, Args: Raw, Section: true, Opens: InProxy},
}

func TestSections(t *testing.T) {
	cfg, diags := LoadText(`
ServerName main
<VirtualHost *:80 [::1]:81>
    ServerName one
    ServerAlias a "b c"
    KeepAlive On
    <Location "/x y">
        SetHandler x
        <Limit GET POST>
            Require all granted
        </Limit>
    </Location>
    <LocationMatch ^/(?<name>.*)$>
    </LocationMatch>
    <Location ~ "a|b">
    </Location>
    <Directory /srv>
        <Files "*.php">
            Require all denied
        </Files>
    </Directory>
</VirtualHost>
<Proxy balancer://x lbmethod=byrequests "timeout=5">
</Proxy>
`, roomTable)
	if diags.Failed() {
		t.Fatal(diags)
	}
	if got := roomKey.Of(cfg.Main.Dir).Host; got.V != "main" || got.Pos.Line != 2 || got.Pos.File != "test.conf" {
		t.Errorf("main: %+v", got)
	}
	if len(cfg.Hosts) != 1 || strings.Join(cfg.Hosts[0].Addrs, " ") != "*:80 [::1]:81" {
		t.Fatalf("hosts: %+v", cfg.Hosts)
	}
	h := cfg.Hosts[0]
	if got := roomKey.Of(h.Dir); got.Host.V != "one" || !got.On.V || strings.Join(got.Names, ",") != "a,b c" {
		t.Errorf("host: %+v", got)
	}
	var secs []string
	for _, s := range append(h.Sections, cfg.Main.Sections...) {
		line := s.Name + " " + s.Arg + " " + strings.Join(s.Words, ",")
		if s.Regex {
			line += " regex"
		}
		for _, in := range s.Sections {
			line += " (" + in.Name + " " + in.Arg + ")"
		}
		secs = append(secs, line)
	}
	want := []string{
		"Location /x y ", "LocationMatch ^/(?<name>.*)$  regex", "Location a|b  regex", "Directory /srv  (Files *.php)",
		"Proxy balancer://x lbmethod=byrequests,timeout=5",
	}
	if strings.Join(secs, "\n") != strings.Join(want, "\n") {
		t.Errorf("sections:\n%s\nwant\n%s", strings.Join(secs, "\n"), strings.Join(want, "\n"))
	}
	if got := roomKey.Of(h.Sections[0].Dir).Host.V; got != "x" {
		t.Errorf("location: %q", got)
	}
}
