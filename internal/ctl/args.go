package ctl

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"sallyport/internal/conf/syntax"
)

// Exit codes.
const (
	Done        = 0
	Wrong       = 1 // the command line is wrong
	Refused     = 2 // the server refused, or knows no such thing
	Unreachable = 3 // no answer of the API
	Waiting     = 4 // --timeout was over before what --wait waits for
)

// options are the flags.
type options struct {
	url, token, tokenFile, user, ca string
	json, dry, wait, diff, writes   bool
	into                            string
	reason, match                   string
	timeout, idle                   time.Duration
	limit                           int
	member, by, parameter           string
}

// command is one row of the table of commands.
type command struct {
	name, args, help string
	least, most      int // arguments; most -1: any number
	run              func(*session) error
}

// session is one run.
type session struct {
	options
	args     []string
	out, err io.Writer
	client   *client
}

// Main runs the command line behind "sallyport ctl" and returns the exit code.
func Main(args []string, out, errs io.Writer) int {
	s := &session{out: out, err: errs}
	fs := flag.NewFlagSet("sallyport ctl", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&s.url, "url", env("SALLYPORT_URL", "http://127.0.0.1/balancer-manager"), "")
	fs.StringVar(&s.token, "token", os.Getenv("SALLYPORT_TOKEN"), "")
	fs.StringVar(&s.tokenFile, "token-file", os.Getenv("SALLYPORT_TOKEN_FILE"), "")
	fs.StringVar(&s.user, "user", os.Getenv("SALLYPORT_USER"), "")
	fs.StringVar(&s.ca, "ca", os.Getenv("SALLYPORT_CA"), "")
	fs.BoolVar(&s.json, "json", false, "")
	fs.BoolVar(&s.dry, "dry-run", false, "")
	fs.BoolVar(&s.wait, "wait", false, "")
	fs.StringVar(&s.into, "into", "", "")
	fs.BoolVar(&s.diff, "diff", false, "")
	fs.BoolVar(&s.writes, "write", false, "")
	fs.StringVar(&s.reason, "reason", "", "")
	fs.StringVar(&s.match, "if-match", "", "")
	s.timeout, s.idle = 5*time.Minute, 30*time.Second
	fs.Var((*seconds)(&s.timeout), "timeout", "")
	fs.Var((*seconds)(&s.idle), "idle", "")
	fs.IntVar(&s.limit, "limit", 20, "")
	fs.StringVar(&s.member, "member", "", "")
	fs.StringVar(&s.by, "by", "", "")
	fs.StringVar(&s.parameter, "parameter", "", "")
	// Flags may stand anywhere.
	for rest := args; ; {
		err := fs.Parse(rest)
		if err == flag.ErrHelp {
			usage(out)
			return Done
		}
		if err != nil {
			fmt.Fprintf(errs, "sallyport ctl: %v%s; see sallyport ctl -h\n", err, meant(err, fs))
			return Wrong
		}
		if rest = fs.Args(); len(rest) == 0 {
			break
		}
		s.args = append(s.args, rest[0])
		rest = rest[1:]
	}
	if len(s.args) == 2 && s.args[0] == "help" {
		for i := range commands {
			if c := &commands[i]; c.name == s.args[1] {
				fmt.Fprintf(out, "sallyport ctl %s %s\n    %s\n", c.name, c.args, c.help)
				return Done
			}
		}
	}
	if len(s.args) == 0 || s.args[0] == "help" {
		usage(out)
		if len(s.args) == 0 {
			return Wrong
		}
		return Done
	}
	name := s.args[0]
	s.args = s.args[1:]
	for i := range commands {
		c := &commands[i]
		if c.name != name {
			continue
		}
		if len(s.args) < c.least || c.most >= 0 && len(s.args) > c.most {
			fmt.Fprintf(errs, "usage: sallyport ctl %s %s\n", c.name, c.args)
			return Wrong
		}
		return s.end(c.run(s))
	}
	hint := "there are " + names()
	if actions[name] {
		hint = "did you mean sallyport ctl do BALANCER MEMBER " + name + "?"
	} else if n := nearest(name, strings.Split(names(), ", ")); n != "" {
		hint = "did you mean " + n + "?"
	}
	fmt.Fprintf(errs, "sallyport ctl: there is no command %q; %s\n", name, hint)
	return Wrong
}

// actions are what `do` can do that is no command.
var actions = map[string]bool{"recover": true, "check": true, "zero": true, "stop": true, "start": true, "undrain": true, "fail": true, "pass": true}

// nearest is the name that somebody who wrote this may have meant; "": none.
func nearest(written string, names []string) string {
	best, at := "", 3
	for _, n := range names {
		if d := syntax.Distance(written, n); d < at && d < len(n) {
			best, at = n, d
		}
	}
	return best
}

// meant is a hint for a flag that there is not.
func meant(err error, fs *flag.FlagSet) string {
	name, unknown := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	if !unknown {
		return ""
	}
	var all []string
	fs.VisitAll(func(f *flag.Flag) { all = append(all, f.Name) })
	if n := nearest(name, all); n != "" {
		return ", did you mean -" + n + "?"
	}
	return ""
}

// seconds reads a time: digits and a unit, or seconds.
type seconds time.Duration

func (d *seconds) String() string { return time.Duration(*d).String() }

func (d *seconds) Set(text string) error {
	v, err := time.ParseDuration(text)
	if n, serr := strconv.ParseUint(text, 10, 31); serr == nil {
		v, err = time.Duration(n)*time.Second, nil
	}
	if err != nil || v < 0 {
		return errors.New("expected seconds, or a time such as 30s, 5m or 1h")
	}
	*d = seconds(v)
	return nil
}

// end says what went wrong and makes the exit code of it.
func (s *session) end(err error) int {
	switch e := err.(type) {
	case nil:
		return Done
	case *usageError:
		fmt.Fprintf(s.err, "sallyport ctl: %s\n", e.text)
		return Wrong
	case *problem:
		fmt.Fprintf(s.err, "sallyport ctl: %s\n", e.Error())
		return Refused
	case *waitError:
		fmt.Fprintf(s.err, "sallyport ctl: %s\n", e.text)
		return Waiting
	}
	var gone *url.Error
	if errors.As(err, &gone) {
		fmt.Fprintf(s.err, "sallyport ctl: %s can't be reached: %v; -url or SALLYPORT_URL says where the balancer-manager is\n", s.url, gone.Err)
		return Unreachable
	}
	fmt.Fprintf(s.err, "sallyport ctl: %v\n", err)
	return Unreachable
}

type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

type waitError struct{ text string }

func (e *waitError) Error() string { return e.text }

func env(name, def string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return def
}

func names() string {
	var out []string
	for i := range commands {
		out = append(out, commands[i].name)
	}
	return strings.Join(out, ", ")
}

func usage(w io.Writer) {
	fmt.Fprint(w, `Usage: sallyport ctl COMMAND [ARGUMENTS] [FLAGS]

Looks at and changes the balancers of a running Sallyport through the JSON API
of its balancer-manager.

`)
	for i := range commands {
		c := &commands[i]
		fmt.Fprintf(w, "  %-36s %s\n", c.name+" "+c.args, c.help)
	}
	fmt.Fprint(w, `
MEMBER is a member's URL, host:port, route or id. KEY=VALUE is a parameter as the
configuration has it; KEY= with nothing behind is the empty value, KEY=null takes
an edit back.

  -url URL         of the balancer-manager (SALLYPORT_URL;
                   http://127.0.0.1/balancer-manager)
  -token TOKEN     bearer token (SALLYPORT_TOKEN), -token-file FILE: that holds it
                   (SALLYPORT_TOKEN_FILE)
  -user NAME:PASS  for AuthType Basic (SALLYPORT_USER)
  -ca FILE         certificates to trust (SALLYPORT_CA)
  -json            print the API's JSON instead of tables
  -dry-run         say what would be, change nothing
  -reason TEXT     for the history
  -if-match V      change nothing if the balancer is not at this version any more
  -wait            drain, remove: until the member is empty, or gone
  -timeout TIME    how long (5m)
  -idle TIME       remove: how long no request of a session must have come (30s)
  -into FILE       export: fold the edits into this file of the configuration, comments
                   and layout kept: -diff prints the difference (so does neither), -write
                   writes the file and keeps the old one beside it
  -limit N         history: the latest N (20); -member, -by, -parameter choose

Exit codes: 0 done, 1 the command line is wrong, 2 the server refused, 3 it can't
be reached, 4 the time of -wait was over.

Examples:
  sallyport ctl members
  sallyport ctl set shop http://10.0.0.4:8080 loadfactor=2 status=-D
  sallyport ctl set shop lbmethod=bybusyness -reason "black friday"
  sallyport ctl drain shop 10.0.0.4:8080 -wait -timeout 10m
  sallyport ctl add shop http://10.0.0.9:8080 route=i loadfactor=2
  sallyport ctl remove shop 10.0.0.9:8080 -wait
  sallyport ctl history -member http://10.0.0.4:8080
  sallyport ctl undo 12
  sallyport ctl export -into /etc/sallyport/shop.conf -diff
`)
}
