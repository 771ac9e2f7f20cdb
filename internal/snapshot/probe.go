package snapshot

import (
	"errors"
	"io"
	"os"
	"strings"

	"sallyport/internal/exchange"
	"sallyport/internal/message"
	wire "sallyport/internal/wire/h1"
)

// maxProbes bounds how deep looks ahead may be nested: a condition that looks
// ahead is asked again by what it looks at.
const maxProbes = 3

// Probe takes a request like x for a local URL, or with file for a file, to the
// door of its handler, and returns the status it would be stopped with there,
// or 200 (httpd's ap_sub_req_lookup_uri and _file). If see is given it is shown
// what came of it. Nothing is answered and x
// does not change.
func (s *Snapshot) Probe(x *exchange.Exchange, target string, file bool, see func(*exchange.Exchange)) int {
	if x.Sub >= maxProbes {
		return 500
	}
	sub := exchange.Get()
	defer exchange.Put(sub)
	sub.Request.Method, sub.Request.Version = "GET", x.Request.Version
	sub.Request.Target, sub.Request.Authority = x.Request.Target, x.Request.Authority
	sub.Request.Header.CopyFrom(&x.Request.Header)
	sub.Client, sub.Server, sub.Received = x.Client, x.Server, x.Received
	sub.Run, sub.Sub, sub.LogID, sub.User = x.Run, x.Sub+1, x.LogID, x.User
	sub.Env = x.Env.Clone()
	sub.Place, sub.Down = x.Server.Base, nobody{}
	if file {
		sub.RawPath, sub.Encoded, sub.Path = x.RawPath, x.Encoded, x.Path
		sub.Mapped = exchange.Mapping{Kind: exchange.File, Path: target, What: exchange.Regular}
		if fi, err := os.Stat(target); err != nil {
			sub.Mapped.What = exchange.Missing
		} else if fi.IsDir() {
			sub.Mapped.What = exchange.Directory
		}
		sub.Place = sub.Server.Locate(sub)
		return probed(sub, s.ask(sub), see)
	}
	sub.RawPath, sub.Query, sub.HasQuery = strings.Cut(target, "?")
	if !strings.HasPrefix(sub.RawPath, "/") {
		return 400
	}
	encoded, p := wire.NormalizePath(sub.RawPath, sub.Server.Core.MergeSlashes)
	if p != nil {
		return p.Status
	}
	sub.Encoded, sub.Path = encoded, encoded
	return probed(sub, s.lead(sub), see)
}

func probed(sub *exchange.Exchange, v exchange.Verdict, see func(*exchange.Exchange)) int {
	if see != nil {
		see(sub)
	}
	if v > 0 {
		return int(v)
	}
	return 200
}

// nobody is the client of a look ahead. No handler is run for one; it is there
// for a room that answers before.
type nobody struct{}

func (nobody) Inform(int, *message.Header) error    { return nil }
func (nobody) Begin(*message.Response) error        { return nil }
func (nobody) Write(p []byte) (int, error)          { return len(p), nil }
func (nobody) Flush() error                         { return nil }
func (nobody) End(*message.Header) error            { return nil }
func (nobody) Upgrade() (io.ReadWriteCloser, error) { return nil, errors.ErrUnsupported }
func (nobody) Waiting(exchange.Waker) bool          { return false }
