// Package ajp is as much of AJP 1.3 as a health check speaks: the packets CPing
// and CPong by which a container is asked whether it lives (the AJP13 protocol
// reference of the Tomcat connectors, "CPing" and "CPong"). Bytes in, bytes out;
// no sockets. The checker is its only neighbour: requests over AJP are not
// carried.
package ajp

import (
	"bytes"
	"fmt"
)

// CPing is the packet that asks: from the server to the container, one byte
// long, of type 10.
var CPing = []byte{0x12, 0x34, 0, 1, 10}

// cpong is the answer: from the container, one byte long, of type 9.
var cpong = []byte{'A', 'B', 0, 1, 9}

// PongLen is the length of the answer in bytes.
const PongLen = 5

// CheckCPong says what is wrong with an answer of PongLen bytes; nil: nothing.
func CheckCPong(p []byte) error {
	if !bytes.Equal(p, cpong) {
		return fmt.Errorf("no CPong but % x", p[:min(len(p), PongLen)])
	}
	return nil
}
