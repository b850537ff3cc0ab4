package hlc

import "time"

// CounterBits is the width of the counter below the milliseconds.
const CounterBits = 18

// Timestamp orders commits: milliseconds since 1970 in the upper 46 bits, a
// counter in the lower 18. 0 means none; Max is later than every commit.
type Timestamp uint64

// Max is later than every commit timestamp.
const Max = Timestamp(1<<64 - 1)

// At returns the first timestamp of t's millisecond.
func At(t time.Time) Timestamp { return Timestamp(uint64(t.UnixMilli()) << CounterBits) }

// Before returns the last timestamp that is older than t by d or more; 0 if
// there is none.
func (t Timestamp) Before(d time.Duration) Timestamp {
	if age := uint64((d + time.Millisecond - 1) / time.Millisecond); age <= uint64(t>>CounterBits) {
		return t - Timestamp(age<<CounterBits)
	}
	return 0
}

// Time returns the wall-clock part.
func (t Timestamp) Time() time.Time { return time.UnixMilli(int64(t >> CounterBits)) }

// Source hands out timestamps. Next is strictly greater than every timestamp
// that any Source over the same data ever returned, and that this one was told
// by Observe (a restart observes again what it finds in the data).
// Implementations are safe for concurrent use.
type Source interface {
	Next() (Timestamp, error)
	// Now reads the clock: no less than any timestamp given out, none of which
	// it uses up.
	Now() Timestamp
	// Observe raises the clock to at least t.
	Observe(t Timestamp)
}
