package storage

import (
	"bytes"
	"context"
	"errors"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/catalog"
	"quiver/internal/hlc"
	"quiver/storage/lock"
	"quiver/storage/wal"
)

// LockRow locks a row version and says what became of it meanwhile.
func (t *txn) LockRow(ctx context.Context, table *catalog.Table, row RowID, mode RowLockMode, wait WaitPolicy) (LockedRow, error) {
	if t.done {
		return LockedRow{}, ErrClosed
	}
	if t.writes != nil && t.writes.deleted(table.Storage, row) {
		return LockedRow{Status: RowOwn}, nil
	}
	resource := rowResource(table.Storage, row)
	held, err := t.owner().Lock(ctx, resource, lock.Mode(mode), t.wait(wait))
	if err != nil {
		if err = lockError(err); err == ErrLockNotAvailable && wait == WaitSkip {
			return LockedRow{Status: RowSkipped}, nil
		}
		return LockedRow{}, err
	}
	state, err := t.newestState(ctx, table, row)
	if state.Status != RowCurrent && !held {
		t.owner().Release(resource)
	}
	return state, err
}

// newestState says what has become of a row, under its lock.
func (t *txn) newestState(ctx context.Context, table *catalog.Table, row RowID) (LockedRow, error) {
	at, err := t.locate(ctx, table, row)
	if err != nil {
		return LockedRow{}, err
	}
	defer at.release()
	deleted, successor := at.src.tombstones().Get(at.pos)
	switch {
	case deleted == 0:
		return LockedRow{Status: RowCurrent}, nil
	case at.own:
		return LockedRow{Status: RowOwn}, nil
	case successor != 0:
		if t.opts.Isolation == RepeatableRead && t.readAt.at < hlc.Timestamp(deleted) {
			return LockedRow{}, ErrSerialization
		}
		return LockedRow{Status: RowUpdated, Successor: RowID(successor)}, nil
	}
	if t.opts.Isolation == RepeatableRead && t.readAt.at < hlc.Timestamp(deleted) {
		return LockedRow{}, ErrSerializationDelete
	}
	return LockedRow{Status: RowDeleted}, nil
}

// located is where a row lies, pinned.
type located struct {
	view      *shardView // nil of an own row
	partition *catalog.Partition
	shard     int
	src       source
	pos       int
	own       bool
}

func (l *located) release() {
	if l.view != nil {
		l.view.release()
	}
}

// locate finds a row version of a table: an own one or a committed one.
func (t *txn) locate(ctx context.Context, table *catalog.Table, row RowID) (*located, error) {
	if t.writes != nil {
		if s, g, pos := t.writes.findAny(row); g != nil {
			if p := t.catalog.PartitionByStorage(s.key.partition); p != nil {
				return &located{src: g, pos: pos, shard: s.key.shard, own: true, partition: p}, nil
			}
		}
		s, f, pos, err := t.writes.findLoaded(ctx, table.Storage, row)
		if err != nil {
			return nil, err
		}
		if f != nil {
			if p := t.catalog.PartitionByStorage(s.key.partition); p != nil {
				return &located{src: f, pos: pos, shard: s.key.shard, partition: p}, nil
			}
		}
	}
	for _, p := range t.near.of(table.OID) {
		if l, err := t.locateIn(ctx, table, p, row); l != nil || err != nil {
			return l, err
		}
	}
	for _, p := range t.catalog.Partitions(table.OID) {
		l, err := t.locateIn(ctx, table, p, row)
		if err != nil {
			return nil, err
		}
		if l != nil {
			t.near.found(table.OID, p)
			return l, nil
		}
	}
	return nil, errNoRow(table, row)
}

// locateIn looks for a committed row version in one partition; nil if it is not
// there.
func (t *txn) locateIn(ctx context.Context, table *catalog.Table, p *catalog.Partition, row RowID) (*located, error) {
	for n := range max(table.Shards, 1) {
		s := t.e.findShard(shardKey{p.Storage, n})
		if s == nil {
			continue
		}
		if s.damage != nil {
			return nil, s.damage
		}
		view := s.pin()
		src, pos, err := view.find(ctx, uint64(row))
		if src != nil && err == nil {
			return &located{view: view, src: src, pos: pos, partition: p, shard: n}, nil
		}
		view.release()
		if err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// tableViews pins every shard of a table that has rows.
type tableViews struct {
	list []tableView
}

type tableView struct {
	partition *catalog.Partition
	key       shardKey
	view      *shardView
}

func (e *Engine) pinPartitions(table *catalog.Table, partitions []*catalog.Partition) *tableViews {
	views := &tableViews{}
	for _, p := range partitions {
		for n := range max(table.Shards, 1) {
			key := shardKey{p.Storage, n}
			if s := e.findShard(key); s != nil {
				views.list = append(views.list, tableView{p, key, s.pin()})
			}
		}
	}
	return views
}

func (v *tableViews) release() {
	for i := range v.list {
		v.list[i].view.release()
	}
	v.list = nil
}

// newest looks for the live committed row of a key in every partition. past says
// that it is past its time at now.
func (v *tableViews) newest(ctx context.Context, table *catalog.Table, now hlc.Timestamp, hash uint64, key []byte, skip func(RowID) bool) (id RowID, past bool, err error) {
	for i := range v.list {
		expired := expiredBy(ttlOf(table, v.list[i].partition), now)
		if id, past, err = v.list[i].view.newest(ctx, hash, key, expired, skip); id != 0 || err != nil {
			return id, past, err
		}
	}
	return 0, false, nil
}

// deleteExpired deletes a row that is past its time and in the way of a new one,
// whose key the transaction has locked: should rows be given more time later, the
// old one must not come back beside the new one. A flush or a merge may take it away
// at any time: no snapshot keeps it.
func (t *txn) deleteExpired(ctx context.Context, table *catalog.Table, row RowID) error {
	locked, err := t.LockRow(ctx, table, row, LockForUpdate, WaitBlock)
	if errors.Is(err, errGone) {
		return nil
	}
	if err != nil || locked.Status != RowCurrent {
		return err
	}
	deletes, err := t.deleteRows(ctx, table, []RowID{row})
	if errors.Is(err, errGone) {
		return nil
	}
	if err != nil {
		return err
	}
	return t.logDeletes(deletes)
}

// Delete deletes locked rows.
func (t *txn) Delete(ctx context.Context, table *catalog.Table, rows []RowID) error {
	if err := t.writable(); err != nil {
		return err
	}
	deletes, err := t.deleteRows(ctx, table, rows)
	if err != nil {
		return err
	}
	return t.logDeletes(deletes)
}

// deletedRow is a row just deleted: its index among the transaction's deletes
// and the partition where its successor goes.
type deletedRow struct {
	index     int
	partition *catalog.Partition
}

func (t *txn) deleteRows(ctx context.Context, table *catalog.Table, rows []RowID) ([]deletedRow, error) {
	schema, err := t.e.schemas.of(table, t.catalog)
	if err != nil {
		return nil, err
	}
	targets := map[shardKey]*wal.Target{}
	out := make([]deletedRow, 0, len(rows))
	for _, row := range rows {
		at, err := t.locate(ctx, table, row)
		if err != nil {
			return nil, err
		}
		key, err := t.lockOldKey(ctx, schema, at)
		at.release()
		if err != nil {
			return nil, err
		}
		shard := shardKey{at.partition.Storage, at.shard}
		target := targets[shard]
		if target == nil {
			in := insertion{schema: schema, partition: at.partition}
			w := in.target(at.shard)
			target = &w
			targets[shard] = target
		}
		out = append(out, deletedRow{t.private().delete(target, row, 0, key), at.partition})
	}
	return out, nil
}

// lockOldKey keeps others from inserting the key of a row to be deleted before
// the transaction ends.
func (t *txn) lockOldKey(ctx context.Context, schema *tableSchema, at *located) ([]byte, error) {
	if len(schema.key) == 0 {
		return nil, nil
	}
	key, err := at.src.appendKey(ctx, nil, at.pos)
	if err != nil {
		return nil, err
	}
	_, err = t.lockKey(ctx, schema.table.Storage, key)
	return key, err
}

// deletesPerChange bounds a change of the stream.
const deletesPerChange = 4096

// logDeletes appends deletes to the stream: runs of one shard together.
func (t *txn) logDeletes(deletes []deletedRow) error {
	for len(deletes) > 0 {
		first := t.writes.deletes.at(deletes[0].index)
		change := wal.Delete{Target: *first.target}
		n := 0
		for ; n < min(len(deletes), deletesPerChange); n++ {
			d := t.writes.deletes.at(deletes[n].index)
			if d.target != first.target {
				break
			}
			change.Rows = append(change.Rows, wal.Deleted{RowID: uint64(d.row), Successor: uint64(d.successor), Key: d.key})
		}
		t.stream.buf = wal.AppendDelete(t.stream.buf, &change)
		if err := t.stream.wrote(); err != nil {
			return err
		}
		deletes = deletes[n:]
	}
	return nil
}

// Update replaces locked rows.
func (t *txn) Update(ctx context.Context, table *catalog.Table, rows []RowID, columns []arrow.Array) ([]RowID, error) {
	return t.replace(ctx, table, rows, nil, columns)
}

// UpdateInto replaces locked rows by new ones in the partition of each; see Txn.
func (t *txn) UpdateInto(ctx context.Context, table *catalog.Table, rows []RowID, each []*catalog.Partition, columns []arrow.Array) ([]RowID, error) {
	return t.replace(ctx, table, rows, each, columns)
}

// replace is both: without each the rows stay where they are.
func (t *txn) replace(ctx context.Context, table *catalog.Table, rows []RowID, each []*catalog.Partition, columns []arrow.Array) ([]RowID, error) {
	if err := t.writable(); err != nil {
		return nil, err
	}
	if err := t.e.admit(ctx); err != nil {
		return nil, err
	}
	deletes, err := t.deleteRows(ctx, table, rows)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	one := deletes[0].partition
	if each == nil {
		for _, d := range deletes {
			if each = append(each, d.partition); d.partition != one {
				one = nil
			}
		}
		if one != nil { // as in most tables
			each = nil
		}
	}
	in, err := t.newInsertion(table, one, each, columns)
	if err != nil {
		return nil, err
	}
	defer in.close()
	if !in.keepsKeys(deletes) {
		if err := in.check(ctx, false); err != nil {
			return nil, err
		}
	}
	if err := in.store(); err != nil {
		return nil, err
	}
	for i, d := range deletes {
		t.writes.succeed(d.index, in.ids[i])
	}
	return in.ids, t.logDeletes(deletes)
}

// keepsKeys says whether the rows have the keys, each its own, of those that they
// replace. The transaction has locked these, and nobody else has one of them.
func (in *insertion) keepsKeys(replaced []deletedRow) bool {
	for i, d := range replaced {
		if in.keys == nil || !bytes.Equal(in.keys.Value(i), in.t.writes.deletes.at(d.index).key) {
			return false
		}
	}
	return true
}
