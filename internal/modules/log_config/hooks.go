package log_config

import (
	"errors"
	"fmt"

	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/expr"
	"sallyport/internal/exprvars"
	"sallyport/internal/logfile"
	"sallyport/internal/module"
)

// writer is one access log of one server, ready to write.
type writer struct {
	sink   *logfile.Sink
	format *format
	env    string
	unless bool
	cond   *expr.Cond
}

// logger builds the writers of all servers.
type logger struct {
	b       *module.Build
	set     logfile.Set
	checked map[string]bool // directories
	doubted map[*accessLog]bool
}

func compile(b *module.Build) func(*module.Plan) {
	main := b.Servers[0]
	lg := &logger{b: b, checked: map[string]bool{}, doubted: map[*accessLog]bool{}}
	lg.set.Opener = b.Env.Logs
	lg.set.Report = func(text string) {
		main.Server.Log.Logf(errorlog.Crit, "log_config", errorlog.Facts{}, "%s", text)
	}
	for _, sb := range b.Servers {
		if own := server.Of(sb.Source.Conf); own != nil && own.Buffered.Is {
			lg.set.Hold = own.Buffered.V
		}
	}
	hooks := make([]exchange.Hook, len(b.Servers))
	for i, sb := range b.Servers {
		hooks[i] = hook(lg.writers(sb))
	}
	b.Open(module.Opening{
		Open: func() error {
			err := lg.set.Open()
			var oe *logfile.OpenError
			if errors.As(err, &oe) {
				return fmt.Errorf("%s: AH00649: could not open transfer log file %s.", errorlog.ErrnoText(oe.Err), oe.Target)
			}
			return err
		},
		Close: lg.set.Close,
	})
	return func(p *module.Plan) {
		if h := hooks[p.Server.Server.Index]; h != nil {
			p.Hook(exchange.Log, module.Middle, h)
		}
	}
}

// writers makes those of one server: its own logs and the main server's
// GlobalLogs, or, where it has none of its own, the main server's.
func (lg *logger) writers(sb *module.ServerBuild) []writer {
	main := lg.b.Servers[0]
	merged, own := server.Of(sb.Conf), server.Of(sb.Source.Conf)
	if merged == nil {
		return nil
	}
	var out []writer
	if sb != main {
		outer := server.Of(main.Source.Conf)
		bare := own == nil || len(own.Logs) == 0
		if outer != nil {
			for _, l := range outer.Logs {
				if bare || l.global {
					out = lg.add(out, l, outer, merged)
				}
			}
		}
	}
	if own != nil {
		for _, l := range own.Logs {
			out = lg.add(out, l, merged, merged)
		}
	}
	return out
}

// add makes the writer of a log that was written in the server with the
// formats of home, for one whose TransferLogs are written as in local.
func (lg *logger) add(out []writer, l *accessLog, home, local *serverConf) []writer {
	src := local.transferFormat()
	if l.source != nil {
		src = home.resolve(l.source)
		lg.doubt(l, src)
	}
	t := l.at.V.Under(lg.b.Config.Root)
	lg.check(t, l)
	if t.Kind == logfile.Null {
		return out
	}
	return append(out, writer{lg.set.Sink(t), src.format, l.env, l.unless, l.cond})
}

// doubt warns of a nickname that nobody defined: httpd writes the word itself,
// line by line.
func (lg *logger) doubt(l *accessLog, src *source) {
	if src.format.plain && !lg.doubted[l] {
		lg.doubted[l] = true
		lg.b.Warn(l.at.Pos, "no LogFormat defines the nickname '"+src.text+"': every line of the log will be that word", "")
	}
}

// check refuses a log whose directory is missing, as httpd does.
func (lg *logger) check(t logfile.Target, l *accessLog) {
	if t.Kind != logfile.File || lg.checked[t.Name] {
		return
	}
	lg.checked[t.Name] = true
	if dir, err := t.CheckDir(); err != nil {
		lg.b.Fail(l.at.Pos, fmt.Sprintf("%s: AH02297: Cannot access directory '%s' for log file '%s' defined at %s:%d",
			errorlog.ErrnoText(err), dir, l.at.V.Name, l.at.Pos.File, l.at.Pos.Line), "")
	}
}

// severity of access lines, for a sink that wants one.
const severity = uint8(errorlog.Info)

// hook makes the work of the phase Log; nil when there is none.
func hook(writers []writer) exchange.Hook {
	if len(writers) == 0 {
		return nil
	}
	return func(x *exchange.Exchange) exchange.Verdict {
		var e *entry
		for i := range writers {
			w := &writers[i]
			if w.env != "" && originalEnv(x).Has(w.env) == w.unless {
				continue
			}
			if w.cond != nil && !w.cond.Eval(exprvars.Of(x), nil) {
				continue
			}
			if e == nil {
				e = newEntry(x)
			}
			e.b = e.b[:0]
			w.format.append(e)
			w.sink.Put(x.Client.ID, severity, e.b)
		}
		if e != nil {
			e.free()
		}
		return exchange.Declined
	}
}

// originalEnv is the environment that conditions look at: that of the request
// as it came, as httpd does.
func originalEnv(x *exchange.Exchange) *exchange.Vars {
	env := &x.Env
	for p := x.Prev; p != nil; p = p.Prev {
		env = &p.Env
	}
	return env
}
