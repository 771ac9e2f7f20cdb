package keeper

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
)

// op is what a request asks for.
type op string

const (
	opSeal      op = "seal"       // Rights
	opRead      op = "read"       // Path → descriptor
	opLog       op = "log"        // Path → descriptor
	opListen    op = "listen"     // Network, Addr → descriptor
	opWritePid  op = "write-pid"  // Path
	opRemovePid op = "remove-pid" // Path
	opRun       op = "run"        // Argv, with the standard input → ID, and a pipe that ends with the program
	opSignal    op = "signal"     // ID, Kill
)

// request is one question of the server. One descriptor may come with it.
type request struct {
	Op            op
	Path          string   `json:",omitempty"`
	Network, Addr string   `json:",omitempty"`
	Argv          []string `json:",omitempty"`
	ID            int      `json:",omitempty"`
	Kill          bool     `json:",omitempty"`
	Rights        *rights  `json:",omitempty"`
}

// rights is what the keeper may do once it is sealed.
type rights struct {
	Logs    []string // log files, absolute and clean
	Dirs    []string // directories whose other files may be logs
	Config  []string // files of the configuration
	PidFile string
}

// reply is the answer. One descriptor may come with it.
type reply struct {
	Errno   int    `json:",omitempty"` // of the system call that failed
	Refused string `json:",omitempty"` // why the keeper did not try
	ID      int    `json:",omitempty"`
}

// Refused is the error of a request that the keeper turned down.
type Refused struct{ Why string }

func (e *Refused) Error() string { return e.Why }

// err gives the error the reply tells of.
func (r *reply) err() error {
	switch {
	case r.Refused != "":
		return &Refused{r.Refused}
	case r.Errno != 0:
		return syscall.Errno(r.Errno)
	}
	return nil
}

// failed makes a reply of an error.
func failed(err error) reply {
	var errno syscall.Errno
	switch {
	case err == nil:
		return reply{}
	case errors.As(err, &errno):
		return reply{Errno: int(errno)}
	}
	return reply{Refused: err.Error()}
}

// Bounds of a message. The seal, which comes from a server that is still root,
// lists all logs of the configuration.
const (
	maxMessage = 64 << 10
	maxSeal    = 64 << 20
)

// send writes one message: its length in four bytes, then JSON. A descriptor
// travels with the first byte; f stays open.
func send(c *net.UnixConn, v any, f *os.File) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	b := append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
	var oob []byte
	if f != nil {
		raw, err := f.SyscallConn()
		if err != nil {
			return err
		}
		// Within Control the descriptor can't be closed or change its mode.
		var n int
		cerr := raw.Control(func(fd uintptr) {
			oob = syscall.UnixRights(int(fd))
			n, _, err = c.WriteMsgUnix(b, oob, nil)
		})
		if err = errors.Join(cerr, err); err != nil {
			return err
		}
		b = b[n:]
	}
	_, err = c.Write(b)
	return err
}

// receive reads one message of at most limit bytes into v, and the descriptor
// that came with it, which is the caller's to close; nil when none came.
func receive(c *net.UnixConn, v any, limit int) (f *os.File, err error) {
	defer func() {
		if err != nil && f != nil {
			f.Close()
			f = nil
		}
	}()
	var head [4]byte
	oob := make([]byte, syscall.CmsgSpace(4))
	n, oobn, _, _, err := c.ReadMsgUnix(head[:], oob)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, io.EOF
	}
	if f, err = descriptor(oob[:oobn]); err != nil {
		return f, err
	}
	if _, err := io.ReadFull(c, head[n:]); err != nil {
		return f, err
	}
	size := int64(binary.BigEndian.Uint32(head[:]))
	if size > int64(limit) {
		return f, fmt.Errorf("receive: a message of %d bytes is too long", size)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(c, body); err != nil {
		return f, err
	}
	return f, json.Unmarshal(body, v)
}

// descriptor takes the first descriptor out of control data, and closes others.
func descriptor(oob []byte) (*os.File, error) {
	if len(oob) == 0 {
		return nil, nil
	}
	messages, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, fmt.Errorf("receive: %w", err)
	}
	var f *os.File
	for i := range messages {
		fds, err := syscall.ParseUnixRights(&messages[i])
		if err != nil {
			continue
		}
		for _, fd := range fds {
			if f == nil {
				f = os.NewFile(uintptr(fd), "received")
			} else {
				syscall.Close(fd)
			}
		}
	}
	return f, nil
}
