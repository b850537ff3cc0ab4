package gcroom

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// Keep has at least room bytes of garbage gather between two collections, until
// stop is called. It does nothing where GOGC is set.
func Keep(room int64) (stop func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	k := &keeper{room: uint64(room)}
	k.adjust()
	return k.stop
}

// keeper follows the collections.
type keeper struct {
	room uint64

	mu      sync.Mutex // guards stopped, and who sets the percentage
	stopped bool
}

// sentinel dies at each collection. It has a pointer, for the runtime puts small
// objects without one in blocks with others, and they die together.
type sentinel struct{ *keeper }

// adjust sets the percentage for the heap as it is, and comes again after the next
// collection.
func (k *keeper) adjust() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.stopped {
		return
	}
	debug.SetGCPercent(percent(live(), k.room))
	runtime.AddCleanup(&sentinel{k}, (*keeper).adjust, k)
}

func (k *keeper) stop() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.stopped {
		k.stopped = true
		debug.SetGCPercent(percentLeast)
	}
}

const (
	// percentLeast is the runtime's default.
	percentLeast = 100
	// liveLeast is the heap whose percentage the runtime takes for smaller ones.
	liveLeast = 4 << 20
)

// percent is the GOGC by which live bytes grow by room, or double.
func percent(live, room uint64) int {
	return int(max(percentLeast, 100*room/max(live, liveLeast)))
}

// live is how many bytes the last collection left.
func live() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
