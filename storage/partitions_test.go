package storage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"quiver/catalog"
)

// newPartitions makes a table of two shards with n more partitions.
func (w *world) newPartitions(name string, n int) (*catalog.Table, []*catalog.Partition) {
	w.t.Helper()
	tx := w.begin(TxnOptions{})
	table := w.createTable(name, tx, 2)
	list := make([]*catalog.Partition, n)
	for i := range list {
		list[i] = &catalog.Partition{Object: catalog.Object{Name: fmt.Sprintf("%s_%d", name, i)}, Schema: table.Schema}
		w.check(tx.Catalog().AddPartition(w.ctx, table, list[i]))
	}
	w.check(tx.Commit(w.ctx))
	return table, list
}

// manyPartitions is more than nearby keeps and than a group of flushes takes.
const manyPartitions = 2*flushGroupMax + nearbyMax

// TestManyPartitions moves the rows of many partitions, twice in one transaction,
// flushes them all and restarts.
func TestManyPartitions(t *testing.T) {
	w := newWorld(t)
	table, parts := w.newPartitions("a", manyPartitions)
	var ids []int64
	var names, want []string
	var each []*catalog.Partition
	for i := range int64(3 * manyPartitions) {
		ids, names, each = append(ids, i), append(names, "x"), append(each, parts[i%manyPartitions])
		want = append(want, fmt.Sprintf("%d=z", i))
	}
	tx := w.begin(TxnOptions{})
	_, _, err := tx.InsertInto(w.ctx, table, each, columnsOf(ids, names), false)
	w.check(err)
	w.check(tx.Commit(w.ctx))

	tx = w.begin(TxnOptions{})
	for round, name := range []string{"y", "z"} {
		w.moveAll(tx, table, parts, round+1, name)
	}
	w.expect(tx, table, strings.Join(want, " "))
	w.check(tx.Commit(w.ctx))
	w.now(table, strings.Join(want, " "))

	for _, step := range []func(){w.crash, func() { w.check(w.e.Checkpoint(w.ctx)) }, w.crash} {
		step()
		w.now(table, strings.Join(want, " "))
	}
	for _, s := range w.e.allShards() {
		if s.memoryBytes() != 0 || s.dirty != zeroPosition {
			t.Errorf("shard %v is not flushed", s.key)
		}
	}
}

// moveAll replaces every row that tx sees by one in the next partition but by.
func (w *world) moveAll(tx *txn, table *catalog.Table, parts []*catalog.Partition, by int, name string) {
	w.t.Helper()
	s, err := tx.Snapshot(w.ctx)
	w.check(err)
	defer s.Close()
	sc, err := s.Scan(w.ctx, ScanSpec{Table: table, Fields: []catalog.FieldID{100, 101}, WithRowID: true})
	w.check(err)
	defer sc.Close()
	for {
		b, err := sc.Next(w.ctx)
		w.check(err)
		if b == nil {
			return
		}
		rows := rowsOf(b)
		b.Record.Release()
		for _, r := range rows {
			got, err := tx.LockRow(w.ctx, table, r.row, LockForUpdate, WaitBlock)
			w.check(err)
			if got.Status != RowCurrent {
				w.t.Fatalf("row %d: status %d", r.id, got.Status)
			}
			to := []*catalog.Partition{parts[(int(r.id)+by)%len(parts)]}
			_, err = tx.UpdateInto(w.ctx, table, []RowID{r.row}, to, columnsOf([]int64{r.id}, []string{name}))
			w.check(err)
		}
	}
}

// oneRowEach puts one row into each partition, numbered, with a text.
func (w *world) oneRowEach(table *catalog.Table, parts []*catalog.Partition, text func(i int) string) {
	w.t.Helper()
	tx := w.begin(TxnOptions{})
	for i, p := range parts {
		_, _, err := tx.Insert(w.ctx, table, p.OID, columnsOf([]int64{int64(i)}, []string{text(i)}), false)
		w.check(err)
	}
	w.check(tx.Commit(w.ctx))
}

// TestScanTellsWhereRowsLie: whoever locks the rows of a batch looks for them in
// the partition that the batch came from, not in all of them.
func TestScanTellsWhereRowsLie(t *testing.T) {
	w := newWorld(t)
	table, parts := w.newPartitions("a", manyPartitions)
	w.oneRowEach(table, parts, func(int) string { return "x" })
	tx := w.begin(TxnOptions{})
	defer tx.Rollback()
	s, err := tx.Snapshot(w.ctx)
	w.check(err)
	defer s.Close()
	sc, err := s.Scan(w.ctx, ScanSpec{Table: table, Fields: []catalog.FieldID{100, 101}, WithRowID: true})
	w.check(err)
	defer sc.Close()
	batches := 0
	for b, err := sc.Next(w.ctx); b != nil || err != nil; b, err = sc.Next(w.ctx) {
		w.check(err)
		batches++
		for _, r := range rowsOf(b) {
			if near := tx.near.of(table.OID); !slices.ContainsFunc(near, func(p *catalog.Partition) bool { return p.OID == parts[r.id].OID }) {
				t.Errorf("row %d is not looked for in its partition first", r.id)
			}
		}
		b.Record.Release()
	}
	if batches != manyPartitions {
		t.Errorf("%d batches", batches)
	}
}

// TestLargestAmongMany: thousands of shards of a few rows each fill the memory too.
func TestLargestAmongMany(t *testing.T) {
	w := newWorld(t)
	table, parts := w.newPartitions("a", manyPartitions)
	w.oneRowEach(table, parts, func(i int) string { return strings.Repeat("x", 200*i) })
	w.e.opts.GrowingBytesMax = 1 << 30
	if list := w.e.largest(); list != nil {
		t.Errorf("%d shards are worth a flush with memory to spare", len(list))
	}
	size := func(list []*shard) (n int64) {
		for _, s := range list {
			n += s.memoryBytes()
		}
		return n
	}
	// All that the shards hold, as if there were many more of them.
	w.e.opts.GrowingBytesMax = size(w.e.allShards())
	list := w.e.largest()
	if !slices.IsSortedFunc(list, func(a, b *shard) int { return int(b.memoryBytes() - a.memoryBytes()) }) {
		t.Error("the largest do not come first")
	}
	if n := len(list); n == 0 || n > flushGroupMax || n < flushGroupMax && size(list) < w.e.opts.GrowingBytesMax/4 {
		t.Errorf("%d shards of %d bytes", n, size(list))
	}
	w.check(w.e.flushShards(w.ctx, list))
	if size(list) != 0 {
		t.Error("flushed shards keep their memory")
	}
}

// TestIndexOfManyPartitions builds an index over many small partitions, which are
// taken side by side, and vacuums them, as it does to one that is built by itself.
func TestIndexOfManyPartitions(t *testing.T) {
	w, _ := newIndexWorld(t)
	table, parts := w.newPartitions("a", manyPartitions)
	var want []string
	insert := func(from, each int) {
		var ids []int64
		var names []string
		var to []*catalog.Partition
		for i := from; i < from+each*len(parts); i++ {
			ids, names, to = append(ids, int64(i)), append(names, "x"), append(to, parts[i%len(parts)])
			want = append(want, fmt.Sprintf("%d=x", i))
		}
		tx := w.begin(TxnOptions{})
		_, _, err := tx.InsertInto(w.ctx, table, to, columnsOf(ids, names), false)
		w.check(err)
		w.check(tx.Commit(w.ctx))
	}
	insert(0, 2)
	w.check(w.e.Checkpoint(w.ctx))
	insert(2*len(parts), 1)

	index := w.indexed(table, "x")
	indexed := func(segments int) {
		t.Helper()
		shards := w.e.shardsOf(table.Storage, 0)
		if len(shards) < len(parts) {
			t.Fatalf("%d shards", len(shards))
		}
		for _, s := range shards {
			v := s.pin()
			if len(v.memory) != 0 || len(v.flushed) != segments {
				t.Errorf("shard %v: %d segments in memory, %d flushed", s.key, len(v.memory), len(v.flushed))
			}
			for _, f := range v.flushed {
				if f.indexState(index.Storage) != indexBuilt {
					t.Errorf("shard %v: a segment is not indexed", s.key)
				}
			}
			v.release()
		}
		w.now(table, strings.Join(want, " "))
	}
	indexed(1)
	insert(3*len(parts), 1)
	w.check(w.e.Vacuum(w.ctx, table.Storage, 0, true))
	indexed(1)
	w.crash()
	indexed(1)
}

// TestEachShardFails: the first error ends it, and the shards not begun are left.
func TestEachShardFails(t *testing.T) {
	w := newWorld(t)
	table, parts := w.newPartitions("a", manyPartitions)
	w.oneRowEach(table, parts, func(int) string { return "x" })
	failed := errors.New("failed")
	var begun atomic.Int64
	err := eachShard(w.ctx, w.e.shardsOf(table.Storage, 0), func(ctx context.Context, _ *shard) error {
		if begun.Add(1) == 1 {
			return failed
		}
		<-ctx.Done() // the failure reaches those that run
		return ctx.Err()
	})
	if err != failed {
		t.Errorf("%v", err)
	}
	if n := begun.Load(); n > 2*shardsAtOnce {
		t.Errorf("%d shards were begun", n)
	}
}
