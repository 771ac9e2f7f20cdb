package keeper

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
)

// maxPrograms bounds how many programs run at once: each snapshot that still
// has exchanges under way has its own.
const maxPrograms = 1024

// programs are the piped logs that the keeper runs.
type programs struct {
	known map[string]bool // that ran before the seal, by their words

	mu      sync.Mutex
	running map[int]*os.Process
	last    int // number given
}

func (p *programs) init() { p.known, p.running = map[string]bool{}, map[int]*os.Process{} }

// run starts a program. Life is the end of a pipe whose other end is closed
// when the program has ended.
func (p *programs) run(argv []string, stdin *os.File, sealed bool) (id int, life *os.File, err error) {
	words := strings.Join(argv, "\x00")
	switch {
	case len(argv) == 0 || argv[0] == "" || stdin == nil:
		return 0, nil, errors.New("a program to run needs a name and an input")
	case sealed && !p.known[words]:
		return 0, nil, fmt.Errorf("no log went to the program %q when Sallyport started as root: restart it to run that", strings.Join(argv, " "))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.running) >= maxPrograms {
		return 0, nil, fmt.Errorf("%d log programs run already", len(p.running))
	}
	life, end, err := os.Pipe()
	if err != nil {
		return 0, nil, err
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		life.Close()
		end.Close()
		return 0, nil, err
	}
	p.known[words] = true
	p.last++
	id = p.last
	p.running[id] = cmd.Process
	go func() {
		cmd.Wait()
		p.mu.Lock()
		delete(p.running, id)
		p.mu.Unlock()
		end.Close()
	}()
	return id, life, nil
}

// signal ends a program: with SIGTERM, or by force.
func (p *programs) signal(id int, kill bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	proc := p.running[id]
	switch {
	case proc == nil:
		return os.ErrProcessDone
	case kill:
		return proc.Kill()
	}
	return proc.Signal(syscall.SIGTERM)
}
