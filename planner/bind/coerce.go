package bind

import (
	"quiver/planner/plan"
	"quiver/sql/ast"
	"quiver/sql/funcs"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// coerceMode is how hard a coercion tries.
type coerceMode int

const (
	coerceImplicit coerceMode = iota
	coerceAssignment
	coerceExplicit
)

func (m coerceMode) context() types.CastContext {
	return [...]types.CastContext{types.CastImplicit, types.CastAssignment, types.CastExplicit}[m]
}

// typeName is format_type.
func typeName(t types.T) string {
	if t.Mod == types.NoMod {
		return types.TypeName(t.OID)
	}
	return types.FormatType(t)
}

func canCoerce(from, to types.OID, context types.CastContext) bool {
	return funcs.CanCoerce(from, to, context)
}

// coerceTo turns e into t or fails with "cannot cast type".
func (b *binder) coerceTo(e plan.Expr, t types.T, mode coerceMode, pos int) plan.Expr {
	out, ok := b.coerce(e, t, mode, pos)
	if !ok {
		fail(sqlerr.New(sqlerr.CannotCoerce, "cannot cast type %s to %s", typeName(types.Of(e.Type().OID)), typeName(types.Of(t.OID))).At(b.place(pos)))
	}
	return out
}

// coerceImplicit turns e into t where overload resolution has found that it can.
func (b *binder) coerceImplicit(e plan.Expr, t types.T) plan.Expr {
	return b.coerceTo(e, t, coerceImplicit, b.loc(e))
}

// coerceNamed turns e into the type that a clause demands: "argument of WHERE
// must be type boolean, not type integer".
func (b *binder) coerceNamed(e plan.Expr, t types.T, clause string) plan.Expr {
	pos := b.loc(e)
	out, ok := b.coerce(e, t, coerceAssignment, pos)
	if !ok {
		fail(sqlerr.New(sqlerr.DatatypeMismatch, "argument of %s must be type %s, not type %s", clause, typeName(t), typeName(types.Of(e.Type().OID))).At(pos))
	}
	return out
}

// assign turns e into a column's type.
func (b *binder) assign(e plan.Expr, column string, t types.T) plan.Expr {
	pos := b.loc(e)
	out, ok := b.coerce(e, t, coerceAssignment, pos)
	if !ok {
		fail(sqlerr.New(sqlerr.DatatypeMismatch, "column \"%s\" is of type %s but expression is of type %s",
			column, typeName(types.Of(t.OID)), typeName(types.Of(e.Type().OID))).
			WithHint("You will need to rewrite or cast the expression.").At(pos))
	}
	return out
}

// coerce turns e into t; false when there is no way in this mode. The result
// stands where e does.
func (b *binder) coerce(e plan.Expr, t types.T, mode coerceMode, pos int) (plan.Expr, bool) {
	from := e.Type()
	if from.OID == t.OID && (from.Mod == t.Mod || t.Mod == types.NoMod) {
		return e, true
	}
	if from.OID == types.UnknownOID {
		if out := b.coerceUnknown(e, t, mode, pos); out != nil {
			return out, true
		}
	}
	if pseudo(t.OID) {
		return e, canCoerce(from.OID, t.OID, mode.context())
	}
	path, cast := funcs.FindPath(from.OID, t.OID, mode.context())
	switch path {
	case funcs.PathNone:
		return nil, false
	case funcs.PathArray:
		return b.mark(b.arrayCast(e, t, mode), pos), true
	}
	out := &plan.Cast{Typed: plan.Typed{T: t}, Arg: e, Cast: cast, ViaText: path == funcs.PathText,
		Explicit: mode == coerceExplicit, Implicit: mode != coerceExplicit}
	return b.mark(out, pos), true
}

func pseudo(oid types.OID) bool {
	t := types.ByOID(oid)
	return t == nil || t.Kind == 'p'
}

// coerceUnknown types a literal or parameter; nil when e is neither.
func (b *binder) coerceUnknown(e plan.Expr, t types.T, mode coerceMode, pos int) plan.Expr {
	if pseudo(t.OID) && t.OID != types.CStringOID {
		t = types.Of(types.TextOID)
	}
	if p, ok := e.(*plan.Param); ok {
		settled := b.settleParam(p, t, pos)
		if t.Mod == types.NoMod {
			return settled
		}
		out, _ := b.coerce(settled, t, mode, pos)
		return out
	}
	text, null, ok := unknownText(e)
	if !ok {
		return nil
	}
	if null && (!b.written || t.Mod == types.NoMod || t.Type().Coerce == nil) {
		return b.mark(b.nullConst(t), pos)
	}
	if t.Mod != types.NoMod && t.Type().Coerce != nil && t.OID != types.IntervalOID {
		// As Postgres: read without the modifier, then fit, which is no error of
		// the literal (and truncates where the cast is explicit). An interval
		// needs it to read: INTERVAL '3' DAY.
		var bare plan.Expr = b.nullConst(types.Of(t.OID))
		if !null {
			bare = b.parseConst(text, types.Of(t.OID), pos)
		}
		return b.mark(&plan.Cast{Typed: plan.Typed{T: t}, Arg: bare, Explicit: mode == coerceExplicit, Implicit: mode != coerceExplicit}, pos)
	}
	return b.mark(b.parseConst(text, t, pos), pos)
}

func (b *binder) arrayCast(e plan.Expr, t types.T, mode coerceMode) plan.Expr {
	from := e.Type()
	elem := &plan.Column{Typed: plan.Typed{T: types.T{OID: from.Type().Elem, Mod: from.Mod}}}
	to := types.T{OID: t.Type().Elem, Mod: t.Mod}
	cast, _ := b.coerce(elem, to, mode, 0)
	return &plan.ArrayCast{Typed: plan.Typed{T: t}, Arg: e, Elem: cast, Implicit: mode != coerceExplicit}
}

// commonType is the type that the branches of a construct get.
func (b *binder) commonType(construct string, list []plan.Expr) types.T {
	ts := make([]types.T, len(list))
	for i, e := range list {
		ts[i] = e.Type()
	}
	t, err := funcs.CommonType(construct, ts)
	if err != nil {
		pos := 0
		for _, e := range list {
			if e.Type().OID != ts[0].OID && pos == 0 {
				pos = b.loc(e)
			}
		}
		for i, e := range list {
			if _, ierr := funcs.CommonType(construct, ts[:i+1]); ierr != nil {
				pos = b.loc(e)
				break
			}
		}
		b.failAt(err, pos)
	}
	return t
}

// cast binds CAST(x AS t).
func (x *exprBinder) cast(e *ast.Cast) plan.Expr {
	t := x.typeOf(e.Type)
	if a, ok := e.Arg.(*ast.ArrayExpr); ok && isArray(t) {
		bound := x.mark(x.array(a, t), a.Position())
		return x.coerceTo(bound, t, coerceExplicit, e.Position())
	}
	arg := x.expr(e.Arg)
	if pseudo(t.OID) && t.OID != types.UnknownOID {
		fail(sqlerr.New(sqlerr.CannotCoerce, "cannot cast type %s to %s", typeName(arg.Type()), typeName(t)).At(x.place(e.Position())))
	}
	pos := e.Position()
	if _, _, literal := unknownText(arg); literal {
		pos = e.Arg.Position()
	}
	return x.coerceTo(arg, t, coerceExplicit, x.place(pos))
}
