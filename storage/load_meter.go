package storage

import (
	"sync/atomic"
	"time"

	"quiver/internal/cores"
)

// loadMeter tells background work how busy statements are.
type loadMeter struct {
	// reading counts the snapshots that are open.
	reading atomic.Int64
	// wrote is when rows were last written, in nanoseconds since start.
	wrote atomic.Int64
	start time.Time

	// most is how many snapshots were open at once since counted, and before how
	// many were in the time before that.
	most, before, counted atomic.Int64
}

// Reading is how many snapshots are open: that many statements run, or nearly.
func (e *Engine) Reading() int { return int(e.load.reading.Load()) }

// writingTime is how long a write counts: the rows of a COPY come in batches.
const writingTime = 20 * time.Millisecond

// countingTime is how far back open snapshots are remembered. Short statements are
// rarely seen running; whether they come one by one or eight at once shows in time.
const countingTime = 50 * time.Millisecond

// open counts a snapshot that opens.
func (m *loadMeter) open() {
	n := m.reading.Add(1)
	for most := m.most.Load(); n > most && !m.most.CompareAndSwap(most, n); most = m.most.Load() {
	}
}

// atOnce is how many snapshots were open at once of late.
func (m *loadMeter) atOnce() int64 {
	now := int64(time.Since(m.start))
	if at := m.counted.Load(); now-at > int64(countingTime) && m.counted.CompareAndSwap(at, now) {
		m.before.Store(m.most.Swap(m.reading.Load()))
	}
	return max(m.most.Load(), m.before.Load())
}

func (m *loadMeter) write() { m.wrote.Store(int64(time.Since(m.start))) }

// processors is how many the statements that run could use: one each, and all
// while rows are written, for their like are many or their client waits for the
// last of them.
func (m *loadMeter) processors() int {
	if at := m.wrote.Load(); at > 0 && time.Since(m.start)-time.Duration(at) < writingTime {
		return cores.Count()
	}
	return int(m.atOnce())
}
