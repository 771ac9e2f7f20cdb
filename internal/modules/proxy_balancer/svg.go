package proxy_balancer

import (
	"strconv"

	"sallyport/internal/chart"
	"sallyport/internal/live"
	"sallyport/internal/manager"
)

// The charts are SVG paths in a box of 360 × 60 units, one unit per step of ten
// seconds, now at the right.
const (
	chartWidth  = chart.Steps
	chartHeight = 60
)

// hour is the last hour of a balancer or a member in paths.
type hour struct {
	Requests, Errors, P50, P95, P99 string
	Rate, Time                      string // what the top of the box means: "120 req/s", "80 ms"
}

// hourOf draws samples; the last one is now.
func hourOf(list []chart.Sample) hour {
	var most uint32
	var slowest uint32
	for i := range list {
		most = max(most, list[i].Requests)
		slowest = max(slowest, list[i].P99)
	}
	top, slow := nice(float64(most)/chart.Step.Seconds()), nice(float64(slowest)/1000)
	perSecond := func(f func(*chart.Sample) uint32) func(*chart.Sample) (float64, bool) {
		return func(s *chart.Sample) (float64, bool) { return float64(f(s)) / chart.Step.Seconds() / top, true }
	}
	millis := func(f func(*chart.Sample) uint32) func(*chart.Sample) (float64, bool) {
		return func(s *chart.Sample) (float64, bool) { v := f(s); return float64(v) / 1000 / slow, v > 0 }
	}
	return hour{
		Requests: drawn(list, perSecond(func(s *chart.Sample) uint32 { return s.Requests }), true),
		Errors:   drawn(list, perSecond(func(s *chart.Sample) uint32 { return s.Errors }), true),
		P50:      drawn(list, millis(func(s *chart.Sample) uint32 { return s.P50 }), false),
		P95:      drawn(list, millis(func(s *chart.Sample) uint32 { return s.P95 }), false),
		P99:      drawn(list, millis(func(s *chart.Sample) uint32 { return s.P99 }), false),
		Rate:     rateText(top) + " req/s",
		Time:     niceTime(slow),
	}
}

// nice rounds up to 1, 2 or 5 times a power of ten.
func nice(v float64) float64 {
	step := 1.0
	for step < v {
		switch {
		case 2*step >= v:
			return 2 * step
		case 5*step >= v:
			return 5 * step
		}
		step *= 10
	}
	return step
}

func niceTime(ms float64) string {
	if ms >= 1000 {
		return strconv.FormatFloat(ms/1000, 'f', -1, 64) + " s"
	}
	return strconv.FormatFloat(ms, 'f', -1, 64) + " ms"
}

// drawn draws values between 0 and 1; area closes it along the bottom. A value
// that is not there leaves a gap in a line.
func drawn(list []chart.Sample, value func(*chart.Sample) (float64, bool), area bool) string {
	b := make([]byte, 0, 8*len(list))
	x0 := chartWidth - len(list)
	down := false // the pen
	point := func(cmd byte, x int, v float64) {
		b = append(b, cmd)
		b = strconv.AppendInt(b, int64(x), 10)
		b = append(b, ' ')
		b = strconv.AppendFloat(b, chartHeight*(1-min(max(v, 0), 1)), 'f', 1, 64)
	}
	some, last := false, -1.0
	for i := range list {
		v, ok := value(&list[i])
		if !ok {
			down = false
			continue
		}
		some = some || v > 0
		x := x0 + i
		switch {
		case !down && area:
			point('M', x, 0)
			point('L', x, v)
		case !down:
			point('M', x, v)
		case v == last && i+1 < len(list):
			continue // a level line needs no points between
		default:
			if last >= 0 && i > 0 {
				if w, ok := value(&list[i-1]); ok && w == last {
					point('L', x-1, last)
				}
			}
			point('L', x, v)
		}
		down, last = true, v
	}
	if !some {
		return ""
	}
	if area {
		point('L', chartWidth-1, 0)
		b = append(b, 'Z')
	}
	return string(b)
}

// sum adds up the hours of a balancer's members, aligned at their ends. The
// times are those of the slowest member.
func (s *site) sum(b *manager.Status) []chart.Sample {
	out := make([]chart.Sample, chart.Steps)
	longest := 0
	for i := range b.Members {
		list, _ := s.charts.Hour(live.WorkerKey{Balancer: b.MemberKey, URL: b.Members[i].URL})
		longest = max(longest, len(list))
		at := chart.Steps - len(list)
		for k := range list {
			o := &out[at+k]
			o.Requests += list[k].Requests
			o.Errors += list[k].Errors
			o.P50, o.P95, o.P99 = max(o.P50, list[k].P50), max(o.P95, list[k].P95), max(o.P99, list[k].P99)
			o.Busy += list[k].Busy
		}
	}
	return out[chart.Steps-longest:]
}

// spark draws a member's requests, a point a minute, in the same box.
func spark(list []chart.Sample) string {
	const per = 6
	var coarse []chart.Sample
	for end := len(list); end > 0; end -= per {
		var c chart.Sample
		for _, s := range list[max(end-per, 0):end] {
			c.Requests = max(c.Requests, s.Requests)
			c.Errors = max(c.Errors, s.Errors)
		}
		coarse = append(coarse, c)
	}
	top := uint32(1)
	for i := range coarse {
		top = max(top, coarse[i].Requests)
	}
	if len(coarse) < 2 {
		return ""
	}
	b := make([]byte, 0, 8*len(coarse))
	for i := range coarse { // the newest comes first
		cmd := byte('L')
		if i == 0 {
			cmd = 'M'
		}
		b = append(b, cmd)
		b = strconv.AppendInt(b, int64(chartWidth-1-per*i), 10)
		b = append(b, ' ')
		b = strconv.AppendInt(b, int64(chartHeight-chartHeight*uint64(coarse[i].Requests)/uint64(top)), 10)
	}
	return string(b)
}
