package logfile

import (
	"bytes"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// syslogSockets are where the local syslog daemon listens.
var syslogSockets = []string{"/dev/log", "/var/run/syslog", "/var/run/log"}

// redialAfter spaces the attempts to reach a daemon that is away.
const redialAfter = time.Second

// syslogDevice speaks to the local daemon in the form that syslog(3) uses:
// <priority>date tag[pid]: text. While there is no daemon the lines go to
// standard error.
type syslogDevice struct {
	facility int
	tag      string
	sockets  []string
	report   func(string)
	conn     net.Conn
	stream   bool // conn needs the messages marked off
	tried    time.Time
	away     bool // reported
	buf      []byte
}

func openSyslog(t Target, report func(string)) *syslogDevice {
	d := &syslogDevice{facility: 23, tag: t.Tag, sockets: syslogSockets, report: report}
	if f, ok := facilities[t.Facility]; ok {
		d.facility = f
	}
	if d.tag == "" {
		d.tag = filepath.Base(os.Args[0])
	}
	return d
}

// write takes lines that begin with a byte of severity.
func (d *syslogDevice) write(p []byte) (int, error) {
	n := 0
	for len(p) > 1 {
		end := bytes.IndexByte(p[1:], '\n') + 1
		if end == 0 {
			end = len(p)
		}
		d.send(int(p[0]), p[1:end])
		end = min(end+1, len(p))
		n += end
		p = p[end:]
	}
	return n, nil
}

func (d *syslogDevice) send(severity int, text []byte) {
	now := time.Now()
	b := append(d.buf[:0], '<')
	b = strconv.AppendInt(b, int64(d.facility<<3|min(severity, 7)), 10)
	b = append(b, '>')
	b = now.AppendFormat(b, time.Stamp)
	b = append(append(b, ' '), d.tag...)
	b = strconv.AppendInt(append(b, '['), int64(os.Getpid()), 10)
	b = append(append(b, "]: "...), text...)
	d.buf = b
	for range 2 {
		if d.conn == nil && !d.dial(now) {
			break
		}
		msg := b
		if d.stream {
			msg = append(b, '\n')
		}
		if _, err := d.conn.Write(msg); err == nil {
			return
		}
		d.conn.Close()
		d.conn = nil
		d.tried = time.Time{}
	}
	os.Stderr.Write(append(append([]byte(nil), text...), '\n'))
}

func (d *syslogDevice) dial(now time.Time) bool {
	if now.Sub(d.tried) < redialAfter {
		return false
	}
	d.tried = now
	err := errors.New("no socket")
	for _, path := range d.sockets {
		for _, network := range []string{"unixgram", "unix"} {
			var c net.Conn
			if c, err = net.Dial(network, path); err == nil {
				d.conn, d.stream, d.away = c, network == "unix", false
				return true
			}
		}
	}
	if !d.away {
		d.away = true
		d.report("no syslog daemon answers, log lines go to standard error: " + err.Error())
	}
	return false
}

func (d *syslogDevice) hasten() {}

func (d *syslogDevice) close() {
	if d.conn != nil {
		d.conn.Close()
	}
}
