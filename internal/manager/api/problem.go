package api

import (
	"errors"
	"fmt"
	"strconv"

	"sallyport/internal/manager"
	"sallyport/internal/message"
)

// failure is what problem+json says (RFC 9457).
type failure struct {
	Type   string   `json:"type"`
	Title  string   `json:"title"`
	Status int      `json:"status"`
	Detail string   `json:"detail"`
	Errors []fieldJ `json:"errors,omitempty"`
	// Version is the present one, of a 412.
	Version string `json:"version,omitempty"`
}

// fieldJ is one wrong value.
type fieldJ struct {
	// Pointer leads to the value in the body (RFC 6901).
	Pointer string `json:"pointer,omitempty"`
	Name    string `json:"name"`
	Value   string `json:"value"`
	Problem string `json:"problem"`
	Allowed string `json:"allowed,omitempty"`
}

func problem(status int, detail string) *failure {
	return &failure{Type: "about:blank", Title: message.ReasonOf(status), Status: status, Detail: detail}
}

// wrong is a problem with one field.
func wrong(pointer, name, value, what, allowed string) *failure {
	if len(value) > 200 {
		value = value[:200] + "…"
	}
	f := problem(422, fmt.Sprintf("%s: %s", name, what))
	f.Errors = []fieldJ{{pointer, name, value, what, allowed}}
	return f
}

func (c *call) fail(f *failure) { c.body(f.Status, "application/problem+json", encode(f)) }

// failed answers an error of the desk. at makes the pointer of a field.
func (c *call) failed(err error, at func(manager.Field) string) {
	var (
		invalid *manager.Invalid
		stale   *manager.Stale
		away    *manager.AwayError
	)
	switch {
	case errors.As(err, &invalid):
		f := problem(422, invalid.Error())
		for _, b := range invalid.Fields {
			if b.Name == "balancer" || b.Name == "member" && c.vars["member"] != "" {
				f.Status = 404
			}
			f.Errors = append(f.Errors, fieldJ{at(b), b.Name, b.Value, b.Problem, b.Allowed})
		}
		f.Title = message.ReasonOf(f.Status)
		c.fail(f)
	case errors.As(err, &stale):
		f := problem(412, stale.Error())
		f.Version = stale.Now.String()
		c.x.Out.Header.Set("ETag", strconv.Quote(f.Version))
		c.fail(f)
	case errors.As(err, &away):
		c.x.Always.Set("Retry-After", "10")
		c.fail(problem(503, err.Error()))
	default:
		c.fail(problem(503, err.Error()))
	}
}
