package files

import (
	"crypto/sha1"
	"encoding/base64"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"sallyport/internal/exchange"
	"sallyport/internal/message"
)

// etagParts is FileETag: what an entity tag is made of.
type etagParts struct{ inode, mtime, size, digest bool }

// parseETag reads exchange.DirSettings.FileETag.
func parseETag(s string) (e etagParts) {
	if s == "" {
		return etagParts{mtime: true, size: true}
	}
	for _, w := range strings.Fields(s) {
		switch strings.ToLower(w) {
		case "inode":
			e.inode = true
		case "mtime":
			e.mtime = true
		case "size":
			e.size = true
		case "digest":
			e.digest = true
		case "all":
			e.inode, e.mtime, e.size = true, true, true
		}
	}
	return e
}

// tag makes the entity tag of an open file as httpd does (ap_make_etag):
// numbers in hex, the time in microseconds; weak while the file is younger
// than a second, for then it may change again without showing it. "" when
// FileETag is None.
func (e etagParts) tag(f *os.File, fi fs.FileInfo, now time.Time) (string, error) {
	if e.digest {
		h := sha1.New()
		if _, err := io.Copy(h, io.NewSectionReader(f, 0, fi.Size())); err != nil {
			return "", err
		}
		return `"` + base64.StdEncoding.EncodeToString(h.Sum(nil)) + `"`, nil
	}
	if !e.inode && !e.mtime && !e.size {
		return "", nil
	}
	b := make([]byte, 0, 48)
	if now.Sub(fi.ModTime()) <= time.Second {
		b = append(b, "W/"...)
	}
	b = append(b, '"')
	number := func(v uint64) {
		if b[len(b)-1] != '"' {
			b = append(b, '-')
		}
		b = strconv.AppendUint(b, v, 16)
	}
	if e.inode {
		number(inode(fi))
	}
	if e.size {
		number(uint64(fi.Size()))
	}
	if e.mtime {
		number(uint64(fi.ModTime().UnixMicro()))
	}
	return string(append(b, '"')), nil
}

// contentType is what x's Content-Type will be, default charset included; ""
// when nothing is known.
func (w *place) contentType(x *exchange.Exchange) string {
	if v, ok := x.Out.Header.Known(message.ContentType); ok {
		return w.withCharset(v)
	}
	if v, ok := x.Always.Known(message.ContentType); ok {
		return w.withCharset(v)
	}
	return w.withCharset(x.Type.Media)
}

// withCharset adds the charset of AddDefaultCharset to a type that names none.
// As in httpd that is done for text/html and text/plain only.
func (w *place) withCharset(media string) string {
	if w.core.Charset == "" {
		return media
	}
	base, rest, _ := strings.Cut(media, ";")
	base = strings.TrimSpace(base)
	if !message.EqualFold(base, "text/html") && !message.EqualFold(base, "text/plain") ||
		strings.Contains(strings.ToLower(rest), "charset=") {
		return media
	}
	return media + "; charset=" + w.core.Charset
}

// finish adds to a response what httpd's header filter adds to any: type,
// encoding and languages that the type checker found. A type that is in the
// header comes before the checker's: what is proxied has the backend's.
func (w *place) finish(x *exchange.Exchange) exchange.Verdict {
	t := &x.Type
	if x.OwnError || message.Bodyless(x.Out.Status) ||
		w.core.Charset == "" && t.Media == "" && t.Encoding == "" && t.Languages == nil {
		return exchange.Declined
	}
	h := &x.Out.Header
	if v, ok := h.Known(message.ContentType); ok {
		if with := w.withCharset(v); with != v {
			h.Set("Content-Type", with)
		}
	} else if v, ok := x.Always.Known(message.ContentType); ok {
		if with := w.withCharset(v); with != v {
			x.Always.Set("Content-Type", with)
		}
	} else if t.Media != "" {
		h.AddKnown(message.ContentType, w.withCharset(t.Media))
	}
	if t.Encoding != "" {
		h.Set("Content-Encoding", t.Encoding)
	}
	if t.Languages != nil {
		h.Set("Content-Language", languages(t.Languages, h))
	}
	return exchange.Declined
}

// languages joins the checker's languages with those in the header that it
// did not find. httpd puts no blank behind the commas.
func languages(found []string, h *message.Header) string {
	old, ok := h.Joined("Content-Language")
	if !ok && len(found) == 1 {
		return found[0]
	}
	all := strings.Join(found, ",")
	for tag := range message.Tokens(old) {
		if !message.HasToken(all, tag) {
			all += "," + tag
		}
	}
	return all
}
