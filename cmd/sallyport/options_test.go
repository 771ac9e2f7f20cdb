package main

import (
	"reflect"
	"strings"
	"testing"

	"sallyport/internal/diag"
)

func TestParseOptions(t *testing.T) {
	for _, c := range []struct {
		args string
		want options
	}{
		{"", options{}},
		{"-f x.conf -d /srv", options{file: "x.conf", root: "/srv"}},
		{"-fx.conf -d/srv/", options{file: "x.conf", root: "/srv"}},
		{"-DA -D B=1", options{defines: []string{"A", "B=1"}}},
		{"-C Listen|1 -c Listen|2 -C Listen|3", options{before: []string{"Listen 1", "Listen 3"}, after: []string{"Listen 2"}}},
		{"-S", options{hosts: true, process: true, defines: []string{"DUMP_VHOSTS", "DUMP_RUN_CFG"}}},
		{"-M", options{modules: true, defines: []string{"DUMP_MODULES"}}},
		{"-D DUMP_VHOSTS -t", options{test: true, hosts: true, defines: []string{"DUMP_VHOSTS"}}},
		{"-t -D DUMP_MODULES -DDUMP_RUN_CFG", options{test: true, modules: true, process: true, defines: []string{"DUMP_MODULES", "DUMP_RUN_CFG"}}},
		{"-t -D DUMP_INCLUDES", options{test: true, includes: true, defines: []string{"DUMP_INCLUDES"}}},
		{"-D DUMP_VHOSTS", options{hosts: true, defines: []string{"DUMP_VHOSTS"}}},
		{"-tX", options{test: true}},
		{"-tf x", options{test: true, file: "x"}},
		{"-T", options{}},
		{"-v", options{version: true}},
		{"-V", options{build: true}},
		{"--version", options{version: true}},
		{"-L", options{list: true}},
		{"-l", options{static: true}},
		{"-h", options{help: true}},
		{"-k graceful-stop", options{signal: "graceful-stop"}},
		{"-E start.log -e warn", options{logFile: "start.log", level: diag.Warning}},
		{"-e crit", options{level: diag.Error}},
		{"-e DEBUG", options{level: diag.Note}},
	} {
		var args []string
		for _, a := range strings.Fields(c.args) {
			args = append(args, strings.ReplaceAll(a, "|", " "))
		}
		if c.want.file == "" {
			c.want.file = defaultFile
		}
		if c.want.root == "" {
			c.want.root = defaultRoot
		}
		if c.want.level == diag.Error && !strings.Contains(c.args, "-e") {
			c.want.level = diag.Note
		}
		got, err := parseOptions(args)
		if err != nil || !reflect.DeepEqual(*got, c.want) {
			t.Errorf("%s: %v\n got %+v\nwant %+v", c.args, err, got, c.want)
		}
	}
	for args, want := range map[string]string{
		"-Z": "illegal option -- Z", "-D": "option requires an argument -- D", "-tf": "argument -- f",
		"x.conf": "unexpected argument", "-": "unexpected argument", "-k reload": "-k takes", "-e loud": "Log level keyword",
	} {
		if _, err := parseOptions(strings.Fields(args)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", args, err, want)
		}
	}
}

// Usage errors and questions end with the exit codes of httpd.
func TestExitCodes(t *testing.T) {
	s := newSite(t)
	s.write("httpd.conf", prelude)
	s.write("bad.conf", prelude+"Bogus\n")
	for args, want := range map[string]int{
		"-Z": 1, "-h": 0, "-v": 0, "-V": 0, "-L": 0, "-l": 0, "-k bogus": 1,
		"-t": 0, "-S": 0, "-M": 0, "-t -c Bogus": 1, "-t -C Bogus": 1, "-t -f none.conf": 1,
		"-t -f bad.conf": 1, "-S -f bad.conf": 1, "-M -f bad.conf": 1, "-f bad.conf": 1, "-k start -f bad.conf": 1,
	} {
		all := []string{"-d", s.root, "-f", "httpd.conf"}
		if got := sallyport(t, append(all, strings.Fields(args)...)...); got.code != want {
			t.Errorf("%s: want code %d, got %v", args, want, got)
		}
	}
	if got := sallyport(t, "-d", s.root, "-f", "httpd.conf", "-t"); got.out != "" || got.err != "Syntax OK\n" {
		t.Errorf("-t: %v", got)
	}
}
