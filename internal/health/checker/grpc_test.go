package checker

import (
	"net"
	"testing"

	"google.golang.org/grpc"
	grpchealth "google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"sallyport/internal/health"
)

// TestGRPC asks grpc-go's own health server.
func TestGRPC(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	state := grpchealth.NewServer()
	grpc_health_v1.RegisterHealthServer(s, state)
	go s.Serve(ln)
	defer s.Stop()
	state.SetServingStatus("shop", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	for _, c := range []struct {
		service, reason string
		passed          bool
	}{
		{"", "SERVING", true},
		{"shop", "it is NOT_SERVING", false},
		{"unknown", `grpc-status "5": "unknown service"`, false},
	} {
		p := planFor(t, "tcp", ln.Addr().String(), health.GRPC)
		p.Request.Path = c.service
		if r := p.Check(t.Context()); r.Passed != c.passed || r.Reason != c.reason {
			t.Errorf("service %q: %v %s", c.service, r.Passed, r.Reason)
		}
	}
	state.SetServingStatus("shop", grpc_health_v1.HealthCheckResponse_SERVING)
	p := planFor(t, "tcp", ln.Addr().String(), health.GRPC)
	p.Request.Path = "shop"
	if r := p.Check(t.Context()); !r.Passed {
		t.Errorf("shop: %s", r.Reason)
	}

	bare := grpc.NewServer() // without the service
	ln2, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go bare.Serve(ln2)
	defer bare.Stop()
	if r := planFor(t, "tcp", ln2.Addr().String(), health.GRPC).Check(t.Context()); r.Passed || r.Status != 200 {
		t.Errorf("without the service: %v %s", r.Passed, r.Reason)
	}
}
