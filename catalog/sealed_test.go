package catalog

import (
	"bytes"
	"errors"
	"testing"
)

// TestFlippedValues: every bit that flips in a value of the store is found, by who opens
// the catalog and by who inspects it, and its key is named.
func TestFlippedValues(t *testing.T) {
	ctx := testContext(t)
	raw := NewMemStore().Open(Faults{})
	opts := Options{KV: raw, ClusterID: "test", Create: true, Instance: "here"}
	c, err := Open(ctx, opts)
	if err != nil {
		t.Fatal(err)
	}
	key := c.keys.descriptor(PostgresDatabaseOID)
	if err := c.Close(ctx); err != nil {
		t.Fatal(err)
	}
	good, err := raw.Get(ctx, key)
	if err != nil {
		t.Fatal(err)
	}
	put := func(value []byte) {
		t.Helper()
		if _, err := raw.Txn(ctx, nil, []Op{{Key: key, Value: value}}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 8 * len(good.Value) {
		bad := bytes.Clone(good.Value)
		bad[i/8] ^= 1 << (i % 8)
		put(bad)
		_, err := Inspect(ctx, raw, "test", func(string) bool { return true })
		var corrupt *CorruptionError
		if !errors.As(err, &corrupt) || corrupt.Key != key {
			t.Errorf("bit %d: %v", i, err)
		}
	}
	var corrupt *CorruptionError
	if _, err := Open(ctx, opts); !errors.As(err, &corrupt) {
		t.Errorf("a start: %v", err)
	}
	put(good.Value[sealBytes:]) // as it was written before there were seals
	if _, err := Inspect(ctx, raw, "test", func(string) bool { return true }); err != nil {
		t.Error(err)
	}
}

// TestUnsealedValuesCompare: guards hold for values without a seal.
func TestUnsealedValuesCompare(t *testing.T) {
	ctx := testContext(t)
	raw := NewMemStore().Open(Faults{})
	k := sealedKV{raw}
	if _, err := raw.Txn(ctx, nil, []Op{{Key: "a", Value: []byte("1")}}); err != nil {
		t.Fatal(err)
	}
	for i, was := range []string{"1", "2"} { // the first has none
		guard := []Compare{{Kind: CompareValue, Key: "a", Value: []byte(was)}}
		if _, err := k.Txn(ctx, guard, []Op{{Key: "a", Value: []byte{was[0] + 1}}}); err != nil {
			t.Errorf("%d: %v", i, err)
		}
		if _, err := k.Txn(ctx, guard, nil); !errors.Is(err, ErrConflict) {
			t.Errorf("%d: a guard that does not hold: %v", i, err)
		}
	}
	if kv, err := k.Get(ctx, "a"); err != nil || string(kv.Value) != "3" {
		t.Errorf("%q, %v", kv.Value, err)
	}
}
