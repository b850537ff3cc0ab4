package catalog

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
)

// stepKV loses power at a transaction of the store: before it arrives or, with
// after, when it was done and nobody heard. It counts those of a commit with DDL.
type stepKV struct {
	*MemKV
	store  *MemStore
	cutAt  int // of the transactions from arm on; -1: never
	after  bool
	armed  atomic.Bool
	cut    bool
	writes int
	stop   context.CancelFunc
}

func (k *stepKV) Txn(ctx context.Context, guards []Compare, ops []Op) (int64, error) {
	if !k.armed.Load() || !commitsDDL(ops) {
		return k.MemKV.Txn(ctx, guards, ops)
	}
	k.writes++
	if k.writes-1 != k.cutAt {
		return k.MemKV.Txn(ctx, guards, ops)
	}
	if k.after {
		if _, err := k.MemKV.Txn(ctx, guards, ops); err != nil {
			return 0, err
		}
	}
	k.cut = true
	k.store.PowerCut(uint64(k.cutAt))
	k.stop()
	return 0, ErrUnavailable
}

// commitsDDL says whether a transaction of the store is part of a commit with DDL.
func commitsDDL(ops []Op) bool {
	for _, op := range ops {
		if strings.Contains(op.Key, "/stage/") || strings.Contains(op.Key, "/status/") {
			return true
		}
	}
	return false
}

// A migration of 200 tables is staged in steps, none of which has more
// operations than etcd takes. Whichever is the last that the power lets
// through, all of it is there after a restart or nothing, by the decision
// alone, and no staged descriptor stays behind.
func TestMigrationIsCutAtEveryStep(t *testing.T) {
	for _, after := range []bool{false, true} {
		for cutAt := 0; ; cutAt++ {
			if !migrateUntil(t, cutAt, after) {
				if cutAt < 4 { // several to stage, one to decide
					t.Errorf("the migration took only %d steps", cutAt)
				}
				break
			}
		}
	}
}

// migrateUntil commits a migration and cuts the power at one of its steps; false
// if there were not so many.
func migrateUntil(t *testing.T, cutAt int, after bool) bool {
	t.Helper()
	const tables = 200
	ctx, stop := context.WithCancel(testContext(t))
	defer stop()
	store := NewMemStore()
	kv := &stepKV{MemKV: store.Open(Faults{}), store: store, cutAt: cutAt, after: after, stop: stop}
	c := openAt(t, kv)
	txn := c.Begin(PostgresDatabaseOID)
	for i := range tables {
		if err := txn.CreateTable(ctx, newTable(fmt.Sprintf("t%d", i))); err != nil {
			t.Fatal(err)
		}
	}
	id := newTxnID(t, c)
	kv.armed.Store(true)
	err := txn.Stage(ctx, id)
	decided := false
	if err == nil {
		decided, _ = txn.Decide(ctx, id)
	}
	kv.armed.Store(false) // cleaning up is no step
	if !kv.cut {
		if err != nil || !decided {
			t.Fatalf("no cut, but %v, decided %v", err, decided)
		}
		txn.Install(id, 1)
		closeNow(t, c)
		return false
	}
	crash(store, c, 1)
	c = openAt(t, store.Open(Faults{}))
	defer closeNow(t, c)
	committed, err := c.SettleAbort(testContext(t), id)
	if err != nil {
		t.Fatal(err)
	}
	want := 0
	if committed {
		want = tables
	}
	if decided && !committed {
		t.Errorf("step %d: an acknowledged decision is lost", cutAt)
	}
	if err := c.WaitSettled(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if got := len(c.View(PostgresDatabaseOID).Relations(PublicSchemaOID)); got != want {
		t.Errorf("step %d: %d tables, committed %v", cutAt, got, committed)
	}
	if got := keysUnder(t, c, c.keys.stages()); got != 0 {
		t.Errorf("step %d: %d staged descriptors are left", cutAt, got)
	}
	return true
}
