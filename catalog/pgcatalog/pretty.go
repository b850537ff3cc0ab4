package pgcatalog

import (
	"strconv"
	"strings"

	"quiver/sql/ast"
	"quiver/sql/funcs"
	"quiver/sql/parse"
	"quiver/sql/typename"
	"quiver/sql/types"
)

// pretty prints an expression, which has the parentheses of pg_get_expr, with
// those alone that PostgreSQL's pretty form keeps. Text that holds what pretty
// does not print is returned as it is.
func pretty(text string) string {
	e := parsed(text)
	if e == nil {
		return text
	}
	p := prettyPrinter{ok: true}
	if out := p.expr(e); p.ok {
		return out
	}
	return text
}

// parsed is an expression's tree; nil for what is no expression.
func parsed(text string) ast.Expr {
	stmts, err := parse.Parse("SELECT " + text)
	if err != nil || len(stmts) != 1 {
		return nil
	}
	s, ok := stmts[0].Stmt.(*ast.SelectStmt)
	if !ok || len(s.Targets) != 1 {
		return nil
	}
	return s.Targets[0].Value
}

// looksLikeFunction: index definitions put parentheses around all others.
func looksLikeFunction(text string) bool {
	switch parsed(text).(type) {
	case *ast.FuncCall, *ast.Coalesce, *ast.MinMax, *ast.ValueFunc:
		return true
	}
	return false
}

type prettyPrinter struct{ ok bool }

func (p *prettyPrinter) expr(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.ColumnRef:
		if e.Star {
			break
		}
		names := make([]string, len(e.Names))
		for i, n := range e.Names {
			names[i] = quoteIdent(n)
		}
		return strings.Join(names, ".")
	case *ast.Const:
		return p.constant(e)
	case *ast.Cast:
		if t, err := typename.Resolve(e.Type); err == nil {
			return p.under(e.Arg, e) + "::" + types.FormatType(t)
		}
	case *ast.FuncCall:
		if e.Star || e.Distinct || e.Variadic || e.OrderBy != nil || e.Filter != nil || e.Over != nil || e.ArgNames != nil {
			break
		}
		return p.call(e)
	case *ast.OpExpr:
		return p.operator(e)
	case *ast.BoolExpr:
		return p.connective(e)
	case *ast.NullTest:
		if e.Not {
			return p.under(e.Arg, e) + " IS NOT NULL"
		}
		return p.under(e.Arg, e) + " IS NULL"
	case *ast.BoolTest:
		words := [...]string{"TRUE", "NOT TRUE", "FALSE", "NOT FALSE", "UNKNOWN", "NOT UNKNOWN"}
		return p.under(e.Arg, e) + " IS " + words[e.Test]
	case *ast.ArrayExpr:
		return "ARRAY[" + p.list(e.Items) + "]"
	case *ast.RowExpr:
		return "ROW(" + p.list(e.Args) + ")"
	case *ast.Coalesce:
		return "COALESCE(" + p.list(e.Args) + ")"
	case *ast.MinMax:
		if e.Least {
			return "LEAST(" + p.list(e.Args) + ")"
		}
		return "GREATEST(" + p.list(e.Args) + ")"
	case *ast.ValueFunc:
		if e.Precision >= 0 {
			return strings.ToUpper(e.Name) + "(" + strconv.Itoa(e.Precision) + ")"
		}
		return strings.ToUpper(e.Name)
	case *ast.CaseExpr:
		return p.caseWhen(e)
	case *ast.Indirection:
		return p.subscripts(e)
	}
	p.ok = false
	return ""
}

func (p *prettyPrinter) call(e *ast.FuncCall) string {
	name := e.Names[len(e.Names)-1]
	if e.Phrase {
		if text := funcs.Phrase(name, len(e.Args), phraseArgs{p, e}); text != "" {
			return text
		}
	}
	names := make([]string, len(e.Names))
	for i, n := range e.Names {
		names[i] = quoteIdent(n)
	}
	return strings.Join(names, ".") + "(" + p.list(e.Args) + ")"
}

// phraseArgs prints the arguments of a call written in SQL's own words.
type phraseArgs struct {
	*prettyPrinter
	call *ast.FuncCall
}

func (a phraseArgs) Arg(i int) string     { return a.expr(a.call.Args[i]) }
func (a phraseArgs) Operand(i int) string { return a.under(a.call.Args[i], a.call) }

func (a phraseArgs) Word(i int) string {
	if c, ok := a.call.Args[i].(*ast.Const); ok && c.Kind == ast.ConstString && funcs.IsWord(c.Text) {
		return c.Text
	}
	return ""
}

// IsText looks for the cast that every stored string has.
func (a phraseArgs) IsText(i int) bool {
	c, ok := a.call.Args[i].(*ast.Cast)
	if !ok {
		return false
	}
	t, err := typename.Resolve(c.Type)
	return err == nil && t.Type().Category == types.CategoryString
}

func (p *prettyPrinter) caseWhen(e *ast.CaseExpr) string {
	var b strings.Builder
	b.WriteString("CASE")
	if e.Arg != nil {
		b.WriteString(" " + p.expr(e.Arg))
	}
	for _, w := range e.Whens {
		b.WriteString(" WHEN " + p.expr(w.Cond) + " THEN " + p.expr(w.Result))
	}
	if e.Else != nil {
		b.WriteString(" ELSE " + p.expr(e.Else))
	}
	b.WriteString(" END")
	return b.String()
}

func (p *prettyPrinter) subscripts(e *ast.Indirection) string {
	out := p.expr(e.Arg)
	if _, plain := e.Arg.(*ast.ColumnRef); !plain {
		out = "(" + out + ")"
	}
	bound := func(e ast.Expr) string {
		if e == nil {
			return ""
		}
		return p.expr(e)
	}
	for _, step := range e.Steps {
		switch {
		case step.Star:
			p.ok = false
		case step.Field != "":
			out += "." + quoteIdent(step.Field)
		case step.IsSlice:
			out += "[" + bound(step.Lower) + ":" + bound(step.Upper) + "]"
		default:
			out += "[" + bound(step.Index) + "]"
		}
	}
	return out
}

func (p *prettyPrinter) list(items []ast.Expr) string {
	out := make([]string, len(items))
	for i, e := range items {
		out[i] = p.expr(e)
	}
	return strings.Join(out, ", ")
}

func (p *prettyPrinter) constant(c *ast.Const) string {
	switch c.Kind {
	case ast.ConstNull:
		return "NULL"
	case ast.ConstString:
		return "'" + strings.ReplaceAll(c.Text, "'", "''") + "'"
	case ast.ConstInteger, ast.ConstFloat, ast.ConstBool:
		return c.Text
	}
	p.ok = false
	return ""
}

func (p *prettyPrinter) operator(e *ast.OpExpr) string {
	switch e.Kind {
	case ast.OpPlain:
		if e.Left == nil {
			return e.Name + " " + p.under(e.Right, e)
		}
		if _, rows := e.Left.(*ast.RowExpr); rows {
			return "(" + p.expr(e.Left) + " " + e.Name + " " + p.expr(e.Right) + ")"
		}
		return p.under(e.Left, e) + " " + e.Name + " " + p.under(e.Right, e)
	case ast.OpDistinct:
		return p.under(e.Left, e) + " IS DISTINCT FROM " + p.under(e.Right, e)
	case ast.OpNullIf:
		return "NULLIF(" + p.list([]ast.Expr{e.Left, e.Right}) + ")"
	case ast.OpAny:
		return p.under(e.Left, e) + " " + e.Name + " ANY (" + p.expr(e.Right) + ")"
	case ast.OpAll:
		return p.under(e.Left, e) + " " + e.Name + " ALL (" + p.expr(e.Right) + ")"
	}
	p.ok = false
	return ""
}

func (p *prettyPrinter) connective(e *ast.BoolExpr) string {
	if e.Op == ast.Not {
		return "NOT " + p.under(e.Args[0], e)
	}
	word := " AND "
	if e.Op == ast.Or {
		word = " OR "
	}
	out := make([]string, len(e.Args))
	for i, a := range e.Args {
		out[i] = p.under(a, e)
	}
	return strings.Join(out, word)
}

// under prints an operand, in parentheses where it needs them.
func (p *prettyPrinter) under(e, parent ast.Expr) string {
	if text := p.expr(e); simpleUnder(e, parent) {
		return text
	} else {
		return "(" + text + ")"
	}
}

// simpleUnder says whether an operand needs no parentheses, by the rules of
// PostgreSQL's ruleutils.c (isSimpleNode).
func simpleUnder(e, parent ast.Expr) bool {
	switch e := e.(type) {
	case *ast.OpExpr:
		if e.Kind == ast.OpNullIf {
			return true
		}
		if _, rows := e.Left.(*ast.RowExpr); rows && e.Kind == ast.OpPlain {
			return true // has its own
		}
		if outer, ok := parent.(*ast.OpExpr); ok && e.Kind == ast.OpPlain && outer.Kind == ast.OpPlain {
			return simpleOperator(e, outer)
		}
		_, ok := parent.(*ast.BoolExpr)
		return ok
	case *ast.NullTest, *ast.BoolTest:
		_, ok := parent.(*ast.BoolExpr)
		return ok
	case *ast.BoolExpr:
		outer, ok := parent.(*ast.BoolExpr)
		if !ok {
			return false
		}
		if e.Op == ast.Or {
			return outer.Op == ast.Or
		}
		return outer.Op == ast.And || outer.Op == ast.Or
	}
	return true
}

// simpleOperator: multiplication binds stronger than addition; of equal ones the
// left operand needs no parentheses.
func simpleOperator(e, outer *ast.OpExpr) bool {
	const low, high = "+-", "*/%"
	if len(e.Name) != 1 || len(outer.Name) != 1 || e.Left == nil {
		return false
	}
	isLow, isHigh := strings.Contains(low, e.Name), strings.Contains(high, e.Name)
	outerLow, outerHigh := strings.Contains(low, outer.Name), strings.Contains(high, outer.Name)
	switch {
	case isHigh && outerLow:
		return true
	case isLow && outerLow, isHigh && outerHigh:
		return ast.Expr(e) == outer.Left
	}
	return false
}
