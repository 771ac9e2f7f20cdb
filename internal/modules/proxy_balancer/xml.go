package proxy_balancer

import (
	"bytes"
	"fmt"
	"strconv"

	"sallyport/internal/live"
	"sallyport/internal/manager"
	"sallyport/internal/page"
	"sallyport/internal/workerconf"
)

// xml is the answer to ?xml=1: httpd's elements in httpd's order.
//
// Unlike httpd: acquire, ping and connectiontimeout are whole milliseconds.
// There only the part below a second is printed, so that most values read 0.
func (s *site) xml(list []manager.Status) []byte {
	var buf bytes.Buffer
	p := func(indent int, name string, value any) {
		text := page.Escape(fmt.Sprint(value))
		fmt.Fprintf(&buf, "%*s<httpd:%s>%s</httpd:%s>\n", indent, "", name, text, name)
	}
	buf.WriteString("<?xml version='1.0' encoding='UTF-8' ?>\n<httpd:manager xmlns:httpd='http://httpd.apache.org'>\n  <httpd:balancers>\n")
	for i := range list {
		b := &list[i]
		set := &b.Settings
		buf.WriteString("    <httpd:balancer>\n")
		p(6, "name", b.Name)
		p(6, "nonce", b.Nonce)
		sticky := set.Sticky.V.Cookie != ""
		if sticky {
			p(6, "stickysession", set.Sticky.V.Cookie)
			p(6, "nofailover", onOff(set.NoFailover.V))
		}
		p(6, "timeout", plainSeconds(set.Timeout.V))
		if set.MaxAttempts.Is || len(b.Members) > 1 {
			p(6, "maxattempts", attempts(b))
		}
		p(6, "lbmethod", b.Method)
		if sticky {
			p(6, "scolonpathdelim", onOff(set.Semicolon.V))
		}
		buf.WriteString("      <httpd:workers>\n")
		for k := range b.Members {
			writeMemberXML(p, &buf, &b.Members[k])
		}
		buf.WriteString("      </httpd:workers>\n    </httpd:balancer>\n")
	}
	buf.WriteString("  </httpd:balancers>\n</httpd:manager>")
	return buf.Bytes()
}

func writeMemberXML(print func(int, string, any), buf *bytes.Buffer, m *manager.MemberStatus) {
	c := &m.Conf
	p := func(name string, value any) { print(10, name, value) }
	factor := strconv.FormatFloat(float64(m.Factor)/100, 'f', 2, 64)
	port := m.Port
	if port == "" {
		port = map[string]string{"https": "443", "wss": "443", "ajp": "8009", "fcgi": "8000", "scgi": "4000"}[m.Scheme]
		if port == "" {
			port = "80"
		}
	}
	buf.WriteString("        <httpd:worker>\n")
	p("name", m.URL)
	p("scheme", m.Scheme)
	p("hostname", m.Host)
	p("loadfactor", factor)
	p("port", port)
	p("min", c.Min.V)
	p("smax", c.SMax.Or(c.Max.V))
	p("max", c.Max.V)
	p("ttl", plainSeconds(c.TTL.V))
	if c.Timeout.Is {
		p("timeout", plainSeconds(c.Timeout.V))
	}
	if c.Acquire.Is {
		p("acquire", c.Acquire.V.Milliseconds())
	}
	if c.ReceiveBufferSize.V != 0 {
		p("recv_buffer_size", c.ReceiveBufferSize.V)
	}
	if c.IOBufferSize.Is {
		p("io_buffer_size", c.IOBufferSize.V)
	}
	if c.TCPKeepAlive.Is {
		p("keepalive", onOff(c.TCPKeepAlive.V))
	}
	p("status", m.Flags.String())
	if m.Flags&live.InError != 0 && !m.ErrorAt.IsZero() {
		p("error_time", m.ErrorAt.UTC().Format(httpTime))
	}
	p("retries", m.Retries)
	p("lbstatus", m.LBStatus)
	p("loadfactor", factor)
	p("transferred", m.Transferred)
	p("read", m.Read)
	p("elected", m.Elected)
	p("route", m.Route)
	p("redirect", m.Redirect)
	p("busy", m.Load.Busy)
	p("lbset", m.LBSet)
	if m.Scheme == "ajp" {
		p("flushpackets", [...]string{"Off", "On", "Auto"}[c.FlushPackets.V])
		if c.FlushPackets.V == workerconf.FlushAuto {
			p("flushwait", c.FlushWait.Or(workerconf.DefaultFlushWait).Microseconds())
		}
		if c.Ping.Is {
			p("ping", c.Ping.V.Milliseconds())
		}
	}
	if c.DisableReuse.Is {
		p("disablereuse", onOff(c.DisableReuse.V))
	}
	if c.ConnectTimeout.Is {
		p("connectiontimeout", c.ConnectTimeout.V.Milliseconds())
	}
	if c.Retry.Is {
		p("retry", plainSeconds(c.Retry.V))
	}
	buf.WriteString("        </httpd:worker>\n")
}

const httpTime = "Mon, 02 Jan 2006 15:04:05 GMT"
