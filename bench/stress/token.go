//go:build linux

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
)

// blockSize is the length of one block of a body: the token and the block's
// number, so that bytes of another answer or in another place are noticed.
const blockSize = 32

// pattern is the body that belongs to a token: as many bytes as wanted, the
// same on both ends. It is an io.Reader of its first size bytes.
type pattern struct {
	token string
	size  int64
	at    int64
	block [blockSize]byte
	no    int64 // number of the block held, -1 for none
}

func newPattern(token string, size int64) *pattern {
	return &pattern{token: token, size: size, no: -1}
}

// load makes block hold the given block's text.
func (p *pattern) load(no int64) {
	if p.no == no {
		return
	}
	b := append(p.block[:0], p.token...)
	b = append(b, ' ')
	for n := no; len(b) < blockSize-1; n /= 10 {
		b = append(b, byte('0'+n%10)) // lowest digit first: cheap and as unique
	}
	p.block[blockSize-1], p.no = '\n', no
}

// Read implements io.Reader.
func (p *pattern) Read(b []byte) (int, error) {
	if p.at >= p.size {
		return 0, io.EOF
	}
	n := 0
	for n < len(b) && p.at < p.size {
		p.load(p.at / blockSize)
		piece := p.block[p.at%blockSize:]
		if left := p.size - p.at; int64(len(piece)) > left {
			piece = piece[:left]
		}
		m := copy(b[n:], piece)
		n += m
		p.at += int64(m)
	}
	return n, nil
}

// mismatch is the error of a byte that is not the token's.
type mismatch struct {
	token string
	at    int64
	found string
}

func (m mismatch) Error() string {
	return fmt.Sprintf("body of %s differs near byte %d: found %q", m.token, m.at, m.found)
}

// Write implements io.Writer: it compares b with the pattern and fails with a
// mismatch at the first byte that differs or exceeds it.
func (p *pattern) Write(b []byte) (int, error) {
	for n := 0; n < len(b); {
		if p.at >= p.size {
			return n, mismatch{p.token, p.at, excerpt(b[n:])}
		}
		p.load(p.at / blockSize)
		piece := p.block[p.at%blockSize:]
		piece = piece[:min(int64(len(piece)), int64(len(b)-n), p.size-p.at)]
		if string(piece) != string(b[n:n+len(piece)]) {
			return n, mismatch{p.token, p.at, excerpt(b[n:])}
		}
		n += len(piece)
		p.at += int64(len(piece))
	}
	return len(b), nil
}

// whole reports whether every byte has passed.
func (p *pattern) whole() bool { return p.at == p.size }

func excerpt(b []byte) string { return string(b[:min(len(b), 2*blockSize)]) }

// wholeHead waits until r holds a whole head, or more than fits its buffer. A
// head that ends before its time but began well is io.ErrUnexpectedEOF: it
// was cut, which is not the same as malformed. starts are how heads begin.
func wholeHead(r *bufio.Reader, starts ...string) error {
	for {
		b, _ := r.Peek(r.Buffered())
		if bytes.Contains(b, []byte("\r\n\r\n")) {
			return nil
		}
		_, err := r.Peek(len(b) + 1)
		if err == bufio.ErrBufferFull {
			return nil
		}
		if err != nil {
			for _, s := range starts {
				if n := min(len(b), len(s)); n > 0 && string(b[:n]) == s[:n] {
					return io.ErrUnexpectedEOF
				}
			}
			if len(b) > 0 && err == io.EOF {
				return nil // whoever parses it will say what it is
			}
			return err
		}
	}
}

// tokenOf makes the token of a client's request: at most 20 bytes.
func tokenOf(client string, seq int) string { return client + "-" + strconv.Itoa(seq) }
