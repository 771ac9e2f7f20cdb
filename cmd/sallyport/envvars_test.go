package main

import (
	"maps"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestParseEnvvars(t *testing.T) {
	t.Setenv("HOME_OF_TEST", "/srv")
	const text = `# envvars
unset HOME
if [ "${APACHE_CONFDIR##/etc/apache2-}" != "${APACHE_CONFDIR}" ] ; then
	SUFFIX="-${APACHE_CONFDIR##/etc/apache2-}"
else
	SUFFIX=
fi
export APACHE_RUN_USER=www-data # who
export APACHE_PID_FILE=/var/run/apache2$SUFFIX/apache2.pid
export QUOTED='a $b' DOUBLE=1
export DOUBLED="a ${APACHE_RUN_USER} \"b\""
export OTHER=${NONE:-else}/${HOME_OF_TEST}
export RUN=$(id -un)
export TICK=` + "`id`" + `
export PIPE=a|b
export OPEN="a
LANG=C
export LANG
INNER=not exported
export NONE
#export COMMENT=1
f() {
export IN_FUNCTION=1
}
export LAST=yes;
export 1BAD=x
`
	want := map[string]string{
		"APACHE_RUN_USER": "www-data", "APACHE_PID_FILE": "/var/run/apache2-two/apache2.pid",
		"DOUBLED": `a www-data "b"`, "OTHER": "else//srv", "LANG": "C", "LAST": "yes",
	}
	if got := parseEnvvars(text, "/etc/apache2-two"); !maps.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

// Debian's own file, read as the shell does.
func TestDebianEnvvars(t *testing.T) {
	const file = "/etc/apache2/envvars"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Skipf("skipped: no apache2 on this machine (Debian package apache2)")
	}
	cmd := exec.Command("sh", "-c", ". "+file+"; env")
	cmd.Env = []string{}
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	got := parseEnvvars(string(text), "/etc/apache2")
	for line := range strings.Lines(string(out)) {
		name, want, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if (strings.HasPrefix(name, "APACHE_") || name == "LANG") && got[name] != want {
			t.Errorf("%s: %q, the shell says %q", name, got[name], want)
		}
	}
	if got["APACHE_RUN_USER"] == "" {
		t.Error("no APACHE_RUN_USER")
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("FROM_PROCESS", "process")
	s := newSite(t)
	s.write("envvars", "export FROM_PROCESS=file\nexport FROM_FILE=file\n")
	e := newEnvironment(s.root)
	for name, want := range map[string]string{"FROM_PROCESS": "process", "FROM_FILE": "file"} {
		if v, ok := e.lookup(name); !ok || v != want {
			t.Errorf("%s: %q %v", name, v, ok)
		}
	}
	if _, ok := e.lookup("FROM_NOWHERE"); ok {
		t.Error("FROM_NOWHERE has a value")
	}
	if notes := e.notes(); len(notes) != 1 || !strings.Contains(notes[0].Text, "the environment lacks FROM_FILE: read from "+s.path("envvars")) {
		t.Errorf("notes: %v", notes)
	}
	if notes := newEnvironment(s.root).notes(); notes != nil {
		t.Errorf("notes without need: %v", notes)
	}
}
