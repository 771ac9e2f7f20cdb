package workerconf

import (
	"math"
	"strconv"
	"strings"
	"time"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
)

// Balancer is what a configuration says about one balancer, apart from its
// members.
type Balancer struct {
	Method     conf.Opt[string] // lbmethod; default DefaultMethod
	Sticky     conf.Opt[Sticky] // stickysession
	Separator  conf.Opt[byte]   // stickysessionsep; 0: Off; default '.'
	Semicolon  conf.Opt[bool]   // scolonpathdelim
	NoFailover conf.Opt[bool]
	// Timeout is how long a request waits for a usable member.
	Timeout conf.Opt[time.Duration]
	// MaxAttempts counts further tries after the first; unset: members - 1.
	MaxAttempts   conf.Opt[int]
	FailOnStatus  []int // in the order written
	FailOnTimeout conf.Opt[bool]
	ForceRecovery conf.Opt[bool] // default true
	Growth        conf.Opt[int]
	Nonce         conf.Opt[string] // "": None

	// What httpd lacks.
	Queue        conf.Opt[int]
	Retries      conf.Opt[int]
	Eject        conf.Opt[int] // per cent of errors; 0: Off
	Key          conf.Opt[Key]
	StickyCookie conf.Opt[string]
	StickyTTL    conf.Opt[time.Duration]
	StickySecret conf.Opt[string]
	Health       Health // of all members
}

// Sticky names the session's cookie and its URL parameter.
type Sticky struct{ Cookie, Path string }

// DefaultWait is timeout= for a balancer that has a queue= and no timeout=.
const DefaultWait = 5 * time.Second

// DefaultStickyTTL is stickyttl= where it is not given.
const DefaultStickyTTL = 24 * time.Hour

// DefaultMethod is the lbmethod of a balancer that names none.
const DefaultMethod = "byrequests"

// Over lays b over outer: the virtual host's settings over the main server's.
// The lists of failonstatus are joined, as httpd joins them.
func (b *Balancer) Over(outer *Balancer) *Balancer {
	if outer == nil {
		return b
	}
	out := conf.Overlay(outer, b)
	out.Health = b.Health.Under(&outer.Health)
	return out
}

// BalancerParams is the table of all parameters of a balancer.
var BalancerParams = []Param{
	{Name: "lbmethod", Kind: "name", Default: DefaultMethod, Range: "a loaded lbmethod module",
		Help:     "how the member for a request is chosen",
		balancer: in(func(b *Balancer) *conf.Opt[string] { return &b.Method }, text(readMethod))},
	{Name: "stickysession", Kind: "text", Range: "COOKIE or COOKIE|parameter",
		Help:     "cookie and URL parameter that carry a client's session and route",
		balancer: in(func(b *Balancer) *conf.Opt[Sticky] { return &b.Sticky }, kind[Sticky]{readSticky, Sticky.String})},
	{Name: "stickysessionsep", Kind: "character", Default: ".", Range: "one character, or Off",
		Help:     "what stands between session and route; Off: the whole value is the route",
		balancer: in(func(b *Balancer) *conf.Opt[byte] { return &b.Separator }, kind[byte]{readSeparator, showSeparator})},
	{Name: "scolonpathdelim", Kind: "On|Off", Default: "Off",
		Help:     "a semicolon ends the session's value in a URL too",
		balancer: in(func(b *Balancer) *conf.Opt[bool] { return &b.Semicolon }, flag(false, "scolonpathdelim must be On|Off"))},
	{Name: "nofailover", Kind: "On|Off", Default: "Off",
		Help:     "a session whose member is unusable gets 503 instead of another member",
		balancer: in(func(b *Balancer) *conf.Opt[bool] { return &b.NoFailover }, flag(false, "failover must be On|Off"))},
	{Name: "timeout", Kind: "interval", Unit: "s", Default: "0", Range: "more than 0",
		Help: "how long a request waits for a usable member",
		balancer: in(func(b *Balancer) *conf.Opt[time.Duration] { return &b.Timeout }, loose(time.Second, time.Millisecond, anyTime,
			"timeout must be at least one second", "a time such as 5 or 500ms"))},
	{Name: "maxattempts", Kind: "integer", Default: "members - 1", Range: "0 or more",
		Help:     "further members tried after the first has failed",
		balancer: in(func(b *Balancer) *conf.Opt[int] { return &b.MaxAttempts }, whole(0, math.MaxInt32, "maximum number of attempts must be a positive number"))},
	{Name: "failonstatus", Kind: "list", Range: "status codes from 100 to 599",
		Help:     "responses with one of these codes put the member into error",
		balancer: field[Balancer]{setFailOnStatus, lookFailOnStatus}},
	{Name: "failontimeout", Kind: "On|Off", Default: "Off",
		Help:     "a member that does not answer in time is put into error",
		balancer: in(func(b *Balancer) *conf.Opt[bool] { return &b.FailOnTimeout }, flag(false, "failontimeout must be On|Off"))},
	{Name: "forcerecovery", Kind: "On|Off", Default: "On",
		Help:     "when all members are in error, try them again at once",
		balancer: in(func(b *Balancer) *conf.Opt[bool] { return &b.ForceRecovery }, flag(false, "forcerecovery must be On|Off"))},
	{Name: "growth", Kind: "integer", Default: "BalancerGrowth", Range: "1..100",
		Help:     "members that may be added while running",
		balancer: in(func(b *Balancer) *conf.Opt[int] { return &b.Growth }, whole(1, 100, "growth must be between 1 and 100"))},
	{Name: "nonce", Kind: "text", Default: "random", Range: "at most 36 characters, or None",
		Help:     "word that must come with changes made in the balancer-manager",
		balancer: in(func(b *Balancer) *conf.Opt[string] { return &b.Nonce }, kind[string]{readNonce, showNonce})},
	{Name: "queue", Kind: "integer", Default: "no limit", Range: "1 or more",
		Help:     "requests that may wait for a member at a time, first come first served, for timeout= at most (not in httpd)",
		balancer: in(func(b *Balancer) *conf.Opt[int] { return &b.Queue }, whole(1, math.MaxInt32, "queue must be at least 1"))},
	{Name: "retries", Kind: "integer", Default: "0", Range: "0..10",
		Help:     "how often a safe request is sent again after a broken reply (not in httpd)",
		balancer: in(func(b *Balancer) *conf.Opt[int] { return &b.Retries }, whole(0, 10, "retries must be between 0 and 10"))},
	{Name: "eject", Kind: "percentage", Default: "Off", Range: "1..100, On (50) or Off",
		Help:     "share of errors at which a member is taken out for a while, if the others have less than half of it (not in httpd)",
		balancer: in(func(b *Balancer) *conf.Opt[int] { return &b.Eject }, percentage(50, 100, "eject must be On, Off or a percentage"))},
	{Name: "key", Kind: "format", Default: "%a", Range: "items of LogFormat: %a %{X}i %{X}C %{X}e %U %q %m %V",
		Help: "what lbmethod=byhash goes by (not in httpd)",
		balancer: in(func(b *Balancer) *conf.Opt[Key] { return &b.Key }, kind[Key]{
			func(_ *Known, s setting, _ Key) (Key, error) { return ParseKey(s.text) }, Key.String})},
	{Name: "stickycookie", Kind: "text", Range: "the name of a cookie",
		Help:     "a signed session cookie that the balancer sets itself (not in httpd)",
		balancer: in(func(b *Balancer) *conf.Opt[string] { return &b.StickyCookie }, text(readCookieName))},
	{Name: "stickyttl", Kind: "interval", Unit: "s", Default: "86400", Range: "1s or more",
		Help: "how long a stickycookie is believed; it is renewed after half of it (not in httpd)",
		balancer: in(func(b *Balancer) *conf.Opt[time.Duration] { return &b.StickyTTL }, atLeast(time.Second, time.Second,
			"stickyttl must be at least one second", "stickyttl must be at least one second", "a time such as 3600 or 8h"))},
	{Name: "stickysecret", Kind: "text", Default: "random at start", Range: "16 characters or more",
		Help:     "signs stickycookie; the same on every node that shares the clients (not in httpd)",
		balancer: in(func(b *Balancer) *conf.Opt[string] { return &b.StickySecret }, text(readSecret))},
}

func readMethod(k *Known, s setting) (string, error) {
	if k.Method != nil && !k.Method(s.text) {
		return "", &diag.Err{
			Text:     "unknown lbmethod",
			Expected: "the name of a loaded lbmethod module, such as byrequests",
			Hint:     methodHint(k, s.text),
		}
	}
	return s.text, nil
}

func readSticky(_ *Known, s setting, _ Sticky) (Sticky, error) {
	cookie, path, two := strings.Cut(s.text, "|")
	if !two {
		path = cookie
	} else if cookie == "" {
		s.add("stickysession without a cookie name means no sticky sessions, as in httpd")
	}
	return Sticky{cookie, path}, nil
}

// String spells the names as stickysession= does.
func (s Sticky) String() string {
	if s.Cookie == s.Path {
		return s.Cookie
	}
	return s.Cookie + "|" + s.Path
}

func readSeparator(_ *Known, s setting, _ byte) (byte, error) {
	switch {
	case len(s.text) == 1:
		return s.text[0], nil
	case strings.EqualFold(s.text, "off"):
		return 0, nil
	}
	return 0, bad("stickysessionsep must be a single character or Off", "one character, or Off")
}

func showSeparator(c byte) string {
	if c == 0 {
		return "Off"
	}
	return string([]byte{c})
}

func readNonce(_ *Known, s setting, _ string) (string, error) {
	switch {
	case strings.EqualFold(s.text, "None"):
		return "", nil
	case len(s.text) > 36:
		return "", bad("Provided nonce is too large", "at most 36 characters")
	}
	return s.text, nil
}

func showNonce(s string) string {
	if s == "" {
		return "None"
	}
	return s
}

func readCookieName(_ *Known, s setting) (string, error) {
	if s.text == "" || strings.IndexFunc(s.text, notToken) >= 0 {
		return "", bad("stickycookie must be the name of a cookie", "letters, digits, - and _")
	}
	return s.text, nil
}

func readSecret(_ *Known, s setting) (string, error) {
	if len(s.text) < 16 {
		return "", bad("stickysecret must have 16 characters or more", "a long random word")
	}
	return s.text, nil
}

func setFailOnStatus(b *Balancer, _ *Known, s setting) error {
	var codes []int
	for _, f := range strings.FieldsFunc(s.text, func(r rune) bool { return r == ',' || r == ' ' }) {
		code, note := integer(f)
		if code < 100 || code > 599 {
			return bad("failonstatus must be one or more HTTP response codes", "codes from 100 to 599, joined by commas")
		}
		s.add(note)
		codes = append(codes, code)
	}
	b.FailOnStatus = codes // a second failonstatus replaces the first
	return nil
}

func lookFailOnStatus(b *Balancer) spelling {
	words := make([]string, len(b.FailOnStatus))
	for i, code := range b.FailOnStatus {
		words[i] = strconv.Itoa(code)
	}
	return spelling{text: strings.Join(words, ","), set: len(words) > 0, known: true}
}
