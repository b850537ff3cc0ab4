package parse

import (
	"strconv"

	pgquery "github.com/pganalyze/pg_query_go/v5"

	"quiver/sql/ast"
	"quiver/sql/sqlerr"
)

func (c *converter) exprs(nodes []*pgquery.Node) []ast.Expr {
	if len(nodes) == 0 {
		return nil
	}
	out := make([]ast.Expr, len(nodes))
	for i, n := range nodes {
		out[i] = c.expr(n)
	}
	return out
}

// expr converts an expression; nil stays nil.
func (c *converter) expr(n *pgquery.Node) ast.Expr {
	if n == nil || n.Node == nil {
		return nil
	}
	switch v := n.Node.(type) {
	case *pgquery.Node_ColumnRef:
		return c.columnRef(v.ColumnRef)
	case *pgquery.Node_AConst:
		return c.constant(v.AConst)
	case *pgquery.Node_ParamRef:
		return c.param(v.ParamRef)
	case *pgquery.Node_AExpr:
		return c.operator(v.AExpr)
	case *pgquery.Node_BoolExpr:
		return c.boolean(v.BoolExpr)
	case *pgquery.Node_NullTest:
		return &ast.NullTest{
			Pos: c.pos(v.NullTest.Location), Arg: c.expr(v.NullTest.Arg),
			Not: v.NullTest.Nulltesttype == pgquery.NullTestType_IS_NOT_NULL,
		}
	case *pgquery.Node_BooleanTest:
		return &ast.BoolTest{
			Pos: c.pos(v.BooleanTest.Location), Arg: c.expr(v.BooleanTest.Arg),
			Test: ast.BoolTestKind(v.BooleanTest.Booltesttype - pgquery.BoolTestType_IS_TRUE),
		}
	case *pgquery.Node_FuncCall:
		return c.funcCall(v.FuncCall)
	case *pgquery.Node_TypeCast:
		return &ast.Cast{Pos: c.pos(v.TypeCast.Location), Arg: c.expr(v.TypeCast.Arg), Type: c.typeName(v.TypeCast.TypeName)}
	case *pgquery.Node_CollateClause:
		return &ast.Collate{Pos: c.pos(v.CollateClause.Location), Arg: c.expr(v.CollateClause.Arg), Names: strs(v.CollateClause.Collname)}
	case *pgquery.Node_CaseExpr:
		return c.caseExpr(v.CaseExpr)
	case *pgquery.Node_CoalesceExpr:
		return &ast.Coalesce{Pos: c.pos(v.CoalesceExpr.Location), Args: c.exprs(v.CoalesceExpr.Args)}
	case *pgquery.Node_MinMaxExpr:
		return &ast.MinMax{
			Pos: c.pos(v.MinMaxExpr.Location), Args: c.exprs(v.MinMaxExpr.Args),
			Least: v.MinMaxExpr.Op == pgquery.MinMaxOp_IS_LEAST,
		}
	case *pgquery.Node_AArrayExpr:
		return &ast.ArrayExpr{Pos: c.pos(v.AArrayExpr.Location), Items: c.exprs(v.AArrayExpr.Elements)}
	case *pgquery.Node_RowExpr:
		return &ast.RowExpr{
			Pos: c.pos(v.RowExpr.Location), Args: c.exprs(v.RowExpr.Args),
			Explicit: v.RowExpr.RowFormat == pgquery.CoercionForm_COERCE_EXPLICIT_CALL,
		}
	case *pgquery.Node_AIndirection:
		arg := c.expr(v.AIndirection.Arg)
		var pos ast.Pos
		if arg != nil {
			pos = ast.Pos(arg.Position())
		}
		return &ast.Indirection{Pos: pos, Arg: arg, Steps: c.indirection(v.AIndirection.Indirection)}
	case *pgquery.Node_SubLink:
		return c.subLink(v.SubLink)
	case *pgquery.Node_SqlvalueFunction:
		return c.valueFunc(v.SqlvalueFunction)
	case *pgquery.Node_SetToDefault:
		return &ast.SetToDefault{Pos: c.pos(v.SetToDefault.Location)}
	case *pgquery.Node_GroupingFunc:
		return &ast.GroupingFunc{Pos: c.pos(v.GroupingFunc.Location), Args: c.exprs(v.GroupingFunc.Args)}
	case *pgquery.Node_GroupingSet:
		return c.groupingSet(v.GroupingSet)
	case *pgquery.Node_MultiAssignRef:
		return &ast.MultiAssign{
			Source: c.expr(v.MultiAssignRef.Source),
			Column: int(v.MultiAssignRef.Colno), Columns: int(v.MultiAssignRef.Ncolumns),
		}
	case *pgquery.Node_List:
		return &ast.List{Items: c.exprs(v.List.Items)}
	case *pgquery.Node_NamedArgExpr:
		return c.expr(v.NamedArgExpr.Arg)
	case *pgquery.Node_String_:
		return &ast.Const{Kind: ast.ConstString, Text: v.String_.Sval}
	case *pgquery.Node_Integer:
		return &ast.Const{Kind: ast.ConstInteger, Text: strconv.Itoa(int(v.Integer.Ival))}
	case *pgquery.Node_Float:
		return &ast.Const{Kind: ast.ConstFloat, Text: number(v.Float.Fval)}
	}
	return &ast.Unsupported{Feature: nodeName(n)}
}

func (c *converter) columnRef(v *pgquery.ColumnRef) ast.Expr {
	ref := &ast.ColumnRef{Pos: c.pos(v.Location)}
	for _, f := range v.Fields {
		if f.GetAStar() != nil {
			ref.Star = true
			continue
		}
		ref.Names = append(ref.Names, str(f))
	}
	return ref
}

func (c *converter) constant(v *pgquery.A_Const) ast.Expr {
	k := &ast.Const{Pos: c.pos(v.Location)}
	if v.Isnull {
		return k
	}
	switch val := v.Val.(type) {
	case *pgquery.A_Const_Ival:
		k.Kind, k.Text = ast.ConstInteger, strconv.Itoa(int(val.Ival.GetIval()))
	case *pgquery.A_Const_Fval:
		k.Kind, k.Text = ast.ConstFloat, number(val.Fval.GetFval())
	case *pgquery.A_Const_Boolval:
		k.Kind, k.Text = ast.ConstBool, strconv.FormatBool(val.Boolval.GetBoolval())
	case *pgquery.A_Const_Sval:
		k.Kind, k.Text = ast.ConstString, val.Sval.GetSval()
	case *pgquery.A_Const_Bsval:
		k.Kind, k.Text = ast.ConstBitString, val.Bsval.GetBsval()
	}
	return k
}

func (c *converter) param(v *pgquery.ParamRef) ast.Expr {
	n := int(v.Number)
	if n < 1 || n > 65535 {
		c.fail(sqlerr.New(sqlerr.UndefinedParameter, "there is no parameter $%d", n).At(int(c.pos(v.Location))))
		return nil
	}
	c.params = max(c.params, n)
	return &ast.ParamRef{Pos: c.pos(v.Location), Number: n}
}

var opKinds = map[pgquery.A_Expr_Kind]ast.OpKind{
	pgquery.A_Expr_Kind_AEXPR_OP:              ast.OpPlain,
	pgquery.A_Expr_Kind_AEXPR_OP_ANY:          ast.OpAny,
	pgquery.A_Expr_Kind_AEXPR_OP_ALL:          ast.OpAll,
	pgquery.A_Expr_Kind_AEXPR_DISTINCT:        ast.OpDistinct,
	pgquery.A_Expr_Kind_AEXPR_NOT_DISTINCT:    ast.OpNotDistinct,
	pgquery.A_Expr_Kind_AEXPR_NULLIF:          ast.OpNullIf,
	pgquery.A_Expr_Kind_AEXPR_IN:              ast.OpIn,
	pgquery.A_Expr_Kind_AEXPR_LIKE:            ast.OpLike,
	pgquery.A_Expr_Kind_AEXPR_ILIKE:           ast.OpILike,
	pgquery.A_Expr_Kind_AEXPR_SIMILAR:         ast.OpSimilar,
	pgquery.A_Expr_Kind_AEXPR_BETWEEN:         ast.OpBetween,
	pgquery.A_Expr_Kind_AEXPR_NOT_BETWEEN:     ast.OpNotBetween,
	pgquery.A_Expr_Kind_AEXPR_BETWEEN_SYM:     ast.OpBetweenSym,
	pgquery.A_Expr_Kind_AEXPR_NOT_BETWEEN_SYM: ast.OpNotBetweenSym,
}

func (c *converter) operator(v *pgquery.A_Expr) ast.Expr {
	schema, name := operatorName(v.Name)
	return &ast.OpExpr{
		Pos: c.pos(v.Location), Kind: opKinds[v.Kind], Schema: schema, Name: name,
		Left: c.expr(v.Lexpr), Right: c.expr(v.Rexpr),
	}
}

// operatorName splits OPERATOR(schema.op).
func operatorName(nodes []*pgquery.Node) (schema, name string) {
	names := strs(nodes)
	if len(names) == 0 {
		return "", ""
	}
	if len(names) > 1 {
		schema = names[len(names)-2]
	}
	return schema, names[len(names)-1]
}

func (c *converter) boolean(v *pgquery.BoolExpr) ast.Expr {
	op := ast.And
	switch v.Boolop {
	case pgquery.BoolExprType_OR_EXPR:
		op = ast.Or
	case pgquery.BoolExprType_NOT_EXPR:
		op = ast.Not
	}
	return &ast.BoolExpr{Pos: c.pos(v.Location), Op: op, Args: c.exprs(v.Args)}
}

func (c *converter) funcCall(v *pgquery.FuncCall) *ast.FuncCall {
	f := &ast.FuncCall{
		Pos: c.pos(v.Location), Names: strs(v.Funcname), Args: c.exprs(v.Args),
		Star: v.AggStar, Distinct: v.AggDistinct, Variadic: v.FuncVariadic,
		OrderBy: c.sortBys(v.AggOrder), WithinGroup: v.AggWithinGroup, Filter: c.expr(v.AggFilter),
		Phrase: v.Funcformat == pgquery.CoercionForm_COERCE_SQL_SYNTAX,
	}
	for i, a := range v.Args {
		if named := a.GetNamedArgExpr(); named != nil {
			if f.ArgNames == nil {
				f.ArgNames = make([]string, len(v.Args))
			}
			f.ArgNames[i] = named.Name
		}
	}
	if v.Over != nil {
		f.Over = c.windowDef(v.Over)
	}
	return f
}

func (c *converter) windowDef(v *pgquery.WindowDef) *ast.WindowDef {
	return &ast.WindowDef{
		Pos: c.pos(v.Location), Name: v.Name, RefName: v.Refname,
		PartitionBy: c.exprs(v.PartitionClause), OrderBy: c.sortBys(v.OrderClause),
		FrameOptions: int(v.FrameOptions), Start: c.expr(v.StartOffset), End: c.expr(v.EndOffset),
	}
}

func (c *converter) sortBys(nodes []*pgquery.Node) []*ast.SortBy {
	var out []*ast.SortBy
	for _, n := range nodes {
		v := n.GetSortBy()
		expr := c.expr(v.GetNode())
		s := &ast.SortBy{
			Expr:       expr,
			Desc:       v.SortbyDir == pgquery.SortByDir_SORTBY_DESC,
			NullsFirst: v.SortbyNulls == pgquery.SortByNulls_SORTBY_NULLS_FIRST,
			NullsSet:   v.SortbyNulls != pgquery.SortByNulls_SORTBY_NULLS_DEFAULT,
		}
		if expr != nil {
			s.Pos = ast.Pos(expr.Position())
		}
		if v.SortbyDir == pgquery.SortByDir_SORTBY_USING {
			_, s.Using = operatorName(v.UseOp)
		}
		out = append(out, s)
	}
	return out
}

func (c *converter) caseExpr(v *pgquery.CaseExpr) ast.Expr {
	e := &ast.CaseExpr{Pos: c.pos(v.Location), Arg: c.expr(v.Arg), Else: c.expr(v.Defresult)}
	for _, a := range v.Args {
		w := a.GetCaseWhen()
		e.Whens = append(e.Whens, ast.CaseWhen{Cond: c.expr(w.GetExpr()), Result: c.expr(w.GetResult())})
	}
	return e
}

func (c *converter) indirection(nodes []*pgquery.Node) []ast.IndirectionStep {
	var steps []ast.IndirectionStep
	for _, n := range nodes {
		var s ast.IndirectionStep
		switch v := n.Node.(type) {
		case *pgquery.Node_String_:
			s.Field = v.String_.Sval
		case *pgquery.Node_AStar:
			s.Star = true
		case *pgquery.Node_AIndices:
			if s.IsSlice = v.AIndices.IsSlice; s.IsSlice {
				s.Lower, s.Upper = c.expr(v.AIndices.Lidx), c.expr(v.AIndices.Uidx)
			} else {
				s.Index = c.expr(v.AIndices.Uidx)
			}
		}
		steps = append(steps, s)
	}
	return steps
}

func (c *converter) subLink(v *pgquery.SubLink) ast.Expr {
	s := &ast.SubLink{Pos: c.pos(v.Location), Test: c.expr(v.Testexpr), Query: c.query(v.Subselect)}
	s.Schema, s.Op = operatorName(v.OperName)
	switch v.SubLinkType {
	case pgquery.SubLinkType_EXISTS_SUBLINK:
		s.Kind = ast.SubExists
	case pgquery.SubLinkType_ANY_SUBLINK:
		s.Kind = ast.SubAny
	case pgquery.SubLinkType_ALL_SUBLINK:
		s.Kind = ast.SubAll
	case pgquery.SubLinkType_EXPR_SUBLINK:
		s.Kind = ast.SubScalar
	case pgquery.SubLinkType_ARRAY_SUBLINK:
		s.Kind = ast.SubArray
	default:
		c.unsupported(v.Location, "this form of subquery")
	}
	return s
}

var valueFuncNames = map[pgquery.SQLValueFunctionOp]string{
	pgquery.SQLValueFunctionOp_SVFOP_CURRENT_DATE:        "current_date",
	pgquery.SQLValueFunctionOp_SVFOP_CURRENT_TIME:        "current_time",
	pgquery.SQLValueFunctionOp_SVFOP_CURRENT_TIME_N:      "current_time",
	pgquery.SQLValueFunctionOp_SVFOP_CURRENT_TIMESTAMP:   "current_timestamp",
	pgquery.SQLValueFunctionOp_SVFOP_CURRENT_TIMESTAMP_N: "current_timestamp",
	pgquery.SQLValueFunctionOp_SVFOP_LOCALTIME:           "localtime",
	pgquery.SQLValueFunctionOp_SVFOP_LOCALTIME_N:         "localtime",
	pgquery.SQLValueFunctionOp_SVFOP_LOCALTIMESTAMP:      "localtimestamp",
	pgquery.SQLValueFunctionOp_SVFOP_LOCALTIMESTAMP_N:    "localtimestamp",
	pgquery.SQLValueFunctionOp_SVFOP_CURRENT_ROLE:        "current_role",
	pgquery.SQLValueFunctionOp_SVFOP_CURRENT_USER:        "current_user",
	pgquery.SQLValueFunctionOp_SVFOP_USER:                "user",
	pgquery.SQLValueFunctionOp_SVFOP_SESSION_USER:        "session_user",
	pgquery.SQLValueFunctionOp_SVFOP_CURRENT_CATALOG:     "current_catalog",
	pgquery.SQLValueFunctionOp_SVFOP_CURRENT_SCHEMA:      "current_schema",
}

func (c *converter) valueFunc(v *pgquery.SQLValueFunction) ast.Expr {
	f := &ast.ValueFunc{Pos: c.pos(v.Location), Name: valueFuncNames[v.Op], Precision: -1}
	switch v.Op {
	case pgquery.SQLValueFunctionOp_SVFOP_CURRENT_TIME_N, pgquery.SQLValueFunctionOp_SVFOP_CURRENT_TIMESTAMP_N,
		pgquery.SQLValueFunctionOp_SVFOP_LOCALTIME_N, pgquery.SQLValueFunctionOp_SVFOP_LOCALTIMESTAMP_N:
		f.Precision = int(v.Typmod)
	}
	return f
}

func (c *converter) groupingSet(v *pgquery.GroupingSet) ast.Expr {
	g := &ast.GroupingSet{Pos: c.pos(v.Location), Items: c.exprs(v.Content)}
	switch v.Kind {
	case pgquery.GroupingSetKind_GROUPING_SET_ROLLUP:
		g.Kind = ast.GroupingRollup
	case pgquery.GroupingSetKind_GROUPING_SET_CUBE:
		g.Kind = ast.GroupingCube
	case pgquery.GroupingSetKind_GROUPING_SET_SETS:
		g.Kind = ast.GroupingSets
	}
	return g
}

func (c *converter) typeName(v *pgquery.TypeName) *ast.TypeName {
	if v == nil {
		return nil
	}
	if v.PctType {
		c.unsupported(v.Location, "%TYPE")
	}
	t := &ast.TypeName{Pos: c.pos(v.Location), Names: strs(v.Names), Mods: c.exprs(v.Typmods), SetOf: v.Setof}
	for _, b := range v.ArrayBounds {
		t.ArrayBounds = append(t.ArrayBounds, int(b.GetInteger().GetIval()))
	}
	return t
}
