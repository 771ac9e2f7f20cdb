package exchange

import (
	"strconv"

	"sallyport/internal/errorlog"
)

// Logger is the error log for this exchange: its Place's, else its Server's.
// It may be nil, which discards.
func (x *Exchange) Logger() *errorlog.Logger {
	if x.Place != nil && x.Place.Log != nil {
		return x.Place.Log
	}
	if x.Server == nil {
		return nil
	}
	return x.Server.Log
}

// Logf writes to the error log of the exchange under the name of a module,
// with the client's address; nothing is formatted below the level.
func (x *Exchange) Logf(l errorlog.Level, module, format string, args ...any) {
	if log := x.Logger(); log.Enabled(module, l) {
		log.Logf(l, module, x.facts(nil), format, args...)
	}
}

// LogErr is Logf with the system's error that is behind the message; httpd
// prints it in front: "(111)Connection refused: AH00957: …".
func (x *Exchange) LogErr(l errorlog.Level, module string, err error, format string, args ...any) {
	if log := x.Logger(); log.Enabled(module, l) {
		log.Logf(l, module, x.facts(err), format, args...)
	}
}

func (x *Exchange) facts(err error) errorlog.Facts {
	if x.LogID == "" {
		if id, ok := x.Env.Get("UNIQUE_ID"); ok {
			x.LogID = id
		} else {
			x.LogID = errorlog.NewID()
		}
	}
	f := errorlog.Facts{Referer: x.Request.Header.Get("Referer"), Err: err, Request: (*logView)(x)}
	if x.Client != nil {
		f.Client = x.Client.Addr
	}
	return f
}

// logView is an exchange as ErrorLogFormat sees it.
type logView Exchange

// LogItem gives the text of an item of ErrorLogFormat.
func (v *logView) LogItem(letter byte, arg string) string {
	x := (*Exchange)(v)
	c := x.Client
	switch letter {
	case 'e':
		return x.Getenv(arg)
	case 'n':
		s, _ := x.Notes.Get(arg)
		return s
	case 'i':
		s, _ := x.Request.Header.Joined(arg)
		return s
	case 'L':
		switch {
		case arg == "":
			return x.LogID
		case arg == "c" && c != nil:
			return errorlog.ConnectionID(c.ID)
		}
	case 'V':
		if x.Server != nil && x.Server.Core != nil {
			return x.HostName()
		}
	}
	if c == nil {
		return ""
	}
	switch letter {
	case 'a': // {c}: the client itself is in the Facts
		return string(errorlog.AppendAddr(nil, c.Remote))
	case 'A':
		return string(errorlog.AppendAddr(nil, c.Local))
	case 'k':
		return strconv.Itoa(c.Served)
	}
	return ""
}

// FirstLine tells, once each, that nothing was logged yet about the connection
// and about the request.
func (v *logView) FirstLine() (connection, request bool) {
	request = !v.logged
	v.logged = true
	if c := v.Client; c != nil {
		if c.whole != nil {
			c = c.whole
		}
		connection = c.logged.CompareAndSwap(false, true)
	}
	return connection, request
}

// MappedName names what the exchange is about, for messages: the file or the
// "proxy:" URL it was mapped to, else "uri " and its path.
func (x *Exchange) MappedName() string {
	switch {
	case x.Mapped.Kind == Proxied:
		return "proxy:" + x.Mapped.URL()
	case x.Mapped.Kind == File && x.Mapped.Path != "":
		return x.Mapped.Path
	}
	return "uri " + x.Path
}
