package errorlog

import (
	"reflect"
	"strings"
	"testing"
)

func TestParseLevels(t *testing.T) {
	known := func(m string) bool { return m == "proxy" || m == "core" || m == "ssl" }
	for _, c := range []struct {
		in   string
		want Levels
		err  string // as httpd says it
	}{
		{in: "info", want: Levels{Base: Info, Set: true}},
		{in: "INFO proxy:Trace8 ", want: Levels{Base: Info, Set: true, Modules: []ModuleLevel{{"proxy", Trace8}}}},
		{in: "mod_proxy.c:debug proxy_module:warn core.c:error", want: Levels{Modules: []ModuleLevel{{"proxy", Warn}, {"core", Error}}}},
		{in: "proxy:debug crit", want: Levels{Base: Crit, Set: true}},
		{in: "foo", err: "Log level keyword must be one of emerg/alert/crit/error/warn/notice/info/debug/trace1/.../trace8"},
		{in: "proxy:bar", err: "proxy:bar: Log level keyword must be one of emerg/alert/crit/error/warn/notice/info/debug/trace1/.../trace8"},
		{in: "foo:info", err: "Cannot find module foo"},
		{in: "Proxy:info", err: "Cannot find module Proxy"},
		{in: ":info", err: "Cannot find module "},
		{in: "proxy:", err: "Module specifier 'proxy' must be followed by a log level keyword"},
	} {
		got, err := ParseLevels(strings.Fields(c.in), known)
		if c.err != "" {
			if err == nil || err.Error() != c.err {
				t.Errorf("%q: error %v", c.in, err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: %+v, %v", c.in, got, err)
		}
	}
}

func TestLevelsOver(t *testing.T) {
	parse := func(s string) Levels {
		l, err := ParseLevels(strings.Fields(s), nil)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	outer := parse("error proxy:info ssl:debug")
	for _, c := range []struct{ inner, core, proxy, ssl string }{
		{"", "error", "info", "debug"},
		{"proxy:trace1", "error", "trace1", "debug"},
		{"warn ssl:crit", "warn", "warn", "crit"},
	} {
		l := parse(c.inner).Over(outer)
		for module, want := range map[string]string{"core": c.core, "proxy": c.proxy, "ssl": c.ssl} {
			if got := l.Of(module).String(); got != want {
				t.Errorf("%q over the outer: %s is %s, want %s", c.inner, module, got, want)
			}
		}
	}
	if !reflect.DeepEqual(outer, parse("error proxy:info ssl:debug")) {
		t.Error("Over changed the outer levels")
	}
}

func TestEnabled(t *testing.T) {
	l, _ := ParseLevels([]string{"error", "proxy:debug", "core:crit"}, nil)
	log := New(Options{Levels: l})
	for _, c := range []struct {
		module string
		level  Level
		want   bool
	}{
		{"x", Error, true}, {"x", Warn, false}, {"x", Info, false},
		{"proxy", Debug, true}, {"proxy", Trace1, false},
		{"core", Crit, true}, {"core", Error, false},
		{"core", Notice, true}, // never suppressed
		{"x", Trace8, false},
	} {
		if got := log.Enabled(c.module, c.level); got != c.want {
			t.Errorf("%s:%s: %v", c.module, c.level, got)
		}
	}
	var none *Logger
	if none.Enabled("x", Emerg) {
		t.Error("a nil Logger is enabled")
	}
	none.Logf(Emerg, "x", Facts{}, "discarded")
	if n := testing.AllocsPerRun(100, func() { log.Enabled("proxy_http", Debug) }); n != 0 {
		t.Errorf("Enabled allocates %v times", n)
	}
}

func BenchmarkEnabled(b *testing.B) {
	log := New(Options{Levels: DefaultLevels})
	for b.Loop() {
		log.Enabled("proxy", Debug)
	}
}
