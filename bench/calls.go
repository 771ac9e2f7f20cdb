//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/interop"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"

	"sallyport/bench/internal/proc"
)

// callSize is the payload of a call and of its answer, in bytes.
const callSize = 100

// startCalls starts the backend of gRPC, once: grpc-go's server for its
// interoperability cases, in a process of its own.
func (b *bench) startCalls() error {
	if b.calls != nil {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	port, err := proc.FreePort()
	if err != nil {
		return err
	}
	child, err := proc.Start("backend of gRPC", b.dir, []string{self, "peer-calls", "-port", strconv.Itoa(port), "-backends", "0"}, nil, nil)
	if err != nil {
		return err
	}
	if err := child.AwaitPort(port, 10*time.Second); err != nil {
		child.Stop()
		return err
	}
	b.calls = &Backend{Ports: []int{port}, child: child}
	return nil
}

// serveCalls is that backend, until killed.
func serveCalls(f peerFlags) error {
	l, err := net.Listen("tcp", proc.Loopback(f.port))
	if err != nil {
		return err
	}
	s := grpc.NewServer()
	testgrpc.RegisterTestServiceServer(s, interop.NewTestServer())
	return s.Serve(l)
}

// dialCalls makes a connection of gRPC to the peer.
func dialCalls(port int) (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:///"+proc.Loopback(port), grpc.WithTransportCredentials(insecure.NewCredentials()))
}

// call makes one call and checks its answer.
func call(ctx context.Context, cc *grpc.ClientConn) error {
	answer, err := testgrpc.NewTestServiceClient(cc).UnaryCall(ctx, &testgrpc.SimpleRequest{
		ResponseSize: callSize, Payload: &testgrpc.Payload{Body: make([]byte, callSize)}})
	if err == nil && len(answer.GetPayload().GetBody()) != callSize {
		err = fmt.Errorf("an answer of %d bytes", len(answer.GetPayload().GetBody()))
	}
	return err
}

// probeCall makes one call; a peer that does not pass it on is not measured.
func probeCall(ctx context.Context, port int) error {
	cc, err := dialCalls(port)
	if err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	defer cc.Close()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if err := call(ctx, cc); err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	return nil
}

// runCalls drives the port with unary calls for d.
func runCalls(ctx context.Context, c Case, port int, d time.Duration) (wrkResult, error) {
	var conns []*grpc.ClientConn
	for range c.Conns {
		cc, err := dialCalls(port)
		if err != nil {
			return wrkResult{}, fmt.Errorf("call: %w", err)
		}
		defer cc.Close()
		conns = append(conns, cc)
	}
	return drive(ctx, c, d, func(ctx context.Context, i int) error { return call(ctx, conns[i]) })
}

// drive has Streams goroutines on each of Conns connections ask one request
// after the other for d. Those under way at the end are waited for and counted.
func drive(ctx context.Context, c Case, d time.Duration, ask func(ctx context.Context, conn int) error) (wrkResult, error) {
	var done, failed atomic.Int64
	var wg sync.WaitGroup
	began := time.Now()
	end := began.Add(d)
	ctx, cancel := context.WithTimeout(ctx, d+30*time.Second)
	defer cancel()
	for i := range c.Conns {
		for range c.Streams {
			wg.Go(func() {
				for time.Now().Before(end) && ctx.Err() == nil {
					if ask(ctx, i) != nil {
						failed.Add(1)
						return
					}
					done.Add(1)
				}
			})
		}
	}
	wg.Wait()
	return wrkResult{Requests: done.Load(), Status: failed.Load(), Duration: time.Since(began)}, ctx.Err()
}
