package h1

import (
	"slices"
	"strings"

	"sallyport/internal/message"
)

// Options are the tolerances of HttpProtocolOptions.
type Options struct {
	// Unsafe takes a lone LF for a line end, several blanks between the words
	// of the request line, and folded fields, which it joins. What two readers
	// could frame differently stays refused.
	Unsafe bool
	// Registered refuses methods that httpd does not know with 501, except
	// those in Methods (RegisterHttpMethod).
	Registered bool
	Methods    []string
}

// ParseRequest cuts a complete head (request line, fields, blank line) into r.
// Every name and value is a substring of head; nothing is allocated when
// r.Header.Fields has room. r.Method, Target, Version and Header are
// overwritten, Authority is left to ParseTarget, Body to the caller. On a
// Problem r holds what was understood so far, for the log.
func ParseRequest(head string, r *message.Request, lim *Limits, opt Options) *Problem {
	r.Method, r.Target, r.Version = "", "", message.HTTP10
	end, next := lineEnd(head, 0, opt.Unsafe)
	if next == 0 {
		return lineEndProblem(head, end, problemLineCtl)
	}
	if p := requestLine(head[:end], r, lim, opt); p != nil {
		return p
	}
	return requestFields(head, next, &r.Header, lim, opt)
}

// requestLine parses line, which holds no control byte.
func requestLine(line string, r *message.Request, lim *Limits, opt Options) *Problem {
	if len(line) > lim.Line+1 {
		return problemLineLong
	}
	i := 0
	for i < len(line) && class[line[i]]&cToken != 0 {
		i++
	}
	if i == 0 || i < len(line) && line[i] != ' ' {
		return problemMethod
	}
	if i == len(line) {
		return problemNoTarget
	}
	r.Method = line[:i]
	rest := line[i+1:]
	if opt.Unsafe {
		rest = trimOWS(rest)
	}
	j := strings.IndexByte(rest, ' ')
	switch {
	case j < 0:
		if rest == "" {
			return problemNoTarget
		}
		r.Target = rest
		return problemHTTP09 // Unlike httpd, which answers HTTP/0.9: see docs/differences.md.
	case j == 0:
		return problemSpaces
	}
	r.Target = rest[:j]
	version := rest[j+1:]
	if opt.Unsafe {
		version = trimOWS(version)
	}
	switch version {
	case "HTTP/1.1":
		r.Version = message.HTTP11
	case "HTTP/1.0":
		r.Version = message.HTTP10
	default:
		return oddVersion(version, r)
	}
	if opt.Registered && !registered(r.Method) && !slices.Contains(opt.Methods, r.Method) {
		return problemNotRegistered
	}
	return nil
}

// oddVersion deals with what stands where HTTP/1.1 or HTTP/1.0 should. A
// higher minor version is served as 1.1 (RFC 9110 §2.5).
func oddVersion(v string, r *message.Request) *Problem {
	switch {
	case len(v) == 0 || v[0] == ' ' || strings.IndexByte(v, ' ') >= 0:
		return problemSpaces
	case len(v) != 8 || v[:5] != "HTTP/" || v[5] < '0' || v[5] > '9' || v[6] != '.' || v[7] < '0' || v[7] > '9':
		return problemVersion
	case v[5] == '0':
		return problemHTTP09
	case v[5] == '1':
		r.Version = message.HTTP11
		return nil
	}
	return problemVersionHigh
}

// registered knows the methods httpd registers at start.
func registered(m string) bool {
	switch m {
	case "GET", "HEAD", "PUT", "POST", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
		"PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK",
		"VERSION-CONTROL", "CHECKOUT", "UNCHECKOUT", "CHECKIN", "UPDATE", "LABEL",
		"REPORT", "MKWORKSPACE", "MKACTIVITY", "BASELINE-CONTROL", "MERGE":
		return true
	}
	return false
}

// requestFields parses the field lines from head[i:] through the blank line,
// which must be the end of head.
func requestFields(head string, i int, h *message.Header, lim *Limits, opt Options) *Problem {
	fs := h.Fields[:0]
	defer func() { h.Fields = fs }()
	for {
		if i >= len(head) {
			return problemHeadShort
		}
		if head[i] == '\r' && i+1 < len(head) && head[i+1] == '\n' && i+2 == len(head) ||
			head[i] == '\n' && opt.Unsafe && i+1 == len(head) {
			return nil
		}
		colon := i
		for colon < len(head) && class[head[colon]]&cToken != 0 {
			colon++
		}
		if colon == len(head) || head[colon] != ':' || colon == i {
			if opt.Unsafe && colon == i && (head[i] == ' ' || head[i] == '\t') && len(fs) > 0 {
				next, p := unfold(head, i, &fs[len(fs)-1], lim)
				if p != nil {
					return p
				}
				i = next
				continue
			}
			return badName(head, i, colon)
		}
		end, next := lineEnd(head, colon+1, opt.Unsafe)
		if next == 0 {
			return lineEndProblem(head, end, problemValueCtl)
		}
		if end-i > lim.FieldSize+1 {
			return problemFieldLong
		}
		if lim.Fields > 0 && len(fs) >= lim.Fields {
			return problemFieldsMany
		}
		name := head[i:colon]
		fs = append(fs, message.Field{Name: name, Value: trimOWS(head[colon+1 : end]), Known: message.Lookup(name)})
		i = next
	}
}

// lineEnd finds the end of the line that goes on at head[i:]: end is where its
// text stops, next where the next line begins. next is 0 when a byte that may
// not stand in a line comes first; end is then its index. HTAB is text.
func lineEnd(head string, i int, lf bool) (end, next int) {
	for {
		i = nextCtl(head, i)
		switch {
		case i == len(head):
			return i, 0
		case head[i] == '\r' && i+1 < len(head) && head[i+1] == '\n':
			return i, i + 2
		case head[i] == '\n' && lf:
			return i, i + 1
		case head[i] != '\t':
			return i, 0
		}
		i++
	}
}

// lineEndProblem names what lineEnd stumbled over at head[i].
func lineEndProblem(head string, i int, other *Problem) *Problem {
	switch {
	case i == len(head):
		return problemHeadShort
	case head[i] == '\n':
		return problemBareLF
	case head[i] == '\r':
		return problemBareCR
	}
	return other
}

// badName names what is wrong with a field line whose token ends at colon.
func badName(head string, i, colon int) *Problem {
	switch {
	case colon == len(head):
		return problemHeadShort
	case colon == i && (head[i] == ' ' || head[i] == '\t'):
		return problemFold
	case head[colon] == ' ' || head[colon] == '\t':
		return problemSpaceColon
	case head[colon] == '\r' || head[colon] == '\n':
		return problemNoColon
	}
	return problemName
}

// unfold joins the continuation line at head[i:] to f (RFC 9112 §5.2: with one
// space) and returns where the next line begins.
func unfold(head string, i int, f *message.Field, lim *Limits) (int, *Problem) {
	end, next := lineEnd(head, i, true)
	if next == 0 {
		return 0, lineEndProblem(head, end, problemValueCtl)
	}
	if len(f.Name)+len(f.Value)+end-i > lim.FieldSize+1 {
		return 0, problemFieldLong
	}
	if more := trimOWS(head[i:end]); more != "" {
		if f.Value != "" {
			more = f.Value + " " + more
		}
		f.Value = more
	}
	return next, nil
}
