package h3

import (
	"bufio"
	"errors"
	"io"

	"github.com/quic-go/quic-go/quicvarint"
)

// The frames of RFC 9114 §7.2.
const (
	frameData        = 0x0
	frameHeaders     = 0x1
	frameCancelPush  = 0x3
	frameSettings    = 0x4
	framePushPromise = 0x5
	frameGoAway      = 0x7
	frameMaxPushID   = 0xd
)

// The streams of one direction (RFC 9114 §6.2, RFC 9204 §4.2).
const (
	streamControl = 0x0
	streamPush    = 0x1
	streamEncoder = 0x2
	streamDecoder = 0x3
)

// The parameters: RFC 9114 §7.2.4.1, RFC 9220 §5.
const (
	settingMaxFieldSection = 0x6
	settingConnectProtocol = 0x8
)

// code is an error code (RFC 9114 §8.1, RFC 9204 §6).
type code uint64

const (
	errNone            code = 0x100
	errGeneral         code = 0x101
	errInternal        code = 0x102
	errStreamCreation  code = 0x103
	errClosedCritical  code = 0x104
	errFrameUnexpected code = 0x105
	errFrame           code = 0x106
	errExcessiveLoad   code = 0x107
	errID              code = 0x108
	errSettings        code = 0x109
	errMissingSettings code = 0x10a
	errRejected        code = 0x10b
	errCancelled       code = 0x10c
	errIncomplete      code = 0x10d
	errMessage         code = 0x10e
	errDecompression   code = 0x200
)

// fault is why a connection (or, with stream set, one stream) is ended.
type fault struct {
	code   code
	stream bool
	text   string
}

func (f *fault) Error() string { return f.text }

// maxVain is how many frames of unknown types one stream may bring.
const maxVain = 64

// reader reads the frames of one stream.
type reader struct {
	b    *bufio.Reader
	left int64 // of the payload of the frame at hand
	vain int
	read int64 // bytes of frames so far
}

// next reads the head of the next frame; what is left of the last one is an
// error of the caller. io.EOF only comes between frames.
func (r *reader) next() (typ uint64, err error) {
	if _, err := r.b.Peek(1); err != nil {
		return 0, err
	}
	typ, err = quicvarint.Read(r.b)
	if err == nil {
		var n uint64
		n, err = quicvarint.Read(r.b)
		r.left = int64(n)
		r.read += int64(quicvarint.Len(typ) + quicvarint.Len(n))
	}
	if err == io.EOF {
		err = &fault{errFrame, false, "frame cut short"}
	}
	return typ, err
}

// want reads frames until one that a request stream may hold: DATA or HEADERS.
func (r *reader) want() (uint64, error) {
	for {
		typ, err := r.next()
		if err != nil {
			return 0, err
		}
		switch typ {
		case frameData, frameHeaders:
			return typ, nil
		case frameCancelPush, frameSettings, framePushPromise, frameGoAway, frameMaxPushID, 0x2, 0x6, 0x8, 0x9:
			return 0, &fault{errFrameUnexpected, false, "frame of the wrong stream"}
		}
		if err := r.skip(); err != nil {
			return 0, err
		}
	}
}

// skip passes over a frame of a type we do not know.
func (r *reader) skip() error {
	if r.vain++; r.vain > maxVain {
		return &fault{errExcessiveLoad, false, "too many frames of unknown types"}
	}
	if r.left > 1<<16 {
		return &fault{errExcessiveLoad, false, "long frame of an unknown type"}
	}
	_, err := r.b.Discard(int(r.left))
	r.read += r.left
	r.left = 0
	if err == io.EOF {
		err = &fault{errFrame, false, "frame cut short"}
	}
	return err
}

// payload reads the whole frame at hand, at most limit bytes.
func (r *reader) payload(limit int) ([]byte, error) {
	if r.left > int64(limit) {
		return nil, errTooLarge
	}
	p := make([]byte, r.left)
	_, err := io.ReadFull(r.b, p)
	r.read += r.left
	r.left = 0
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = &fault{errFrame, false, "frame cut short"}
	}
	return p, err
}

var errTooLarge = errors.New("header section too large")

// appendHead appends a frame's head.
func appendHead(b []byte, typ uint64, n int) []byte {
	return quicvarint.Append(quicvarint.Append(b, typ), uint64(n))
}
