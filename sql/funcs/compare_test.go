package funcs

import (
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/sql/types"
)

func int4Column(n int, value func(i int) int32) *array.Int32 {
	b := array.NewInt32Builder(memory.DefaultAllocator)
	defer b.Release()
	for i := range n {
		b.Append(value(i))
	}
	return b.NewInt32Array()
}

// TestComparisonWithConstant: a constant on either side gives what a column of
// equal values gives, whatever the number of rows and the offset.
func TestComparisonWithConstant(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	c := &types.EvalContext{Mem: memory.DefaultAllocator}
	for range 200 {
		n, from := r.IntN(40), r.IntN(9)
		column := int4Column(n+from, func(int) int32 { return r.Int32N(5) })
		with := r.Int32N(5)
		values := types.Vec{Array: array.NewSlice(column, int64(from), int64(from+n))}
		constant := types.Vec{Array: int4Column(1, func(int) int32 { return with }), Const: true}
		repeated := types.Vec{Array: int4Column(n, func(int) int32 { return with })}
		for _, op := range []string{"=", "<>", "<", "<=", ">", ">="} {
			kernel := compareIntegers[int32, int32](op)
			for _, sides := range [][2][]types.Vec{
				{{values, constant}, {values, repeated}},
				{{constant, values}, {repeated, values}},
			} {
				got, err := kernel(c, sides[0], n)
				if err != nil {
					t.Fatal(err)
				}
				want, err := kernel(c, sides[1], n)
				if err != nil {
					t.Fatal(err)
				}
				if !array.Equal(got, want) {
					t.Fatalf("%v %s %d: got %v, want %v", values.Array, op, with, got, want)
				}
			}
		}
	}
}

func BenchmarkCompareWithConstant(b *testing.B) {
	const n = 4096
	c := &types.EvalContext{Mem: memory.DefaultAllocator}
	args := []types.Vec{
		{Array: int4Column(n, func(i int) int32 { return int32(i * 7919 % 1000) })},
		{Array: int4Column(1, func(int) int32 { return 10 }), Const: true},
	}
	kernel := compareIntegers[int32, int32]("<")
	b.SetBytes(4 * n)
	for b.Loop() {
		a, err := kernel(c, args, n)
		if err != nil {
			b.Fatal(err)
		}
		a.Release()
	}
}
