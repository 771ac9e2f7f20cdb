package health

import (
	"strconv"
	"strings"

	"sallyport/internal/message"
)

// Request is what a check asks.
type Request struct {
	Method Method
	// Host is the Host field; httpd's has a port always.
	Host string
	// Path is the target of HEAD, GET and POST, or the service of GRPC.
	Path   string
	Header []message.Field
	Body   string
}

// Join is the path of a check: the member's own and hcuri.
//
// Unlike httpd: one slash stands between the two, not two or three, and where
// both are empty the path is "/": an empty one is no request.
func Join(member, uri string) string {
	switch {
	case uri == "":
		if member == "" {
			return "/"
		}
		return member
	case member == "" || member == "/":
		if strings.HasPrefix(uri, "/") {
			return uri
		}
		return "/" + uri
	}
	return strings.TrimSuffix(member, "/") + "/" + strings.TrimPrefix(uri, "/")
}

// Target is the request's target: "*" for OPTIONS.
func (r *Request) Target() string {
	if r.Method.Verb() == "OPTIONS" {
		return "*"
	}
	return r.Path
}

// Append writes the request as HTTP/1.0 or 1.1: line, Host and an empty line,
// byte for byte what httpd sends, and between them what httpd lacks.
func (r *Request) Append(to []byte) []byte {
	to = append(append(to, r.Method.Verb()...), ' ')
	to = append(to, r.Target()...)
	if r.Method.Protocol() == HTTP10 {
		to = append(to, " HTTP/1.0\r\n"...)
	} else {
		to = append(to, " HTTP/1.1\r\n"...)
	}
	to = append(append(append(to, "Host: "...), r.Host...), "\r\n"...)
	for _, f := range r.Header {
		to = append(append(append(append(to, f.Name...), ": "...), f.Value...), "\r\n"...)
	}
	if r.Body != "" || r.Method.Verb() == "POST" {
		to = strconv.AppendInt(append(to, "Content-Length: "...), int64(len(r.Body)), 10)
		to = append(to, "\r\n"...)
	}
	return append(append(to, "\r\n"...), r.Body...)
}

// ParseHeader reads hcheader: fields "Name: value", one a line.
func ParseHeader(text string) ([]message.Field, error) {
	var out []message.Field
	for line := range strings.SplitSeq(text, "\n") {
		name, value, ok := strings.Cut(line, ":")
		value = strings.Trim(value, " \t")
		if !ok || name == "" || strings.IndexFunc(name, notToken) >= 0 || strings.IndexFunc(value, control) >= 0 {
			return nil, &Error{"hcheader must be a field of a request", `"hcheader=Name: value"`}
		}
		switch strings.ToLower(name) {
		case "host":
			return nil, &Error{"hcheader can not be Host", "hchost=" + value}
		case "content-length", "transfer-encoding":
			return nil, &Error{"hcheader can not be " + name, "hcbody=text, which makes its own"}
		}
		out = append(out, message.Field{Name: name, Value: value})
	}
	return out, nil
}

func notToken(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
}

func control(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// Error is what is wrong with a parameter's value.
type Error struct{ Text, Expected string }

func (e *Error) Error() string { return e.Text }
