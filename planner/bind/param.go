package bind

import (
	"quiver/planner/plan"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// paramMax is Postgres' bound on parameter numbers in the protocol.
const paramMax = 65535

// param binds $n; its type stays unknown until a context decides.
func (b *binder) param(p *ast.ParamRef) plan.Expr {
	if p.Number < 1 || p.Number > paramMax {
		fail(sqlerr.New(sqlerr.UndefinedParameter, "there is no parameter $%d", p.Number).At(b.place(p.Position())))
	}
	for len(b.params) < p.Number {
		b.params = append(b.params, types.Of(types.UnknownOID))
	}
	return &plan.Param{Typed: plan.Typed{T: b.params[p.Number-1]}, Number: p.Number}
}

// settleParam gives a parameter of unknown type the type of its context.
func (b *binder) settleParam(p *plan.Param, t types.T, pos int) plan.Expr {
	known := &b.params[p.Number-1]
	switch {
	case known.OID == types.UnknownOID:
		*known = types.Of(t.OID)
	case known.OID != t.OID:
		fail(sqlerr.New(sqlerr.AmbiguousParameter, "inconsistent types deduced for parameter $%d", p.Number).
			WithDetail("%s versus %s", typeName(*known), typeName(types.Of(t.OID))).At(pos))
	}
	settled := &plan.Param{Typed: plan.Typed{T: types.Of(t.OID)}, Number: p.Number}
	b.mark(settled, pos)
	return settled
}

// checkParams fails for parameters that nothing gave a type.
func (b *binder) checkParams() {
	for i, t := range b.params {
		if t.OID == types.UnknownOID {
			fail(sqlerr.New(sqlerr.IndeterminateDatatype, "could not determine data type of parameter $%d", i+1))
		}
	}
}
