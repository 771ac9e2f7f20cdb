package regex

import "strings"

// shape is a pattern simple enough to do without an engine.
type shape uint8

const (
	complicated shape = iota
	contains          // lit
	prefix            // ^lit
	suffix            // lit$
	exact             // ^lit$
	prefixAll         // ^lit.*, ^lit.*$
	prefixRest        // ^lit(.*), ^lit(.*)$
)

// token is what the translator tells of a pattern's parts; those that no
// shape has are tokOther.
type token struct {
	kind tokenKind
	lit  byte
}

type tokenKind uint8

const (
	tokOther tokenKind = iota
	tokLit             // one byte, case-sensitive
	tokBegin           // \A
	tokEnd             // \z
	tokAny             // any byte
	tokStar            // greedy *
	tokOpen            // (
	tokClose           // )
)

// simple finds the shape of a pattern.
func simple(toks []token) (shape, string) {
	begin := len(toks) > 0 && toks[0].kind == tokBegin
	if begin {
		toks = toks[1:]
	}
	var lit []byte
	for len(toks) > 0 && toks[0].kind == tokLit {
		lit = append(lit, toks[0].lit)
		toks = toks[1:]
	}
	var tail string
	for _, t := range toks {
		tail += string(tokenLetters[t.kind])
		if len(tail) > 5 {
			return complicated, ""
		}
	}
	switch {
	case tail == "" && begin:
		return prefix, string(lit)
	case tail == "":
		return contains, string(lit)
	case tail == "$" && begin:
		return exact, string(lit)
	case tail == "$":
		return suffix, string(lit)
	case !begin:
	case tail == ".*", tail == ".*$":
		return prefixAll, string(lit)
	case tail == "(.*)", tail == "(.*)$":
		return prefixRest, string(lit)
	}
	return complicated, ""
}

// tokenLetters write a token as a pattern would.
const tokenLetters = "?x^$.*()"

func (h shape) match(lit, s string) bool {
	switch h {
	case contains:
		return strings.Contains(s, lit)
	case suffix:
		return strings.HasSuffix(s, lit)
	case exact:
		return s == lit
	}
	return strings.HasPrefix(s, lit)
}

func (h shape) find(lit, s string) []int {
	if !h.match(lit, s) {
		return nil
	}
	switch h {
	case contains:
		i := strings.Index(s, lit)
		return []int{i, i + len(lit)}
	case suffix:
		return []int{len(s) - len(lit), len(s)}
	case prefixAll:
		return []int{0, len(s)}
	case prefixRest:
		return []int{0, len(s), len(lit), len(s)}
	}
	return []int{0, len(lit)}
}
