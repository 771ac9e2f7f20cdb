package ssl

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/exchange"
	"sallyport/internal/module"
	"sallyport/internal/modules/core"
	"sallyport/internal/tickets"
	"sallyport/internal/tlsconf"
)

// builder makes the TLS of all servers of one configuration.
type builder struct {
	b       *module.Build
	read    func(string) ([]byte, error)
	now     time.Time
	holders []*holder
	said    map[string]bool // warnings, each once
	front   []*front
	cas     []*source[*x509.Certificate]
	crls    []*source[*tlsconf.CRL]
	secrets secrets
}

// front is the TLS of one server on its way.
type front struct {
	sb      *module.ServerBuild
	s       *serverConf
	d       *dirConf
	auth    *clientAuth
	holders []*holder
	names   []*tlsconf.List[*x509.Certificate] // told to clients that are asked for a certificate
	tls     *exchange.ServerTLS
}

func compile(b *module.Build) func(*module.Plan) {
	checkProxy(b)
	bd := &builder{b: b, read: readerOf(b), now: time.Now(), said: map[string]bool{}}
	if b.Env.Now != nil {
		bd.now = b.Env.Now()
	}
	if main := server.Of(b.Servers[0].Conf); main != nil {
		bd.secrets.dialog = main.Dialog.V
	}
	if bd.secrets.known = b.Env.Secrets; bd.secrets.known == nil {
		bd.secrets.known = new(module.Secrets)
	}
	defer bd.secrets.close()
	auths := make([]*clientAuth, len(b.Servers))
	policy := sniSecure
	if main := server.Of(b.Servers[0].Conf); main != nil {
		policy = main.SNIPolicy.V
	}
	any := false
	for i, sb := range b.Servers {
		f := &front{sb: sb, s: server.Of(sb.Conf), d: dir.Of(sb.Dir)}
		if f.s == nil {
			f.s = new(serverConf)
		}
		if f.d == nil {
			f.d = new(dirConf)
		}
		if !bd.on(f) {
			continue
		}
		any = true
		bd.build(f)
		auths[i] = f.auth
		bd.front = append(bd.front, f)
	}
	bd.mixed()
	bd.open()
	return func(p *module.Plan) { furnish(p, auths[p.Server.Server.Index], policy, any) }
}

// mixed warns of addresses whose virtual hosts do not agree about TLS: the
// first one decides for all.
func (bd *builder) mixed() {
	first := map[string]*module.ServerBuild{}
	for _, sb := range bd.b.Servers[1:] {
		for _, word := range sb.Source.Addrs {
			def := first[word]
			switch {
			case def == nil:
				first[word] = sb
			case def.Server.TLS != nil && sb.Server.TLS == nil:
				bd.warn(sb.Source.Pos, fmt.Sprintf("%s has TLS by the rules of %s, the first virtual host of %s, and none of its own", sb.Server.Name, def.Server.Name, word), "SSLEngine on is missing")
			case def.Server.TLS == nil && sb.Server.TLS != nil:
				bd.warn(sb.Source.Pos, fmt.Sprintf("%s has no TLS, for %s, the first virtual host of %s, has none", sb.Server.Name, def.Server.Name, word), "SSLEngine on is missing there")
			}
		}
	}
}

// on reports whether a server speaks TLS: SSLEngine's word, else that of the
// Listen line for its port (ssl_config_server_new, ap_get_server_protocol).
func (bd *builder) on(f *front) bool {
	switch {
	case f.s.Engine.Is:
		return f.s.Engine.V == engineOn
	case f.sb.TLS.On:
		return true
	case f.s.Certs == nil:
		return false
	}
	p := core.Process.Of(bd.b.Servers[0].Source.Conf)
	if p == nil {
		return false
	}
	if f.sb.Source.Main {
		return len(p.Listen) > 0 && !slices.ContainsFunc(p.Listen, func(l core.Listen) bool { return l.Proto != "https" })
	}
	for _, word := range f.sb.Source.Addrs {
		for _, l := range p.Listen {
			if l.Proto == "https" && covers(word, &l) {
				return true
			}
		}
	}
	return false
}

// covers reports whether a word of <VirtualHost> names the very address of a
// Listen line, or both name all.
func covers(word string, l *core.Listen) bool {
	host, port := word, ""
	if i := strings.LastIndexByte(word, ':'); i > strings.LastIndexByte(word, ']') {
		host, port = word[:i], word[i+1:]
	}
	if port != strconv.Itoa(int(l.Port)) {
		return false
	}
	if a, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil && !a.IsUnspecified() {
		return slices.Contains(l.Addrs, a)
	}
	return !slices.ContainsFunc(l.Addrs, func(a netip.Addr) bool { return !a.IsUnspecified() })
}

// pos is where a server's TLS is asked for.
func (f *front) pos() diag.Position {
	if f.s.Engine.Is {
		return f.s.Engine.Pos
	}
	return f.sb.Source.Pos
}

// name is the server's, with the port of ServerName, as httpd's messages have it.
func (f *front) name() string {
	port := 443
	if p := f.sb.Server.Port; p != 0 {
		port = int(p)
	}
	return f.sb.Server.Name + ":" + strconv.Itoa(port)
}

func (bd *builder) fail(pos diag.Position, text, hint string) { bd.b.Fail(pos, text, hint) }

func (bd *builder) warn(pos diag.Position, text, hint string) {
	if key := fmt.Sprint(pos.File, pos.Line, text); !bd.said[key] {
		bd.said[key] = true
		bd.b.Warn(pos, text, hint)
	}
}

// build makes the TLS of one server; what is wrong is in the list.
func (bd *builder) build(f *front) {
	bd.certificates(f)
	cfg := &tls.Config{
		// Records of full size: what they are for, small first packets, the
		// kernel's congestion control sees to.
		DynamicRecordSizingDisabled: true,
		SessionTicketsDisabled:      f.s.Tickets.Is && !f.s.Tickets.V,
		NextProtos:                  f.sb.Server.Core.Protocols,
	}
	if cfg.NextProtos == nil {
		cfg.NextProtos = []string{"http/1.1"}
	}
	bd.protocols(f, cfg)
	bd.ciphers(f, cfg)
	bd.clients(f, cfg)
	cfg.GetCertificate = choose(f.holders, f.sb.TLS.Certificate)
	host := &exchange.TLSHost{Name: f.sb.Server.Name, ID: f.sb.Server.DefinedAt, StrictSNI: f.s.StrictSNI.V,
		Server: f.identity(cfg), Client: f.auth.digest(), Leaf: leafOf(f.holders)}
	if auth := f.auth; auth.verify != verifyNone || auth.asked {
		host.Verify = func(chain []*x509.Certificate) error { return auth.verifyClient(chain, auth.depth, time.Now(), false) }
	}
	plain := cfg.Clone()
	plain.NextProtos = nil
	f.tls = &exchange.ServerTLS{Config: cfg, NoALPN: plain, Host: host}
	if f.sb.Server.Core.Versions.Allows(exchange.ProtoH3) {
		f.tls.QUIC = cfg.Clone()
		f.tls.QUIC.NextProtos = []string{exchange.ProtoH3}
		f.tls.QUIC.MinVersion = tls.VersionTLS13 // RFC 9001 §4.2
		f.tls.QUIC.MaxVersion = 0
	}
	f.sb.Server.TLS = f.tls
	if key := f.s.TicketKey; key.Is {
		bd.ticketKey(f, key)
	}
}

// identity is a digest of what SSLVHostSNIPolicy calls the server's side.
func (f *front) identity(cfg *tls.Config) [32]byte {
	text := fmt.Sprintf("%x-%x %v %v", cfg.MinVersion, cfg.MaxVersion, cfg.CipherSuites, cfg.CurvePreferences)
	for _, h := range f.holders {
		text += "\x00" + h.cert + "\x00" + h.key + "\x00" + h.chain
	}
	if f.sb.TLS.Certificate != nil {
		name := f.sb.TLS.CertificateID
		if name == "" {
			name = "of " + strconv.Itoa(f.sb.Server.Index)
		}
		text += "\x00" + name
	}
	return sha256.Sum256([]byte(text))
}

func leafOf(list []*holder) func() *x509.Certificate {
	if len(list) == 0 {
		return func() *x509.Certificate { return nil }
	}
	return list[0].leaf
}

var errNoCertificate = errors.New("there is no certificate for the server yet")

// choose makes the function that picks the certificate for a hello: another
// room's, else the first of the files that the client can check.
func choose(list []*holder, other func(*tls.ClientHelloInfo) (*tls.Certificate, error)) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		var c *tls.Certificate
		if other != nil {
			var err error
			if c, err = other(hello); err != nil {
				return nil, err
			}
		}
		if c == nil && len(list) > 0 {
			c = list[0].current.Load()
			for _, h := range list[1:] {
				if hello.SupportsCertificate(c) == nil {
					break
				}
				if next := h.current.Load(); hello.SupportsCertificate(next) == nil {
					c = next
				}
			}
		}
		if c == nil {
			return nil, errNoCertificate
		}
		if n, ok := hello.Conn.(exchange.CertificateNoter); ok {
			n.NoteCertificate(c)
		}
		return c, nil
	}
}

// certificates reads those of a server.
func (bd *builder) certificates(f *front) {
	bad := false
	var list []*holder
	for i, cert := range f.s.Certs {
		key := cert
		if i < len(f.s.Keys) {
			key = f.s.Keys[i]
		}
		h, ok := bd.holder(f, i, cert, key)
		if !ok {
			bad = true
			continue
		}
		// A later one of the same kind takes the place of an earlier one: the
		// virtual host's that of the main server.
		list = slices.DeleteFunc(list, func(o *holder) bool { return tlsconf.KeyType(o.leaf()) == tlsconf.KeyType(h.leaf()) })
		list = append(list, h)
	}
	f.holders = better(list)
	f.sb.TLS.Files = len(list) > 0
	if f.s.Stapling.V {
		for _, h := range f.holders {
			if h.staple == nil {
				why := ""
				if h.staple, why = newStapler(h, f.s); why != "" {
					bd.warn(f.s.Stapling.Pos, why, "")
				}
			}
		}
	}
	if n := len(f.s.Certs); len(f.s.Keys) > n {
		bd.fail(f.s.Keys[n].Pos, "SSLCertificateKeyFile: there is no SSLCertificateFile for this key", "")
	}
	if len(list) == 0 && !bad && f.sb.TLS.Certificate == nil {
		bd.fail(f.pos(), "AH02572: Failed to configure at least one certificate and key for "+f.name(), "SSLCertificateFile and SSLCertificateKeyFile name them")
	}
	for _, h := range f.holders {
		if name := strings.ToLower(f.sb.Server.Name); f.s.Certs != nil {
			for _, d := range tlsconf.Doubts(bd.chain(h), []string{name}, bd.now) {
				bd.warn(h.pos, "SSLCertificateFile: "+h.cert+": "+d, "")
			}
		}
	}
}

// chain is what h sends, parsed.
func (bd *builder) chain(h *holder) []*x509.Certificate {
	var out []*x509.Certificate
	for _, der := range h.current.Load().Certificate {
		if c, err := x509.ParseCertificate(der); err == nil {
			out = append(out, c)
		}
	}
	return out
}

// holder finds or reads a pair of files.
func (bd *builder) holder(f *front, n int, cert, key conf.Opt[string]) (*holder, bool) {
	for _, h := range bd.holders {
		if h.cert == cert.V && h.key == key.V && h.chain == f.s.Chain.V {
			return h, h.current.Load() != nil
		}
	}
	h := &holder{cert: cert.V, key: key.V, chain: f.s.Chain.V, pos: cert.Pos, secrets: &bd.secrets, name: f.name(), number: n, read: bd.read}
	bd.holders = append(bd.holders, h)
	if err := h.load(); err != nil {
		bd.fail(cert.Pos, "AH02561: Failed to configure certificate "+f.name()+": "+err.Error(), "")
		return nil, false
	}
	return h, true
}

func (bd *builder) protocols(f *front, cfg *tls.Config) {
	v := f.s.Protocols.Or(tls12 | tls13)
	at := f.s.Protocols.Pos
	if v == 0 {
		bd.fail(at, "SSLProtocol: no protocol is left", "")
		return
	}
	if v.gap() {
		bd.fail(at, "SSLProtocol: the protocols must follow one upon the other, without a gap", "")
	}
	if old := v & (tls10 | tls11); old != 0 {
		bd.warn(at, "SSLProtocol: TLS 1.0 and 1.1 are no longer safe (RFC 8996)", "")
	}
	cfg.MinVersion, cfg.MaxVersion = v.bounds()
}

func (bd *builder) ciphers(f *front, cfg *tls.Config) {
	cfg.CipherSuites = tlsconf.Intermediate
	if spec := f.s.Ciphers; spec.Is {
		cfg.CipherSuites = bd.cipherList(spec, cfg.MinVersion < tls.VersionTLS13)
	}
	if spec := f.s.Ciphers13; spec.Is {
		lacking, surplus, err := tlsconf.ParseCiphers13(spec.V)
		switch {
		case err != nil:
			bd.fail(spec.Pos, "SSLCipherSuite TLSv1.3: "+err.Error(), "")
		case len(lacking) > 0:
			bd.warn(spec.Pos, "SSLCipherSuite TLSv1.3: Sallyport does not have "+strings.Join(lacking, ", "), "")
		case len(surplus) > 0:
			bd.warn(spec.Pos, "SSLCipherSuite TLSv1.3: "+strings.Join(surplus, ", ")+" will be offered too: Sallyport always has all three good suites of TLS 1.3", "")
		}
	}
	if spec := f.s.Groups; spec.Is {
		ids, lacking, err := tlsconf.ParseGroups(spec.V)
		if err != nil {
			bd.fail(spec.Pos, "SSLOpenSSLConfCmd Groups: "+err.Error(), "")
		}
		if len(lacking) > 0 {
			bd.warn(spec.Pos, "SSLOpenSSLConfCmd Groups: Sallyport does not have "+strings.Join(lacking, ", "), "")
		}
		cfg.CurvePreferences = ids
	}
}

// cipherList reads an OpenSSL string; used is false where only TLS 1.3 is spoken.
func (bd *builder) cipherList(spec conf.Opt[string], used bool) []uint16 {
	c, err := tlsconf.ParseCiphers(spec.V)
	if err != nil {
		bd.fail(spec.Pos, "SSLCipherSuite: "+err.Error(), "")
		return tlsconf.Intermediate
	}
	if len(c.IDs) == 0 && used {
		bd.fail(spec.Pos, "AH01898: Unable to configure permitted SSL ciphers: Sallyport has none of these", "ECDHE suites with AES-GCM or ChaCha20 are offered")
		return tlsconf.Intermediate
	}
	if len(c.Unknown) > 0 {
		bd.warn(spec.Pos, "SSLCipherSuite: passed over, as nothing that OpenSSL knows: "+strings.Join(c.Unknown, ", "), "")
	}
	if len(c.Lacking) > 0 {
		bd.warn(spec.Pos, "SSLCipherSuite: Sallyport does not have "+strings.Join(c.Lacking, ", "), "")
	}
	if len(c.Weak) > 0 {
		bd.warn(spec.Pos, "SSLCipherSuite: weak and named one by one, hence offered: "+strings.Join(c.Weak, ", "), "")
	}
	return c.IDs
}

// ticketKey sets the keys of a server from SSLSessionTicketKeyFile.
func (bd *builder) ticketKey(f *front, key conf.Opt[string]) {
	b, err := bd.read(key.V)
	switch {
	case err != nil:
		bd.fail(key.Pos, "AH02286: Failed to open ticket key file "+key.V+": "+reason(err), "")
		return
	case len(b) < 48:
		bd.fail(key.Pos, fmt.Sprintf("AH02287: Failed to read 48 bytes from %s: it has %d", key.V, len(b)), "")
		return
	}
	k := tickets.Derive(b[:48], f.label())
	f.tls.Config.SetSessionTicketKeys([][32]byte{k})
	f.tls.NoALPN.SetSessionTicketKeys([][32]byte{k})
	if f.tls.QUIC != nil {
		f.tls.QUIC.SetSessionTicketKeys([][32]byte{k})
	}
}

// label separates the tickets of servers that do not promise the same.
func (f *front) label() string {
	h := f.tls.Host
	return string(h.Server[:]) + string(h.Client[:])
}

// open registers what must run while the configuration serves.
func (bd *builder) open() {
	if bd.b.Env.Test {
		return
	}
	keys, w := bd.b.Env.Tickets, newWatcher(bd)
	if w == nil && len(bd.front) == 0 {
		return
	}
	bd.b.Open(module.Opening{
		Open: func() error {
			for _, f := range bd.front {
				if keys != nil && !f.s.TicketKey.Is && !f.tls.Config.SessionTicketsDisabled {
					keys.Attach(f.tls.Config, f.label())
					keys.Attach(f.tls.NoALPN, f.label())
					if f.tls.QUIC != nil {
						keys.Attach(f.tls.QUIC, f.label())
					}
				}
			}
			if w != nil {
				w.start()
			}
			return nil
		},
		Close: func() {
			if w != nil {
				w.close()
			}
			for _, f := range bd.front {
				if keys != nil {
					keys.Detach(f.tls.Config)
					keys.Detach(f.tls.NoALPN)
					keys.Detach(f.tls.QUIC)
				}
			}
		},
	})
}
