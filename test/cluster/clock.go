package cluster

import (
	"sync/atomic"
	"time"

	"quiver/internal/hlc"
)

// Clock is the cluster's time: a millisecond goes by with each timestamp that is
// given, and more only by Advance.
type Clock struct{ now atomic.Uint64 }

func newClock() *Clock {
	c := &Clock{}
	c.now.Store(uint64(hlc.At(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))))
	return c
}

// Next implements hlc.Source.
func (c *Clock) Next() (hlc.Timestamp, error) {
	return hlc.Timestamp(c.now.Add(1 << hlc.CounterBits)), nil
}

// Now implements hlc.Source.
func (c *Clock) Now() hlc.Timestamp { return hlc.Timestamp(c.now.Load()) }

// Observe implements hlc.Source.
func (c *Clock) Observe(t hlc.Timestamp) {
	for now := c.now.Load(); uint64(t) > now && !c.now.CompareAndSwap(now, uint64(t)); now = c.now.Load() {
	}
}

// Advance lets time go by.
func (c *Clock) Advance(d time.Duration) {
	c.now.Add(uint64(d.Milliseconds()) << hlc.CounterBits)
}
