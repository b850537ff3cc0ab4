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

// row and key are successive ones, 64 to a block.
func row(n uint64) Resource { return Row(n/64, uint8(n%64)) }
func key(n uint64) Resource { return Key(n/64, uint8(n%64)) }

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
	}{{Table(1), tables}, {row(1), rows}} {
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
		if s := &m.shards[i]; len(s.single.m)+len(s.blocks.m)+len(s.extra.m)+len(s.objects) != 0 {
			t.Fatalf("locks are left: %v %v %v %v", s.single.m, s.blocks.m, s.extra.m, s.objects)
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
	a.mustLock(t, row(1), ForUpdate)
	b.mustLock(t, row(2), ForUpdate)
	first := lockLater(a, row(2), ForUpdate, Wait{Deadlock: long})
	if _, err := b.Lock(ctx, row(1), ForUpdate, Wait{Deadlock: short}); !errors.Is(err, ErrDeadlock) {
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
	a.mustLock(t, row(1), ForShare)
	b.mustLock(t, row(1), ForShare)
	first := lockLater(a, row(1), ForUpdate, Wait{Deadlock: long})
	if _, err := b.Lock(ctx, row(1), ForUpdate, Wait{Deadlock: short}); !errors.Is(err, ErrDeadlock) {
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
	a.mustLock(t, key(7), ForUpdate)
	if _, err := b.Lock(ctx, key(7), ForUpdate, Wait{Deadlock: long, Timeout: time.Microsecond}); !errors.Is(err, ErrTimeout) {
		t.Errorf("lock_timeout gives %v", err)
	}
	cause := errors.New("cancelled")
	cancelled, cancel := context.WithCancelCause(ctx)
	cancel(cause)
	if _, err := b.Lock(cancelled, key(7), ForUpdate, Wait{Deadlock: long}); !errors.Is(err, cause) {
		t.Errorf("cancel gives %v", err)
	}
	a.ReleaseAll()
	b.mustLock(t, key(7), ForUpdate)
	b.ReleaseAll()
	m.mustBeEmpty(t)
}

func TestReleaseToMark(t *testing.T) {
	m := NewManager()
	a, b := m.NewOwner(0), m.NewOwner(0)
	a.mustLock(t, row(1), ForShare)
	mark := a.Mark()
	a.mustLock(t, row(2), ForShare)
	a.mustLock(t, row(1), ForUpdate)
	a.ReleaseTo(mark)
	b.mustLock(t, row(2), ForUpdate)
	if _, err := b.Lock(ctx, row(1), ForShare, Wait{No: true}); !errors.Is(err, ErrNotAvailable) {
		t.Errorf("the older lock is gone: %v", err)
	}
	if held, err := a.Lock(ctx, row(1), ForShare, Wait{}); !held || err != nil {
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
					before, err := o.Lock(ctx, row(uint64(i)), ForUpdate, Wait{Deadlock: short})
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
		few.mustLock(t, row(i), ForUpdate)
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
		many.mustLock(t, key(i), ForUpdate)
	}
	if held := heap() - before; held > 4*locks {
		t.Errorf("a million locks of successive keys take %d bytes", held)
	}
	for i := range uint64(locks / 4) {
		many.mustLock(t, key(i*64+1e9), ForUpdate)
	}
	if held := heap() - before; held < 8*locks/4 {
		t.Errorf("so many locks here and there take %d bytes", held)
	}
	many.ReleaseAll()
	if left := heap() - before; left > 1<<20 {
		t.Errorf("%d bytes are left of a million locks", left)
	}
	other := m.NewOwner(3)
	for i := range uint64(100) {
		if _, err := other.Lock(ctx, row(i), ForUpdate, Wait{No: true}); !errors.Is(err, ErrNotAvailable) {
			t.Fatalf("lock %d: %v", i, err)
		}
	}
	few.ReleaseAll()
	other.mustLock(t, row(7), ForUpdate)
	other.ReleaseAll()
}

// TestLocksOfBlocks: owners lock, lock in more modes, mark, release and go back, among
// rows and keys of few blocks, as in a model that has every lock by itself.
func TestLocksOfBlocks(t *testing.T) {
	for seed := range uint64(20) {
		m := NewManager()
		r := rand.New(rand.NewPCG(2, seed))
		world := modelLocks{}
		owners := make([]*modelOwner, 3)
		for i := range owners {
			owners[i] = &modelOwner{Owner: m.NewOwner(0)}
		}
		for step := range 3000 {
			o := owners[r.IntN(len(owners))]
			at := row(r.Uint64N(100))
			if r.IntN(3) == 0 {
				at = key(r.Uint64N(100))
			}
			switch op := r.IntN(1000); {
			case op < 900:
				mode := ForUpdate
				if r.IntN(4) == 0 {
					mode = ForKeyShare + Mode(r.IntN(4))
				}
				had := world[at][o]
				held, err := o.Lock(ctx, at, mode, Wait{No: true})
				if free := world.free(at, o, mode); free == (err != nil) || held != (had&setOf(mode) != 0) {
					t.Fatalf("seed %d, step %d: %x in mode %d: held %v, %v", seed, step, uint64(at), mode, held, err)
				}
				if err == nil {
					o.locked(world, at, mode)
				}
			case op < 940:
				if n := len(o.order); n > 0 { // of what was locked since the last mark, as storage does
					if last := o.order[n-1]; len(o.marks) == 0 || n > o.marks[len(o.marks)-1].order {
						o.Release(last)
						o.order = o.order[:n-1]
						delete(world[last], o)
					}
				}
			case op < 970:
				o.marks = append(o.marks, modelMark{o.Mark(), len(o.order)})
			case op < 990 && len(o.marks) > 0:
				n := r.IntN(len(o.marks))
				back := o.marks[n]
				o.marks = o.marks[:n+1]
				o.ReleaseTo(back.mark)
				o.forget(world, back.order)
			case op > 996:
				o.ReleaseAll()
				o.forget(world, 0)
				*o = modelOwner{Owner: m.NewOwner(0)}
			}
		}
		for _, o := range owners {
			o.ReleaseAll()
		}
		m.mustBeEmpty(t)
	}
}

// modelLocks are who has a resource, in which modes.
type modelLocks map[Resource]map[*modelOwner]modes

func (w modelLocks) free(r Resource, o *modelOwner, mode Mode) bool {
	if w[r][o]&setOf(mode) != 0 {
		return true
	}
	for other, held := range w[r] {
		if other != o && held&r.conflicts(mode) != 0 {
			return false
		}
	}
	return true
}

type modelOwner struct {
	*Owner
	order []Resource // that it has, in order of locking
	marks []modelMark
}

type modelMark struct{ mark, order int }

func (o *modelOwner) locked(w modelLocks, r Resource, mode Mode) {
	if w[r] == nil {
		w[r] = map[*modelOwner]modes{}
	}
	if w[r][o] == 0 {
		o.order = append(o.order, r)
	}
	w[r][o] |= setOf(mode)
}

func (o *modelOwner) forget(w modelLocks, from int) {
	for _, r := range o.order[from:] {
		delete(w[r], o)
	}
	o.order = o.order[:from]
}
