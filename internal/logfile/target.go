package logfile

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Kind says what a log is written to.
type Kind uint8

const (
	File    Kind = iota // Name is a path
	Program             // Name is a command line, run without a shell ("|prog", "||prog")
	Shell               // Name is a command line for /bin/sh ("|$prog")
	Syslog              // Facility and Tag
	Stdout
	Stderr
	Null // /dev/null: nothing is written, nothing need be formatted
)

// Target is where a log goes, as a directive names it. It is comparable: equal
// targets share one Sink.
type Target struct {
	Kind Kind
	Name string
	// Facility and Tag are those of syslog: names as in syslog(3), "" for the
	// defaults (local7, the program's name).
	Facility, Tag string
}

// Parse reads the first word of CustomLog, TransferLog, GlobalLog: a path, or
// a program behind "|".
func Parse(word string) Target {
	switch {
	case strings.HasPrefix(word, "|$"):
		return Target{Kind: Shell, Name: strings.TrimSpace(word[2:])}
	case strings.HasPrefix(word, "||"):
		return Target{Kind: Program, Name: strings.TrimSpace(word[2:])}
	case strings.HasPrefix(word, "|"):
		return Target{Kind: Program, Name: strings.TrimSpace(word[1:])}
	}
	switch word {
	case "/dev/stdout":
		return Target{Kind: Stdout}
	case "/dev/stderr":
		return Target{Kind: Stderr}
	case "/dev/null":
		return Target{Kind: Null}
	}
	return Target{Kind: File, Name: word}
}

// ParseError reads the word of ErrorLog: as Parse, and
// syslog[:[facility][:tag]].
func ParseError(word string) Target {
	rest, ok := strings.CutPrefix(word, "syslog")
	if !ok {
		return Parse(word)
	}
	if rest == "" {
		return Target{Kind: Syslog}
	}
	if rest[0] != ':' {
		return Parse(word)
	}
	facility, tag, _ := strings.Cut(rest[1:], ":")
	return Target{Kind: Syslog, Facility: strings.ToLower(facility), Tag: tag}
}

// Under gives the target with a relative path resolved below the ServerRoot.
func (t Target) Under(root string) Target {
	if t.Kind == File && !filepath.IsAbs(t.Name) {
		t.Name = filepath.Join(root, t.Name)
	}
	return t
}

// Doubt names what is odd about the target though httpd would take it; "" when
// nothing is.
func (t Target) Doubt() string {
	if t.Kind == Syslog && t.Facility != "" {
		if _, ok := facilities[t.Facility]; !ok {
			return "syslog knows no facility named '" + t.Facility + "': local7 is used"
		}
	}
	return ""
}

// CheckDir looks for the directory that must exist for the target to be
// opened. It gives that directory (with a final slash, as httpd names it) and
// why it can't be used; nil when it can, or when none is needed.
func (t Target) CheckDir() (dir string, err error) {
	if t.Kind != File {
		return "", nil
	}
	dir = filepath.Dir(t.Name)
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = syscall.ENOTDIR
	}
	return strings.TrimSuffix(dir, "/") + "/", err
}

// IsDir reports that a directory stands where the file should be.
func (t Target) IsDir() bool {
	if t.Kind != File {
		return false
	}
	info, err := os.Stat(t.Name)
	return err == nil && info.IsDir()
}

// String gives the target as a directive would name it.
func (t Target) String() string {
	switch t.Kind {
	case Program:
		return "|" + t.Name
	case Shell:
		return "|$" + t.Name
	case Stdout:
		return "/dev/stdout"
	case Stderr:
		return "/dev/stderr"
	case Null:
		return "/dev/null"
	case Syslog:
		s := "syslog"
		if t.Facility != "" || t.Tag != "" {
			s += ":" + t.Facility
		}
		if t.Tag != "" {
			s += ":" + t.Tag
		}
		return s
	}
	return t.Name
}

// facilities are syslog's, by the names of syslog(3): RFC 5424 §6.2.1.
var facilities = map[string]int{
	"kern": 0, "user": 1, "mail": 2, "daemon": 3, "auth": 4, "syslog": 5, "lpr": 6,
	"news": 7, "uucp": 8, "cron": 9, "authpriv": 10, "ftp": 11,
	"local0": 16, "local1": 17, "local2": 18, "local3": 19,
	"local4": 20, "local5": 21, "local6": 22, "local7": 23,
}
