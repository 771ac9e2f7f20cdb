package core

import (
	"math"

	"sallyport/internal/conf"
)

// Where directives may stand; AllowOverride's place is checked by its setter.
const (
	top      = conf.InServer
	servers  = conf.Servers
	anywhere = conf.Anywhere | conf.InHtaccess
	sections = conf.Sections
)

// directives is the room's table, by subject.
var directives = []conf.Directive{
	// Names (names.go).
	{Name: "ServerName", In: servers, Args: conf.One, Help: "host name this server goes by, with scheme and port if it wants", Set: Server.Do(setServerName)},
	{Name: "ServerAlias", In: conf.InVHost, Args: conf.Many, Help: "further names of a virtual host; * and ? are wildcards", Set: Server.Do(setServerAlias)},
	{Name: "ServerPath", In: servers, Args: conf.One, Help: "path by which clients without a Host field reach a virtual host", Set: Server.Text(func(s *ServerConf) *conf.Opt[string] { return &s.Path })},
	{Name: "ServerAdmin", In: servers, Args: conf.One, Help: "mail address for error pages", Set: Server.Text(func(s *ServerConf) *conf.Opt[string] { return &s.Admin })},
	{Name: "DocumentRoot", In: servers, Args: conf.One, Help: "directory that local files are served from", Set: Server.Do(setDocumentRoot)},
	{Name: "PidFile", In: top, Args: conf.One, Help: "file to write the process number to", Set: Process.Do(setPidFile)},
	{Name: "DefaultRuntimeDir", In: servers, Args: conf.One, Help: "directory of files that live as long as the process", Set: Process.Do(setRuntimeDir)},
	{Name: "UseCanonicalName", In: anywhere, Args: conf.One, Help: "whose name stands in URLs made here: the client's (off), ServerName (on), the address's (dns)", Set: Dir.Do(setCanonicalName)},
	{Name: "UseCanonicalPhysicalPort", In: anywhere, Args: conf.One, Help: "whether the port of the connection may stand in URLs made here", Set: Dir.Do(setPhysicalPort)},
	{Name: "HostnameLookups", In: anywhere, Args: conf.One, Help: "look up names of clients: off, on, or double to check them back", Set: Dir.Do(setLookups)},
	{Name: "ServerSignature", In: anywhere, Args: conf.One, Help: "a line about the server below error pages: off, on, email", Set: Dir.Do(setSignature)},
	{Name: "ServerTokens", In: top, Args: conf.One, Help: "how much the Server field tells: Prod, Major, Minor, Min, OS, Full", Set: Process.Do(setTokens)},

	// Listening (listen.go).
	{Name: "Listen", In: top, Args: conf.Many, Help: "port, or address:port, and the protocol spoken there", Set: Process.Do(setListen)},
	{Name: "AcceptFilter", In: top, Args: conf.Two, Help: "a protocol of Listen, and none: its connections are handed over before they bring a byte", Set: Process.Do(setAcceptFilter)},
	{Name: "ListenTCPDeferAccept", In: top, Args: conf.One, Help: "seconds after which a connection is handed over without having brought a byte", Set: Process.Do(setDeferAccept)},
	{Name: "ListenBacklog", In: top, Args: conf.One, Help: "how many connections may wait to be accepted", Set: Process.Do(setBacklog)},
	{Name: "SendBufferSize", In: top, Args: conf.One, Help: "bytes of the system's send buffer; 0 for its own choice", Set: buffer(func(p *ProcessConf) *conf.Opt[int] { return &p.SendBuffer })},
	{Name: "ReceiveBufferSize", In: top, Args: conf.One, Help: "bytes of the system's receive buffer; 0 for its own choice", Set: buffer(func(p *ProcessConf) *conf.Opt[int] { return &p.RecvBuffer })},
	{Name: "Protocols", In: servers, Args: conf.Many, Help: "protocols clients may speak, best first: h3, h2, h2c, http/1.1", Set: Server.Do(setProtocols)},
	{Name: "ProtocolsHonorOrder", In: servers, Args: conf.One, Help: "the order of Protocols counts, not the client's", Set: Server.Do(setOrder)},

	// Time and limits (limits.go).
	{Name: "Timeout", In: servers, Args: conf.One, Help: "how long to wait for a peer to send or take something", Set: Server.Do(setTimeout)},
	{Name: "KeepAlive", In: servers, Args: conf.Flag, Help: "more than one request per connection", Set: Server.Flag(func(s *ServerConf) *conf.Opt[bool] { return &s.KeepAlive })},
	{Name: "KeepAliveTimeout", In: servers, Args: conf.One, Help: "how long to wait for the next request", Set: Server.Do(setKeepAliveTimeout)},
	{Name: "MaxKeepAliveRequests", In: servers, Args: conf.One, Help: "requests per connection; 0 for no limit", Set: count(func(s *ServerConf) *conf.Opt[int] { return &s.MaxKeepAlive }, math.MinInt, "")},
	{Name: "LimitRequestLine", In: servers, Args: conf.One, Help: "bytes in a request line", Set: count(func(s *ServerConf) *conf.Opt[int] { return &s.Line }, 0, `LimitRequestLine "%s" must be a non-negative integer`)},
	{Name: "LimitRequestFields", In: servers, Args: conf.One, Help: "header fields in a request; 0 for no limit", Set: count(func(s *ServerConf) *conf.Opt[int] { return &s.Fields }, 0, `LimitRequestFields "%s" must be a non-negative integer (0 = no limit)`)},
	{Name: "LimitRequestFieldSize", In: servers, Args: conf.One, Help: "bytes in a header field of a request", Set: count(func(s *ServerConf) *conf.Opt[int] { return &s.FieldSize }, 0, `LimitRequestFieldsize "%s" must be a non-negative integer`)},
	{Name: "LimitRequestBody", In: anywhere, Args: conf.One, Help: "bytes in the body of a request that is served here; 0 for no limit", Set: Dir.Do(setLimitBody)},
	{Name: "LimitInternalRecursion", In: servers, Args: conf.OneTwo, Help: "internal redirects of one request, and subrequests", Set: Server.Do(setRecursion)},
	{Name: "HttpProtocolOptions", In: servers, Args: conf.Each, Help: "Strict or Unsafe, LenientMethods or RegisteredMethods, Require1.0 or Allow0.9", Set: Server.Do(setProtocolOptions)},
	{Name: "RegisterHttpMethod", In: top, Args: conf.Each, Help: "methods that RegisteredMethods lets pass too", Set: Process.Do(setMethod)},
	{Name: "TraceEnable", In: servers, Args: conf.One, Help: "what becomes of TRACE: on, off, extended", Set: Server.Do(setTrace)},
	{Name: "AllowEncodedSlashes", In: servers, Args: conf.One, Help: "what becomes of %2F in a path: Off refuses, On decodes, NoDecode keeps it", Set: Server.Do(setEncodedSlashes)},
	{Name: "MergeSlashes", In: servers, Args: conf.Flag, Help: "runs of slashes in a path count as one", Set: Server.Flag(func(s *ServerConf) *conf.Opt[bool] { return &s.MergeSlashes })},
	{Name: "StrictHostCheck", In: servers, Args: conf.Flag, Help: "refuse hosts that no virtual host names", Set: Server.Flag(func(s *ServerConf) *conf.Opt[bool] { return &s.StrictHost })},
	{Name: "GracefulShutdownTimeout", In: top, Args: conf.One, Help: "seconds that exchanges under way get when the server stops; 0 for as long as they take", Set: Process.Do(setGraceful)},

	// Sections and files (sections.go).
	{Name: "Options", In: anywhere, Args: conf.Many, Help: "what may be served: Indexes, FollowSymLinks, SymLinksIfOwnerMatch, … All or None", Set: Dir.Do(setOptions)},
	{Name: "AllowOverride", In: sections, Args: conf.Many, Help: "None: .htaccess files are not read", Set: Dir.Do(setAllowOverride)},
	{Name: "AllowOverrideList", In: sections, Args: conf.Many, Help: "None: .htaccess files are not read", Set: Dir.Do(setOverrideList)},
	{Name: "ErrorDocument", In: anywhere, Args: conf.Two, Help: "a status, and the path, URL or text to answer it with", Set: Dir.Do(setErrorDocument)},
	{Name: "SetHandler", In: anywhere, Args: conf.One, Help: "handler of everything here, or None", Set: Dir.Do(setHandler)},
	{Name: "ForceType", In: anywhere, Args: conf.One, Help: "media type of everything here, or None", Set: wordOrNone(func(d *DirConf) *conf.Opt[string] { return &d.ForceType })},
	{Name: "AddDefaultCharset", In: anywhere, Args: conf.One, Help: "charset added to text/plain and text/html that name none; Off, On or a name", Set: Dir.Do(setCharset)},
	{Name: "AcceptPathInfo", In: anywhere, Args: conf.One, Help: "whether a path may go on behind a file: on, off, default", Set: Dir.Do(setPathInfo)},
	{Name: "FileETag", In: anywhere, Args: conf.Many, Help: "what an ETag is made of: INode, MTime, Size, Digest, All, None", Set: Dir.Do(setETag)},
	{Name: "EnableSendfile", In: anywhere, Args: conf.One, Help: "let the system send files", Set: Dir.Do(setSendfile)},
	{Name: "MaxRanges", In: anywhere, Args: conf.One, Help: "ranges in a request before the whole file is sent", Set: ranges(200, 1, func(d *DirConf) *conf.Opt[int] { return &d.Ranges })},
	{Name: "MaxRangeOverlaps", In: anywhere, Args: conf.One, Help: "overlapping ranges before the whole file is sent", Set: ranges(20, 1, func(d *DirConf) *conf.Opt[int] { return &d.Overlaps })},
	{Name: "MaxRangeReversals", In: anywhere, Args: conf.One, Help: "ranges out of order before the whole file is sent", Set: ranges(20, 1, func(d *DirConf) *conf.Opt[int] { return &d.Reversals })},

	// Logs (logs.go).
	{Name: "ErrorLog", In: servers, Args: conf.One, Help: "file, |program or syslog that errors are logged to", Set: Server.Do(setErrorLog)},
	{Name: "ErrorLogFormat", In: servers, Args: conf.OneTwo, Help: "form of a line of the error log", Set: Server.Do(setLogFormat)},
	{Name: "LogLevel", In: anywhere, Args: conf.Each, Help: "what is worth logging: a level, or module:level", Set: Dir.Do(setLogLevel)},

	// Accepted without effect (accepted.go).
	Accept("AccessFileName", servers, conf.Many, "names of .htaccess files", whyNoHtaccess, nil),
	Accept("EnableMMAP", anywhere, conf.One, "map files into memory", "files are sent by the system or read, never mapped", checkOnOff),
	Accept("ContentDigest", anywhere, conf.Flag, "add Content-MD5 fields", "Content-MD5 is no field of HTTP any more (RFC 7231, appendix B)", nil),
	Accept("QualifyRedirectURL", anywhere, conf.Flag, "write REDIRECT_URL with scheme and host", "REDIRECT_URL always holds a path", nil),
	Accept("CGIPassAuth", sections, conf.Flag, "give programs the Authorization field", whyNoCGI, nil),
	Accept("CGIVar", anywhere, conf.Two, "how variables of programs are made", whyNoCGI, nil),
	Accept("RLimitCPU", anywhere, conf.OneTwo, "seconds of processor time for programs", whyNoCGI, nil),
	Accept("RLimitMEM", anywhere, conf.OneTwo, "bytes of memory for programs", whyNoCGI, nil),
	Accept("RLimitNPROC", anywhere, conf.OneTwo, "number of programs per user", whyNoCGI, nil),
	Accept("LimitXMLRequestBody", anywhere, conf.One, "bytes of XML in a request", "Sallyport has no WebDAV", checkXMLBody),
	Accept("ReadBufferSize", anywhere, conf.One, "bytes read at a time", whyBuffers, checkUint),
	Accept("FlushMaxThreshold", servers, conf.One, "bytes held back at most", whyBuffers, checkUint),
	Accept("FlushMaxPipelined", servers, conf.One, "responses held back at most", whyBuffers, checkFlush),
	Accept("ListenCoresBucketsRatio", top, conf.One, "processor cores per listening socket", "Go spreads connections over the cores", checkPositive),
	Accept("Protocol", servers, conf.One, "protocol of a server", "Listen and Protocols say it", nil),
	Accept("Mutex", top, conf.Many, "how processes keep out of each other's way", whyOneProcess, checkMutex),
	Accept("ScoreBoardFile", top, conf.One, "file in which processes meet", whyOneProcess, nil),
	Accept("CoreDumpDirectory", top, conf.One, "directory of core dumps", "the directory Sallyport was started in stays", checkDumpDir),
	Accept("MaxMemFree", top, conf.One, "KiB a process may keep", whyMemory, checkSize),
	Accept("ThreadStackSize", top, conf.One, "bytes of stack per thread", whyMemory, checkSize),
	{Name: "ExtendedStatus", In: top, Args: conf.Flag, Help: "count requests for server-status; On where mod_status is loaded", Set: Process.Flag(func(p *ProcessConf) *conf.Opt[bool] { return &p.ExtendedStatus })},
	{Name: "SeeRequestTail", In: top, Args: conf.Flag, Help: "show the end of long request lines on server-status, not the beginning", Set: Process.Flag(func(p *ProcessConf) *conf.Opt[bool] { return &p.RequestTail })},
	{Name: "SetOutputFilter", In: anywhere, Args: conf.One, Help: "filters of responses: there are none; DEFLATE and BROTLI_COMPRESS may be named", Set: setFilter},
	{Name: "SetInputFilter", In: anywhere, Args: conf.One, Help: "filters of request bodies: there are none", Set: setFilter},
	{Name: "MergeTrailers", In: servers, Args: conf.Flag, Help: "make trailers part of the header", Set: warnMergeTrailers},
	{Name: "RegexDefaultOptions", In: top, Args: conf.Many, Help: "options of all regular expressions", Set: checkRegexOptions},
	{Name: "NameVirtualHost", In: servers, Args: conf.One, Help: "of old", Set: warnNameVirtualHost},
	{Name: "DefaultType", In: anywhere, Args: conf.One, Help: "of old", Set: warnDefaultType},
	{Name: "Port", In: servers, Args: conf.One, Help: "of old", Set: refusePort},
}
