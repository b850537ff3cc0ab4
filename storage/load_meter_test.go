package storage

import (
	"testing"
	"time"
)

// TestLoadMeter: snapshots that were open at once count for a while after.
func TestLoadMeter(t *testing.T) {
	m := &loadMeter{start: time.Now().Add(-time.Hour)}
	later := func() { m.counted.Add(-int64(2 * countingTime)) }
	for range 3 {
		m.open()
	}
	if n := m.processors(); n != 3 {
		t.Errorf("%d, not 3", n)
	}
	m.reading.Add(-3)
	if n := m.processors(); n != 3 {
		t.Errorf("just after: %d, not 3", n)
	}
	m.open()
	m.reading.Add(-1)
	for _, want := range []int{3, 1, 0} { // as one time after the other passes
		later()
		if n := m.processors(); n > want {
			t.Errorf("%d, not %d", n, want)
		}
		if want == 3 {
			m.open()
			m.reading.Add(-1)
		}
	}
}
