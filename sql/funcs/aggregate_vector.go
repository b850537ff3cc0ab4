package funcs

import (
	"math"
	"unsafe"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

func init() {
	aggregate("sum(vector)", func(AggregateSpec) (Accumulator, error) { return &vectorSum[float32]{}, nil })
	aggregate("avg(vector)", func(AggregateSpec) (Accumulator, error) { return &vectorSum[float64]{average: true}, nil })
	aggregate("sum(halfvec)", func(AggregateSpec) (Accumulator, error) { return &vectorSum[float32]{half: true}, nil })
	aggregate("avg(halfvec)", func(AggregateSpec) (Accumulator, error) { return &vectorSum[float64]{half: true, average: true}, nil })
}

// vectorSum adds up vectors: sum in the type of the elements, as pgvector's +
// does, and avg in float64.
type vectorSum[F float] struct {
	half    bool // halfvec: sums are rounded to halves
	average bool
	groups  []vectorState[F]
	bytes   int64
	wide    []float32
}

type vectorState[F float] struct {
	sum   []F
	count int64
}

func (a *vectorSum[F]) Update(_ *types.EvalContext, groups []uint32, ngroups int, args []types.Vec, n int) error {
	a.groups = grown(a.groups, ngroups)
	for i := range n {
		if args[0].IsNull(i) {
			continue
		}
		v := a.row(args[0], i)
		g := &a.groups[groups[i]]
		if g.sum == nil {
			g.sum = make([]F, len(v))
			a.bytes += int64(len(v)) * int64(unsafe.Sizeof(F(0)))
		}
		if len(g.sum) != len(v) {
			switch {
			case a.average:
				return sqlerr.New(sqlerr.DataException, "expected %d dimensions, not %d", len(g.sum), len(v))
			case a.half:
				return errDimensions("halfvec", len(g.sum), len(v))
			}
			return errDimensions("vector", len(g.sum), len(v))
		}
		if err := a.add(g, v); err != nil {
			return err
		}
		g.count++
	}
	return nil
}

// row returns the elements of a row; they are good until the next one.
func (a *vectorSum[F]) row(v types.Vec, i int) []float32 {
	if !a.half {
		return types.VectorAt(v.Array, v.Row(i))
	}
	a.wide = widen(a.wide[:0], types.HalfvecAt(v.Array, v.Row(i)))
	return a.wide
}

func (a *vectorSum[F]) add(g *vectorState[F], v []float32) error {
	for k, e := range v {
		s := g.sum[k] + F(e)
		if a.half && !a.average {
			s = F(types.HalfOf(float32(s)).Float32())
		}
		if math.IsInf(float64(s), 0) {
			return floatOverflow()
		}
		g.sum[k] = s
	}
	return nil
}

func (a *vectorSum[F]) Result(c *types.EvalContext, ngroups int) (arrow.Array, error) {
	a.groups = grown(a.groups, ngroups)
	if a.half {
		return fill(c, nil, ngroups, func(i int) ([]types.Half, error) {
			v, err := a.groups[i].result(a.average)
			if err != nil {
				return nil, err
			}
			h, err := types.HalfvecOf(v)
			if err != nil {
				return nil, err
			}
			return h, types.CheckHalfvec(h, types.NoMod)
		})
	}
	return fill(c, nil, ngroups, func(i int) ([]float32, error) {
		v, err := a.groups[i].result(a.average)
		if err != nil {
			return nil, err
		}
		return v, types.CheckVector(v, types.NoMod)
	})
}

func (g *vectorState[F]) result(average bool) ([]float32, error) {
	if g.count == 0 {
		return nil, null
	}
	divisor := F(1)
	if average {
		divisor = F(g.count)
	}
	v := make([]float32, len(g.sum))
	for k, s := range g.sum {
		v[k] = float32(s / divisor)
	}
	return v, nil
}

func (a *vectorSum[F]) Bytes() int64 { return a.bytes + int64(cap(a.groups))*32 }
