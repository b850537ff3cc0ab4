package physical

import (
	"math"

	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/planner/logical"
	"quiver/planner/plan"
	"quiver/sql/types"
)

// The estimates follow Postgres' units and default selectivities; without
// statistics of values they tell small from large, no more.

// clampRows rounds to a whole number of rows, at least one.
func clampRows(rows float64) float64 { return max(1, math.Round(rows)) }

// selectivity guesses the fraction of rows that a condition keeps.
func selectivity(e plan.Expr) float64 {
	s := 1.0
	for _, c := range logical.Conjuncts(e) {
		s *= conjunctSelectivity(c)
	}
	return s
}

func conjunctSelectivity(e plan.Expr) float64 {
	switch e := e.(type) {
	case *plan.Const:
		if v, known := logical.BoolValue(e); known && v != nil && *v {
			return 1
		}
		return 0
	case *plan.Call:
		switch e.Operator {
		case "=":
			return 0.005
		case "<>":
			return 0.995
		case "<", "<=", ">", ">=":
			return 0.3333
		}
	case *plan.Bool:
		return boolSelectivity(e)
	case *plan.InList:
		return min(1, 0.005*float64(e.Values.Len()))
	case *plan.IsNull:
		if e.Not {
			return 0.995
		}
		return 0.005
	}
	return 0.5
}

func boolSelectivity(e *plan.Bool) float64 {
	if e.Op == plan.Not {
		return 1 - conjunctSelectivity(e.Args[0])
	}
	s := 0.0
	for _, a := range e.Args {
		t := selectivity(a)
		s = s + t - s*t
	}
	return s
}

// scanCost is the cost of reading a relation through a filter.
func scanCost(rows float64, filter plan.Expr, _ *logical.Metadata) plan.Cost {
	c := plan.Cost{Rows: rows, Total: rows * 0.01}
	if filter != nil {
		n := float64(len(logical.Conjuncts(filter)))
		c.Total += rows * 0.0025 * n
		c.Rows = clampRows(rows * selectivity(filter))
	}
	return c
}

func sortCost(rows float64) float64 { return rows * math.Log2(rows+2) * 0.005 }

func groupRows(rows float64, groups int) float64 {
	if groups == 0 {
		return 1
	}
	return clampRows(min(rows, max(200, rows/10)))
}

// limitRows reads a constant LIMIT plus OFFSET; a tenth of the rows when it is
// no constant.
func limitRows(count, offset plan.Expr, rows float64) float64 {
	if count == nil {
		return rows
	}
	n, ok := int8Value(count)
	if !ok {
		return clampRows(rows / 10)
	}
	if o, ok := int8Value(offset); ok {
		n += o
	}
	return n
}

func int8Value(e plan.Expr) (float64, bool) {
	c, ok := e.(*plan.Const)
	if !ok || c.Value.IsNull(0) {
		return 0, false
	}
	a, ok := c.Value.(*array.Int64)
	if !ok {
		return 0, false
	}
	return float64(a.Value(0)), true
}

// width is the average size of a row in bytes.
func width(cols []plan.OutputColumn) float64 {
	w := 0.0
	for _, c := range cols {
		switch t := types.ByOID(c.Type.OID); {
		case t == nil:
		case t.Len > 0:
			w += float64(t.Len)
		case c.Type.OID == types.VectorOID && c.Type.Mod > 0:
			w += 4*float64(c.Type.Mod) + 8
		case c.Type.OID == types.HalfvecOID && c.Type.Mod > 0:
			w += 2*float64(c.Type.Mod) + 8
		default:
			w += 32
		}
	}
	return w
}
