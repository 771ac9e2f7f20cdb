package keeper

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
)

// Name is what the keeper is called: its first word, and what ps shows.
const Name = "sallyport: keeper"

// Called reports whether this process was started to be the keeper; main then
// calls Main and nothing else.
func Called() bool { return len(os.Args) == 1 && os.Args[0] == Name }

// Start starts the keeper, with the rights of this process: root's. It trusts
// this process until Seal.
func Start() (*Keeper, error) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("start the keeper: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "keeper"), os.NewFile(uintptr(pair[1]), "server")
	defer ours.Close()
	defer theirs.Close()
	c, err := net.FileConn(ours)
	if err != nil {
		return nil, fmt.Errorf("start the keeper: %w", err)
	}
	// The file may be replaced by an upgrade: this is the one that runs.
	cmd := &exec.Cmd{
		Path: "/proc/self/exe", Args: []string{Name},
		Stdout: os.Stdout, Stderr: os.Stderr, ExtraFiles: []*os.File{theirs},
		// Signals from a terminal are for the server.
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	if err := cmd.Start(); err != nil {
		c.Close()
		return nil, fmt.Errorf("start the keeper: %w", err)
	}
	k := &Keeper{child: cmd, conn: c.(*net.UnixConn), ended: make(chan struct{})}
	go func() {
		cmd.Wait()
		close(k.ended)
	}()
	return k, nil
}
