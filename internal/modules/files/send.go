package files

import (
	"crypto/rand"
	"encoding/hex"
	"io"
	"io/fs"
	"os"
	"strconv"
	"time"

	"sallyport/internal/buffer"
	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/httpdate"
	"sallyport/internal/message"
	"sallyport/internal/storage"
)

// send opens the file and answers with it, parts of it, or that the client
// has it already.
func (w *place) send(x *exchange.Exchange) exchange.Verdict {
	f, fi, v := storage.Open(x)
	if v != exchange.OK {
		return v
	}
	defer f.Close()
	val, err := w.describe(x, f, fi)
	if err != nil {
		x.LogErr(errorlog.Error, "core", err, "reading %s failed", x.Mapped.Path)
		return exchange.Status(500)
	}
	size := fi.Size()
	x.Out.Status = 200
	if x.KeepStatus == 0 { // an error page has no conditions and no parts
		if status := precondition(x, val); status != 0 {
			x.Out.Status = status
			x.Out.Body.Length = 0
			x.Begin()
			return exchange.Done
		}
		if spans, ok := w.wanted(x, size); ifRange(x, val) {
			switch {
			case !ok:
				// RFC 9110 §15.5.17; httpd does not tell the size.
				x.Always.Set("Content-Range", "bytes */"+strconv.FormatInt(size, 10))
				return exchange.Status(416)
			case len(spans) == 1:
				x.Out.Status = 206
				x.Out.Header.AddKnown(message.ContentRange, spans[0].contentRange(size))
				return w.one(x, f, spans[0])
			case len(spans) > 1:
				x.Out.Status = 206
				return w.many(x, f, spans, size)
			}
		}
	}
	return w.one(x, f, span{0, size - 1})
}

// describe adds the fields that describe the file, and returns the validators
// among them.
func (w *place) describe(x *exchange.Exchange, f *os.File, fi fs.FileInfo) (validators, error) {
	tag, err := w.etag.tag(f, fi, x.Received)
	if err != nil {
		return validators{}, err
	}
	val := validators{etag: tag, mtime: fi.ModTime().Truncate(time.Second), now: x.Received}
	if val.mtime.After(val.now) {
		val.mtime = val.now.Truncate(time.Second)
	}
	h := &x.Out.Header
	h.Set("Last-Modified", val.mtime.UTC().Format(httpdate.Layout))
	if tag != "" {
		h.Set("ETag", tag)
	}
	if w.core.MaxRanges < 0 {
		h.Set("Accept-Ranges", "none")
	} else {
		h.Set("Accept-Ranges", "bytes")
	}
	return val, nil
}

// one sends one stretch of the file.
func (w *place) one(x *exchange.Exchange, f *os.File, s span) exchange.Verdict {
	x.Out.Body.Length = s.size()
	if x.Begin() == nil && x.Request.Method != "HEAD" {
		w.copy(x, f, s)
	}
	return exchange.Done
}

// many sends several stretches as multipart/byteranges (RFC 9110 §14.6),
// spelt as httpd does.
func (w *place) many(x *exchange.Exchange, f *os.File, spans []span, size int64) exchange.Verdict {
	var random [8]byte
	rand.Read(random[:]) // never fails
	boundary := hex.EncodeToString(random[:])
	lead := "\r\n--" + boundary + "\r\n"
	if t := w.contentType(x); t != "" {
		lead += "Content-type: " + t + "\r\n"
	}
	lead += "Content-range: "
	heads := make([]string, len(spans))
	length := int64(0)
	for i, s := range spans {
		heads[i] = lead + s.contentRange(size) + "\r\n\r\n"
		length += int64(len(heads[i])) + s.size()
	}
	end := "\r\n--" + boundary + "--\r\n"
	x.Out.Body.Length = length + int64(len(end))
	x.Type.Media = ""
	x.Out.Header.Set("Content-Type", "multipart/byteranges; boundary="+boundary)
	if x.Begin() != nil || x.Request.Method == "HEAD" {
		return exchange.Done
	}
	for i, s := range spans {
		if _, err := io.WriteString(x, heads[i]); err != nil || !w.copy(x, f, s) {
			return exchange.Done
		}
	}
	io.WriteString(x, end)
	return exchange.Done
}

// copy sends the bytes of s and reports whether all of them went. A small
// stretch goes through a buffer, so that it can leave in one write with the
// head; a larger one is the kernel's to move.
func (w *place) copy(x *exchange.Exchange, f *os.File, s span) bool {
	if s.size() <= 0 {
		return true
	}
	if s.size() <= buffer.Large {
		b := buffer.GetLarge()
		defer buffer.Put(b)
		b = b[:s.size()]
		if n, err := f.ReadAt(b, s.first); n < len(b) {
			w.torn(x, err)
			return false
		}
		_, err := x.Write(b)
		return err == nil
	}
	if _, err := f.Seek(s.first, io.SeekStart); err != nil {
		w.torn(x, err)
		return false
	}
	var r io.Reader = f
	if !w.core.Sendfile {
		r = struct{ io.Reader }{f} // hides the descriptor
	}
	err := x.CopyBody(r, s.size())
	if err == io.ErrUnexpectedEOF {
		w.torn(x, err)
	}
	return err == nil
}

// torn breaks a response off whose file became shorter, or unreadable, while
// it was sent.
func (w *place) torn(x *exchange.Exchange, err error) {
	x.Aborted = true
	x.LogErr(errorlog.Error, "core", err, "reading %s failed while it was sent", x.Mapped.Path)
}
