package h1

// Problem is why a message is refused. The values are package variables (see
// below): they are compared by identity and never allocated.
type Problem struct {
	Status int    // to answer: of a request to the client, of a response in its place
	ID     string // httpd's log number where it has one: "AH02418"
	Text   string // for the error log
	Close  bool   // the connection can't be used for another message
}

// Error makes a Problem an error for callers that carry it through readers.
func (p *Problem) Error() string { return p.Text }

// keep is refuse for what leaves the connection usable.
func keep(status int, id, text string) *Problem {
	return &Problem{Status: status, ID: id, Text: text}
}

func refuse(status int, id, text string) *Problem {
	return &Problem{Status: status, ID: id, Text: text, Close: true}
}

// What can be wrong with the head of a request.
var (
	problemLineCtl       = refuse(400, "AH03454", "HTTP Request Line; control character")
	problemLineLong      = refuse(414, "AH00565", "request failed: client's request-line exceeds LimitRequestLine")
	problemMethod        = refuse(400, "AH03445", "HTTP Request Line; Invalid method token")
	problemNoTarget      = refuse(400, "AH03454", "HTTP Request Line; no URI")
	problemHTTP09        = refuse(400, "AH02418", "HTTP Request Line; HTTP/0.9 is not served")
	problemSpaces        = refuse(400, "AH03448", "HTTP Request Line; Excess whitespace (disallowed by HttpProtocolOptions Strict)")
	problemVersion       = refuse(400, "AH02418", "HTTP Request Line; Unrecognized protocol (perhaps whitespace was injected?)")
	problemVersionHigh   = refuse(505, "AH02418", "HTTP Request Line; Unsupported major version")
	problemNotRegistered = refuse(501, "AH02423", "HTTP Request Line; Unrecognized HTTP method (disallowed by RegisteredMethods)")
	problemHeadShort     = refuse(400, "AH00567", "request failed: error reading the headers")
	problemBareLF        = refuse(400, "AH00567", "request failed: line ends in LF without CR")
	problemBareCR        = refuse(400, "AH00567", "request failed: CR without LF")
	problemFold          = refuse(400, "AH03442", "Line folding encountered in the request header")
	problemSpaceColon    = refuse(400, "AH02426", "Request header field name is malformed: white space before the colon")
	problemNoColon       = refuse(400, "AH02426", "Request header field is malformed: no colon")
	problemName          = refuse(400, "AH02426", "Request header field name is malformed")
	problemValueCtl      = refuse(400, "AH02427", "Request header value is malformed")
	problemFieldLong     = refuse(431, "AH00561", "Request header exceeds LimitRequestFieldSize")
	problemFieldsMany    = refuse(431, "AH00563", "Number of request headers exceeds LimitRequestFields")
)

// What can be wrong with a target, its authority and its path.
var (
	problemTarget    = refuse(400, "AH03450", "HTTP Request Line; Unable to parse URI")
	problemFragment  = refuse(400, "AH02421", "HTTP Request Line; URI must not contain a fragment")
	problemUserinfo  = refuse(400, "AH02422", "HTTP Request Line; URI must not contain a username/password")
	problemAuthority = refuse(400, "AH00550", "invalid authority in the request target")
	problemNoHost    = refuse(400, "AH00569", "client sent HTTP/1.1 request without hostname")
	problemHost      = refuse(400, "AH00550", "Client sent malformed Host header")
	problemHostTwice = refuse(400, "AH00550", "client sent more than one Host header")
	problemPath      = keep(400, "AH10244", "invalid URI path")
	problemSlash     = keep(404, "AH00026", "found %2f (encoded '/') in URI path, returning 404")
	problemNUL       = keep(404, "AH00026", "found %00 in URI path, returning 404")
)

// What can be wrong with the framing of a request (RFC 9112 §6).
var (
	problemBothFramings = refuse(400, "AH10242", "client sent both Content-Length and Transfer-Encoding")
	problemLength       = refuse(400, "AH10242", "client sent invalid Content-Length")
	problemCoding       = refuse(501, "AH02539", "client sent unknown Transfer-Encoding")
	problemNotChunked   = refuse(400, "AH02539", "client sent Transfer-Encoding that does not end in chunked")
	problemCoding10     = refuse(400, "AH02539", "client sent Transfer-Encoding in an HTTP/1.0 request")
)

// What can be wrong with a chunked body.
var (
	problemChunk        = refuse(400, "", "malformed chunk")
	problemChunkSize    = refuse(413, "", "chunk size out of range")
	problemChunkLine    = refuse(413, "", "chunk extension too long")
	problemTrailerLong  = refuse(400, "", "trailer section too long")
	problemTrailerField = refuse(400, "", "malformed trailer section")
)

// What can be wrong with a response of a backend. 502 is what the client gets.
var (
	badStatusLine   = refuse(502, "AH01101", "Corrupt status line returned by remote server")
	badHeader       = refuse(502, "AH01106", "bad HTTP header returned by remote server")
	badHeaderNUL    = refuse(502, "AH10404", "NUL in a header returned by remote server")
	badHeaderLong   = refuse(502, "AH10124", "header too long after folding")
	badHeaderName   = refuse(500, "AH02429", "Response header name contains invalid characters, aborting request")
	badHeaderEmpty  = refuse(500, "AH02428", "Empty response header name, aborting request")
	badHeaderValue  = refuse(500, "AH02430", "Response header value contains invalid characters, aborting request")
	badLength       = refuse(502, "", "malformed Content-Length returned by remote server")
	badLengthDiffer = refuse(502, "", "several different Content-Lengths returned by remote server")
	badHeadShort    = refuse(502, "AH01106", "header of remote server ends before its blank line")
)
