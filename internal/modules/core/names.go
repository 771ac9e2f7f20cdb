package core

import (
	"errors"
	"os"
	"strings"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/exchange"
)

// setServerName reads [scheme://]host[:port] as httpd's
// set_server_hostname_by does.
func setServerName(c *conf.Cmd, s *ServerConf, args []string) error {
	arg := args[0]
	// httpd's check is against aliases that stand here by mistake.
	if strings.ContainsAny(arg, "*?[]") {
		return &diag.Err{
			Text:     `Invalid ServerName "` + arg + `" use ServerAlias to set multiple server names.`,
			Expected: "[scheme://]host[:port]", Word: 1,
		}
	}
	var n ServerName
	host := arg
	if scheme, rest, ok := strings.Cut(arg, "://"); ok {
		n.Scheme, host = strings.ToLower(scheme), rest
		host, _, _ = strings.Cut(host, "/")
	}
	host, digits, ok := strings.Cut(host, ":")
	if ok {
		port, _ := atoi(digits)
		if port < 1 || port > 65535 {
			return &diag.Err{
				Text:     `The port number "` + arg + `" is outside the appropriate range (i.e., 1..65535).`,
				Expected: "[scheme://]host[:port]", Word: 1,
			}
		}
		n.Port = uint16(port)
	}
	n.Host = host // as written: logs and redirects show it so
	s.Name = conf.Some(c, n)
	return nil
}

func setServerAlias(c *conf.Cmd, s *ServerConf, args []string) error {
	s.Aliases = append(s.Aliases, args...)
	return nil
}

func setDocumentRoot(c *conf.Cmd, s *ServerConf, args []string) error {
	path := c.Path(args[0])
	if !isDir(path) {
		return &diag.Err{Text: "DocumentRoot '" + path + "' is not a directory, or is not readable", Word: 1}
	}
	s.DocumentRoot = conf.Some(c, path)
	return nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func setPidFile(c *conf.Cmd, p *ProcessConf, args []string) error {
	p.PidFile = conf.Some(c, c.Path(args[0]))
	return nil
}

func setRuntimeDir(c *conf.Cmd, p *ProcessConf, args []string) error {
	path := c.Path(args[0])
	if !isDir(path) {
		return &diag.Err{Text: "DefaultRuntimeDir must be a valid directory, absolute or relative to ServerRoot", Word: 1}
	}
	p.RuntimeDir = conf.Some(c, path)
	return nil
}

// serverWide warns about a directive that httpd also heeds in sections and
// Sallyport only for a whole server.
func serverWide(c *conf.Cmd) {
	if c.Scope.Section != nil {
		c.Warn(c.Directive.Name+" has no effect inside a section", "set it for the server or the virtual host")
	}
}

func setCanonicalName(c *conf.Cmd, d *DirConf, args []string) error {
	serverWide(c)
	switch strings.ToLower(args[0]) {
	case "on":
		d.CanonicalName = conf.Some(c, exchange.NameFromServer)
	case "off":
		d.CanonicalName = conf.Some(c, exchange.NameFromClient)
	case "dns":
		// Unlike httpd: no request waits for the DNS to name the address it
		// came in at.
		c.Warn("UseCanonicalName DNS: ServerName is taken, addresses are not looked up", "")
		d.CanonicalName = conf.Some(c, exchange.NameFromDNS)
	default:
		return errors.New("parameter must be 'on', 'off', or 'dns'")
	}
	return nil
}

func setPhysicalPort(c *conf.Cmd, d *DirConf, args []string) error {
	serverWide(c)
	on, err := onOff(args[0])
	if err == nil {
		d.PhysicalPort = conf.Some(c, on)
	}
	return err
}

// onOff reads the directives that httpd words so.
func onOff(word string) (bool, error) {
	switch strings.ToLower(word) {
	case "on":
		return true, nil
	case "off":
		return false, nil
	}
	return false, &diag.Err{Text: "parameter must be 'on' or 'off'", Expected: "on or off", Word: 1}
}

func setSignature(c *conf.Cmd, d *DirConf, args []string) error {
	serverWide(c)
	switch word := strings.ToLower(args[0]); word {
	case "off":
		d.Signature = conf.Some(c, "")
	case "on", "email":
		d.Signature = conf.Some(c, word)
	default:
		return &diag.Err{Text: "ServerSignature: use one of: off | on | email", Word: 1}
	}
	return nil
}

func setLookups(c *conf.Cmd, d *DirConf, args []string) error {
	switch strings.ToLower(args[0]) {
	case "on":
		d.Lookups = conf.Some(c, exchange.LookupsOn)
	case "off":
		d.Lookups = conf.Some(c, exchange.LookupsOff)
	case "double":
		d.Lookups = conf.Some(c, exchange.LookupsDouble)
	default:
		return &diag.Err{Text: "parameter must be 'on', 'off', or 'double'", Word: 1}
	}
	return nil
}
