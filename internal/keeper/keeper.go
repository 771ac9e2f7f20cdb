package keeper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"sallyport/internal/logfile"
)

// Keeper is the server's hold on the root process. A nil Keeper does
// everything with the rights of this process. Safe for use by many goroutines.
type Keeper struct {
	child *exec.Cmd
	ended chan struct{} // closed when child has ended

	mu     sync.Mutex // one question at a time
	conn   *net.UnixConn
	sealed bool
	logs   []string // opened before the seal
	files  []string // read before the seal
}

var errGone = errors.New("the process that kept root's rights is gone; restart Sallyport")

// ask sends a question and waits for its answer. The descriptor that comes with
// it is the caller's.
func (k *Keeper) ask(q request, with *os.File) (reply, *os.File, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.askLocked(q, with)
}

func (k *Keeper) askLocked(q request, with *os.File) (reply, *os.File, error) {
	var a reply
	if k.conn == nil {
		return a, nil, errGone
	}
	err := send(k.conn, q, with)
	var f *os.File
	if err == nil {
		f, err = receive(k.conn, &a, maxMessage)
	}
	if err != nil {
		k.conn.Close()
		k.conn = nil
		return a, nil, errGone
	}
	if err := a.err(); err != nil {
		if f != nil {
			f.Close()
		}
		return a, nil, err
	}
	return a, f, nil
}

// Seal ends the time in which the keeper trusts the server: afterwards it does
// what doc.go says. Root is the ServerRoot, config the files that the
// configuration was read from.
func (k *Keeper) Seal(root string, config []string, pidFile string) error {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	slices.Sort(k.logs)
	config = slices.Concat(config, k.files)
	slices.Sort(config)
	r := &rights{Logs: slices.Compact(k.logs), Config: slices.Compact(config), PidFile: pidFile}
	r.Dirs = []string{filepath.Join(root, "logs")}
	for _, l := range r.Logs {
		r.Dirs = append(r.Dirs, filepath.Dir(l))
	}
	slices.Sort(r.Dirs)
	r.Dirs = slices.Compact(r.Dirs)
	if _, _, err := k.askLocked(request{Op: opSeal, Rights: r}, nil); err != nil {
		return fmt.Errorf("seal the keeper: %w", err)
	}
	k.sealed, k.logs, k.files = true, nil, nil
	return nil
}

// mayHelp reports whether the keeper can do more about err than this process.
func (k *Keeper) mayHelp(err error) bool {
	if k == nil || !errors.Is(err, fs.ErrPermission) {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.sealed
}

// ReadFile reads a file of the configuration, as os.ReadFile. What was read
// before the seal may be read after it.
func (k *Keeper) ReadFile(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err == nil {
		k.noteFile(path)
	}
	if err == nil || !k.mayHelp(err) {
		return b, err
	}
	_, f, err := k.ask(request{Op: opRead, Path: filepath.Clean(path)}, nil)
	if err != nil {
		return nil, err
	}
	if f == nil {
		return nil, errGone
	}
	defer f.Close()
	return io.ReadAll(f)
}

// OpenLog opens a log file for appending, and makes it when it is not there.
// It implements logfile.Opener.
func (k *Keeper) OpenLog(path string) (*os.File, error) {
	path = filepath.Clean(path)
	f, err := logfile.Direct{}.OpenLog(path)
	switch {
	case err == nil:
		k.note(path)
		return f, nil
	case !k.mayHelp(err):
		return nil, err
	}
	_, f, err = k.ask(request{Op: opLog, Path: path}, nil)
	if err == nil && f == nil {
		err = errGone
	}
	return f, err
}

// note remembers a log for the seal.
func (k *Keeper) note(path string) {
	if k == nil {
		return
	}
	k.mu.Lock()
	if !k.sealed {
		k.logs = append(k.logs, path)
	}
	k.mu.Unlock()
}

// noteFile remembers a file for the seal.
func (k *Keeper) noteFile(path string) {
	if k == nil {
		return
	}
	k.mu.Lock()
	if !k.sealed {
		k.files = append(k.files, filepath.Clean(path))
	}
	k.mu.Unlock()
}

// Listen opens a listening socket; network and addr (an IP address or nothing,
// and a port) are as for net.Listen.
func (k *Keeper) Listen(network, addr string) (net.Listener, error) {
	l, err := listen(network, addr)
	if err == nil || !k.mayHelp(err) {
		return l, err
	}
	_, f, err := k.ask(request{Op: opListen, Network: network, Addr: addr}, nil)
	if err != nil {
		return nil, err
	}
	if f == nil {
		return nil, errGone
	}
	defer f.Close()
	return net.FileListener(f)
}

// ListenPacket opens a socket of UDP likewise.
func (k *Keeper) ListenPacket(network, addr string) (net.PacketConn, error) {
	pc, err := net.ListenPacket(network, addr)
	if err == nil || !k.mayHelp(err) {
		return pc, err
	}
	_, f, err := k.ask(request{Op: opListen, Network: network, Addr: addr}, nil)
	if err != nil {
		return nil, err
	}
	if f == nil {
		return nil, errGone
	}
	defer f.Close()
	return net.FilePacketConn(f)
}

// listen opens a socket with this process's rights. Who accepts sets what
// accepted connections inherit.
func listen(network, addr string) (net.Listener, error) {
	lc := net.ListenConfig{KeepAlive: -1}
	lc.SetMultipathTCP(false) // as httpd; it makes each accept dearer
	return lc.Listen(context.Background(), network, addr)
}

// WritePid writes this process's number to a file, which is replaced as a
// whole.
func (k *Keeper) WritePid(path string) error {
	err := writePid(path)
	if err != nil && k.mayHelp(err) {
		_, _, err = k.ask(request{Op: opWritePid, Path: path}, nil)
	}
	return err
}

func writePid(path string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".pid")
	if err != nil {
		return err
	}
	_, err = f.WriteString(strconv.Itoa(os.Getpid()) + "\n")
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// RemovePid removes the file again.
func (k *Keeper) RemovePid(path string) error {
	err := os.Remove(path)
	if err != nil && k.mayHelp(err) {
		_, _, err = k.ask(request{Op: opRemovePid, Path: path}, nil)
	}
	return err
}

// Run starts a piped log program that reads from stdin. It implements
// logfile.Opener. Where there is a keeper it runs all of them, so that they are
// root's from the start to the last reload, as httpd's are.
func (k *Keeper) Run(argv []string, stdin *os.File) (logfile.Process, error) {
	if k == nil {
		return logfile.Direct{}.Run(argv, stdin)
	}
	a, f, err := k.ask(request{Op: opRun, Argv: argv}, stdin)
	if err != nil {
		return nil, err
	}
	if f == nil {
		return nil, errGone
	}
	return &program{k: k, id: a.ID, life: f}, nil
}

// program is one that the keeper runs for us.
type program struct {
	k    *Keeper
	id   int
	life *os.File // a pipe whose other end closes with the program
}

// Wait returns when the program has ended.
func (p *program) Wait() {
	var b [1]byte
	p.life.Read(b[:])
	p.life.Close()
}

// Signal sends SIGKILL for os.Kill, SIGTERM for any other.
func (p *program) Signal(s os.Signal) error {
	_, _, err := p.k.ask(request{Op: opSignal, ID: p.id, Kill: s == os.Kill}, nil)
	return err
}

// Close ends the keeper and waits for it.
func (k *Keeper) Close() {
	if k == nil {
		return
	}
	k.mu.Lock()
	if k.conn != nil {
		k.conn.Close()
		k.conn = nil
	}
	k.mu.Unlock()
	<-k.ended
}
