package health

import (
	"strconv"
	"strings"

	"sallyport/internal/expr"
	"sallyport/internal/message"
)

// ParseCond reads the condition of a ProxyHCExpr.
func ParseCond(text string) (*expr.Cond, error) {
	return expr.Parse(text, expr.Options{HealthCheck: true, Other: healthVariable})
}

// healthVariable admits %{HC_BODY} beside the variables of TLS connections.
func healthVariable(name string) bool {
	return strings.EqualFold(name, "HC_BODY") || expr.TLSVariable(name)
}

// vars is an answer as expressions see it. There is no request of a client
// here: variables about one are empty, as in httpd.
type vars struct{ *Answer }

func (v *vars) Var(n expr.Variable) string {
	switch n {
	case expr.RequestStatus:
		return strconv.Itoa(v.Status)
	case expr.ContentType:
		t, _ := v.Header.Known(message.ContentType)
		return t
	}
	return ""
}

func (v *vars) Other(name string) string {
	if strings.EqualFold(name, "HC_BODY") {
		return v.Body
	}
	return ""
}

func (v *vars) Call(f expr.Function, arg string) string {
	switch f {
	case expr.HC:
		if strings.EqualFold(arg, "body") {
			return v.Body
		}
	case expr.Resp:
		s, _ := v.Header.Joined(arg)
		return s
	}
	return ""
}

func (v *vars) Test(expr.Test, string) bool { return false }
func (v *vars) ClientIn(expr.Net) bool      { return false }
