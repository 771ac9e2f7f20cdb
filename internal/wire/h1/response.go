package h1

import (
	"bytes"
	"strings"

	"sallyport/internal/message"
)

// BadHeader is ProxyBadHeader: what a line without a colon in the head of a
// response means.
type BadHeader uint8

const (
	IsError   BadHeader = iota // the response is refused
	Ignore                     // the line is skipped
	StartBody                  // the head ends before it: see BodyStart
)

// ResponseOptions are the tolerances towards a backend.
type ResponseOptions struct {
	BadHeader BadHeader
	// FieldSize bounds one field, folds joined (the worker's
	// responsefieldsize); 0 means httpd's 8192.
	FieldSize int
}

// ParseResponse cuts a complete head of a response into r, as leniently as
// mod_proxy_http: one empty line in front, lone LF as line end, folded fields
// (joined in new strings), a stray status line among the fields. Everything
// else is a substring of head. r.Status, Reason, Version and Header are
// overwritten, Body is left to the caller.
func ParseResponse(head string, r *message.Response, opt ResponseOptions) *Problem {
	r.Status, r.Reason, r.Version = 0, "", message.HTTP11
	r.Header.Reset()
	i := 0
	if strings.HasPrefix(head, "\r\n") {
		i = 2
	} else if strings.HasPrefix(head, "\n") {
		i = 1
	}
	end, next := responseLine(head, i)
	if next == 0 {
		return badStatusLine
	}
	line := head[i:end]
	if !isStatusLine(line) || line[5] != '1' || line[9] == '0' {
		return badStatusLine
	}
	if line[7] == '0' {
		r.Version = message.HTTP10
	}
	r.Status = int(line[9]-'0')*100 + int(line[10]-'0')*10 + int(line[11]-'0')
	if len(line) > 12 {
		r.Reason = trimOWS(line[13:])
	}
	return responseFields(head, next, &r.Header, opt)
}

// isStatusLine matches "HTTP/d.d ddd" and what may follow it.
func isStatusLine(s string) bool {
	return len(s) >= 12 && s[:5] == "HTTP/" && isDigit(s[5]) && s[6] == '.' && isDigit(s[7]) &&
		s[8] == ' ' && isDigit(s[9]) && isDigit(s[10]) && isDigit(s[11]) && (len(s) == 12 || s[12] == ' ')
}

func isDigit(c byte) bool { return c-'0' <= 9 }

// responseLine is lineEnd with lone LFs.
func responseLine(head string, i int) (end, next int) { return lineEnd(head, i, true) }

// responseFields parses field lines from head[i:] up to the blank line or, for
// a head cut by BodyStart, its end.
func responseFields(head string, i int, h *message.Header, opt ResponseOptions) *Problem {
	limit := opt.FieldSize
	if limit <= 0 {
		limit = 8192
	}
	fs := h.Fields
	defer func() { h.Fields = fs }()
	for i < len(head) {
		if head[i] == '\n' || head[i] == '\r' && i+1 < len(head) && head[i+1] == '\n' {
			return nil
		}
		end, next := responseLine(head, i)
		switch {
		case next != 0:
		case end < len(head) && head[end] == 0:
			return badHeaderNUL
		case end == len(head):
			return badHeadShort
		default:
			return badHeaderValue
		}
		line := head[i:end]
		i = next
		if len(line) > limit {
			return badHeaderLong
		}
		colon := strings.IndexByte(line, ':')
		switch {
		case line[0] == ' ' || line[0] == '\t':
			if len(fs) == 0 {
				return badHeader
			}
			f := &fs[len(fs)-1]
			if len(f.Name)+len(f.Value)+len(line) > limit {
				return badHeaderLong
			}
			f.Value = trimOWS(f.Value + " " + trimOWS(line))
			continue
		case colon >= 0:
		case isStatusLine(line) || opt.BadHeader == Ignore:
			continue
		default:
			return badHeader
		}
		name := line[:colon]
		known := message.Lookup(name)
		if known == message.Other && !isToken(name) {
			if name == "" {
				return badHeaderEmpty
			}
			return badHeaderName
		}
		fs = append(fs, message.Field{Name: name, Value: trimOWS(line[colon+1:]), Known: known})
	}
	return nil
}

// BodyStart returns where the head at the beginning of buf ends under
// ProxyBadHeader StartBody: before its first field line that has no colon and
// is no status line, or through its blank line. 0 while that is not known.
// What follows is the body.
func BodyStart(head []byte) int {
	i, first := 0, true
	for {
		n := bytes.IndexByte(head[i:], '\n')
		if n < 0 {
			return 0
		}
		line := string(head[i : i+n])
		line = strings.TrimSuffix(line, "\r")
		switch {
		case line == "" && i > 0:
			return i + n + 1
		case line == "": // tolerated in front of the status line
		case first:
			first = false
		case line[0] != ' ' && line[0] != '\t' && strings.IndexByte(line, ':') < 0 && !isStatusLine(line):
			return i
		}
		i += n + 1
	}
}
