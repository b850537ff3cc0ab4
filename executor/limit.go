package executor

import (
	"context"
	"math"

	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/planner/plan"
	"quiver/sql/sqlerr"
)

func (b *builder) buildLimit(n *plan.Limit) (operator, error) {
	input, err := b.build(n.Input)
	if err != nil {
		return nil, err
	}
	bounds, err := b.compileBounds(n.Count, n.Offset)
	if err != nil {
		return nil, err
	}
	lockOneByOne(input)
	o := &limitOp{x: b.x, input: input, bounds: bounds}
	if n.WithTies != nil {
		if o.ties, err = b.compileKeys(n.WithTies); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// bounds are the expressions of LIMIT and OFFSET.
type bounds struct{ count, offset evaluator }

func (b *builder) compileBounds(count, offset plan.Expr) (bounds, error) {
	c, err := b.compileOptional(count)
	if err != nil {
		return bounds{}, err
	}
	o, err := b.compileOptional(offset)
	return bounds{c, o}, err
}

// evaluate returns the bounds; without a count it is the largest integer.
func (b bounds) evaluate(x *execution) (count, offset int64, err error) {
	count, offset = math.MaxInt64, 0
	if b.count != nil {
		v, null, err := evalInt(x, b.count)
		if err != nil {
			return 0, 0, err
		}
		if v < 0 {
			return 0, 0, sqlerr.New(sqlerr.InvalidRowCountInLimitClause, "LIMIT must not be negative")
		}
		if !null {
			count = v
		}
	}
	if b.offset != nil {
		if offset, _, err = evalInt(x, b.offset); err != nil {
			return 0, 0, err
		}
		if offset < 0 {
			return 0, 0, sqlerr.New(sqlerr.InvalidRowCountInResultOffsetClause, "OFFSET must not be negative")
		}
	}
	return count, offset, nil
}

// total is count+offset without overflow.
func total(count, offset int64) int64 {
	if count > math.MaxInt64-offset {
		return math.MaxInt64
	}
	return count + offset
}

// evalInt evaluates an integer expression without columns; a null is 0.
func evalInt(x *execution, e evaluator) (v int64, null bool, err error) {
	a, err := evalOne(x, e)
	if err != nil {
		return 0, false, err
	}
	defer a.Release()
	if a.IsNull(0) {
		return 0, true, nil
	}
	switch a := a.(type) { // as literals are: without a function for it
	case *array.Int64:
		return a.Value(0), false, nil
	case *array.Int32:
		return int64(a.Value(0)), false, nil
	}
	read, ok := integersOf(a)
	if !ok {
		return 0, false, sqlerr.New(sqlerr.InternalError, "expected an integer, not %s", a.DataType())
	}
	return read(0), false, nil
}

// limitOp skips offset rows and passes on count, and with ties the peers of the
// last one.
type limitOp struct {
	x          *execution
	input      operator
	bounds     bounds
	ties       *keyEncoder
	skip, left int64
	last       []byte // key of the last row passed on, for ties
	tiesOnly   bool
}

func (o *limitOp) open(ctx context.Context) error {
	var err error
	if o.left, o.skip, err = o.bounds.evaluate(o.x); err != nil {
		return err
	}
	o.tiesOnly = false
	return o.input.open(ctx)
}

func (o *limitOp) close() { o.input.close() }

func (o *limitOp) next(ctx context.Context) (*batch, error) {
	for o.left > 0 || o.tiesOnly {
		in, err := o.input.next(ctx)
		if err != nil || in == nil {
			return nil, err
		}
		if o.tiesOnly {
			return o.peers(in)
		}
		if int64(in.rows) <= o.skip {
			o.skip -= int64(in.rows)
			in.release()
			continue
		}
		return o.cut(in)
	}
	return nil, nil
}

// cut takes over in and returns its rows within the bounds.
func (o *limitOp) cut(in *batch) (*batch, error) {
	from := int(o.skip)
	n := int(min(int64(in.rows-from), o.left))
	o.skip = 0
	o.left -= int64(n)
	if from == 0 && n == in.rows && o.ties == nil {
		return in, nil
	}
	defer in.release()
	to := from + n
	if o.ties != nil && o.left == 0 {
		keys, err := o.ties.encode(o.x, in)
		if err != nil {
			return nil, err
		}
		o.last = append(o.last[:0], keys.at(to-1)...)
		for to < in.rows && string(keys.at(to)) == string(o.last) {
			to++
		}
		o.tiesOnly = to == in.rows
	}
	return in.slice(from, to), nil
}

// peers takes over in and returns the rows that tie with the last one.
func (o *limitOp) peers(in *batch) (*batch, error) {
	defer in.release()
	keys, err := o.ties.encode(o.x, in)
	if err != nil {
		return nil, err
	}
	n := 0
	for n < in.rows && string(keys.at(n)) == string(o.last) {
		n++
	}
	o.tiesOnly = n == in.rows
	if n == 0 {
		return nil, nil
	}
	return in.slice(0, n), nil
}
