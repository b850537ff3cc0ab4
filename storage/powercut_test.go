package storage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"quiver/catalog"
	"quiver/internal/offheap"
	"quiver/storage/objstore"
	"quiver/storage/vfs"
	"quiver/storage/wal"
)

// TestPowerCuts cuts the power at random moments under a load of inserts,
// updates, deletes, savepoints, DDL and flushes by several sessions, while the
// catalog's store loses requests and replies. After each cut the engine opens
// on what survived: every acknowledged commit must be there, whole, and a
// commit under way whole or not at all. QUIVER_POWER_CUTS sets how many,
// QUIVER_POWER_SEED the first seed; a seed has ten.
func TestPowerCuts(t *testing.T) {
	cuts := 200
	if testing.Short() {
		cuts = 40
	}
	first := 0
	for name, n := range map[string]*int{"QUIVER_POWER_CUTS": &cuts, "QUIVER_POWER_SEED": &first} {
		if s := os.Getenv(name); s != "" {
			var err error
			if *n, err = strconv.Atoi(s); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	const perWorld = 10
	tally := powerTally{memory: offheap.New(0)}
	for i := range (cuts + perWorld - 1) / perWorld {
		seed := uint64(first + i)
		p := newPowerWorld(t, seed, &tally)
		for range perWorld {
			p.run()
			p.cut()
			p.verify()
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
		p.end()
	}
	t.Logf("%d cuts: %d commits, %d with DDL, %d in flight at a cut (%d of them survived), %d flushes, %d times VACUUM FULL, %d bulk loads, %d index builds, %d background jobs",
		cuts, tally.commits.Load(), tally.ddl.Load(), tally.inFlight, tally.survived, tally.flushes.Load(), tally.vacuums.Load(), tally.loads.Load(), tally.kind.built.Load(), tally.jobs)
	if tally.commits.Load() == 0 || tally.ddl.Load() == 0 || tally.flushes.Load() == 0 || tally.vacuums.Load() == 0 || tally.loads.Load() == 0 || tally.kind.built.Load() == 0 || tally.jobs == 0 {
		t.Error("the load did nothing")
	}
}

type powerTally struct {
	commits, ddl, flushes, vacuums atomic.Int64
	loads                          atomic.Int64
	inFlight, survived             int
	jobs                           int64
	kind                           testKind
	// memory is that of all engines, one after the other.
	memory *offheap.Allocator
}

// powerWorld is a cluster on simulated hardware.
type powerWorld struct {
	t       *testing.T
	tally   *powerTally
	random  *rand.Rand
	clock   *stepClock
	fs      *vfs.Mem
	kv      *catalog.MemStore
	objects *powerStore

	catalog *catalog.Catalog
	log     *wal.FileLog
	e       *Engine

	power   sync.RWMutex // guards off
	off     bool
	steps   atomic.Int64
	writers []*powerWriter
}

// powerWriter is a session with tables of its own, so that it knows what must
// be there.
type powerWriter struct {
	n      int
	random *rand.Rand
	acked  powerState
	// pending is the state after the commit under way; nil for none.
	pending powerState
	next    int
}

// powerState has the rows of each table by name.
type powerState map[string]map[int64]string

func (s powerState) clone() powerState {
	out := powerState{}
	for name, rows := range s {
		out[name] = maps.Clone(rows)
	}
	return out
}

func (s powerState) equal(o powerState) bool {
	return maps.EqualFunc(s, o, func(a, b map[int64]string) bool { return maps.Equal(a, b) })
}

// powerStore is an object store that goes dark with the power: a write under
// way is whole or not there.
type powerStore struct {
	*testStore
	off atomic.Bool
}

func (s *powerStore) guard(string) (error, bool) {
	if s.off.Load() {
		return objstore.ErrUnavailable, false
	}
	return nil, false
}

func newPowerWorld(t *testing.T, seed uint64, tally *powerTally) *powerWorld {
	p := &powerWorld{
		t: t, tally: tally, random: rand.New(rand.NewPCG(seed, 7)), clock: newStepClock(),
		fs: vfs.NewMem(), kv: catalog.NewMemStore(), objects: &powerStore{testStore: newTestStore()},
	}
	p.objects.fail = p.objects.guard
	for n := range 3 {
		p.writers = append(p.writers, &powerWriter{n: n, random: rand.New(rand.NewPCG(seed, uint64(100+n))), acked: powerState{}})
	}
	p.open(true)
	return p
}

func (p *powerWorld) open(create bool) {
	p.t.Helper()
	ctx := context.Background()
	faults := catalog.Faults{Seed: p.random.Uint64(), LoseRequest: 0.02, LoseReply: 0.05, Delay: 0.03}
	var err error
	p.catalog, err = catalog.Open(ctx, catalog.Options{KV: p.kv.Open(faults), ClusterID: "test", Create: create, Instance: "here"})
	p.check(err)
	p.log, err = wal.OpenFiles(p.fs, "wal", wal.FileOptions{Epoch: p.catalog.Epoch(), FileBytes: 512 << 10})
	p.check(err)
	p.e, err = Open(ctx, Options{
		Catalog: p.catalog, Log: p.log, Objects: p.objects, Clock: p.clock, Manual: true, SegmentBytesMax: 64 << 10,
		Retention: 1, LoadBytesMin: 100, Kinds: p.tally.kind.byName, GrowingIndexRows: 20, Memory: p.tally.memory,
	})
	p.check(err)
	p.off = false
	p.objects.off.Store(false)
}

func (p *powerWorld) check(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// run lets the sessions work until the power goes off, which it does at a
// random step.
func (p *powerWorld) run() {
	until := p.steps.Load() + 1 + p.random.Int64N(60)
	gone := make(chan struct{})
	var sessions sync.WaitGroup
	for _, w := range p.writers {
		sessions.Go(func() {
			for p.steps.Load() < until && p.session(w) {
			}
		})
	}
	sessions.Go(func() {
		for p.steps.Load() < until && !p.isOff() {
			if p.e.Checkpoint(p.e.background) == nil {
				p.tally.flushes.Add(1)
			}
			p.steps.Add(1)
			if p.steps.Load()%4 == 0 {
				p.vacuum()
			}
		}
	})
	sessions.Go(func() {
		for p.steps.Load() < until && !p.isOff() {
			p.e.reconcile()
			for _, s := range p.e.allShards() {
				if err := p.e.followShard(p.e.background, s); err != nil && !p.isOff() {
					p.t.Errorf("follow: %v", err)
				}
			}
			p.steps.Add(1)
			runtime.Gosched()
		}
	})
	go func() {
		sessions.Wait()
		close(gone)
	}()
	for p.steps.Load() < until {
		select {
		case <-gone:
		default:
			continue
		}
		break
	}
	p.cutPower()
	<-gone
}

// vacuum is VACUUM FULL of some shard.
func (p *powerWorld) vacuum() {
	shards := p.e.allShards() // in no order
	if len(shards) > 0 && p.e.Vacuum(p.e.background, shards[0].table, shards[0].key.partition, true) == nil {
		p.tally.vacuums.Add(1)
	}
}

func (p *powerWorld) isOff() bool {
	p.power.RLock()
	defer p.power.RUnlock()
	return p.off
}

func (p *powerWorld) cutPower() {
	p.power.Lock()
	p.off = true
	p.objects.off.Store(true)
	p.kv.PowerCut(p.random.Uint64())
	p.fs = p.fs.CrashClone(p.random)
	p.power.Unlock()
	p.e.stop()
	p.log.Fence(errors.New("no power"))
}

// cut throws the dead process away and starts anew.
func (p *powerWorld) cut() {
	_, completed, _ := p.e.jobs.Stats()
	p.tally.jobs += completed
	p.close()
	p.open(false)
}

func (p *powerWorld) close() {
	dead, cancel := context.WithCancel(context.Background())
	cancel()
	_ = p.e.Close()
	if used := p.tally.memory.Used(); used != 0 {
		p.t.Errorf("a dead engine keeps %d bytes", used)
	}
	_ = p.log.Close()
	_ = p.catalog.Close(dead)
}

func (p *powerWorld) end() {
	p.cutPower()
	p.close()
}

// session runs one transaction of a writer; false ends it.
func (p *powerWorld) session(w *powerWriter) bool {
	defer p.steps.Add(1)
	if p.isOff() {
		return false
	}
	opened, err := p.e.Begin(p.e.background, TxnOptions{Database: catalog.PostgresDatabaseOID})
	if err != nil {
		return false
	}
	tx := opened.(*txn)
	state := w.acked.clone()
	for range 1 + w.random.IntN(4) {
		if err := p.step(w, tx, state); err != nil {
			tx.Rollback()
			if p.isOff() {
				return false
			}
			p.t.Errorf("writer %d: %v", w.n, err)
			return false
		}
	}
	if w.random.IntN(6) == 0 {
		tx.Rollback()
		return true
	}
	w.pending = state
	ddl := tx.Catalog().Changed()
	err = tx.Commit(p.e.background)
	p.power.RLock()
	defer p.power.RUnlock()
	if p.off {
		return false // nobody heard the answer
	}
	if err != nil {
		p.t.Errorf("writer %d: commit: %v", w.n, err)
		return false
	}
	w.acked, w.pending = state, nil
	p.tally.commits.Add(1)
	if ddl {
		p.tally.ddl.Add(1)
	}
	return true
}

// step does one thing in a transaction and to the state that it would leave.
func (p *powerWorld) step(w *powerWriter, tx *txn, state powerState) error {
	names := slices.Sorted(maps.Keys(state))
	if len(names) == 0 || len(names) < 3 && w.random.IntN(8) == 0 {
		w.next++
		name := fmt.Sprintf("w%d_%d", w.n, w.next)
		if err := p.createTable(tx, name, 1+w.random.IntN(2)); err != nil {
			return err
		}
		state[name] = map[int64]string{}
		return nil
	}
	name := names[w.random.IntN(len(names))]
	table := p.table(tx, name)
	if table == nil {
		return fmt.Errorf("table %s is not there", name)
	}
	rows := state[name]
	switch n := w.random.IntN(20); {
	case n == 0 && len(names) > 1:
		c := tx.Catalog()
		for _, part := range c.Partitions(table.OID) {
			c.Drop(part.OID)
		}
		for _, x := range c.Indexes(table.OID) {
			c.Drop(x.OID)
		}
		c.Drop(table.OID)
		delete(state, name)
		return nil
	case n < 3:
		sp := tx.Savepoint()
		if err := p.insert(w, tx, table, maps.Clone(rows)); err != nil {
			return err
		}
		tx.RollbackTo(sp)
		return nil
	case n == 3 && len(tx.Catalog().Indexes(table.OID)) < 3:
		return p.createIndex(tx, table)
	case n < 11 || len(rows) == 0:
		return p.insert(w, tx, table, rows)
	}
	ids := slices.Sorted(maps.Keys(rows))
	id := ids[w.random.IntN(len(ids))]
	value := fmt.Sprint("u", w.random.Uint32())
	if w.random.IntN(3) == 0 {
		value = ""
	}
	return p.change(tx, table, rows, id, value)
}

func (p *powerWorld) createIndex(tx *txn, table *catalog.Table) error {
	index, err := newTestIndex(p.e.background, tx.Catalog(), table, fmt.Sprint(table.Name, "_", p.e.newIDs(1)))
	if err == nil {
		err = tx.Catalog().Put(index)
	}
	if err == nil {
		err = tx.BuildIndex(p.e.background, IndexBuild{Table: table, Index: index})
	}
	return err
}

func (p *powerWorld) insert(w *powerWriter, tx *txn, table *catalog.Table, rows map[int64]string) error {
	var ids []int64
	var names []string
	n := 1 + w.random.IntN(3)
	pad := ""
	if w.random.IntN(10) == 0 { // large enough for several records
		n, pad = 40, strings.Repeat("x", 2000)
	}
	for range n {
		id := w.random.Int64N(500)
		if _, taken := rows[id]; taken || slices.Contains(ids, id) {
			continue
		}
		ids, names = append(ids, id), append(names, fmt.Sprint("i", w.random.Uint32(), pad))
	}
	if len(ids) == 0 {
		return nil
	}
	var err error
	if w.random.IntN(3) == 0 {
		err = loadRows(p.e.background, w.random, tx, table, columnsOf(ids, names))
		if tx.writes != nil && len(tx.writes.loadEnds) > 0 {
			p.tally.loads.Add(1)
		}
	} else {
		_, _, err = tx.Insert(p.e.background, table, 0, columnsOf(ids, names), false)
	}
	if err == nil && w.random.IntN(4) == 0 {
		err = tx.stream.emit(0) // as if the transaction were large
	}
	for i, id := range ids {
		rows[id] = names[i]
	}
	return err
}

// change updates a row, or deletes it when value is empty.
func (p *powerWorld) change(tx *txn, table *catalog.Table, rows map[int64]string, id int64, value string) error {
	ctx := p.e.background
	s, err := tx.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	sc, err := s.Scan(ctx, ScanSpec{Table: table, Fields: []catalog.FieldID{100, 101}, WithRowID: true, Key: encodedKey(id)})
	if err != nil {
		return err
	}
	defer sc.Close()
	b, err := sc.Next(ctx)
	if err != nil {
		return err
	}
	if b == nil || b.Kept != 1 {
		return fmt.Errorf("row %d of %s is not there once", id, table.Name)
	}
	row := onlyRow(b)
	b.Record.Release()
	if locked, err := tx.LockRow(ctx, table, row, LockForUpdate, WaitBlock); err != nil || locked.Status != RowCurrent {
		return fmt.Errorf("row %d of %s: status %d, %w", id, table.Name, locked.Status, err)
	}
	if value == "" {
		delete(rows, id)
		return tx.Delete(ctx, table, []RowID{row})
	}
	rows[id] = value
	_, err = tx.Update(ctx, table, []RowID{row}, columnsOf([]int64{id}, []string{value}))
	return err
}

func onlyRow(b *Batch) RowID {
	for i := range int(b.Record.NumRows()) {
		if b.Visible.Get(i) {
			return rowIDAt(b.Record.Column(2), i)
		}
	}
	return 0
}

func (p *powerWorld) table(tx *txn, name string) *catalog.Table {
	table, _ := tx.Catalog().Relation(catalog.PublicSchemaOID, name).(*catalog.Table)
	return table
}

// verify compares what is there with what was acknowledged.
func (p *powerWorld) verify() {
	p.t.Helper()
	opened, err := p.e.Begin(context.Background(), TxnOptions{Database: catalog.PostgresDatabaseOID})
	p.check(err)
	tx := opened.(*txn)
	defer tx.Rollback()
	found := make([]powerState, len(p.writers))
	for i := range found {
		found[i] = powerState{}
	}
	s, err := tx.Snapshot(context.Background())
	p.check(err)
	defer s.Close()
	for _, r := range tx.Catalog().Relations(catalog.PublicSchemaOID) {
		table, ok := r.(*catalog.Table)
		if !ok {
			continue
		}
		n := int(table.Name[1] - '0')
		found[n][table.Name] = p.rows(s, table)
		for _, index := range tx.Catalog().Indexes(table.OID) {
			if !index.Primary {
				w := &world{t: p.t, ctx: context.Background()}
				w.expectNearest(tx, table, index, found[n][table.Name])
			}
		}
	}
	p.verifyObjects()
	for i, w := range p.writers {
		switch {
		case found[i].equal(w.acked):
			if w.pending != nil {
				p.tally.inFlight++
			}
		case w.pending != nil && found[i].equal(w.pending):
			w.acked = w.pending
			p.tally.inFlight++
			p.tally.survived++
		default:
			p.t.Errorf("writer %d: found\n%v\nacknowledged\n%v\nunder way\n%v", i, found[i].summary(), w.acked.summary(), w.pending.summary())
		}
		w.pending = nil
	}
}

// verifyObjects: after a sweep no object is left that nothing names.
func (p *powerWorld) verifyObjects() {
	p.t.Helper()
	p.e.jobs.Wait()
	p.check(p.e.sweep(context.Background()))
	named := map[string]bool{}
	for _, s := range p.e.allShards() {
		for _, f := range s.view.objects() {
			named[f.descriptor().Manifest] = true
			for _, file := range f.Current().Files {
				named[file.Key] = true
			}
		}
	}
	for key := range p.objects.objects {
		if !named[key] {
			p.t.Errorf("nothing names object %s", key)
		}
	}
	for key := range named {
		if p.objects.objects[key] == nil {
			p.t.Errorf("object %s is gone", key)
		}
	}
}

// summary prints a state with short values.
func (s powerState) summary() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s)) {
		fmt.Fprintf(&b, "%s:", name)
		for _, id := range slices.Sorted(maps.Keys(s[name])) {
			fmt.Fprintf(&b, " %d=%.12s", id, s[name][id])
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func (p *powerWorld) rows(s Snapshot, table *catalog.Table) map[int64]string {
	w := &world{t: p.t, ctx: context.Background()}
	rows := map[int64]string{}
	for _, r := range w.scan(s, ScanSpec{Table: table, Fields: []catalog.FieldID{100, 101}}) {
		if _, twice := rows[r.id]; twice {
			p.t.Errorf("id %d is twice in %s", r.id, table.Name)
		}
		rows[r.id] = r.name
	}
	return rows
}

func (p *powerWorld) createTable(tx *txn, name string, shards int) error {
	table, index, part, err := newTestTable(p.e.background, tx.Catalog(), name, shards)
	if err != nil {
		return err
	}
	for _, d := range []catalog.Descriptor{table, index, part} {
		if err := tx.Catalog().Put(d); err != nil {
			return err
		}
	}
	return nil
}
