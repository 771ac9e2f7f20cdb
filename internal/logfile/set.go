package logfile

import "os"

// Set holds the sinks of one room of one snapshot: one per target.
type Set struct {
	// Hold makes the sinks gather lines for a while before they write
	// (BufferedLogs).
	Hold bool
	// Ordered keeps the lines of a sink in the order they were put, whatever
	// their key.
	Ordered bool
	// Report is told when a log can't be written, or a program dies; nil:
	// standard error.
	Report func(text string)
	// Opener opens the files and runs the programs; nil: Direct.
	Opener Opener

	sinks map[Target]*Sink
	order []*Sink
	open  int // of order, how many are open
}

// OpenError says which target could not be opened.
type OpenError struct {
	Target Target
	Err    error
}

func (e *OpenError) Error() string { return "open log " + e.Target.String() + ": " + e.Err.Error() }
func (e *OpenError) Unwrap() error { return e.Err }

// Sink gives the set's sink for a target. Relative paths are the caller's
// business (Target.Under).
func (s *Set) Sink(t Target) *Sink {
	if k := s.sinks[t]; k != nil {
		return k
	}
	hold, n := gap*0, shardCount()
	if s.Hold {
		hold = holdFor
	}
	if s.Ordered {
		n = 1
	}
	k := newSink(t, n, hold, s.report)
	if s.sinks == nil {
		s.sinks = make(map[Target]*Sink)
	}
	s.sinks[t] = k
	s.order = append(s.order, k)
	return k
}

func (s *Set) report(text string) {
	if s.Report != nil {
		s.Report(text)
		return
	}
	os.Stderr.WriteString("sallyport: " + text + "\n")
}

// Open opens all sinks and starts their writers; either all are open or none.
// The error is an *OpenError.
func (s *Set) Open() error {
	var with Opener = Direct{}
	if s.Opener != nil {
		with = s.Opener
	}
	for _, k := range s.order {
		if err := k.open(with); err != nil {
			s.Close()
			return &OpenError{k.target, err}
		}
		s.open++
	}
	return nil
}

// Close ends all sinks and returns when everything put into them is written.
func (s *Set) Close() {
	for _, k := range s.order[:s.open] {
		k.close()
	}
	s.open = 0
}
