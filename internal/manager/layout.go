package manager

import (
	"maps"
	"slices"
	"strings"

	"sallyport/internal/cluster"
	"sallyport/internal/diag"
	"sallyport/internal/workerconf"
)

// Layout is what holds of one balancer: the text with the edits over it.
type Layout struct {
	Settings workerconf.Balancer
	Seats    []Seat
	// Refused are edits that can not be laid: the configuration no longer has
	// what they need.
	Refused []Refusal
}

// Seat is one member as it is to be.
type Seat struct {
	URL  string
	Conf workerconf.Worker
	// Line is the member's number in Balancer.Members; -1: it was added.
	Line int
	// Leaving: it was removed and drains.
	Leaving bool
}

// Refusal is an edited parameter that is not laid, and why.
type Refusal struct {
	Member, Param string
	Value         string
	Why           error
}

// lay makes the layout of e's own settings and, where it owns some, members.
// leaving are the members that were removed and drain still, with the edits
// they had.
func (e *Balancer) lay(o *cluster.Overlay, leaving map[string]*cluster.Member) *Layout {
	l := &Layout{Settings: e.Text}
	edited := o.Of(e.Key)
	if edited != nil {
		for _, name := range slices.Sorted(maps.Keys(edited.Params)) {
			v := edited.Params[name]
			if err := setBalancer(&l.Settings, e.Known, name, v.Text); err != nil {
				l.Refused = append(l.Refused, Refusal{"", name, v.Text, err})
			}
		}
	}
	if e.Owner != e {
		return l
	}
	for i := range e.Members {
		m := &e.Members[i]
		was := edited.Member(m.URL)
		drain := leaving[m.URL]
		switch {
		case was == nil || was.Removed.Revision == 0:
			l.seat(e, Seat{URL: m.URL, Conf: m.Text, Line: i}, was)
		case drain != nil:
			l.seat(e, Seat{URL: m.URL, Conf: m.Text, Line: i, Leaving: true}, drain)
		}
	}
	for _, url := range edited.URLs() {
		if m := edited.Members[url]; m.Added.Revision != 0 && e.line(url) < 0 {
			l.seat(e, Seat{URL: url, Conf: e.New, Line: -1}, m)
		}
	}
	for _, url := range slices.Sorted(maps.Keys(leaving)) {
		if e.line(url) < 0 && edited.Member(url) == nil {
			l.seat(e, Seat{URL: url, Conf: e.New, Line: -1, Leaving: true}, leaving[url])
		}
	}
	return l
}

// seat adds s with the edits of m laid over it.
func (l *Layout) seat(e *Balancer, s Seat, m *cluster.Member) {
	if m != nil {
		for _, name := range slices.Sorted(maps.Keys(m.Params)) {
			v := m.Params[name]
			if err := setWorker(&s.Conf, e.Known, name, v.Text); err != nil {
				l.Refused = append(l.Refused, Refusal{s.URL, name, v.Text, err})
			}
		}
	}
	if s.Leaving {
		setWorker(&s.Conf, e.Known, "status.N", "On")
	}
	l.Seats = append(l.Seats, s)
}

// line is the number of the member of that URL in the text; -1: none.
func (e *Balancer) line(url string) int {
	for i := range e.Members {
		if e.Members[i].URL == url {
			return i
		}
	}
	return -1
}

// setWorker is workerconf.Worker.Set for edits, which have a name for each flag.
func setWorker(w *workerconf.Worker, k *workerconf.Known, name, value string) error {
	if flag, ok := strings.CutPrefix(name, "status."); ok {
		sign := "-"
		if strings.EqualFold(value, "on") {
			sign = "+"
		}
		name, value = "status", sign+flag
	}
	return setLines(name, value, &w.Health, func(text string) error {
		_, err := w.Set(k, name, text, diag.Position{})
		return err
	})
}

// setLines sets a value, or for a parameter that may come several times all its
// lines: they take the place of those before.
func setLines(name, value string, h *workerconf.Health, set func(string) error) error {
	if !workerconf.Repeats(name) {
		return set(value)
	}
	if name == "hcheader" {
		h.Header.V = ""
	} else {
		h.Expect.V = ""
	}
	for line := range strings.SplitSeq(value, "\n") {
		if line = strings.TrimSpace(line); line == "" && value != "" {
			continue
		}
		if err := set(line); err != nil {
			return err
		}
	}
	return nil
}

func setBalancer(b *workerconf.Balancer, k *workerconf.Known, name, value string) error {
	if name == "timeout" && value == "0" {
		// No text of a configuration says that nobody waits but its absence.
		b.Timeout = workerconf.Balancer{}.Timeout
		return nil
	}
	return setLines(name, value, &b.Health, func(text string) error {
		_, err := b.Set(k, name, text, diag.Position{})
		return err
	})
}
