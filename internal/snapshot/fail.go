package snapshot

import (
	"strconv"
	"strings"

	"sallyport/internal/exchange"
	"sallyport/internal/message"
)

// Fail implements exchange.Runner: it answers an error, or another status
// without content of its own, as httpd's ap_die does: the ErrorDocument of the
// Place, or the default page.
func (s *Snapshot) Fail(x *exchange.Exchange, status int) {
	if x.Begun {
		return
	}
	if status < 100 || status > 999 {
		status = 500
	}
	switch status {
	case 400, 408, 411, 413, 414, 431, 500, 501, 503:
		// httpd ends the connection with these (ap_status_drops_connection).
		x.KeepAlive = false
	}
	if x.Place == nil {
		x.Place = x.Server.Base
	}
	doc, ok := x.Place.Core.ErrorDocuments[status]
	if x.Prev != nil && x.Prev.Failing != 0 && (ok || status >= 400) {
		// The ErrorDocument itself failed: the first status stays, and the
		// default page says so.
		//
		// Unlike httpd: the page names what failed with the document, and not
		// once more the first error, because that is what must be found.
		s.page(x, x.Prev.Failing, "<p>Additionally, a "+strconv.Itoa(status)+" "+message.ReasonOf(status)+
			"\nerror was encountered while trying to use an ErrorDocument to handle the request.</p>\n")
		return
	}
	if !ok {
		s.page(x, status, "")
		return
	}
	if doc.Make != nil {
		// %{REQUEST_STATUS} is this one; the head is made afterwards.
		before := x.Out.Status
		x.Out.Status = status
		doc.Value = doc.Make(x)
		x.Out.Status = before
	}
	switch doc.Kind {
	case 't':
		s.text(x, status, doc.Value)
	case 'u':
		x.Always.Set("Location", doc.Value)
		s.page(x, 302, "")
	case 'p':
		s.document(x, status, doc.Value)
	default:
		s.page(x, status, "")
	}
}

// document serves an error by a local URL: the request becomes a GET of it,
// and the answer carries the error's status.
//
// Unlike httpd: an ErrorDocument that is fetched from a backend keeps the
// error's status too, because a broken page must not look like a good one.
func (s *Snapshot) document(x *exchange.Exchange, status int, url string) {
	x.Out.Status = status
	x.Env.Set("REQUEST_METHOD", x.Request.Method)
	if x.Request.Method != "GET" && x.Request.Method != "HEAD" {
		x.Request.Method = "GET"
	}
	// The error's request has had its body; the page is asked for without.
	x.Request.Body = message.Body{}
	x.Request.Header.DelKnown(message.ContentLength)
	x.Request.Header.DelKnown(message.TransferEncoding)
	x.Request.Header.DelKnown(message.Expect)
	v := s.redirectFor(x, status, url)
	switch {
	case v == exchange.Done || v == exchange.OK || x.Begun:
	case v == exchange.Declined:
		s.Fail(x, 404)
	default:
		s.Fail(x, int(v))
	}
}

// redirectFor is Redirect on behalf of a failed request: STATUS and ERROR_NOTES
// go along, and the status stays whatever the page answers.
func (s *Snapshot) redirectFor(x *exchange.Exchange, status int, url string) exchange.Verdict {
	if n, ok := x.Notes.Get("error-notes"); ok {
		x.Env.Set("ERROR_NOTES", n)
	}
	x.Env.Set("STATUS", strconv.Itoa(status))
	x.KeepStatus = status
	return s.redirect(x, url, status)
}

// text answers with the text of an ErrorDocument.
func (s *Snapshot) text(x *exchange.Exchange, status int, text string) {
	s.errorHead(x, status)
	sendText(x, text)
}

// sendText sends the head in Out with an HTML text. HEAD learns no length, as
// from httpd.
func sendText(x *exchange.Exchange, text string) {
	x.Out.Header.Set("Content-Type", "text/html; charset=iso-8859-1")
	x.Out.Body.Length = int64(len(text))
	if x.Request.Method == "HEAD" {
		x.Out.Body.Length = -1
	}
	if x.Begin() == nil && !message.Bodyless(x.Out.Status) {
		x.Write([]byte(text))
	}
}

// errorHead makes Out the head of an answer of our own: what was meant for the
// page that failed goes, what holds always stays (ap_send_error_response).
func (s *Snapshot) errorHead(x *exchange.Exchange, status int) {
	var location string
	if status >= 300 && status < 400 || status == 201 {
		location, _ = x.Out.Header.Known(message.Location)
	}
	reason := x.Out.Reason
	keep := x.Out.Status == status && reason != ""
	x.Restart()
	x.Out.Status = status
	x.Out.Reason = message.ReasonOf(status)
	if keep {
		x.Out.Reason = reason
	}
	x.Out.Header.Fields = append(x.Out.Header.Fields, x.Always.Fields...)
	x.Always.Reset()
	if location != "" && !x.Out.Header.Has(message.Location) {
		x.Out.Header.Add("Location", location)
	}
	x.OwnError = true
}

// page answers with the default page of a status.
func (s *Snapshot) page(x *exchange.Exchange, status int, extra string) {
	s.errorHead(x, status)
	if message.Bodyless(status) {
		x.Out.Body.Length = 0
		x.Begin()
		return
	}
	var b strings.Builder
	title := x.Out.Reason
	if r := message.ReasonOf(status); title == "" {
		title = r
	}
	b.WriteString(doctype)
	b.WriteString("<html><head>\n<title>")
	b.WriteString(strconv.Itoa(status))
	b.WriteByte(' ')
	b.WriteString(escape(title))
	b.WriteString("</title>\n</head><body>\n<h1>")
	b.WriteString(escape(title))
	b.WriteString("</h1>\n")
	b.WriteString(explain(x, status))
	b.WriteString(extra)
	b.WriteString(signature(x))
	b.WriteString("</body></html>\n")
	sendText(x, b.String())
}

const doctype = "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\" \"http://www.w3.org/TR/html4/strict.dtd\">\n"

// signature is ServerSignature's line.
func signature(x *exchange.Exchange) string {
	kind := x.Place.Core.Signature
	if kind == "" {
		return ""
	}
	host, port := x.SelfHost()
	if port == 0 {
		port = 80
		if x.Client.TLS != nil {
			port = 443
		}
	}
	name := escape(host)
	if kind == "email" {
		name = "<a href=\"mailto:" + escape(x.Server.Admin) + "\">" + name + "</a>"
	}
	return "<hr>\n<address>" + escape(x.ServerToken()) + " Server at " + name + " Port " + strconv.Itoa(int(port)) + "</address>\n"
}

func escape(s string) string { return escaper.Replace(s) }

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\"", "&quot;")

// explain is the paragraph of a status on the default page. A room that knows
// more leaves it in the note "error-notes" (HTML).
func explain(x *exchange.Exchange, status int) string {
	notes, _ := x.Notes.Get("error-notes")
	switch status {
	case 301, 302, 303, 307, 308:
		loc, _ := x.Out.Header.Known(message.Location)
		if status == 303 {
			return "<p>The answer to your request is located <a href=\"" + escape(loc) + "\">here</a>.</p>\n"
		}
		return "<p>The document has moved <a href=\"" + escape(loc) + "\">here</a>.</p>\n"
	case 400:
		return "<p>Your browser sent a request that this server could not understand.<br />\n" + notes + "</p>\n"
	case 502:
		if notes == "" {
			notes = "<p>The proxy server received an invalid\nresponse from an upstream server.<br />\n</p>\n"
			return notes
		}
		return "<p>The proxy server received an invalid\nresponse from an upstream server.<br />\n" + notes + "</p>\n"
	case 500:
		p := "<p>The server encountered an internal error or\nmisconfiguration and was unable to complete\nyour request.</p>\n" +
			"<p>Please contact the server administrator at \n " + escape(x.Server.Admin) +
			" to inform them of the time this error occurred,\n and the actions you performed just before this error.</p>\n" +
			"<p>More information about this error may be available\nin the server error log.</p>\n"
		if notes != "" {
			return notes
		}
		return p
	case 405:
		return "<p>The requested method " + escape(x.Request.Method) + " is not allowed for this URL.</p>\n"
	case 501:
		return "<p>" + escape(x.Request.Method) + " not supported for current URL.<br />\n" + notes + "</p>\n"
	}
	if t, ok := explanations[status]; ok {
		return "<p>" + t + notes + "</p>\n"
	}
	if notes != "" {
		return notes
	}
	return "<p>The server could not complete your request (status " + strconv.Itoa(status) + ").</p>\n"
}

// explanations are one sentence each on what the status means for the reader.
var explanations = map[int]string{
	401: "This server could not verify that you\nare authorized to access the document\nrequested.  Either you supplied the wrong\ncredentials (e.g., bad password), or your\nbrowser doesn't understand how to supply\nthe credentials required.",
	403: "You don't have permission to access this resource.",
	404: "The requested URL was not found on this server.",
	407: "The proxy in front of this resource wants to know who is asking.",
	408: "Server timeout waiting for the HTTP request from the client.",
	410: "The resource that was here is gone, and no forwarding address is known.",
	411: "A request of this method needs a Content-Length here.",
	412: "The precondition of the request does not hold for this URL.",
	413: "The content of the request is larger than this server takes for this resource.",
	414: "The requested URL's length exceeds the capacity\nlimit for this server.",
	415: "The content of the request is of a type that this resource does not take.",
	416: "None of the requested ranges lies within the resource.",
	417: "The expectation given in the Expect request-header\nfield could not be met by this server.",
	421: "This server does not answer for the name in the request.",
	425: "The request came before the connection was known to be safe from replay.",
	426: "This resource is only available over another protocol: see the Upgrade field.",
	431: "A header field of the request is larger than this server takes.",
	503: "The server is temporarily unable to service your\nrequest due to maintenance downtime or capacity\nproblems. Please try again later.",
	504: "The gateway did not receive a timely response\nfrom the upstream server or application.",
	505: "The HTTP version of the request is not supported.",
}
