package tlsconf

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
)

// Ciphers is what an OpenSSL cipher string comes to here.
type Ciphers struct {
	// IDs are the suites up to TLS 1.2 that crypto/tls has, for
	// tls.Config.CipherSuites. crypto/tls prefers them in an order of its own.
	IDs []uint16
	// Lacking are the suites that the text names one by one and crypto/tls does
	// not have, by OpenSSL's names.
	Lacking []string
	// Weak are those of IDs that nobody should use any more. Only their full
	// names bring them in: words like HIGH stand for good suites.
	Weak []string
	// Unknown are words that mean nothing to OpenSSL, which passes over them.
	Unknown []string
}

// WordError is a word of a list that means nothing to OpenSSL.
type WordError struct {
	Word string
	// Col is where it begins, in bytes.
	Col int
}

func (e *WordError) Error() string { return fmt.Sprintf("unknown word %q", e.Word) }

// Intermediate are the suites up to TLS 1.2 where nothing is configured: with
// forward secrecy and authenticated encryption (Mozilla's "intermediate").
var Intermediate = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305,
}

// offered says what crypto/tls knows of a suite.
func offered(id uint16) (has, weak bool) {
	for _, s := range tls.CipherSuites() {
		if s.ID == id {
			return true, false
		}
	}
	for _, s := range tls.InsecureCipherSuites() {
		if s.ID == id {
			return true, true
		}
	}
	return false, false
}

// candidate is a suite while a cipher string is acted out.
type candidate struct {
	*suite
	on, dead bool
	named    bool // by its own name
}

// ParseCiphers acts a cipher string out as OpenSSL does (openssl-ciphers(1)):
// words add suites, "-" takes them out, "!" for good, "+" moves them to the end,
// and "a+b" is what is both.
func ParseCiphers(text string) (*Ciphers, error) {
	list := make([]*candidate, len(suites))
	c := new(Ciphers)
	first := 0
	for i := range suites {
		list[i] = &candidate{suite: &suites[i]}
	}
	for i := 0; i < len(text); {
		if strings.IndexByte(": ,;\t", text[i]) >= 0 {
			i++
			continue
		}
		end := strings.IndexAny(text[i:], ": ,;\t")
		if end < 0 {
			end = len(text) - i
		}
		word := text[i : i+end]
		if act(list, word) != nil {
			if word[0] == '@' {
				return nil, &WordError{word, i}
			}
			if c.Unknown == nil {
				first = i
			}
			c.Unknown = append(c.Unknown, word)
		}
		i += end
	}
	if c.Unknown != nil && !slices.ContainsFunc(list, func(s *candidate) bool { return s.on }) {
		return nil, &WordError{c.Unknown[0], first}
	}
	for _, s := range list {
		if !s.on {
			continue
		}
		has, weak := offered(s.id)
		switch {
		case has && !weak:
			c.IDs = append(c.IDs, s.id)
		case has && s.named:
			c.IDs = append(c.IDs, s.id)
			c.Weak = append(c.Weak, s.name)
		case s.named:
			c.Lacking = append(c.Lacking, s.name)
		}
	}
	return c, nil
}

// act does what one word says.
func act(list []*candidate, word string) error {
	if word[0] == '@' { // @STRENGTH sorts, @SECLEVEL is about key sizes
		if up := strings.ToUpper(word); up != "@STRENGTH" && !strings.HasPrefix(up, "@SECLEVEL=") {
			return errWord
		}
		return nil
	}
	op := byte(0)
	if strings.IndexByte("!-+", word[0]) >= 0 {
		op, word = word[0], word[1:]
	}
	match, named, err := parseWord(word)
	if err != nil {
		return err
	}
	for _, s := range list {
		if !match(s.suite) {
			continue
		}
		switch op {
		case '!':
			s.on, s.dead = false, true
		case '-':
			s.on = false
		case 0:
			if !s.dead {
				s.on, s.named = true, s.named || named
			}
		}
	}
	return nil
}

var errWord = fmt.Errorf("unknown word")

// parseWord reads a suite's name or words joined by "+".
func parseWord(word string) (match func(*suite) bool, named bool, err error) {
	if i := slices.IndexFunc(suites, func(s suite) bool { return s.name == word }); i >= 0 {
		id := suites[i].id
		return func(s *suite) bool { return s.id == id }, true, nil
	}
	for _, c := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		if c.Name == word { // the names of RFCs
			return func(s *suite) bool { return s.id == c.ID }, true, nil
		}
	}
	var parts []func(*suite) bool
	for w := range strings.SplitSeq(word, "+") {
		p := classes[w]
		if strings.HasPrefix(w, "PROFILE=") { // of the system, as Fedora's OpenSSL has it
			p = classes["DEFAULT"]
		}
		if p == nil {
			return nil, false, errWord
		}
		parts = append(parts, p)
	}
	return func(s *suite) bool {
		for _, p := range parts {
			if !p(s) {
				return false
			}
		}
		return true
	}, false, nil
}

type class = func(*suite) bool

func kx(names ...string) class {
	return func(s *suite) bool { return slices.Contains(names, s.kx) }
}
func au(name string) class { return func(s *suite) bool { return s.au == name } }
func enc(parts ...string) class {
	return func(s *suite) bool {
		for _, p := range parts {
			if strings.HasPrefix(s.enc, p) {
				return true
			}
		}
		return false
	}
}
func mac(name string) class   { return func(s *suite) bool { return s.mac == name } }
func since(name string) class { return func(s *suite) bool { return s.version == name } }
func bits(alg, n string) class {
	return func(s *suite) bool { return strings.HasPrefix(s.enc, alg) && strings.HasSuffix(s.enc, "("+n+")") }
}
func never(*suite) bool { return false }
func anonymous(s *suite) bool {
	return s.au == "None"
}
func plain(s *suite) bool { return s.enc == "None" }
func all(s *suite) bool   { return !plain(s) }
func medium(s *suite) bool {
	return strings.HasPrefix(s.enc, "3DES") || strings.HasPrefix(s.enc, "RC4")
}
func both(a, b class) class {
	return func(s *suite) bool { return a(s) && b(s) }
}
func not(a class) class { return func(s *suite) bool { return !a(s) } }

// classes are OpenSSL's words for many suites at once.
var classes = map[string]class{
	"ALL": all, "COMPLEMENTOFALL": plain, "eNULL": plain, "NULL": plain, "aNULL": anonymous,
	"DEFAULT":             func(s *suite) bool { return all(s) && !anonymous(s) && !medium(s) },
	"COMPLEMENTOFDEFAULT": func(s *suite) bool { return all(s) && (anonymous(s) || medium(s)) },
	"HIGH":                both(all, not(medium)), "MEDIUM": medium, "LOW": never, "EXPORT": never, "EXP": never,
	"kRSA": kx("RSA"), "RSA": kx("RSA"), "aRSA": au("RSA"), "aDSS": au("DSS"), "DSS": au("DSS"),
	"aECDSA": au("ECDSA"), "ECDSA": au("ECDSA"), "aPSK": au("PSK"), "aGOST": never, "aGOST01": never, "kGOST": never, "GOST94": never, "GOST89MAC": never,
	"kECDHE": kx("ECDH"), "kEECDH": kx("ECDH"), "ECDHE": both(kx("ECDH"), not(anonymous)), "EECDH": both(kx("ECDH"), not(anonymous)),
	"ECDH": kx("ECDH"), "AECDH": both(kx("ECDH"), anonymous), "kECDH": never, "kECDHr": never, "kECDHe": never, "aECDH": never,
	"kDHE": kx("DH"), "kEDH": kx("DH"), "DHE": both(kx("DH"), not(anonymous)), "EDH": both(kx("DH"), not(anonymous)),
	"DH": kx("DH"), "ADH": both(kx("DH"), anonymous), "kDH": never, "kDHr": never, "kDHd": never, "aDH": never,
	"PSK": kx("PSK", "DHEPSK", "ECDHEPSK", "RSAPSK"), "kPSK": kx("PSK"), "kDHEPSK": kx("DHEPSK"), "kECDHEPSK": kx("ECDHEPSK"), "kRSAPSK": kx("RSAPSK"),
	"SRP": kx("SRP"), "kSRP": kx("SRP"), "aSRP": au("SRP"), "KRB5": never,
	"TLSv1.2": since("TLSv1.2"), "TLSv1.0": since("TLSv1"), "TLSv1": since("TLSv1"), "SSLv3": since("SSLv3"),
	"AES": enc("AES"), "AESGCM": enc("AESGCM"), "AESCCM": enc("AESCCM"), "AESCCM8": enc("AESCCM8"),
	"AES128": bits("AES", "128"), "AES256": bits("AES", "256"), "CHACHA20": enc("CHACHA20"), "CBC": enc("AES(", "Camellia", "3DES"),
	"CAMELLIA": enc("Camellia"), "CAMELLIA128": bits("Camellia", "128"), "CAMELLIA256": bits("Camellia", "256"),
	"ARIA": enc("ARIA"), "ARIAGCM": enc("ARIA"), "ARIA128": bits("ARIA", "128"), "ARIA256": bits("ARIA", "256"),
	"3DES": enc("3DES"), "DES": never, "RC4": enc("RC4"), "RC2": never, "IDEA": never, "SEED": never,
	"MD5": mac("MD5"), "SHA": mac("SHA1"), "SHA1": mac("SHA1"), "SHA256": mac("SHA256"), "SHA384": mac("SHA384"),
	"SUITEB192": func(s *suite) bool { return s.name == "ECDHE-ECDSA-AES256-GCM-SHA384" },
	"SUITEB128": func(s *suite) bool {
		return strings.HasPrefix(s.name, "ECDHE-ECDSA-AES") && strings.HasPrefix(s.enc, "AESGCM")
	},
}

// suites13 are the suites of TLS 1.3 that OpenSSL has; crypto/tls has the first
// three and can't do without.
var suites13 = []string{
	"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
	"TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256",
}

// ParseCiphers13 reads a list of TLS 1.3 suites. lacking are those named that
// crypto/tls does not have, surplus those that it offers without being asked.
func ParseCiphers13(text string) (lacking, surplus []string, err error) {
	surplus = slices.Clone(suites13[:3])
	col := 0
	for w := range strings.SplitSeq(text, ":") {
		i := slices.Index(suites13, w)
		switch {
		case w == "":
		case i < 0:
			return nil, nil, &WordError{w, col}
		case i >= 3:
			lacking = append(lacking, w)
		default:
			surplus = slices.DeleteFunc(surplus, func(s string) bool { return s == w })
		}
		col += len(w) + 1
	}
	return lacking, surplus, nil
}

// groupNames are OpenSSL's names of key exchange groups, in lower case.
var groupNames = map[string]tls.CurveID{
	"x25519": tls.X25519, "x25519mlkem768": tls.X25519MLKEM768,
	"p-256": tls.CurveP256, "prime256v1": tls.CurveP256, "secp256r1": tls.CurveP256,
	"p-384": tls.CurveP384, "secp384r1": tls.CurveP384, "p-521": tls.CurveP521, "secp521r1": tls.CurveP521,
	"secp256r1mlkem768": tls.SecP256r1MLKEM768, "secp384r1mlkem1024": tls.SecP384r1MLKEM1024,
}

var groupsElsewhere = []string{"x448", "ffdhe2048", "ffdhe3072", "ffdhe4096", "ffdhe6144", "ffdhe8192", "brainpoolp256r1", "brainpoolp384r1", "brainpoolp512r1", "secp224r1", "secp256k1"}

// ParseGroups reads OpenSSL's list of groups ("X25519:P-256"). Those that
// crypto/tls does not have are in lacking.
func ParseGroups(text string) (ids []tls.CurveID, lacking []string, err error) {
	col := 0
	for w := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ':' || r == '/' }) {
		name := strings.ToLower(strings.Trim(w, "?*-"))
		switch id, ok := groupNames[name]; {
		case ok:
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		case name == "default" || name == "auto":
		case slices.Contains(groupsElsewhere, name):
			lacking = append(lacking, w)
		default:
			return nil, nil, &WordError{w, col}
		}
		col += len(w) + 1
	}
	return ids, lacking, nil
}

// SuiteName is OpenSSL's name of a suite.
func SuiteName(id uint16) string {
	for i := range suites {
		if suites[i].id == id {
			return suites[i].name
		}
	}
	return tls.CipherSuiteName(id)
}
