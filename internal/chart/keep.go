package chart

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"
	"strings"
	"time"

	"sallyport/internal/live"
)

// heading begins what Save makes.
const heading = "Sallyport: the last hour of balancers' members, format 1\n"

// Save makes bytes of the hours that are remembered, for Load. They are no
// interface: another version of the program may not know them.
func (r *Recorder) Save() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	keys := make([]live.WorkerKey, 0, len(r.members))
	for key, s := range r.members {
		if s.last >= s.first {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b live.WorkerKey) int {
		return strings.Compare(a.Balancer.Server+"\x00"+a.Balancer.Name+"\x00"+a.URL, b.Balancer.Server+"\x00"+b.Balancer.Name+"\x00"+b.URL)
	})
	b := binary.AppendUvarint([]byte(heading), uint64(len(keys)))
	for _, key := range keys {
		for _, text := range [...]string{key.Balancer.Server, key.Balancer.Name, key.URL} {
			b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
		}
		s := r.members[key]
		from := max(s.first, s.last-Steps+1)
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(from)), uint64(s.last-from+1))
		for i := from; i <= s.last; i++ {
			b = s.samples[i%Steps].append(b)
		}
	}
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

// append appends a sample: 0 for an empty one, 1 for one of a member that was
// up, 2 for one that was down, and the numbers.
func (s *Sample) append(b []byte) []byte {
	if *s == (Sample{}) {
		return append(b, 0)
	}
	if s.Down {
		b = append(b, 2)
	} else {
		b = append(b, 1)
	}
	for _, n := range [...]uint32{s.Requests, s.Errors, s.P50, s.P95, s.P99, s.Busy} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	return b
}

// ErrDamaged is returned for bytes that Save has not made.
var ErrDamaged = errors.New("the file is damaged, or of another version")

// Load takes in what Save has made, for members that nothing is known of yet.
// Samples that are older than an hour, or not over, at now are left out.
func (r *Recorder) Load(b []byte, now time.Time) error {
	n := len(b) - crc32.Size
	if n < len(heading) || string(b[:len(heading)]) != heading || crc32.ChecksumIEEE(b[:n]) != binary.BigEndian.Uint32(b[n:]) {
		return ErrDamaged
	}
	d := decoder{b: b[len(heading):n]}
	present := now.UnixNano() / int64(Step)
	all := map[live.WorkerKey]*series{}
	for range d.number() {
		if d.wrong {
			break
		}
		key := live.WorkerKey{Balancer: live.BalancerKey{Server: d.text(), Name: d.text()}, URL: d.text()}
		from, count := int64(d.number()), d.number()
		if count > Steps || from < 0 || from > 1<<40 {
			return ErrDamaged
		}
		s := &series{first: from, last: from + int64(count) - 1, marked: 1}
		for i := range int64(count) {
			s.samples[(from+i)%Steps] = d.sample()
		}
		if count > 0 && s.last < present && s.last > present-Steps {
			all[key] = s
		}
	}
	if d.wrong || len(d.b) > 0 {
		return ErrDamaged
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.members == nil {
		r.members = map[live.WorkerKey]*series{}
	}
	for key, s := range all {
		if r.members[key] == nil {
			s.seen = r.ticks
			r.members[key] = s
		}
	}
	return nil
}

// decoder takes bytes apart; wrong: there were too few.
type decoder struct {
	b     []byte
	wrong bool
}

func (d *decoder) number() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.wrong, d.b = true, nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) text() string {
	n := d.number()
	if n > uint64(len(d.b)) {
		d.wrong, d.b = true, nil
		return ""
	}
	s := string(d.b[:n])
	d.b = d.b[n:]
	return s
}

func (d *decoder) sample() (s Sample) {
	kind := d.number()
	if kind == 0 {
		return s
	}
	s.Down = kind == 2
	for _, to := range [...]*uint32{&s.Requests, &s.Errors, &s.P50, &s.P95, &s.P99, &s.Busy} {
		*to = uint32(d.number())
	}
	return s
}
