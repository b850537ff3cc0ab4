package parse

import (
	pgquery "github.com/pganalyze/pg_query_go/v5"

	"quiver/sql/ast"
	"quiver/sql/sqlerr"
)

// query converts a subquery, which is always a SELECT.
func (c *converter) query(n *pgquery.Node) *ast.SelectStmt {
	if n == nil {
		return nil
	}
	if v := n.GetSelectStmt(); v != nil {
		return c.selectStmt(v)
	}
	c.unsupported(-1, nodeName(n)+" here")
	return nil
}

func (c *converter) selectStmt(v *pgquery.SelectStmt) *ast.SelectStmt {
	s := &ast.SelectStmt{
		With:          c.with(v.WithClause),
		Targets:       c.targets(v.TargetList),
		From:          c.fromItems(v.FromClause),
		Where:         c.expr(v.WhereClause),
		GroupBy:       c.exprs(v.GroupClause),
		GroupDistinct: v.GroupDistinct,
		Having:        c.expr(v.HavingClause),
		OrderBy:       c.sortBys(v.SortClause),
		Offset:        c.expr(v.LimitOffset),
		Limit:         c.expr(v.LimitCount),
		WithTies:      v.LimitOption == pgquery.LimitOption_LIMIT_OPTION_WITH_TIES,
		All:           v.All,
	}
	if len(v.DistinctClause) > 0 {
		s.Distinct = true
		if v.DistinctClause[0].GetNode() != nil { // SELECT DISTINCT is a list of one nil
			s.DistinctOn = c.exprs(v.DistinctClause)
		}
	}
	for _, w := range v.WindowClause {
		s.Windows = append(s.Windows, c.windowDef(w.GetWindowDef()))
	}
	for _, row := range v.ValuesLists {
		s.Values = append(s.Values, c.exprs(row.GetList().GetItems()))
	}
	for _, l := range v.LockingClause {
		s.Locking = append(s.Locking, c.locking(l.GetLockingClause()))
	}
	if v.IntoClause != nil {
		s.Into = c.rangeVar(v.IntoClause.Rel)
	}
	switch v.Op {
	case pgquery.SetOperation_SETOP_UNION:
		s.Op = ast.SetUnion
	case pgquery.SetOperation_SETOP_INTERSECT:
		s.Op = ast.SetIntersect
	case pgquery.SetOperation_SETOP_EXCEPT:
		s.Op = ast.SetExcept
	}
	if s.Op != ast.SetNone {
		s.Left, s.Right = c.selectStmt(v.Larg), c.selectStmt(v.Rarg)
	}
	return s
}

func (c *converter) locking(v *pgquery.LockingClause) *ast.LockingClause {
	l := &ast.LockingClause{
		Strength: ast.LockStrength(v.Strength - pgquery.LockClauseStrength_LCS_FORKEYSHARE),
		Wait:     ast.LockWait(v.WaitPolicy - pgquery.LockWaitPolicy_LockWaitBlock),
	}
	for _, r := range v.LockedRels {
		l.Tables = append(l.Tables, c.rangeVar(r.GetRangeVar()))
	}
	return l
}

func (c *converter) targets(nodes []*pgquery.Node) []*ast.ResTarget {
	var out []*ast.ResTarget
	for _, n := range nodes {
		if v := n.GetResTarget(); v != nil {
			out = append(out, &ast.ResTarget{
				Pos: c.pos(v.Location), Name: v.Name,
				Indirection: c.indirection(v.Indirection), Value: c.expr(v.Val),
			})
		}
	}
	return out
}

func (c *converter) with(v *pgquery.WithClause) *ast.WithClause {
	if v == nil {
		return nil
	}
	w := &ast.WithClause{Pos: c.pos(v.Location), Recursive: v.Recursive}
	for _, n := range v.Ctes {
		w.CTEs = append(w.CTEs, c.cte(n.GetCommonTableExpr()))
	}
	return w
}

func (c *converter) cte(v *pgquery.CommonTableExpr) *ast.CTE {
	if v.SearchClause != nil {
		c.unsupported(v.SearchClause.Location, "SEARCH clause")
	}
	if v.CycleClause != nil {
		c.unsupported(v.CycleClause.Location, "CYCLE clause")
	}
	e := &ast.CTE{Pos: c.pos(v.Location), Name: v.Ctename, Columns: strs(v.Aliascolnames), Query: c.stmt(v.Ctequery)}
	if v.Ctematerialized == pgquery.CTEMaterialize_CTEMaterializeAlways || v.Ctematerialized == pgquery.CTEMaterialize_CTEMaterializeNever {
		always := v.Ctematerialized == pgquery.CTEMaterialize_CTEMaterializeAlways
		e.Materialized = &always
	}
	return e
}

func (c *converter) fromItems(nodes []*pgquery.Node) []ast.FromItem {
	var out []ast.FromItem
	for _, n := range nodes {
		out = append(out, c.fromItem(n))
	}
	return out
}

func (c *converter) fromItem(n *pgquery.Node) ast.FromItem {
	switch v := n.GetNode().(type) {
	case *pgquery.Node_RangeVar:
		return c.rangeVar(v.RangeVar)
	case *pgquery.Node_RangeSubselect:
		return &ast.RangeSubselect{
			Lateral: v.RangeSubselect.Lateral, Query: c.query(v.RangeSubselect.Subquery),
			Alias: alias(v.RangeSubselect.Alias),
		}
	case *pgquery.Node_RangeFunction:
		return c.rangeFunction(v.RangeFunction)
	case *pgquery.Node_JoinExpr:
		return c.join(v.JoinExpr)
	}
	c.unsupported(-1, nodeName(n))
	return nil
}

func (c *converter) rangeVar(v *pgquery.RangeVar) *ast.RangeVar {
	if v == nil {
		return nil
	}
	if v.Alias != nil && v.Alias.Aliasname == "partition" && len(v.Alias.Colnames) > 0 {
		c.refusePartitionClause(v)
	}
	return &ast.RangeVar{
		Pos: c.pos(v.Location), Database: v.Catalogname, Schema: v.Schemaname, Name: v.Relname,
		Alias: alias(v.Alias), Only: !v.Inh, Persistence: firstByte(v.Relpersistence),
	}
}

// refusePartitionClause fails for FROM t PARTITION (p), which the grammar takes
// for an alias and which would silently read the whole table.
func (c *converter) refusePartitionClause(v *pgquery.RangeVar) {
	for _, t := range c.tokensFrom(v.Location) {
		switch t.kind {
		case pgquery.Token_AS:
			return // an alias after all
		case pgquery.Token_PARTITION:
			c.fail(sqlerr.New(sqlerr.SyntaxError, `syntax error at or near "%s"`, c.text[t.start:t.end]).
				At(c.chars(t.start)).
				WithHint("A partition is a relation of its own: select from it by its name, or write AS to name an alias."))
			return
		case tokenOpen:
			return // "partition" (quoted) as an alias
		}
	}
}

func alias(v *pgquery.Alias) *ast.Alias {
	if v == nil {
		return nil
	}
	return &ast.Alias{Name: v.Aliasname, Columns: strs(v.Colnames)}
}

func (c *converter) rangeFunction(v *pgquery.RangeFunction) ast.FromItem {
	f := &ast.RangeFunction{Lateral: v.Lateral, Ordinality: v.Ordinality, RowsFrom: v.IsRowsfrom, Alias: alias(v.Alias)}
	f.Columns = c.columnDefs(v.Coldeflist)
	for _, n := range v.Functions {
		pair := n.GetList().GetItems() // the call and its column definitions
		item := ast.RangeFunctionItem{}
		if len(pair) > 0 {
			item.Call = c.expr(pair[0])
			if item.Call != nil && f.Pos == 0 {
				f.Pos = ast.Pos(item.Call.Position())
			}
		}
		if len(pair) > 1 {
			item.Columns = c.columnDefs(pair[1].GetList().GetItems())
		}
		f.Functions = append(f.Functions, item)
	}
	return f
}

func (c *converter) columnDefs(nodes []*pgquery.Node) []ast.ColumnDef {
	var out []ast.ColumnDef
	for _, n := range nodes {
		if d := n.GetColumnDef(); d != nil {
			out = append(out, *c.columnDef(d))
		}
	}
	return out
}

func (c *converter) join(v *pgquery.JoinExpr) ast.FromItem {
	j := &ast.JoinExpr{
		Natural: v.IsNatural, Left: c.fromItem(v.Larg), Right: c.fromItem(v.Rarg),
		Using: strs(v.UsingClause), UsingAlias: alias(v.JoinUsingAlias), On: c.expr(v.Quals), Alias: alias(v.Alias),
	}
	switch v.Jointype {
	case pgquery.JoinType_JOIN_LEFT:
		j.Type = ast.JoinLeft
	case pgquery.JoinType_JOIN_RIGHT:
		j.Type = ast.JoinRight
	case pgquery.JoinType_JOIN_FULL:
		j.Type = ast.JoinFull
	}
	return j
}

func (c *converter) insertStmt(v *pgquery.InsertStmt) ast.Stmt {
	s := &ast.InsertStmt{
		With: c.with(v.WithClause), Table: c.rangeVar(v.Relation), Columns: c.targets(v.Cols),
		Source: c.query(v.SelectStmt), Returning: c.targets(v.ReturningList),
	}
	switch v.Override {
	case pgquery.OverridingKind_OVERRIDING_SYSTEM_VALUE:
		s.Overriding = 's'
	case pgquery.OverridingKind_OVERRIDING_USER_VALUE:
		s.Overriding = 'u'
	}
	if v.OnConflictClause != nil {
		s.OnConflict = c.onConflict(v.OnConflictClause)
	}
	return s
}

func (c *converter) onConflict(v *pgquery.OnConflictClause) *ast.OnConflict {
	o := &ast.OnConflict{
		Pos: c.pos(v.Location), Update: v.Action == pgquery.OnConflictAction_ONCONFLICT_UPDATE,
		Set: c.targets(v.TargetList), UpdateWhere: c.expr(v.WhereClause),
	}
	if v.Infer == nil {
		return o
	}
	o.Constraint, o.Where = v.Infer.Conname, c.expr(v.Infer.WhereClause)
	for _, n := range v.Infer.IndexElems {
		e := n.GetIndexElem()
		if len(e.Opclass)+len(e.Collation) > 0 {
			c.unsupported(v.Infer.Location, "COLLATE or an operator class in ON CONFLICT")
		}
		if e.Name != "" {
			o.Columns = append(o.Columns, &ast.ColumnRef{Pos: c.pos(v.Infer.Location), Names: []string{e.Name}})
		} else {
			o.Columns = append(o.Columns, c.expr(e.Expr))
		}
	}
	return o
}

func (c *converter) updateStmt(v *pgquery.UpdateStmt) ast.Stmt {
	return &ast.UpdateStmt{
		With: c.with(v.WithClause), Table: c.rangeVar(v.Relation), Set: c.targets(v.TargetList),
		From: c.fromItems(v.FromClause), Where: c.expr(v.WhereClause), Returning: c.targets(v.ReturningList),
	}
}

func (c *converter) deleteStmt(v *pgquery.DeleteStmt) ast.Stmt {
	return &ast.DeleteStmt{
		With: c.with(v.WithClause), Table: c.rangeVar(v.Relation), Using: c.fromItems(v.UsingClause),
		Where: c.expr(v.WhereClause), Returning: c.targets(v.ReturningList),
	}
}
