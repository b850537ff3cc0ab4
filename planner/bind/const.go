package bind

import (
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/planner/plan"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// goMemory holds constants: they live as long as the plan and are not released.
var goMemory = memory.NewGoAllocator()

// constant binds a literal. Strings and NULL stay of type unknown.
func (b *binder) constant(c *ast.Const) plan.Expr {
	switch c.Kind {
	case ast.ConstNull:
		return b.nullConst(types.Of(types.UnknownOID))
	case ast.ConstInteger:
		return b.parseConst(c.Text, types.Of(types.Int4OID), c.Position())
	case ast.ConstFloat:
		return b.number(c)
	case ast.ConstBool:
		return b.parseConst(c.Text, types.Of(types.BoolOID), c.Position())
	case ast.ConstBitString:
		return b.parseConst(c.Text, types.Of(types.BitOID), c.Position())
	}
	return b.textConst(c.Text, types.UnknownOID)
}

// number is an int8 when it is a whole number in range, a numeric otherwise;
// -2147483648, whose digits alone are none, is an int4.
func (b *binder) number(c *ast.Const) plan.Expr {
	whole := true
	for i := range len(c.Text) {
		whole = whole && (c.Text[i] >= '0' && c.Text[i] <= '9' || i == 0 && c.Text[i] == '-')
	}
	if whole {
		if v, err := types.ParseInt(c.Text, "bigint", -1<<63, 1<<63-1); err == nil {
			if int64(int32(v)) == v {
				return b.intConst(int32(v))
			}
			return b.int8Const(v)
		}
	}
	return b.parseConst(c.Text, types.Of(types.NumericOID), c.Position())
}

func (b *binder) textConst(s string, oid types.OID) *plan.Const {
	builder := array.NewStringBuilder(goMemory)
	defer builder.Release()
	builder.Append(s)
	return &plan.Const{Typed: plan.Typed{T: types.Of(oid)}, Value: builder.NewArray()}
}

func (b *binder) intConst(v int32) *plan.Const {
	builder := array.NewInt32Builder(goMemory)
	defer builder.Release()
	builder.Append(v)
	return &plan.Const{Typed: plan.Typed{T: types.Of(types.Int4OID)}, Value: builder.NewArray()}
}

func (b *binder) int8Const(v int64) *plan.Const {
	builder := array.NewInt64Builder(goMemory)
	defer builder.Release()
	builder.Append(v)
	return &plan.Const{Typed: plan.Typed{T: types.Of(types.Int8OID)}, Value: builder.NewArray()}
}

func (b *binder) oidConst(v types.OID) *plan.Const {
	builder := array.NewUint32Builder(goMemory)
	defer builder.Release()
	builder.Append(uint32(v))
	return &plan.Const{Typed: plan.Typed{T: types.Of(types.OIDOID)}, Value: builder.NewArray()}
}

func (b *binder) nullConst(t types.T) *plan.Const {
	if t.OID == types.UnknownOID {
		builder := array.NewStringBuilder(goMemory)
		defer builder.Release()
		builder.AppendNull()
		return &plan.Const{Typed: plan.Typed{T: t}, Value: builder.NewArray()}
	}
	return &plan.Const{Typed: plan.Typed{T: t}, Value: types.NullArray(t, goMemory, 1)}
}

// parseConst reads the text of a literal as a type's input function does.
func (b *binder) parseConst(text string, t types.T, pos int) plan.Expr {
	typ := t.Type()
	if typ.ParseText == nil {
		fail(sqlerr.New(sqlerr.FeatureNotSupported, "cannot accept a value of type %s", typeName(t)).At(b.place(pos)))
	}
	builder := types.NewBuilder(t, goMemory)
	defer builder.Release()
	if err := typ.ParseText(builder, text, t.Mod, b.Format); err != nil {
		b.failAt(err, pos)
	}
	return &plan.Const{Typed: plan.Typed{T: t}, Value: builder.NewArray()}
}

// failAt reports an error of another package at a place of the statement.
func (b *binder) failAt(err error, pos int) {
	e, ok := err.(*sqlerr.Error)
	if !ok {
		e = sqlerr.Wrap(err, sqlerr.CodeOf(err), "%v", err)
	}
	if e.Position == 0 {
		e.Position = b.place(pos)
	}
	fail(e)
}

// isUnknown says whether e is an untyped literal, and its text (ok is false
// for null).
func unknownText(e plan.Expr) (text string, null, isLiteral bool) {
	c, ok := e.(*plan.Const)
	if !ok || c.T.OID != types.UnknownOID {
		return "", false, false
	}
	if c.Value.IsNull(0) {
		return "", true, true
	}
	return c.Value.(*array.String).Value(0), false, true
}
