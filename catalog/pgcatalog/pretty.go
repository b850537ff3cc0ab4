package pgcatalog

import (
	"strings"

	"quiver/sql/ast"
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
		names := make([]string, len(e.Names))
		for i, n := range e.Names {
			names[i] = quoteIdent(n)
		}
		return strings.Join(names, ".") + "(" + p.list(e.Args) + ")"
	case *ast.OpExpr:
		return p.operator(e)
	case *ast.BoolExpr:
		return p.connective(e)
	case *ast.NullTest:
		if e.Not {
			return p.under(e.Arg, e) + " IS NOT NULL"
		}
		return p.under(e.Arg, e) + " IS NULL"
	case *ast.ArrayExpr:
		return "ARRAY[" + p.list(e.Items) + "]"
	case *ast.Coalesce:
		return "COALESCE(" + p.list(e.Args) + ")"
	}
	p.ok = false
	return ""
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
		return p.under(e.Left, e) + " " + e.Name + " " + p.under(e.Right, e)
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
		if outer, ok := parent.(*ast.OpExpr); ok && e.Kind == ast.OpPlain && outer.Kind == ast.OpPlain {
			return simpleOperator(e, outer)
		}
		_, ok := parent.(*ast.BoolExpr)
		return ok
	case *ast.NullTest:
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
