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
}

// vectorSum adds up vectors: sum in float32, as pgvector's + does, and avg in
// float64.
type vectorSum[F float] struct {
	average bool
	groups  []vectorState[F]
	bytes   int64
}

type vectorState[F float] struct {
	sum   []F
	count int64
}

func (a *vectorSum[F]) Update(_ *types.EvalContext, groups []uint32, ngroups int, args []types.Vec, n int) error {
	a.groups = grown(a.groups, ngroups)
	x := open[[]float32](args[0])
	for i := range n {
		if x.isNull(i) {
			continue
		}
		g, v := &a.groups[groups[i]], x.get(i)
		if g.sum == nil {
			g.sum = make([]F, len(v))
			a.bytes += int64(len(v)) * int64(unsafe.Sizeof(F(0)))
		}
		if len(g.sum) != len(v) {
			if a.average {
				return sqlerr.New(sqlerr.DataException, "expected %d dimensions, not %d", len(g.sum), len(v))
			}
			return errDimensions(len(g.sum), len(v))
		}
		for k, e := range v {
			g.sum[k] += F(e)
		}
		for _, s := range g.sum {
			if math.IsInf(float64(s), 0) {
				return floatOverflow()
			}
		}
		g.count++
	}
	return nil
}

func (a *vectorSum[F]) Result(c *types.EvalContext, ngroups int) (arrow.Array, error) {
	a.groups = grown(a.groups, ngroups)
	return fill(c, nil, ngroups, func(i int) ([]float32, error) {
		g := &a.groups[i]
		if g.count == 0 {
			return nil, null
		}
		divisor := F(1)
		if a.average {
			divisor = F(g.count)
		}
		v := make([]float32, len(g.sum))
		for k, s := range g.sum {
			v[k] = float32(s / divisor)
		}
		return v, types.CheckVector(v, types.NoMod)
	})
}

func (a *vectorSum[F]) Bytes() int64 { return a.bytes + int64(cap(a.groups))*32 }
