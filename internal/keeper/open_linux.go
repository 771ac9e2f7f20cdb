package keeper

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// dir is a directory held open, so that what is decided about it stays true of
// what is then opened in it.
type dir struct {
	fd   int
	id   dirID
	safe bool // nobody but root can change what it holds
}

// dirID tells a directory from another one that took its name.
type dirID struct{ dev, ino uint64 }

func openDir(path string) (dir, error) {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return dir{}, err
	}
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		syscall.Close(fd)
		return dir{}, err
	}
	return dir{fd, dirID{uint64(st.Dev), st.Ino}, st.Uid == 0 && st.Mode&0o022 == 0}, nil
}

func (d dir) close() { syscall.Close(d.fd) }

// entry is a name in a directory.
type entry struct {
	dir  dirID
	name string
}

// at opens the directory that a path is in, for use.
func at(path string, use func(d dir, where, name string) (*os.File, error)) (*os.File, error) {
	if !filepath.IsAbs(path) || filepath.Clean(path) != path || path == "/" {
		return nil, fmt.Errorf("%q is not an absolute path in its simplest form", path)
	}
	where, name := filepath.Dir(path), filepath.Base(path)
	d, err := openDir(where)
	if err != nil {
		return nil, err
	}
	defer d.close()
	return use(d, where, name)
}

// open opens a file of the directory, whose path is where. In one that others
// than root may change it must be a plain file with a single name.
func (d dir) open(where, name string, flags int) (*os.File, error) {
	// O_NONBLOCK: a named pipe that nobody reads must not hold the keeper up.
	flags |= syscall.O_NONBLOCK | syscall.O_NOCTTY | syscall.O_CLOEXEC
	if !d.safe {
		flags |= syscall.O_NOFOLLOW
	}
	fd, err := syscall.Openat(d.fd, name, flags, 0o666)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), name)
	var st syscall.Stat_t
	err = syscall.Fstat(fd, &st)
	if err == nil && !d.safe && (st.Mode&syscall.S_IFMT != syscall.S_IFREG || st.Nlink != 1) {
		err = fmt.Errorf("others than root may write to %s, and %s is no plain file with a single name", where, name)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// openLog opens a log file for appending, and makes it when it is not there.
func (s *service) openLog(path string) (*os.File, error) {
	return at(path, func(d dir, where, name string) (*os.File, error) {
		switch ok := s.dirs[d.id]; {
		case ok == nil && s.paths[where]:
			return nil, fmt.Errorf("%s is not the directory that it was when Sallyport started as root: restart it to log there", where)
		case ok == nil:
			return nil, fmt.Errorf("no log was in %s when Sallyport started as root: restart it to log there", where)
		case !ok.any && !ok.names[name]:
			return nil, fmt.Errorf("%s also holds files of the configuration, so only the logs are opened there that were open when Sallyport started as root: restart it, or give the logs a directory of their own", where)
		}
		return d.open(where, name, syscall.O_WRONLY|syscall.O_APPEND|syscall.O_CREAT)
	})
}

// openConfig opens a file of the configuration for reading.
func (s *service) openConfig(path string) (*os.File, error) {
	return at(path, func(d dir, where, name string) (*os.File, error) {
		if !s.config[entry{d.id, name}] {
			return nil, fmt.Errorf("%s was no part of the configuration when Sallyport started as root: restart it, or let its User read the file", path)
		}
		return d.open(where, name, syscall.O_RDONLY)
	})
}

// pid does something to the PidFile.
func (s *service) pid(path string, use func(dir int, name string) error) error {
	if path == "" || path != s.pidFile {
		return fmt.Errorf("%s was not the PidFile when Sallyport started as root: restart it to use another", path)
	}
	d, err := openDir(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer d.close()
	if d.id != s.pidDir {
		return fmt.Errorf("%s is not the directory that it was when Sallyport started as root", filepath.Dir(path))
	}
	return use(d.fd, filepath.Base(path))
}

// writePid puts a file with the server's number in the place of the PidFile.
// It writes to a file that it has made, and follows no link.
func (s *service) writePid(dir int, name string) error {
	fresh := "." + name + "." + strconv.Itoa(os.Getpid())
	syscall.Unlinkat(dir, fresh) // of a keeper that had our number and was killed
	fd, err := syscall.Openat(dir, fresh, syscall.O_WRONLY|syscall.O_CREAT|syscall.O_EXCL|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0o644)
	if err != nil {
		return err
	}
	_, err = syscall.Write(fd, []byte(strconv.Itoa(s.server)+"\n"))
	if cerr := syscall.Close(fd); err == nil {
		err = cerr
	}
	if err == nil {
		err = syscall.Renameat(dir, fresh, dir, name)
	}
	if err != nil {
		syscall.Unlinkat(dir, fresh)
	}
	return err
}
