package main

import (
	"cmp"
	"slices"
	"time"
)

// latencies are percentiles of the time to an answer.
type latencies struct{ p50, p95, p99 time.Duration }

// openLoops is the median of a few openLoops: a machine that is shared with others
// stands still at times, and what came meanwhile waits.
func (w *wire) openLoops(rounds int, perSecond float64, d time.Duration) (latencies, error) {
	var all []latencies
	for range rounds {
		l, err := w.openLoop(perSecond, d)
		if err != nil {
			return latencies{}, err
		}
		all = append(all, l)
	}
	return medianLatencies(all), nil
}

// medianLatencies is the run whose p99 is the median.
func medianLatencies(runs []latencies) latencies {
	slices.SortFunc(runs, func(a, b latencies) int { return cmp.Compare(a.p99, b.p99) })
	return runs[len(runs)/2]
}

// openLoop sends searches at a steady rate, whether or not earlier ones were
// answered, over the connections of w, for a while. The time to an answer counts
// from when the search was due, so that a server that falls behind cannot hide
// it.
func (w *wire) openLoop(perSecond float64, d time.Duration) (latencies, error) {
	crowd, err := w.newCrowd(len(w.conns))
	if err != nil {
		return latencies{}, err
	}
	times, err := crowd.run(d, perSecond)
	if err != nil {
		return latencies{}, err
	}
	slices.Sort(times)
	at := func(share float64) time.Duration { return times[int(share*float64(len(times)))] }
	return latencies{at(0.50), at(0.95), at(0.99)}, nil
}
