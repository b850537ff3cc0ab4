package storage

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/bitutil"

	"quiver/catalog"
)

// TestRandomOperations runs random operations of several interleaved
// transactions, flushes and crashes against a map, with random sizes of
// segments and shards.
func TestRandomOperations(t *testing.T) {
	for seed := range uint64(30) {
		m := newModel(t, seed)
		for range 300 {
			m.step()
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
		for slot := range m.slots {
			m.end(slot, true)
		}
		m.w.now(m.table, m.text(m.committed))
	}
}

// model is a table as a map. Each open transaction changes only ids of its own
// slot, so that none waits for another.
type model struct {
	w         *world
	random    *rand.Rand
	table     *catalog.Table
	index     *catalog.Index // nil for none
	committed map[int64]string
	slots     [3]*modelTxn
}

type modelTxn struct {
	tx *txn
	// own are the changes: "" is a deleted row.
	own   map[int64]string
	marks []modelMark
	// frozen is what a RepeatableRead transaction reads below its own changes.
	frozen map[int64]string
}

type modelMark struct {
	sp  Savepoint
	own map[int64]string
}

func newModel(t *testing.T, seed uint64) *model {
	w, _ := newIndexWorld(t)
	m := &model{w: w, random: rand.New(rand.NewPCG(seed, 11)), committed: map[int64]string{}}
	m.w.e.Close()
	m.w.opts.SegmentBytesMax = 1 << (12 + m.random.IntN(10))
	m.w.opts.Retention = 1
	m.w.opts.LoadBytesMin = 1 + m.random.Int64N(400)
	m.w.opts.GrowingIndexRows = 20 + m.random.IntN(50)
	m.w.open()
	tx := m.w.begin(TxnOptions{})
	m.table = m.w.createTable("m", tx, 1+m.random.IntN(3))
	m.w.check(tx.Commit(m.w.ctx))
	return m
}

func (m *model) step() {
	slot := m.random.IntN(len(m.slots))
	if m.slots[slot] == nil {
		opts := TxnOptions{Isolation: Isolation(m.random.IntN(2))}
		m.slots[slot] = &modelTxn{tx: m.w.begin(opts), own: map[int64]string{}, frozen: maps.Clone(m.committed)}
		snapshot, err := m.slots[slot].tx.Snapshot(m.w.ctx) // fixes what RepeatableRead reads
		m.w.check(err)
		snapshot.Close()
	}
	s := m.slots[slot]
	switch n := m.random.IntN(40); {
	case n == 0:
		m.w.check(m.w.e.Checkpoint(m.w.ctx))
	case n == 2 && m.random.IntN(2) == 0:
		m.w.settle()
	case n == 2:
		for _, s := range m.w.e.allShards() {
			m.w.check(m.w.e.followShard(m.w.ctx, s))
		}
	case n == 3 && m.random.IntN(6) == 0:
		m.createIndex()
	case n == 1 && m.random.IntN(4) == 0:
		m.w.e.stop() // the transactions are lost
		clear(m.slots[:])
		m.w.log = m.w.log.Crash(0)
		m.w.e.Close()
		m.w.leaked = true
		m.w.open()
		m.w.now(m.table, m.text(m.committed))
	case n < 6:
		m.end(slot, n < 5)
	case n < 8:
		s.marks = append(s.marks, modelMark{s.tx.Savepoint(), maps.Clone(s.own)})
	case n < 10 && len(s.marks) > 0:
		i := m.random.IntN(len(s.marks))
		s.tx.RollbackTo(s.marks[i].sp)
		s.own = maps.Clone(s.marks[i].own)
		s.marks = s.marks[:i+1]
	case n < 18:
		m.check(s)
	case n < 28:
		m.insert(slot, s)
	default:
		m.change(slot, s)
	}
}

// createIndex replaces the index, which merges all segments; or drops it.
func (m *model) createIndex() {
	tx := m.w.begin(TxnOptions{})
	if m.index != nil {
		tx.Catalog().Drop(m.index.OID)
		m.index = nil
	}
	if m.random.IntN(4) > 0 {
		m.index = m.w.createIndex(tx, m.table, fmt.Sprint("x", m.random.Uint32()))
	}
	m.w.check(tx.Commit(m.w.ctx))
}

// visible is what a transaction must see.
func (m *model) visible(s *modelTxn) map[int64]string {
	base := m.committed
	if s.tx.opts.Isolation == RepeatableRead {
		base = s.frozen
	}
	out := maps.Clone(base)
	for id, v := range s.own {
		if v == "" {
			delete(out, id)
		} else {
			out[id] = v
		}
	}
	return out
}

func (m *model) text(rows map[int64]string) string {
	var list []testRow
	for id, v := range rows {
		list = append(list, testRow{id: id, name: v})
	}
	return format(list)
}

func (m *model) check(s *modelTxn) {
	m.w.t.Helper()
	want := m.visible(s)
	m.w.expect(s.tx, m.table, m.text(want))
	lo := m.random.Int64N(300)
	part := maps.Clone(want)
	maps.DeleteFunc(part, func(id int64, _ string) bool { return id < lo || id >= lo+50 })
	snapshot, err := s.tx.Snapshot(m.w.ctx)
	m.w.check(err)
	defer snapshot.Close()
	filter := &rangeFilter{lo: lo, hi: lo + 50}
	got := m.w.scan(snapshot, ScanSpec{Table: m.table, Fields: []catalog.FieldID{100, 101}, Filter: filter})
	if format(got) != m.text(part) {
		m.w.t.Errorf("ids from %d: %s, want %s", lo, format(got), m.text(part))
	}
	id := m.random.Int64N(300)
	rows := m.w.scan(snapshot, ScanSpec{Table: m.table, Fields: []catalog.FieldID{100, 101}, Key: encodedKey(id), WithRowID: true})
	if v, ok := want[id]; ok != (len(rows) == 1) || ok && rows[0].name != v {
		m.w.t.Errorf("id %d is %v, want %q", id, rows, v)
	}
	if len(rows) == 1 {
		again := m.w.scan(snapshot, ScanSpec{Table: m.table, Fields: []catalog.FieldID{100, 101}, RowIDs: []RowID{rows[0].row, rows[0].row + 1000}})
		if len(again) != 1 || again[0].id != id {
			m.w.t.Errorf("row version %d is %v", rows[0].row, again)
		}
	}
	m.checkParallel(snapshot, want)
	m.w.expectVectors(snapshot, m.table, m.text(want), m.text(part), filter)
	m.w.expectNearest(s.tx, m.table, m.index, want)
}

func (m *model) checkParallel(s Snapshot, want map[int64]string) {
	scanners, err := s.ScanParallel(m.w.ctx, ScanSpec{Table: m.table, Fields: []catalog.FieldID{100}}, 3)
	m.w.check(err)
	rows := 0
	for _, sc := range scanners {
		for {
			b, err := sc.Next(m.w.ctx)
			m.w.check(err)
			if b == nil {
				break
			}
			rows += b.Kept
			b.Record.Release()
		}
		m.w.check(sc.Close())
	}
	if rows != len(want) {
		m.w.t.Errorf("parallel scan has %d rows, want %d", rows, len(want))
	}
}

// free says whether a transaction may change an id: no other has it, and no
// later commit than its snapshot changed it.
func (m *model) free(slot int, id int64) bool { return int(id)%len(m.slots) == slot }

func (m *model) insert(slot int, s *modelTxn) {
	seen := m.visible(s)
	var ids []int64
	var names []string
	for range 1 + m.random.IntN(30) {
		id := m.random.Int64N(100)*int64(len(m.slots)) + int64(slot)
		if _, taken := seen[id]; taken || slices.Contains(ids, id) {
			continue
		}
		ids, names = append(ids, id), append(names, fmt.Sprint("v", m.random.Uint32()))
	}
	if len(ids) == 0 {
		return
	}
	if m.random.IntN(3) == 0 {
		m.w.check(loadRows(m.w.ctx, m.random, s.tx, m.table, columnsOf(ids, names)))
	} else {
		m.w.insert(s.tx, m.table, ids, names...)
	}
	for i, id := range ids {
		s.own[id] = names[i]
	}
	if m.random.IntN(4) == 0 {
		m.w.check(s.tx.stream.emit(0))
	}
}

func (m *model) change(slot int, s *modelTxn) {
	var ids []int64
	for id := range m.visible(s) {
		if m.free(slot, id) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return
	}
	slices.Sort(ids)
	id := ids[m.random.IntN(len(ids))]
	name := "-"
	if m.random.IntN(2) == 0 {
		name = fmt.Sprint("w", m.random.Uint32())
	}
	m.w.change(s.tx, m.table, id, name)
	if name == "-" {
		name = ""
	}
	s.own[id] = name
}

func (m *model) end(slot int, commit bool) {
	s := m.slots[slot]
	if s == nil {
		return
	}
	m.slots[slot] = nil
	if !commit {
		s.tx.Rollback()
		return
	}
	m.w.check(s.tx.Commit(m.w.ctx))
	for id, v := range s.own {
		if v == "" {
			delete(m.committed, id)
		} else {
			m.committed[id] = v
		}
	}
}

// rangeFilter keeps lo <= id < hi and prunes by bounds.
type rangeFilter struct{ lo, hi int64 }

func (f *rangeFilter) Fields() []catalog.FieldID { return []catalog.FieldID{100} }

func (f *rangeFilter) MayMatch(stats func(catalog.FieldID) *ColumnStats) bool {
	s := stats(100)
	if s == nil || s.Min == nil || s.Max == nil {
		return true
	}
	return s.Min.(*array.Int64).Value(0) < f.hi && s.Max.(*array.Int64).Value(0) >= f.lo
}

func (f *rangeFilter) Eval(_ context.Context, columns []arrow.Array, rows int, visible Bitmap) error {
	ids := columns[0].(*array.Int64)
	for i := range rows {
		if v := ids.Value(i); v < f.lo || v >= f.hi {
			bitutil.ClearBit(visible, i)
		}
	}
	return nil
}
