package conf

import (
	"cmp"
	"strconv"
	"strings"

	"sallyport/internal/conf/syntax"
	"sallyport/internal/diag"
	"sallyport/internal/regex"
)

// ifVersion is <IfVersion [!][op] version>.
func ifVersion(c *Cmd, args []string) error {
	op, rest := syntax.Word(c.Raw)
	version, rest := syntax.Word(rest)
	if rest != "" {
		return &diag.Err{Text: c.Node.Title() + " directive missing closing '>'", Expected: "an operator and a version", Word: 3}
	}
	if version == "" {
		op, version = "=", op
	}
	ok, err := matchVersion(op, version)
	if err != nil {
		return err
	}
	return c.readOrSkip(ok)
}

func matchVersion(op, version string) (bool, error) {
	written := op
	op, not := strings.CutPrefix(op, "!")
	pattern, isPattern := "", false
	switch {
	case op == "~":
		pattern, isPattern = version, true
	case (op == "=" || op == "==") && strings.HasPrefix(version, "/"):
		pattern, isPattern = strings.CutSuffix(version[1:], "/")
		if !isPattern {
			return false, &diag.Err{Text: "Missing delimiting / of regular expression.", Word: 2}
		}
	}
	if isPattern {
		re, err := regex.Compile(pattern, false)
		if err != nil {
			return false, &diag.Err{Text: "Unable to compile regular expression", Expected: err.Error(), Word: 2}
		}
		return re.Match(Version) != not, nil
	}
	var ok func(order int) bool
	switch op {
	case "=", "==":
		ok = func(o int) bool { return o == 0 }
	case ">":
		ok = func(o int) bool { return o > 0 }
	case ">=":
		ok = func(o int) bool { return o >= 0 }
	case "<":
		ok = func(o int) bool { return o < 0 }
	case "<=":
		ok = func(o int) bool { return o <= 0 }
	default:
		return false, &diag.Err{Text: "unrecognized operator '" + written + "'", Expected: "=, ==, >, >=, <, <=, ~, with or without ! in front", Word: 1}
	}
	want, err := parseVersion(version)
	if err != nil {
		return false, err
	}
	have, _ := parseVersion(Version)
	order := 0
	for i := range have {
		if order = cmp.Compare(have[i], want[i]); order != 0 {
			break
		}
	}
	return ok(order) != not, nil
}

// parseVersion reads major[.minor[.patch]]; what is missing counts as 0.
func parseVersion(s string) (v [3]int, err error) {
	bad := &diag.Err{Text: "Version appears to be invalid. It must have the format major[.minor[.patch]] where major, minor and patch are numbers."}
	parts := strings.Split(s, ".")
	if len(parts) > len(v) {
		return v, bad
	}
	for i, p := range parts {
		if v[i], err = strconv.Atoi(p); err != nil || p[0] == '+' || p[0] == '-' {
			return v, bad
		}
	}
	return v, nil
}
