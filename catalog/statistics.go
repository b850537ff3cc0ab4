package catalog

import (
	"cmp"
	"context"
	"encoding/json"
)

// RelationStatistics is what ANALYZE, VACUUM and CREATE INDEX last saw of a
// table or index, for pg_class: as in Postgres no part of any transaction.
type RelationStatistics struct {
	Tuples int64 `json:"tuples"`
	// Pages is the relation's size in blocks of 8192 bytes.
	Pages int64 `json:"pages"`
	// Storage is that of the table's first partition: another one, after
	// TRUNCATE, makes the numbers void.
	Storage StorageID `json:"storage"`
}

// UnknownStatistics is pg_class's word for a table nobody has looked at.
var UnknownStatistics = RelationStatistics{Tuples: -1}

// SetStatistics stores the statistics of relations by OID and shows them in the
// versions to come.
func (c *Catalog) SetStatistics(ctx context.Context, all map[OID]RelationStatistics) error {
	var ops []Op
	for oid, s := range all {
		value, err := json.Marshal(s)
		if err != nil {
			return err
		}
		ops = append(ops, Op{Key: c.keys.relationStatistics(oid), Value: value})
	}
	for _, chunk := range chunks(ops, 1) {
		if _, err := c.writeSettled(ctx, nil, chunk); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	next := *c.Current()
	for oid, s := range all {
		next.statistics = next.statistics.with(cmp.Compare[OID], oid, s)
	}
	next.stamp = nextStamp()
	c.current.Store(&next)
	return nil
}

// StatisticsOf is what is known of a relation of table, false when nothing is.
func StatisticsOf(v View, table *Table, relation OID) (RelationStatistics, bool) {
	if t, ok := v.(*Txn); ok {
		v = t.View
	}
	d, ok := v.(*databaseView)
	if !ok || table == nil {
		return RelationStatistics{}, false
	}
	s, ok := d.statistics.get(cmp.Compare[OID], relation)
	if ok && s.Storage != firstStorage(v, table) {
		return UnknownStatistics, true
	}
	return s, ok
}

// NewStatistics is the statistics of a relation of table.
func NewStatistics(v View, table *Table, tuples, bytes int64) RelationStatistics {
	const block = 8192
	return RelationStatistics{Tuples: tuples, Pages: (bytes + block - 1) / block, Storage: firstStorage(v, table)}
}

func firstStorage(v View, table *Table) StorageID {
	if partitions := v.Partitions(table.OID); len(partitions) > 0 {
		return partitions[0].Storage
	}
	return 0
}

// loadStatistics reads them into v; those of relations that are gone are
// removed.
func (c *Catalog) loadStatistics(ctx context.Context, v *Version) error {
	kvs, err := c.rangeAll(ctx, c.keys.statistics())
	if err != nil {
		return err
	}
	var orphans []Op
	for _, kv := range kvs {
		n, err := numbers(kv.Key, c.keys.statistics(), 1)
		if err != nil {
			return err
		}
		var s RelationStatistics
		if err := json.Unmarshal(kv.Value, &s); err != nil {
			return err
		}
		if oid := OID(n[0]); v.Descriptor(oid) != nil {
			v.statistics = v.statistics.with(cmp.Compare[OID], oid, s)
		} else {
			orphans = append(orphans, Op{Delete: true, Key: kv.Key})
		}
	}
	for _, chunk := range chunks(orphans, 1) {
		if _, err := c.writeSettled(ctx, nil, chunk); err != nil {
			return err
		}
	}
	return nil
}
