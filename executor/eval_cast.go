package executor

import (
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/planner/plan"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// castEval converts one value after the other to another type, then fits it to
// the type's modifier.
type castEval struct {
	arg      evaluator
	kernel   types.Kernel // nil: both types share a representation
	viaText  bool
	source   *types.Type
	target   types.T
	explicit bool
	vec      [1]types.Vec
}

func (b *builder) compileCast(e *plan.Cast) (evaluator, error) {
	arg, err := b.compile(e.Arg)
	if err != nil {
		return nil, err
	}
	c := &castEval{arg: arg, viaText: e.ViaText, source: e.Arg.Type().Type(), target: e.T, explicit: e.Explicit}
	if e.Cast != nil {
		c.kernel = e.Cast.KernelTo(e.T.Mod)
	}
	return c, nil
}

func (e *castEval) eval(x *execution, in *batch) (types.Vec, error) {
	v, err := e.arg.eval(x, in)
	if err != nil {
		return types.Vec{}, err
	}
	n := in.rows
	if v.Const {
		n = 1
	}
	out, err := e.convert(x, v, n)
	v.Array.Release()
	if err != nil {
		return types.Vec{}, err
	}
	typ := e.target.Type()
	if e.target.Mod >= 0 && typ.Coerce != nil {
		fitted, err := typ.Coerce(x.c, out, e.target.Mod, e.explicit)
		out.Release()
		if err != nil {
			return types.Vec{}, err
		}
		out = fitted
	}
	return types.Vec{Array: out, Const: v.Const}, nil
}

func (e *castEval) convert(x *execution, v types.Vec, n int) (arrow.Array, error) {
	switch {
	case v.Array.DataType().ID() == arrow.NULL && n > 0:
		return nullArray(x.mem, arrowType(e.target), n), nil
	case e.viaText:
		return e.throughText(x, v.Array, n)
	case e.kernel != nil:
		e.vec[0] = v
		defer func() { e.vec[0] = types.Vec{} }()
		return e.kernel(x.c, e.vec[:], n)
	}
	v.Array.Retain()
	return v.Array, nil
}

// throughText writes each value and reads it as the target type.
func (e *castEval) throughText(x *execution, a arrow.Array, n int) (arrow.Array, error) {
	typ := e.target.Type()
	if e.source.AppendText == nil || typ.ParseText == nil {
		return nil, sqlerr.New(sqlerr.CannotCoerce, "cannot cast type %s to %s", e.source.SQLName, typ.SQLName)
	}
	mod := e.target.Mod
	if e.explicit && typ.Coerce != nil {
		mod = types.NoMod // Coerce follows and truncates
	}
	out := array.NewBuilder(x.mem, typ.ArrowType(mod))
	defer out.Release()
	out.Reserve(n)
	var text []byte
	for i := range n {
		if a.IsNull(i) {
			out.AppendNull()
			continue
		}
		text = e.source.AppendText(text[:0], a, i, x.c.Format)
		if err := typ.ParseText(out, string(text), mod, x.c.Format); err != nil {
			return nil, err
		}
	}
	return out.NewArray(), nil
}

// arrowType is the Arrow type of t.
func arrowType(t types.T) arrow.DataType { return t.Type().ArrowType(t.Mod) }
