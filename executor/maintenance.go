package executor

import (
	"context"
	"errors"
	"strings"

	"quiver/catalog"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/storage"
)

// vacuum is VACUUM and ANALYZE. Row counts are always known and dead rows are
// left out by every scan, so there is nothing to do but to look at the names;
// VACUUM FULL, which promises space, waits for compaction.
func (d *ddl) vacuum(s *ast.VacuumStmt) error {
	for _, o := range s.Options {
		switch strings.ToLower(o.Name) {
		case "verbose", "analyze", "skip_locked":
		default:
			return sqlerr.Unsupported("VACUUM %s", strings.ToUpper(o.Name)).At(o.Position())
		}
	}
	for _, r := range s.Tables {
		rel, err := d.find(r)
		if err != nil {
			return err
		}
		if rel == nil {
			return noRelation(r)
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
