package checker

import (
	"bytes"
	"io"
	"net"

	"sallyport/internal/health"
	"sallyport/internal/message"
	wire "sallyport/internal/wire/h1"
)

// http asks over HTTP/1.0 or 1.1 and reads the answer whole.
func (p *Plan) http(c net.Conn) (*health.Answer, error) {
	mem := buffers.Get().(*[4096]byte)
	defer buffers.Put(mem)
	if _, err := c.Write(p.Request.Append(mem[:0])); err != nil {
		return nil, err
	}
	in := reader{c: c, buf: mem[:]}
	var r message.Response
	for {
		if err := in.head(&r); err != nil {
			return nil, err
		}
		if r.Status == 101 || r.Status >= 200 {
			break
		}
	}
	framing, problem := wire.ResponseFraming(&r, p.Request.Method.Verb())
	if problem != nil {
		return nil, failf("the answer's length: %s", problem.Text)
	}
	answer := &health.Answer{Status: r.Status, Header: r.Header}
	keep := 0
	if p.Agent || p.Expect.WantsBody() {
		keep = maxKept
	}
	body, err := in.body(framing, keep)
	answer.Body = string(body)
	return answer, err
}

// reader reads one answer.
type reader struct {
	c    net.Conn
	buf  []byte
	r, w int // unread: buf[r:w]
}

func (in *reader) fill() error {
	if in.r == in.w {
		in.r, in.w = 0, 0
	} else if in.w == len(in.buf) {
		if in.r > 0 {
			in.w = copy(in.buf, in.buf[in.r:in.w])
			in.r = 0
		} else {
			if len(in.buf) >= maxHead {
				return failf("the head of the answer is longer than %d bytes", maxHead)
			}
			in.buf = append(in.buf, make([]byte, len(in.buf))...)
		}
	}
	n, err := in.c.Read(in.buf[in.w:])
	in.w += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// head reads one head.
func (in *reader) head(r *message.Response) error {
	for from := 0; ; {
		have := in.buf[in.r:in.w]
		if n := wire.HeadEnd(have, from); n > 0 {
			if problem := wire.ParseResponse(string(have[:n]), r, wire.ResponseOptions{FieldSize: maxHead}); problem != nil {
				return failf("the answer is not HTTP: %s", quote(have[:n]))
			}
			in.r += n
			return nil
		}
		from = len(have)
		// What does not begin as HTTP is refused before it ends.
		if begin := []byte("HTTP/1."); len(have) >= len(begin) && !bytes.HasPrefix(bytes.TrimLeft(have, "\r\n"), begin[:min(len(begin), len(bytes.TrimLeft(have, "\r\n")))]) {
			return failf("the answer is not HTTP: %s", quote(have))
		}
		if err := in.fill(); err != nil {
			return err
		}
	}
}

// body reads the body to its end and returns at most keep bytes of it.
func (in *reader) body(f wire.Framing, keep int) (kept []byte, err error) {
	var chunks wire.Chunked
	left := f.Length
	for read := int64(0); ; {
		switch f.Kind {
		case wire.NoBody:
			return kept, nil
		case wire.Counted:
			if left == 0 {
				return kept, nil
			}
		case wire.Chunks:
			if chunks.Done() {
				return kept, nil
			}
		}
		if read > maxBody {
			return kept, failf("the body does not end within %d bytes", maxBody)
		}
		if in.r == in.w {
			if err := in.fill(); err != nil {
				if err == io.EOF && f.Kind == wire.UntilClose {
					err = nil
				}
				return kept, err
			}
		}
		data := in.buf[in.r:in.w]
		n := len(data)
		switch f.Kind {
		case wire.Counted:
			n = int(min(int64(n), left))
			data = data[:n]
			left -= int64(n)
		case wire.Chunks:
			if data, n, err = chunks.Next(data); err != nil {
				return kept, failf("the answer's chunks: %v", err)
			}
		}
		in.r += n
		read += int64(n)
		if room := keep - len(kept); room > 0 {
			kept = append(kept, data[:min(len(data), room)]...)
		}
	}
}
