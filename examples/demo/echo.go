package main

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"strings"
)

// echo is a WebSocket (RFC 6455) that sends every message back.
func (g *gate) echo(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("Sec-WebSocket-Key")
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") || key == "" {
		w.Header().Set("Upgrade", "websocket")
		http.Error(w, "this is a WebSocket", http.StatusUpgradeRequired)
		return
	}
	nc, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer nc.Close()
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(sum[:]) + "\r\n\r\n")
	writeFrame(rw.Writer, final|opText, []byte("the "+g.Name+" gate listens"))
	for rw.Flush() == nil {
		first, data, err := readFrame(rw.Reader)
		if err != nil {
			return
		}
		switch first & opMask {
		case opClose:
			writeFrame(rw.Writer, final|opClose, data)
			rw.Flush()
			return
		case opPing:
			writeFrame(rw.Writer, final|opPong, data)
		case opPong:
		default: // text, binary, continuation: as it came
			writeFrame(rw.Writer, first, data)
		}
	}
}

const (
	final   = 0x80
	opMask  = 0x0f
	opText  = 1
	opClose = 8
	opPing  = 9
	opPong  = 10

	maxFrame = 1 << 20 // bytes
)

func readFrame(r *bufio.Reader) (first byte, data []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := uint64(head[1] & 0x7f)
	switch n {
	case 126:
		var b [2]byte
		_, err = io.ReadFull(r, b[:])
		n = uint64(binary.BigEndian.Uint16(b[:]))
	case 127:
		var b [8]byte
		_, err = io.ReadFull(r, b[:])
		n = binary.BigEndian.Uint64(b[:])
	}
	if err != nil {
		return 0, nil, err
	}
	if head[1]&0x80 == 0 || n > maxFrame {
		return 0, nil, errors.New("read frame: unmasked or too long")
	}
	var mask [4]byte
	if _, err := io.ReadFull(r, mask[:]); err != nil {
		return 0, nil, err
	}
	data = make([]byte, n)
	if _, err := io.ReadFull(r, data); err != nil {
		return 0, nil, err
	}
	for i := range data {
		data[i] ^= mask[i%4]
	}
	return head[0], data, nil
}

// writeFrame writes to a buffer; the error comes with its Flush.
func writeFrame(w *bufio.Writer, first byte, data []byte) {
	head := []byte{first, byte(len(data))}
	switch {
	case len(data) > 0xffff:
		head = binary.BigEndian.AppendUint64([]byte{first, 127}, uint64(len(data)))
	case len(data) > 125:
		head = binary.BigEndian.AppendUint16([]byte{first, 126}, uint16(len(data)))
	}
	w.Write(head)
	w.Write(data)
}
