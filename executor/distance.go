package executor

import (
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/sql/funcs"
)

// distance is how an operator compares two vectors of one dimension.
type distance struct {
	// exact is the definition that decides order and is shown.
	exact func(x, y []float32) float64
	// one and many rank rows in the first pass: any increasing function of the
	// distance, computed fast. many compares q with the len(dst) vectors that
	// lie one after the other in rows.
	one  func(x, y []float32) float64
	many func(dst []float64, q, rows []float32)
}

var distancesByOperator = map[string]distance{
	"<->": ranked(funcs.L2Distance, funcs.L2SquaredDistance),
	"<#>": ranked(funcs.NegativeInnerProduct, funcs.NegativeInnerProduct),
	"<=>": ranked(funcs.CosineDistance, funcs.CosineDistance),
	"<+>": ranked(funcs.L1Distance, funcs.L1Distance),
}

// ranked makes the first pass of a function of two vectors.
func ranked(exact, one func(x, y []float32) float64) distance {
	return distance{exact: exact, one: one, many: func(dst []float64, q, rows []float32) {
		n := len(q)
		for i := range dst {
			dst[i] = one(rows[i*n:(i+1)*n], q)
		}
	}}
}

// vectorColumn reads the vectors of a column from their buffer.
type vectorColumn struct {
	values []float32
	fixed  *array.FixedSizeList
	list   *array.List
	dims   int // of all vectors, -1 when each has its own
}

func vectorColumnOf(a arrow.Array) vectorColumn {
	switch a := a.(type) {
	case *array.FixedSizeList:
		return vectorColumn{
			values: a.ListValues().(*array.Float32).Float32Values(), fixed: a,
			dims: int(a.DataType().(*arrow.FixedSizeListType).Len()),
		}
	case *array.List:
		return vectorColumn{values: a.ListValues().(*array.Float32).Float32Values(), list: a, dims: -1}
	}
	return vectorColumn{dims: -1}
}

// at is vector i, a view.
func (v vectorColumn) at(i int) []float32 {
	var start, end int64
	if v.fixed != nil {
		start, end = v.fixed.ValueOffsets(i)
	} else {
		start, end = v.list.ValueOffsets(i)
	}
	return v.values[start:end]
}

// run is the memory of the first n vectors of a column of one dimension.
func (v vectorColumn) run(n int) []float32 {
	start, _ := v.fixed.ValueOffsets(0)
	return v.values[start : start+int64(n*v.dims)]
}
