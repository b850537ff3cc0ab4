package backup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"quiver/storage/binlog"
	"quiver/storage/manifest"
	"quiver/storage/objstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func sample() *Description {
	m := &manifest.Manifest{Table: 1, Partition: 2, Segment: 3, Rows: 5}
	m.Add(manifest.KindDelta, m.Name().DeltaLog(4), &binlog.Summary{Rows: 1, Bytes: 10, CRC: 7})
	return &Description{
		Name: "one", Cluster: "c", Created: time.Unix(1700000000, 0).UTC(), Timestamp: 9, Earliest: 3, IDs: 100,
		Scope: Scope{Database: "d", Tables: []string{"public.t"}}, Descriptors: [][]byte{[]byte("d{}")},
		Sequences: []Sequence{{OID: 5, Last: 6, Called: true}}, Segments: []Segment{{Manifest: m}}, Objects: 1, Bytes: 10,
	}
}

// TestDescription: what was written is read; every flipped bit and missing end is
// found.
func TestDescription(t *testing.T) {
	want := sample()
	object, err := want.Encode()
	check(t, err)
	got, err := Decode("d", object)
	check(t, err)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v, wrote %+v", got, want)
	}
	for i := range object {
		for bit := range 8 {
			object[i] ^= 1 << bit
			if _, err := Decode("d", object); !errors.As(err, new(*binlog.CorruptionError)) {
				t.Fatalf("bit %d of byte %d: %v", bit, i, err)
			}
			object[i] ^= 1 << bit
		}
		if _, err := Decode("d", object[:i]); err == nil {
			t.Fatalf("the first %d bytes decode", i)
		}
	}
	want.Segments = []Segment{{}}
	object, err = want.Encode()
	check(t, err)
	if _, err := Decode("d", object); !errors.As(err, new(*binlog.CorruptionError)) {
		t.Errorf("a segment without a manifest: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	object, err := sample().Encode()
	check(f, err)
	f.Add(object)
	f.Add([]byte("quiver-backup 1 crc32c=00000000 length=0\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Decode("d", b)
		if err != nil {
			return
		}
		check(t, d.Files(func(*manifest.File) error { return nil }))
	})
}

func TestNames(t *testing.T) {
	for _, name := range []string{"a", "2026-11-22_daily.1", DefaultName(time.Now()), strings.Repeat("x", 100)} {
		check(t, CheckName(name))
	}
	for _, name := range []string{"", ".", ".hidden", "a/b", "../a", "ä", "a b", strings.Repeat("x", 101)} {
		if err := CheckName(name); !errors.Is(err, ErrName) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// leave writes a lock as a process that died left it.
func leave(t *testing.T, store objstore.Store, n uint64, holder string, until time.Time) {
	t.Helper()
	value, err := json.Marshal(lockState{Holder: holder, Token: fmt.Sprint("token", n), Until: until})
	check(t, err)
	check(t, store.Put(t.Context(), lockKey(n), bytes.NewReader(value), int64(len(value))))
}

func TestLock(t *testing.T) {
	ctx := t.Context()
	store := objstore.NewMem()
	p := In(store)
	take := func(holder string) *Lock {
		t.Helper()
		l, err := p.Lock(ctx, holder)
		check(t, err)
		return l
	}
	refused := func(holder string) {
		t.Helper()
		if _, err := p.Lock(ctx, holder); !errors.Is(err, ErrInUse) {
			t.Errorf("%s takes a lock that is held: %v", holder, err)
		}
	}
	a := take("a")
	refused("b")
	refused("a") // of the same process, too
	check(t, a.Check(ctx))
	check(t, a.Release(ctx))
	b := take("b")
	check(t, b.Release(ctx))
	// Left behind: by another, who may live; by another, long ago; by ourselves.
	leave(t, store, 10, "other", time.Now().Add(time.Hour))
	refused("a")
	leave(t, store, 11, "other", time.Now().Add(-time.Second))
	a = take("a")
	check(t, a.Release(ctx))
	leave(t, store, 20, "a", time.Now().Add(time.Hour))
	refused("b")
	a = take("a")
	// Taken over by another.
	leave(t, store, 30, "b", time.Now().Add(time.Hour))
	if err := a.Check(ctx); !errors.Is(err, ErrInUse) {
		t.Errorf("a lock that was taken over is held: %v", err)
	}
	if err := a.Release(ctx); !errors.Is(err, ErrInUse) {
		t.Errorf("a lock that was taken over is given back: %v", err)
	}
	d := sample()
	if err := p.Publish(ctx, a, d); !errors.Is(err, ErrInUse) {
		t.Errorf("a description is stored without the lock: %v", err)
	}
	if _, err := p.Collect(ctx, a); !errors.Is(err, ErrInUse) {
		t.Errorf("objects are removed without the lock: %v", err)
	}
}

// TestLockRace: of many that find the same lock left behind one gets it.
func TestLockRace(t *testing.T) {
	store := objstore.NewMem()
	leave(t, store, 1, "dead", time.Now().Add(-time.Second))
	const n = 16
	got := make(chan *Lock, n)
	for i := range n {
		go func() {
			l, err := In(store).Lock(context.Background(), fmt.Sprint(i))
			if err != nil && !errors.Is(err, ErrInUse) {
				t.Error(err)
			}
			got <- l
		}()
	}
	var holders []*Lock
	for range n {
		if l := <-got; l != nil {
			holders = append(holders, l)
		}
	}
	if len(holders) != 1 {
		t.Fatalf("%d have the lock", len(holders))
	}
	check(t, holders[0].Release(t.Context()))
}

// TestLockExtends: renewing moves the end on.
func TestLockExtends(t *testing.T) {
	ctx := t.Context()
	p := In(objstore.NewMem())
	l, err := p.Lock(ctx, "a")
	check(t, err)
	before := l.state.Until
	check(t, l.extend(ctx))
	_, state, err := p.lastLock(ctx)
	check(t, err)
	if !state.Until.After(before) || !state.Until.Equal(l.state.Until) {
		t.Errorf("until %v, was %v", state.Until, before)
	}
	check(t, l.Release(ctx))
}
