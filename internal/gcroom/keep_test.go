package gcroom

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestPercent(t *testing.T) {
	for _, c := range []struct {
		live, room uint64
		want       int
	}{
		{0, 64 << 20, 1600},
		{16 << 20, 64 << 20, 400},
		{64 << 20, 64 << 20, 100},
		{1 << 30, 64 << 20, 100},
	} {
		if got := percent(c.live, c.room); got != c.want {
			t.Errorf("%d bytes alive, room for %d: %d%%, want %d%%", c.live, c.room, got, c.want)
		}
	}
}

var kept []byte

// TestKeep: few collections while little is alive, and the percentage follows what
// is.
func TestKeep(t *testing.T) {
	t.Setenv("GOGC", "")
	const room = 64 << 20
	stop := Keep(room)
	defer stop()
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 10 * room >> 16 {
		kept = make([]byte, 1<<16)
	}
	runtime.ReadMemStats(&after)
	if n := after.NumGC - before.NumGC; n < 5 || n > 12 {
		t.Errorf("%d collections for ten times the room", n)
	}
	kept = make([]byte, 2*room)
	for now := 0; now != percentLeast; {
		runtime.GC()
		now = debug.SetGCPercent(percentLeast)
		debug.SetGCPercent(now)
	}
	stop()
	if now := debug.SetGCPercent(percentLeast); now != percentLeast {
		t.Errorf("GOGC %d after stop", now)
	}
	kept = nil
}

// TestKeepLeaves: who sets GOGC has it.
func TestKeepLeaves(t *testing.T) {
	t.Setenv("GOGC", "70")
	before := debug.SetGCPercent(70)
	defer debug.SetGCPercent(before)
	Keep(64 << 20)()
	if now := debug.SetGCPercent(70); now != 70 {
		t.Errorf("GOGC %d", now)
	}
}
