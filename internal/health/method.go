package health

import "strings"

// Method is a value of hcmethod.
type Method uint8

// The methods, httpd's first.
const (
	None Method = iota
	TCP
	Options
	Head
	Get
	Options11
	Head11
	Get11
	CPing
	Post
	Post11
	Options2
	Head2
	Get2
	Post2
	GRPC
)

// Protocol is what a method speaks.
type Protocol uint8

const (
	NoProtocol Protocol = iota // None, TCP: nothing is said
	HTTP10
	HTTP11
	HTTP2
	AJP
)

var methods = [...]struct {
	name  string
	verb  string // the request's method
	speak Protocol
}{
	None:      {"NONE", "", NoProtocol},
	TCP:       {"TCP", "", NoProtocol},
	Options:   {"OPTIONS", "OPTIONS", HTTP10},
	Head:      {"HEAD", "HEAD", HTTP10},
	Get:       {"GET", "GET", HTTP10},
	Options11: {"OPTIONS11", "OPTIONS", HTTP11},
	Head11:    {"HEAD11", "HEAD", HTTP11},
	Get11:     {"GET11", "GET", HTTP11},
	CPing:     {"CPING", "", AJP},
	Post:      {"POST", "POST", HTTP10},
	Post11:    {"POST11", "POST", HTTP11},
	Options2:  {"OPTIONS2", "OPTIONS", HTTP2},
	Head2:     {"HEAD2", "HEAD", HTTP2},
	Get2:      {"GET2", "GET", HTTP2},
	Post2:     {"POST2", "POST", HTTP2},
	GRPC:      {"GRPC", "POST", HTTP2},
}

// MethodOf finds a method by its name, in any case.
func MethodOf(name string) (Method, bool) {
	for i := range methods {
		if strings.EqualFold(methods[i].name, name) {
			return Method(i), true
		}
	}
	return None, false
}

// Methods lists the names, upper case.
func Methods() []string {
	out := make([]string, len(methods))
	for i := range methods {
		out[i] = methods[i].name
	}
	return out
}

// String is the name as httpd writes it.
func (m Method) String() string { return methods[m].name }

// Verb is the HTTP method of the request; "" where there is none.
func (m Method) Verb() string { return methods[m].verb }

// Protocol is what the method speaks.
func (m Method) Protocol() Protocol { return methods[m].speak }

// Answers reports whether there is an HTTP answer to judge.
func (m Method) Answers() bool { return m.Verb() != "" }
