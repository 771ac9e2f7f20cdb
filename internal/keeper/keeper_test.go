//go:build linux

package keeper

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sallyport/internal/logfile"
)

// droppedEnv makes the test program a server that was started as root.
const droppedEnv = "KEEPER_TEST_SERVER"

func TestMain(m *testing.M) {
	if Called() {
		os.Exit(Main())
	}
	if dir := os.Getenv(droppedEnv); dir != "" {
		if err := serverStartedAsRoot(dir); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestAsRoot runs the whole of it: a server that starts as root, seals its
// keeper, becomes somebody else, and goes on.
func TestAsRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("skipped: only root has rights to keep")
	}
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} { // nobody, too, looks into it
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), droppedEnv+"="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, want := range map[string]string{
		"logs/error.log": "as root\nas nobody\n",
		"logs/new.log":   "of a new virtual host\n",
		"program.out":    "root\nroot\n",
		"run/httpd.pid":  "", // removed
		"elsewhere/x":    "",
		"conf/httpd.log": "also with the configuration\n",
	} {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if want == "" && !errors.Is(err, fs.ErrNotExist) || want != "" && string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "logs/new.log")); err == nil && info.Sys().(*syscall.Stat_t).Uid != 0 {
		t.Error("new.log is not root's")
	}
}

func serverStartedAsRoot(dir string) error {
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, d := range []string{"logs", "run", "elsewhere", "conf"} {
		if err := os.Mkdir(at(d), 0o755); err != nil {
			return err
		}
	}
	if err := os.Chmod(at("logs"), 0o700); err != nil {
		return err
	}
	k, err := Start()
	if err != nil {
		return err
	}
	line := func(name, text string) error {
		f, err := k.OpenLog(at(name))
		if err != nil {
			return err
		}
		_, err = f.WriteString(text + "\n")
		return errors.Join(err, f.Close())
	}
	program := []string{"/bin/sh", "-c", "cat >/dev/null; id -un >>" + at("program.out")}
	runProgram := func(argv []string) error {
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		defer r.Close()
		p, err := k.Run(argv, r)
		w.Close()
		if err == nil {
			p.Wait()
		}
		return err
	}
	if err := errors.Join(line("logs/error.log", "as root"), line("conf/httpd.log", "also with the configuration"),
		k.WritePid(at("run/httpd.pid")), runProgram(program),
		os.WriteFile(at("conf/httpd.conf"), []byte("secret"), 0o600), os.WriteFile(at("conf/other"), []byte("secret"), 0o600),
		k.Seal(dir, []string{at("conf/httpd.conf")}, at("run/httpd.pid"))); err != nil {
		return err
	}
	if err := errors.Join(syscall.Setgroups([]int{65534}), syscall.Setgid(65534), syscall.Setuid(65534)); err != nil {
		return err
	}

	// What it may still do.
	if err := errors.Join(line("logs/error.log", "as nobody"), line("logs/new.log", "of a new virtual host"),
		runProgram(program), k.WritePid(at("run/httpd.pid"))); err != nil {
		return err
	}
	if pid, err := os.ReadFile(at("run/httpd.pid")); err != nil || string(pid) != fmt.Sprintln(os.Getpid()) {
		return fmt.Errorf("PidFile: %q, %v", pid, err)
	}
	if err := k.RemovePid(at("run/httpd.pid")); err != nil {
		return err
	}
	if b, err := k.ReadFile(at("conf/httpd.conf")); string(b) != "secret" {
		return fmt.Errorf("configuration: %q, %v", b, err)
	}
	if err := tryListen(k); err != nil {
		return err
	}

	// What it may not, and what it is told.
	for what, c := range map[string]struct {
		do   func() error
		want string
	}{
		"another directory":    {func() error { return line("elsewhere/x", "no") }, "no log was in " + at("elsewhere")},
		"a configuration file": {func() error { return line("conf/httpd.conf", "no") }, "files of the configuration"},
		"another file":         {func() error { _, err := k.ReadFile(at("conf/other")); return err }, "was no part of the configuration"},
		"another PidFile":      {func() error { return k.WritePid(at("elsewhere/pid")) }, "was not the PidFile"},
		"another to remove":    {func() error { return k.RemovePid(at("logs/error.log")) }, "was not the PidFile"},
		"another program":      {func() error { return runProgram([]string{"/bin/sh", "-c", "id"}) }, "no log went to the program"},
		"a second seal":        {func() error { return k.Seal("/", nil, "") }, "sealed"},
		"a missing directory":  {func() error { return line("none/x", "no") }, "no such file"},
	} {
		var refused *Refused
		err := c.do()
		if err == nil || !strings.Contains(err.Error(), c.want) || what != "a missing directory" && !errors.As(err, &refused) {
			return fmt.Errorf("%s: %v, want %q", what, err, c.want)
		}
	}

	k.Close()
	if _, err := k.Listen("tcp4", "127.0.0.1:1"); !errors.Is(err, errGone) {
		return fmt.Errorf("without a keeper: %v", err)
	}
	return nil
}

// tryListen binds a port that only root may.
func tryListen(k *Keeper) error {
	for port := 601; port < 640; port++ {
		addr := fmt.Sprintf("127.0.0.1:%d", port)
		l, err := k.Listen("tcp4", addr)
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		defer l.Close()
		go func() {
			if c, err := net.Dial("tcp", addr); err == nil {
				c.Write([]byte("hi"))
				c.Close()
			}
		}()
		c, err := l.Accept()
		if err != nil {
			return err
		}
		defer c.Close()
		b, err := io.ReadAll(c)
		if string(b) != "hi" {
			return fmt.Errorf("read %q, %v", b, err)
		}
		return nil
	}
	return errors.New("no free port below 640")
}

// sealed is a service with logs/error.log open, within this process.
func sealed(t *testing.T, dirMode os.FileMode) (s *service, dir string) {
	t.Helper()
	dir = t.TempDir()
	logs := filepath.Join(dir, "logs")
	if err := errors.Join(os.Mkdir(logs, 0o755), os.Chmod(logs, dirMode)); err != nil {
		t.Fatal(err)
	}
	s = newService(os.Getpid())
	if err := s.seal(&rights{Logs: []string{filepath.Join(logs, "error.log")}, Dirs: []string{logs}}); err != nil {
		t.Fatal(err)
	}
	return s, dir
}

// Links planted in a log directory that User may write to lead nowhere.
func TestPlantedLinks(t *testing.T) {
	s, dir := sealed(t, 0o777)
	secret, logs := filepath.Join(dir, "secret"), filepath.Join(dir, "logs")
	if err := errors.Join(
		os.WriteFile(secret, []byte("secret"), 0o600),
		os.Symlink(secret, filepath.Join(logs, "symbolic")),
		os.Symlink("../new", filepath.Join(logs, "dangling")),
		os.Link(secret, filepath.Join(logs, "hard")),
		syscall.Mkfifo(filepath.Join(logs, "fifo"), 0o666),
		os.Mkdir(filepath.Join(logs, "dir"), 0o755),
	); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"symbolic", "dangling", "hard", "fifo", "dir"} {
		if f, err := s.openLog(filepath.Join(logs, name)); err == nil {
			f.Close()
			t.Errorf("%s was opened", name)
		}
	}
	f, err := s.openLog(filepath.Join(logs, "plain"))
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	for _, path := range []string{
		"", "/", "logs/x", logs, logs + "/", logs + "/../secret", logs + "//x", logs + "/./x",
		logs + "/dir/x", filepath.Dir(logs) + "/x", "/etc/passwd", logs + "/x\x00y",
	} {
		if f, err := s.openLog(path); err == nil {
			f.Close()
			t.Errorf("%q was opened", path)
		}
	}
}

// Where only root may write, a link is the administrator's.
func TestRootsLinks(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("skipped: the directory must be root's")
	}
	s, dir := sealed(t, 0o755)
	target := filepath.Join(dir, "elsewhere")
	link := filepath.Join(dir, "logs", "link")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	f, err := s.openLog(link)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if _, err := os.Stat(target); err != nil {
		t.Error(err)
	}
}

func TestReplacedDirectory(t *testing.T) {
	s, dir := sealed(t, 0o755)
	logs := filepath.Join(dir, "logs")
	if err := errors.Join(os.Rename(logs, logs+".old"), os.Mkdir(logs, 0o755)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.openLog(filepath.Join(logs, "error.log")); err == nil || !strings.Contains(err.Error(), "is not the directory that it was") {
		t.Errorf("replaced: %v", err)
	}
	// By its new name it is the old one.
	f, err := s.openLog(filepath.Join(logs+".old", "error.log"))
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

func TestBind(t *testing.T) {
	for _, c := range [][2]string{
		{"tcp", "localhost:0"}, {"tcp", "127.0.0.1:http"}, {"tcp", "127.0.0.1"}, {"tcp", "127.0.0.1:70000"},
		{"udp", "localhost:0"}, {"ip", "127.0.0.1"}, {"unix", "/tmp/x"}, {"", ":0"}, {"tcp4", "[::1]:0"},
	} {
		if f, err := bind(c[0], c[1]); err == nil {
			f.Close()
			t.Errorf("%q was bound", c)
		}
	}
	u, err := bind("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u.Close()
	f, err := bind("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}

// pair gives both ends of a connection.
func pair(t *testing.T) (a, b *net.UnixConn) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out [2]*net.UnixConn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "pair")
		c, err := net.FileConn(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		out[i] = c.(*net.UnixConn)
	}
	return out[0], out[1]
}

// Whatever comes in, the keeper answers or ends; it never takes more than it
// said.
func TestOddMessages(t *testing.T) {
	for _, c := range []struct{ bytes, want string }{
		{"\xff\xff\xff\xffxxxx", "too long"},
		{"\x00\x01\x00\x01{}", "too long"}, // 65537 of the sealed one's 65536
		{"\x00\x00\x00\x04nope", "invalid character"},
		{"\x00\x00\x00\x09{\"Op\":7}", "unexpected EOF"},
		{"\x00\x00", "EOF"},
		{"", "EOF"},
	} {
		s, _ := sealed(t, 0o755)
		us, them := pair(t)
		go func() {
			us.Write([]byte(c.bytes))
			us.Close()
		}()
		if err := s.serve(them); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %s", c.bytes, err, c.want)
		}
	}
}

func TestUnknownOp(t *testing.T) {
	s, _ := sealed(t, 0o755)
	us, them := pair(t)
	go s.serve(them)
	k := &Keeper{conn: us, sealed: true}
	for _, q := range []request{{Op: "format"}, {}, {Op: opSeal}, {Op: opRun, Argv: []string{"true"}}, {Op: opSignal, ID: 1}} {
		var refused *Refused
		if _, f, err := k.ask(q, nil); !errors.As(err, &refused) || f != nil {
			t.Errorf("%v: %v", q, err)
		}
	}
}

// A nil Keeper does it with this process's rights.
func TestNoKeeper(t *testing.T) {
	var k *Keeper
	dir := t.TempDir()
	f, err := k.OpenLog(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	pid := filepath.Join(dir, "pid")
	if err := errors.Join(k.WritePid(pid), k.Seal(dir, nil, pid)); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(pid); string(b) != fmt.Sprintln(os.Getpid()) {
		t.Errorf("PidFile: %q", b)
	}
	if info, _ := os.Stat(pid); info.Mode().Perm() != 0o644 {
		t.Errorf("PidFile has mode %v", info.Mode())
	}
	l, err := k.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := k.RemovePid(pid); err != nil {
		t.Error(err)
	}
	var _ logfile.Opener = k
	k.Close()
}

// A program is told to end, and its end is seen.
func TestSignalProgram(t *testing.T) {
	s := newService(os.Getpid())
	us, them := pair(t)
	go s.serve(them)
	k := &Keeper{conn: us}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, c := range []struct {
		sig  os.Signal
		argv []string
	}{
		{syscall.SIGTERM, []string{"sleep", "100"}},
		{os.Kill, []string{"sleep", "100"}},
	} {
		p, err := k.Run(c.argv, r)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Signal(c.sig); err != nil {
			t.Error(err)
		}
		p.Wait()
	}
	r.Close()
	if _, err := k.Run([]string{"/no/such/program"}, w); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a program that is not there: %v", err)
	}
}

func FuzzReceive(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x0c{\"Op\":\"log\"}"))
	f.Add([]byte("\x00\x00\x00\x02{}\x00\x00\x00\x02{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, dir := sealed(t, 0o755)
		before, _ := os.ReadDir(dir)
		us, them := pair(t)
		go func() {
			us.Write(data)
			us.CloseWrite()
		}()
		s.serve(them)
		if after, _ := os.ReadDir(dir); len(after) != len(before) {
			t.Error("something was made outside of logs")
		}
	})
}
