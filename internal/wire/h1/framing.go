package h1

import "sallyport/internal/message"

// BodyKind says how the end of a body is found.
type BodyKind uint8

const (
	NoBody     BodyKind = iota
	Counted             // Framing.Length bytes
	Chunks              // the chunked coding: see Chunked
	UntilClose          // responses only
)

// Framing is the message body length of RFC 9112 §6.3.
type Framing struct {
	Kind BodyKind
	// Length in bytes; 0 for NoBody, -1 when it is not known beforehand. It is
	// what message.Body.Length wants.
	Length int64
	// Close: the connection must not carry another message after this one.
	Close bool
}

// RequestFraming decides how the body of a request ends. Whatever two readers
// could decide differently is refused: Content-Length beside
// Transfer-Encoding, repeated or malformed lengths, a coding other than
// chunked, any coding in HTTP/1.0.
func RequestFraming(r *message.Request) (Framing, *Problem) {
	var length, coding string
	var lengths, codings int
	for i := range r.Header.Fields {
		switch f := &r.Header.Fields[i]; f.Known {
		case message.ContentLength:
			length = f.Value
			lengths++
		case message.TransferEncoding:
			coding = f.Value
			codings++
		}
	}
	switch {
	case codings > 0:
		// Unlike httpd, which lets Transfer-Encoding win: the pair is how
		// requests are smuggled (RFC 9112 §11.2).
		if lengths > 0 {
			return Framing{}, problemBothFramings
		}
		if r.Version < message.HTTP11 {
			return Framing{}, problemCoding10
		}
		if codings == 1 && message.EqualFold(coding, "chunked") {
			return Framing{Kind: Chunks, Length: -1}, nil
		}
		return Framing{}, oddCoding(&r.Header)
	case lengths == 0:
		return Framing{}, nil
	case lengths > 1:
		return Framing{}, problemLength
	}
	n, ok := ParseLength(length)
	if !ok {
		return Framing{}, problemLength
	}
	return Framing{Kind: Counted, Length: n}, nil
}

// oddCoding names what is wrong with Transfer-Encoding fields that are not
// the lone word "chunked": 501 where chunked comes last, behind codings we do
// not know, 400 where the end of the body cannot be found.
func oddCoding(h *message.Header) *Problem {
	var last string
	chunked := 0
	for i := range h.Fields {
		if h.Fields[i].Known != message.TransferEncoding {
			continue
		}
		for last = range message.Tokens(h.Fields[i].Value) {
			if message.EqualFold(last, "chunked") {
				chunked++
			}
		}
	}
	if chunked == 1 && message.EqualFold(last, "chunked") {
		return problemCoding
	}
	return problemNotChunked
}

// ResponseFraming decides how the body of a response to a request of the given
// method ends. Transfer-Encoding wins over Content-Length and the connection
// is then closed; codings other than chunked are passed on as opaque bytes,
// as httpd does. Different lengths are refused (RFC 9112 §6.3).
func ResponseFraming(r *message.Response, method string) (Framing, *Problem) {
	var length string
	var chunked, coded, lengths, differ bool
	for i := range r.Header.Fields {
		switch f := &r.Header.Fields[i]; f.Known {
		case message.ContentLength:
			differ = differ || lengths && length != f.Value
			length, lengths = f.Value, true
		case message.TransferEncoding:
			coded = true
			for tok := range message.Tokens(f.Value) {
				chunked = message.EqualFold(tok, "chunked")
			}
		}
	}
	switch {
	case method == "HEAD", message.Bodyless(r.Status), method == "CONNECT" && r.Status < 300:
		return Framing{}, nil
	case coded && chunked:
		return Framing{Kind: Chunks, Length: -1, Close: lengths || r.Version < message.HTTP11}, nil
	case coded || !lengths:
		return Framing{Kind: UntilClose, Length: -1, Close: true}, nil
	case differ:
		return Framing{}, badLengthDiffer
	}
	n, ok := ParseLength(length)
	if !ok {
		return Framing{}, badLength
	}
	return Framing{Kind: Counted, Length: n}, nil
}

// ParseLength reads the value of a Content-Length: 1*DIGIT that fits an int64
// (RFC 9110, 8.6).
func ParseLength(s string) (int64, bool) {
	if s == "" || len(s) > 64 {
		return 0, false
	}
	var n int64
	for i := 0; i < len(s); i++ {
		d := s[i] - '0'
		if d > 9 || n > (1<<63-1-int64(d))/10 {
			return 0, false
		}
		n = n*10 + int64(d)
	}
	return n, true
}
