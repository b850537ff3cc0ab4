package funcs

import (
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// goHeap is for values that live as long as Go refers to them.
var goHeap = memory.DefaultAllocator

func init() {
	aggregate("string_agg(text,text)", func(AggregateSpec) (Accumulator, error) { return &joiner[string]{}, nil })
	aggregate("string_agg(bytea,bytea)", func(AggregateSpec) (Accumulator, error) { return &joiner[[]byte]{}, nil })
	aggregate("array_agg(anynonarray) array_agg(anyarray)", func(spec AggregateSpec) (Accumulator, error) {
		return &collector{arg: spec.Args[0], result: spec.Result}, nil
	})
}

// joiner is string_agg: values with a delimiter before each but the first.
type joiner[T string | []byte] struct {
	groups []seen[[]byte]
	bytes  int64
}

func (j *joiner[T]) Update(_ *types.EvalContext, groups []uint32, ngroups int, args []types.Vec, n int) error {
	j.groups = grown(j.groups, ngroups)
	values, delimiters := open[T](args[0]), open[T](args[1])
	for i := range n {
		if values.isNull(i) {
			continue
		}
		g := &j.groups[groups[i]]
		before := cap(g.value)
		if g.ok && !delimiters.isNull(i) {
			g.value = append(g.value, delimiters.get(i)...)
		}
		g.value = append(g.value, values.get(i)...)
		g.ok = true
		j.bytes += int64(cap(g.value) - before)
		if len(g.value) > maxValueBytes {
			return errTooLong()
		}
	}
	return nil
}

// maxValueBytes is Postgres' limit of one value.
const maxValueBytes = 1<<30 - 1

func errTooLong() error {
	return sqlerr.New(sqlerr.ProgramLimitExceeded, "requested length too large")
}

func (j *joiner[T]) Result(c *types.EvalContext, ngroups int) (arrow.Array, error) {
	j.groups = grown(j.groups, ngroups)
	return fill(c, nil, ngroups, func(i int) (T, error) {
		v, err := j.groups[i].result()
		return T(v), err
	})
}

func (j *joiner[T]) Bytes() int64 { return j.bytes + int64(cap(j.groups))*32 }

// collector is array_agg: it keeps the values in order of arrival and sorts
// them out at the end.
type collector struct {
	arg, result types.T
	values      []arrow.Array // Go-heap copies, a batch each
	rows        [][]collected // by group
	bytes       int64
}

// collected names a value: batch and row.
type collected struct{ batch, row uint32 }

func (a *collector) Update(_ *types.EvalContext, groups []uint32, ngroups int, args []types.Vec, n int) error {
	a.rows = grown(a.rows, ngroups)
	b := array.NewBuilder(goHeap, args[0].Array.DataType())
	defer b.Release()
	batch := uint32(len(a.values))
	if args[0].Const {
		types.AppendFrom(b, args[0].Array, 0)
	}
	for i := range n {
		row := uint32(i)
		if args[0].Const {
			row = 0
		} else {
			types.AppendFrom(b, args[0].Array, i)
		}
		a.rows[groups[i]] = append(a.rows[groups[i]], collected{batch, row})
	}
	values := b.NewArray()
	for _, buffer := range values.Data().Buffers() {
		if buffer != nil {
			a.bytes += int64(buffer.Cap())
		}
	}
	a.bytes += int64(n) * 8
	a.values = append(a.values, values)
	return nil
}

func (a *collector) Result(c *types.EvalContext, ngroups int) (arrow.Array, error) {
	a.rows = grown(a.rows, ngroups)
	b := types.NewBuilder(a.result, c.Mem)
	defer b.Release()
	for _, rows := range a.rows[:ngroups] {
		if rows == nil {
			b.AppendNull()
			continue
		}
		var err error
		if a.arg.OID == a.result.OID {
			err = a.stack(b, rows)
		} else {
			elements := types.BeginArray(b)
			for _, r := range rows {
				types.AppendFrom(elements, a.values[r.batch], int(r.row))
			}
			types.FinishArray(b, nil)
		}
		if err != nil {
			return nil, err
		}
	}
	return b.NewArray(), nil
}

// stack appends arrays of one shape as an array of one more dimension.
func (a *collector) stack(b array.Builder, rows []collected) error {
	var dims, lower []int
	for k, r := range rows {
		values := a.values[r.batch]
		if values.IsNull(int(r.row)) {
			return sqlerr.New(sqlerr.NullValueNotAllowed, "cannot accumulate null arrays")
		}
		v := types.ArrayAt(values, int(r.row))
		if v.NDims() == 0 {
			return sqlerr.New(sqlerr.ArraySubscriptError, "cannot accumulate empty arrays")
		}
		if k == 0 {
			dims, lower = append(dims, len(rows)), append(lower, 1)
			for d := range v.NDims() {
				dims, lower = append(dims, v.Dim(d)), append(lower, v.Lower(d))
			}
			continue
		}
		same := v.NDims() == len(dims)-1
		for d := 0; same && d < v.NDims(); d++ {
			same = v.Dim(d) == dims[d+1]
		}
		if !same {
			return sqlerr.New(sqlerr.ArraySubscriptError, "cannot accumulate arrays of different dimensionality")
		}
	}
	elements := types.BeginArray(b)
	for _, r := range rows {
		v := types.ArrayAt(a.values[r.batch], int(r.row))
		for k := v.Start; k < v.End; k++ {
			types.AppendFrom(elements, v.Elements, k)
		}
	}
	types.FinishArray(b, types.ArrayShape(dims, lower))
	return nil
}

func (a *collector) Bytes() int64 { return a.bytes + int64(cap(a.rows))*24 }
