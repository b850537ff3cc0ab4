package executor

import (
	"context"
	"errors"
	"slices"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/bitutil"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/catalog"
	"quiver/planner/plan"
	"quiver/sql/funcs"
	"quiver/sql/types"
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
	pool[*filterEvaluators]
}

// filterEvaluators evaluate a condition in two steps.
type filterEvaluators struct {
	// harmless conjuncts cannot fail: they are evaluated for all rows of a
	// batch, deleted ones too, a column at a time.
	harmless []evaluator
	key      []keyPart // of them
	// rest, nil if there is none, is evaluated for the rows that are left.
	rest evaluator
}

// newScanFilter compiles a condition over the columns of fields.
func (b *builder) newScanFilter(fields []catalog.FieldID, cond plan.Expr) (*scanFilter, error) {
	f := &scanFilter{x: b.x, width: len(fields), columns: columnsOf(cond)}
	for _, c := range f.columns {
		f.fields = append(f.fields, fields[c])
	}
	f.make = func() (*filterEvaluators, error) { return b.compileFilter(fields, cond) }
	if err := f.fill(); err != nil {
		return nil, err
	}
	var err error
	f.bounds, err = b.compileFieldBounds(fields, cond)
	return f, err
}

func (b *builder) compileFilter(fields []catalog.FieldID, cond plan.Expr) (*filterEvaluators, error) {
	f := &filterEvaluators{}
	var rest []plan.Expr
	for _, c := range conjuncts(cond) {
		if !isHarmless(c) {
			rest = append(rest, c)
			continue
		}
		e, err := b.compile(c)
		if err != nil {
			return nil, err
		}
		f.harmless = append(f.harmless, e)
		if f.key, err = b.appendKeyParts(f.key, fields, c); err != nil {
			return nil, err
		}
	}
	var err error
	switch len(rest) {
	case 0:
	case 1:
		f.rest, err = b.compileCondition(rest[0])
	default:
		f.rest, err = b.compileCondition(&plan.Bool{Op: plan.And, Args: rest})
	}
	return f, err
}

// isHarmless says whether a condition surely raises no error, whatever the row:
// comparisons of scalar columns and values.
func isHarmless(e plan.Expr) bool {
	switch e := e.(type) {
	case *plan.Column:
		return e.T.OID == types.BoolOID
	case *plan.Bool:
		return !slices.ContainsFunc(e.Args, func(a plan.Expr) bool { return !isHarmless(a) })
	case *plan.IsNull:
		_, column := e.Arg.(*plan.Column)
		return column
	case *plan.InList:
		_, column := e.Arg.(*plan.Column)
		return column && isPlain(e.Arg.Type())
	case *plan.Call:
		switch e.Operator {
		case "=", "<>", "<", "<=", ">", ">=":
		default:
			return false
		}
		for _, a := range e.Args {
			if _, column := a.(*plan.Column); !column && !isFixedValue(a) {
				return false
			}
			if !isPlain(a.Type()) {
				return false
			}
		}
		return true
	}
	return false
}

// isPlain says whether values of a type are compared without any error.
func isPlain(t types.T) bool {
	switch t.OID {
	case types.BoolOID, types.Int2OID, types.Int4OID, types.Int8OID, types.Float4OID, types.Float8OID,
		types.TextOID, types.VarcharOID, types.DateOID, types.TimestampOID, types.TimestamptzOID, types.UUIDOID:
		return true
	}
	return false
}

// isPure says whether the value of a condition depends on nothing but its columns, and
// the parameters of the statement: it may be evaluated at any time while the statement
// is under way, by any goroutine. Functions that are not immutable, and casts from and
// to text or dates, read the settings of the session, which may change while a cursor
// waits.
func isPure(e plan.Expr) bool {
	pure := true
	walkExpr(e, func(e plan.Expr) {
		switch e := e.(type) {
		case *plan.Call:
			pure = pure && e.Function.Volatility == funcs.Immutable
		case *plan.Cast:
			pure = pure && !e.ViaText && isPureCast(e.Arg.Type(), e.T)
		case *plan.Column, *plan.Const, *plan.Param, *plan.Bool, *plan.IsNull, *plan.IsBool, *plan.InList,
			*plan.AnyArray, *plan.Case, *plan.Coalesce, *plan.MinMax, *plan.Array:
		default:
			pure = false
		}
	})
	return pure
}

// isPureCast says whether a cast is one among numbers, or among texts.
func isPureCast(from, to types.T) bool {
	for _, kind := range [][]types.OID{
		{types.Int2OID, types.Int4OID, types.Int8OID, types.Float4OID, types.Float8OID, types.NumericOID},
		{types.TextOID, types.VarcharOID, types.BPCharOID},
	} {
		if slices.Contains(kind, from.OID) && slices.Contains(kind, to.OID) {
			return true
		}
	}
	return false
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

// Eval clears the bits of rows for which the condition is not true. What may
// fail is evaluated for visible rows alone: a deleted one may not raise an
// error.
func (f *scanFilter) Eval(ctx context.Context, columns []arrow.Array, rows int, visible storage.Bitmap) error {
	e, err := f.acquire()
	if err != nil {
		return err
	}
	defer f.giveBack(e)
	in := &batch{cols: make([]arrow.Array, f.width), rows: rows}
	for i, c := range f.columns {
		in.cols[c] = columns[i]
	}
	for _, c := range e.harmless {
		v, err := c.eval(f.x, in)
		if err != nil {
			return err
		}
		keepTrue(visible, v, rows)
		v.Array.Release()
	}
	if e.rest == nil {
		return ctx.Err()
	}
	return errors.Join(f.evalRest(e.rest, in, visible), ctx.Err())
}

// keepTrue clears the bits of rows whose value is not true.
func keepTrue(visible storage.Bitmap, v types.Vec, rows int) {
	a, ok := v.Array.(*array.Boolean)
	if !ok || v.Const {
		if truthAt(v, 0) != isTrue {
			clear(visible)
		}
		return
	}
	data := a.Data()
	and := func(b *memory.Buffer) {
		if data.Offset()%8 != 0 {
			bitutil.BitmapAnd(visible, b.Bytes(), 0, int64(data.Offset()), visible, 0, int64(rows))
			return
		}
		from := b.Bytes()[data.Offset()/8:]
		for i := range (rows + 7) / 8 {
			visible[i] &= from[i]
		}
	}
	and(data.Buffers()[1])
	if a.NullN() > 0 {
		and(data.Buffers()[0])
	}
}

func (f *scanFilter) evalRest(e evaluator, in *batch, visible storage.Bitmap) error {
	shown := bitutil.CountSetBits(visible, 0, in.rows)
	if shown == 0 {
		return nil
	}
	var at []int32 // position in the batch of each row evaluated; nil: the same
	if shown < in.rows {
		at = setBits(make([]int32, 0, shown), visible, in.rows)
		some := &batch{cols: make([]arrow.Array, f.width), rows: shown}
		for _, c := range f.columns {
			some.cols[c] = take(f.x.mem, in.cols[c], at)
			defer some.cols[c].Release()
		}
		in = some
	}
	v, err := e.eval(f.x, in)
	if err != nil {
		return err
	}
	defer v.Array.Release()
	if at == nil {
		keepTrue(visible, v, in.rows)
		return nil
	}
	for k, row := range at {
		if truthAt(v, k) != isTrue {
			bitutil.ClearBit(visible, int(row))
		}
	}
	return nil
}

// passes evaluates the condition for a single row.
func (f *scanFilter) passes(in *batch) (bool, error) {
	e, err := f.acquire()
	if err != nil {
		return false, err
	}
	defer f.giveBack(e)
	for _, c := range append(e.harmless[:len(e.harmless):len(e.harmless)], e.rest) {
		if c == nil {
			continue
		}
		v, err := c.eval(f.x, in)
		if err != nil {
			return false, err
		}
		pass := truthAt(v, 0) == isTrue
		v.Array.Release()
		if !pass {
			return false, nil
		}
	}
	return true, nil
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
