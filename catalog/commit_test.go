package catalog

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

const testCluster = "3f0b8a52-9a54-4c6e-9a35-0f6a2d0f6a11"

// openAt opens the test cluster of a store; the same instance takes over at once.
func openAt(t *testing.T, kv KV) *Catalog {
	t.Helper()
	c, err := Open(testContext(t), Options{KV: kv, ClusterID: testCluster, Create: true, Instance: "here"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// crash ends a catalog as a power cut does.
func crash(s *MemStore, c *Catalog, seed uint64) {
	s.PowerCut(seed)
	c.stop()
	c.tasks.Wait()
}

func closeNow(t *testing.T, c *Catalog) {
	t.Helper()
	if err := c.Close(testContext(t)); err != nil {
		t.Error(err)
	}
}

func keysUnder(t *testing.T, c *Catalog, prefix string) int {
	t.Helper()
	kvs, err := c.rangeAll(testContext(t), prefix)
	if err != nil {
		t.Fatal(err)
	}
	return len(kvs)
}

func TestMigrationOfManyTables(t *testing.T) {
	store := NewMemStore()
	c := openAt(t, store.Open(Faults{}))
	ctx := testContext(t)
	txn := c.Begin(PostgresDatabaseOID)
	const n = 200
	for i := range n {
		table := newTable(fmt.Sprintf("t%d", i))
		for k := range 20 {
			table.Columns = append(table.Columns, Column{Number: int16(k + 1), Name: strings.Repeat("c", 50) + fmt.Sprint(k)})
		}
		if err := txn.CreateTable(ctx, table); err != nil {
			t.Fatal(err)
		}
	}
	id := newTxnID(t, c)
	commit(t, txn, id)
	if err := c.WaitSettled(ctx); err != nil {
		t.Fatal(err)
	}
	if got := keysUnder(t, c, c.keys.stages()); got != 0 {
		t.Errorf("%d staged descriptors are left", got)
	}
	if err := c.ForgetStatuses(ctx, c.Statuses()...); err != nil {
		t.Fatal(err)
	}
	if status, err := c.Status(ctx, id); err != nil || status != StatusUnsettled {
		t.Errorf("a forgotten status: %v, %v", status, err)
	}
	closeNow(t, c)
	c = openAt(t, store.Open(Faults{}))
	defer closeNow(t, c)
	if got := len(c.View(PostgresDatabaseOID).Relations(PublicSchemaOID)); got != n {
		t.Errorf("%d tables after a restart, want %d", got, n)
	}
}

func TestStagedCountsOnlyOnceDecided(t *testing.T) {
	for _, decided := range []bool{false, true} {
		t.Run(fmt.Sprint("decided=", decided), func(t *testing.T) {
			store := NewMemStore()
			c := openAt(t, store.Open(Faults{}))
			ctx := testContext(t)
			txn := c.Begin(PostgresDatabaseOID)
			if err := txn.CreateTable(ctx, newTable("a")); err != nil {
				t.Fatal(err)
			}
			id := newTxnID(t, c)
			if err := txn.Stage(ctx, id); err != nil {
				t.Fatal(err)
			}
			if decided {
				if ok, err := txn.Decide(ctx, id); !ok || err != nil {
					t.Fatal(ok, err)
				}
			}
			crash(store, c, 1)
			c = openAt(t, store.Open(Faults{}))
			defer closeNow(t, c)
			if got := c.View(PostgresDatabaseOID).Relation(PublicSchemaOID, "a") != nil; got != decided {
				t.Errorf("the table is there: %v", got)
			}
			if got := len(c.Unsettled()) == 0; got != decided {
				t.Errorf("unsettled: %v", c.Unsettled())
			}
			committed, err := c.SettleAbort(ctx, id)
			if err != nil || committed != decided {
				t.Errorf("SettleAbort: %v, %v", committed, err)
			}
			if err := c.WaitSettled(ctx); err != nil {
				t.Fatal(err)
			}
			if got := keysUnder(t, c, c.keys.stages()); got != 0 {
				t.Errorf("%d staged descriptors are left", got)
			}
			if late, err := c.settle(ctx, id, statusCommitted); err != nil || (late == StatusCommitted) != decided {
				t.Errorf("a late Decide: %v, %v", late, err)
			}
		})
	}
}

func TestDecideIsSettledByReading(t *testing.T) {
	store := NewMemStore()
	kv := store.Open(Faults{})
	c := openAt(t, kv)
	defer closeNow(t, c)
	ctx := testContext(t)
	txn := c.Begin(PostgresDatabaseOID)
	if err := txn.CreateTable(ctx, newTable("a")); err != nil {
		t.Fatal(err)
	}
	id := newTxnID(t, c)
	if err := txn.Stage(ctx, id); err != nil {
		t.Fatal(err)
	}
	kv.SetFaults(Faults{Seed: 1, LoseReply: 1})
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := txn.Decide(ended, id); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Decide while replies are lost: %v", err)
	}
	kv.SetFaults(Faults{})
	if ok, err := txn.Decide(ctx, id); !ok || err != nil {
		t.Errorf("Decide again: %v, %v", ok, err)
	}
	txn.Install(id, 1)
}

func TestIdentify(t *testing.T) {
	const a, b = "3f0b8a52-9a54-4c6e-9a35-0f6a2d0f6a11", "9d1f1b7a-31c4-4f0e-8d7e-6f1f3f0e2c22"
	fresh, err := Identify("", "")
	if err != nil || !fresh.New || fresh.ClusterID == "" {
		t.Errorf("a new cluster: %+v, %v", fresh, err)
	}
	again, err := Identify(fresh.Mark(), "")
	if err != nil || again != fresh {
		t.Errorf("after a crash before the bucket's mark: %+v, %v", again, err)
	}
	for _, test := range []struct {
		dir, bucket string
		want        Identity
		fails       bool
	}{
		{a + "\n", a + "\n", Identity{ClusterID: a}, false},
		{a + " new\n", a, Identity{ClusterID: a, New: true}, false},
		{a, b, Identity{}, true},
		{a, "", Identity{}, true},
		{"", a, Identity{}, true},
		{"junk", "", Identity{}, true},
		{a + " old", a, Identity{}, true},
		{"", "junk", Identity{}, true},
	} {
		got, err := Identify(test.dir, test.bucket)
		if got != test.want || (err != nil) != test.fails {
			t.Errorf("Identify(%q, %q) = %+v, %v", test.dir, test.bucket, got, err)
		}
	}
}

func TestUnknownClusterIsNotMade(t *testing.T) {
	_, err := Open(testContext(t), Options{KV: NewMemStore().Open(Faults{}), ClusterID: testCluster})
	if !errors.Is(err, ErrNotFound) {
		t.Errorf("Open: %v", err)
	}
}
