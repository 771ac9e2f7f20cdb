package health

import (
	"encoding/binary"
	"fmt"
	"strings"

	"sallyport/internal/message"
)

// GRPCPath is the method of the gRPC health checking protocol, version 1.
const GRPCPath = "/grpc.health.v1.Health/Check"

// GRPCRequest is the body that asks about a service, "" for the whole server:
// a HealthCheckRequest (field 1, the name) behind gRPC's five bytes.
func GRPCRequest(service string) []byte {
	var m []byte
	if service != "" {
		m = append(binary.AppendUvarint([]byte{1<<3 | 2}, uint64(len(service))), service...)
	}
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(m))), m...)
}

// servingStatus are the values of ServingStatus.
var servingStatus = [...]string{"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"}

const serving = 1

// GRPCVerdict says why an answer is not SERVING; "" if it is. In an answer
// without a body the trailer is the head.
func GRPCVerdict(a *Answer, trailer message.Header) (reason string) {
	if a.Status != 200 {
		return fmt.Sprintf("status %d", a.Status)
	}
	if t, _ := a.Header.Find("Content-Type"); !strings.HasPrefix(t, "application/grpc") {
		return "the answer is not gRPC: Content-Type " + shorten(t)
	}
	code, there := trailer.Find("Grpc-Status")
	text, _ := trailer.Find("Grpc-Message")
	if !there {
		if code, there = a.Header.Find("Grpc-Status"); !there {
			return "the answer has no grpc-status"
		}
		text, _ = a.Header.Find("Grpc-Message")
	}
	if code != "0" {
		if text != "" {
			text = ": " + shorten(text)
		}
		return "grpc-status " + shorten(code) + text
	}
	status, ok := grpcStatus(a.Body)
	switch {
	case !ok:
		return "the answer is no HealthCheckResponse"
	case status == serving:
		return ""
	case status < uint64(len(servingStatus)):
		return "it is " + servingStatus[status]
	}
	return fmt.Sprintf("it is in state %d", status)
}

// grpcStatus reads field 1 of a HealthCheckResponse; a message without it says
// zero.
func grpcStatus(body string) (status uint64, ok bool) {
	if len(body) < 5 || body[0] != 0 || uint64(binary.BigEndian.Uint32([]byte(body[1:5]))) != uint64(len(body)-5) {
		return 0, false
	}
	m := []byte(body[5:])
	for len(m) > 0 {
		key, n := binary.Uvarint(m)
		if n <= 0 {
			return 0, false
		}
		m = m[n:]
		v, n := uint64(0), 0
		switch key & 7 {
		case 0:
			if v, n = binary.Uvarint(m); n <= 0 {
				return 0, false
			}
		case 1:
			n = 8
		case 2:
			size, k := binary.Uvarint(m)
			if k <= 0 || size > uint64(len(m)) {
				return 0, false
			}
			n = k + int(size)
		case 5:
			n = 4
		default:
			return 0, false
		}
		if n > len(m) {
			return 0, false
		}
		if key == 1<<3 {
			status = v
		}
		m = m[n:]
	}
	return status, true
}
