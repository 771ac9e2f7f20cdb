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
// overwritten, Body is left to the caller. Of a field that is refused the name
// is the last in r.Header, for the log.
func ParseResponse(head string, r *message.Response, opt ResponseOptions) *Problem {
	r.Status, r.Reason, r.Version = 0, "", message.HTTP11
	r.Header.Fields = r.Header.Fields[:0]
	i := 0
	if strings.HasPrefix(head, "\r\n") {
		i = 2
	} else if strings.HasPrefix(head, "\n") {
		i = 1
	}
	end, next := lineEnd(head, i, true)
	line := head[i:end]
	// Unlike httpd: control bytes in the line, four digits and a status below
	// 100 are refused; what is not HTTP at all is no HTTP/0.9 body.
	if next == 0 || !isStatusLine(line) || line[5] != '1' || line[9] == '0' {
		return badStatusLine
	}
	if line[7] == '0' {
		r.Version = message.HTTP10
	}
	r.Status = int(line[9]-'0')*100 + int(line[10]-'0')*10 + int(line[11]-'0')
	if len(line) > 12 {
		if line[12] == ' ' {
			r.Reason = line[13:] // verbatim, blanks and all
		} else {
			r.Reason = message.ReasonOf(r.Status) // "200OK"
		}
	}
	return responseFields(head, next, &r.Header, opt)
}

// isStatusLine matches "HTTP/d.d ddd" and what may follow it (httpd's mask,
// a fourth digit excepted).
func isStatusLine(s string) bool {
	return len(s) >= 12 && s[:5] == "HTTP/" && isDigit(s[5]) && s[6] == '.' && isDigit(s[7]) &&
		s[8] == ' ' && isDigit(s[9]) && isDigit(s[10]) && isDigit(s[11]) && (len(s) == 12 || !isDigit(s[12]))
}

func isDigit(c byte) bool { return c-'0' <= 9 }

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
		line, next, p := responseLine(head, i, limit)
		if p != nil {
			if name, _, ok := strings.Cut(line, ":"); ok {
				fs = append(fs, message.Field{Name: name})
			}
			return p
		}
		i = next
		colon := strings.IndexByte(line, ':')
		if colon < 0 {
			if isStatusLine(line) || opt.BadHeader == Ignore {
				continue
			}
			return badHeader
		}
		name := line[:colon]
		known := message.Lookup(name)
		if known == message.Other && !isToken(name) {
			if name == "" {
				return badHeaderEmpty
			}
			fs = append(fs, message.Field{Name: name})
			return badHeaderName
		}
		fs = append(fs, message.Field{Name: name, Value: trimOWS(line[colon+1:]), Known: known})
	}
	return nil
}

// responseLine returns the field line at head[i:] with the lines folded onto
// it, and where the next begins. Folds are joined as httpd joins them: the
// line end goes, the blanks stay. With badHeaderValue line is what stands before
// the character that is refused.
func responseLine(head string, i, limit int) (line string, next int, p *Problem) {
	for {
		end, n := lineEnd(head, i, true)
		switch {
		case n != 0:
		case end == len(head):
			return "", 0, badHeadShort
		case head[end] == 0:
			return "", 0, badHeaderNUL
		default:
			return line + head[i:end], 0, badHeaderValue
		}
		if line == "" {
			line = head[i:end]
		} else {
			line += head[i:end]
		}
		if len(line) >= limit {
			return "", 0, badHeaderLong
		}
		i = n
		if i >= len(head) || head[i] != ' ' && head[i] != '\t' {
			return line, i, nil
		}
	}
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
