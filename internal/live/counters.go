package live

// The counters are atomics: no lock is needed to read them or to add.

// Elected counts the requests the worker was chosen for.
func (w *Worker) Elected() int64 { return w.elected.Load() }

// Busy is the number of exchanges the worker has in hand.
func (w *Worker) Busy() int64 { return w.busy.Load() }

// Enter counts one more election and exchange in hand; locked.
func (w *Worker) Enter() {
	w.elected.Add(1)
	n := w.busy.Add(1)
	if limit := int64(w.conf.MaxConn); limit > 0 && n >= limit && !w.full.Load() {
		w.full.Store(true)
		w.bal.Changed()
	}
}

// Leave ends the exchange that Enter began; not locked.
func (w *Worker) Leave() {
	w.busy.Add(-1)
	if w.full.Load() {
		w.bal.Lock()
		w.measure(w.conf.MaxConn)
		w.bal.Unlock()
	}
}

// Full reports whether the worker has as many exchanges in hand as it may
// (maxconn=); no lock needed.
func (w *Worker) Full() bool { return w.full.Load() }

// measure notes whether limit is reached; locked.
func (w *Worker) measure(limit int32) {
	full := limit > 0 && w.busy.Load() >= int64(limit)
	if w.full.Swap(full) != full {
		w.bal.Changed()
	}
}

// Transferred counts the bytes sent to the backend.
func (w *Worker) Transferred() int64 { return w.transferred.Load() }

// Read counts the bytes received from the backend.
func (w *Worker) Read() int64 { return w.read.Load() }

// AddTraffic adds to Transferred and Read.
func (w *Worker) AddTraffic(sent, received int64) {
	if sent != 0 {
		w.transferred.Add(sent)
	}
	if received != 0 {
		w.read.Add(received)
	}
}

// History is where bytraffic starts to count a worker's bytes. The counters
// themselves are for display and are never set back.
type History struct {
	Sent, Read int64 // counter values taken as zero
	Level      int64 // added to the weighted traffic since then
}

// LBStatus is the worker's standing in the round (httpd's lbstatus), up to
// date after Balancer.Settle; locked.
func (w *Worker) LBStatus() int64 { return w.lbstatus }

// SetLBStatus is for the Holder to write it back; locked.
func (w *Worker) SetLBStatus(v int64) { w.lbstatus = v }

// History is the worker's to read and change; locked.
func (w *Worker) History() *History { return &w.history }

// Offered reports whether the worker was a candidate at the last look; locked.
func (w *Worker) Offered() bool { return w.offered }

// SetOffered notes it; locked.
func (w *Worker) SetOffered(v bool) { w.offered = v }

// Forget sets the worker's standing to zero for every method (what httpd's
// methods do on reset); locked. Unlike httpd: the counters shown to people,
// and the count of exchanges in hand, stay true.
func (w *Worker) Forget() {
	w.lbstatus = 0
	w.history = History{Sent: w.transferred.Load(), Read: w.read.Load()}
}
