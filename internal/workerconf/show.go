package workerconf

import (
	"strconv"
	"strings"
	"time"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/live"
)

// EditableFlags are the letters of status= that can be changed while running,
// each a parameter of its own: "status.D".
const EditableFlags = "INDHRSC"

// FlagName is the name under which a flag of status= is edited.
func FlagName(letter byte) string { return "status." + string(rune(letter)) }

// Text spells the parameter of that name (lower case) as a configuration would,
// in one spelling for equal values; set is false where it was not given.
// "status.D" and its like tell one flag, On or Off. known is false for a name
// that is not in WorkerParams.
func (w *Worker) Text(name string) (text string, set, known bool) {
	s := w.look(name)
	return s.text, s.set, s.known
}

// spelling is what Text and Place tell.
type spelling struct {
	text       string
	set, known bool
	at         diag.Position
}

func (w *Worker) look(name string) spelling {
	if flag, ok := strings.CutPrefix(name, "status."); ok {
		f := live.FlagOf(flag[0])
		if len(flag) != 1 || f == 0 {
			return spelling{}
		}
		st := w.Status.V
		switch {
		case st.On&f != 0:
			return spelling{"On", true, true, w.Status.Pos}
		case st.Off&f != 0:
			return spelling{"Off", true, true, w.Status.Pos}
		}
		return spelling{text: "Off", known: true}
	}
	switch name {
	case "loadfactor":
		return show(w.LoadFactor, Factor)
	case "lbset":
		return show(w.LBSet, strconv.Itoa)
	case "route":
		return show(w.Route, same)
	case "redirect":
		return show(w.Redirect, same)
	case "status":
		return show(w.Status, func(s Status) string {
			text := ""
			if s.On != 0 {
				text = "+" + s.On.Letters()
			}
			if s.Off != 0 {
				text += "-" + s.Off.Letters()
			}
			return text
		})
	case "retry":
		return show(w.Retry, seconds)
	case "timeout":
		return show(w.Timeout, seconds)
	case "connectiontimeout":
		return show(w.ConnectTimeout, seconds)
	case "ping":
		return show(w.Ping, seconds)
	case "acquire":
		return show(w.Acquire, milliseconds)
	case "min":
		return show(w.Min, strconv.Itoa)
	case "smax":
		return show(w.SMax, strconv.Itoa)
	case "max":
		return show(w.Max, strconv.Itoa)
	case "ttl":
		return show(w.TTL, seconds)
	case "maxconn":
		return show(w.MaxConn, strconv.Itoa)
	case "slowstart":
		return show(w.SlowStart, seconds)
	case "expand":
		return show(w.Expand, onOffText)
	case "disablereuse":
		return show(w.DisableReuse, onOffText)
	case "enablereuse":
		return show(w.DisableReuse, func(v bool) string { return onOffText(!v) })
	case "addressttl":
		return show(w.AddressTTL, func(d time.Duration) string {
			if d < 0 {
				return "-1"
			}
			return seconds(d)
		})
	case "keepalive":
		return show(w.TCPKeepAlive, onOffText)
	case "iobuffersize":
		return show(w.IOBufferSize, strconv.Itoa)
	case "receivebuffersize":
		return show(w.ReceiveBufferSize, strconv.Itoa)
	case "responsefieldsize":
		return show(w.ResponseFieldSize, strconv.Itoa)
	case "flushpackets":
		return show(w.FlushPackets, func(f Flush) string { return [...]string{"off", "on", "auto"}[f] })
	case "flushwait":
		return show(w.FlushWait, milliseconds)
	case "upgrade":
		return show(w.Upgrade, func(s string) string {
			if s == "*" {
				return "ANY"
			}
			return s
		})
	case "protocols":
		return show(w.Protocols, same)
	case "proxyprotocol":
		return show(w.ProxyProtocol, func(v int) string { return [...]string{"off", "v1", "v2"}[v] })
	case "secret":
		return show(w.Secret, same)
	case "flusher":
		return show(w.Flusher, same)
	case "hcmethod":
		return show(w.Health.Method, same)
	case "hcinterval":
		return show(w.Health.Interval, seconds)
	case "hcpasses":
		return show(w.Health.Passes, strconv.Itoa)
	case "hcfails":
		return show(w.Health.Fails, strconv.Itoa)
	case "hcuri":
		return show(w.Health.URI, same)
	case "hcexpr":
		return show(w.Health.Expr, same)
	case "hctimeout":
		return show(w.Health.Timeout, seconds)
	case "hcfastinterval":
		return show(w.Health.Fast, seconds)
	case "hcjitter":
		return show(w.Health.Jitter, func(n int) string {
			if n == 0 {
				return "Off"
			}
			return strconv.Itoa(n)
		})
	case "hchost":
		return show(w.Health.Host, same)
	case "hcport":
		return show(w.Health.Port, strconv.Itoa)
	case "hcheader":
		return show(w.Health.Header, same)
	case "hcbody":
		return show(w.Health.Body, same)
	case "hcexpect":
		return show(w.Health.Expect, same)
	case "hcmandatory":
		return show(w.Health.Mandatory, onOffText)
	case "hcslowstart":
		return show(w.Health.SlowStart, seconds)
	case "hcagent":
		return show(w.Health.Agent, onOffText)
	case "hctemplate":
		return spelling{known: true} // it stands for the others
	}
	return spelling{}
}

// Text spells a balancer's parameter; see Worker.Text.
func (b *Balancer) Text(name string) (text string, set, known bool) {
	s := b.look(name)
	return s.text, s.set, s.known
}

// Place is where a parameter was set; zero where that is not known.
func (b *Balancer) Place(name string) diag.Position { return b.look(name).at }

func (b *Balancer) look(name string) spelling {
	switch name {
	case "lbmethod":
		return show(b.Method, same)
	case "stickysession":
		return show(b.Sticky, func(s Sticky) string {
			if s.Cookie == s.Path {
				return s.Cookie
			}
			return s.Cookie + "|" + s.Path
		})
	case "stickysessionsep":
		return show(b.Separator, func(c byte) string {
			if c == 0 {
				return "Off"
			}
			return string([]byte{c})
		})
	case "scolonpathdelim":
		return show(b.Semicolon, onOffText)
	case "nofailover":
		return show(b.NoFailover, onOffText)
	case "timeout":
		return show(b.Timeout, seconds)
	case "maxattempts":
		return show(b.MaxAttempts, strconv.Itoa)
	case "failonstatus":
		words := make([]string, len(b.FailOnStatus))
		for i, code := range b.FailOnStatus {
			words[i] = strconv.Itoa(code)
		}
		return spelling{text: strings.Join(words, ","), set: len(words) > 0, known: true}
	case "failontimeout":
		return show(b.FailOnTimeout, onOffText)
	case "forcerecovery":
		return show(b.ForceRecovery, onOffText)
	case "growth":
		return show(b.Growth, strconv.Itoa)
	case "nonce":
		return show(b.Nonce, func(s string) string {
			if s == "" {
				return "None"
			}
			return s
		})
	case "queue":
		return show(b.Queue, strconv.Itoa)
	case "retries":
		return show(b.Retries, strconv.Itoa)
	case "eject":
		return show(b.Eject, func(n int) string {
			if n == 0 {
				return "Off"
			}
			return strconv.Itoa(n)
		})
	case "key":
		return show(b.Key, Key.String)
	case "stickycookie":
		return show(b.StickyCookie, same)
	case "stickyttl":
		return show(b.StickyTTL, seconds)
	case "stickysecret":
		return show(b.StickySecret, same)
	}
	if strings.HasPrefix(name, "hc") {
		return (&Worker{Health: b.Health}).look(name)
	}
	return spelling{}
}

func show[T any](o conf.Opt[T], text func(T) string) spelling {
	if !o.Is {
		return spelling{known: true}
	}
	return spelling{text(o.V), true, true, o.Pos}
}

func same(s string) string { return s }

func onOffText(v bool) string {
	if v {
		return "On"
	}
	return "Off"
}

// Factor spells hundredths: "1", "2.5".
func Factor(hundredths int) string {
	return strconv.FormatFloat(float64(hundredths)/100, 'f', -1, 64)
}

// seconds spells a time for a parameter whose bare numbers are seconds.
func seconds(d time.Duration) string {
	if d%time.Second == 0 {
		return strconv.FormatInt(int64(d/time.Second), 10)
	}
	return strconv.FormatInt(int64(d/time.Millisecond), 10) + "ms"
}

// milliseconds spells one for a parameter whose bare numbers are milliseconds.
func milliseconds(d time.Duration) string {
	return strconv.FormatInt(int64(d/time.Millisecond), 10)
}

// String spells the key as key= does.
func (k Key) String() string {
	var b strings.Builder
	for _, it := range k.Items {
		switch {
		case it.Kind == 0:
			b.WriteString(it.Name)
		case it.Name != "":
			b.WriteString("%{" + it.Name + "}" + string(rune(it.Kind)))
		default:
			b.WriteString("%" + string(rune(it.Kind)))
		}
	}
	return b.String()
}
