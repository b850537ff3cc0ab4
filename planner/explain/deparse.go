package explain

import (
	"fmt"
	"strconv"
	"strings"

	"quiver/planner/plan"
	"quiver/sql/funcs"
	"quiver/sql/types"
)

// plain spells constants the same in every session.
var plain = types.DefaultFormat()

// Expr prints an expression as Postgres' ruleutils would; columns by their
// names.
func Expr(e plan.Expr) string { return Stored(e, plain) }

// Stored is Expr of an expression that the catalog keeps; f spells its
// constants.
func Stored(e plan.Expr, f *types.Format) string { return printer{format: f}.bare(e) }

// printer prints expressions over the columns of its inputs: a column that an
// input computes is printed as what computes it.
type printer struct {
	inputs []plan.Node
	format *types.Format
}

func over(inputs ...plan.Node) printer { return printer{inputs, plain} }

// bare prints an expression without the casts that only make it fit where it
// stands.
func (p printer) bare(e plan.Expr) string {
	for {
		switch c := e.(type) {
		case *plan.Cast:
			if c.Implicit {
				e = c.Arg
				continue
			}
		case *plan.ArrayCast:
			if c.Implicit {
				e = c.Arg
				continue
			}
		}
		return p.expr(e)
	}
}

func (p printer) expr(e plan.Expr) string {
	switch e := e.(type) {
	case nil:
		return ""
	case *plan.Const:
		return p.constant(e)
	case *plan.Column:
		return p.column(e)
	case *plan.Outer:
		return e.Name
	case *plan.Param:
		return "$" + strconv.Itoa(e.Number)
	case *plan.Call:
		return p.call(e)
	case *plan.Cast:
		if e.Word != "" {
			return e.Word
		}
		return p.cast(e.Arg, e.T)
	case *plan.ArrayCast:
		return p.cast(e.Arg, e.T)
	case *plan.Bool:
		return p.connective(e)
	case *plan.IsNull:
		return "(" + p.expr(e.Arg) + " IS " + not(e.Not) + "NULL)"
	case *plan.IsBool:
		word := map[byte]string{'t': "TRUE", 'f': "FALSE", 'u': "UNKNOWN"}[e.Value]
		return "(" + p.bare(e.Arg) + " IS " + not(e.Not) + word + ")"
	case *plan.Distinct:
		text := "(" + p.expr(e.Equal.Args[0]) + " IS DISTINCT FROM " + p.expr(e.Equal.Args[1]) + ")"
		if e.Not {
			return "(NOT " + text + ")"
		}
		return text
	case *plan.InList:
		return p.inList(e)
	case *plan.AnyArray:
		return p.anyArray(e)
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
		if len(e.Items) == 0 {
			return "ARRAY[]::" + types.FormatType(e.T)
		}
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

func (p printer) bares(list []plan.Expr) []string {
	out := make([]string, len(list))
	for i, e := range list {
		out[i] = p.bare(e)
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
func (p printer) constant(c *plan.Const) string {
	name := types.FormatType(c.T)
	if c.Value.IsNull(0) {
		return "NULL::" + name
	}
	appendText := c.T.Type().AppendText
	if appendText == nil {
		return "?::" + name
	}
	text := string(appendText(nil, c.Value, 0, p.format))
	switch c.T.OID {
	case types.BoolOID:
		if text == "t" {
			return "true"
		}
		return "false"
	case types.Int4OID:
		if text[0] != '-' {
			return text
		}
	case types.NumericOID:
		if text[0] >= '0' && text[0] <= '9' && strings.ContainsRune(text, '.') {
			return text
		}
	}
	return literal(text) + "::" + name
}

func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// cast prints an explicit cast. A constant that only gets its length is not cast
// twice.
func (p printer) cast(arg plan.Expr, t types.T) string {
	if c, ok := arg.(*plan.Const); ok && c.T.OID == t.OID && c.T.Mod == types.NoMod && !c.Value.IsNull(0) && c.T.Type().AppendText != nil {
		return literal(string(c.T.Type().AppendText(nil, c.Value, 0, p.format))) + "::" + types.FormatType(t)
	}
	return "(" + p.bare(arg) + ")::" + types.FormatType(t)
}

func (p printer) call(e *plan.Call) string {
	switch {
	case e.Word != "":
		return e.Word
	case e.Phrase:
		if text := funcs.Phrase(e.Function.Name, len(e.Args), phraseArgs{p, e.Args}); text != "" {
			return text
		}
	}
	switch {
	case e.Operator == "":
		return p.functionName(e) + "(" + p.arguments(e) + ")"
	case len(e.Args) == 1:
		return "(" + e.Operator + " " + p.expr(e.Args[0]) + ")"
	}
	return "(" + p.expr(e.Args[0]) + " " + e.Operator + " " + p.expr(e.Args[1]) + ")"
}

func (p printer) functionName(e *plan.Call) string {
	name := funcs.QuoteIdentifier(e.Function.Name)
	if s := e.Function.Schema; s != "" && s != "pg_catalog" {
		return funcs.QuoteIdentifier(s) + "." + name
	}
	return name
}

// arguments are those of a call; the ones gathered for VARIADIC as an array.
func (p printer) arguments(e *plan.Call) string {
	v := e.Function.Variadic
	if v == 0 || v == types.AnyOID || len(e.Args) != len(e.Function.Args) {
		return p.joined(e.Args)
	}
	list := p.exprs(e.Args)
	list[len(list)-1] = "VARIADIC " + list[len(list)-1]
	return strings.Join(list, ", ")
}

func (p printer) anyArray(e *plan.AnyArray) string {
	word := "ANY"
	if e.All {
		word = "ALL"
	}
	left, array := p.expr(e.Left), p.expr(e.Array)
	// The operator's operands may be casts of the two sides.
	if c, ok := e.Op.Args[0].(*plan.Cast); ok {
		left = "(" + left + ")::" + types.FormatType(c.T)
	}
	if c, ok := e.Op.Args[1].(*plan.Cast); ok {
		array = "(" + array + ")::" + types.FormatType(types.Of(c.T.Type().Array))
	}
	return "(" + left + " " + e.Op.Operator + " " + word + " (" + array + "))"
}

func (p printer) connective(e *plan.Bool) string {
	switch e.Op {
	case plan.Not:
		return "(NOT " + p.bare(e.Args[0]) + ")"
	case plan.And:
		return "(" + strings.Join(p.bares(e.Args), " AND ") + ")"
	}
	return "(" + strings.Join(p.bares(e.Args), " OR ") + ")"
}

func (p printer) inList(e *plan.InList) string {
	t := e.Arg.Type()
	var items []string
	for i := range e.Values.Len() {
		if e.Values.IsNull(i) {
			items = append(items, "NULL")
			continue
		}
		items = append(items, string(t.Type().AppendText(nil, e.Values, i, p.format)))
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
	if e.Operand != nil {
		b.WriteString(" " + p.expr(e.Operand))
	}
	for i, cond := range e.Conds {
		text := p.bare(cond)
		if call, ok := cond.(*plan.Call); ok && e.Operand != nil {
			text = p.expr(call.Args[1])
		}
		b.WriteString(" WHEN " + text + " THEN " + p.expr(e.Results[i]))
	}
	b.WriteString(" ELSE " + p.expr(e.Else) + " END")
	return b.String()
}

func (p printer) subscript(e *plan.Subscript) string {
	var b strings.Builder
	arg := p.expr(e.Arg)
	if _, plain := e.Arg.(*plan.Column); !plain {
		arg = "(" + arg + ")"
	}
	b.WriteString(arg)
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
