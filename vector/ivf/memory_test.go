package ivf

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"quiver/vector"
)

// discard is a PartWriter that keeps nothing.
type discard struct{}

func (discard) Create(string) (io.WriteCloser, error) { return discard{}, nil }
func (discard) Write(b []byte) (int, error)           { return len(b), nil }
func (discard) Close() error                          { return nil }

// live is the bytes that the heap holds.
func live() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// scratchFiles counts what is asked of Options.Scratch; it is given outside of
// Go's heap by t, as a file's pages would be.
type scratchFiles struct {
	mu         sync.Mutex
	held, most int64
}

func (f *scratchFiles) make(t *testing.T) func(int64) ([]byte, func(), error) {
	return func(n int64) ([]byte, func(), error) {
		b, err := unix.Mmap(-1, 0, int(n), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
		if err != nil {
			return nil, nil, err
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		f.held += n
		f.most = max(f.most, f.held)
		return b, func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.held -= n
			if err := unix.Munmap(b); err != nil {
				t.Error(err)
			}
		}, nil
	}
}

// TestBuildsHoldNoMoreThanTheirMemory: at each step of a build, what its heap
// holds is within the memory given, and without scratch files within the
// estimate; with them the index is the same.
func TestBuildsHoldNoMoreThanTheirMemory(t *testing.T) {
	const n = 6000
	for _, method := range methods {
		for _, quantization := range map[string][]string{"ivfflat": {"rabitq"}, "diskann": {"none"}}[method] {
			s := vector.Space{Distance: vector.L2, Dim: 48}
			c := encodeAll(s, clusteredData(48, 50, 0.5)(rand.New(rand.NewPCG(1, 2)), n))
			k := vector.KindByName(method)
			o := vector.Options{Quantization: quantization, Workers: 2, Lists: 100}
			need := k.Estimate(s, n, o).BuildBytes
			work := workBytes(s, n, k.(*kind).plan(s, n, o))
			var files scratchFiles
			for _, limit := range []int64{0, need, work + (need-work)/4} {
				what := fmt.Sprintf("%s, %s, %d bytes", method, quantization, limit)
				before, allowed := live(), limit
				if limit == 0 {
					allowed = need
				}
				var mu sync.Mutex
				most, phases := int64(0), map[string]bool{}
				o.MemoryBytes, o.Scratch = limit, files.make(t)
				o.Progress = func(phase string, done, total int64) {
					mu.Lock()
					defer mu.Unlock()
					if !phases[phase] || done*2/max(total, 1) != (done-1)*2/max(total, 1) {
						phases[phase] = true
						most = max(most, live()-before)
					}
				}
				if err := k.Build(context.Background(), s, c, o, discard{}); err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				if most > allowed || len(phases) < 4 {
					t.Errorf("%s: %d bytes held in %d phases", what, most, len(phases))
				}
				if files.held != 0 || (files.most > 0) != (limit > 0 && limit < need) {
					t.Errorf("%s: %d bytes in files at most, %d left", what, files.most, files.held)
				}
				t.Logf("%s: %d bytes held, %d in files", what, most, files.most)
				files.most = 0
			}
		}
	}
}
