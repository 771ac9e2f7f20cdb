package errorlog

import (
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"syscall"
)

// ErrnoText is a system error as httpd prints it: see appendErrno.
func ErrnoText(err error) string { return string(appendErrno(nil, err)) }

// appendErrno appends a system error as httpd prints it, "(111)Connection
// refused": the number is errno, or APR's where the C library has none. An
// error without a number is appended as its text.
func appendErrno(dst []byte, err error) []byte {
	code, text := 0, ""
	var errno syscall.Errno
	var timeout net.Error
	var dns *net.DNSError
	switch {
	case errors.As(err, &errno):
		code, text = int(errno), errno.Error()
	case errors.As(err, &dns) && dns.IsNotFound:
		code, text = 670002, "name or service not known"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		code, text = 70007, "the timeout specified has expired"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		code, text = 70014, "end of file found"
	default:
		return append(dst, err.Error()...)
	}
	dst = append(dst, '(')
	dst = strconv.AppendInt(dst, int64(code), 10)
	dst = append(dst, ')')
	at := len(dst)
	dst = append(dst, text...)
	if at < len(dst) && 'a' <= dst[at] && dst[at] <= 'z' {
		dst[at] -= 'a' - 'A'
	}
	return dst
}
