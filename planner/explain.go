package planner

import (
	"context"
	"strings"
	"time"

	"quiver/planner/plan"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// planExplain plans the statement and wraps it in EXPLAIN.
func planExplain(ctx context.Context, stmt *ast.Statement, e *ast.ExplainStmt, opts Options) (*plan.Statement, error) {
	node := &plan.Explain{Costs: true, Timing: true, Format: "text"}
	summary, analyzeOnly := false, ""
	for _, o := range e.Options {
		var err error
		switch strings.ToLower(o.Name) {
		case "analyze":
			node.Analyze, err = explainBool(o)
		case "verbose":
			node.Verbose, err = explainBool(o)
		case "costs":
			node.Costs, err = explainBool(o)
		case "timing":
			node.Timing, err = explainBool(o)
			if node.Timing {
				analyzeOnly = "TIMING"
			}
		case "summary":
			summary = true
			node.Summary, err = explainBool(o)
		case "buffers", "settings":
			_, err = explainBool(o)
		case "wal":
			var on bool
			if on, err = explainBool(o); on {
				analyzeOnly = "WAL"
			}
		case "format":
			node.Format, err = explainFormat(o)
		default:
			err = sqlerr.New(sqlerr.SyntaxError, "unrecognized EXPLAIN option \"%s\"", o.Name).At(o.Position())
		}
		if err != nil {
			return nil, err
		}
	}
	if analyzeOnly != "" && !node.Analyze {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "EXPLAIN option %s requires ANALYZE", analyzeOnly)
	}
	if !summary {
		node.Summary = node.Analyze
	}
	query := shown(e.Query, node.Analyze)
	if query == nil {
		return nil, sqlerr.Unsupported("EXPLAIN of %s", Tag(e.Query))
	}
	start := time.Now()
	inner, err := Plan(ctx, &ast.Statement{Stmt: query, Text: stmt.Text, Params: stmt.Params}, opts)
	if err != nil {
		return nil, err
	}
	node.Input, node.Planning = inner.Root, time.Since(start)
	column := plan.OutputColumn{Name: "QUERY PLAN", Type: types.Of(types.TextOID)}
	if node.Format == "json" {
		column.Type = types.Of(types.JSONOID)
	}
	node.SetBase([]plan.OutputColumn{column}, plan.Cost{Rows: 1})
	return &plan.Statement{
		Root: node, Tag: "EXPLAIN", Columns: node.Columns, Params: inner.Params, Stamp: inner.Stamp, Tables: inner.Tables,
		ReadOnly: inner.ReadOnly || !node.Analyze, Failure: inner.Failure,
	}, nil
}

// shown is the query of a statement that EXPLAIN shows: its own, or what
// CREATE TABLE AS and DECLARE would run. nil when there is none to show.
func shown(s ast.Stmt, analyze bool) ast.Stmt {
	switch s := s.(type) {
	case *ast.CreateTableStmt:
		if s.As != nil && !analyze {
			return s.As
		}
	case *ast.DeclareCursorStmt:
		if !analyze {
			return s.Query
		}
	}
	if isQuery(s) {
		return s
	}
	return nil
}

func explainBool(o *ast.Option) (bool, error) {
	on, ok := o.Boolean()
	if !ok {
		return false, sqlerr.New(sqlerr.SyntaxError, "%s requires a Boolean value", o.Name)
	}
	return on, nil
}

func explainFormat(o *ast.Option) (string, error) {
	word := ""
	switch v := o.Value.(type) {
	case *ast.Const:
		word = v.Text
	case *ast.ColumnRef:
		word = strings.Join(v.Names, ".")
	}
	switch strings.ToLower(word) {
	case "text":
		return "text", nil
	case "json":
		return "json", nil
	case "xml", "yaml":
		return "", sqlerr.Unsupported("EXPLAIN (FORMAT %s)", strings.ToUpper(word)).At(o.Position())
	}
	return "", sqlerr.New(sqlerr.InvalidParameterValue, "unrecognized value for EXPLAIN option \"format\": \"%s\"", word).At(o.Position())
}
