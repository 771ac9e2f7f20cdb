package logfile

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// restartAfter is how long a program must have lived to be started again
	// at once; one that dies sooner waits as long before the next attempt.
	restartAfter = time.Second
	// patience is how long a closing sink waits for a program: first to take
	// the last lines, then to exit, then to obey SIGTERM.
	patience = 10 * time.Second
)

// program is a piped log: a program that reads lines from its standard input.
// We hold both ends of the pipe, so that lines survive the program's death and
// are read by its successor.
type program struct {
	target Target
	argv   []string
	r, w   *os.File
	with   Opener
	report func(string)
	proc   atomic.Pointer[Process]
	quit   chan struct{}
	done   chan struct{}
}

func openProgram(t Target, with Opener, report func(string)) (*program, error) {
	p := &program{target: t, with: with, report: report, quit: make(chan struct{}), done: make(chan struct{})}
	if t.Kind == Shell {
		p.argv = []string{"/bin/sh", "-c", t.Name}
	} else {
		p.argv = SplitCommand(t.Name)
	}
	if len(p.argv) == 0 || p.argv[0] == "" {
		return nil, errors.New("no program is named")
	}
	var err error
	if p.r, p.w, err = os.Pipe(); err != nil {
		return nil, err
	}
	// The program expects a standard input that blocks.
	if raw, err := p.r.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) { syscall.SetNonblock(int(fd), false) })
	}
	if err := p.start(); err != nil {
		p.r.Close()
		p.w.Close()
		return nil, err
	}
	go p.watch()
	return p, nil
}

func (p *program) start() error {
	proc, err := p.with.Run(p.argv, p.r)
	if err != nil {
		return err
	}
	p.proc.Store(&proc)
	return nil
}

// watch starts the program again whenever it dies.
func (p *program) watch() {
	defer close(p.done)
	for {
		began := time.Now()
		(*p.proc.Load()).Wait()
		select {
		case <-p.quit:
			return
		default:
		}
		p.report(fmt.Sprintf("AH00106: piped log program '%s' failed unexpectedly", p.target.Name))
		if time.Since(began) < restartAfter {
			p.pause()
		}
		for said := false; ; said = true {
			err := p.start()
			if err == nil {
				break
			}
			if !said {
				p.report(fmt.Sprintf("AH00105: piped_log_maintenance: unable to respawn '%s': %v", p.target.Name, err))
			}
			if p.pause() {
				return
			}
		}
	}
}

// pause waits a little; it reports true when the sink is closing.
func (p *program) pause() bool {
	t := time.NewTimer(restartAfter)
	defer t.Stop()
	select {
	case <-t.C:
		return false
	case <-p.quit:
		return true
	}
}

func (p *program) write(b []byte) (int, error) { return p.w.Write(b) }

func (p *program) hasten() { p.w.SetWriteDeadline(time.Now().Add(patience)) }

// close lets the program read to the end and waits until it is gone.
func (p *program) close() {
	close(p.quit)
	p.w.Close()
	for _, sig := range []os.Signal{nil, syscall.SIGTERM, os.Kill} {
		if sig != nil {
			p.report(fmt.Sprintf("piped log program '%s' does not end, sending %v", p.target.Name, sig))
			(*p.proc.Load()).Signal(sig)
		}
		t := time.NewTimer(patience)
		select {
		case <-p.done:
			t.Stop()
			p.r.Close()
			return
		case <-t.C:
		}
	}
	<-p.done
	p.r.Close()
}

// SplitCommand splits a command line into words as httpd does for a program
// run without a shell: at white space, but not within single or double quotes;
// a backslash takes the next byte as it is.
func SplitCommand(s string) []string {
	var words []string
	var w strings.Builder
	in, quote := false, byte(0)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && i+1 < len(s):
			i++
			w.WriteByte(s[i])
			in = true
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\'') && !in:
			quote, in = c, true
		case quote == 0 && (c == ' ' || c == '\t'):
			if in {
				words = append(words, w.String())
				w.Reset()
				in = false
			}
		default:
			w.WriteByte(c)
			in = true
		}
	}
	if in {
		words = append(words, w.String())
	}
	return words
}
