package vector

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
)

// TestPhasesOfBuildsAreKnown: what is done of a build is known in each phase, and
// nearly all of it is when the build ends.
func TestPhasesOfBuildsAreKnown(t *testing.T) {
	column := floatColumn(Float32, vectorSets["uniform"](rand.New(rand.NewPCG(61, 62)), 1500, 8))
	var mu sync.Mutex
	last := 0.0
	o := Options{Workers: 2, Progress: func(phase string, done, total int64) {
		mu.Lock()
		defer mu.Unlock()
		if _, known := phaseSpans[phase]; !known {
			t.Errorf("phase %q", phase)
		}
		last = max(last, BuildShare(phase, done, total))
	}}
	if err := KindByName("hnsw").Build(context.Background(), Space{Float32, L2, 8}, column, o, newMemoryParts()); err != nil {
		t.Fatal(err)
	}
	if last < 0.97 {
		t.Errorf("%v of the build is done at its end", last)
	}
}
