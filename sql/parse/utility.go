package parse

import (
	"math"

	pgquery "github.com/pganalyze/pg_query_go/v5"

	"quiver/sql/ast"
)

// stmt converts a statement; kinds that ast lacks become UnsupportedStmt.
func (c *converter) stmt(n *pgquery.Node) ast.Stmt {
	switch v := n.GetNode().(type) {
	case *pgquery.Node_SelectStmt:
		return c.selectStmt(v.SelectStmt)
	case *pgquery.Node_InsertStmt:
		return c.insertStmt(v.InsertStmt)
	case *pgquery.Node_UpdateStmt:
		return c.updateStmt(v.UpdateStmt)
	case *pgquery.Node_DeleteStmt:
		return c.deleteStmt(v.DeleteStmt)
	case *pgquery.Node_TransactionStmt:
		return c.transaction(v.TransactionStmt)
	case *pgquery.Node_VariableSetStmt:
		return c.set(v.VariableSetStmt)
	case *pgquery.Node_VariableShowStmt:
		return &ast.ShowStmt{Name: v.VariableShowStmt.Name}
	case *pgquery.Node_ExplainStmt:
		return &ast.ExplainStmt{Query: c.stmt(v.ExplainStmt.Query), Options: c.options(v.ExplainStmt.Options)}
	case *pgquery.Node_PrepareStmt:
		return c.prepare(v.PrepareStmt)
	case *pgquery.Node_ExecuteStmt:
		return &ast.ExecuteStmt{Name: v.ExecuteStmt.Name, Args: c.exprs(v.ExecuteStmt.Params)}
	case *pgquery.Node_DeallocateStmt:
		return &ast.DeallocateStmt{Name: v.DeallocateStmt.Name}
	case *pgquery.Node_DiscardStmt:
		return c.discard(v.DiscardStmt)
	case *pgquery.Node_DeclareCursorStmt:
		return c.declareCursor(v.DeclareCursorStmt)
	case *pgquery.Node_FetchStmt:
		return c.fetch(v.FetchStmt)
	case *pgquery.Node_ClosePortalStmt:
		return &ast.CloseStmt{Name: v.ClosePortalStmt.Portalname}
	case *pgquery.Node_CopyStmt:
		return c.copyStmt(v.CopyStmt)
	case *pgquery.Node_LockStmt:
		return &ast.LockStmt{Tables: c.rangeVars(v.LockStmt.Relations), Mode: int(v.LockStmt.Mode), NoWait: v.LockStmt.Nowait}
	case *pgquery.Node_VacuumStmt:
		return c.vacuum(v.VacuumStmt)
	case *pgquery.Node_CheckPointStmt:
		return &ast.CheckpointStmt{}
	case *pgquery.Node_CallStmt:
		return &ast.CallStmt{Call: c.funcCall(v.CallStmt.Funccall)}
	case *pgquery.Node_ListenStmt:
		return &ast.ListenStmt{Channel: v.ListenStmt.Conditionname}
	case *pgquery.Node_NotifyStmt:
		return &ast.NotifyStmt{Channel: v.NotifyStmt.Conditionname, Payload: v.NotifyStmt.Payload}
	case *pgquery.Node_UnlistenStmt:
		return &ast.UnlistenStmt{Channel: v.UnlistenStmt.Conditionname}
	case *pgquery.Node_TruncateStmt:
		return &ast.TruncateStmt{
			Tables: c.rangeVars(v.TruncateStmt.Relations), RestartIdentity: v.TruncateStmt.RestartSeqs,
			Cascade: v.TruncateStmt.Behavior == pgquery.DropBehavior_DROP_CASCADE,
		}
	}
	return c.ddl(n)
}

func (c *converter) rangeVars(nodes []*pgquery.Node) []*ast.RangeVar {
	var out []*ast.RangeVar
	for _, n := range nodes {
		if v := n.GetRangeVar(); v != nil {
			out = append(out, c.rangeVar(v))
		}
	}
	return out
}

func (c *converter) transaction(v *pgquery.TransactionStmt) ast.Stmt {
	s := &ast.TransactionStmt{
		Kind: ast.TransactionKind(v.Kind - pgquery.TransactionStmtKind_TRANS_STMT_BEGIN),
		Name: v.SavepointName, Options: c.options(v.Options), Chain: v.Chain,
	}
	if v.Gid != "" {
		s.Name = v.Gid
	}
	return s
}

func (c *converter) set(v *pgquery.VariableSetStmt) ast.Stmt {
	s := &ast.SetStmt{Name: v.Name, Local: v.IsLocal}
	switch v.Kind {
	case pgquery.VariableSetKind_VAR_SET_VALUE:
		s.Kind = ast.SetValue
	case pgquery.VariableSetKind_VAR_SET_DEFAULT:
		s.Kind = ast.SetDefault
	case pgquery.VariableSetKind_VAR_SET_CURRENT:
		s.Kind = ast.SetCurrent
	case pgquery.VariableSetKind_VAR_SET_MULTI:
		s.Kind = ast.SetMulti
		s.Options = c.options(v.Args)
		if len(s.Options) == 0 {
			s.Args = c.exprs(v.Args) // SET TRANSACTION SNAPSHOT
		}
		return s
	case pgquery.VariableSetKind_VAR_RESET:
		s.Kind = ast.SetReset
	case pgquery.VariableSetKind_VAR_RESET_ALL:
		s.Kind = ast.SetResetAll
	}
	s.Args = c.exprs(v.Args)
	return s
}

func (c *converter) prepare(v *pgquery.PrepareStmt) ast.Stmt {
	s := &ast.PrepareStmt{Name: v.Name, Query: c.stmt(v.Query)}
	for _, t := range v.Argtypes {
		s.Types = append(s.Types, c.typeName(t.GetTypeName()))
	}
	s.QueryText = c.textOf(after(c.stmtTokens(), pgquery.Token_AS))
	return s
}

func (c *converter) discard(v *pgquery.DiscardStmt) ast.Stmt {
	s := &ast.DiscardStmt{What: "all"}
	switch v.Target {
	case pgquery.DiscardMode_DISCARD_PLANS:
		s.What = "plans"
	case pgquery.DiscardMode_DISCARD_SEQUENCES:
		s.What = "sequences"
	case pgquery.DiscardMode_DISCARD_TEMP:
		s.What = "temp"
	}
	return s
}

// The bits of DeclareCursorStmt.options (parsenodes.h).
const (
	cursorBinary   = 1 << 0
	cursorScroll   = 1 << 1
	cursorNoScroll = 1 << 2
	cursorHold     = 1 << 5
)

func (c *converter) declareCursor(v *pgquery.DeclareCursorStmt) ast.Stmt {
	return &ast.DeclareCursorStmt{
		Name: v.Portalname, Binary: v.Options&cursorBinary != 0, Scroll: v.Options&cursorScroll != 0,
		NoScroll: v.Options&cursorNoScroll != 0, Hold: v.Options&cursorHold != 0, Query: c.query(v.Query),
	}
}

func (c *converter) fetch(v *pgquery.FetchStmt) ast.Stmt {
	s := &ast.FetchStmt{Name: v.Portalname, Count: v.HowMany, Move: v.Ismove, All: v.HowMany == math.MaxInt64}
	switch v.Direction {
	case pgquery.FetchDirection_FETCH_BACKWARD:
		s.Direction = "backward"
	case pgquery.FetchDirection_FETCH_ABSOLUTE:
		s.Direction = "absolute"
	case pgquery.FetchDirection_FETCH_RELATIVE:
		s.Direction = "relative"
	default:
		s.Direction = "forward"
	}
	return s
}

func (c *converter) copyStmt(v *pgquery.CopyStmt) ast.Stmt {
	s := &ast.CopyStmt{
		Table: c.rangeVar(v.Relation), Columns: strs(v.Attlist), From: v.IsFrom, Program: v.IsProgram,
		File: v.Filename, Options: c.options(v.Options), Where: c.expr(v.WhereClause),
	}
	for _, o := range s.Options {
		if word, ok := o.Value.(*ast.Const); ok && word.Text == jsonStandIn {
			word.Text = "json"
		}
	}
	if v.Query != nil {
		s.Query = c.stmt(v.Query)
	}
	return s
}

func (c *converter) vacuum(v *pgquery.VacuumStmt) ast.Stmt {
	s := &ast.VacuumStmt{Analyze: !v.IsVacuumcmd, Options: c.options(v.Options)}
	for _, n := range v.Rels {
		s.Tables = append(s.Tables, c.rangeVar(n.GetVacuumRelation().GetRelation()))
		var columns []string
		for _, column := range n.GetVacuumRelation().GetVaCols() {
			columns = append(columns, column.GetString_().GetSval())
		}
		s.Columns = append(s.Columns, columns)
	}
	return s
}
