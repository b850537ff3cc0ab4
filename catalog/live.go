package catalog

import (
	"context"
	"sync/atomic"
)

// Live is what relations and functions of the catalog ask of a running server
// beyond the descriptors. A view leads to it by LiveOf; every version of one
// Catalog shares one.
type Live struct {
	c      *Catalog
	size   atomic.Pointer[func(table, partition StorageID) int64]
	builds atomic.Pointer[func() []IndexProgress]
	index  atomic.Pointer[func(table, index StorageID) int64]
}

// LiveOf returns what lies behind a view.
func LiveOf(v View) *Live {
	if t, ok := v.(*Txn); ok {
		v = t.View
	}
	if d, ok := v.(*databaseView); ok {
		return d.live
	}
	return nil
}

// SetTableSize installs storage's answer to pg_relation_size: the bytes of a
// table, or of one of its partitions if that is not 0, in memory and in objects.
func (c *Catalog) SetTableSize(size func(table, partition StorageID) int64) {
	c.Current().live.size.Store(&size)
}

// TableSize is the bytes that a table takes; 0 when nobody knows.
func (l *Live) TableSize(table *Table) int64 { return l.sizeOf(table.Storage, 0) }

// PartitionSize is the bytes that a partition of a table takes.
func (l *Live) PartitionSize(table *Table, p *Partition) int64 {
	return l.sizeOf(table.Storage, p.Storage)
}

func (l *Live) sizeOf(table, partition StorageID) int64 {
	if l == nil {
		return 0
	}
	if f := l.size.Load(); f != nil {
		return (*f)(table, partition)
	}
	return 0
}

// SetIndexSize installs storage's answer to pg_relation_size of an index: the
// bytes of its parts in objects.
func (c *Catalog) SetIndexSize(size func(table, index StorageID) int64) {
	c.Current().live.index.Store(&size)
}

// IndexSize is the bytes that an index of a table takes beside the segments
// themselves; 0 when nobody knows.
func (l *Live) IndexSize(table *Table, index *Index) int64 {
	if l == nil || table == nil || index.Storage == 0 {
		return 0
	}
	if f := l.index.Load(); f != nil {
		return (*f)(table.Storage, index.Storage)
	}
	return 0
}

// InDatabase returns the newest version as a database shows it.
func (l *Live) InDatabase(database OID) View { return l.c.View(database) }

// SequenceValue is Catalog.SequenceValue.
func (l *Live) SequenceValue(ctx context.Context, s *Sequence) (last int64, called bool, err error) {
	return l.c.SequenceValue(ctx, s)
}

// IndexProgress is one index being built: a row of
// pg_stat_progress_create_index.
type IndexProgress struct {
	PID             int32 // of the backend that waits for it; 0 of background work
	Database        OID
	Table, Index    OID
	Command         string // CREATE INDEX, CREATE INDEX CONCURRENTLY, REINDEX …
	Phase           string // initializing, loading tuples …
	BlocksTotal     int64  // pages of 8 kB, by the size of the rows
	BlocksDone      int64
	TuplesTotal     int64 // rows of the segments
	TuplesDone      int64
	PartitionsTotal int64
	PartitionsDone  int64
}

// SetIndexBuilds installs storage's answer to pg_stat_progress_create_index.
func (c *Catalog) SetIndexBuilds(builds func() []IndexProgress) {
	c.Current().live.builds.Store(&builds)
}

// IndexBuilds lists the indexes being built.
func (l *Live) IndexBuilds() []IndexProgress {
	if l == nil {
		return nil
	}
	if f := l.builds.Load(); f != nil {
		return (*f)()
	}
	return nil
}
