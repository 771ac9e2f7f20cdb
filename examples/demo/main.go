// Command demo is "make demo": it plays the backends of a small site, starts
// Sallyport in front of them, says what to try, and ends both on Ctrl-C.
//
// The files: main.go (ports, start, end), gate.go (one backend), echo.go (its
// WebSocket), warden.go (breaks and mends gates). The pages are in site, what
// Sallyport serves itself is in static, and the configuration is ../demo.conf.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

func main() {
	server := flag.String("sallyport", "bin/sallyport", "the program to start")
	file := flag.String("f", "examples/demo.conf", "its configuration")
	flag.Parse()
	if err := run(*server, *file); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(server, file string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	d, err := openDemo(standardPorts)
	if err != nil {
		return err
	}
	defer d.close()
	cmd, err := d.command(server, file)
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s (make build makes it): %w", server, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()

	if !d.answers(ctx, ended) {
		return errors.Join(errors.New("sallyport did not start"), <-ended)
	}
	fmt.Print(d.invitation(file))
	select {
	case err := <-ended:
		if ctx.Err() == nil {
			return errors.Join(errors.New("sallyport has ended by itself"), err)
		}
	case <-ctx.Done():
		// Ctrl-C has reached Sallyport as well; a TERM sent to us alone has not.
		cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			cmd.Process.Kill()
			<-ended
		}
	}
	fmt.Println("\nThe gates are closed.")
	return nil
}

// port is a name by which demo.conf knows a port.
type port struct {
	name  string
	value int
}

// standardPorts are those in demo.conf. The first is Sallyport's own.
var standardPorts = []port{
	{"PORT", 8080}, {"NORTH", 18081}, {"EAST", 18082}, {"SOUTH", 18083}, {"WEST", 18084}, {"WARDEN", 18085},
}

// demo is all there is behind Sallyport.
type demo struct {
	port   int // Sallyport's
	ports  []port
	moved  bool // not the ports demo.conf has
	gates  []*gate
	warden *http.Server
}

// openDemo opens the backends at the ports wanted, or at others where one of
// these is taken.
func openDemo(want []port) (*demo, error) {
	d := &demo{}
	var listeners []net.Listener
	for _, w := range want {
		l, err := net.Listen("tcp", address(w.value))
		if errors.Is(err, syscall.EADDRINUSE) {
			l, err = net.Listen("tcp", address(0))
		}
		if err != nil {
			return nil, err
		}
		got := l.Addr().(*net.TCPAddr).Port
		d.moved = d.moved || got != w.value
		d.ports = append(d.ports, port{w.name, got})
		listeners = append(listeners, l)
	}
	d.port = d.ports[0].value
	listeners[0].Close() // it was only to know that it is free
	for i, name := range []string{"north", "east", "south", "west"} {
		g := newGate(name, listeners[1+i])
		if name == "west" {
			g.delay = 400 * time.Millisecond
		}
		d.gates = append(d.gates, g)
	}
	d.warden = &http.Server{Handler: wardenHandler(d.gates)}
	go d.warden.Serve(listeners[5])
	return d, nil
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func (d *demo) close() {
	for _, g := range d.gates {
		g.shut()
	}
	d.warden.Close()
}

// command is Sallyport's command line.
func (d *demo) command(server, file string) (*exec.Cmd, error) {
	server, err := filepath.Abs(server)
	if err != nil {
		return nil, err
	}
	file, err = filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	args := []string{"-d", filepath.Dir(file), "-f", file}
	if d.moved {
		for _, p := range d.ports {
			args = append(args, "-C", fmt.Sprintf("Define %s %d", p.name, p.value))
		}
	}
	return exec.Command(server, args...), nil
}

// answers waits until Sallyport serves. False: it ended, or we shall.
func (d *demo) answers(ctx context.Context, ended chan error) bool {
	for range 200 {
		c, err := net.Dial("tcp", address(d.port))
		if err == nil {
			c.Close()
			return true
		}
		select {
		case err := <-ended:
			ended <- err
			return false
		case <-ctx.Done():
			return true
		case <-time.After(50 * time.Millisecond):
		}
	}
	return true
}

func (d *demo) invitation(file string) string {
	url := "http://" + address(d.port)
	note := ""
	if d.moved {
		note = "\n  (Some of the usual ports are taken: others were chosen.)\n"
	}
	return fmt.Sprintf(`
  Sallyport serves a small site with four gates. Open
%[3]s
      %[1]s/

  or try, in another terminal:

      curl -i %[1]s/who                            which gate answers?
      for i in 1 2 3 4 5 6 7; do curl -s %[1]s/who; done
      curl -X POST %[1]s/warden/break/east         nobody will notice
      curl -X POST %[1]s/warden/mend/east
      curl -s %[1]s/request                        what a backend is sent
      curl -c jar -b jar %[1]s/desk/who            sticky: the same gate each time
      curl -N %[1]s/events                         server-sent events
      head -c 300M /dev/zero | curl -T - %[1]s/upload
      bin/sallyport -S -d "$PWD/examples" -f "$PWD/%[2]s"

  Each request is a line below. Ctrl-C ends the demo.

`, url, file, note)
}
