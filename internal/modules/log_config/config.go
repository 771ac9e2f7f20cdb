package log_config

import (
	"errors"
	"maps"
	"strings"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/expr"
	"sallyport/internal/exprvars"
	"sallyport/internal/logfile"
	"sallyport/internal/module"
)

// Room declares mod_log_config.
var Room = module.Room{
	Name:   "log_config",
	Static: true,
	Directives: []conf.Directive{
		{Name: "CustomLog", In: conf.Servers, Args: conf.TwoThree, Set: server.Do(customLog),
			Help: `a file name, a custom log format string or format name, and an optional "env=" or "expr=" clause (see docs)`},
		{Name: "GlobalLog", In: conf.InServer, Args: conf.TwoThree, Set: server.Do(globalLog),
			Help: "Same as CustomLog, but forces virtualhosts to inherit the log"},
		{Name: "TransferLog", In: conf.Servers, Args: conf.One, Set: server.Do(transferLog),
			Help: "the filename of the access log"},
		{Name: "LogFormat", In: conf.Servers, Args: conf.OneTwo, Set: server.Do(logFormat),
			Help: "a log format string (see docs) and an optional format name"},
		{Name: "BufferedLogs", In: conf.Servers, Args: conf.Flag, Set: server.Flag(func(s *serverConf) *conf.Opt[bool] { return &s.Buffered }),
			Help: "Enable Buffered Logging (experimental)"},
	},
	Compile: compile,
}

// clf is the Common Log Format: the nickname CLF, and TransferLog's format
// where no LogFormat sets another.
const clf = `%h %l %u %t "%r" %>s %b`

// serverConf is what one server says about access logs.
type serverConf struct {
	Logs     []*accessLog
	Formats  map[string]*source // by nickname in lower case
	Default  conf.Opt[*source]  // LogFormat without a nickname
	Buffered conf.Opt[bool]
}

var server = func() *conf.Key[serverConf] {
	k := conf.NewServerKey[serverConf]("log_config")
	k.Merge = merge
	return k
}()

// merge lays a virtual host over the main server: its logs replace the main
// server's, formats add up.
func merge(outer, inner *serverConf) *serverConf {
	out := *inner
	out.Default = inner.Default.Over(outer.Default)
	switch {
	case len(inner.Formats) == 0:
		out.Formats = outer.Formats
	case len(outer.Formats) > 0:
		out.Formats = maps.Clone(outer.Formats)
		maps.Copy(out.Formats, inner.Formats)
	}
	return &out
}

// source is a format as written, and compiled.
type source struct {
	text   string
	format *format
}

// accessLog is one CustomLog, GlobalLog or TransferLog line.
type accessLog struct {
	at     conf.Opt[logfile.Target]
	source *source // nil: TransferLog, the default format
	global bool
	// env is the variable that must be set, or with unless must not be; ""
	// where there is no condition.
	env    string
	unless bool
	cond   *expr.Cond
}

func parseSource(text string) (*source, error) {
	f, err := parseFormat(text)
	if err != nil {
		return nil, err
	}
	return &source{text, f}, nil
}

func customLog(c *conf.Cmd, s *serverConf, args []string) error {
	src, err := parseSource(args[1])
	if err != nil {
		return &diag.Err{Text: err.Error(), Word: 2}
	}
	l := &accessLog{at: conf.Some(c, logfile.Parse(args[0])), source: src}
	if len(args) == 3 {
		if err := l.condition(args[2]); err != nil {
			return err
		}
	}
	s.Logs = append(s.Logs, l)
	return nil
}

func globalLog(c *conf.Cmd, s *serverConf, args []string) error {
	if err := customLog(c, s, args); err != nil {
		return err
	}
	s.Logs[len(s.Logs)-1].global = true
	return nil
}

func (l *accessLog) condition(clause string) error {
	switch {
	case len(clause) >= 4 && strings.EqualFold(clause[:4], "env="):
		l.env, l.unless = strings.CutPrefix(clause[4:], "!")
		if l.env == "" {
			return &diag.Err{Text: "missing environment variable name", Word: 3}
		}
	case len(clause) >= 5 && strings.EqualFold(clause[:5], "expr="):
		if len(clause) == 5 {
			return &diag.Err{Text: "missing condition", Word: 3}
		}
		var err error
		if l.cond, err = exprvars.Cond(clause[5:], "Can't parse condition: ", 3); err != nil {
			return err
		}
	default:
		return &diag.Err{Text: "error in condition clause", Expected: "env=NAME, env=!NAME or expr=CONDITION", Word: 3}
	}
	return nil
}

func transferLog(c *conf.Cmd, s *serverConf, args []string) error {
	s.Logs = append(s.Logs, &accessLog{at: conf.Some(c, logfile.Parse(args[0]))})
	return nil
}

func logFormat(c *conf.Cmd, s *serverConf, args []string) error {
	src, err := parseSource(args[0])
	if err != nil {
		return &diag.Err{Text: err.Error(), Word: 1}
	}
	if len(args) == 1 {
		s.Default = conf.Some(c, src)
		return nil
	}
	if args[1] == "" {
		return errors.New("LogFormat: the nickname is empty")
	}
	if s.Formats == nil {
		s.Formats = map[string]*source{}
	}
	s.Formats[strings.ToLower(args[1])] = src
	return nil
}

// resolve finds what a format means: a nickname stands for its format, whether
// it was defined before or after.
func (s *serverConf) resolve(src *source) *source {
	if f := s.Formats[strings.ToLower(src.text)]; f != nil {
		return f
	}
	if strings.EqualFold(src.text, "clf") {
		return common
	}
	return src
}

// transferFormat is the format of TransferLog.
func (s *serverConf) transferFormat() *source {
	if s.Default.Is {
		return s.resolve(s.Default.V)
	}
	return common
}

var common = func() *source {
	s, err := parseSource(clf)
	if err != nil {
		panic("log_config: " + err.Error())
	}
	return s
}()
