package roomtest

import (
	"strconv"
	"strings"

	"sallyport/internal/conf"
	"sallyport/internal/exchange"
	"sallyport/internal/module"
)

// core stands in for the core room.
var core = module.Room{
	Name: "core", Source: "core.c", Static: true,
	Directives: []conf.Directive{
		{Name: "ServerName", In: conf.Servers, Args: conf.One, Set: server.Text(func(s *serverConf) *conf.Opt[string] { return &s.Name })},
		{Name: "DocumentRoot", In: conf.Servers, Args: conf.One, Set: server.Text(func(s *serverConf) *conf.Opt[string] { return &s.Root })},
		{Name: "TraceEnable", In: conf.Servers, Args: conf.One, Set: server.Text(func(s *serverConf) *conf.Opt[string] { return &s.Trace })},
		{Name: "SetHandler", In: conf.Anywhere, Args: conf.One, Set: section.Text(func(s *dirConf) *conf.Opt[string] { return &s.Handler })},
		{Name: "ForceType", In: conf.Anywhere, Args: conf.One, Set: section.Text(func(s *dirConf) *conf.Opt[string] { return &s.Force })},
		{Name: "AcceptPathInfo", In: conf.Anywhere, Args: conf.One, Set: section.Text(func(s *dirConf) *conf.Opt[string] { return &s.PathInfo })},
		{Name: "FileETag", In: conf.Anywhere, Args: conf.One, Set: section.Text(func(s *dirConf) *conf.Opt[string] { return &s.ETag })},
		{Name: "Options", In: conf.Anywhere, Args: conf.Raw, Set: section.Do(func(c *conf.Cmd, d *dirConf, args []string) error {
			d.Options = conf.Some(c, args[0])
			return nil
		})},
		{Name: "ErrorDocument", In: conf.Anywhere, Args: conf.Two, Set: section.Do(func(c *conf.Cmd, d *dirConf, args []string) error {
			code, err := strconv.Atoi(args[0])
			if err != nil {
				return err
			}
			doc := exchange.ErrorDocument{Kind: 't', Value: args[1]}
			if strings.HasPrefix(args[1], "/") {
				doc.Kind = 'p'
			}
			if d.Documents == nil {
				d.Documents = map[int]exchange.ErrorDocument{}
			}
			d.Documents[code] = doc
			return nil
		})},
	},
	Compile: compile,
}

type serverConf struct{ Name, Root, Trace conf.Opt[string] }

type dirConf struct {
	Handler, Force, PathInfo, ETag, Options conf.Opt[string]
	Documents                               map[int]exchange.ErrorDocument
}

var (
	server  = conf.NewServerKey[serverConf]("core")
	section = conf.NewDirKey[dirConf]("core")
)

func compile(b *module.Build) func(*module.Plan) {
	for _, sb := range b.Servers {
		s := server.Of(sb.Conf)
		if s == nil {
			s = &serverConf{}
		}
		sb.Server.Name = s.Name.Or("example.test")
		sb.Server.Core = &exchange.ServerSettings{MergeSlashes: true, DocumentRoot: s.Root.V}
		if s.Trace.V == "off" {
			sb.Server.Core.TraceEnable = exchange.TraceOff
		}
	}
	return func(p *module.Plan) {
		d := section.Of(p.Dir)
		if d == nil {
			d = &dirConf{}
		}
		c := &p.Place.Core
		c.Handler, c.ForceType = d.Handler.V, d.Force.V
		c.AcceptPathInfo = d.PathInfo.Or("default")
		c.FileETag = d.ETag.V
		c.ErrorDocuments = d.Documents
		o := " " + strings.ToLower(d.Options.Or("FollowSymLinks")) + " "
		c.FollowSymlinks = strings.Contains(o, " followsymlinks ") || strings.Contains(o, " all ")
		c.SymlinksIfOwner = strings.Contains(o, " symlinksifownermatch ")
		c.Indexes = strings.Contains(o, " indexes ") || strings.Contains(o, " all ")
		c.Sendfile = true
	}
}
