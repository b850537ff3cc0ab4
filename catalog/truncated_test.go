package catalog

import (
	"cmp"
	"testing"
)

// TestTruncatedAt: a truncated partition has the timestamp of the commit, and, where a
// crash came between the decision and that, the one that recovery knows.
func TestTruncatedAt(t *testing.T) {
	ctx := testContext(t)
	store := NewMemStore()
	c := openAt(t, store.Open(Faults{}))
	txn := c.Begin(PostgresDatabaseOID)
	table := newTable("t")
	if err := txn.CreateTable(ctx, table); err != nil {
		t.Fatal(err)
	}
	commit(t, txn, newTxnID(t, c))
	truncatedAt := func() uint64 { return c.Current().Partitions(table.OID)[0].TruncatedAt }
	if got := truncatedAt(); got != 0 {
		t.Errorf("a new table was truncated at %d", got)
	}
	truncate := func() (*Txn, TxnID) {
		txn := c.Begin(PostgresDatabaseOID)
		if err := txn.Truncate(ctx, table.OID); err != nil {
			t.Fatal(err)
		}
		id := newTxnID(t, c)
		if err := txn.Stage(ctx, id); err != nil {
			t.Fatal(err)
		}
		if ok, err := txn.Decide(ctx, id); !ok || err != nil {
			t.Fatalf("Decide: %v, %v", ok, err)
		}
		return txn, id
	}
	txn, id := truncate()
	txn.Install(id, 42)
	if got := truncatedAt(); got != 42 {
		t.Errorf("truncated at %d, want 42", got)
	}
	for _, known := range []uint64{45, 0} {
		_, id := truncate() // decided, not installed
		for stamped := range 3 {
			crash(store, c, 1)
			c = openAt(t, store.Open(Faults{}))
			times := c.Truncating()
			if _, asked := times[id]; asked != (stamped < 2) {
				t.Errorf("the time of the transaction is asked for: %v", asked)
			}
			if stamped == 0 {
				continue // the crash comes before it is known
			}
			if stamped == 1 {
				times[id] = known
			}
			if err := c.StampTruncated(times, 50+uint64(stamped)); err != nil {
				t.Fatal(err)
			}
			if err := c.WaitSettled(ctx); err != nil {
				t.Fatal(err)
			}
			if got, want := truncatedAt(), cmp.Or(known, 51); got != want { // said once for all
				t.Errorf("truncated at %d, want %d", got, want)
			}
		}
	}
	closeNow(t, c)
}
