//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/quic-go/quic-go/http3"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"sallyport/bench/internal/proc"
)

// runQUIC drives the port with HTTP/3 for d, by quic-go's client.
func runQUIC(ctx context.Context, c Case, port int, d time.Duration) (wrkResult, error) {
	var conns []*http3.Transport
	for range c.Conns {
		t := &http3.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: "bench.test"}, DisableCompression: true}
		defer t.Close()
		conns = append(conns, t)
	}
	return drive(ctx, c, d, func(ctx context.Context, i int) error {
		q, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+proc.Loopback(port)+c.Targets[0].Path, nil)
		if err != nil {
			return err
		}
		resp, err := conns[i].RoundTrip(q)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		n, err := io.Copy(io.Discard, resp.Body)
		if err == nil && (resp.StatusCode != http.StatusOK || n != int64(c.BodySize)) {
			err = fmt.Errorf("%s, %d bytes", resp.Status, n)
		}
		return err
	})
}

// measureMany sends the case's requests over its connections and looks what the
// peer keeps of them: its memory after all, at rest, beyond that after a tenth.
func (b *bench) measureMany(ctx context.Context, s *Sample, child *proc.Process, c Case, port int) error {
	var conns []*pump
	for range c.Conns {
		p, err := newPump(c, port)
		if err != nil {
			return err
		}
		defer p.nc.Close()
		conns = append(conns, p)
	}
	run := func(total int) error {
		errs := make([]error, len(conns))
		var wg sync.WaitGroup
		for i, p := range conns {
			wg.Go(func() { errs[i] = p.run(total / len(conns)) })
		}
		wg.Wait()
		return errors.Join(errs...)
	}
	if err := run(c.Total / 10); err != nil {
		return err
	}
	if err := pause(ctx, settle); err != nil {
		return err
	}
	before := proc.TreeMemory(child.PID(), "RssAnon")
	proc.ResetPeaks(child.PID())
	w, began, rest := b.watch(child), time.Now(), c.Total-c.Total/10
	if err := run(rest); err != nil {
		return err
	}
	took, cpu := time.Since(began), w.stop(s)
	s.set(Rate, float64(rest)/took.Seconds())
	s.set(CPU, float64(cpu.Microseconds())/float64(rest))
	s.set(Peak, float64(proc.TreeMemory(child.PID(), "VmHWM")))
	if err := pause(ctx, settle); err != nil {
		return err
	}
	s.set(Growth, float64(proc.TreeMemory(child.PID(), "RssAnon")-before))
	return nil
}

// giveUp: of so many requests one asks for a megabyte and is reset once some of
// it has come.
const giveUp = 100

// pump keeps a connection of HTTP/2 full of requests.
type pump struct {
	nc       net.Conn
	w        *bufio.Writer
	r        *bufio.Reader
	fr       *http2.Framer
	block    bytes.Buffer
	enc      *hpack.Encoder
	host     string
	path     string
	streams  int
	id       uint32
	unseen   int             // bytes that the window of the connection lacks
	large    map[uint32]bool // those to be given up
	answered map[uint32]int  // bytes of content
	size     int
}

func newPump(c Case, port int) (*pump, error) {
	nc, err := net.DialTimeout("tcp", proc.Loopback(port), 20*time.Second)
	if err != nil {
		return nil, fmt.Errorf("pump: %w", err)
	}
	p := &pump{nc: nc, w: bufio.NewWriterSize(nc, 64*kib), r: bufio.NewReaderSize(nc, 64*kib), host: proc.Loopback(port),
		path: c.Targets[0].Path, streams: c.Streams, id: 1, size: c.BodySize, large: map[uint32]bool{}, answered: map[uint32]int{}}
	p.fr = http2.NewFramer(p.w, p.r)
	p.fr.SetReuseFrames()
	p.fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	p.enc = hpack.NewEncoder(&p.block)
	p.w.WriteString(http2.ClientPreface)
	p.fr.WriteSettings()
	return p, p.fr.WriteWindowUpdate(0, 16*mib)
}

// ask begins a request.
func (p *pump) ask() error {
	path := p.path
	if p.id/2%giveUp == giveUp-1 {
		path = "/1m"
		p.large[p.id] = true
	}
	p.block.Reset()
	for _, f := range [][2]string{{":method", "GET"}, {":scheme", "http"}, {":authority", p.host}, {":path", path}, {"user-agent", "bench"}} {
		p.enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	err := p.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: p.id, BlockFragment: p.block.Bytes(), EndHeaders: true, EndStream: true})
	p.answered[p.id] = 0
	p.id += 2
	return err
}

// run makes n requests and returns when all are answered or given up.
func (p *pump) run(n int) error {
	asked := 0
	for len(p.answered) > 0 || asked < n {
		for asked < n && len(p.answered) < p.streams {
			if err := p.ask(); err != nil {
				return fmt.Errorf("pump: %w", err)
			}
			asked++
		}
		if p.r.Buffered() == 0 {
			if err := p.w.Flush(); err != nil {
				return fmt.Errorf("pump: %w", err)
			}
		}
		p.nc.SetReadDeadline(time.Now().Add(20 * time.Second))
		if err := p.take(); err != nil {
			return fmt.Errorf("pump: stream %d: %w", p.id, err)
		}
	}
	return p.w.Flush()
}

// take acts on one frame.
func (p *pump) take() error {
	f, err := p.fr.ReadFrame()
	if err != nil {
		return err
	}
	id := f.Header().StreamID
	switch f := f.(type) {
	case *http2.SettingsFrame:
		if !f.IsAck() {
			return p.fr.WriteSettingsAck()
		}
	case *http2.PingFrame:
		if !f.IsAck() {
			return p.fr.WritePing(true, f.Data)
		}
	case *http2.MetaHeadersFrame:
		if _, open := p.answered[id]; open && f.PseudoValue("status") != "200" {
			return fmt.Errorf("status %s", f.PseudoValue("status"))
		}
	case *http2.DataFrame:
		return p.content(id, f)
	case *http2.RSTStreamFrame:
		if _, open := p.answered[id]; open {
			return fmt.Errorf("reset with %v", f.ErrCode)
		}
	case *http2.GoAwayFrame:
		return fmt.Errorf("GOAWAY with %v", f.ErrCode)
	}
	return nil
}

// content counts what has come of an answer.
func (p *pump) content(id uint32, f *http2.DataFrame) error {
	if p.unseen += int(f.Length); p.unseen > mib {
		p.fr.WriteWindowUpdate(0, uint32(p.unseen))
		p.unseen = 0
	}
	got, open := p.answered[id]
	if !open {
		return nil // of one that was given up
	}
	got += len(f.Data())
	p.answered[id] = got
	switch {
	case p.large[id]:
		delete(p.large, id)
		delete(p.answered, id)
		return p.fr.WriteRSTStream(id, http2.ErrCodeCancel)
	case !f.StreamEnded():
	case got != p.size:
		return fmt.Errorf("an answer of %d bytes", got)
	default:
		delete(p.answered, id)
	}
	return nil
}
