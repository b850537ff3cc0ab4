package executor

import (
	"context"
	"sync"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/bitutil"

	"quiver/catalog"
	"quiver/planner/plan"
	"quiver/storage"
)

// scanFilter is a condition that a scan hands to storage: it implements
// storage.Filter over the columns that the condition reads.
type scanFilter struct {
	x       *execution
	width   int   // columns that the condition counts through
	columns []int // those it reads
	fields  []catalog.FieldID
	bounds  []fieldBound
	// evaluators: parallel scanners take one each.
	mu   sync.Mutex
	free []evaluator
	make func() (evaluator, error)
}

// newScanFilter compiles a condition over the columns of fields.
func (b *builder) newScanFilter(fields []catalog.FieldID, cond plan.Expr) (*scanFilter, error) {
	f := &scanFilter{x: b.x, width: len(fields), columns: columnsOf(cond)}
	for _, c := range f.columns {
		f.fields = append(f.fields, fields[c])
	}
	f.make = func() (evaluator, error) { return b.compile(cond) }
	first, err := f.make()
	if err != nil {
		return nil, err
	}
	f.free = []evaluator{first}
	f.bounds, err = b.compileFieldBounds(fields, cond)
	return f, err
}

// Fields are the columns that Eval reads.
func (f *scanFilter) Fields() []catalog.FieldID { return f.fields }

// MayMatch compares the condition's bounds with a segment's or row group's.
func (f *scanFilter) MayMatch(stats func(catalog.FieldID) *storage.ColumnStats) bool {
	for i := range f.bounds {
		if !f.bounds[i].mayMatch(f.x, stats) {
			return false
		}
	}
	return true
}

// Eval clears the bits of rows for which the condition is not true. It is
// evaluated for visible rows alone: a deleted one may not raise an error.
func (f *scanFilter) Eval(ctx context.Context, columns []arrow.Array, rows int, visible storage.Bitmap) error {
	e, err := f.acquire()
	if err != nil {
		return err
	}
	defer f.giveBack(e)
	shown := bitutil.CountSetBits(visible, 0, rows)
	if shown == 0 {
		return nil
	}
	in := &batch{cols: make([]arrow.Array, f.width), rows: shown}
	var at []int32 // position in the batch of each row evaluated; nil: the same
	if shown < rows {
		at = setBits(make([]int32, 0, shown), visible, rows)
	}
	for i, c := range f.columns {
		if at == nil {
			in.cols[c] = columns[i]
		} else {
			in.cols[c] = take(f.x.mem, columns[i], at)
			defer in.cols[c].Release()
		}
	}
	v, err := e.eval(f.x, in)
	if err != nil {
		return err
	}
	defer v.Array.Release()
	_, ok := v.Array.(*array.Boolean)
	for k := range shown {
		if ok && truthAt(v, k) == isTrue {
			continue
		}
		row := k
		if at != nil {
			row = int(at[k])
		}
		bitutil.ClearBit(visible, row)
	}
	return ctx.Err()
}

// passes evaluates the condition for a single row.
func (f *scanFilter) passes(in *batch) (bool, error) {
	e, err := f.acquire()
	if err != nil {
		return false, err
	}
	defer f.giveBack(e)
	v, err := e.eval(f.x, in)
	if err != nil {
		return false, err
	}
	defer v.Array.Release()
	return truthAt(v, 0) == isTrue, nil
}

func (f *scanFilter) acquire() (evaluator, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.free); n > 0 {
		e := f.free[n-1]
		f.free = f.free[:n-1]
		return e, nil
	}
	return f.make()
}

func (f *scanFilter) giveBack(e evaluator) {
	f.mu.Lock()
	f.free = append(f.free, e)
	f.mu.Unlock()
}

// fieldBound is a conjunct column OP value, used to prune by statistics.
type fieldBound struct {
	field catalog.FieldID
	op    string
	value evaluator
	key   keyItem
}

// compileFieldBounds gathers the conjuncts that compare a column with a value
// known when the scan starts.
func (b *builder) compileFieldBounds(fields []catalog.FieldID, cond plan.Expr) ([]fieldBound, error) {
	var out []fieldBound
	for _, c := range conjuncts(cond) {
		call, ok := c.(*plan.Call)
		if !ok || len(call.Args) != 2 {
			continue
		}
		op := call.Operator
		column, isColumn := call.Args[0].(*plan.Column)
		value := call.Args[1]
		if !isColumn {
			column, isColumn = call.Args[1].(*plan.Column)
			value = call.Args[0]
			op = map[string]string{"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}[op]
		}
		if !isColumn || column.T.OID != value.Type().OID || !isFixedValue(value) {
			continue
		}
		switch op {
		case "=", "<", "<=", ">", ">=":
		default:
			continue
		}
		typ := column.T.Type()
		if typ.Compare == nil {
			continue
		}
		e, err := b.compile(value)
		if err != nil {
			return nil, err
		}
		out = append(out, fieldBound{fields[column.Index], op, e, keyItem{typ: typ}})
	}
	return out, nil
}

// isFixedValue: constants and parameters.
func isFixedValue(e plan.Expr) bool {
	switch e.(type) {
	case *plan.Const, *plan.Param:
		return true
	}
	return false
}

func conjuncts(e plan.Expr) []plan.Expr {
	if b, ok := e.(*plan.Bool); ok && b.Op == plan.And {
		var out []plan.Expr
		for _, a := range b.Args {
			out = append(out, conjuncts(a)...)
		}
		return out
	}
	return []plan.Expr{e}
}

func (f *fieldBound) mayMatch(x *execution, stats func(catalog.FieldID) *storage.ColumnStats) bool {
	s := stats(f.field)
	if s == nil || s.Min == nil || s.Max == nil {
		return true
	}
	v, err := f.value.eval(x, oneRow)
	if err != nil {
		return true // Eval will say so
	}
	defer v.Array.Release()
	if v.Array.IsNull(0) || s.NullCount == s.Rows {
		return false
	}
	compare := f.key.typ.Compare
	low := compare(v.Array, 0, s.Min, 0)  // value against min
	high := compare(v.Array, 0, s.Max, 0) // value against max
	switch f.op {
	case "=":
		return low >= 0 && high <= 0
	case "<":
		return low > 0
	case "<=":
		return low >= 0
	case ">":
		return high < 0
	}
	return high <= 0
}
