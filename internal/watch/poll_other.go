//go:build !linux

package watch

// poller does nothing here: Watch reports false and callers manage without.
type poller struct{ stop chan struct{} }

func (p *poller) open() error {
	p.stop = make(chan struct{})
	return nil
}
func (p *poller) close()                                   { close(p.stop) }
func (p *poller) run()                                     { <-p.stop }
func (p *poller) add(int, Interest, Handler, *Ticket) bool { return false }
func (p *poller) cancel(Ticket) bool                       { return false }
