package executor

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// numbers yields batches of random numbers, with each its place.
type numbers struct {
	mem     memory.Allocator
	rnd     *rand.Rand
	batches int
	place   int32
}

func (o *numbers) open(context.Context) error { return nil }
func (o *numbers) close()                     {}
func (o *numbers) next(context.Context) (*batch, error) {
	if o.batches == 0 {
		return nil, nil
	}
	o.batches--
	value, place := array.NewInt32Builder(o.mem), array.NewInt32Builder(o.mem)
	defer value.Release()
	defer place.Release()
	for range 1 + o.rnd.IntN(5) {
		value.Append(o.rnd.Int32N(50))
		place.Append(o.place)
		o.place++
	}
	b := &batch{rows: value.Len()}
	b.cols = []arrow.Array{value.NewArray(), place.NewArray()}
	return b, nil
}

// TestManyRuns: more runs than a merge takes, of which those of one level are merged
// as they come and the rest at the end; rows of equal keys stay in their order.
func TestManyRuns(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	x := &execution{env: &Env{WorkMem: 1, TempDir: t.TempDir()}, mem: mem}
	s := &sorter{x: x}
	defer s.drop()
	const runs = 3*mergeRunsMax - 1
	input := &numbers{mem: mem, rnd: rand.New(rand.NewPCG(1, 2)), batches: runs}
	keysOf := func(b *batch) (*keys, error) {
		k := &keys{}
		for i := range b.rows {
			k.data = binary.BigEndian.AppendUint32(k.data, uint32(b.cols[0].(*array.Int32).Value(i)))
			k.ends = append(k.ends, len(k.data))
		}
		return k, nil
	}
	if err := s.fill(context.Background(), input, keysOf); err != nil {
		t.Fatal(err)
	}
	if len(s.runs) > mergeRunsMax || s.runs[0].level != 1 || s.runs[len(s.runs)-1].level != 1 {
		t.Errorf("%d runs are left, %+v", len(s.runs), s.runs)
	}
	rows, value, place := int32(0), int32(-1), int32(-1)
	for {
		b, _, err := s.next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if b == nil {
			break
		}
		for i := range b.rows {
			v, p := b.cols[0].(*array.Int32).Value(i), b.cols[1].(*array.Int32).Value(i)
			if v < value || v == value && p < place {
				t.Fatalf("row %d of value %d after row %d of value %d", p, v, place, value)
			}
			value, place = v, p
			rows++
		}
		b.release()
	}
	if rows != input.place {
		t.Errorf("%d rows of %d", rows, input.place)
	}
}
