package executor

import (
	"context"
	"fmt"

	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/catalog"
	"quiver/sql/sqlerr"
	"quiver/storage"
	"quiver/vector/ivf"
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
	if e := s.x.env.Engine; e != nil {
		if err := e.Damage(table); err != nil {
			return err
		}
	}
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

// noticeLittleData says that an index of ivfflat has more lists than rows, as
// pgvector does, but not that recall is low for it: rows that come later are indexed
// by lists of their own.
func (s *statistics) noticeLittleData(ctx context.Context, table *catalog.Table, index *catalog.Index) error {
	if index.Method != "ivfflat" {
		return nil
	}
	lists := storage.IndexOptions(index).Lists
	if lists == 0 {
		lists = ivf.ListsDefault
	}
	key := index.Columns[0].Expr
	if column := index.Columns[0].Number; column > 0 {
		key = identifier(columnByNumber(table, column).Name)
	}
	condition := "(" + key + ") IS NOT NULL"
	if index.Predicate != "" {
		condition += " AND (" + index.Predicate + ")"
	}
	// As many rows as there are lists are enough to know.
	rows, err := s.number(ctx, fmt.Sprintf("SELECT count(*) FROM (SELECT 1 FROM %s WHERE %s LIMIT %d) AS few", s.qualified(table.Schema, table.Name), condition, lists))
	if err == nil && rows < int64(lists) {
		s.notice(sqlerr.SuccessfulCompletion, "ivfflat index created with little data")
	}
	return err
}

// count counts the rows of a partial index.
func (s *statistics) count(ctx context.Context, table *catalog.Table, condition string) (n int64, err error) {
	return s.number(ctx, "SELECT count(*) FROM "+s.qualified(table.Schema, table.Name)+" WHERE "+condition)
}

// number is the result of a query.
func (s *statistics) number(ctx context.Context, query string) (n int64, err error) {
	stmt, err := s.x.env.Replan(ctx, query)
	if err != nil {
		return 0, err
	}
	err = s.runQuery(ctx, stmt, func(b *batch) { n = b.cols[0].(*array.Int64).Value(0) })
	return n, err
}
