package core

import (
	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/errorlog"
	"sallyport/internal/logfile"
)

func setErrorLog(c *conf.Cmd, s *ServerConf, args []string) error {
	t := logfile.ParseError(args[0])
	if t.Kind == logfile.File {
		t.Name = c.Path(t.Name)
	}
	if doubt := t.Doubt(); doubt != "" {
		c.Warn("ErrorLog: "+doubt, "")
	}
	s.ErrorLog = conf.Some(c, t)
	return nil
}

// setLogFormat reads ErrorLogFormat [connection|request] format.
func setLogFormat(c *conf.Cmd, s *ServerConf, args []string) error {
	if len(args) == 1 {
		f, err := errorlog.ParseFormat(args[0])
		if err == nil {
			s.LogFormat = conf.Some(c, f)
		}
		return err
	}
	var list *[]*errorlog.Format
	switch args[0] {
	case "connection":
		list = &s.ConnFormats
	case "request":
		list = &s.RequestFormats
	default:
		return &diag.Err{Text: "ErrorLogFormat type must be one of request, connection", Word: 1}
	}
	f, err := errorlog.ParseOnceFormat(args[1])
	if err == nil {
		*list = append(*list, f)
	}
	return err
}

func setLogLevel(c *conf.Cmd, d *DirConf, args []string) error {
	return d.LogLevel.Add(args[0], func(module string) bool {
		return c.Loader.Loaded(module+"_module") || c.Loader.Loaded(module+".c")
	})
}
