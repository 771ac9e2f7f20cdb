package proxytest

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/quic-go/quic-go/http3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
)

// TestGRPCOverH3: calls of every kind over HTTP/3, which grpc-go does not speak,
// to grpc-go's server behind: messages, status, deadlines and cancelling.
func TestGRPCOverH3(t *testing.T) {
	p := sallyport(t)
	name := t.TempDir() + "/back"
	if err := writeCertificate(name); err != nil {
		t.Fatal(err)
	}
	cert, err := tls.LoadX509KeyPair(name+".crt", name+".key")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan codes.Code, 10)
	watch := grpc.StreamInterceptor(func(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, h grpc.StreamHandler) error {
		err := h(srv, ss)
		if ss.Context().Err() != nil {
			err = status.FromContextError(ss.Context().Err()).Err()
		}
		ended <- status.Code(err)
		return err
	})
	clear := grpcServer(t, watch)
	secure := grpcServer(t, watch, grpc.Creds(credentials.NewServerTLSFromCert(&cert)))
	s, err := ParseScript("grpc", []byte("gRPC.\n-- httpd.conf --\nSSLProxyEngine On\nSSLProxyCheckPeerName Off\n"+
		"ProxyPass /h2c/ h2c://127.0.0.1:"+clear+"/\nProxyPass /h2/ h2://127.0.0.1:"+secure+"/\n"+
		"ProxyPass /https/ https://127.0.0.1:"+secure+"/ protocols=h2,http/1.1\n-- script --\nmodule ssl proxy_http2\ncheck\n"))
	if err != nil {
		t.Fatal(err)
	}
	stop, port := standing(t, p, s, newVia("h3"))
	defer stop()
	tr := newH3().(*library).client().(*http3.Transport)
	defer tr.Close()
	for _, back := range []string{"h2c", "h2", "https"} {
		t.Run(back, func(t *testing.T) {
			begin := func(method string, header ...string) *grpcCall {
				t.Helper()
				ctx, cancel := context.WithTimeout(context.Background(), 2*stepTimeout)
				t.Cleanup(cancel)
				pr, pw := io.Pipe()
				q := (&http.Request{Method: "POST", Host: "cl.test", Body: pr, ContentLength: -1,
					URL:    &url.URL{Scheme: "https", Host: "127.0.0.1:" + port, Path: "/" + back + "/grpc.testing.TestService/" + method},
					Header: http.Header{"Content-Type": {"application/grpc"}, "Te": {"trailers"}}}).WithContext(ctx)
				for i := 0; i < len(header); i += 2 {
					q.Header.Set(header[i], header[i+1])
				}
				c := &grpcCall{t: t, body: pw, cancel: cancel, over: make(chan struct{})}
				go func() {
					c.resp, c.err = tr.RoundTrip(q)
					close(c.over)
				}()
				return c
			}
			payload := func(n int) *testgrpc.Payload { return &testgrpc.Payload{Body: make([]byte, n)} }
			sizes := func(n ...int32) (list []*testgrpc.ResponseParameters) {
				for _, v := range n {
					list = append(list, &testgrpc.ResponseParameters{Size: v})
				}
				return list
			}

			c := begin("UnaryCall")
			c.send(&testgrpc.SimpleRequest{ResponseSize: 314159, Payload: payload(271828)})
			c.body.Close()
			var simple testgrpc.SimpleResponse
			if err := c.receive(&simple); err != nil || len(simple.GetPayload().GetBody()) != 314159 {
				t.Errorf("unary: %d bytes, %v", len(simple.GetPayload().GetBody()), err)
			}
			c.ends("0", "")

			c = begin("UnaryCall")
			c.send(&testgrpc.SimpleRequest{ResponseStatus: &testgrpc.EchoStatus{Code: 9, Message: "not like this"}})
			c.body.Close()
			c.ends("9", "not like this")

			c = begin("NoSuchCall")
			c.body.Close()
			c.ends("12", "unknown method NoSuchCall for service grpc.testing.TestService")

			c = begin("StreamingInputCall")
			for _, n := range []int{27182, 8, 1828, 45904} {
				c.send(&testgrpc.StreamingInputCallRequest{Payload: payload(n)})
			}
			c.body.Close()
			var sum testgrpc.StreamingInputCallResponse
			if err := c.receive(&sum); err != nil || sum.AggregatedPayloadSize != 74922 {
				t.Errorf("streaming input: %v, %v", &sum, err)
			}
			c.ends("0", "")
			soon(t, ended)

			c = begin("StreamingOutputCall")
			c.send(&testgrpc.StreamingOutputCallRequest{ResponseParameters: sizes(31415, 9, 2653, 58979)})
			c.body.Close()
			var out testgrpc.StreamingOutputCallResponse
			for _, n := range []int{31415, 9, 2653, 58979} {
				if err := c.receive(&out); err != nil || len(out.GetPayload().GetBody()) != n {
					t.Errorf("streaming output: %d bytes, want %d, %v", len(out.GetPayload().GetBody()), n, err)
				}
			}
			c.ends("0", "")
			soon(t, ended)

			c = begin("FullDuplexCall")
			for _, n := range []int32{31415, 9, 2653, 58979} {
				c.send(&testgrpc.StreamingOutputCallRequest{ResponseParameters: sizes(n), Payload: payload(int(n))})
				if err := c.receive(&out); err != nil || len(out.GetPayload().GetBody()) != int(n) {
					t.Fatalf("ping-pong: %d bytes, want %d, %v", len(out.GetPayload().GetBody()), n, err)
				}
			}
			c.body.Close()
			c.ends("0", "")
			if code := soon(t, ended); code != codes.OK {
				t.Errorf("ping-pong: the server's end is %v", code)
			}

			// The deadline is the server's too: it says so, or takes the stream back.
			c = begin("FullDuplexCall", "Grpc-Timeout", "300m")
			c.send(&testgrpc.StreamingOutputCallRequest{ResponseParameters: sizes(1)})
			if err := c.receive(&out); err != nil {
				t.Fatal("deadline: ", err)
			}
			var reset *http3.Error
			if err := c.receive(&out); err == io.EOF {
				if got := c.trailer("Grpc-Status"); got != "4" {
					t.Errorf("deadline: status %q", got)
				}
			} else if !errors.As(err, &reset) || reset.ErrorCode != http3.ErrCodeRequestCanceled {
				t.Errorf("deadline: %v", err)
			}
			if code := soon(t, ended); code != codes.DeadlineExceeded && code != codes.Canceled { // which of its two clocks is first
				t.Errorf("deadline: the server's end is %v", code)
			}
			c.body.Close()

			c = begin("FullDuplexCall")
			c.send(&testgrpc.StreamingOutputCallRequest{ResponseParameters: sizes(1)})
			if err := c.receive(&out); err != nil {
				t.Fatal("cancel: ", err)
			}
			c.cancel()
			if code := soon(t, ended); code != codes.Canceled {
				t.Errorf("cancel: the server's end is %v", code)
			}
			c.body.Close()
		})
	}
}

// grpcCall is a call over HTTP/3: messages with five bytes in front of each.
type grpcCall struct {
	t      *testing.T
	body   *io.PipeWriter
	cancel context.CancelFunc
	over   chan struct{} // the head has come, or err is set
	resp   *http.Response
	err    error
}

func (c *grpcCall) send(m any) {
	c.t.Helper()
	data, err := encoding.GetCodecV2(proto.Name).Marshal(m)
	if err != nil {
		c.t.Fatal(err)
	}
	p := binary.BigEndian.AppendUint32([]byte{0}, uint32(data.Len()))
	if _, err := c.body.Write(append(p, data.Materialize()...)); err != nil {
		c.t.Fatal(err)
	}
}

// receive reads a message; io.EOF behind the last.
func (c *grpcCall) receive(m any) error {
	c.t.Helper()
	soon(c.t, c.over)
	if c.err != nil {
		return c.err
	}
	var head [5]byte
	if _, err := io.ReadFull(c.resp.Body, head[:]); err != nil {
		return err
	}
	data := make([]byte, binary.BigEndian.Uint32(head[1:]))
	if _, err := io.ReadFull(c.resp.Body, data); err != nil {
		return err
	}
	return encoding.GetCodecV2(proto.Name).Unmarshal(mem.BufferSlice{mem.SliceBuffer(data)}, m)
}

// trailer is a field of the trailer section, which may stand in the head of a
// response without content.
func (c *grpcCall) trailer(name string) string {
	return slices.Concat(c.resp.Trailer[name], c.resp.Header[name], []string{"(none)"})[0]
}

func (c *grpcCall) ends(status, message string) {
	c.t.Helper()
	var nothing testgrpc.Empty
	if err := c.receive(&nothing); err != io.EOF {
		c.t.Errorf("%v instead of the end", err)
		return
	}
	if got := c.trailer("Grpc-Status"); got != status {
		c.t.Errorf("status %s, want %s", got, status)
	}
	if got := c.trailer("Grpc-Message"); message != "" && got != message {
		c.t.Errorf("message %q, want %q", got, message)
	}
}
