package logfile

import (
	"errors"
	"os"
)

// openDevice opens what a target names.
func openDevice(t Target, with Opener, report func(string)) (device, error) {
	switch t.Kind {
	case Stdout:
		return stream{os.Stdout}, nil
	case Stderr:
		return stream{os.Stderr}, nil
	case Null:
		return null{}, nil
	case Program, Shell:
		return openProgram(t, with, report)
	case Syslog:
		return openSyslog(t, report), nil
	}
	f, err := with.OpenLog(t.Name)
	if err != nil {
		var p *os.PathError
		if errors.As(err, &p) {
			err = p.Err // the path is named by OpenError
		}
		return nil, err
	}
	return file{stream{f}}, nil
}

// stream writes to a file that was open before us and stays open.
type stream struct{ f *os.File }

func (d stream) write(p []byte) (int, error) { return d.f.Write(p) }
func (d stream) hasten()                     {}
func (d stream) close()                      {}

// file is a log file, always written at its end: several processes or
// snapshots may have it open.
type file struct{ stream }

func (d file) close() { d.f.Close() }

type null struct{}

func (null) write(p []byte) (int, error) { return len(p), nil }
func (null) hasten()                     {}
func (null) close()                      {}
