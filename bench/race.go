//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
)

// race runs every case against every peer for the given rounds and returns
// the samples, also those taken before ctx ended. Rounds are outermost: what
// disturbs the machine for a while disturbs every peer a little and not one
// of them wholly. Within a case the peers run one right after the other, in
// an order that turns by one each round.
func (b *bench) race(ctx context.Context, list []Case, peers []Peer, rounds int, progress io.Writer) []Sample {
	var samples []Sample
	for round := 1; round <= rounds; round++ {
		for _, c := range list {
			for i := range peers {
				p := peers[(i+round-1)%len(peers)]
				if p.Floor && c.Shape == ShapeIdle {
					continue // it keeps a backend connection per client: no floor of anything
				}
				if c.TLS && !p.TLS || c.Clear && !p.Clear || c.QUIC && !p.QUIC {
					continue
				}
				s := b.measure(ctx, p, c, round)
				if ctx.Err() != nil {
					return samples // a sample cut short says nothing
				}
				samples = append(samples, s)
				fmt.Fprintln(progress, progressLine(s, rounds))
			}
		}
	}
	return samples
}

// progressLine is what the user reads while waiting.
func progressLine(s Sample, rounds int) string {
	line := fmt.Sprintf("%d/%d %-13s %-10s", s.Round, rounds, s.Case, s.Peer)
	if s.Failed != "" {
		return line + " failed: " + s.Failed
	}
	if s.Has[Rate] {
		line += fmt.Sprintf(" %10.1f req/s", s.Values[Rate])
	}
	if s.Has[CPU] {
		line += fmt.Sprintf(" %10.1f µs CPU", s.Values[CPU])
	}
	if s.Has[P99] {
		line += fmt.Sprintf("  p50 %s p99 %s", duration(s.Values[P50]), duration(s.Values[P99]))
	}
	if s.Has[PerCon] {
		line += fmt.Sprintf(" %10.0f B/connection", s.Values[PerCon])
	}
	line += fmt.Sprintf("  peak %.1f MB", s.Values[Peak]/mib)
	if s.Errors > 0 {
		line += fmt.Sprintf("  ERRORS %d %s", s.Errors, s.Detail)
	}
	if s.Foreign > 0.05 {
		line += fmt.Sprintf("  (others used %.0f%% of the machine)", 100*s.Foreign)
	}
	return line
}
