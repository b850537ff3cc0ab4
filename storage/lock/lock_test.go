package lock

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"
)

var ctx = context.Background()

// long is a deadlock timeout that no test reaches; short finds one at once.
const (
	long  = time.Hour
	short = time.Microsecond
)

func (o *Owner) mustLock(t *testing.T, r Resource, m Mode) {
	t.Helper()
	if _, err := o.Lock(ctx, r, m, Wait{No: true}); err != nil {
		t.Fatalf("mode %d: %v", m, err)
	}
}

// TestConflicts compares every pair of modes with Postgres' tables.
func TestConflicts(t *testing.T) {
	tables := map[Mode][]Mode{
		AccessShare:          {AccessExclusive},
		RowShare:             {Exclusive, AccessExclusive},
		RowExclusive:         {Share, ShareRowExclusive, Exclusive, AccessExclusive},
		ShareUpdateExclusive: {ShareUpdateExclusive, Share, ShareRowExclusive, Exclusive, AccessExclusive},
		Share:                {RowExclusive, ShareUpdateExclusive, ShareRowExclusive, Exclusive, AccessExclusive},
		ShareRowExclusive:    {RowExclusive, ShareUpdateExclusive, Share, ShareRowExclusive, Exclusive, AccessExclusive},
		Exclusive:            {RowShare, RowExclusive, ShareUpdateExclusive, Share, ShareRowExclusive, Exclusive, AccessExclusive},
		AccessExclusive:      {AccessShare, RowShare, RowExclusive, ShareUpdateExclusive, Share, ShareRowExclusive, Exclusive, AccessExclusive},
	}
	rows := map[Mode][]Mode{
		ForKeyShare: {ForUpdate}, ForShare: {ForNoKeyUpdate, ForUpdate},
		ForNoKeyUpdate: {ForShare, ForNoKeyUpdate, ForUpdate}, ForUpdate: {ForKeyShare, ForShare, ForNoKeyUpdate, ForUpdate},
	}
	for _, c := range []struct {
		r     Resource
		modes map[Mode][]Mode
	}{{Table(1), tables}, {Row(1), rows}} {
		for held, excluded := range c.modes {
			for asked := range c.modes {
				m := NewManager()
				a, b := m.NewOwner(0), m.NewOwner(0)
				a.mustLock(t, c.r, held)
				_, err := b.Lock(ctx, c.r, asked, Wait{No: true})
				want := false
				for _, x := range excluded {
					want = want || x == asked
				}
				if got := errors.Is(err, ErrNotAvailable); got != want {
					t.Errorf("%x: %d against %d: %v", uint64(c.r), asked, held, err)
				}
				a.ReleaseAll()
				b.ReleaseAll()
				m.mustBeEmpty(t)
			}
		}
	}
}

func (m *Manager) mustBeEmpty(t *testing.T) {
	t.Helper()
	for i := range m.shards {
		if s := &m.shards[i]; len(s.simple) != 0 || len(s.objects) != 0 {
			t.Fatalf("locks are left: %v %v", s.simple, s.objects)
		}
	}
	if len(m.owners) != 0 {
		t.Fatal("owners are left")
	}
}

// lockLater asks in the background and returns once the request is queued.
func lockLater(o *Owner, r Resource, m Mode, w Wait) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := o.Lock(ctx, r, m, w)
		done <- err
	}()
	for {
		o.m.mu.Lock()
		queued := o.waiting != nil
		o.m.mu.Unlock()
		if queued || len(done) > 0 {
			return done
		}
		time.Sleep(time.Microsecond)
	}
}

func TestQueueIsFair(t *testing.T) {
	m := NewManager()
	reader, writer, late := m.NewOwner(0), m.NewOwner(0), m.NewOwner(0)
	reader.mustLock(t, Table(1), AccessShare)
	wrote := lockLater(writer, Table(1), AccessExclusive, Wait{Deadlock: long})
	// A later reader does not pass the waiting writer.
	if _, err := late.Lock(ctx, Table(1), AccessShare, Wait{No: true}); !errors.Is(err, ErrNotAvailable) {
		t.Fatalf("the late reader gets %v", err)
	}
	read := lockLater(late, Table(1), AccessShare, Wait{Deadlock: long})
	// A holder that asks for more, compatibly, does.
	reader.mustLock(t, Table(1), RowShare)
	reader.ReleaseAll()
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
	if len(read) > 0 {
		t.Error("the reader did not wait")
	}
	writer.ReleaseAll()
	if err := <-read; err != nil {
		t.Fatal(err)
	}
	late.ReleaseAll()
	m.mustBeEmpty(t)
}

func TestDeadlock(t *testing.T) {
	m := NewManager()
	a, b := m.NewOwner(0), m.NewOwner(0)
	a.mustLock(t, Row(1), ForUpdate)
	b.mustLock(t, Row(2), ForUpdate)
	first := lockLater(a, Row(2), ForUpdate, Wait{Deadlock: long})
	if _, err := b.Lock(ctx, Row(1), ForUpdate, Wait{Deadlock: short}); !errors.Is(err, ErrDeadlock) {
		t.Fatalf("got %v", err)
	}
	b.ReleaseAll()
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	a.ReleaseAll()
	m.mustBeEmpty(t)
}

// TestUpgradeDeadlock: two that share a lock both want it alone.
func TestUpgradeDeadlock(t *testing.T) {
	m := NewManager()
	a, b := m.NewOwner(0), m.NewOwner(0)
	a.mustLock(t, Row(1), ForShare)
	b.mustLock(t, Row(1), ForShare)
	first := lockLater(a, Row(1), ForUpdate, Wait{Deadlock: long})
	if _, err := b.Lock(ctx, Row(1), ForUpdate, Wait{Deadlock: short}); !errors.Is(err, ErrDeadlock) {
		t.Fatalf("got %v", err)
	}
	b.ReleaseAll()
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	a.ReleaseAll()
	m.mustBeEmpty(t)
}

func TestWaitEnds(t *testing.T) {
	m := NewManager()
	a, b := m.NewOwner(0), m.NewOwner(0)
	a.mustLock(t, Key(7), ForUpdate)
	if _, err := b.Lock(ctx, Key(7), ForUpdate, Wait{Deadlock: long, Timeout: time.Microsecond}); !errors.Is(err, ErrTimeout) {
		t.Errorf("lock_timeout gives %v", err)
	}
	cause := errors.New("cancelled")
	cancelled, cancel := context.WithCancelCause(ctx)
	cancel(cause)
	if _, err := b.Lock(cancelled, Key(7), ForUpdate, Wait{Deadlock: long}); !errors.Is(err, cause) {
		t.Errorf("cancel gives %v", err)
	}
	a.ReleaseAll()
	b.mustLock(t, Key(7), ForUpdate)
	b.ReleaseAll()
	m.mustBeEmpty(t)
}

func TestReleaseToMark(t *testing.T) {
	m := NewManager()
	a, b := m.NewOwner(0), m.NewOwner(0)
	a.mustLock(t, Row(1), ForShare)
	mark := a.Mark()
	a.mustLock(t, Row(2), ForShare)
	a.mustLock(t, Row(1), ForUpdate)
	a.ReleaseTo(mark)
	b.mustLock(t, Row(2), ForUpdate)
	if _, err := b.Lock(ctx, Row(1), ForShare, Wait{No: true}); !errors.Is(err, ErrNotAvailable) {
		t.Errorf("the older lock is gone: %v", err)
	}
	if held, err := a.Lock(ctx, Row(1), ForShare, Wait{}); !held || err != nil {
		t.Errorf("held %v, %v", held, err)
	}
	a.ReleaseAll()
	b.ReleaseAll()
	m.mustBeEmpty(t)
}

// TestRandomLoad: owners lock random rows; whoever meets a deadlock starts
// over. Exclusive locks exclude, and everybody ends.
func TestRandomLoad(t *testing.T) {
	m := NewManager()
	const resources = 6
	var inside [resources]sync.Mutex
	var sessions sync.WaitGroup
	for n := range uint64(8) {
		sessions.Go(func() {
			r := rand.New(rand.NewPCG(1, n))
			for range 200 {
				o := m.NewOwner(0)
				var held []int
				for range 3 {
					i := r.IntN(resources)
					before, err := o.Lock(ctx, Row(uint64(i)), ForUpdate, Wait{Deadlock: short})
					if err != nil {
						break
					}
					if !before {
						if !inside[i].TryLock() {
							t.Errorf("row %d is held twice", i)
						}
						held = append(held, i)
					}
				}
				for _, i := range held {
					inside[i].Unlock()
				}
				o.ReleaseAll()
			}
		})
	}
	sessions.Wait()
	m.mustBeEmpty(t)
}

// TestLocksGiveMemoryBack: a million locks leave nothing behind, though others are held
// meanwhile; and those are still held.
func TestLocksGiveMemoryBack(t *testing.T) {
	m := NewManager()
	few, many := m.NewOwner(1), m.NewOwner(2)
	for i := range uint64(100) {
		few.mustLock(t, Row(i), ForUpdate)
	}
	heap := func() int64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return int64(stats.HeapAlloc)
	}
	before := heap()
	const locks = 1_000_000
	for i := range uint64(locks) {
		many.mustLock(t, Key(i), ForUpdate)
	}
	if held := heap() - before; held < 8*locks {
		t.Errorf("a million locks take %d bytes", held)
	}
	many.ReleaseAll()
	if left := heap() - before; left > 1<<20 {
		t.Errorf("%d bytes are left of a million locks", left)
	}
	other := m.NewOwner(3)
	for i := range uint64(100) {
		if _, err := other.Lock(ctx, Row(i), ForUpdate, Wait{No: true}); !errors.Is(err, ErrNotAvailable) {
			t.Fatalf("lock %d: %v", i, err)
		}
	}
	few.ReleaseAll()
	other.mustLock(t, Row(7), ForUpdate)
	other.ReleaseAll()
}
