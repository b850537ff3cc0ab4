package catalog

import (
	"errors"
	"testing"
)

// TestCatalogOverEmbeddedEtcd restarts a cluster in a directory.
func TestCatalogOverEmbeddedEtcd(t *testing.T) {
	dir := t.TempDir()
	var storage StorageID
	for round := range 3 {
		kv, err := OpenEmbedded(testContext(t), dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		c := openAt(t, kv)
		if got := c.Epoch(); got != uint64(round+1) {
			t.Errorf("epoch %d in round %d", got, round)
		}
		txn := c.Begin(PostgresDatabaseOID)
		if round == 0 {
			if err := txn.CreateTable(testContext(t), newTable("a")); err != nil {
				t.Fatal(err)
			}
		} else if err := txn.Truncate(testContext(t), txn.Relation(PublicSchemaOID, "a").Head().OID); err != nil {
			t.Fatal(err)
		}
		now := txn.Partitions(txn.Relation(PublicSchemaOID, "a").Head().OID)[0].Storage
		if now <= storage {
			t.Errorf("storage id %d after %d", now, storage)
		}
		storage = now
		commit(t, txn, newTxnID(t, c))
		if err := c.WaitSettled(testContext(t)); err != nil {
			t.Fatal(err)
		}
		closeNow(t, c)
		if err := kv.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSecondServerOverExternalEtcd: a second server waits for the lease of one
// that died, and the dead one, should it come back, can commit nothing.
func TestSecondServerOverExternalEtcd(t *testing.T) {
	endpoint := startEtcd(t)
	open := func(instance string) (*Catalog, *EtcdKV) {
		kv, err := DialEtcd([]string{endpoint}, nil)
		if err != nil {
			t.Fatal(err)
		}
		c, err := Open(testContext(t), Options{KV: kv, ClusterID: testCluster, Create: true, Instance: instance, LeaseSeconds: 1})
		if err != nil {
			t.Fatal(err)
		}
		return c, kv
	}
	first, firstKV := open("first")
	first.stop() // it renews no more, as when it is killed or hangs
	first.tasks.Wait()
	second, secondKV := open("second")
	if _, err := first.write(testContext(t), nil, []Op{{Key: first.keys.segmentChange()}}); !errors.Is(err, ErrFenced) {
		t.Errorf("a write of the first server: %v", err)
	}
	if err := second.CommitSegments(testContext(t), SegmentChange{Put: []*Segment{{ID: 1, Manifest: "m"}}}); err != nil {
		t.Errorf("a write of the second server: %v", err)
	}
	closeNow(t, first)
	closeNow(t, second)
	for _, kv := range []*EtcdKV{firstKV, secondKV} {
		if err := kv.Close(); err != nil {
			t.Error(err)
		}
	}
}
