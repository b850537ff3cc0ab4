package catalog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// model is what must be true of a catalog whatever was lost: acknowledged
// changes are there, those of unknown outcome are there whole or not at all.
type model struct {
	t      *testing.T
	random *rand.Rand
	store  *MemStore
	kv     *MemKV
	c      *Catalog

	tables   map[string]OID // committed
	values   map[int64]bool // that the sequence gave
	ids      map[uint64]bool
	segments map[SegmentID]string // manifest by segment
	moved    byte                 // the checkpoint's position
	bound    uint64
	stages   int
}

func (m *model) faults() Faults {
	return Faults{Seed: m.random.Uint64(), LoseRequest: 0.05, LoseReply: 0.05, Delay: 0.05}
}

// briefly is a context that may end before the store answers.
func (m *model) briefly() (context.Context, context.CancelFunc) {
	if m.random.IntN(3) == 0 {
		return context.WithTimeout(context.Background(), 3*time.Millisecond)
	}
	return context.WithTimeout(context.Background(), time.Minute)
}

func (m *model) open() {
	m.kv = m.store.Open(m.faults())
	m.c = openAt(m.t, m.kv)
	for _, id := range m.c.Unsettled() {
		if committed, err := m.c.SettleAbort(testContext(m.t), id); err != nil || committed {
			m.t.Fatalf("SettleAbort(%d) of a transaction without a status: %v, %v", id, committed, err)
		}
	}
	m.check()
}

// check compares the catalog with the model.
func (m *model) check() {
	m.t.Helper()
	got := map[string]OID{}
	for _, r := range m.c.View(PostgresDatabaseOID).Relations(PublicSchemaOID) {
		if r.Kind() == 'r' {
			got[r.Head().Name] = r.Head().OID
		}
	}
	if !maps.Equal(got, m.tables) {
		m.t.Fatalf("tables %v, want %v", got, m.tables)
	}
	segments, err := m.c.Segments(testContext(m.t))
	if err != nil {
		m.t.Fatal(err)
	}
	found := map[SegmentID]string{}
	for _, s := range segments {
		found[s.ID] = s.Manifest
	}
	if !maps.Equal(found, m.segments) {
		m.t.Fatalf("segments %v, want %v", found, m.segments)
	}
	points, err := m.c.Checkpoints(testContext(m.t))
	if err != nil {
		m.t.Fatal(err)
	}
	if m.moved != 0 && (len(points) != 1 || points[0].Position[0] != m.moved) {
		m.t.Fatalf("checkpoints %v, want %d", points, m.moved)
	}
	if bound, err := m.c.TimestampBound(testContext(m.t)); err != nil || bound != m.bound {
		m.t.Fatalf("timestamp bound %d, want %d, %v", bound, m.bound, err)
	}
}

func (m *model) cut() {
	crash(m.store, m.c, m.random.Uint64())
	m.open()
}

// ddl makes and drops a few tables in one transaction, which commits, rolls
// back, or is cut off at any step.
func (m *model) ddl() {
	ctx := testContext(m.t)
	txn := m.c.Begin(PostgresDatabaseOID)
	want := maps.Clone(m.tables)
	for range 1 + m.random.IntN(3) {
		name := fmt.Sprintf("t%d", m.random.IntN(12))
		if oid, there := want[name]; there {
			txn.DropTable(oid)
			delete(want, name)
			continue
		}
		table := newTable(name)
		if err := txn.CreateTable(ctx, table); err != nil {
			m.t.Fatal(err)
		}
		want[name] = table.OID
	}
	id, err := m.c.NewTxnID(ctx)
	if err != nil || m.ids[uint64(id)] {
		m.t.Fatalf("transaction id %d again, or %v", id, err)
	}
	m.ids[uint64(id)] = true
	m.stages++
	stage, cancel := m.briefly()
	defer cancel()
	if err := txn.Stage(stage, id); err != nil || m.random.IntN(6) == 0 {
		if m.random.IntN(2) == 0 {
			m.cut() // before the decision
			return
		}
		if err := txn.Abort(ctx, id); err != nil {
			m.t.Fatal(err)
		}
		return
	}
	decide, cancel := m.briefly()
	defer cancel()
	committed, err := txn.Decide(decide, id)
	for err != nil {
		if m.random.IntN(2) == 0 {
			m.cutUnknown(id, want)
			return
		}
		committed, err = txn.Decide(ctx, id)
	}
	if !committed {
		m.t.Fatalf("transaction %d did not commit", id)
	}
	m.tables = want
	if m.random.IntN(6) == 0 {
		m.cut() // decided, not installed
		return
	}
	txn.Install(id, 1)
}

// cutUnknown cuts while the outcome of id is not known: it is read afterwards.
func (m *model) cutUnknown(id TxnID, want map[string]OID) {
	crash(m.store, m.c, m.random.Uint64())
	peek := openAt(m.t, m.store.Open(Faults{}))
	if status, err := peek.Status(testContext(m.t), id); err != nil {
		m.t.Fatal(err)
	} else if status == StatusCommitted {
		m.tables = want
	}
	closeNow(m.t, peek)
	m.open()
}

// flush adds a segment, or replaces one by another, and moves the checkpoint.
func (m *model) flush() {
	ctx := testContext(m.t)
	id, err := m.c.NewSegmentID(ctx)
	if err != nil {
		m.t.Fatal(err)
	}
	fresh := &Segment{ID: id, Manifest: fmt.Sprintf("m%d", id), State: SegmentFlushed}
	change := SegmentChange{Put: []*Segment{fresh}}
	want := maps.Clone(m.segments)
	want[id] = fresh.Manifest
	moved := m.moved
	if old := slices.Sorted(maps.Keys(m.segments)); len(old) > 0 && m.random.IntN(2) == 0 {
		change.Remove = old[:1]
		delete(want, old[0])
	} else {
		moved++
		change.Checkpoints = []Checkpoint{{Table: 1, Partition: 2, Position: []byte{moved}}}
	}
	brief, cancel := m.briefly()
	defer cancel()
	err = m.c.CommitSegments(brief, change)
	switch {
	case err == nil:
		m.segments, m.moved = want, moved
	case errors.Is(err, ErrConflict):
		m.t.Fatalf("a conflict with nobody: %v", err)
	default: // unknown: whole or not at all
		crash(m.store, m.c, m.random.Uint64())
		peek := openAt(m.t, m.store.Open(Faults{}))
		segments, err := peek.Segments(testContext(m.t))
		if err != nil {
			m.t.Fatal(err)
		}
		if slices.ContainsFunc(segments, func(s *Segment) bool { return s.ID == id }) {
			m.segments, m.moved = want, moved
		}
		closeNow(m.t, peek)
		m.open()
	}
}

func (m *model) step(s *Sequence) {
	switch m.random.IntN(10) {
	case 0, 1, 2:
		m.ddl()
	case 3, 4:
		m.flush()
	case 5:
		m.cut()
	case 6: // a clean restart
		m.kv.SetFaults(Faults{})
		closeNow(m.t, m.c)
		m.open()
	case 7:
		if err := m.c.ForgetStatuses(testContext(m.t), m.c.Statuses()...); err != nil {
			m.t.Fatal(err)
		}
	case 8:
		bound := m.bound + uint64(m.random.IntN(1000))
		if err := m.c.SetTimestampBound(testContext(m.t), bound); err != nil {
			m.t.Fatal(err)
		}
		m.bound = bound
	default:
		for range m.random.IntN(60) {
			v, err := m.c.NextVal(testContext(m.t), s)
			if err != nil || m.values[v] {
				m.t.Fatalf("value %d again, or %v", v, err)
			}
			m.values[v] = true
		}
	}
}

// TestModel runs random operations over a store that loses and delays requests
// and replies, with power cuts between and within them.
func TestModel(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			m := &model{
				t: t, random: rand.New(rand.NewPCG(seed, 0)), store: NewMemStore(), tables: map[string]OID{},
				values: map[int64]bool{}, ids: map[uint64]bool{}, segments: map[SegmentID]string{},
			}
			m.open()
			s := newSequence(10)
			txn := m.c.Begin(PostgresDatabaseOID)
			if err := txn.Put(s); err != nil {
				t.Fatal(err)
			}
			commit(t, txn, newTxnID(t, m.c))
			for range 25 {
				m.step(s)
			}
			m.kv.SetFaults(Faults{})
			closeNow(t, m.c)
			m.open()
			m.kv.SetFaults(Faults{})
			closeNow(t, m.c)
		})
	}
}
