package h1

import "sallyport/internal/message"

// Chunked takes the chunked transfer coding off a body (RFC 9112 §7.1). It is
// fed slices as they arrive and gives back sub-slices of them: it copies
// nothing but trailers. The zero Chunked is ready for use. Not for
// use by several goroutines at once.
type Chunked struct {
	// Trailer holds the trailer section once Done. Its fields are checked for
	// form only; which of them may be used is the caller's business.
	Trailer message.Header
	// Limits bound the trailer section; nil means httpd's defaults.
	Limits *Limits

	state chunkState
	left  int64 // payload of the current chunk still to come
	size  int64 // being read
	line  int   // bytes of the current size line
	buf   []byte
}

type chunkState uint8

const (
	chunkSize    chunkState = iota // before the first digit
	chunkDigits                    // behind a digit
	chunkBlank                     // white space behind the size
	chunkExt                       // in an extension
	chunkSizeLF                    // the CR of the size line is read
	chunkData                      // left > 0
	chunkDataCR                    // the line end behind the payload
	chunkDataLF                    //
	chunkLast                      // behind the last chunk: a trailer or the blank line
	chunkLastLF                    //
	chunkTrailer                   // collecting a trailer in buf
	chunkDone
)

const (
	maxChunkLine   = 4096 // size and extensions of one chunk
	maxChunkDigits = 16   // hexadecimal digits, leading zeros included
	maxChunkBlank  = 10   // blanks behind a size, as httpd
	maxTrailer     = 64 << 10
)

// defaultLimits are httpd's: LimitRequestLine, -Fields, -FieldSize.
var defaultLimits = Limits{Line: 8190, Fields: 100, FieldSize: 8190}

// Reset makes c ready for another body and keeps its memory.
func (c *Chunked) Reset() {
	c.Trailer.Reset()
	*c = Chunked{Trailer: c.Trailer, buf: c.buf[:0]}
}

// Done reports that the last byte of the body, trailers included, was read.
func (c *Chunked) Done() bool { return c.state == chunkDone }

// Remaining is the payload of the current chunk that has not been handed out:
// so many of the next bytes are content and may be moved without Next, which
// is then told by Skip.
func (c *Chunked) Remaining() int64 { return c.left }

// Skip tells c that n bytes of payload, at most Remaining, went another way.
func (c *Chunked) Skip(n int64) {
	c.left -= min(n, c.left)
	if c.left == 0 && c.state == chunkData {
		c.state = chunkDataCR
	}
}

// Next reads on in src: it consumed n bytes, and data, a part of src, is the
// next payload. It returns at the end of each piece of payload, so call it
// again with src[n:] until n == len(src) or Done. After Done it consumes
// nothing: what follows is the next message. An error is a *Problem and final.
func (c *Chunked) Next(src []byte) (data []byte, n int, err error) {
	for n < len(src) {
		b := src[n]
		switch c.state {
		case chunkData:
			data = src[n:]
			if int64(len(data)) > c.left {
				data = data[:c.left]
			}
			c.Skip(int64(len(data)))
			return data, n + len(data), nil
		case chunkSize, chunkDigits:
			if class[b]&cHex != 0 {
				if c.line++; c.line > maxChunkDigits || c.size > 1<<59-1 {
					return nil, n, problemChunkSize
				}
				c.size = c.size<<4 | int64(unhex(b))
				c.state = chunkDigits
				break
			}
			if c.state == chunkSize {
				return nil, n, problemChunk
			}
			if b == ' ' || b == '\t' {
				c.state, c.line = chunkBlank, 1
				break
			}
			if p := c.afterSize(b); p != nil {
				return nil, n, p
			}
		case chunkBlank:
			if b == ' ' || b == '\t' {
				if c.line++; c.line > maxChunkBlank {
					return nil, n, problemChunk
				}
				break
			}
			if p := c.afterSize(b); p != nil {
				return nil, n, p
			}
		case chunkExt:
			// Extensions are dropped unread, but a control byte in one may be
			// a line end to somebody else.
			switch {
			case b == '\r':
				c.state = chunkSizeLF
			case class[b]&cCtl != 0 && b != '\t':
				return nil, n, problemChunk
			case c.line >= maxChunkLine:
				return nil, n, problemChunkLine
			}
			c.line++
		case chunkSizeLF:
			if b != '\n' {
				return nil, n, problemChunk
			}
			c.begin()
		case chunkDataCR:
			if b != '\r' {
				return nil, n, problemChunk
			}
			c.state = chunkDataLF
		case chunkDataLF:
			if b != '\n' {
				return nil, n, problemChunk
			}
			c.state = chunkSize
		case chunkLast:
			if b == '\r' {
				c.state = chunkLastLF
				break
			}
			if class[b]&cToken == 0 { // no field name: don't wait for its line end
				return nil, n, problemTrailerField
			}
			c.state = chunkTrailer
			continue
		case chunkLastLF:
			if b != '\n' {
				return nil, n, problemChunk
			}
			c.state = chunkDone
			return nil, n + 1, nil
		case chunkTrailer:
			took, p := c.trailer(src[n:])
			if p != nil {
				return nil, n, p
			}
			return nil, n + took, nil
		case chunkDone:
			return nil, n, nil
		}
		n++
	}
	return nil, n, nil
}

// afterSize takes the byte that ends a chunk size, blanks aside.
func (c *Chunked) afterSize(b byte) *Problem {
	switch {
	case b == '\r':
		c.state = chunkSizeLF
	case b == ';':
		c.state, c.line = chunkExt, 0
	default:
		return problemChunk
	}
	return nil
}

// begin starts the chunk whose size line has been read.
func (c *Chunked) begin() {
	c.left, c.size, c.line = c.size, 0, 0
	c.state = chunkData
	if c.left == 0 {
		c.state = chunkLast
	}
}

// trailer collects the trailer section, which begins with a byte that is no
// line end, and parses it when its blank line has come. It returns the number
// of bytes of src that belong to it.
func (c *Chunked) trailer(src []byte) (int, *Problem) {
	lim := c.Limits
	if lim == nil {
		lim = &defaultLimits
	}
	had := len(c.buf)
	c.buf = append(c.buf, src[:min(len(src), maxTrailer+1-had)]...)
	end := HeadEnd(c.buf, had)
	if end == 0 {
		if len(c.buf) > maxTrailer {
			return 0, problemTrailerLong
		}
		return len(src), nil
	}
	if p := requestFields(string(c.buf[:end]), 0, &c.Trailer, lim, Options{}); p != nil {
		return 0, problemTrailerField
	}
	c.buf = c.buf[:0]
	c.state = chunkDone
	return end - had, nil
}
