package storage

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/cockroachdb/datadriven"

	"quiver/catalog"
	"quiver/storage/binlog"
	"quiver/storage/deltalog"
	"quiver/storage/wal"
)

// TestScripts runs testdata: an engine with log, object store and catalog in
// memory, driven by commands that each print what they did. Tables have the
// columns (id int8 primary key, name text). Without txn=X a command is a
// transaction of its own.
//
//	create T [shards=N] [txn=X]      create-partition T P
//	drop T, truncate T               drop-partition T P
//	begin X                          a transaction for txn=X
//	commit X, rollback X             commit X unsynced does not get its log synced
//	savepoint X, rollback-to X       one savepoint a transaction
//	insert T [partition=P] [txn=X]   a line "id name" a row
//	update T [txn=X]                 a line "id name" a row
//	delete T [txn=X]                 a line "id" a row
//	stream X                         what X changed goes into the log as a chunk
//	prepare X [decided]              the first half of a commit with DDL
//	snapshot S, close S              a REPEATABLE READ transaction that has read
//	scan T [txn=X | snapshot=S]
//	seal T, flush T, checkpoint      flush does not cut the log, checkpoint does
//	vacuum T [full]
//	crash [survive=N]                the power goes; N records that were not synced survive
//	recover [retention=1ms]          open what the crash left
//	show segments T, show wal, show objects
//
// Ids and times are printed in the order in which they came up: rows r1, r2 …,
// transactions x1 …, commit timestamps t1 …, segments s1 …, log records by
// number. T#2/P is the second storage that partition P of T has had.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := newScript(t)
		defer s.end()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			s.out.Reset()
			if err := errors.Join(s.number(), s.run(d), s.number()); err != nil {
				fmt.Fprintf(&s.out, "error: %v\n", err)
			}
			if s.out.Len() == 0 {
				return "ok\n"
			}
			return s.out.String()
		})
	})
}

// script is an engine and the names that its ids got.
type script struct {
	t       *testing.T
	ctx     context.Context
	kv      *catalog.MemStore
	catalog *catalog.Catalog
	log     *wal.MemLog
	objects *testStore
	clock   *stepClock
	e       *Engine
	down    bool

	txns       map[string]*txn
	savepoints map[string]Savepoint
	snapshots  map[string]Snapshot
	unsynced   chan error

	rows, xids, times, segments names
	records                     map[uint64]int // number of the record at an offset
	storages                    map[catalog.StorageID]string
	storagesOf                  map[string]int

	out strings.Builder
}

// names numbers ids in the order in which they come up.
type names map[uint64]int

func (n names) of(prefix string, id uint64) string {
	if n[id] == 0 {
		n[id] = len(n) + 1
	}
	return fmt.Sprint(prefix, n[id])
}

func newScript(t *testing.T) *script {
	s := &script{
		t: t, ctx: context.Background(), kv: catalog.NewMemStore(), log: wal.NewMemLog(), objects: newTestStore(), clock: newStepClock(),
		rows: names{}, xids: names{}, times: names{}, segments: names{}, records: map[uint64]int{},
		storages: map[catalog.StorageID]string{}, storagesOf: map[string]int{},
	}
	if err := s.open(true, Options{}); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *script) open(create bool, o Options) (err error) {
	s.catalog, err = catalog.Open(s.ctx, catalog.Options{KV: s.kv.Open(catalog.Faults{}), ClusterID: "test", Create: create, Instance: "here"})
	if err != nil {
		return err
	}
	o.Catalog, o.Log, o.Clock, o.Objects, o.Manual = s.catalog, s.log, s.clock, s.objects, true
	s.e, err = Open(s.ctx, o)
	s.down = err != nil
	s.txns, s.savepoints, s.snapshots = map[string]*txn{}, map[string]Savepoint{}, map[string]Snapshot{}
	return err
}

func (s *script) end() {
	if !s.down {
		s.crash(0)
	}
}

// crash cuts the power.
func (s *script) crash(survive int) {
	s.down = true
	s.kv.PowerCut(1)
	after := s.log.Crash(survive)
	s.log = after
	if s.unsynced != nil {
		<-s.unsynced
		s.unsynced = nil
	}
	s.e.Close()
	dead, cancel := context.WithCancel(s.ctx)
	cancel()
	_ = s.catalog.Close(dead) // the store is gone
}

func (s *script) printf(format string, args ...any) { fmt.Fprintf(&s.out, format, args...) }

// learn names the storage ids of tables.
func (s *script) learn(view catalog.View) {
	for _, r := range view.Relations(catalog.PublicSchemaOID) {
		table, ok := r.(*catalog.Table)
		if !ok {
			continue
		}
		for _, p := range view.Partitions(table.OID) {
			if s.storages[p.Storage] != "" {
				continue
			}
			name := table.Name + "/" + p.Name
			s.storagesOf[name]++
			s.storages[p.Storage] = fmt.Sprintf("%s#%d", table.Name, s.storagesOf[name])
			if !p.Default {
				s.storages[p.Storage] += "/" + p.Name
			}
		}
	}
}

func argument(d *datadriven.TestData, key string) string {
	for _, a := range d.CmdArgs {
		if a.Key == key && len(a.Vals) == 1 {
			return a.Vals[0]
		}
	}
	return ""
}

// name is the n-th argument without a value.
func name(d *datadriven.TestData, n int) string {
	for _, a := range d.CmdArgs {
		if len(a.Vals) == 0 {
			if n == 0 {
				return a.Key
			}
			n--
		}
	}
	return ""
}

func (s *script) run(d *datadriven.TestData) error {
	if s.down && d.Cmd != "recover" && !(d.Cmd == "show" && name(d, 0) != "segments") {
		return errors.New("the power is off")
	}
	switch d.Cmd {
	case "begin", "commit", "rollback", "savepoint", "rollback-to", "stream", "prepare":
		return s.transaction(d)
	case "snapshot", "close":
		return s.snapshot(d.Cmd, name(d, 0))
	case "seal", "flush":
		return s.eachShard(name(d, 0), func(sh *shard) error {
			if d.Cmd == "flush" {
				return s.e.flushShard(s.ctx, sh)
			}
			s.e.pipeline.apply.Lock()
			defer s.e.pipeline.apply.Unlock()
			sh.seal()
			return nil
		})
	case "vacuum":
		full := len(d.CmdArgs) > 1 && d.CmdArgs[1].Key == "full"
		err := s.eachShard(name(d, 0), func(sh *shard) error { return s.e.Vacuum(s.ctx, sh.table, sh.key.partition, full) })
		s.e.jobs.Wait() // for the removal of what it replaced, before a crash
		return err
	case "checkpoint":
		return s.e.Checkpoint(s.ctx)
	case "crash":
		n := 0
		fmt.Sscan(argument(d, "survive"), &n)
		s.crash(n)
		return nil
	case "recover":
		var o Options
		o.Retention, _ = time.ParseDuration(argument(d, "retention"))
		return s.open(false, o)
	case "show":
		return s.show(d)
	case "scan":
		return s.scan(d)
	}
	return s.within(d, func(tx *txn) error { return s.statement(d, tx) })
}

// within runs f in the transaction that a command names, or in one of its own.
func (s *script) within(d *datadriven.TestData, f func(*txn) error) error {
	if x := argument(d, "txn"); x != "" {
		if s.txns[x] == nil {
			return fmt.Errorf("no transaction %s", x)
		}
		return f(s.txns[x])
	}
	tx, err := s.begin(ReadCommitted)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		tx.Rollback()
		return err
	}
	return s.commit(tx)
}

func (s *script) begin(isolation Isolation) (*txn, error) {
	opened, err := s.e.Begin(s.ctx, TxnOptions{Database: catalog.PostgresDatabaseOID, Isolation: isolation})
	if err != nil {
		return nil, err
	}
	return opened.(*txn), nil
}

func (s *script) commit(tx *txn) error {
	before := s.e.pipeline.visible()
	if err := tx.Commit(s.ctx); err != nil {
		return err
	}
	s.e.jobs.Wait()
	if at := s.e.pipeline.visible(); at != before {
		s.printf("committed at %s\n", s.times.of("t", uint64(at)))
	}
	return nil
}

func (s *script) transaction(d *datadriven.TestData) error {
	x := name(d, 0)
	if d.Cmd == "begin" {
		tx, err := s.begin(ReadCommitted)
		s.txns[x] = tx
		return err
	}
	tx := s.txns[x]
	if tx == nil {
		return fmt.Errorf("no transaction %s", x)
	}
	switch d.Cmd {
	case "commit":
		delete(s.txns, x)
		if name(d, 1) != "unsynced" {
			return s.commit(tx)
		}
		s.log.Hold()
		s.unsynced = make(chan error, 1)
		end := s.log.Last()
		go func() { s.unsynced <- tx.Commit(s.ctx) }()
		for s.log.Last() == end {
			runtime.Gosched()
		}
		s.printf("waits for the log\n")
	case "rollback":
		delete(s.txns, x)
		tx.Rollback()
	case "savepoint":
		s.savepoints[x] = tx.Savepoint()
	case "rollback-to":
		tx.RollbackTo(s.savepoints[x])
	case "stream":
		return tx.stream.emit(0)
	case "prepare":
		if err := tx.catalog.Stage(s.ctx, tx.id); err != nil {
			return err
		}
		if err := tx.prepare(); err != nil || name(d, 1) != "decided" {
			return err
		}
		committed, err := tx.catalog.Decide(s.ctx, tx.id)
		s.printf("committed: %v\n", committed)
		return err
	}
	return nil
}

// statement runs what needs a transaction.
func (s *script) statement(d *datadriven.TestData, tx *txn) error {
	c := tx.Catalog()
	defer func() { s.learn(c.View) }()
	if d.Cmd == "create" {
		shards := 1
		fmt.Sscan(argument(d, "shards"), &shards)
		table, index, part, err := newTestTable(s.ctx, c, name(d, 0), shards)
		if err != nil {
			return err
		}
		table.Columns = table.Columns[:2]
		return errors.Join(c.Put(table), c.Put(index), c.Put(part))
	}
	table, err := s.table(tx, name(d, 0))
	if err != nil {
		return err
	}
	switch d.Cmd {
	case "create-partition":
		_, err := c.CreatePartition(s.ctx, table, name(d, 1))
		return err
	case "drop-partition":
		for _, p := range c.Partitions(table.OID) {
			if p.Name == name(d, 1) {
				c.Drop(p.OID)
				return nil
			}
		}
		return fmt.Errorf("no partition %s", name(d, 1))
	case "truncate":
		return c.Truncate(s.ctx, table.OID)
	case "drop":
		c.DropTable(table.OID)
		return nil
	case "insert":
		return s.insert(d, tx, table)
	case "update", "delete":
		return s.change(d, tx, table)
	}
	return fmt.Errorf("no command %s", d.Cmd)
}

func (s *script) table(tx *txn, name string) (*catalog.Table, error) {
	table, ok := tx.Catalog().Relation(catalog.PublicSchemaOID, name).(*catalog.Table)
	if !ok {
		return nil, fmt.Errorf("no table %s", name)
	}
	return table, nil
}

// input reads the lines "id name" below a command.
func input(d *datadriven.TestData) (ids []int64, texts []string) {
	for line := range strings.Lines(d.Input) {
		var id int64
		text := ""
		fmt.Sscan(line, &id, &text)
		ids, texts = append(ids, id), append(texts, text)
	}
	return ids, texts
}

func (s *script) insert(d *datadriven.TestData, tx *txn, table *catalog.Table) error {
	var partition catalog.OID
	for _, p := range tx.Catalog().Partitions(table.OID) {
		if p.Name == argument(d, "partition") {
			partition = p.OID
		}
	}
	ids, texts := input(d)
	rows, _, err := tx.Insert(s.ctx, table, partition, columnsOf(ids, texts)[:2], false)
	if err != nil {
		return err
	}
	for i, r := range rows {
		s.printf("%s: %d %s\n", s.rows.of("r", uint64(r)), ids[i], texts[i])
	}
	return nil
}

// change updates or deletes the rows of the ids given.
func (s *script) change(d *datadriven.TestData, tx *txn, table *catalog.Table) error {
	ids, texts := input(d)
	for i, id := range ids {
		snapshot, err := tx.Snapshot(s.ctx)
		if err != nil {
			return err
		}
		found, err := s.read(snapshot, ScanSpec{Table: table, Key: encodedKey(id)})
		snapshot.Close()
		if err != nil || len(found) != 1 {
			return errors.Join(err, fmt.Errorf("%d rows of id %d", len(found), id))
		}
		row := found[0].row
		if locked, err := tx.LockRow(s.ctx, table, row, LockForUpdate, WaitBlock); err != nil || locked.Status != RowCurrent {
			return errors.Join(err, fmt.Errorf("status %d", locked.Status))
		}
		if d.Cmd == "delete" {
			err = tx.Delete(s.ctx, table, []RowID{row})
			s.printf("%s goes\n", s.rows.of("r", uint64(row)))
		} else {
			var after []RowID
			after, err = tx.Update(s.ctx, table, []RowID{row}, columnsOf([]int64{id}, []string{texts[i]})[:2])
			if err == nil {
				s.printf("%s becomes %s: %d %s\n", s.rows.of("r", uint64(row)), s.rows.of("r", uint64(after[0])), id, texts[i])
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *script) snapshot(cmd, name string) error {
	if cmd == "close" {
		s.snapshots[name].Close()
		s.txns[name].Rollback()
		delete(s.snapshots, name)
		delete(s.txns, name)
		s.e.jobs.Wait()
		return nil
	}
	tx, err := s.begin(RepeatableRead)
	if err != nil {
		return err
	}
	s.txns[name] = tx
	s.snapshots[name], err = tx.Snapshot(s.ctx)
	return err
}

func (s *script) scan(d *datadriven.TestData) error {
	name := argument(d, "txn")
	if snapshot := argument(d, "snapshot"); snapshot != "" {
		name = snapshot
	}
	tx := s.txns[name]
	if tx == nil {
		var err error
		if tx, err = s.begin(ReadCommitted); err != nil {
			return err
		}
		defer tx.Rollback()
	}
	table, err := s.table(tx, d.CmdArgs[0].Key)
	if err != nil {
		return err
	}
	snapshot := s.snapshots[name]
	if snapshot == nil {
		if snapshot, err = tx.Snapshot(s.ctx); err != nil {
			return err
		}
		defer snapshot.Close()
	}
	rows, err := s.read(snapshot, ScanSpec{Table: table})
	sort.Slice(rows, func(i, j int) bool { return rows[i].id < rows[j].id })
	for _, r := range rows {
		s.printf("%s: %d %s\n", s.rows.of("r", uint64(r.row)), r.id, r.name)
	}
	if len(rows) == 0 && err == nil {
		s.printf("no rows\n")
	}
	return err
}

func (s *script) read(snapshot Snapshot, spec ScanSpec) (rows []testRow, err error) {
	spec.Fields, spec.WithRowID = []catalog.FieldID{100, 101}, true
	sc, err := snapshot.Scan(s.ctx, spec)
	if err != nil {
		return nil, err
	}
	defer sc.Close()
	for {
		b, err := sc.Next(s.ctx)
		if b == nil || err != nil {
			return rows, err
		}
		rows = append(rows, rowsOf(b)...)
		b.Record.Release()
	}
}

// eachShard calls f for the shards of a table, in order.
func (s *script) eachShard(table string, f func(*shard) error) error {
	list := s.e.allShards()
	slices.SortFunc(list, func(a, b *shard) int {
		if c := strings.Compare(s.storages[a.key.partition], s.storages[b.key.partition]); c != 0 {
			return c
		}
		return a.key.shard - b.key.shard
	})
	for _, sh := range list {
		if strings.HasPrefix(s.storages[sh.key.partition], table+"#") {
			if err := f(sh); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *script) show(d *datadriven.TestData) error {
	switch name(d, 0) {
	case "wal":
		return s.showLog()
	case "objects":
		kinds := map[string]int{}
		for key := range s.objects.objects {
			kinds[strings.Split(key, "/")[1]]++
		}
		for _, kind := range sortedKeys(kinds) {
			s.printf("%d %s\n", kinds[kind], kind)
		}
		if len(kinds) == 0 {
			s.printf("none\n")
		}
		return nil
	case "segments":
		return s.eachShard(name(d, 1), s.showShard)
	}
	return fmt.Errorf("cannot show %s", name(d, 0))
}

func sortedKeys(m map[string]int) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// number numbers the records of the log that are new.
func (s *script) number() error {
	return s.log.Read(s.ctx, wal.Position{}, func(p wal.Position, _ []byte) error {
		if s.records[p.Offset] == 0 {
			s.records[p.Offset] = len(s.records) + 1
		}
		return nil
	})
}

func (s *script) showLog() error {
	empty := true
	err := s.log.Read(s.ctx, wal.Position{}, func(p wal.Position, record []byte) error {
		empty = false
		r, err := wal.DecodeRecord(record)
		if err != nil {
			return err
		}
		s.printf("%d: %s %v", s.records[p.Offset], s.xids.of("x", r.Txn), r.Kind)
		if r.Kind == wal.KindCommit {
			s.printf(" at %s", s.times.of("t", r.Timestamp))
		}
		for rest := r.Payload; len(rest) > 0; {
			var change []byte
			if change, rest = wal.NextChange(rest); change == nil {
				return errors.New("a change goes over records")
			}
			if err := s.showChange(change); err != nil {
				return err
			}
		}
		s.printf("\n")
		return nil
	})
	if empty {
		s.printf("empty\n")
	}
	return err
}

func (s *script) showChange(change []byte) error {
	decoded, err := wal.DecodeChange(change, memory.DefaultAllocator)
	if err != nil {
		return err
	}
	switch c := decoded.(type) {
	case *wal.Insert:
		s.printf("; insert into %s", s.place(c.Target))
		for i := range c.Rows() {
			s.printf(" %s(%s)", s.rows.of("r", c.FirstRowID+uint64(i)), valuesOf(c.Columns, i))
		}
		releaseAll(c.Columns)
	case *wal.Delete:
		s.printf("; delete from %s", s.place(c.Target))
		for _, r := range c.Rows {
			s.printf(" %s", s.deleted(r.RowID, r.Successor))
		}
	case *wal.Load:
		s.printf("; load a segment into %s", s.place(c.Target))
	case *wal.Undo:
		s.printf("; undo what is newer than %d deletes", c.Deletes)
	}
	return nil
}

func (s *script) place(t wal.Target) string {
	name := s.storages[catalog.StorageID(t.Partition)]
	if t.Shard > 0 {
		name += fmt.Sprint(" shard ", t.Shard)
	}
	return name
}

func (s *script) deleted(row, successor uint64) string {
	if successor == 0 {
		return s.rows.of("r", row)
	}
	return s.rows.of("r", row) + "→" + s.rows.of("r", successor)
}

func valuesOf(columns []arrow.Array, i int) string {
	var out []string
	for _, a := range columns {
		out = append(out, binlog.ValueText(a, i))
	}
	return strings.Join(out, " ")
}

func (s *script) showShard(sh *shard) error {
	s.printf("%s", s.storages[sh.key.partition])
	if sh.key.shard > 0 {
		s.printf(" shard %d", sh.key.shard)
	}
	covered := 0
	for offset, n := range s.records {
		if offset < sh.checkpoint.Offset {
			covered = max(covered, n)
		}
	}
	if covered > 0 {
		s.printf(": objects hold everything up to record %d", covered)
	}
	s.printf("\n")
	v := sh.pin()
	defer v.release()
	for _, f := range v.flushed {
		s.printf("  %s flushed, %s\n", s.segments.of("s", uint64(f.Manifest.Segment)), plural(f.Rows(), "row"))
		if err := s.showRows(f, f.Rows()); err != nil {
			return err
		}
		err := f.Deletes(s.ctx, func(d deltalog.Entry) error {
			s.printf("    delta log: %s at %s\n", s.deleted(d.RowID, d.Successor), s.times.of("t", d.Timestamp))
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, m := range v.memory {
		state := "sealed"
		if m.open {
			state = "growing"
		}
		s.printf("  %s, %s\n", state, plural(m.Rows(), "row"))
		if err := s.showRows(m, m.Rows()); err != nil {
			return err
		}
	}
	for _, f := range v.objects() {
		if sh.deletesSince == 0 {
			break
		}
		err := f.Tombstones.Each(uint64(sh.deletesSince), math.MaxUint64, func(pos int, at, successor uint64) error {
			id, err := f.rowID(s.ctx, pos)
			s.printf("  to flush: delete %s at %s\n", s.deleted(id, successor), s.times.of("t", at))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprint(n, " ", what, "s")
}

func (s *script) showRows(src source, rows int) error {
	for pos := range rows {
		columns, err := src.load(s.ctx, nil, []catalog.FieldID{100, 101}, pos, pos+1)
		if err != nil {
			return err
		}
		id, err := src.rowID(s.ctx, pos)
		if err != nil {
			return err
		}
		s.printf("    %s: %s", s.rows.of("r", id), valuesOf(columns, 0))
		releaseAll(columns)
		if at, successor := src.tombstones().Get(pos); at != 0 {
			s.printf("; gone at %s", s.times.of("t", at))
			if successor != 0 {
				s.printf(", now %s", s.rows.of("r", successor))
			}
		}
		s.printf("\n")
	}
	return nil
}
