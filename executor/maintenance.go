package executor

import (
	"context"
	"errors"
	"slices"
	"strings"

	"quiver/catalog"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/storage"
)

// vacuum is VACUUM and ANALYZE.
func (d *ddl) vacuum(ctx context.Context, s *ast.VacuumStmt) error {
	o, err := readVacuumOptions(s)
	if err != nil {
		return err
	}
	tables, parts, err := d.vacuumed(s, o.analyze)
	if err != nil {
		return err
	}
	// Without a name, tables that are damaged do not keep the others from it; the
	// statement fails with the first of them when the others have been seen to.
	damaged := map[*catalog.Table]bool{}
	var first error
	passOver := func(table *catalog.Table, err error) bool {
		if len(s.Tables) > 0 || ctx.Err() != nil || !storage.IsDamage(err) {
			return false
		}
		if damaged[table] = true; first == nil {
			first = err
		}
		return true
	}
	if !s.Analyze {
		for i, table := range tables {
			if err := d.compact(ctx, table, parts[i], o.full); err != nil && !passOver(table, err) {
				return err
			}
		}
	}
	err = d.withStatistics(ctx, func(seen *statistics) error {
		for _, table := range tables {
			if damaged[table] {
				continue
			}
			if err := seen.look(ctx, table); err != nil && !passOver(table, err) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return first
}

// vacuumed are the tables that VACUUM or ANALYZE names, each with the partition
// that is meant, 0 for all; without a name all tables of the database.
func (d *ddl) vacuumed(s *ast.VacuumStmt, analyze bool) (tables []*catalog.Table, parts []catalog.StorageID, err error) {
	if len(s.Tables) == 0 {
		tables = d.allTables()
		return tables, make([]catalog.StorageID, len(tables)), nil
	}
	for i, r := range s.Tables {
		if len(s.Columns[i]) > 0 && !analyze {
			return nil, nil, sqlerr.New(sqlerr.FeatureNotSupported, "ANALYZE option must be specified when a column list is provided")
		}
		rel, err := d.find(r)
		if err != nil {
			return nil, nil, err
		}
		if rel == nil {
			return nil, nil, noRelation(r)
		}
		if err := analyzedColumns(rel, s.Columns[i]); err != nil {
			return nil, nil, err
		}
		switch rel := rel.(type) {
		case *catalog.Table:
			tables, parts = append(tables, rel), append(parts, 0)
		case *catalog.Partition:
			tables, parts = append(tables, d.catalog().Table(rel.Table)), append(parts, rel.Storage)
		}
	}
	return tables, parts, nil
}

// compact has storage merge the segments of a table.
func (d *ddl) compact(ctx context.Context, table *catalog.Table, partition catalog.StorageID, full bool) error {
	if d.x.env.Engine == nil {
		return sqlerr.Unsupported("VACUUM in this process")
	}
	err := d.x.env.Engine.Vacuum(ctx, table.Storage, partition, full)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return err
}

// allTables lists the tables of the database.
func (d *ddl) allTables() (out []*catalog.Table) {
	for _, schema := range d.catalog().Schemas() {
		for _, rel := range d.catalog().Relations(schema.OID) {
			if table, ok := rel.(*catalog.Table); ok {
				out = append(out, table)
			}
		}
	}
	return out
}

// vacuumOptions are the options of VACUUM and ANALYZE that matter here.
type vacuumOptions struct{ analyze, full bool }

func readVacuumOptions(s *ast.VacuumStmt) (out vacuumOptions, err error) {
	out.analyze = s.Analyze
	for _, o := range s.Options {
		name := strings.ToLower(o.Name)
		on, ok := o.Boolean()
		switch {
		case name == "verbose", name == "skip_locked":
		case s.Analyze:
			return out, sqlerr.New(sqlerr.SyntaxError, "unrecognized ANALYZE option %s", quoted(o.Name)).At(o.Position())
		case name == "analyze":
			out.analyze = on
		case name == "full":
			out.full = on
		case slices.Contains(laterVacuumOptions, name):
			return out, sqlerr.Unsupported("VACUUM %s", strings.ToUpper(o.Name)).At(o.Position())
		default:
			return out, sqlerr.New(sqlerr.SyntaxError, "unrecognized VACUUM option %s", quoted(o.Name)).At(o.Position())
		}
		if !ok {
			return out, sqlerr.New(sqlerr.SyntaxError, "%s requires a Boolean value", name)
		}
	}
	return out, nil
}

// laterVacuumOptions are Postgres' options that are not supported.
var laterVacuumOptions = []string{
	"freeze", "disable_page_skipping", "index_cleanup", "process_toast", "truncate", "parallel",
}

// analyzedColumns checks the column list of ANALYZE.
func analyzedColumns(rel catalog.Relation, columns []string) error {
	t, _ := rel.(*catalog.Table)
	for i, name := range columns {
		if t != nil && columnNamed(t, name) == nil {
			return noColumn(name, t.Name)
		}
		if slices.Contains(columns[:i], name) {
			return sqlerr.New(sqlerr.DuplicateColumn, "column %s of relation %s appears more than once", quoted(name), quoted(rel.Head().Name))
		}
	}
	return nil
}

// lock is LOCK TABLE.
func (d *ddl) lock(ctx context.Context, s *ast.LockStmt) error {
	wait := storage.WaitBlock
	if s.NoWait {
		wait = storage.WaitError
	}
	for _, r := range s.Tables {
		rel, err := d.find(r)
		if err != nil {
			return err
		}
		oid := catalog.OID(0)
		switch rel := rel.(type) {
		case nil:
			return noRelation(r)
		case *catalog.Table:
			oid = rel.OID
		case *catalog.Partition:
			oid = rel.Table
		case *catalog.Virtual:
			continue // never changes under a lock
		default:
			return sqlerr.New(sqlerr.WrongObjectType, "%s is not a table or view", quoted(r.Name))
		}
		err = d.x.env.Txn.LockTable(ctx, oid, storage.TableLockMode(s.Mode), wait)
		if s.NoWait && errors.Is(err, storage.ErrLockNotAvailable) {
			return sqlerr.Wrap(err, sqlerr.LockNotAvailable, "could not obtain lock on relation %s", quoted(r.Name))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// checkpoint is CHECKPOINT of everything, or of some tables and partitions.
func (d *ddl) checkpoint(ctx context.Context, s *ast.CheckpointStmt) error {
	if d.x.env.Engine == nil {
		return sqlerr.Unsupported("CHECKPOINT in this process")
	}
	if len(s.Tables) == 0 {
		return d.x.env.Engine.Checkpoint(ctx)
	}
	for _, r := range s.Tables {
		rel, err := d.find(r)
		if err != nil {
			return err
		}
		if rel == nil {
			return noRelation(r)
		}
		_, table, partition, err := d.x.stored(int64(rel.Head().OID))
		if err != nil {
			return err
		}
		if err := d.x.env.Engine.Flush(ctx, table, partition); err != nil {
			return err
		}
	}
	return nil
}
