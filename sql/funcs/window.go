package funcs

import (
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// WindowRows is one partition of a window, sorted: what a window function may
// look at. The slices have an entry a row.
type WindowRows struct {
	N int
	// Args are the arguments of the call for each row.
	Args []types.Vec
	// PeerStart and PeerEnd bound the rows that are equal in order, FrameStart
	// and FrameEnd the frame; ends are one past the last row.
	PeerStart, PeerEnd   []int32
	FrameStart, FrameEnd []int32
}

// WindowKernel computes a window function for the rows of one partition. The
// caller releases the result.
type WindowKernel func(c *types.EvalContext, w *WindowRows) (arrow.Array, error)

func init() {
	for signature, k := range map[string]WindowKernel{
		"row_number()":                           windowIntegers(func(_ *WindowRows, i int) int64 { return int64(i) + 1 }),
		"rank()":                                 windowIntegers(func(w *WindowRows, i int) int64 { return int64(w.PeerStart[i]) + 1 }),
		"dense_rank()":                           denseRank,
		"percent_rank()":                         windowFractions(percentRank),
		"cume_dist()":                            windowFractions(func(w *WindowRows, i int) float64 { return float64(w.PeerEnd[i]) / float64(w.N) }),
		"ntile(int4)":                            ntile,
		"lag(anyelement)":                        shifted(-1),
		"lag(anyelement,int4)":                   shifted(-1),
		"lag(anycompatible,int4,anycompatible)":  shifted(-1),
		"lead(anyelement)":                       shifted(1),
		"lead(anyelement,int4)":                  shifted(1),
		"lead(anycompatible,int4,anycompatible)": shifted(1),
		"first_value(anyelement)":                ofFrame(func(w *WindowRows, i int) (int, error) { return int(w.FrameStart[i]), nil }),
		"last_value(anyelement)":                 ofFrame(func(w *WindowRows, i int) (int, error) { return int(w.FrameEnd[i]) - 1, nil }),
		"nth_value(anyelement,int4)":             ofFrame(nth),
	} {
		Builtin(signature, Impl{Window: k})
	}
}

func windowIntegers(f func(w *WindowRows, i int) int64) WindowKernel {
	return func(c *types.EvalContext, w *WindowRows) (arrow.Array, error) {
		b := array.NewInt64Builder(c.Mem)
		defer b.Release()
		b.Reserve(w.N)
		for i := range w.N {
			b.Append(f(w, i))
		}
		return b.NewArray(), nil
	}
}

func windowFractions(f func(w *WindowRows, i int) float64) WindowKernel {
	return func(c *types.EvalContext, w *WindowRows) (arrow.Array, error) {
		b := array.NewFloat64Builder(c.Mem)
		defer b.Release()
		b.Reserve(w.N)
		for i := range w.N {
			b.Append(f(w, i))
		}
		return b.NewArray(), nil
	}
}

func denseRank(c *types.EvalContext, w *WindowRows) (arrow.Array, error) {
	rank := int64(0)
	return windowIntegers(func(w *WindowRows, i int) int64 {
		if int(w.PeerStart[i]) == i {
			rank++
		}
		return rank
	})(c, w)
}

func percentRank(w *WindowRows, i int) float64 {
	if w.N == 1 {
		return 0
	}
	return float64(w.PeerStart[i]) / float64(w.N-1)
}

// int4At reads row i of an int4 argument.
func int4At(v types.Vec, i int) (value int32, null bool) {
	a, ok := v.Array.(*array.Int32)
	if !ok || v.IsNull(i) {
		return 0, true
	}
	return a.Value(v.Row(i)), false
}

func ntile(c *types.EvalContext, w *WindowRows) (arrow.Array, error) {
	b := array.NewInt32Builder(c.Mem)
	defer b.Release()
	b.Reserve(w.N)
	buckets, null := int4At(w.Args[0], 0) // Postgres, too, looks at the first row
	if !null && buckets <= 0 {
		return nil, sqlerr.New(sqlerr.InvalidArgumentForNtile, "argument of ntile must be greater than zero")
	}
	for i := range w.N {
		if null {
			b.AppendNull()
			continue
		}
		// The first N mod buckets buckets have a row more.
		small, larger := w.N/int(buckets), w.N%int(buckets)
		if i < larger*(small+1) {
			b.Append(int32(i/(small+1)) + 1)
		} else {
			b.Append(int32(larger+(i-larger*(small+1))/small) + 1)
		}
	}
	return b.NewArray(), nil
}

// shifted is lag (direction -1) and lead.
func shifted(direction int) WindowKernel {
	return func(c *types.EvalContext, w *WindowRows) (arrow.Array, error) {
		value := w.Args[0]
		b := array.NewBuilder(c.Mem, value.Array.DataType())
		defer b.Release()
		b.Reserve(w.N)
		for i := range w.N {
			offset := int32(1)
			if len(w.Args) > 1 {
				var null bool
				if offset, null = int4At(w.Args[1], i); null {
					b.AppendNull()
					continue
				}
			}
			switch at := i + direction*int(offset); {
			case at >= 0 && at < w.N:
				types.AppendFrom(b, value.Array, value.Row(at))
			case len(w.Args) > 2:
				types.AppendFrom(b, w.Args[2].Array, w.Args[2].Row(i))
			default:
				b.AppendNull()
			}
		}
		return b.NewArray(), nil
	}
}

// ofFrame yields the value of the row that at names, if that is in the frame.
func ofFrame(at func(w *WindowRows, i int) (int, error)) WindowKernel {
	return func(c *types.EvalContext, w *WindowRows) (arrow.Array, error) {
		value := w.Args[0]
		b := array.NewBuilder(c.Mem, value.Array.DataType())
		defer b.Release()
		b.Reserve(w.N)
		for i := range w.N {
			row, err := at(w, i)
			if err != nil {
				return nil, err
			}
			if row < int(w.FrameStart[i]) || row >= int(w.FrameEnd[i]) {
				b.AppendNull()
				continue
			}
			types.AppendFrom(b, value.Array, value.Row(row))
		}
		return b.NewArray(), nil
	}
}

func nth(w *WindowRows, i int) (int, error) {
	n, null := int4At(w.Args[1], i)
	if null {
		return -1, nil
	}
	if n <= 0 {
		return 0, sqlerr.New(sqlerr.InvalidArgumentForNthValue, "argument of nth_value must be greater than zero")
	}
	return int(w.FrameStart[i]) + int(n) - 1, nil
}
