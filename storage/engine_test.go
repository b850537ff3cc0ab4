package storage

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/catalog"
	"quiver/internal/hlc"
	"quiver/sql/types"
	"quiver/storage/segment"
	"quiver/storage/wal"
)

// stepClock is a clock that goes on by a millisecond a reading, so that tests
// do not depend on time.
type stepClock struct{ now atomic.Uint64 }

func newStepClock() *stepClock {
	c := &stepClock{}
	c.now.Store(1 << 40)
	return c
}

func (c *stepClock) Next() (hlc.Timestamp, error) {
	return hlc.Timestamp(c.now.Add(1 << hlc.CounterBits)), nil
}

func (c *stepClock) Now() hlc.Timestamp { return hlc.Timestamp(c.now.Load()) }

func (c *stepClock) Observe(t hlc.Timestamp) {
	for now := c.now.Load(); uint64(t) > now && !c.now.CompareAndSwap(now, uint64(t)); now = c.now.Load() {
	}
}

// world is an engine with everything below it in memory.
type world struct {
	t       *testing.T
	ctx     context.Context
	catalog *catalog.Catalog
	log     *wal.MemLog
	clock   *stepClock
	objects *testStore
	e       *Engine
	opts    Options
	leaked  bool // transactions were lost with their memory
}

func newWorld(t *testing.T) *world {
	t.Helper()
	ctx := context.Background()
	c, err := catalog.OpenInMemory(ctx)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, ctx: ctx, catalog: c, log: wal.NewMemLog(), clock: newStepClock(), objects: newTestStore()}
	w.open()
	t.Cleanup(func() {
		w.e.Close()
		if used := w.e.mem.Used(); used != 0 && !w.leaked {
			t.Errorf("%d off-heap bytes leak", used)
		}
		if err := c.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) open() {
	w.t.Helper()
	o := w.opts
	o.Catalog, o.Log, o.Clock, o.Manual = w.catalog, w.log, w.clock, true
	if o.Objects == nil {
		o.Objects = w.objects
	}
	e, err := Open(w.ctx, o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.e = e
}

// crash restarts the engine on what is durable.
func (w *world) crash() {
	w.t.Helper()
	w.e.Close()
	w.log = w.log.Crash(0)
	w.open()
}

func (w *world) begin(opts TxnOptions) *txn {
	w.t.Helper()
	if opts.Database == 0 {
		opts.Database = catalog.PostgresDatabaseOID
	}
	t, err := w.e.Begin(w.ctx, opts)
	if err != nil {
		w.t.Fatal(err)
	}
	return t.(*txn)
}

// createTable makes a table (id int8 primary key, name text).
func (w *world) createTable(name string, tx *txn, shards int) *catalog.Table {
	w.t.Helper()
	table, index, part, err := newTestTable(w.ctx, tx.Catalog(), name, shards)
	w.check(err)
	for _, d := range []catalog.Descriptor{table, index, part} {
		w.check(tx.Catalog().Put(d))
	}
	return table
}

func newTestTable(ctx context.Context, c *catalog.Txn, name string, shards int) (*catalog.Table, *catalog.Index, *catalog.Partition, error) {
	var oids [3]catalog.OID
	var storages [2]catalog.StorageID
	for i := range oids {
		var err error
		if oids[i], err = c.NewOID(ctx); err != nil {
			return nil, nil, nil, err
		}
	}
	for i := range storages {
		var err error
		if storages[i], err = c.NewStorageID(ctx); err != nil {
			return nil, nil, nil, err
		}
	}
	table := &catalog.Table{
		Object: catalog.Object{OID: oids[0], Name: name},
		Schema: catalog.PublicSchemaOID, Database: catalog.PostgresDatabaseOID,
		Storage: storages[0], SchemaVersion: 1, NextField: 103, Shards: shards, PrimaryKey: oids[1],
		Columns: []catalog.Column{
			{Number: 1, Field: 100, Name: "id", Type: types.Of(types.Int8OID), State: catalog.StatePublic, NotNull: true},
			{Number: 2, Field: 101, Name: "name", Type: types.Of(types.TextOID), State: catalog.StatePublic},
			{Number: 3, Field: vectorField, Name: "v", Type: types.T{OID: types.VectorOID, Mod: testDim}, State: catalog.StatePublic},
		},
	}
	index := &catalog.Index{
		Object: catalog.Object{OID: oids[1], Name: name + "_pkey"},
		Schema: table.Schema, Database: table.Database, Table: table.OID, Method: "btree",
		Unique: true, Primary: true, Columns: []catalog.IndexColumn{{Number: 1}},
	}
	part := &catalog.Partition{
		Object: catalog.Object{OID: oids[2], Name: catalog.DefaultPartition},
		Schema: table.Schema, Database: table.Database, Table: table.OID, Storage: storages[1], Default: true,
	}
	return table, index, part, nil
}

func rowIDAt(a arrow.Array, i int) RowID { return RowID(a.(*array.Uint64).Value(i)) }

func (w *world) newTable(name string) *catalog.Table {
	w.t.Helper()
	tx := w.begin(TxnOptions{})
	table := w.createTable(name, tx, 1)
	w.check(tx.Commit(w.ctx))
	return table
}

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// columnsOf makes the columns of rows of (id, name, v); "" is a null, with a
// vector that is null, too.
func columnsOf(ids []int64, names []string) []arrow.Array {
	ib, nb := array.NewInt64Builder(memory.DefaultAllocator), array.NewStringBuilder(memory.DefaultAllocator)
	vb := array.NewFixedSizeListBuilder(memory.DefaultAllocator, testDim, arrow.PrimitiveTypes.Float32)
	for i, id := range ids {
		ib.Append(id)
		if names[i] == "" {
			nb.AppendNull()
			vb.AppendNull()
		} else {
			nb.Append(names[i])
			vb.Append(true)
			vb.ValueBuilder().(*array.Float32Builder).AppendValues(vectorOf(id, names[i]), nil)
		}
	}
	return []arrow.Array{ib.NewArray(), nb.NewArray(), vb.NewArray()}
}

const (
	vectorField = catalog.FieldID(102)
	testDim     = 4
)

// vectorOf is the vector of a row of (id, name).
func vectorOf(id int64, name string) []float32 {
	h := segment.KeyHash([]byte(name))
	return []float32{float32(id), float32(h & 0xff), float32(h >> 8 & 0xff), 1}
}

func (w *world) insert(tx *txn, table *catalog.Table, ids []int64, names ...string) []RowID {
	w.t.Helper()
	rows, _, err := tx.Insert(w.ctx, table, 0, columnsOf(ids, names), false)
	w.check(err)
	return rows
}

func encodedKey(id int64) []byte {
	a := columnsOf([]int64{id}, []string{"x"})
	return types.ByOID(types.Int8OID).AppendKey(nil, a[0], 0)
}

// find returns the row version of an id that tx sees.
func (w *world) find(tx *txn, table *catalog.Table, id int64) RowID {
	w.t.Helper()
	s, err := tx.Snapshot(w.ctx)
	w.check(err)
	defer s.Close()
	rows := w.scan(s, ScanSpec{Table: table, Fields: []catalog.FieldID{100, 101}, WithRowID: true, Key: encodedKey(id)})
	if len(rows) != 1 {
		w.t.Fatalf("id %d has %d rows", id, len(rows))
	}
	return rows[0].row
}

type testRow struct {
	id   int64
	name string
	row  RowID
}

func (w *world) scan(s Snapshot, spec ScanSpec) []testRow {
	w.t.Helper()
	sc, err := s.Scan(w.ctx, spec)
	w.check(err)
	defer sc.Close()
	var rows []testRow
	for {
		b, err := sc.Next(w.ctx)
		w.check(err)
		if b == nil {
			return rows
		}
		kept := rowsOf(b)
		if len(kept) != b.Kept {
			w.t.Errorf("batch says %d kept, has %d", b.Kept, len(kept))
		}
		rows = append(rows, kept...)
		b.Record.Release()
	}
}

// rowsOf copies the visible rows of a batch of (id, name) and, if it is there,
// the row id.
func rowsOf(b *Batch) (rows []testRow) {
	for i := range int(b.Record.NumRows()) {
		if !b.Visible.Get(i) {
			continue
		}
		r := testRow{id: b.Record.Column(0).(*array.Int64).Value(i)}
		if n := b.Record.Column(1).(*array.String); n.IsValid(i) {
			r.name = strings.Clone(n.Value(i))
		}
		if b.Record.NumCols() > 2 {
			r.row = rowIDAt(b.Record.Column(2), i)
		}
		rows = append(rows, r)
	}
	return rows
}

// rows prints what tx sees of a table: 1=a 2=b, by id.
func (w *world) rows(tx *txn, table *catalog.Table) string {
	w.t.Helper()
	s, err := tx.Snapshot(w.ctx)
	w.check(err)
	defer s.Close()
	return format(w.scan(s, ScanSpec{Table: table, Fields: []catalog.FieldID{100, 101}}))
}

func format(rows []testRow) string {
	sort.Slice(rows, func(i, j int) bool { return rows[i].id < rows[j].id })
	var out []string
	for _, r := range rows {
		out = append(out, fmt.Sprintf("%d=%s", r.id, r.name))
	}
	return strings.Join(out, " ")
}

func (w *world) expect(tx *txn, table *catalog.Table, want string) {
	w.t.Helper()
	if got := w.rows(tx, table); got != want {
		w.t.Errorf("rows %q, want %q", got, want)
	}
}

// now expects what a new transaction sees.
func (w *world) now(table *catalog.Table, want string) {
	w.t.Helper()
	tx := w.begin(TxnOptions{})
	defer tx.Rollback()
	w.expect(tx, table, want)
}

// change updates or, with name "-", deletes a row.
func (w *world) change(tx *txn, table *catalog.Table, id int64, name string) {
	w.t.Helper()
	row := w.find(tx, table, id)
	got, err := tx.LockRow(w.ctx, table, row, LockForUpdate, WaitBlock)
	w.check(err)
	if got.Status != RowCurrent {
		w.t.Fatalf("row of %d: status %d", id, got.Status)
	}
	if name == "-" {
		w.check(tx.Delete(w.ctx, table, []RowID{row}))
		return
	}
	_, err = tx.Update(w.ctx, table, []RowID{row}, columnsOf([]int64{id}, []string{name}))
	w.check(err)
}

func TestInsertScanCommitCrash(t *testing.T) {
	w := newWorld(t)
	table := w.newTable("a")
	tx := w.begin(TxnOptions{})
	w.insert(tx, table, []int64{1, 2, 3}, "a", "", "c")
	w.expect(tx, table, "1=a 2= 3=c")
	w.now(table, "")
	w.check(tx.Commit(w.ctx))
	w.now(table, "1=a 2= 3=c")

	tx = w.begin(TxnOptions{})
	w.change(tx, table, 2, "b")
	w.change(tx, table, 3, "-")
	w.expect(tx, table, "1=a 2=b")
	w.now(table, "1=a 2= 3=c")
	w.check(tx.Commit(w.ctx))
	w.now(table, "1=a 2=b")

	tx = w.begin(TxnOptions{})
	w.insert(tx, table, []int64{9}, "lost")
	tx.Rollback()
	w.crash()
	w.now(table, "1=a 2=b")
	w.crash()
	w.now(table, "1=a 2=b")
}

func TestSavepointsUndoWrites(t *testing.T) {
	w := newWorld(t)
	table := w.newTable("a")
	tx := w.begin(TxnOptions{})
	w.insert(tx, table, []int64{1, 2}, "a", "b")
	w.check(tx.Commit(w.ctx))

	tx = w.begin(TxnOptions{})
	w.insert(tx, table, []int64{3}, "c")
	sp := tx.Savepoint()
	w.insert(tx, table, []int64{4}, "d")
	w.change(tx, table, 1, "x")
	w.change(tx, table, 3, "-")
	w.expect(tx, table, "1=x 2=b 4=d")
	tx.RollbackTo(sp)
	w.expect(tx, table, "1=a 2=b 3=c")
	w.change(tx, table, 1, "y")
	w.insert(tx, table, []int64{4}, "e")
	w.check(tx.Commit(w.ctx))
	w.now(table, "1=y 2=b 3=c 4=e")
	w.crash()
	w.now(table, "1=y 2=b 3=c 4=e")
}

func TestUniqueKeys(t *testing.T) {
	w := newWorld(t)
	table := w.newTable("a")
	tx := w.begin(TxnOptions{})
	w.insert(tx, table, []int64{1}, "a")
	w.check(tx.Commit(w.ctx))

	tx = w.begin(TxnOptions{})
	_, _, err := tx.Insert(w.ctx, table, 0, columnsOf([]int64{2, 1}, []string{"b", "x"}), false)
	var unique *UniqueError
	if !errors.As(err, &unique) || unique.Key[0].(*array.Int64).Value(0) != 1 {
		t.Fatalf("got %v", err)
	}
	tx.Rollback()

	tx = w.begin(TxnOptions{})
	ids, conflicts, err := tx.Insert(w.ctx, table, 0, columnsOf([]int64{2, 1, 2, 3}, []string{"b", "x", "y", "c"}), true)
	w.check(err)
	if len(conflicts) != 2 || conflicts[0].Row != 1 || conflicts[0].Existing == 0 || conflicts[1] != (UniqueConflict{Row: 2}) || ids[1] != 0 || ids[3] == 0 {
		t.Fatalf("ids %v, conflicts %v", ids, conflicts)
	}
	w.change(tx, table, 1, "-")
	w.insert(tx, table, []int64{1}, "again")
	w.check(tx.Commit(w.ctx))
	w.now(table, "1=again 2=b 3=c")
}

func TestInsertWaitsForKey(t *testing.T) {
	for _, commits := range []bool{true, false} {
		w := newWorld(t)
		table := w.newTable("a")
		first, second := w.begin(TxnOptions{}), w.begin(TxnOptions{DeadlockTimeout: time.Millisecond})
		w.insert(first, table, []int64{1}, "first")
		done := make(chan error, 1)
		go func() {
			_, _, err := second.Insert(w.ctx, table, 0, columnsOf([]int64{1}, []string{"second"}), false)
			done <- err
		}()
		if commits {
			w.check(first.Commit(w.ctx))
		} else {
			first.Rollback()
		}
		err := <-done
		if commits != errors.As(err, new(*UniqueError)) {
			t.Errorf("first commits %v: second gets %v", commits, err)
		}
		second.Rollback()
	}
}

func TestUpdateChain(t *testing.T) {
	w := newWorld(t)
	table := w.newTable("a")
	tx := w.begin(TxnOptions{})
	row := w.insert(tx, table, []int64{1}, "a")[0]
	w.check(tx.Commit(w.ctx))
	repeatable := w.begin(TxnOptions{Isolation: RepeatableRead})
	w.expect(repeatable, table, "1=a")

	tx = w.begin(TxnOptions{})
	w.change(tx, table, 1, "b")
	waiter := w.begin(TxnOptions{})
	done := make(chan LockedRow)
	go func() {
		got, err := waiter.LockRow(w.ctx, table, row, LockForUpdate, WaitBlock)
		w.check(err)
		done <- got
	}()
	if got, err := repeatable.LockRow(w.ctx, table, row, LockForUpdate, WaitError); err != ErrLockNotAvailable {
		t.Fatalf("NOWAIT gets %v, %v", got, err)
	}
	if got, err := repeatable.LockRow(w.ctx, table, row, LockForUpdate, WaitSkip); err != nil || got.Status != RowSkipped {
		t.Fatalf("SKIP LOCKED gets %v, %v", got, err)
	}
	w.check(tx.Commit(w.ctx))
	got := <-done
	if got.Status != RowUpdated {
		t.Fatalf("the waiter gets %v", got)
	}
	if next, err := waiter.LockRow(w.ctx, table, got.Successor, LockForUpdate, WaitBlock); err != nil || next.Status != RowCurrent {
		t.Fatalf("the successor is %v, %v", next, err)
	}
	waiter.Rollback()
	if _, err := repeatable.LockRow(w.ctx, table, row, LockForUpdate, WaitBlock); err != ErrSerialization {
		t.Fatalf("REPEATABLE READ gets %v", err)
	}
	w.expect(repeatable, table, "1=a")
	repeatable.Rollback()
}

func TestLargeTransaction(t *testing.T) {
	w := newWorld(t)
	table := w.newTable("a")
	tx := w.begin(TxnOptions{})
	const rows = 40_000
	text := strings.Repeat("x", 1000)
	for from := 0; from < rows; from += 1000 {
		ids, names := make([]int64, 1000), make([]string, 1000)
		for i := range ids {
			ids[i], names[i] = int64(from+i), text
		}
		w.insert(tx, table, ids, names...)
	}
	sp := tx.Savepoint()
	w.insert(tx, table, []int64{rows}, strings.Repeat("y", 3<<20))
	tx.RollbackTo(sp)
	w.change(tx, table, 7, "seven")
	if tx.stream.chunks == 0 {
		t.Error("nothing was streamed")
	}
	w.check(tx.Commit(w.ctx))
	count := func() {
		t.Helper()
		tx := w.begin(TxnOptions{})
		defer tx.Rollback()
		s, err := tx.Snapshot(w.ctx)
		w.check(err)
		defer s.Close()
		got := w.scan(s, ScanSpec{Table: table, Fields: []catalog.FieldID{100, 101}})
		seven := 0
		for _, r := range got {
			if r.id == 7 && r.name == "seven" {
				seven++
			}
		}
		if len(got) != rows || seven != 1 {
			t.Errorf("%d rows, %d of id 7", len(got), seven)
		}
		if n := s.Rows(table); n != rows {
			t.Errorf("estimate %d", n)
		}
	}
	count()
	w.crash()
	count()
}

func TestCreateTableRollsBack(t *testing.T) {
	w := newWorld(t)
	tx := w.begin(TxnOptions{})
	table := w.createTable("a", tx, 2)
	w.insert(tx, table, []int64{1, 2, 3, 4, 5}, "a", "b", "c", "d", "e")
	w.expect(tx, table, "1=a 2=b 3=c 4=d 5=e")
	tx.Rollback()
	tx = w.begin(TxnOptions{})
	if tx.Catalog().Table(table.OID) != nil {
		t.Error("the table is there after ROLLBACK")
	}
	table = w.createTable("a", tx, 2)
	w.insert(tx, table, []int64{1, 2, 3}, "a", "b", "c")
	w.check(tx.Commit(w.ctx))
	w.now(table, "1=a 2=b 3=c")
	w.crash()
	w.now(table, "1=a 2=b 3=c")
}

// TestUpdateChainWithinTransaction: a version that its own transaction replaced
// again is no successor, for nobody keeps it.
func TestUpdateChainWithinTransaction(t *testing.T) {
	for _, flushed := range []bool{false, true} {
		w := newWorld(t)
		table := w.newTable("a")
		tx := w.begin(TxnOptions{})
		rows := w.insert(tx, table, []int64{1, 2}, "a", "b")
		w.check(tx.Commit(w.ctx))
		if flushed {
			w.check(w.e.Checkpoint(w.ctx))
		}
		tx = w.begin(TxnOptions{})
		w.change(tx, table, 1, "x")
		w.change(tx, table, 1, "y")
		w.change(tx, table, 2, "x")
		w.change(tx, table, 2, "-")
		w.check(tx.Commit(w.ctx))
		for _, restart := range []bool{false, true} {
			if restart {
				w.crash()
			}
			tx = w.begin(TxnOptions{})
			got, err := tx.LockRow(w.ctx, table, rows[0], LockForUpdate, WaitBlock)
			w.check(err)
			if got.Status != RowUpdated || got.Successor != w.find(tx, table, 1) {
				t.Errorf("row 1 is %v", got)
			}
			if got, err = tx.LockRow(w.ctx, table, rows[1], LockForUpdate, WaitBlock); err != nil || got.Status != RowDeleted {
				t.Errorf("row 2 is %v, %v", got, err)
			}
			w.expect(tx, table, "1=y")
			tx.Rollback()
		}
	}
}
