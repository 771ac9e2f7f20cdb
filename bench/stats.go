//go:build linux

package main

import "slices"

// Spread is the median and the extremes of a metric over the rounds.
type Spread struct{ Median, Min, Max float64 }

// spreadOf needs at least one value. The median of an even number is the mean
// of the middle two.
func spreadOf(values []float64) Spread {
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	return Spread{Median: (v[(n-1)/2] + v[n/2]) / 2, Min: v[0], Max: v[n-1]}
}

// values returns a metric of a case's samples of one peer, by round. Failed
// samples and samples with errors have none.
func values(samples []Sample, name, peer string, m Metric) map[int]float64 {
	found := map[int]float64{}
	for _, s := range samples {
		if s.Case == name && s.Peer == peer && s.Has[m] && s.Errors == 0 && s.Failed == "" {
			found[s.Round] = s.Values[m]
		}
	}
	return found
}

// ratios divides round by round; rounds that lack either side have none.
func ratios(a, b map[int]float64) []float64 {
	var list []float64
	for round, x := range a {
		if y := b[round]; y > 0 {
			list = append(list, x/y)
		}
	}
	return list
}

// differences are those of the rounds that both have.
func differences(a, b map[int]float64) []float64 {
	var list []float64
	for round, x := range a {
		if y, ok := b[round]; ok {
			list = append(list, x-y)
		}
	}
	return list
}

// faults counts a peer's errors in a case, a failed sample as one.
func faults(samples []Sample, name, peer string) int64 {
	var n int64
	for _, s := range samples {
		if s.Case == name && s.Peer == peer {
			n += s.Errors
			if s.Failed != "" {
				n++
			}
		}
	}
	return n
}
