package funcs

import (
	"math"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/sql/types"
)

func init() {
	minMax[int16]("int2")
	minMax[int32]("int4")
	minMax[int64]("int8")
	minMax[uint32]("oid")
	minMax[arrow.Date32]("date")
	minMax[arrow.Time64]("time")
	minMax[arrow.Timestamp]("timestamp")
	minMax[arrow.Timestamp]("timestamptz")
	minMaxFloat[float32]("float4")
	minMaxFloat[float64]("float8")
	for _, name := range []string{"text", "bpchar", "numeric", "interval", "timetz", "anyarray"} {
		aggregate("min("+name+")", func(spec AggregateSpec) (Accumulator, error) {
			return &extreme{typ: spec.Args[0], sign: -1}, nil
		})
		aggregate("max("+name+")", func(spec AggregateSpec) (Accumulator, error) {
			return &extreme{typ: spec.Args[0], sign: 1}, nil
		})
	}
}

func minMax[T integer](name string) {
	aggregateOf("min("+name+")", func(s *seen[T], v T) error {
		if !s.ok || v < s.value {
			s.value, s.ok = v, true
		}
		return nil
	}, (*seen[T]).result)
	aggregateOf("max("+name+")", func(s *seen[T], v T) error {
		if !s.ok || v > s.value {
			s.value, s.ok = v, true
		}
		return nil
	}, (*seen[T]).result)
}

// minMaxFloat holds NaN above all else.
func minMaxFloat[T float](name string) {
	isNaN := func(v T) bool { return math.IsNaN(float64(v)) }
	aggregateOf("min("+name+")", func(s *seen[T], v T) error {
		if !s.ok || v < s.value || isNaN(s.value) {
			s.value, s.ok = v, true
		}
		return nil
	}, (*seen[T]).result)
	aggregateOf("max("+name+")", func(s *seen[T], v T) error {
		if !s.ok || v > s.value || isNaN(v) {
			s.value, s.ok = v, true
		}
		return nil
	}, (*seen[T]).result)
}

// extreme is min (sign -1) or max (1) by the order of any type: it keeps a copy
// of the best value of each group.
type extreme struct {
	typ   types.T
	sign  int
	texts []seen[string]
	best  []arrow.Array // of length 1, or nil
	bytes int64
}

func (e *extreme) Update(c *types.EvalContext, groups []uint32, ngroups int, args []types.Vec, n int) error {
	if e.typ.OID == types.TextOID {
		e.updateTexts(groups, ngroups, args[0], n)
		return nil
	}
	e.best = grown(e.best, ngroups)
	compare := e.typ.Type().Compare
	for i := range n {
		if args[0].IsNull(i) {
			continue
		}
		slot, row := &e.best[groups[i]], args[0].Row(i)
		if *slot == nil || compare(args[0].Array, row, *slot, 0)*e.sign > 0 {
			// The copy lives on the Go heap, so that nobody has to release it.
			*slot = types.ConstArray(args[0].Array, row, 1, goHeap)
			e.bytes += 64
		}
	}
	return nil
}

func (e *extreme) updateTexts(groups []uint32, ngroups int, arg types.Vec, n int) {
	e.texts = grown(e.texts, ngroups)
	x := open[string](arg)
	for i := range n {
		if x.isNull(i) {
			continue
		}
		s, v := &e.texts[groups[i]], x.get(i)
		if !s.ok || strings.Compare(v, s.value)*e.sign > 0 {
			e.bytes += int64(len(v) - len(s.value))
			s.value, s.ok = strings.Clone(v), true
		}
	}
}

func (e *extreme) Result(c *types.EvalContext, ngroups int) (arrow.Array, error) {
	if e.typ.OID == types.TextOID {
		e.texts = grown(e.texts, ngroups)
		return fill(c, nil, ngroups, func(i int) (string, error) { return e.texts[i].result() })
	}
	e.best = grown(e.best, ngroups)
	b := array.NewBuilder(c.Mem, e.typ.Arrow())
	defer b.Release()
	for _, v := range e.best[:ngroups] {
		if v == nil {
			b.AppendNull()
		} else {
			types.AppendFrom(b, v, 0)
		}
	}
	return b.NewArray(), nil
}

func (e *extreme) Bytes() int64 { return e.bytes + int64(cap(e.best))*16 + int64(cap(e.texts))*24 }
