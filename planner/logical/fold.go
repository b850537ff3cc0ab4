package logical

import (
	"context"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/planner/plan"
	"quiver/sql/funcs"
	"quiver/sql/types"
)

// Fold evaluates e when it is a call of an immutable function, a cast or a
// connective over constants. What fails stays as it is.
func Fold(e plan.Expr, f *types.Format) plan.Expr {
	folded, _ := fold(e, f)
	return folded
}

// fold is Fold that tells why an evaluation failed.
func fold(e plan.Expr, f *types.Format) (plan.Expr, error) {
	switch e := e.(type) {
	case *plan.Call:
		return foldCall(e, f)
	case *plan.Cast:
		return foldCast(e, f)
	case *plan.Bool:
		return foldBool(e), nil
	case *plan.IsNull:
		if c, ok := e.Arg.(*plan.Const); ok {
			return boolConst(c.Value.IsNull(0) != e.Not), nil
		}
	case *plan.Coalesce:
		return foldCoalesce(e), nil
	case *plan.Case:
		return foldCase(e), nil
	}
	return e, nil
}

func context1(f *types.Format) *types.EvalContext {
	return &types.EvalContext{Ctx: context.Background(), Mem: memory.NewGoAllocator(), Format: f}
}

// constant is a constant of the one value of a; instead when the evaluation
// came to nothing.
func constant(t types.T, a arrow.Array, err error, instead plan.Expr) (plan.Expr, error) {
	if err != nil || a == nil || a.Len() != 1 {
		return instead, err
	}
	return &plan.Const{Typed: plan.Typed{T: t}, Value: a}, nil
}

func anyNull(args []plan.Expr) bool {
	for _, a := range args {
		if c, ok := a.(*plan.Const); ok && c.Value.IsNull(0) {
			return true
		}
	}
	return false
}

// foldCall: a strict function of a constant null is null, whatever its other
// arguments are.
func foldCall(e *plan.Call, f *types.Format) (plan.Expr, error) {
	if e.Function.Strict && !e.Function.ReturnsSet && anyNull(e.Args) {
		return &plan.Const{Typed: e.Typed, Value: types.NullArray(e.T, memory.NewGoAllocator(), 1)}, nil
	}
	if e.Function.Volatility != funcs.Immutable || e.Function.Kernel == nil || len(e.Args) == 0 {
		return e, nil
	}
	vecs := make([]types.Vec, len(e.Args))
	for i, a := range e.Args {
		c, ok := a.(*plan.Const)
		if !ok {
			return e, nil
		}
		vecs[i] = types.Vec{Array: c.Value, Const: true}
	}
	a, err := e.Function.Kernel(context1(f), vecs, 1)
	return constant(e.T, a, err, e)
}

// foldCast folds casts whose result no setting of the session can change.
func foldCast(e *plan.Cast, f *types.Format) (plan.Expr, error) {
	c, ok := e.Arg.(*plan.Const)
	if !ok || pseudo(e.T.OID) || pseudo(c.T.OID) {
		return e, nil
	}
	if c.Value.IsNull(0) {
		return &plan.Const{Typed: e.Typed, Value: types.NullArray(e.T, memory.NewGoAllocator(), 1)}, nil
	}
	if !steady(e.T) || !steady(c.T) {
		return e, nil
	}
	ec := context1(f)
	a := c.Value
	var err error
	switch {
	case e.ViaText:
		from, to := c.T.Type(), e.T.Type()
		if from.AppendText == nil || to.ParseText == nil {
			return e, nil
		}
		b := types.NewBuilder(types.Of(e.T.OID), ec.Mem)
		if err = to.ParseText(b, string(from.AppendText(nil, a, 0, f)), types.NoMod, f); err == nil {
			a = b.NewArray()
		}
	case e.Cast != nil && e.Cast.Kernel != nil:
		a, err = e.Cast.KernelTo(e.T.Mod)(ec, []types.Vec{{Array: a, Const: true}}, 1)
	}
	if err == nil && e.T.Mod != types.NoMod && e.T.Type().Coerce != nil {
		a, err = e.T.Type().Coerce(ec, a, e.T.Mod, e.Explicit)
	}
	return constant(e.T, a, err, e)
}

func pseudo(oid types.OID) bool {
	t := types.ByOID(oid)
	return t == nil || t.Kind == 'p'
}

// steady says whether values of t read and print alike in every session, and
// whatever the catalog holds.
func steady(t types.T) bool {
	switch t.OID {
	case types.DateOID, types.TimeOID, types.TimetzOID, types.TimestampOID, types.TimestamptzOID, types.IntervalOID, types.ByteaOID,
		types.RegclassOID, types.RegprocOID, types.RegprocedureOID, types.RegtypeOID, types.RegnamespaceOID, types.RegroleOID,
		types.RegoperOID, types.RegoperatorOID:
		return false
	}
	return t.Type().Elem == 0
}

// BoolConst is the constant true or false.
func BoolConst(v bool) *plan.Const { return boolConst(v) }

func boolConst(v bool) *plan.Const {
	t := types.Of(types.BoolOID)
	b := types.NewBuilder(t, memory.NewGoAllocator())
	text := "false"
	if v {
		text = "true"
	}
	// The input function of bool takes these two words.
	if err := t.Type().ParseText(b, text, types.NoMod, plainFormat); err != nil {
		panic(err)
	}
	return &plan.Const{Typed: plan.Typed{T: t}, Value: b.NewArray()}
}

// BoolValue reads a boolean constant: known is false for anything else, value
// is nil for null.
func BoolValue(e plan.Expr) (value *bool, known bool) {
	c, ok := e.(*plan.Const)
	if !ok || c.T.OID != types.BoolOID {
		return nil, false
	}
	if c.Value.IsNull(0) {
		return nil, true
	}
	v := string(c.T.Type().AppendText(nil, c.Value, 0, plainFormat)) == "t"
	return &v, true
}

// foldBool drops constant arguments of AND and OR and decides what they decide.
func foldBool(e *plan.Bool) plan.Expr {
	if e.Op == plan.Not {
		if v, known := BoolValue(e.Args[0]); known && v != nil {
			return boolConst(!*v)
		}
		return e
	}
	neutral := e.Op == plan.And
	var kept []plan.Expr
	for _, a := range e.Args {
		v, known := BoolValue(a)
		switch {
		case known && v != nil && *v == neutral:
		case known && v != nil && len(kept) == 0:
			// The first argument that decides ends the evaluation.
			return boolConst(!neutral)
		default:
			kept = append(kept, a)
		}
	}
	switch {
	case len(kept) == 0:
		return boolConst(neutral)
	case len(kept) == 1:
		return kept[0]
	case len(kept) == len(e.Args):
		return e
	}
	return &plan.Bool{Typed: e.Typed, Op: e.Op, Args: kept}
}

func foldCoalesce(e *plan.Coalesce) plan.Expr {
	var kept []plan.Expr
	for _, a := range e.Args {
		c, ok := a.(*plan.Const)
		if ok && c.Value.IsNull(0) {
			continue
		}
		kept = append(kept, a)
		if ok {
			break
		}
	}
	switch {
	case len(kept) == 0:
		return e.Args[0]
	case len(kept) == 1:
		return kept[0]
	case len(kept) == len(e.Args):
		return e
	}
	return &plan.Coalesce{Typed: e.Typed, Args: kept}
}

func foldCase(e *plan.Case) plan.Expr {
	out := &plan.Case{Typed: e.Typed, Else: e.Else}
	for i, c := range e.Conds {
		v, known := BoolValue(c)
		if known && (v == nil || !*v) {
			continue
		}
		if known {
			out.Else = e.Results[i]
			break
		}
		out.Conds, out.Results = append(out.Conds, c), append(out.Results, e.Results[i])
	}
	if len(out.Conds) == 0 {
		return out.Else
	}
	if len(out.Conds) == len(e.Conds) {
		return e
	}
	return out
}
