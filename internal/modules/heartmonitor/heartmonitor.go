// Package heartmonitor is mod_heartmonitor: it listens for what backends say of
// how busy they are, for lbmethod=heartbeat. The gathering itself is package
// heartbeat; this room says where, and takes reports over HTTP (SetHandler
// heartbeat) as well.
package heartmonitor

import (
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/heartbeat"
	"sallyport/internal/module"
	"sallyport/internal/modules/core"
)

// Room declares mod_heartmonitor.
var Room = module.Room{
	Name: "heartmonitor",
	Directives: []conf.Directive{
		{Name: "HeartbeatListen", In: conf.InServer, Args: conf.One, Set: Server.Do(listen),
			Help: "Address to listen for heartbeat requests"},
		{Name: "HeartbeatMaxServers", In: conf.InServer, Args: conf.One, Set: Server.Do(maxServers),
			Help: "Max number of servers when using slotmem (instead file) to store heartbeat data."},
	},
	Compile:  compile,
	Handlers: []string{handlerName},
}

const handlerName = "heartbeat"

// Server is the room's configuration, of the main server.
var Server = conf.NewServerKey[Conf]("heartmonitor")

// Conf is what the directives say.
type Conf struct {
	Listen conf.Opt[*net.UDPAddr]
	Max    conf.Opt[int]
	// Storage is HeartbeatStorage, which the room lbmethod_heartbeat reads.
	Storage conf.Opt[string]
}

// defaultMax is how many servers are remembered unless HeartbeatMaxServers
// says otherwise.
const defaultMax = 10

func listen(c *conf.Cmd, s *Conf, args []string) error {
	if s.Listen.Is {
		return &diag.Err{Text: "HeartbeatListen: May only be specified once.", Word: 1}
	}
	addr, err := Address("HeartbeatListen", "multicast address", args[0])
	if err == nil {
		s.Listen = conf.Some(c, addr)
	}
	return err
}

// Address reads HOST:PORT for UDP, with httpd's complaints.
func Address(directive, what, word string) (*net.UDPAddr, error) {
	bad := func(text string) error {
		return &diag.Err{Text: directive + ": " + text, Expected: "ADDRESS:PORT, such as 239.0.0.1:27999", Word: 1}
	}
	host, port, err := net.SplitHostPort(word)
	switch {
	case err != nil && !strings.Contains(word, ":"):
		return nil, bad("No port provided in " + what)
	case err != nil || host == "":
		return nil, bad("Unable to parse " + what + ".")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return nil, bad("Unable to parse " + what + ".")
	}
	addr, err := net.ResolveUDPAddr("udp", word)
	if err != nil {
		return nil, bad("apr_sockaddr_info_get failed on " + what)
	}
	return addr, nil
}

func maxServers(c *conf.Cmd, s *Conf, args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil || n < 0 || n > 0 && n < 10 {
		return &diag.Err{
			Text:     "HeartbeatMaxServers: Should be 0 for file storage, or greater or equal than 10 for slotmem",
			Expected: "0, or 10 and more", Word: 1,
		}
	}
	s.Max = conf.Some(c, n)
	return nil
}

// File is where reports are stored or read.
func File(b *module.Build) string {
	path := "hb.dat"
	if s := Server.Of(b.Config.Main.Conf); s != nil && s.Storage.Is {
		path = s.Storage.V
	}
	if filepath.IsAbs(path) {
		return path
	}
	dir := filepath.Join(b.Config.Root, "logs")
	if p := core.Process.Of(b.Config.Main.Conf); p != nil && p.RuntimeDir.Is {
		dir = p.RuntimeDir.V
	}
	return filepath.Join(dir, path)
}

func compile(b *module.Build) func(*module.Plan) {
	s := Server.Of(b.Config.Main.Conf)
	if s == nil {
		s = &Conf{}
	}
	limit := s.Max.Or(defaultMax)
	if s.Listen.Is && !b.Env.Test {
		m := heartbeat.Monitor{Addr: s.Listen.V, Limit: limit, Log: Log(b, "heartmonitor")}
		if limit == 0 {
			m.File = File(b)
		}
		var release func()
		b.Open(module.Opening{
			Open: func() (err error) {
				release, err = b.Env.Heartbeats.Listen(m)
				return err
			},
			Close: func() { release() },
		})
	}
	if !b.Config.Mentions(handlerName) {
		return nil
	}
	return func(p *module.Plan) {
		p.Hook(exchange.Handle, module.Middle, func(x *exchange.Exchange) exchange.Verdict {
			if x.Handler != handlerName {
				return exchange.Declined
			}
			return take(x, b.Env.Heartbeats, s.Listen.Is, limit)
		})
	}
}

// Log writes to the main server's error log what a source has to say.
func Log(b *module.Build, name string) func(error, string) {
	main := b.Servers[0].Server
	return func(err error, text string) {
		main.Log.Logf(errorlog.Warn, name, errorlog.Facts{Err: err}, "%s", text)
	}
}

// maxBody is how large a report may be.
const maxBody = 4096

// take is the handler: a POST whose body is a report (httpd's hm_handler).
func take(x *exchange.Exchange, board *heartbeat.Board, active bool, limit int) exchange.Verdict {
	if x.Request.Method != "POST" {
		return exchange.Status(405)
	}
	if !active {
		x.Logf(errorlog.Warn, "heartmonitor", "AH10561: Heartbeat monitoring not active")
		return exchange.Status(503)
	}
	body, err := io.ReadAll(io.LimitReader(x.Request.Body, maxBody+1))
	if err != nil {
		return exchange.Status(400)
	}
	if len(body) > maxBody {
		x.Logf(errorlog.Warn, "heartmonitor", "AH10562: Heartbeat message too large: %d bytes (max %d)", len(body), maxBody)
		return exchange.Status(413)
	}
	r, err := heartbeat.Parse(string(body))
	if err != nil {
		x.Logf(errorlog.Warn, "heartmonitor", "AH10563: %v", err)
		return exchange.Status(400)
	}
	r.Seen = x.Received
	if !board.Put(x.Client.Addr.Addr().Unmap().WithZone("").String(), r, limit) {
		return exchange.Status(503)
	}
	x.Out.Status = 200
	x.Out.Header.Set("Content-Type", "text/plain")
	x.Out.Body.Length = 2
	if x.Begin() == nil {
		x.Write([]byte("OK"))
	}
	return exchange.Done
}
