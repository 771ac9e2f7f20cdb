package manager

import (
	"fmt"
	"strconv"

	"sallyport/internal/chart"
	"sallyport/internal/live"
)

// A warning is due where a member would get more than learnedSlack times what it
// has shown within the hour that it can carry, and at least learnedRate.
const (
	learnedSlack = 1.2
	learnedRate  = 1.0 // requests per second
)

// SetCharts says where the last hour is remembered.
func (m *Manager) SetCharts(r *chart.Recorder) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.charts = r
}

// learn fills in what each member serves, would serve, and the most it has
// served within the last hour, and warns where that is not enough; locked.
func (m *Manager) learn(o *Outlook) (warnings []string) {
	if m.charts == nil || !m.charts.Wanted() {
		return nil
	}
	total := 0.0
	for i := range o.Members {
		mo := &o.Members[i]
		key := live.WorkerKey{Balancer: o.Key, URL: mo.URL}
		n, _ := m.charts.Now(key)
		mo.Rate = n.Rate
		total += n.Rate
		list, _ := m.charts.Hour(key)
		for k := range list {
			// Steps with many errors show no strength.
			if s := &list[k]; s.Errors*20 <= s.Requests {
				mo.Most = max(mo.Most, float64(s.Requests)/chart.Step.Seconds())
			}
		}
		mo.Most = max(mo.Most, n.Rate)
	}
	for i := range o.Members {
		mo := &o.Members[i]
		mo.WillRate = mo.Rate
		if mo.After != mo.Before || mo.IsGone {
			mo.WillRate = total * mo.After
		}
		switch will := mo.WillRate; {
		case will < learnedRate || mo.After <= mo.Before:
		case mo.Most == 0:
			warnings = append(warnings, fmt.Sprintf("%s: %s would get %s requests/s at once; it has served none within the hour", o.Name, mo.URL, perSecond(will)))
		case will > learnedSlack*mo.Most:
			warnings = append(warnings, fmt.Sprintf("%s: %s would get %s requests/s; the most it has served within the hour is %s", o.Name, mo.URL, perSecond(will), perSecond(mo.Most)))
		}
	}
	return warnings
}

func perSecond(v float64) string {
	if v < 9.95 {
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 0, 64)
}
