package storage

import (
	"context"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/catalog"
	"quiver/storage/growing"
	"quiver/storage/segment"
	"quiver/storage/wal"
)

// insertion is one Insert or the new rows of one Update.
type insertion struct {
	t         *txn
	schema    *tableSchema
	partition *catalog.Partition
	// each is the partition of each row, where they may differ; partition is then
	// the one being stored to.
	each      []*catalog.Partition
	columns   []arrow.Array // as given
	stored    []arrow.Array // the same as they are held
	rows      int
	keys      *array.Binary // nil without a primary key
	hashes    []uint64
	ids       []RowID // 0: left out
	conflicts []UniqueConflict
}

// Insert adds rows; see Txn.
func (t *txn) Insert(ctx context.Context, table *catalog.Table, partition catalog.OID, columns []arrow.Array, onConflict bool) ([]RowID, []UniqueConflict, error) {
	p, err := t.partition(table, partition)
	if err != nil {
		return nil, nil, err
	}
	in, err := t.newInsertion(table, p, nil, columns)
	if err != nil {
		return nil, nil, err
	}
	return in.insert(ctx, onConflict)
}

// InsertInto adds rows to the partition of each; see Txn.
func (t *txn) InsertInto(ctx context.Context, table *catalog.Table, each []*catalog.Partition, columns []arrow.Array, onConflict bool) ([]RowID, []UniqueConflict, error) {
	in, err := t.newInsertion(table, nil, each, columns)
	if err != nil {
		return nil, nil, err
	}
	return in.insert(ctx, onConflict)
}

func (in *insertion) insert(ctx context.Context, onConflict bool) ([]RowID, []UniqueConflict, error) {
	defer in.close()
	if in.rows == 0 {
		return nil, nil, nil
	}
	t := in.t
	if err := t.e.admit(ctx); err != nil {
		return nil, nil, err
	}
	if t.load != nil {
		if err := t.load.admit(ctx); err != nil {
			return nil, nil, err
		}
	}
	if err := in.check(ctx, onConflict); err != nil {
		return nil, nil, err
	}
	return in.ids, in.conflicts, in.store()
}

// newInsertion takes one partition for all rows, or that of each.
func (t *txn) newInsertion(table *catalog.Table, partition *catalog.Partition, each []*catalog.Partition, columns []arrow.Array) (*insertion, error) {
	if err := t.writable(); err != nil {
		return nil, err
	}
	schema, err := t.e.schemas.of(table, t.catalog)
	if err != nil {
		return nil, err
	}
	in := &insertion{t: t, schema: schema, partition: partition, each: each, columns: columns}
	if len(columns) != len(schema.columns) {
		return nil, errColumns(table, len(columns), len(schema.columns))
	}
	if in.stored, err = schema.toStorage(columns); err != nil {
		return nil, err
	}
	if len(columns) > 0 {
		in.rows = columns[0].Len()
	}
	if len(schema.key) > 0 {
		in.keys = encodeKeys(columns, schema.key, schema.keyTypes, in.rows)
		in.hashes = hashKeys(in.keys)
	}
	in.ids = make([]RowID, in.rows)
	t.e.load.write()
	return in, nil
}

func (in *insertion) close() {
	releaseAll(in.stored)
	if in.keys != nil {
		in.keys.Release()
	}
}

// partition finds a partition of table; 0 is the default one.
func (t *txn) partition(table *catalog.Table, oid catalog.OID) (*catalog.Partition, error) {
	if oid != 0 {
		if p := t.catalog.Partition(oid); p != nil && p.Table == table.OID {
			return p, nil
		}
	} else if first := t.catalog.SomePartitions(table.OID, 1); len(first) == 1 && first[0].Default {
		return first[0], nil
	}
	return nil, errPartition(table, oid)
}

// reach lists the partitions that may hold a key of the rows: those that the rows
// go to if the partition key is part of the primary key, otherwise all.
func (in *insertion) reach() []*catalog.Partition {
	table := in.schema.table
	if table.PartitionKey == nil || !table.PartitionKey.KeyWithin(in.schema.keyNumbers()) {
		return in.t.catalog.Partitions(table.OID)
	}
	if in.each == nil {
		return []*catalog.Partition{in.partition}
	}
	var list []*catalog.Partition
	seen := map[catalog.StorageID]bool{}
	for _, p := range in.each {
		if !seen[p.Storage] {
			seen[p.Storage] = true
			list = append(list, p)
		}
	}
	return list
}

// check locks each row's key and looks for a live row that has it. Rows to be
// left out are in conflicts.
func (in *insertion) check(ctx context.Context, onConflict bool) error {
	if in.keys == nil {
		return nil
	}
	// All keys are locked before any is looked up: what others committed while
	// this waited must be in the views.
	held := make([]bool, in.rows)
	for row := range in.rows {
		var err error
		if held[row], err = in.t.lockKey(ctx, in.schema.table.Storage, in.keys.Value(row)); err != nil {
			return err
		}
	}
	reach := in.reach()
	if err := in.t.e.damage(in.schema.table, reach); err != nil {
		return err
	}
	views := in.t.e.pinPartitions(in.schema.table, reach)
	defer views.release()
	left := map[int]bool{}
	for row := range in.rows {
		existing, clash, err := in.checkRow(ctx, views, reach, row, held[row], left)
		if err != nil {
			return err
		}
		if !clash {
			continue
		}
		if !onConflict {
			return in.uniqueError(row)
		}
		left[row] = true
		in.conflicts = append(in.conflicts, UniqueConflict{Row: row, Existing: existing})
	}
	return nil
}

// checkRow answers whether the key of a row is taken: by a row of the table, or
// (existing 0) by an earlier one of the batch.
func (in *insertion) checkRow(ctx context.Context, views *tableViews, reach []*catalog.Partition, row int, held bool, left map[int]bool) (existing RowID, clash bool, err error) {
	table, hash, key := in.schema.table, in.hashes[row], in.keys.Value(row)
	if held {
		// The transaction met the key before: as an own row, in this batch, or
		// by deleting it.
		for i := range row {
			if in.hashes[i] == hash && !left[i] && string(in.keys.Value(i)) == string(key) {
				return 0, true, nil
			}
		}
		if id, err := in.ownRow(ctx, reach, key, hash); id != 0 || err != nil {
			return id, err == nil, err
		}
		if load := in.t.load; load != nil {
			if found, err := load.has(ctx, key, hash); found || err != nil {
				return 0, err == nil, err
			}
		}
	}
	id, past, err := views.newest(ctx, table, in.t.e.now(), hash, key, func(id RowID) bool {
		return in.t.writes != nil && in.t.writes.deleted(table.Storage, id)
	})
	if err != nil || id == 0 {
		return 0, false, err
	}
	if past {
		return 0, false, in.t.deleteExpired(ctx, table, id)
	}
	if !held {
		// Nobody is kept waiting for a key that is not inserted.
		in.t.owner().Release(keyResource(table.Storage, key))
	}
	return id, true, nil
}

func (in *insertion) ownRow(ctx context.Context, reach []*catalog.Partition, key []byte, hash uint64) (RowID, error) {
	if in.t.writes == nil {
		return 0, nil
	}
	shard := shardOf(hash, in.schema.table)
	for _, p := range reach {
		at := shardKey{p.Storage, shard}
		if id := in.t.writes.alive(at, hash, key); id != 0 {
			return id, nil
		}
		if id, err := in.t.writes.aliveLoaded(ctx, at, in.schema.table.Storage, key); id != 0 || err != nil {
			return id, err
		}
	}
	return 0, nil
}

func (in *insertion) uniqueError(row int) error {
	e := &UniqueError{Table: in.schema.table, Index: in.schema.index}
	for i, k := range in.schema.key {
		e.Key = append(e.Key, array.NewSlice(in.columns[k], int64(row), int64(row+1)))
		e.Types = append(e.Types, in.schema.keyTypes[i])
	}
	return e
}

// shardOf is the shard of a hash.
func shardOf(hash uint64, table *catalog.Table) int {
	if table.Shards <= 1 {
		return 0
	}
	return int(hash % uint64(table.Shards))
}

// store puts the rows that are not left out into the private segments and the
// stream.
func (in *insertion) store() error {
	kept := in.rows - len(in.conflicts)
	if kept == 0 {
		return nil
	}
	left := map[int]bool{}
	for _, c := range in.conflicts {
		left[c.Row] = true
	}
	if in.each == nil {
		return in.storeGroup(in.keptRows(left))
	}
	var order []*catalog.Partition
	groups := map[*catalog.Partition][]int{}
	for row, p := range in.each {
		if left[row] {
			continue
		}
		if groups[p] == nil {
			order = append(order, p)
		}
		groups[p] = append(groups[p], row)
	}
	for _, p := range order {
		in.partition = p
		if err := in.storeGroup(groups[p]); err != nil {
			return err
		}
	}
	return nil
}

func (in *insertion) keptRows(left map[int]bool) []int {
	rows := make([]int, 0, in.rows)
	for row := range in.rows {
		if !left[row] {
			rows = append(rows, row)
		}
	}
	return rows
}

// storeGroup stores rows of in.partition, under row ids that follow each other.
func (in *insertion) storeGroup(rows []int) error {
	first := in.t.e.newIDs(len(rows))
	for i, row := range rows {
		in.ids[row] = RowID(first + uint64(i))
	}
	shards := max(in.schema.table.Shards, 1)
	if shards == 1 {
		return in.storeSome(0, rows)
	}
	byShard := make([][]int, shards)
	for _, row := range rows {
		hash := segment.RowIDHash(uint64(in.ids[row]))
		if in.keys != nil {
			hash = in.hashes[row]
		}
		s := shardOf(hash, in.schema.table)
		byShard[s] = append(byShard[s], row)
	}
	for s, rows := range byShard {
		if len(rows) == 0 {
			continue
		}
		if err := in.storeSome(s, rows); err != nil {
			return err
		}
	}
	return nil
}

// storeSome stores the given rows: a copy of them, if they are not all.
func (in *insertion) storeSome(shard int, rows []int) error {
	if len(rows) == in.rows {
		return in.storeRows(shard, growing.Rows{Columns: in.stored, RowIDs: rowIDsOf(in.ids), Keys: in.keys, Hashes: in.hashes})
	}
	var taken growing.Rows
	defer func() {
		releaseAll(taken.Columns)
		if taken.Keys != nil {
			taken.Keys.Release()
		}
	}()
	for _, c := range in.stored {
		a, err := takeRows(c, rows)
		if err != nil {
			return err
		}
		taken.Columns = append(taken.Columns, a)
	}
	if in.keys != nil {
		keys, err := takeRows(in.keys, rows)
		if err != nil {
			return err
		}
		taken.Keys = keys.(*array.Binary)
	}
	for _, row := range rows {
		taken.RowIDs = append(taken.RowIDs, uint64(in.ids[row]))
		if in.keys != nil {
			taken.Hashes = append(taken.Hashes, in.hashes[row])
		}
	}
	return in.storeRows(shard, taken)
}

func (in *insertion) target(shard int) wal.Target {
	table := in.schema.table
	return wal.Target{
		Table: uint32(table.OID), TableStorage: uint64(table.Storage), Partition: uint64(in.partition.Storage),
		Shard: uint32(shard), SchemaVersion: table.SchemaVersion,
	}
}

// changeBytesMax is about how large one change of the stream gets: the unit
// that recovery holds in memory.
const changeBytesMax = 512 << 10

func (in *insertion) storeRows(shard int, rows growing.Rows) error {
	t := in.t
	if t.load != nil && t.load.table == in.schema.table.Storage {
		return t.load.add(in, shard, rows)
	}
	if err := t.private().insert(in.target(shard), in.schema.growing, rows, in.partition.Options.Over(in.schema.table.Options).SegmentBytesMax); err != nil {
		return err
	}
	n := len(rows.RowIDs)
	step := max(1, int(int64(n)*changeBytesMax/max(1, arrayBytes(rows.Columns))))
	change := wal.Insert{Target: in.target(shard), Fields: in.schema.fields, Key: in.schema.walKey, Columns: rows.Columns}
	for from := 0; from < n; {
		to := min(n, from+step)
		for i := from + 1; i < to; i++ { // a change has consecutive row ids
			if rows.RowIDs[i] != rows.RowIDs[i-1]+1 {
				to = i
			}
		}
		change.FirstRowID = rows.RowIDs[from]
		var err error
		if t.stream.buf, err = wal.AppendInsert(t.stream.buf, &change, from, to-from); err != nil {
			return err
		}
		if err := t.stream.wrote(); err != nil {
			return err
		}
		from = to
	}
	return nil
}

func rowIDsOf(ids []RowID) []uint64 {
	out := make([]uint64, len(ids))
	for i, id := range ids {
		out[i] = uint64(id)
	}
	return out
}

// takeRows copies the given rows, which ascend, of a.
func takeRows(a arrow.Array, rows []int) (arrow.Array, error) {
	var runs []arrow.Array
	defer func() { releaseAll(runs) }()
	for i := 0; i < len(rows); {
		j := i + 1
		for j < len(rows) && rows[j] == rows[j-1]+1 {
			j++
		}
		runs = append(runs, array.NewSlice(a, int64(rows[i]), int64(rows[j-1]+1)))
		i = j
	}
	return array.Concatenate(runs, memory.DefaultAllocator)
}
