package file

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"sallyport/internal/cluster"
	"sallyport/internal/conf/syntax"
	"sallyport/internal/live"
)

const (
	opening = "# Edits of balancers that were made while Sallyport ran (BalancerPersist On)."
	preface = `# At every start they are laid over the configuration. Sallyport writes this file
# anew with every edit. To change it by hand, remove its last line, and reload
# Sallyport (or change it while Sallyport is stopped).
`
	format  = "#: format 1 revision "
	history = "# History, the oldest first; changes to these lines change nothing that holds."
	sumLine = "#: sum "
)

// maxHistory bounds the history, in bytes; older changes are left out.
const maxHistory = 1 << 20

// print makes the text of a state.
func print(s cluster.State) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n%s%s%d\n", opening, preface, format, s.Overlay.Rev())
	server := ""
	for _, key := range s.Overlay.Keys() {
		if key.Server != server {
			if server != "" {
				b.WriteString("</VirtualHost>\n")
			}
			server = key.Server
			fmt.Fprintf(&b, "\n<VirtualHost %s>", quote(server))
		}
		fmt.Fprintf(&b, "\n<Proxy %s>\n", quote("balancer://"+key.Name))
		printBalancer(&b, s.Overlay.Balancers[key])
		b.WriteString("</Proxy>\n")
	}
	if server != "" {
		b.WriteString("</VirtualHost>\n")
	}
	b.WriteString("\n" + history + "\n")
	lines := make([][]byte, 0, len(s.History))
	size := 0
	for i := len(s.History) - 1; i >= 0; i-- {
		line, err := json.Marshal(&s.History[i])
		if size += len(line); err != nil || size > maxHistory {
			break
		}
		lines = append(lines, line)
	}
	for _, line := range slices.Backward(lines) {
		b.WriteString("#- ")
		b.Write(line)
		b.WriteByte('\n')
	}
	sum := sha256.Sum256(b.Bytes())
	b.WriteString(sumLine + hex.EncodeToString(sum[:]) + "\n")
	return b.Bytes()
}

// printBalancer prints what was edited of one balancer: a stanza for each
// target and revision.
func printBalancer(b *bytes.Buffer, e *cluster.Balancer) {
	stanzas(b, "", "ProxySet", cluster.Mark{}, e.Params)
	for _, url := range e.URLs() {
		m := e.Members[url]
		line := "BalancerMember " + quote(url)
		if m.Removed.Revision != 0 {
			printMark(b, "removed", m.Removed)
			b.WriteString("    " + line + "\n")
		}
		how := ""
		if m.Added.Revision != 0 {
			how = "added"
		}
		stanzas(b, how, line, m.Added, m.Params)
	}
}

func stanzas(b *bytes.Buffer, how, line string, first cluster.Mark, params map[string]cluster.Value) {
	by := map[cluster.Revision][]string{}
	marks := map[cluster.Revision]cluster.Mark{}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		v := params[name]
		by[v.Revision] = append(by[v.Revision], name)
		marks[v.Revision] = v.Mark
	}
	if how != "" {
		marks[first.Revision] = first
	}
	for _, r := range slices.Sorted(maps.Keys(marks)) {
		h := ""
		if r == first.Revision {
			h = how
		}
		printMark(b, h, marks[r])
		was, now := "", ""
		for _, name := range by[r] {
			v := params[name]
			if v.Base.Is {
				was += words(v.Base.V, func(line string) string { return name + "=" + line })
			} else {
				was += " " + quote(name)
			}
			now += words(v.Text, func(line string) string { return spell(name, line) })
		}
		if was != "" {
			b.WriteString("    #: was" + was + "\n")
		}
		b.WriteString("    " + line + now + "\n")
	}
}

func printMark(b *bytes.Buffer, how string, m cluster.Mark) {
	fmt.Fprintf(b, "    #: %d %s", m.Revision, m.At.UTC().Format(time.RFC3339Nano))
	for _, pair := range [][2]string{{"user", m.By.User}, {"client", m.By.Client}, {"reason", m.By.Reason}} {
		if pair[1] != "" {
			b.WriteString(" " + quote(pair[0]+"="+pair[1]))
		}
	}
	if how != "" {
		b.WriteString(" " + how)
	}
	b.WriteByte('\n')
}

// words writes one word for each line of a value: parameters that may come
// several times have several.
func words(value string, spell func(line string) string) (out string) {
	for line := range strings.SplitSeq(value, "\n") {
		out += " " + quote(spell(line))
	}
	return out
}

// spell writes a parameter as the configuration does: a flag as status=.
func spell(name, value string) string {
	if flag, ok := strings.CutPrefix(name, "status."); ok {
		if value == "On" {
			return "status=+" + flag
		}
		return "status=-" + flag
	}
	return name + "=" + value
}

// quote makes one word of s. Control characters, which may be in a user's name
// and would end the line, become question marks.
func quote(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
	if s != "" && !strings.ContainsAny(s, " \t\"'\\#<>") {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// Error says where a file is wrong.
type Error struct {
	Line     int
	Text     string
	Expected string
}

func (e *Error) Error() string {
	s := fmt.Sprintf("line %d: %s", e.Line, e.Text)
	if e.Expected != "" {
		s += "; expected " + e.Expected
	}
	return s
}

// parse reads what print wrote, or what a person made of it.
func parse(text []byte) (cluster.State, error) {
	p := &parser{state: cluster.State{Overlay: &cluster.Overlay{Balancers: map[live.BalancerKey]*cluster.Balancer{}}}}
	if i := bytes.LastIndex(text, []byte("\n"+sumLine)); i >= 0 {
		sum := sha256.Sum256(text[:i+1])
		if want := strings.TrimSpace(string(text[i+1+len(sumLine):])); want != hex.EncodeToString(sum[:]) {
			return p.state, &Error{bytes.Count(text[:i+1], []byte("\n")) + 1,
				"the sum does not fit the lines above: the file is damaged, or was changed by hand",
				"no such line, if the change is meant"}
		}
		text = text[:i+1]
	} else if len(text) == 0 || text[len(text)-1] != '\n' {
		return p.state, &Error{bytes.Count(text, []byte("\n")) + 1, "the file was cut short", "a whole last line"}
	}
	for line := range bytes.Lines(text) {
		p.n++
		if err := p.line(strings.TrimSpace(string(line))); err != nil {
			return p.state, err
		}
	}
	switch {
	case !p.headed:
		return p.state, p.bad("this is no file of edits", format+"N")
	case p.balancer != nil || p.inHost:
		return p.state, p.bad("a section is not closed", "</Proxy>")
	}
	return p.state, nil
}

type parser struct {
	n        int
	state    cluster.State
	headed   bool
	inHost   bool
	server   string
	key      live.BalancerKey
	balancer *cluster.Balancer
	// Of the stanza that has begun.
	mark *cluster.Mark
	how  string
	was  map[string]cluster.Text
}

func (p *parser) bad(text, expected string) error { return &Error{p.n, text, expected} }

func (p *parser) line(s string) error {
	switch {
	case strings.HasPrefix(s, format):
		n, err := strconv.ParseUint(s[len(format):], 10, 63)
		if err != nil || p.headed {
			return p.bad("the heading is malformed", format+"N, once")
		}
		p.headed = true
		p.state.Overlay.Revision = cluster.Revision(n)
		return nil
	case strings.HasPrefix(s, "#: was"):
		return p.before(syntax.Words(s[len("#: was"):]))
	case strings.HasPrefix(s, "#: "):
		return p.by(syntax.Words(s[len("#: "):]))
	case strings.HasPrefix(s, "#- "):
		var c cluster.Change
		if err := json.Unmarshal([]byte(s[3:]), &c); err != nil {
			return p.bad("this line of the history can't be read: "+err.Error(), "")
		}
		if n := len(p.state.History); n > 0 && c.Revision <= p.state.History[n-1].Revision {
			return p.bad("the history is not in order", "")
		}
		p.state.History = append(p.state.History, c)
		return nil
	case s == "" || s[0] == '#':
		return nil
	case s[0] == '<':
		return p.section(s)
	}
	return p.directive(syntax.Words(s))
}

func (p *parser) section(s string) error {
	words := syntax.Words(strings.TrimSuffix(s, ">"))
	switch name := strings.ToLower(words[0]); {
	case name == "</proxy" && p.balancer != nil && p.mark == nil:
		p.balancer = nil
	case name == "</virtualhost" && p.inHost && p.balancer == nil:
		p.inHost, p.server = false, ""
	case name == "<virtualhost" && len(words) == 2 && !p.inHost && p.balancer == nil:
		p.inHost, p.server = true, words[1]
	case name == "<proxy" && len(words) == 2 && p.balancer == nil && strings.HasPrefix(words[1], "balancer://"):
		p.key = live.BalancerKey{Server: p.server, Name: words[1][len("balancer://"):]}
		if p.state.Overlay.Balancers[p.key] != nil {
			return p.bad("this balancer stands further up already", "")
		}
		p.balancer = &cluster.Balancer{Params: map[string]cluster.Value{}, Members: map[string]*cluster.Member{}}
		p.state.Overlay.Balancers[p.key] = p.balancer
	default:
		return p.bad(s+" has no place here", `<Proxy "balancer://name"> and its end, within <VirtualHost "its key"> where it is one's own`)
	}
	return nil
}

// by begins a stanza.
func (p *parser) by(words []string) error {
	const expected = "#: REVISION TIME [user=…] [client=…] [reason=…] [added|removed], below <Proxy>"
	if p.balancer == nil || p.mark != nil || len(words) < 2 {
		return p.bad("this line has no place here", expected)
	}
	n, err := strconv.ParseUint(words[0], 10, 63)
	at, terr := time.Parse(time.RFC3339Nano, words[1])
	if err != nil || terr != nil || cluster.Revision(n) > p.state.Overlay.Revision {
		return p.bad("revision or time is malformed", expected)
	}
	m := &cluster.Mark{Revision: cluster.Revision(n), At: at}
	p.how, p.was = "", map[string]cluster.Text{}
	for _, w := range words[2:] {
		name, value, pair := strings.Cut(w, "=")
		switch {
		case pair && name == "user":
			m.By.User = value
		case pair && name == "client":
			m.By.Client = value
		case pair && name == "reason":
			m.By.Reason = value
		case !pair && (w == "added" || w == "removed"):
			p.how = w
		default:
			return p.bad(w+" has no meaning here", expected)
		}
	}
	p.mark = m
	return nil
}

func (p *parser) before(words []string) error {
	if p.mark == nil {
		return p.bad("this line has no place here", "a line with revision and time above it")
	}
	for _, w := range words {
		name, value, set := strings.Cut(w, "=")
		if before, twice := p.was[name]; twice {
			value = before.V + "\n" + value
		}
		p.was[name] = cluster.Text{V: value, Is: set}
	}
	return nil
}

func (p *parser) directive(words []string) error {
	name := strings.ToLower(words[0])
	if p.mark == nil || p.balancer == nil {
		return p.bad(words[0]+" has no place here", "a line with revision and time above it")
	}
	mark := *p.mark
	p.mark = nil
	p.balancer.Last = max(p.balancer.Last, mark.Revision)
	params := p.balancer.Params
	rest := words[1:]
	switch {
	case name == "balancermember" && len(rest) > 0:
		m := p.balancer.Members[rest[0]]
		if m == nil {
			m = &cluster.Member{Params: map[string]cluster.Value{}}
			p.balancer.Members[rest[0]] = m
		}
		switch p.how {
		case "added":
			m.Added = mark
		case "removed":
			m.Removed = mark
		}
		params, rest = m.Params, rest[1:]
	case name == "proxyset" && p.how == "":
	default:
		return p.bad(words[0]+" has no place here", "BalancerMember or ProxySet")
	}
	for _, w := range rest {
		key, value, pair := strings.Cut(w, "=")
		if !pair {
			return p.bad(w+" is no parameter", "key=value")
		}
		if key == "status" {
			if len(value) != 2 || value[0] != '+' && value[0] != '-' || value[1] < 'A' || value[1] > 'Z' {
				return p.bad(w+" is not one flag", "status=+D or status=-D")
			}
			key = "status." + value[1:]
			value = map[byte]string{'+': "On", '-': "Off"}[value[0]]
		}
		if before, twice := params[key]; twice && before.Revision == mark.Revision {
			value = before.Text + "\n" + value
		}
		params[key] = cluster.Value{Text: value, Base: p.was[key], Mark: mark}
	}
	return nil
}
