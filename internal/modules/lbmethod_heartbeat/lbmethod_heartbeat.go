// Package lbmethod_heartbeat is mod_lbmethod_heartbeat: members are drawn by
// lot, each as likely as it has told to have workers ready. What they told comes
// from the room heartmonitor, or from a file.
package lbmethod_heartbeat

import (
	"strings"
	"time"

	"sallyport/internal/balancer"
	"sallyport/internal/conf"
	"sallyport/internal/heartbeat"
	"sallyport/internal/module"
	"sallyport/internal/modules/heartmonitor"
)

// Room provides lbmethod=heartbeat.
var Room = module.Room{
	Name: "lbmethod_heartbeat",
	Directives: []conf.Directive{
		{Name: "HeartbeatStorage", In: conf.InServer, Args: conf.One, Help: "Path to read heartbeat data.",
			Set: heartmonitor.Server.Do(func(c *conf.Cmd, s *heartmonitor.Conf, args []string) error {
				s.Storage = conf.Some(c, args[0])
				return nil
			})},
	},
	Compile: compile,
}

// reports is where a Method looks: a heartbeat.Board, or a file.
type reports interface {
	Get(host string) (heartbeat.Report, bool)
}

func compile(b *module.Build) func(*module.Plan) {
	m := &Method{}
	b.Methods["heartbeat"] = func() balancer.Method { return m }
	if b.Env.Test {
		return nil
	}
	if s := heartmonitor.Server.Of(b.Config.Main.Conf); s != nil && s.Listen.Is {
		m.reports = b.Env.Heartbeats
		return nil
	}
	if !b.Config.Mentions("heartbeat") {
		return nil // nobody asks
	}
	path := heartmonitor.File(b)
	log := heartmonitor.Log(b, "lbmethod_heartbeat")
	var stop func()
	b.Open(module.Opening{
		Open: func() error {
			m.reports, stop = heartbeat.Follow(path, func(err error) {
				log(err, "AH01213: lb_heartbeat: Unable to read heartbeats at '"+path+"'")
			})
			return nil
		},
		Close: func() { stop() },
	})
	return nil
}

// Method draws by readiness.
type Method struct{ reports reports }

// Name implements balancer.Method.
func (*Method) Name() string { return "heartbeat" }

// Pick implements balancer.Method.
func (m *Method) Pick(c *balancer.Candidates) int {
	total := 0
	for i := range c.Len() {
		total += m.capacity(c.Member(i), c.Now())
	}
	if total == 0 {
		// Unlike httpd: where no member has told to be ready the next one in
		// turn serves, because a monitor that hears nothing is no reason to
		// turn everybody away.
		i := c.Highest()
		c.Charge(i)
		return i
	}
	at := int(c.Random() % uint64(total))
	for i := range c.Len() {
		// Unlike httpd: a share of none is none. There the one behind is drawn
		// now and then.
		if at -= m.capacity(c.Member(i), c.Now()); at < 0 {
			return i
		}
	}
	return c.Len() - 1 // a report changed in between
}

func (m *Method) capacity(b *balancer.Member, now time.Time) int {
	if m.reports == nil {
		return 0
	}
	r, ok := m.reports.Get(host(b.URL()))
	if !ok {
		return 0
	}
	return r.Capacity(now)
}

// host is the host of a worker's URL as reports name it.
func host(url string) string {
	if _, rest, ok := strings.Cut(url, "://"); ok {
		url = rest
	}
	if i := strings.IndexByte(url, '/'); i >= 0 {
		url = url[:i]
	}
	if strings.HasPrefix(url, "[") {
		if i := strings.IndexByte(url, ']'); i > 0 {
			return url[1:i]
		}
	}
	if i := strings.LastIndexByte(url, ':'); i >= 0 {
		url = url[:i]
	}
	return url
}
