// Package h2 is the codec of HTTP/2's frames (RFC 9113): bytes ⇄ frame heads
// and payloads. It knows no sockets, no streams and no flow control (see
// front/h2), and leaves HPACK to golang.org/x/net/http2/hpack. It is not
// wire/h1 with other bytes: a frame says nothing about messages.
package h2

import "encoding/binary"

// Preface is what a client sends first (RFC 9113 §3.4).
const Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// Sizes in bytes. MaxFrame is the largest payload that every peer takes, and
// the largest that we take.
const (
	HeadLen  = 9
	MaxFrame = 16384
)

// MaxWindow is the largest flow-control window.
const MaxWindow = 1<<31 - 1

// Type is a frame's type.
type Type uint8

// The types of RFC 9113 §6. Others are ignored.
const (
	Data Type = iota
	Headers
	Priority
	RSTStream
	Settings
	PushPromise
	Ping
	GoAway
	WindowUpdate
	Continuation
)

// The flags.
const (
	EndStream   = 0x1
	Ack         = 0x1
	EndHeaders  = 0x4
	Padded      = 0x8
	HasPriority = 0x20
)

// Code says why a stream or a connection was ended (RFC 9113 §7).
type Code uint32

// The codes.
const (
	NoError Code = iota
	ProtocolError
	InternalError
	FlowControlError
	SettingsTimeout
	StreamClosed
	FrameSizeError
	RefusedStream
	Cancel
	CompressionError
	ConnectError
	EnhanceYourCalm
	InadequateSecurity
	HTTP11Required
)

var codes = [...]string{"NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT",
	"STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR",
	"ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED"}

// String is the code's name in the RFC.
func (c Code) String() string {
	if int(c) < len(codes) {
		return codes[c]
	}
	return "unknown code"
}

// Setting is a parameter's number.
type Setting uint16

// The parameters: RFC 9113 §6.5.2, RFC 8441 §3, RFC 9218 §2.1.
const (
	HeaderTableSize       Setting = 1
	EnablePush            Setting = 2
	MaxConcurrentStreams  Setting = 3
	InitialWindowSize     Setting = 4
	MaxFrameSize          Setting = 5
	MaxHeaderListSize     Setting = 6
	EnableConnectProtocol Setting = 8
	NoPriorities          Setting = 9
)

// Head is a frame's head.
type Head struct {
	Length int // of the payload
	Type   Type
	Flags  uint8
	Stream uint32
}

// Has reports whether a flag is set.
func (h Head) Has(flag uint8) bool { return h.Flags&flag != 0 }

// ParseHead reads a frame's head from the first HeadLen bytes of b.
func ParseHead(b []byte) Head {
	return Head{
		Length: int(b[0])<<16 | int(b[1])<<8 | int(b[2]),
		Type:   Type(b[3]),
		Flags:  b[4],
		Stream: binary.BigEndian.Uint32(b[5:]) & MaxWindow,
	}
}

// AppendHead appends a frame's head.
func AppendHead(dst []byte, h Head) []byte {
	dst = append(dst, byte(h.Length>>16), byte(h.Length>>8), byte(h.Length), byte(h.Type), h.Flags)
	return binary.BigEndian.AppendUint32(dst, h.Stream)
}

// Body cuts padding, and priority where the frame has it, off the payload of a
// DATA or HEADERS frame. depends is the stream that the priority names, 0
// without. A code other than NoError is a connection error.
func Body(h Head, p []byte) (data []byte, depends uint32, code Code) {
	pad := 0
	if h.Has(Padded) {
		if len(p) == 0 {
			return nil, 0, FrameSizeError
		}
		pad = int(p[0])
		p = p[1:]
	}
	if h.Type == Headers && h.Has(HasPriority) {
		if len(p) < 5 {
			return nil, 0, FrameSizeError
		}
		depends = binary.BigEndian.Uint32(p) & MaxWindow
		p = p[5:]
	}
	if pad > len(p) {
		return nil, 0, ProtocolError
	}
	return p[:len(p)-pad], depends, NoError
}

// AppendSetting appends one parameter to the payload of a SETTINGS frame.
func AppendSetting(dst []byte, s Setting, v uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(dst, uint16(s)), v)
}

// ParseSettings calls f for each parameter of a SETTINGS payload, and checks
// those whose values have limits (RFC 9113 §6.5.2).
func ParseSettings(p []byte, f func(Setting, uint32)) Code {
	if len(p)%6 != 0 {
		return FrameSizeError
	}
	for ; len(p) > 0; p = p[6:] {
		s, v := Setting(binary.BigEndian.Uint16(p)), binary.BigEndian.Uint32(p[2:])
		switch {
		case s == EnablePush && v > 1, s == EnableConnectProtocol && v > 1:
			return ProtocolError
		case s == InitialWindowSize && v > MaxWindow:
			return FlowControlError
		case s == MaxFrameSize && (v < MaxFrame || v > 1<<24-1):
			return ProtocolError
		}
		f(s, v)
	}
	return NoError
}

// AppendUint32Frame appends a frame whose payload is one number: RST_STREAM and
// WINDOW_UPDATE.
func AppendUint32Frame(dst []byte, t Type, stream, v uint32) []byte {
	return binary.BigEndian.AppendUint32(AppendHead(dst, Head{4, t, 0, stream}), v)
}

// AppendGoAway appends a GOAWAY frame.
func AppendGoAway(dst []byte, last uint32, code Code) []byte {
	dst = AppendHead(dst, Head{Length: 8, Type: GoAway})
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(dst, last), uint32(code))
}

// AppendHeaders appends a header block as HEADERS and, where it is longer than
// a frame, CONTINUATION frames.
func AppendHeaders(dst []byte, stream uint32, block []byte, end bool) []byte {
	h := Head{Type: Headers, Stream: stream}
	if end {
		h.Flags = EndStream
	}
	for {
		h.Length = min(len(block), MaxFrame)
		if h.Length == len(block) {
			h.Flags |= EndHeaders
		}
		dst = append(AppendHead(dst, h), block[:h.Length]...)
		block = block[h.Length:]
		if len(block) == 0 {
			return dst
		}
		h.Type, h.Flags = Continuation, 0
	}
}
