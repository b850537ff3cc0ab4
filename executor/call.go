package executor

import (
	"context"

	"quiver/sql/ast"
	"quiver/sql/sqlerr"
)

// call is CALL: the twins of Quiver's own statements. The planner has looked at
// the name and the types.
func (d *ddl) call(ctx context.Context, s *ast.CallStmt) error {
	args, err := d.arguments(ctx)
	if err != nil {
		return err
	}
	invalid := sqlerr.New(sqlerr.InvalidName, "invalid name syntax").At(s.Call.Position())
	first := relationOf(args[0])
	if first == nil {
		return invalid
	}
	name := s.Call.Names[len(s.Call.Names)-1]
	switch name {
	case "create_partition", "drop_partition":
		if args[1] == "" {
			return invalid
		}
		if name == "create_partition" {
			return d.createPartition(ctx, &ast.CreatePartitionStmt{Name: args[1], Table: first})
		}
		return d.dropPartition(ctx, &ast.DropPartitionStmt{Name: args[1], Table: first})
	case "drop_alias":
		return d.dropAliases(ctx, &ast.DropAliasStmt{Aliases: []*ast.RangeVar{first}})
	}
	table := relationOf(args[1])
	if table == nil {
		return invalid
	}
	if name == "create_alias" {
		return d.createAlias(ctx, &ast.CreateAliasStmt{Alias: first, Table: table})
	}
	return d.alterAlias(ctx, &ast.AlterAliasStmt{Alias: first, Table: table})
}

// relationOf reads a possibly qualified name of a relation; nil when it is none.
func relationOf(text string) *ast.RangeVar {
	parts := splitQualified(text)
	if len(parts) == 0 || len(parts) > 2 {
		return nil
	}
	return rangeVarOf(parts)
}

// arguments are the texts that a procedure is called with.
func (d *ddl) arguments(ctx context.Context) ([]string, error) {
	if err := d.query.open(ctx); err != nil {
		return nil, err
	}
	defer d.query.close()
	row, err := d.query.next(ctx)
	if err != nil {
		return nil, err
	}
	if row == nil || row.rows != 1 {
		return nil, sqlerr.New(sqlerr.FeatureNotSupported, "set-returning functions are not allowed in CALL arguments")
	}
	defer row.release()
	args := make([]string, len(row.cols))
	for i, col := range row.cols {
		if col.IsNull(0) {
			return nil, sqlerr.New(sqlerr.NullValueNotAllowed, "arguments of this procedure cannot be null")
		}
		args[i] = string(d.queryColumns[i].Type.Type().AppendText(nil, col, 0, d.x.c.Format))
	}
	return args, nil
}

// splitQualified reads a possibly qualified name as SQL writes it.
func splitQualified(name string) []string {
	var out []string
	for _, part := range splitOutsideQuotes(name, '.') {
		out = append(out, splitNames(part)...)
	}
	return out
}

func splitOutsideQuotes(s string, sep byte) []string {
	var out []string
	start, quoted := 0, false
	for i := range len(s) {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == sep && !quoted:
			out = append(out, s[start:i])
			start = i + 1
		}
	}
	return append(out, s[start:])
}
