package logical

import (
	"fmt"
	"strconv"
	"strings"

	"quiver/planner/plan"
	"quiver/sql/funcs"
	"quiver/sql/types"
)

// Key is a fingerprint of an expression: equal expressions, wherever they stand,
// have equal keys. Calls of volatile functions and subqueries equal nothing but
// themselves.
func Key(e plan.Expr) string {
	var b strings.Builder
	writeKey(&b, e)
	return b.String()
}

func writeKey(b *strings.Builder, e plan.Expr) {
	if e == nil {
		b.WriteByte('-')
		return
	}
	t := e.Type()
	fmt.Fprintf(b, "(%T:%d:%d ", e, t.OID, t.Mod)
	switch e := e.(type) {
	case *Ref:
		b.WriteString(strconv.Itoa(int(e.ID)))
	case *plan.Const:
		writeConst(b, e)
	case *plan.Param:
		b.WriteString(strconv.Itoa(e.Number))
	case *plan.Column:
		b.WriteString(strconv.Itoa(e.Index))
	case *plan.Call:
		b.WriteString(strconv.Itoa(int(e.Function.OID)))
		if e.Function.Volatility == funcs.Volatile {
			fmt.Fprintf(b, "@%p", e)
		}
	case *plan.Cast:
		fmt.Fprintf(b, "%t %t", e.ViaText, e.Explicit)
	case *plan.ArrayCast:
		writeKey(b, e.Elem)
	case *plan.Bool:
		b.WriteByte('0' + byte(e.Op))
	case *plan.IsNull:
		fmt.Fprint(b, e.Not)
	case *plan.IsBool:
		fmt.Fprint(b, e.Value, e.Not)
	case *plan.Distinct:
		fmt.Fprint(b, e.Equal.Function.OID, e.Not)
	case *plan.InList:
		fmt.Fprint(b, e.Values, e.Negate)
	case *plan.AnyArray:
		fmt.Fprint(b, e.Op.Function.OID, e.All)
	case *plan.MinMax:
		fmt.Fprint(b, e.Least)
	case *plan.Case:
		fmt.Fprint(b, len(e.Conds))
	case *plan.RowCompare:
		b.WriteString(e.Op)
	case *plan.Field:
		fmt.Fprint(b, e.Index)
	case *plan.Subscript:
		fmt.Fprint(b, e.Slice, len(e.Lower))
	case *Subquery:
		b.WriteString(strconv.Itoa(e.ID))
	}
	MapChildren(e, func(c plan.Expr) plan.Expr {
		b.WriteByte(' ')
		writeKey(b, c)
		return c
	})
	b.WriteByte(')')
}

// plainFormat spells constants the same in every session.
var plainFormat = types.DefaultFormat()

func writeConst(b *strings.Builder, c *plan.Const) {
	if c.Value.IsNull(0) {
		b.WriteString("null")
		return
	}
	text := c.T.Type().AppendText
	if text == nil {
		fmt.Fprintf(b, "%p", c)
		return
	}
	b.WriteString(strconv.Quote(string(text(nil, c.Value, 0, plainFormat))))
}
