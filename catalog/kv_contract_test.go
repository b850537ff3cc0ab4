package catalog

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
)

// kvStore is a kind of KV under test: two clients of one store.
type kvStore struct {
	a, b    KV
	compact func(rev int64)
}

func memStore(t *testing.T) kvStore {
	s := NewMemStore()
	return kvStore{s.Open(Faults{}), s.Open(Faults{}), s.Compact}
}

func etcdCompact(t *testing.T, k *EtcdKV) func(rev int64) {
	return func(rev int64) {
		if _, err := k.client.Compact(context.Background(), rev, clientv3.WithCompactPhysical()); err != nil {
			t.Error(err)
		}
	}
}

func embeddedStore(t *testing.T) kvStore {
	k, err := OpenEmbedded(testContext(t), t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	return kvStore{k, k, etcdCompact(t, k)}
}

// startEtcd runs an etcd of its own with ports that the system chooses, as a
// stand-in for a remote cluster, and returns its endpoint.
func startEtcd(t *testing.T) string {
	t.Helper()
	cfg := embed.NewConfig()
	cfg.Dir = t.TempDir()
	cfg.LogLevel, cfg.LogOutputs = "fatal", []string{"/dev/null"}
	cfg.TickMs, cfg.ElectionMs = 10, 100
	any := []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	cfg.ListenClientUrls, cfg.ListenPeerUrls = any, any
	etcd, err := embed.StartEtcd(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(etcd.Close)
	select {
	case <-etcd.Server.ReadyNotify():
	case <-testContext(t).Done():
		t.Fatal("etcd does not get ready")
	}
	return etcd.Clients[0].Addr().String()
}

func externalStore(t *testing.T) kvStore {
	endpoint := startEtcd(t)
	dial := func() *EtcdKV {
		k, err := DialEtcd([]string{endpoint}, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := k.Close(); err != nil {
				t.Error(err)
			}
		})
		return k
	}
	a := dial()
	return kvStore{a, dial(), etcdCompact(t, a)}
}

// TestKVContract holds every KV to the same promises.
func TestKVContract(t *testing.T) {
	kinds := map[string]func(*testing.T) kvStore{"mem": memStore, "embedded": embeddedStore, "external": externalStore}
	for name, open := range kinds {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			t.Run("GetRange", func(t *testing.T) { contractGetRange(t, s) })
			t.Run("Guards", func(t *testing.T) { contractGuards(t, s) })
			t.Run("Limits", func(t *testing.T) { contractLimits(t, s) })
			t.Run("History", func(t *testing.T) { contractHistory(t, s) })
			t.Run("Pages", func(t *testing.T) { contractPages(t, s) })
			t.Run("Watch", func(t *testing.T) { contractWatch(t, s) })
			t.Run("Lease", func(t *testing.T) { contractLease(t, s) })
			t.Run("Ended", func(t *testing.T) { contractEnded(t, s) })
		})
	}
}

func put(t *testing.T, k KV, key, value string) int64 {
	t.Helper()
	rev, err := k.Txn(testContext(t), nil, []Op{{Key: key, Value: []byte(value)}})
	if err != nil {
		t.Fatal(err)
	}
	return rev
}

func pairs(kvs []KeyValue) (s string) {
	for _, kv := range kvs {
		s += kv.Key + "=" + string(kv.Value) + " "
	}
	return s
}

func contractGetRange(t *testing.T, s kvStore) {
	ctx := testContext(t)
	if _, err := s.a.Get(ctx, "gr/none"); !errors.Is(err, ErrNotFound) {
		t.Errorf("Get of nothing: %v", err)
	}
	put(t, s.a, "gr/b", "2")
	rev := put(t, s.a, "gr/a", "1")
	put(t, s.a, "gs", "no")
	kv, err := s.b.Get(ctx, "gr/a")
	if err != nil || string(kv.Value) != "1" || kv.ModRevision != rev || kv.Key != "gr/a" {
		t.Errorf("Get: %+v, %v", kv, err)
	}
	kvs, at, err := s.b.Range(ctx, "gr/", 0)
	if err != nil || pairs(kvs) != "gr/a=1 gr/b=2 " || at < rev {
		t.Errorf("Range: %s at %d, %v", pairs(kvs), at, err)
	}
	if _, err := s.a.Txn(ctx, nil, []Op{{Delete: true, Prefix: true, Key: "gr/"}}); err != nil {
		t.Error(err)
	}
	if kvs, _, err := s.b.Range(ctx, "gr/", 0); err != nil || len(kvs) != 0 {
		t.Errorf("Range after the delete: %s, %v", pairs(kvs), err)
	}
}

func contractGuards(t *testing.T, s kvStore) {
	ctx := testContext(t)
	rev := put(t, s.a, "g/x", "1")
	tests := []struct {
		guard Compare
		holds bool
	}{
		{Compare{Kind: CompareAbsent, Key: "g/none"}, true},
		{Compare{Kind: CompareAbsent, Key: "g/x"}, false},
		{Compare{Kind: CompareExists, Key: "g/x"}, true},
		{Compare{Kind: CompareExists, Key: "g/none"}, false},
		{Compare{Kind: CompareValue, Key: "g/x", Value: []byte("1")}, true},
		{Compare{Kind: CompareValue, Key: "g/x", Value: []byte("2")}, false},
		{Compare{Kind: CompareValue, Key: "g/none", Value: nil}, false},
		{Compare{Kind: CompareModRevision, Key: "g/x", Revision: rev}, true},
		{Compare{Kind: CompareModRevision, Key: "g/x", Revision: rev - 1}, false},
		{Compare{Kind: CompareModRevision, Key: "g/none", Revision: rev}, false},
	}
	for i, test := range tests {
		key := fmt.Sprintf("g/result%d", i)
		_, err := s.a.Txn(ctx, []Compare{{Kind: CompareExists, Key: "g/x"}, test.guard}, []Op{{Key: key}, {Key: key + "too"}})
		if test.holds && err != nil || !test.holds && !errors.Is(err, ErrConflict) {
			t.Errorf("%+v: %v", test.guard, err)
		}
		kvs, _, err := s.b.Range(ctx, key, 0)
		if want := map[bool]int{true: 2, false: 0}[test.holds]; err != nil || len(kvs) != want {
			t.Errorf("%+v left %d keys, %v", test.guard, len(kvs), err)
		}
	}
}

func contractLimits(t *testing.T, s kvStore) {
	ctx := testContext(t)
	ops := func(n, size int) []Op {
		out := make([]Op, n)
		for i := range out {
			out[i] = Op{Key: fmt.Sprintf("l/%03d", i), Value: make([]byte, size)}
		}
		return out
	}
	if _, err := s.a.Txn(ctx, nil, ops(TxnOpsMax, TxnBytesMax/TxnOpsMax-8)); err != nil {
		t.Errorf("the largest transaction: %v", err)
	}
	for name, bad := range map[string][]Op{
		"operations": ops(TxnOpsMax+1, 1),
		"bytes":      ops(2, TxnBytesMax),
		"twice":      {{Key: "l/a"}, {Key: "l/a"}},
		"put+delete": {{Key: "l/a"}, {Delete: true, Prefix: true, Key: "l/"}},
	} {
		_, err := s.a.Txn(ctx, nil, bad)
		if err == nil || errors.Is(err, ErrConflict) || errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func contractHistory(t *testing.T, s kvStore) {
	ctx := testContext(t)
	first := put(t, s.a, "h/a", "1")
	put(t, s.a, "h/b", "1")
	second := put(t, s.a, "h/a", "2")
	kvs, at, err := s.a.Range(ctx, "h/", first)
	if err != nil || pairs(kvs) != "h/a=1 " || at != first {
		t.Errorf("at %d: %s at %d, %v", first, pairs(kvs), at, err)
	}
	s.compact(second)
	if _, _, err := s.a.Range(ctx, "h/", first); !errors.Is(err, ErrCompacted) {
		t.Errorf("a compacted revision: %v", err)
	}
	if kvs, _, err := s.a.Range(ctx, "h/", second); err != nil || pairs(kvs) != "h/a=2 h/b=1 " {
		t.Errorf("at %d: %s, %v", second, pairs(kvs), err)
	}
	e := <-s.a.Watch(ctx, "h/", first)
	if !errors.Is(e.Err, ErrCompacted) {
		t.Errorf("Watch from a compacted revision: %+v", e)
	}
}

func contractPages(t *testing.T, s kvStore) {
	ctx := testContext(t)
	const n = rangePage + 200
	for i := 0; i < n; i += 100 {
		ops := make([]Op, 100)
		for j := range ops {
			ops[j] = Op{Key: fmt.Sprintf("p/%05d", i+j)}
		}
		if _, err := s.a.Txn(ctx, nil, ops); err != nil {
			t.Fatal(err)
		}
	}
	kvs, _, err := s.b.Range(ctx, "p/", 0)
	if err != nil || len(kvs) != n {
		t.Fatalf("%d keys, %v", len(kvs), err)
	}
	for i, kv := range kvs {
		if kv.Key != fmt.Sprintf("p/%05d", i) {
			t.Fatalf("key %d is %s", i, kv.Key)
		}
	}
}

func contractWatch(t *testing.T, s kvStore) {
	ctx, cancel := context.WithCancel(testContext(t))
	from := put(t, s.a, "w/a", "1")
	events := s.b.Watch(ctx, "w/", from)
	put(t, s.a, "w/b", "2")
	put(t, s.a, "x", "3")
	if _, err := s.a.Txn(ctx, nil, []Op{{Delete: true, Key: "w/a"}}); err != nil {
		t.Fatal(err)
	}
	var got string
	for range 3 {
		e := <-events
		got += fmt.Sprintf("%s=%s %v %v;", e.Key, e.Value, e.Deleted, e.Err)
	}
	if want := "w/a=1 false <nil>;w/b=2 false <nil>;w/a= true <nil>;"; got != want {
		t.Errorf("events %s, want %s", got, want)
	}
	cancel()
	for range events { // ends
	}
}

func contractLease(t *testing.T, s kvStore) {
	ctx := testContext(t)
	lease, err := s.a.Grant(ctx, 60)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.a.Txn(ctx, nil, []Op{{Key: "lease/a", Value: []byte("1"), Lease: lease}, {Key: "lease/b"}}); err != nil {
		t.Fatal(err)
	}
	if err := s.a.KeepAlive(ctx, lease); err != nil {
		t.Errorf("KeepAlive: %v", err)
	}
	if err := s.a.Revoke(ctx, lease); err != nil {
		t.Errorf("Revoke: %v", err)
	}
	if kvs, _, err := s.b.Range(ctx, "lease/", 0); err != nil || pairs(kvs) != "lease/b= " {
		t.Errorf("after Revoke: %s, %v", pairs(kvs), err)
	}
	for name, err := range map[string]error{
		"KeepAlive": s.a.KeepAlive(ctx, lease),
		"Revoke":    s.a.Revoke(ctx, lease),
		"Txn": func() error {
			_, err := s.a.Txn(ctx, nil, []Op{{Key: "lease/a", Lease: lease}})
			return err
		}(),
	} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%s of a lease that is gone: %v", name, err)
		}
	}
}

func contractEnded(t *testing.T, s kvStore) {
	ctx, cancel := context.WithCancel(testContext(t))
	cancel()
	if _, err := s.a.Get(ctx, "e"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Get: %v", err)
	}
	if _, err := s.a.Txn(ctx, nil, []Op{{Key: "e"}}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Txn: %v", err)
	}
}

func TestEmbeddedOpensAgainWhereverItIsCopied(t *testing.T) {
	ctx := testContext(t)
	dir := t.TempDir()
	k, err := OpenEmbedded(ctx, dir+"/here", nil)
	if err != nil {
		t.Fatal(err)
	}
	put(t, k, "a", "1")
	if _, err := OpenEmbedded(ctx, dir+"/here", nil); !errors.Is(err, ErrOwned) {
		t.Errorf("a second open: %v", err)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if err := copyDir(dir+"/here", dir+"/there"); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	k, err = OpenEmbedded(ctx, dir+"/there", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("ready in %v", time.Since(start))
	if kv, err := k.Get(ctx, "a"); err != nil || string(kv.Value) != "1" {
		t.Errorf("after copying: %+v, %v", kv, err)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestEtcdThatIsAwayIsUnavailable(t *testing.T) {
	k, err := DialEtcd([]string{"127.0.0.1:1"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if _, err := k.Get(ctx, "a"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Get: %v", err)
	}
	if err := k.Close(); err != nil {
		t.Error(err)
	}
}
