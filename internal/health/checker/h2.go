package checker

import (
	"bufio"
	"errors"
	"net"
	"strconv"
	"strings"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"sallyport/internal/health"
	"sallyport/internal/message"
)

// The one stream of a check's connection.
const stream = 1

// http2 asks over HTTP/2 (RFC 9113): one connection, one stream. gRPC is the
// same with a message in the body and the verdict in a trailer.
func (p *Plan) http2(c net.Conn) (*health.Answer, error) {
	out := bufio.NewWriter(c)
	if _, err := out.WriteString(http2.ClientPreface); err != nil {
		return nil, err
	}
	framer := http2.NewFramer(out, bufio.NewReader(c))
	framer.SetMaxReadFrameSize(1 << 20)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	framer.MaxHeaderListSize = maxHead
	if err := framer.WriteSettings(http2.Setting{ID: http2.SettingEnablePush, Val: 0}); err != nil {
		return nil, err
	}
	body := []byte(p.Request.Body)
	grpc := p.Request.Method == health.GRPC
	if grpc {
		body = health.GRPCRequest(p.Request.Path)
	}
	if err := framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: stream, BlockFragment: p.block(c, grpc, len(body)), EndHeaders: true, EndStream: len(body) == 0,
	}); err != nil {
		return nil, err
	}
	if len(body) > 0 {
		if err := framer.WriteData(stream, true, body); err != nil {
			return nil, err
		}
	}
	answer, trailer, err := p.receive(framer, out)
	if err == nil && grpc {
		// The verdict is in there: the status line says 200 all the same.
		if reason := health.GRPCVerdict(answer, trailer); reason != "" {
			return answer, fail(reason)
		}
	}
	return answer, err
}

// block is the request's field block.
func (p *Plan) block(c net.Conn, grpc bool, length int) []byte {
	var b strings.Builder
	e := hpack.NewEncoder(&b)
	put := func(name, value string) { e.WriteField(hpack.HeaderField{Name: name, Value: value}) }
	scheme := "http"
	if _, over := c.(interface{ Protocol() string }); over {
		scheme = "https"
	}
	path := p.Request.Target()
	if grpc {
		path = health.GRPCPath
	}
	put(":method", p.Request.Method.Verb())
	put(":scheme", scheme)
	put(":authority", p.Request.Host)
	put(":path", path)
	if grpc {
		put("content-type", "application/grpc")
		put("te", "trailers")
	} else if length > 0 {
		put("content-length", strconv.Itoa(length))
	}
	for _, f := range p.Request.Header {
		switch name := strings.ToLower(f.Name); name {
		case "connection", "upgrade", "keep-alive", "proxy-connection": // RFC 9113 §8.2.2
		default:
			put(name, f.Value)
		}
	}
	return []byte(b.String())
}

// receive reads frames until the stream ends; what is in out goes first.
func (p *Plan) receive(framer *http2.Framer, out *bufio.Writer) (answer *health.Answer, trailer message.Header, err error) {
	keep := 0
	if p.Agent || p.Expect.WantsBody() || p.Request.Method == health.GRPC {
		keep = maxKept
	}
	var body []byte
	var r health.Answer
	done := func() (*health.Answer, message.Header, error) {
		r.Body = string(body)
		return &r, trailer, nil
	}
	for read := 0; ; {
		if err := out.Flush(); err != nil {
			return nil, trailer, err
		}
		f, err := framer.ReadFrame()
		if err != nil {
			return nil, trailer, frameError(err)
		}
		if f.Header().Type != http2.FrameData {
			// Whatever else a member sends costs it something, too.
			if read += 9 + int(f.Header().Length); read > maxBody {
				return nil, trailer, failf("the answer does not end within %d bytes", maxBody)
			}
		}
		switch f := f.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				err = framer.WriteSettingsAck()
			}
		case *http2.PingFrame:
			if !f.IsAck() {
				err = framer.WritePing(true, f.Data)
			}
		case *http2.GoAwayFrame:
			if f.LastStreamID < stream || f.ErrCode != http2.ErrCodeNo {
				return nil, trailer, failf("it goes away: %v", f.ErrCode)
			}
		case *http2.RSTStreamFrame:
			if f.StreamID == stream {
				return nil, trailer, failf("it reset the stream: %v", f.ErrCode)
			}
		case *http2.MetaHeadersFrame:
			if f.StreamID != stream {
				return nil, trailer, fail("it answered another stream")
			}
			if f.Truncated {
				return nil, trailer, failf("the head of the answer is longer than %d bytes", maxHead)
			}
			if r.Status >= 200 {
				fields(&trailer, f)
			} else {
				r.Status, err = strconv.Atoi(f.PseudoValue("status"))
				if err != nil || r.Status < 100 || r.Status > 999 {
					return nil, trailer, fail("the answer has no status")
				}
				r.Header.Reset()
				fields(&r.Header, f)
			}
			if f.StreamEnded() {
				return done()
			}
		case *http2.DataFrame:
			if r.Status < 200 || f.StreamID != stream {
				return nil, trailer, fail("a body came before the head")
			}
			data := f.Data()
			if read += int(f.Length); read > maxBody {
				return nil, trailer, failf("the body does not end within %d bytes", maxBody)
			}
			if room := keep - len(body); room > 0 {
				body = append(body, data[:min(len(data), room)]...)
			}
			if f.StreamEnded() {
				return done()
			}
			if f.Length > 0 {
				if err = framer.WriteWindowUpdate(0, f.Length); err == nil {
					err = framer.WriteWindowUpdate(stream, f.Length)
				}
			}
		}
		if err != nil {
			return nil, trailer, err
		}
	}
}

func fields(h *message.Header, f *http2.MetaHeadersFrame) {
	for _, hf := range f.RegularFields() {
		h.Add(hf.Name, hf.Value)
	}
}

// frameError words what is no HTTP/2.
func frameError(err error) error {
	var conn http2.ConnectionError
	var str http2.StreamError
	switch {
	case errors.Is(err, http2.ErrFrameTooLarge), errors.As(err, &conn), errors.As(err, &str):
		return failf("the answer is not HTTP/2: %v", err)
	}
	return err
}
