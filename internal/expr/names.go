package expr

import "strings"

// Variable is one of the built-in variables.
type Variable uint8

// The variables, in the manual's order. The time variables are local time.
const (
	HTTPAccept Variable = iota
	HTTPCookie
	HTTPForwarded
	HTTPHost
	HTTPProxyConnection
	HTTPReferer
	HTTPUserAgent
	RequestMethod
	RequestScheme
	RequestURI
	DocumentURI
	RequestFilename
	ScriptFilename
	LastModified
	ScriptUser
	ScriptGroup
	PathInfo
	QueryString
	IsSubreq
	TheRequest
	RemoteAddr
	RemotePort
	RemoteHost
	RemoteUser
	RemoteIdent
	ServerName
	ServerPort
	ServerAdmin
	ServerProtocol
	DocumentRoot
	AuthType
	ContentType
	Handler
	HTTP2
	HTTPS
	IPv6
	RequestStatus
	RequestLogID
	ConnLogID
	ConnRemoteAddr
	ContextPrefix
	ContextDocumentRoot
	TimeYear
	TimeMon
	TimeDay
	TimeHour
	TimeMin
	TimeSec
	TimeWday
	Time
	ServerSoftware
	APIVersion
	numVariables
)

var variableNames = [numVariables]string{
	"HTTP_ACCEPT", "HTTP_COOKIE", "HTTP_FORWARDED", "HTTP_HOST", "HTTP_PROXY_CONNECTION",
	"HTTP_REFERER", "HTTP_USER_AGENT", "REQUEST_METHOD", "REQUEST_SCHEME", "REQUEST_URI",
	"DOCUMENT_URI", "REQUEST_FILENAME", "SCRIPT_FILENAME", "LAST_MODIFIED", "SCRIPT_USER",
	"SCRIPT_GROUP", "PATH_INFO", "QUERY_STRING", "IS_SUBREQ", "THE_REQUEST", "REMOTE_ADDR",
	"REMOTE_PORT", "REMOTE_HOST", "REMOTE_USER", "REMOTE_IDENT", "SERVER_NAME", "SERVER_PORT",
	"SERVER_ADMIN", "SERVER_PROTOCOL", "DOCUMENT_ROOT", "AUTH_TYPE", "CONTENT_TYPE", "HANDLER",
	"HTTP2", "HTTPS", "IPV6", "REQUEST_STATUS", "REQUEST_LOG_ID", "CONN_LOG_ID",
	"CONN_REMOTE_ADDR", "CONTEXT_PREFIX", "CONTEXT_DOCUMENT_ROOT", "TIME_YEAR", "TIME_MON",
	"TIME_DAY", "TIME_HOUR", "TIME_MIN", "TIME_SEC", "TIME_WDAY", "TIME", "SERVER_SOFTWARE",
	"API_VERSION",
}

// String gives the variable's name.
func (v Variable) String() string { return variableNames[v] }

// LookupVariable finds a variable by its name, in any case.
func LookupVariable(name string) (Variable, bool) {
	for i, n := range variableNames {
		if strings.EqualFold(n, name) {
			return Variable(i), true
		}
	}
	return 0, false
}

// Function is one of the functions that Vars runs.
type Function uint8

// The functions. Req notes the field's name for Vary, ReqNoVary does not.
const (
	Req Function = iota
	ReqNoVary
	Resp
	ReqEnv
	OSEnv
	Note
	Env      // note, then environment, then the process's
	File     // the contents of a file
	FileSize // in bytes, "0" where there is none
	HC       // of a health check: hc('body')
	// PeerExt is PeerExtList, which stands behind "in" alone: the values of an
	// extension of the client's certificate by its OID, a NUL behind each.
	PeerExt
)

var functionNames = map[string]Function{
	"req": Req, "http": Req, "req_novary": ReqNoVary, "resp": Resp, "reqenv": ReqEnv,
	"osenv": OSEnv, "note": Note, "env": Env, "file": File, "filesize": FileSize,
}

// Test is a unary operator on a file or URL, named by its letter.
type Test byte

// The tests.
const (
	IsDir     Test = 'd'
	Exists    Test = 'e'
	IsFile    Test = 'f'
	NotEmpty  Test = 's'
	IsLink    Test = 'L' // also -h
	IsExec    Test = 'x'
	FileReach Test = 'F' // a file that may be served
	URLReach  Test = 'U' // a URL that may be served; also -A
)
