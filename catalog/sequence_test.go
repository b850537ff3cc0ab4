package catalog

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"

	"quiver/sql/types"
)

func newSequence(oid OID) *Sequence {
	return &Sequence{
		Object: Object{OID: oid, Name: "s"}, Schema: PublicSchemaOID, Database: PostgresDatabaseOID,
		Type: types.Int8OID, Start: 1, Increment: 1, Min: 1, Max: math.MaxInt64, Cache: 1,
	}
}

func nextVals(t *testing.T, c *Catalog, s *Sequence, n int) (out []int64) {
	t.Helper()
	for range n {
		v, err := c.NextVal(testContext(t), s)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}

func TestNextVal(t *testing.T) {
	c := openTest(t)
	s := newSequence(30000)
	for want := int64(1); want <= 1000; want++ {
		if got := nextVals(t, c, s, 1)[0]; got != want {
			t.Fatalf("value %d, want %d", got, want)
		}
	}
	if last, called, err := c.SequenceValue(testContext(t), s); last != 1000 || !called || err != nil {
		t.Errorf("SequenceValue: %d, %v, %v", last, called, err)
	}
}

func TestSequenceLimits(t *testing.T) {
	c := openTest(t)
	tests := []struct {
		name                        string
		start, increment, low, high int64
		cycle                       bool
		want                        []int64
		end                         string
	}{
		{"up", 5, 3, 1, 12, false, []int64{5, 8, 11}, `nextval: reached maximum value of sequence "s" (12)`},
		{"down", -1, -2, -6, -1, false, []int64{-1, -3, -5}, `nextval: reached minimum value of sequence "s" (-6)`},
		{"cycle", 3, 1, 1, 4, true, []int64{3, 4, 1, 2, 3, 4, 1}, ""},
		{"cycle down", 2, -1, 1, 4, true, []int64{2, 1, 4, 3, 2, 1, 4}, ""},
		{"top", math.MaxInt64 - 1, 1, 1, math.MaxInt64, false, []int64{math.MaxInt64 - 1, math.MaxInt64}, `nextval: reached maximum value of sequence "s" (9223372036854775807)`},
		{"wide", math.MinInt64, math.MaxInt64, math.MinInt64, math.MaxInt64, false, []int64{math.MinInt64, -1, math.MaxInt64 - 1}, `nextval: reached maximum value of sequence "s" (9223372036854775807)`},
	}
	for i, test := range tests {
		s := newSequence(OID(40000 + i))
		s.Start, s.Increment, s.Min, s.Max, s.Cycle = test.start, test.increment, test.low, test.high, test.cycle
		for k, want := range test.want {
			if got := nextVals(t, c, s, 1)[0]; got != want {
				t.Errorf("%s: value %d is %d, want %d", test.name, k, got, want)
			}
		}
		if test.end != "" {
			if _, err := c.NextVal(testContext(t), s); err == nil || !strings.Contains(err.Error(), test.end) {
				t.Errorf("%s: %v", test.name, err)
			}
		}
	}
}

func TestSetVal(t *testing.T) {
	c := openTest(t)
	ctx := testContext(t)
	s := newSequence(30000)
	nextVals(t, c, s, 3)
	for _, test := range []struct {
		value  int64
		called bool
		next   int64
	}{{100, true, 101}, {100, false, 100}, {7, true, 8}} {
		if err := c.SetVal(ctx, s, test.value, test.called); err != nil {
			t.Fatal(err)
		}
		if got := nextVals(t, c, s, 1)[0]; got != test.next {
			t.Errorf("after setval(%d, %v): %d", test.value, test.called, got)
		}
	}
	if err := c.SetVal(ctx, s, 0, true); err == nil || !strings.Contains(err.Error(), `setval: value 0 is out of bounds for sequence "s" (1..9223372036854775807)`) {
		t.Errorf("setval(0): %v", err)
	}
}

func TestSequenceOverRestarts(t *testing.T) {
	store := NewMemStore()
	c := openAt(t, store.Open(Faults{}))
	s := newSequence(0)
	txn := c.Begin(PostgresDatabaseOID)
	var err error
	if s.OID, err = txn.NewOID(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if err := txn.Put(s); err != nil {
		t.Fatal(err)
	}
	commit(t, txn, newTxnID(t, c))
	nextVals(t, c, s, 50)
	closeNow(t, c)
	c = openAt(t, store.Open(Faults{}))
	if got := nextVals(t, c, s, 1)[0]; got != 51 {
		t.Errorf("after a clean restart: %d, want 51", got)
	}
	crash(store, c, 1)
	c = openAt(t, store.Open(Faults{}))
	defer closeNow(t, c)
	if got := nextVals(t, c, s, 1)[0]; got <= 51 || got > 51+sequenceBlockMax {
		t.Errorf("after a crash: %d", got)
	}
}

func TestRestartIsTransactional(t *testing.T) {
	c := openTest(t)
	s := newSequence(30000)
	txn := c.Begin(PostgresDatabaseOID)
	if err := txn.Put(s); err != nil {
		t.Fatal(err)
	}
	commit(t, txn, newTxnID(t, c))
	nextVals(t, c, s, 9)
	txn = c.Begin(PostgresDatabaseOID)
	if err := txn.RestartSequence(s, 5); err != nil {
		t.Fatal(err)
	}
	mine := txn.RelationByOID(30000).(*Sequence)
	if got := nextVals(t, c, mine, 2); got[0] != 5 || got[1] != 6 {
		t.Errorf("within the transaction: %v", got)
	}
	if got := nextVals(t, c, s, 1)[0]; got != 10 {
		t.Errorf("for others: %d", got)
	}
	commit(t, txn, newTxnID(t, c))
	if got := nextVals(t, c, c.View(PostgresDatabaseOID).RelationByOID(30000).(*Sequence), 1)[0]; got != 7 {
		t.Errorf("after the commit: %d", got)
	}
}

func TestConcurrentNextValsAreUnique(t *testing.T) {
	store := NewMemStore()
	c := openAt(t, store.Open(Faults{Seed: 7, LoseRequest: 0.1, LoseReply: 0.2, Delay: 0.2}))
	s := newSequence(30000)
	var mu sync.Mutex
	seen := map[int64]bool{}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				v, err := c.NextVal(context.Background(), s)
				mu.Lock()
				if err != nil || seen[v] {
					t.Errorf("value %d again, or %v", v, err)
				}
				seen[v] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	c.kv.(sealedKV).KV.(*MemKV).SetFaults(Faults{})
	closeNow(t, c)
}

func TestNextValWhileTheStoreIsAway(t *testing.T) {
	store := NewMemStore()
	kv := store.Open(Faults{})
	c := openAt(t, kv)
	defer closeNow(t, c)
	s := newSequence(30000)
	nextVals(t, c, s, 1)
	kv.SetFaults(Away)
	nextVals(t, c, s, sequenceBlockMin-1)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.NextVal(ctx, s); !errors.Is(err, context.Canceled) {
		t.Errorf("beyond the block: %v", err)
	}
	kv.SetFaults(Faults{})
	if got := nextVals(t, c, s, 1)[0]; got != sequenceBlockMin+1 {
		t.Errorf("once it is back: %d", got)
	}
}
