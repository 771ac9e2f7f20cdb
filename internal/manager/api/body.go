package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"unicode/utf8"
)

// maxBody bounds the body of a request.
const maxBody = 1 << 20

// read takes the request's JSON into v. Unknown names and anything behind the
// value are errors: a misspelt name must not be lost in silence.
func (c *call) read(v any) *failure {
	kind, _ := c.x.Request.Header.Find("Content-Type")
	media, _, _ := strings.Cut(kind, ";")
	if !strings.EqualFold(strings.TrimSpace(media), "application/json") {
		c.x.Always.Set("Accept", "application/json")
		return problem(415, "the body must be of Content-Type application/json")
	}
	b := &c.x.Request.Body
	if b.Length > maxBody {
		return problem(413, fmt.Sprintf("the body may have %d bytes", maxBody))
	}
	var text []byte
	if !b.None() {
		var err error
		if text, err = io.ReadAll(io.LimitReader(b.Reader, maxBody+1)); err != nil {
			return problem(400, "the body broke off")
		}
	}
	if len(text) > maxBody {
		return problem(413, fmt.Sprintf("the body may have %d bytes", maxBody))
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return problem(400, "the body is empty; a JSON object is expected")
	}
	if text[0] != '{' && bytes.TrimSpace(text)[0] != '{' {
		return problem(400, "a JSON object is expected")
	}
	if !utf8.Valid(text) {
		return problem(400, "malformed JSON: it is not UTF-8")
	}
	return decode(text, v)
}

// decode reads one JSON value.
func decode(text []byte, v any) *failure {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return malformed(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return problem(400, "something follows the JSON object")
	}
	return nil
}

// under puts the pointers of a part's errors below that of the part.
func (f *failure) under(pointer string) *failure {
	for i := range f.Errors {
		f.Errors[i].Pointer = pointer + f.Errors[i].Pointer
	}
	return f
}

// malformed words an error of the decoder.
func malformed(err error) *failure {
	var (
		typ    *json.UnmarshalTypeError
		syntax *json.SyntaxError
		f      *failure
	)
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &typ) && typ.Field != "":
		return wrong("/"+strings.ReplaceAll(typ.Field, ".", "/"), typ.Field, typ.Value, "this is of the wrong type", "a "+kindOf(typ.Type.String()))
	case errors.As(err, &syntax):
		return problem(400, fmt.Sprintf("malformed JSON at byte %d: %v", syntax.Offset, err))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return problem(400, "malformed JSON: it ends in the middle")
	}
	text := strings.TrimPrefix(err.Error(), "json: ")
	if name, ok := strings.CutPrefix(text, "unknown field "); ok {
		name = strings.Trim(name, `"`)
		return wrong("/"+name, name, "", "there is no field of this name", "see openapi.json")
	}
	return problem(400, "malformed JSON: "+text)
}

func (f *failure) Error() string { return f.Detail }

func kindOf(goType string) string {
	switch {
	case goType == "string":
		return "string"
	case goType == "bool":
		return "boolean"
	case strings.HasPrefix(goType, "int") || strings.HasPrefix(goType, "uint"):
		return "number"
	case strings.HasPrefix(goType, "[]"):
		return "list"
	}
	return "JSON object"
}

// query is a request's query, each name once.
type query map[string]string

func parseQuery(text string) (query, error) {
	q := query{}
	for pair := range strings.SplitSeq(text, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err == nil {
			value, err = url.QueryUnescape(value)
		}
		if err != nil {
			return nil, err
		}
		if _, twice := q[name]; twice {
			return nil, fmt.Errorf("%s is given twice", name)
		}
		q[name] = value
	}
	return q, nil
}

// only complains of names that are not among those given.
func (q query) only(names ...string) *failure {
next:
	for name, value := range q {
		for _, n := range names {
			if n == name {
				continue next
			}
		}
		return wrong("", name, value, "there is no query parameter of this name here", strings.Join(names, ", "))
	}
	return nil
}
