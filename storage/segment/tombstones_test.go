package segment

import (
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/bitutil"
)

// TestTombstones compares all that tombstones tell with a map, through deletes of one
// timestamp and of many, with and without successors, moved and taken back.
func TestTombstones(t *testing.T) {
	type deleted struct{ at, successor uint64 }
	const rows = 3 * tombstoneRows / 2
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(1, seed))
		stamps := 1 + r.Uint64N(4)
		var tomb Tombstones
		model := map[int]deleted{}
		for range 60 {
			switch r.IntN(6) {
			case 0:
				for pos := range model {
					tomb.Clear(pos)
					delete(model, pos)
					if r.IntN(10) == 0 {
						break
					}
				}
			case 1:
				at := 1 + r.Uint64N(stamps)
				for pos, d := range model {
					tomb.Move(pos, at)
					model[pos] = deleted{at, d.successor}
					if r.IntN(10) == 0 {
						break
					}
				}
			default:
				d := deleted{at: 1 + r.Uint64N(stamps), successor: r.Uint64N(2) * r.Uint64()}
				for range r.IntN(200) {
					pos := r.IntN(rows)
					tomb.Set(pos, d.at, d.successor)
					if _, gone := model[pos]; !gone { // else it changes nothing
						model[pos] = d
					}
				}
			}
			for pos := range rows {
				if at, successor := tomb.Get(pos); (deleted{at, successor}) != model[pos] {
					t.Fatalf("seed %d: row %d: %d, %d, not %v", seed, pos, at, successor, model[pos])
				}
			}
			since := r.Uint64N(5)
			until := since + r.Uint64N(3)
			before, among := 0, 0
			for _, d := range model {
				if d.at <= until {
					before++
				}
				if d.at >= since && d.at <= until {
					among++
				}
			}
			if n := tomb.CountBefore(until); n != int64(before) || tomb.Count() != int64(len(model)) {
				t.Fatalf("seed %d: %d of %d, not %d of %d", seed, n, tomb.Count(), before, len(model))
			}
			last := -1
			err := tomb.Each(since, until, func(pos int, at, successor uint64) error {
				if (deleted{at, successor}) != model[pos] || at < since || at > until || pos <= last {
					t.Errorf("seed %d: row %d after %d: %d, %d", seed, pos, last, at, successor)
				}
				last = pos
				among--
				return nil
			})
			if among != 0 || err != nil {
				t.Fatalf("seed %d: %d rows are missing, %v", seed, among, err)
			}
			alive := make([]byte, (rows+63)/64*8)
			if kept := tomb.Live(rows, until, alive); kept != rows-before {
				t.Errorf("seed %d: %d live rows, not %d", seed, kept, rows-before)
			}
			start := r.IntN(rows)
			n := r.IntN(rows - start + 1)
			visible := make([]byte, (n+7)/8)
			bitutil.SetBitsTo(visible, 0, int64(n), true)
			cleared := tomb.Mask(start, n, visible, func(at uint64) bool { return at <= until })
			for i := range n {
				d, gone := model[start+i]
				gone = gone && d.at <= until
				if gone {
					cleared--
				}
				if bitutil.BitIsSet(visible, i) == gone || bitutil.BitIsSet(alive, start+i) == gone {
					t.Fatalf("seed %d: row %d, deleted at %d, at %d", seed, start+i, d.at, until)
				}
			}
			if cleared != 0 {
				t.Errorf("seed %d: %d rows too many are cleared", seed, cleared)
			}
			if !tomb.Any(0, rows) != (len(model) == 0) {
				t.Errorf("seed %d: any of %d rows", seed, len(model))
			}
		}
	}
}

// TestTombstonesOfOneDelete: a DELETE of every other row takes bits alone.
func TestTombstonesOfOneDelete(t *testing.T) {
	heap := func() int64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return int64(stats.HeapAlloc)
	}
	const rows = 1 << 20
	before := heap()
	var tomb Tombstones
	for pos := 0; pos < rows; pos += 2 {
		tomb.Set(pos, 7, 0)
	}
	if taken := heap() - before; taken > rows/2 {
		t.Errorf("%d bytes for %d deletes", taken, tomb.Count())
	}
}
