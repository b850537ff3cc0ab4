package explain

import (
	"fmt"
	"strconv"
	"strings"

	"quiver/planner/plan"
	"quiver/sql/types"
)

// format spells constants the same in every session.
var format = types.DefaultFormat()

// Expr prints an expression as Postgres' ruleutils would; columns by their
// names.
func Expr(e plan.Expr) string { return printer{}.expr(e) }

// printer prints expressions over the columns of its inputs: a column that an
// input computes is printed as what computes it.
type printer struct{ inputs []plan.Node }

func over(inputs ...plan.Node) printer { return printer{inputs} }

func (p printer) expr(e plan.Expr) string {
	switch e := e.(type) {
	case nil:
		return ""
	case *plan.Const:
		return constant(e)
	case *plan.Column:
		return p.column(e)
	case *plan.Outer:
		return e.Name
	case *plan.Param:
		return "$" + strconv.Itoa(e.Number)
	case *plan.Call:
		return p.call(e)
	case *plan.Cast:
		return p.cast(e.Arg, e.T)
	case *plan.ArrayCast:
		return p.cast(e.Arg, e.T)
	case *plan.Bool:
		return p.connective(e)
	case *plan.IsNull:
		return "(" + p.expr(e.Arg) + " IS " + not(e.Not) + "NULL)"
	case *plan.IsBool:
		word := map[byte]string{'t': "TRUE", 'f': "FALSE", 'u': "UNKNOWN"}[e.Value]
		return "(" + p.expr(e.Arg) + " IS " + not(e.Not) + word + ")"
	case *plan.Distinct:
		return "(" + p.expr(e.Equal.Args[0]) + " IS " + not(e.Not) + "DISTINCT FROM " + p.expr(e.Equal.Args[1]) + ")"
	case *plan.InList:
		return p.inList(e)
	case *plan.AnyArray:
		word := "ANY"
		if e.All {
			word = "ALL"
		}
		return "(" + p.expr(e.Left) + " " + e.Op.Operator + " " + word + " (" + p.expr(e.Array) + "))"
	case *plan.Case:
		return p.caseWhen(e)
	case *plan.Coalesce:
		return "COALESCE(" + p.joined(e.Args) + ")"
	case *plan.MinMax:
		if e.Least {
			return "LEAST(" + p.joined(e.Args) + ")"
		}
		return "GREATEST(" + p.joined(e.Args) + ")"
	case *plan.NullIf:
		return "NULLIF(" + p.joined(e.Equal.Args) + ")"
	case *plan.Array:
		return "ARRAY[" + p.joined(e.Items) + "]"
	case *plan.Row:
		return "ROW(" + p.joined(e.Items) + ")"
	case *plan.RowCompare:
		return "(ROW(" + p.joined(e.Left) + ") " + e.Op + " ROW(" + p.joined(e.Right) + "))"
	case *plan.Field:
		return "(" + p.expr(e.Arg) + ")." + e.Name
	case *plan.Subscript:
		return p.subscript(e)
	case *plan.Subquery:
		return subquery(e)
	}
	return fmt.Sprintf("%T", e)
}

func (p printer) exprs(list []plan.Expr) []string {
	out := make([]string, len(list))
	for i, e := range list {
		out[i] = p.expr(e)
	}
	return out
}

func (p printer) joined(list []plan.Expr) string { return strings.Join(p.exprs(list), ", ") }

func not(is bool) string {
	if is {
		return "NOT "
	}
	return ""
}

// constant prints a literal with the cast that makes it of its type.
func constant(c *plan.Const) string {
	name := types.FormatType(c.T)
	if c.Value.IsNull(0) {
		return "NULL::" + name
	}
	appendText := c.T.Type().AppendText
	if appendText == nil {
		return "?::" + name
	}
	text := string(appendText(nil, c.Value, 0, format))
	switch c.T.OID {
	case types.BoolOID:
		if text == "t" {
			return "true"
		}
		return "false"
	case types.Int4OID, types.NumericOID:
		if !strings.HasPrefix(text, "-") && text != "NaN" && text != "Infinity" {
			return text
		}
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'::" + name
}

func (p printer) cast(arg plan.Expr, t types.T) string {
	return "(" + p.expr(arg) + ")::" + types.FormatType(t)
}

func (p printer) call(e *plan.Call) string {
	if e.Operator == "" {
		return e.Function.Name + "(" + p.joined(e.Args) + ")"
	}
	if len(e.Args) == 1 {
		return "(" + e.Operator + " " + p.expr(e.Args[0]) + ")"
	}
	return "(" + p.expr(e.Args[0]) + " " + e.Operator + " " + p.expr(e.Args[1]) + ")"
}

func (p printer) connective(e *plan.Bool) string {
	switch e.Op {
	case plan.Not:
		return "(NOT " + p.expr(e.Args[0]) + ")"
	case plan.And:
		return "(" + strings.Join(p.exprs(e.Args), " AND ") + ")"
	}
	return "(" + strings.Join(p.exprs(e.Args), " OR ") + ")"
}

func (p printer) inList(e *plan.InList) string {
	t := e.Arg.Type()
	var items []string
	for i := range e.Values.Len() {
		if e.Values.IsNull(i) {
			items = append(items, "NULL")
			continue
		}
		items = append(items, string(t.Type().AppendText(nil, e.Values, i, format)))
	}
	op, word := "=", "ANY"
	if e.Negate {
		op, word = "<>", "ALL"
	}
	array := types.FormatType(types.Of(t.OID)) + "[]"
	return "(" + p.expr(e.Arg) + " " + op + " " + word + " ('{" + strings.ReplaceAll(strings.Join(items, ","), "'", "''") + "}'::" + array + "))"
}

func (p printer) caseWhen(e *plan.Case) string {
	var b strings.Builder
	b.WriteString("CASE")
	for i := range e.Conds {
		b.WriteString(" WHEN " + p.expr(e.Conds[i]) + " THEN " + p.expr(e.Results[i]))
	}
	b.WriteString(" ELSE " + p.expr(e.Else) + " END")
	return b.String()
}

func (p printer) subscript(e *plan.Subscript) string {
	var b strings.Builder
	b.WriteString(p.expr(e.Arg))
	for _, i := range e.Index {
		b.WriteString("[" + p.expr(i) + "]")
	}
	for i := range e.Lower {
		b.WriteString("[" + p.expr(e.Lower[i]) + ":" + p.expr(e.Upper[i]) + "]")
	}
	return b.String()
}

func subquery(s *plan.Subquery) string {
	if !s.Correlated && s.Kind != plan.SubAny && s.Kind != plan.SubAll {
		return "$" + strconv.Itoa(s.ID-1)
	}
	return "(SubPlan " + strconv.Itoa(s.ID) + ")"
}
