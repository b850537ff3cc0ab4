package storage

import (
	"runtime"
	"sync/atomic"
	"time"
)

// loadMeter tells background work how busy statements are.
type loadMeter struct {
	// reading counts the snapshots that are open.
	reading atomic.Int64
	// wrote is when rows were last written, in nanoseconds since start.
	wrote atomic.Int64
	start time.Time
}

// Reading is how many snapshots are open: that many statements run, or nearly.
func (e *Engine) Reading() int { return int(e.load.reading.Load()) }

// writingTime is how long a write counts: the rows of a COPY come in batches.
const writingTime = 20 * time.Millisecond

func (m *loadMeter) write() { m.wrote.Store(int64(time.Since(m.start))) }

// processors is how many the statements that run could use: one each, and all
// while rows are written, for their like are many or their client waits for the
// last of them.
func (m *loadMeter) processors() int {
	if at := m.wrote.Load(); at > 0 && time.Since(m.start)-time.Duration(at) < writingTime {
		return runtime.GOMAXPROCS(0)
	}
	return int(m.reading.Load())
}
