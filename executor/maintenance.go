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

// vacuum is VACUUM and ANALYZE. Row counts are always known and dead rows are
// left out by every scan, so there is nothing to do but to tell pg_class;
// VACUUM FULL, which promises space, waits for compaction.
func (d *ddl) vacuum(ctx context.Context, s *ast.VacuumStmt) error {
	analyze, err := vacuumOptions(s)
	if err != nil {
		return err
	}
	var tables []*catalog.Table
	for i, r := range s.Tables {
		if len(s.Columns[i]) > 0 && !analyze {
			return sqlerr.New(sqlerr.FeatureNotSupported, "ANALYZE option must be specified when a column list is provided")
		}
		rel, err := d.find(r)
		if err != nil {
			return err
		}
		if rel == nil {
			return noRelation(r)
		}
		if err := analyzedColumns(rel, s.Columns[i]); err != nil {
			return err
		}
		if table, ok := rel.(*catalog.Table); ok {
			tables = append(tables, table)
		}
	}
	if len(s.Tables) == 0 {
		tables = d.allTables()
	}
	return d.withStatistics(ctx, func(seen *statistics) error {
		for _, table := range tables {
			if err := seen.look(ctx, table); err != nil {
				return err
			}
		}
		return nil
	})
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

// vacuumOptions checks the options and says whether the statement analyzes.
func vacuumOptions(s *ast.VacuumStmt) (analyze bool, err error) {
	analyze = s.Analyze
	for _, o := range s.Options {
		name := strings.ToLower(o.Name)
		switch {
		case name == "verbose", name == "skip_locked":
		case s.Analyze:
			return false, sqlerr.New(sqlerr.SyntaxError, "unrecognized ANALYZE option %s", quoted(o.Name)).At(o.Position())
		case name == "analyze":
			analyze = true
		case slices.Contains(laterVacuumOptions, name):
			return false, sqlerr.Unsupported("VACUUM %s", strings.ToUpper(o.Name)).At(o.Position())
		default:
			return false, sqlerr.New(sqlerr.SyntaxError, "unrecognized VACUUM option %s", quoted(o.Name)).At(o.Position())
		}
	}
	return analyze, nil
}

// laterVacuumOptions are Postgres' options that are not supported.
var laterVacuumOptions = []string{
	"freeze", "full", "disable_page_skipping", "index_cleanup", "process_toast", "truncate", "parallel",
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

func (d *ddl) checkpoint(ctx context.Context) error {
	if d.x.env.Engine == nil {
		return sqlerr.Unsupported("CHECKPOINT in this process")
	}
	return d.x.env.Engine.Checkpoint(ctx)
}
