package executor

import (
	"context"

	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/catalog"
	"quiver/storage"
)

// statistics gathers what pg_class tells of tables and indexes.
type statistics struct {
	*ddl
	snapshot storage.Snapshot
	of       map[catalog.OID]catalog.RelationStatistics
}

// withStatistics has f look at relations and stores what it saw.
func (d *ddl) withStatistics(ctx context.Context, f func(*statistics) error) error {
	snapshot, err := d.x.env.Txn.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer snapshot.Close()
	s := &statistics{d, snapshot, map[catalog.OID]catalog.RelationStatistics{}}
	if err := f(s); err != nil || len(s.of) == 0 {
		return err
	}
	return d.x.env.Catalog.SetStatistics(ctx, s.of)
}

// look counts a table and its indexes.
func (s *statistics) look(ctx context.Context, table *catalog.Table) error {
	s.table(table)
	for _, index := range s.catalog().Indexes(table.OID) {
		if err := s.index(ctx, table, index); err != nil {
			return err
		}
	}
	return nil
}

func (s *statistics) table(table *catalog.Table) {
	size := catalog.LiveOf(s.catalog()).TableSize(table)
	s.of[table.OID] = catalog.NewStatistics(s.catalog(), table, s.snapshot.Rows(table), size)
}

func (s *statistics) index(ctx context.Context, table *catalog.Table, index *catalog.Index) error {
	rows := s.snapshot.Rows(table)
	if index.Predicate != "" {
		var err error
		if rows, err = s.count(ctx, table, index.Predicate); err != nil {
			return err
		}
	}
	size := catalog.LiveOf(s.catalog()).IndexSize(table, index)
	s.of[index.OID] = catalog.NewStatistics(s.catalog(), table, rows, size)
	return nil
}

// count counts the rows of a partial index.
func (s *statistics) count(ctx context.Context, table *catalog.Table, condition string) (n int64, err error) {
	stmt, err := s.x.env.Replan(ctx, "SELECT count(*) FROM "+s.qualified(table.Schema, table.Name)+" WHERE "+condition)
	if err != nil {
		return 0, err
	}
	err = s.runQuery(ctx, stmt, func(b *batch) { n = b.cols[0].(*array.Int64).Value(0) })
	return n, err
}
