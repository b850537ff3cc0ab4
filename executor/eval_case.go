package executor

import (
	"github.com/apache/arrow/go/v15/arrow"

	"quiver/planner/plan"
	"quiver/sql/types"
)

// piece is the result of an expression for some rows of a batch.
type piece struct {
	vec  types.Vec
	rows []int32
}

// assemble makes one array of n rows of pieces that cover disjoint rows; rows in
// none are null. It releases the pieces.
func assemble(x *execution, pieces []piece, n int, t types.T) (types.Vec, error) {
	defer func() {
		for _, p := range pieces {
			p.vec.Array.Release()
		}
	}()
	if len(pieces) == 1 && len(pieces[0].rows) == n {
		pieces[0].vec.Array.Retain()
		return pieces[0].vec, nil
	}
	if len(pieces) == 0 {
		return types.Vec{Array: nullArray(x.mem, arrowType(t), n)}, nil
	}
	from := make([]int32, n)
	for i := range from {
		from[i] = noRow
	}
	arrays := make([]arrow.Array, len(pieces))
	base := int32(0)
	for k, p := range pieces {
		arrays[k] = p.vec.Array
		for i, row := range p.rows {
			from[row] = base + int32(p.vec.Row(i))
		}
		base += int32(p.vec.Array.Len())
	}
	all, err := concat(x.mem, arrays)
	if err != nil {
		return types.Vec{}, err
	}
	defer all.Release()
	return types.Vec{Array: take(x.mem, all, from)}, nil
}

func releasePieces(pieces []piece) {
	for _, p := range pieces {
		p.vec.Array.Release()
	}
}

// caseEval is CASE: each result is computed for the rows that reach it.
type caseEval struct {
	conds, results []partial
	otherwise      partial
	t              types.T
}

func (b *builder) compileCase(e *plan.Case) (evaluator, error) {
	conds, err := b.compilePartials(e.Conds)
	if err != nil {
		return nil, err
	}
	results, err := b.compilePartials(e.Results)
	if err != nil {
		return nil, err
	}
	otherwise, err := b.compilePartial(e.Else)
	return &caseEval{conds, results, otherwise, e.T}, err
}

func (e *caseEval) eval(x *execution, in *batch) (types.Vec, error) {
	open := allRows(in.rows)
	var pieces []piece
	add := func(p partial, rows []int32) error {
		if len(rows) == 0 {
			return nil
		}
		v, err := p.eval(x, in, rows)
		if err == nil {
			pieces = append(pieces, piece{v, rows})
		}
		return err
	}
	for i, cond := range e.conds {
		if len(open) == 0 {
			break
		}
		v, err := cond.eval(x, in, open)
		if err != nil {
			releasePieces(pieces)
			return types.Vec{}, err
		}
		var hit, still []int32
		for k, row := range open {
			if truthAt(v, k) == isTrue {
				hit = append(hit, row)
			} else {
				still = append(still, row)
			}
		}
		v.Array.Release()
		if err := add(e.results[i], hit); err != nil {
			releasePieces(pieces)
			return types.Vec{}, err
		}
		open = still
	}
	if err := add(e.otherwise, open); err != nil {
		releasePieces(pieces)
		return types.Vec{}, err
	}
	return assemble(x, pieces, in.rows, e.t)
}

// coalesceEval is COALESCE: later arguments see only the rows still null.
type coalesceEval struct {
	args []partial
	t    types.T
}

func (b *builder) compileCoalesce(e *plan.Coalesce) (evaluator, error) {
	args, err := b.compilePartials(e.Args)
	return &coalesceEval{args, e.T}, err
}

func (e *coalesceEval) eval(x *execution, in *batch) (types.Vec, error) {
	open := allRows(in.rows)
	var pieces []piece
	for _, arg := range e.args {
		if len(open) == 0 {
			break
		}
		v, err := arg.eval(x, in, open)
		if err != nil {
			releasePieces(pieces)
			return types.Vec{}, err
		}
		p, still := splitNulls(x, v, open)
		if len(p.rows) > 0 {
			pieces = append(pieces, p)
		} else {
			p.vec.Array.Release()
		}
		open = still
	}
	return assemble(x, pieces, in.rows, e.t)
}

// splitNulls separates the rows with a value from those without; it takes over
// v.
func splitNulls(x *execution, v types.Vec, rows []int32) (p piece, null []int32) {
	if v.Array.NullN() == 0 {
		return piece{v, rows}, nil
	}
	var kept, from []int32
	for k, row := range rows {
		if v.IsNull(k) {
			null = append(null, row)
		} else {
			kept = append(kept, row)
			from = append(from, int32(v.Row(k)))
		}
	}
	out := take(x.mem, v.Array, from)
	v.Array.Release()
	return piece{types.Vec{Array: out}, kept}, null
}

// minMaxEval is GREATEST and LEAST.
type minMaxEval struct {
	args  []evaluator
	least bool
	typ   *types.Type
	t     types.T
}

func (b *builder) compileMinMax(e *plan.MinMax) (evaluator, error) {
	args, err := b.compileAll(e.Args)
	if err != nil {
		return nil, err
	}
	typ := e.T.Type()
	if typ.Compare == nil {
		return nil, noComparison(typ)
	}
	return &minMaxEval{args, e.Least, typ, e.T}, nil
}

func (e *minMaxEval) eval(x *execution, in *batch) (types.Vec, error) {
	n := in.rows
	vecs := make([]types.Vec, 0, len(e.args))
	defer func() {
		for _, v := range vecs {
			v.Array.Release()
		}
	}()
	for _, a := range e.args {
		v, err := a.eval(x, in)
		if err != nil {
			return types.Vec{}, err
		}
		vecs = append(vecs, v)
	}
	arrays := make([]arrow.Array, len(vecs))
	bases := make([]int32, len(vecs))
	base := int32(0)
	for k, v := range vecs {
		arrays[k], bases[k] = v.Array, base
		base += int32(v.Array.Len())
	}
	from := make([]int32, n)
	for i := range from {
		best := -1
		for k, v := range vecs {
			if v.IsNull(i) {
				continue
			}
			if best >= 0 {
				c := e.typ.Compare(v.Array, v.Row(i), vecs[best].Array, vecs[best].Row(i))
				if e.least && c >= 0 || !e.least && c <= 0 {
					continue
				}
			}
			best = k
		}
		from[i] = noRow
		if best >= 0 {
			from[i] = bases[best] + int32(vecs[best].Row(i))
		}
	}
	all, err := concat(x.mem, arrays)
	if err != nil {
		return types.Vec{}, err
	}
	defer all.Release()
	return types.Vec{Array: take(x.mem, all, from)}, nil
}

// nullIfEval is NULLIF.
type nullIfEval struct{ arg, equal evaluator }

func (b *builder) compileNullIf(e *plan.NullIf) (evaluator, error) {
	arg, err := b.compile(e.Arg)
	if err != nil {
		return nil, err
	}
	equal, err := b.compile(e.Equal)
	return &nullIfEval{arg, equal}, err
}

func (e *nullIfEval) eval(x *execution, in *batch) (types.Vec, error) {
	v, err := e.arg.eval(x, in)
	if err != nil {
		return types.Vec{}, err
	}
	defer v.Array.Release()
	equal, err := e.equal.eval(x, in)
	if err != nil {
		return types.Vec{}, err
	}
	defer equal.Array.Release()
	from := make([]int32, in.rows)
	for i := range from {
		from[i] = int32(v.Row(i))
		if truthAt(equal, i) == isTrue {
			from[i] = noRow
		}
	}
	return types.Vec{Array: take(x.mem, v.Array, from)}, nil
}
