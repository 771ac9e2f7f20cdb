package workerconf

import (
	"strings"

	"sallyport/internal/diag"
)

// Complaint words an error of Set as httpd prints it: before stands in front
// ("ProxyPass ", "BalancerMember ", "ProxySet: ", "<Proxy "), after behind it
// (ProxySet and <Proxy> add " key=value; URL").
func Complaint(before string, err error, after string) error {
	if e, ok := err.(*diag.Err); ok {
		c := *e
		c.Text = before + c.Text + after
		return &c
	}
	return &diag.Err{Text: before + err.Error() + after}
}

// Split takes a word apart at its first "=". Without one ok is false: httpd
// then says "Parameter must be in the form 'key=value'".
func Split(word string) (name, value string, ok bool) { return strings.Cut(word, "=") }

// unknown makes the error for a name that is in neither table, or in the other
// one.
func unknown(text, name string, here, there []Param, elsewhere string) error {
	for i := range there {
		if strings.EqualFold(there[i].Name, name) {
			return &diag.Err{Text: text, Hint: there[i].Name + " is a parameter of " + elsewhere}
		}
	}
	e := &diag.Err{Text: text, Expected: "one of " + names(here)}
	if n := nearest(name, here); n != "" {
		e.Hint = "did you mean " + n + "?"
	}
	return e
}

func names(params []Param) string {
	var b strings.Builder
	for i := range params {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(params[i].Name)
	}
	return b.String()
}

// nearest finds the parameter whose name is at most a third of its letters
// away from name; "" when none is.
func nearest(name string, params []Param) string {
	all := make([]string, len(params))
	for i := range params {
		all[i] = params[i].Name
	}
	return near(strings.ToLower(name), all)
}

func near(name string, all []string) string {
	best, at := "", 1<<30
	if len(name) > 64 {
		return ""
	}
	for _, p := range all {
		if d := distance(name, p); d < at && d <= (len(p)+2)/3 {
			best, at = p, d
		}
	}
	return best
}

// distance counts the letters to add, drop, change or swap with a neighbour
// to come from a to b.
func distance(a, b string) int {
	var rows [3][]int
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
	}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, prev, cur := rows[0], rows[1], rows[2]
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
		rows[0], rows[1], rows[2] = prev, cur, before
	}
	return rows[1][len(b)]
}

// methods are the lbmethods there are; whether a configuration has one depends
// on its LoadModule lines.
var methods = []Param{
	{Name: "byrequests"}, {Name: "bytraffic"}, {Name: "bybusyness"}, {Name: "heartbeat"},
	{Name: "leastconn"}, {Name: "random2"}, {Name: "byresponsetime"}, {Name: "byhash"},
}

// methodHint tells what may be meant by an lbmethod that is not there.
func methodHint(k *Known, text string) string {
	lower := strings.ToLower(text)
	name := nearest(lower, methods)
	switch {
	case lower != text && k.Method(lower):
		return "lower case: " + lower
	case name == "":
		return ""
	case k.Method(name):
		return "did you mean " + name + "?"
	}
	hint := "LoadModule lbmethod_" + name + "_module modules/mod_lbmethod_" + name + ".so is missing"
	if name != lower {
		hint = "did you mean " + name + "? " + hint
	}
	return hint
}
