package catalog

import (
	"context"
	"sync/atomic"
)

// Live is what relations and functions of the catalog ask of a running server
// beyond the descriptors. A view leads to it by LiveOf; every version of one
// Catalog shares one.
type Live struct {
	c    *Catalog
	size atomic.Pointer[func(table *Table) int64]
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
// table in memory and in objects.
func (c *Catalog) SetTableSize(size func(table *Table) int64) { c.Current().live.size.Store(&size) }

// TableSize is the bytes that a table takes; 0 when nobody knows.
func (l *Live) TableSize(table *Table) int64 {
	if l == nil {
		return 0
	}
	if f := l.size.Load(); f != nil {
		return (*f)(table)
	}
	return 0
}

// SequenceValue is Catalog.SequenceValue.
func (l *Live) SequenceValue(ctx context.Context, s *Sequence) (last int64, called bool, err error) {
	return l.c.SequenceValue(ctx, s)
}
