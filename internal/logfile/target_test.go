package logfile

import (
	"reflect"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for word, want := range map[string]Target{
		"logs/a":              {Kind: File, Name: "logs/a"},
		"|/bin/cat -u":        {Kind: Program, Name: "/bin/cat -u"},
		"||/bin/cat":          {Kind: Program, Name: "/bin/cat"},
		"|$ grep x > y":       {Kind: Shell, Name: "grep x > y"},
		"/dev/stdout":         {Kind: Stdout},
		"/dev/stderr":         {Kind: Stderr},
		"/dev/null":           {Kind: Null},
		"syslog":              {Kind: Syslog},
		"syslog:user":         {Kind: Syslog, Facility: "user"},
		"syslog:LOCAL3:tag:x": {Kind: Syslog, Facility: "local3", Tag: "tag:x"},
		"syslog::tag":         {Kind: Syslog, Tag: "tag"},
		"syslogs":             {Kind: File, Name: "syslogs"},
	} {
		if got := ParseError(word); got != want {
			t.Errorf("%s: %+v, want %+v", word, got, want)
		}
	}
	if got := Parse("syslog"); got.Kind != File {
		t.Errorf("an access log named syslog is a file, got %+v", got)
	}
	if got := Parse("logs/a").Under("/srv").Name; got != "/srv/logs/a" {
		t.Errorf("Under: %s", got)
	}
	if ParseError("syslog:nowhere").Doubt() == "" || ParseError("syslog:mail").Doubt() != "" {
		t.Error("only an unknown facility is doubtful")
	}
}

func TestTargetString(t *testing.T) {
	for _, word := range []string{"a", "|x", "|$x", "/dev/null", "/dev/stdout", "/dev/stderr", "syslog", "syslog:user", "syslog:user:t", "syslog::t"} {
		if got := ParseError(word).String(); got != word {
			t.Errorf("%s comes back as %s", word, got)
		}
	}
}

func TestSplitCommand(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []string
	}{
		{"", nil},
		{"  a  b\tc ", []string{"a", "b", "c"}},
		{`a "b c" 'd "e'`, []string{"a", "b c", `d "e`}},
		{`a\ b \"c\" '\''`, []string{"a b", `"c"`, "'"}},
		{`a"b c"`, []string{`a"b`, `c"`}},
		{`"" x`, []string{"", "x"}},
		{`"open end`, []string{"open end"}},
		{`x\`, []string{`x\`}},
	} {
		if got := SplitCommand(c.in); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}

func TestEscape(t *testing.T) {
	in := "a\"b\\c\td\n\r\b\v\x00\x1f\x7fé~ "
	if got, want := string(AppendEscaped(nil, in)), `a\"b\\c\td\n\r\b\v\x00\x1f\x7f\xc3\xa9~ `; got != want {
		t.Errorf("access log: %s, want %s", got, want)
	}
	if got, want := string(AppendMessage(nil, in)), `a"b\\c\td\n\r\b\v\x00\x1f\x7f\xc3\xa9~ `; got != want {
		t.Errorf("error log: %s, want %s", got, want)
	}
}

// FuzzEscape holds the promise that nothing a client sends can end a line or a
// quoted field.
func FuzzEscape(f *testing.F) {
	f.Add("x\n\"\\")
	f.Fuzz(func(t *testing.T, s string) {
		out := AppendEscaped(nil, s)
		for i := 0; i < len(out); i++ {
			switch c := out[i]; {
			case c < ' ' || c > '~':
				t.Fatalf("byte %#x in %q", c, out)
			case c == '"':
				t.Fatalf("bare quote in %q", out)
			case c == '\\':
				i++ // whatever follows is escaped
				if i == len(out) {
					t.Fatalf("%q ends in a backslash", out)
				}
			}
		}
	})
}

// The expected texts are what glibc's strftime gives in the C locale.
func TestAppendTime(t *testing.T) {
	at := time.Date(2026, time.March, 1, 9, 5, 7, 123456789, time.FixedZone("XST", -(3*3600+1800)))
	for format, want := range map[string]string{
		"%d/%b/%Y:%H:%M:%S %z":      "01/Mar/2026:09:05:07 -0330",
		"%a %A %b %B %h":            "Sun Sunday Mar March Mar",
		"%C %y %G %g %V %U %W %j":   "20 26 2026 26 09 09 08 060",
		"%e|%k|%l|%I|%p|%P|%u|%w":   " 1| 9| 9|09|AM|am|7|0",
		"%D %F %T %R %r":            "03/01/26 2026-03-01 09:05:07 09:05 09:05:07 AM",
		"%c %x %X %Z %s":            "Sun Mar  1 09:05:07 2026 03/01/26 09:05:07 XST 1772368507",
		"%%%n%t":                    "%\n\t",
		"%-d %_d %0e %^a %Ey %Od":   "1  1 01 SUN 26 01",
		"%Q %J % x %":               "%Q %J % x %",
		"plain":                     "plain",
		"%-":                        "%-",
		"%d/%b/%Y %T.%z %e %j %n%%": "01/Mar/2026 09:05:07.-0330  1 060 \n%",
	} {
		if got := string(AppendTime(nil, format, at)); got != want {
			t.Errorf("%q:\n got %q\nwant %q", format, got, want)
		}
	}
}
