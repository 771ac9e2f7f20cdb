package logfile

import (
	"os"
	"os/exec"
)

// Opener opens files and runs programs for a Set: package keeper's does so
// with the rights that the process had when it started.
type Opener interface {
	// OpenLog opens a file for appending, and makes it when it is not there.
	OpenLog(path string) (*os.File, error)
	// Run starts a program that reads from stdin, which stays the caller's.
	Run(argv []string, stdin *os.File) (Process, error)
}

// Process is a program that was started.
type Process interface {
	// Wait returns when it has ended. It is called once.
	Wait()
	Signal(os.Signal) error
}

// Direct is the Opener with the rights of this process.
type Direct struct{}

// OpenLog implements Opener.
func (Direct) OpenLog(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666)
}

// Run implements Opener.
func (Direct) Run(argv []string, stdin *os.File) (Process, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, os.Stdout, os.Stderr
	// A Ctrl-C meant for the server must not end the program before it has
	// read the last lines.
	cmd.SysProcAttr = ownGroup()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return child{cmd}, nil
}

type child struct{ cmd *exec.Cmd }

func (c child) Wait()                    { c.cmd.Wait() }
func (c child) Signal(s os.Signal) error { return c.cmd.Process.Signal(s) }
