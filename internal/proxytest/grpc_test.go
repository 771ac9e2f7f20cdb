package proxytest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/interop"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
)

// TestGRPC lets grpc-go's interoperability client talk to its server through
// Sallyport: unary calls, streams in one direction and in both, trailers,
// metadata, deadlines, cancelling, large messages, unknown methods. The cases
// end the process when they fail, with the reason.
func TestGRPC(t *testing.T) {
	p := sallyport(t)
	root := t.TempDir()
	os.Chmod(root, 0o755)
	r := &run{t: t, p: p, root: root, s: &Script{Certs: []*madeCert{
		{name: "root", cn: "root", authority: true, from: -time.Hour, to: time.Hour},
		{name: "front", by: "root", cn: "front", dns: []string{"localhost"}, from: -time.Hour, to: time.Hour},
		{name: "back", by: "root", cn: "back", dns: []string{"localhost"}, from: -time.Hour, to: time.Hour},
	}}}
	if err := r.makeCerts(); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(r.certs["root"].cert)
	clear := grpcServer(t)
	secure := grpcServer(t, grpc.Creds(credentials.NewServerTLSFromCert(new(r.certs["back"].forTLS()))))
	for _, c := range []struct{ name, conf string }{
		{"h2c to h2c", "ProxyPass / h2c://localhost:" + clear + "/\n"},
		{"h2c to h2", "ProxyPass / h2://localhost:" + secure + "/\n"},
		{"h2 to h2c", "SSLEngine On\nSSLCertificateFile tls/front.pem\nProxyPass / h2c://localhost:" + clear + "/\n"},
		{"h2 to https", "SSLEngine On\nSSLCertificateFile tls/front.pem\nProxyPass / https://localhost:" + secure + "/ protocols=h2,http/1.1\n"},
		{"h2c to a balancer", "<Proxy balancer://b>\nBalancerMember h2c://127.0.0.1:" + clear + "\nBalancerMember h2c://localhost:" + clear + "\n</Proxy>\nProxyPass / balancer://b/\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			port, err := freePort()
			if err != nil {
				t.Fatal(err)
			}
			text := fmt.Sprintf("ServerRoot %q\nDefaultRuntimeDir %q\nPidFile %q\nErrorLog %q\nListen 127.0.0.1:%s\nServerName localhost\nDocumentRoot %q\n"+
				"Protocols h2 h2c http/1.1\nSSLProxyEngine On\nSSLProxyVerify require\nSSLProxyCACertificateFile tls/root.crt\n%s",
				root, root, root+"/httpd.pid", root+"/error.log", port, root, c.conf)
			if err := r.write("main.conf", []byte(text)); err != nil {
				t.Fatal(err)
			}
			proc, err := p.start(root, port)
			if err != nil {
				t.Fatal(err)
			}
			defer proc.stop()
			creds := insecure.NewCredentials()
			if c.name[:3] == "h2 " {
				creds = credentials.NewTLS(&tls.Config{RootCAs: roots, ServerName: "localhost"})
			}
			cc, err := grpc.NewClient("passthrough:///127.0.0.1:"+port, grpc.WithTransportCredentials(creds))
			if err != nil {
				t.Fatal(err)
			}
			defer cc.Close()
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
			defer cancel()
			grpcCases(ctx, cc)
			grpcChat(ctx, t, cc)
			if t.Failed() || ctx.Err() != nil {
				t.Log(proc.errorLog())
			}
		})
	}
}

// grpcCases are the interoperability cases that need no account with anybody.
func grpcCases(ctx context.Context, cc *grpc.ClientConn) {
	tc := testgrpc.NewTestServiceClient(cc)
	interop.DoEmptyUnaryCall(ctx, tc)
	interop.DoLargeUnaryCall(ctx, tc)
	interop.DoClientStreaming(ctx, tc)
	interop.DoServerStreaming(ctx, tc)
	interop.DoPingPong(ctx, tc)
	interop.DoEmptyStream(ctx, tc)
	interop.DoTimeoutOnSleepingServer(ctx, tc)
	interop.DoCancelAfterBegin(ctx, tc)
	interop.DoCancelAfterFirstResponse(ctx, tc)
	interop.DoCustomMetadata(ctx, tc)
	interop.DoStatusCodeAndMessage(ctx, tc)
	interop.DoSpecialStatusMessage(ctx, tc)
	interop.DoUnimplementedMethod(ctx, cc)
	interop.DoUnimplementedService(ctx, testgrpc.NewUnimplementedServiceClient(cc))
}

// grpcChat streams many small messages in both directions, one at a time.
// grpc-go measures the line meanwhile: with a PING for each content that comes
// while none is under way, thousands a second.
func grpcChat(ctx context.Context, t *testing.T, cc *grpc.ClientConn) {
	t.Helper()
	s, err := testgrpc.NewTestServiceClient(cc).FullDuplexCall(ctx)
	if err != nil {
		t.Fatal(err)
	}
	one := &testgrpc.StreamingOutputCallRequest{ResponseParameters: []*testgrpc.ResponseParameters{{Size: 10}}}
	for i := range 6000 {
		if err := s.Send(one); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
		if _, err := s.Recv(); err != nil {
			t.Fatalf("answer %d: %v", i, err)
		}
	}
	s.CloseSend()
}

// grpcServer runs the server's side of the cases and returns its port.
func grpcServer(t *testing.T, o ...grpc.ServerOption) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(o...)
	testgrpc.RegisterTestServiceServer(s, interop.NewTestServer())
	go s.Serve(l)
	t.Cleanup(s.Stop)
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}
