package catalog

import (
	"context"
	"errors"
	"testing"
)

// watchedKV calls again when a key is read the second time.
type watchedKV struct {
	KV
	key   string
	reads int
	again func()
}

func (k *watchedKV) Get(ctx context.Context, key string) (KeyValue, error) {
	if key == k.key {
		if k.reads++; k.reads == 2 {
			k.again()
		}
	}
	return k.KV.Get(ctx, key)
}

func TestOneOwnerAtATime(t *testing.T) {
	store := NewMemStore()
	fenced := make(chan struct{})
	first, err := Open(testContext(t), Options{
		KV: store.Open(Faults{}), ClusterID: testCluster, Create: true, Instance: "first",
		OnFenced: func() { close(fenced) },
	})
	if err != nil {
		t.Fatal(err)
	}
	other := Options{KV: store.Open(Faults{}), ClusterID: testCluster, Instance: "second"}
	impatient, cancel := context.WithCancel(testContext(t))
	looking := other
	looking.KV = &watchedKV{KV: store.Open(Faults{}), key: first.keys.owner(), again: cancel}
	if _, err := Open(impatient, looking); !errors.Is(err, ErrOwned) {
		t.Errorf("a second server beside the first: %v", err)
	}
	txn := first.Begin(PostgresDatabaseOID)
	if err := txn.CreateTable(testContext(t), newTable("a")); err != nil {
		t.Fatal(err)
	}
	if err := txn.Stage(testContext(t), 100); err != nil {
		t.Fatal(err)
	}
	store.Advance(defaultLeaseSeconds + 1)
	second, err := Open(testContext(t), other)
	if err != nil {
		t.Fatal(err)
	}
	if second.Epoch() <= first.Epoch() {
		t.Errorf("epoch %d after %d", second.Epoch(), first.Epoch())
	}
	if _, err := txn.Decide(testContext(t), 100); !errors.Is(err, ErrFenced) {
		t.Errorf("a commit of the old owner: %v", err)
	}
	<-fenced
	if err := first.Renew(testContext(t)); !errors.Is(err, ErrFenced) {
		t.Errorf("Renew of the old owner: %v", err)
	}
	if first.LeaseValid() || !second.LeaseValid() {
		t.Error("the wrong lease is valid")
	}
	closeNow(t, first)
	if err := second.Renew(testContext(t)); err != nil {
		t.Errorf("the new owner after the old one closed: %v", err)
	}
	closeNow(t, second)
}

func TestSameInstanceTakesOverAtOnce(t *testing.T) {
	store := NewMemStore()
	first := openAt(t, store.Open(Faults{}))
	second := openAt(t, store.Open(Faults{}))
	if _, err := first.write(testContext(t), nil, []Op{{Key: first.keys.segmentChange()}}); !errors.Is(err, ErrFenced) {
		t.Errorf("a write of the old owner: %v", err)
	}
	closeNow(t, first)
	closeNow(t, second)
}

func TestLostLeaseIsRegained(t *testing.T) {
	store := NewMemStore()
	kv := store.Open(Faults{})
	c := openAt(t, kv)
	defer closeNow(t, c)
	kv.SetFaults(Away)
	if err := c.Renew(testContext(t)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Renew while the store is away: %v", err)
	}
	if c.Fenced() != nil {
		t.Error("fenced by a store that is away")
	}
	store.Advance(defaultLeaseSeconds + 1)
	kv.SetFaults(Faults{})
	if _, err := c.kv.Get(testContext(t), c.keys.owner()); !errors.Is(err, ErrNotFound) {
		t.Fatalf("the lease did not end: %v", err)
	}
	if err := c.Renew(testContext(t)); err != nil {
		t.Errorf("Renew once the store is back: %v", err)
	}
	if _, err := c.kv.Get(testContext(t), c.keys.owner()); err != nil {
		t.Errorf("the owner record: %v", err)
	}
}

func TestOwnershipSurvivesLostRequests(t *testing.T) {
	for seed := range uint64(10) {
		store := NewMemStore()
		kv := store.Open(Faults{Seed: seed, LoseRequest: 0.1, LoseReply: 0.1, Delay: 0.1})
		c := openAt(t, kv)
		if kv.SetFaults(Faults{}); c.Renew(testContext(t)) != nil {
			t.Errorf("seed %d: no owner", seed)
		}
		closeNow(t, c)
	}
}
