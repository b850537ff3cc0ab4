package executor

import (
	"context"
	"slices"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/planner/plan"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// memoBytesMax bounds what a correlated subquery remembers of earlier rows.
const memoBytesMax = 1 << 20

// subqueryEval runs a subquery for each row of the outer query, or once.
//
// The answer of a subquery without arguments is kept for the execution unless
// running it read a row further out: then it stands for that row alone, which
// outerEval notes in execution.reached. A correlated one remembers the answers
// of earlier rows by their arguments.
type subqueryEval struct {
	kind   plan.SubqueryKind
	plan   operator
	args   []evaluator
	left   []evaluator
	test   evaluator
	always bool // volatile: run for each row, remember nothing
	keys   *keyEncoder
	t      types.T
	memo   map[string]arrow.Array
	bytes  int
}

func (b *builder) compileSubquery(e *plan.Subquery) (evaluator, error) {
	if s := b.subqueries[e]; s != nil {
		return s, nil
	}
	s := &subqueryEval{kind: e.Kind, t: e.T, always: e.Correlated && len(e.Args) == 0}
	var err error
	if s.plan, err = b.build(e.Plan); err != nil {
		return nil, err
	}
	if s.args, err = b.compileAll(e.Args); err != nil {
		return nil, err
	}
	if s.left, err = b.compileAll(e.Left); err != nil {
		return nil, err
	}
	if s.test, err = b.compileOptional(e.Test); err != nil {
		return nil, err
	}
	s.keys = &keyEncoder{}
	for _, arg := range slices.Concat(e.Args, e.Left) {
		typ := arg.Type().Type()
		if typ.AppendKey == nil { // json: no equality to remember by
			s.always = true
			break
		}
		s.keys.items = append(s.keys.items, keyItem{typ: typ})
	}
	b.resets = append(b.resets, s.forget)
	if !e.Correlated && len(s.left) == 0 {
		if b.subqueries == nil {
			b.subqueries = map[*plan.Subquery]*subqueryEval{}
		}
		b.subqueries[e] = s
	}
	return s, nil
}

func (e *subqueryEval) forget() {
	for _, a := range e.memo {
		a.Release()
	}
	clear(e.memo)
	e.bytes = 0
}

func (e *subqueryEval) eval(x *execution, in *batch) (types.Vec, error) {
	values, err := e.inputs(x, in)
	if err != nil {
		return types.Vec{}, err
	}
	defer func() {
		for _, v := range values {
			v.Array.Release()
		}
	}()
	if !e.always && len(values) == 0 {
		a, err := e.answer(x, values, 0, nil)
		return types.Vec{Array: a, Const: true}, err
	}
	results := make([]arrow.Array, 0, in.rows)
	defer func() { releaseAll(results) }()
	var k *keys
	if !e.always {
		k = e.keys.encodeVecs(values, in.rows)
	}
	for i := range in.rows {
		var key []byte
		if k != nil {
			key = k.at(i)
		}
		a, err := e.answer(x, values, i, key)
		if err != nil {
			return types.Vec{}, err
		}
		results = append(results, a)
	}
	if len(results) == 0 {
		return types.Vec{Array: nullArray(x.mem, arrowType(e.t), 0)}, nil
	}
	out, err := concat(x.mem, results)
	return types.Vec{Array: out}, err
}

// inputs evaluates the arguments, then the left items.
func (e *subqueryEval) inputs(x *execution, in *batch) ([]types.Vec, error) {
	var out []types.Vec
	for _, ev := range slices.Concat(e.args, e.left) {
		v, err := ev.eval(x, in)
		if err != nil {
			for _, v := range out {
				v.Array.Release()
			}
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// answer returns the value for one row, remembered or computed.
func (e *subqueryEval) answer(x *execution, values []types.Vec, row int, key []byte) (arrow.Array, error) {
	if !e.always {
		if a, ok := e.memo[string(key)]; ok {
			a.Retain()
			return a, nil
		}
	}
	level := len(x.frames)
	reached := x.reached
	x.reached = level
	a, err := e.run(x, values, row)
	local := x.reached >= level
	x.reached = min(x.reached, reached)
	if err != nil || e.always || !local {
		return a, err
	}
	if e.bytes > memoBytesMax {
		e.forget()
	}
	if e.memo == nil {
		e.memo = map[string]arrow.Array{}
	}
	a.Retain()
	e.memo[string(key)] = a
	e.bytes += len(key) + int(arrayBytes(a)) + mapEntryBytes
	return a, nil
}

// run computes the answer for one row.
func (e *subqueryEval) run(x *execution, values []types.Vec, row int) (arrow.Array, error) {
	f := make(frame, len(values))
	defer func() { releaseAll(f) }()
	for i, v := range values {
		at := int64(v.Row(row))
		f[i] = array.NewSlice(v.Array, at, at+1)
	}
	left := f[len(e.args):]
	x.push(f[:len(e.args)])
	defer x.pop()
	defer e.plan.close()
	ctx := x.c.Ctx
	if err := e.plan.open(ctx); err != nil {
		return nil, err
	}
	switch e.kind {
	case plan.SubExists:
		b, err := e.plan.next(ctx)
		if err != nil {
			return nil, err
		}
		if b != nil {
			b.release()
		}
		return booleans(x.mem, []truth{truthOf(b != nil)}), nil
	case plan.SubArray:
		return e.collect(ctx, x)
	case plan.SubAny, plan.SubAll:
		return e.compare(ctx, x, left)
	}
	return e.scalar(ctx, x)
}

func (e *subqueryEval) scalar(ctx context.Context, x *execution) (arrow.Array, error) {
	var value arrow.Array
	for {
		b, err := e.plan.next(ctx)
		if err == nil && b != nil && (b.rows > 1 || value != nil) {
			b.release()
			err = sqlerr.New(sqlerr.CardinalityViolation, "more than one row returned by a subquery used as an expression")
		}
		if err != nil {
			if value != nil {
				value.Release()
			}
			return nil, err
		}
		if b == nil {
			break
		}
		value = b.cols[0]
		value.Retain()
		b.release()
	}
	if value == nil {
		return nullArray(x.mem, arrowType(e.t), 1), nil
	}
	return value, nil
}

// collect is ARRAY(SELECT …).
func (e *subqueryEval) collect(ctx context.Context, x *execution) (arrow.Array, error) {
	out := array.NewBuilder(x.mem, arrowType(e.t))
	defer out.Release()
	elements := types.BeginArray(out)
	for {
		b, err := e.plan.next(ctx)
		if err != nil {
			return nil, err
		}
		if b == nil {
			types.FinishArray(out, nil)
			return out.NewArray(), nil
		}
		for i := range b.rows {
			types.AppendFrom(elements, b.cols[0], i)
		}
		b.release()
	}
}

// compare is left OP ANY|ALL (SELECT …), with three-valued logic.
func (e *subqueryEval) compare(ctx context.Context, x *execution, left []arrow.Array) (arrow.Array, error) {
	stop := truthOf(e.kind == plan.SubAny)
	result := truthOf(e.kind == plan.SubAll)
	for result != stop {
		b, err := e.plan.next(ctx)
		if err != nil {
			return nil, err
		}
		if b == nil {
			break
		}
		in := &batch{cols: make([]arrow.Array, 0, len(left)+len(b.cols)), rows: b.rows}
		for _, l := range left {
			in.cols = append(in.cols, repeat(x.mem, l, b.rows))
		}
		in.cols = append(in.cols, b.cols...)
		v, err := e.test.eval(x, in)
		if err != nil {
			in.release()
			return nil, err
		}
		for i := range b.rows {
			if t := truthAt(v, i); t == stop {
				result = t
				break
			} else if t == isNull {
				result = isNull
			}
		}
		v.Array.Release()
		in.release()
	}
	return booleans(x.mem, []truth{result}), nil
}
