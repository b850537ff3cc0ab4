package executor

import (
	"context"
	"strings"

	"quiver/catalog"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/storage"
)

// createPartition is CREATE PARTITION p ON t.
func (d *ddl) createPartition(ctx context.Context, s *ast.CreatePartitionStmt) error {
	if s.Bounds != "" {
		clause := "FOR VALUES"
		if strings.EqualFold(s.Bounds, "default") {
			clause = "DEFAULT"
		}
		return sqlerr.Unsupported("%s in CREATE PARTITION", clause).At(s.NamePos)
	}
	if s.Options != "" {
		return sqlerr.Unsupported("WITH in CREATE PARTITION").At(s.NamePos)
	}
	table, err := d.lockTable(ctx, s.Table, storage.LockShareUpdateExclusive)
	if err != nil {
		return err
	}
	if s.Name == catalog.DefaultPartition {
		return sqlerr.New(sqlerr.ReservedName, "partition name %s is reserved", quoted(s.Name)).At(s.NamePos)
	}
	if err := d.lockName(ctx, table.Schema, s.Name); err != nil {
		return err
	}
	if d.catalog().Relation(table.Schema, s.Name) != nil {
		if s.IfNotExists {
			d.notice(sqlerr.DuplicateTable, "relation %s already exists, skipping", quoted(s.Name))
			return nil
		}
		return duplicateRelation(s.Name)
	}
	_, err = d.catalog().CreatePartition(ctx, table, s.Name)
	return err
}

// dropPartition is DROP PARTITION p ON t: its rows go with it.
func (d *ddl) dropPartition(ctx context.Context, s *ast.DropPartitionStmt) error {
	if s.IfExists {
		if rel, err := d.find(s.Table); err != nil || rel == nil {
			d.notice(sqlerr.SuccessfulCompletion, "relation %s does not exist, skipping", quoted(rangeName(s.Table)))
			return err
		}
	}
	table, err := d.lockTable(ctx, s.Table, storage.LockAccessExclusive)
	if err != nil {
		return err
	}
	if s.Name == catalog.DefaultPartition {
		return sqlerr.New(sqlerr.WrongObjectType, "the default partition of table %s cannot be dropped", quoted(table.Name)).At(s.NamePos)
	}
	p, ok := d.catalog().Relation(table.Schema, s.Name).(*catalog.Partition)
	if !ok || p.Table != table.OID {
		if s.IfExists {
			d.notice(sqlerr.SuccessfulCompletion, "partition %s of table %s does not exist, skipping", quoted(s.Name), quoted(table.Name))
			return nil
		}
		return sqlerr.New(sqlerr.UndefinedTable, "partition %s of table %s does not exist", quoted(s.Name), quoted(table.Name)).At(s.NamePos)
	}
	d.catalog().Drop(p.OID)
	return nil
}

// call is CALL: the twins of Quiver's own statements, quiver.create_partition
// (table, partition) and quiver.drop_partition (table, partition). The planner
// has looked at the name and the types.
func (d *ddl) call(ctx context.Context, s *ast.CallStmt) error {
	args, err := d.arguments(ctx)
	if err != nil {
		return err
	}
	names := s.Call.Names
	table, partition := args[0], args[1]
	parts := splitQualified(table)
	if len(parts) == 0 || len(parts) > 2 || partition == "" {
		return sqlerr.New(sqlerr.InvalidName, "invalid name syntax").At(s.Call.Position())
	}
	r := rangeVarOf(parts)
	if names[len(names)-1] == "create_partition" {
		return d.createPartition(ctx, &ast.CreatePartitionStmt{Name: partition, Table: r})
	}
	return d.dropPartition(ctx, &ast.DropPartitionStmt{Name: partition, Table: r})
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
