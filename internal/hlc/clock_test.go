package hlc

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memBounds is a bound that can be unreachable.
type memBounds struct {
	bound  atomic.Uint64
	stores atomic.Int64
	down   atomic.Bool
}

var errDown = errors.New("store is away")

func (b *memBounds) Load(context.Context) (Timestamp, error) { return Timestamp(b.bound.Load()), nil }

func (b *memBounds) Store(_ context.Context, t Timestamp) error {
	if b.down.Load() {
		return errDown
	}
	b.stores.Add(1)
	b.bound.Store(uint64(t))
	return nil
}

// wall is a wall clock that a test moves.
type wall struct{ ms atomic.Int64 }

func (w *wall) now() time.Time { return time.UnixMilli(w.ms.Load()) }

func newClock(t *testing.T, b Bounds, w *wall) *Clock {
	t.Helper()
	c, err := NewClock(context.Background(), b, Options{Window: time.Second, Now: w.now})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestMonotone draws timestamps over clocks that jump, observe, crash and
// close: each is greater than all before.
func TestMonotone(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 0))
		b, w := &memBounds{}, &wall{}
		w.ms.Store(1_000_000)
		c := newClock(t, b, w)
		var crashed []*Clock
		last, given := Timestamp(0), Timestamp(0)
		for range 3000 {
			switch r.IntN(40) {
			case 0:
				w.ms.Add(r.Int64N(5000) - 2500)
			case 1: // a crash: the old clock is simply gone
				crashed = append(crashed, c)
				c.moves.Wait()
				c, last = newClock(t, b, w), given // what was observed alone may be forgotten
			case 2:
				if err := c.Close(context.Background()); err != nil {
					t.Fatal(err)
				}
				c = newClock(t, b, w)
			case 3:
				last = max(last, c.Last()+Timestamp(r.Uint64N(1<<20)))
				c.Observe(last)
			default:
				next, err := c.Next()
				if err != nil || next <= last {
					t.Fatalf("seed %d: %d after %d, %v", seed, next, last, err)
				}
				if stored := b.bound.Load(); uint64(next) >= stored {
					t.Fatalf("seed %d: %d is past the stored bound %d", seed, next, stored)
				}
				last, given = next, next
			}
		}
		c.Close(context.Background())
		for _, c := range crashed {
			c.moves.Wait()
		}
	}
}

func TestConcurrent(t *testing.T) {
	b, w := &memBounds{}, &wall{}
	c := newClock(t, b, w)
	const each = 20_000
	var wg sync.WaitGroup
	seen := make([][]Timestamp, 4)
	for i := range seen {
		wg.Go(func() {
			for n := range each {
				if n%100 == 0 {
					w.ms.Add(10)
				}
				ts, err := c.Next()
				if err != nil {
					t.Error(err)
					return
				}
				seen[i] = append(seen[i], ts)
			}
		})
	}
	wg.Wait()
	all := map[Timestamp]bool{}
	for _, list := range seen {
		for i, ts := range list {
			if i > 0 && ts <= list[i-1] || all[ts] {
				t.Fatalf("%d came twice or late", ts)
			}
			all[ts] = true
		}
	}
	if err := c.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if b.stores.Load() > 4*each/100 {
		t.Errorf("the bound was stored %d times", b.stores.Load())
	}
}

// TestStoreAway: the clock goes on below its bound while the store is away,
// fails at it, and goes on once the store is back.
func TestStoreAway(t *testing.T) {
	b, w := &memBounds{}, &wall{}
	w.ms.Store(5000)
	c := newClock(t, b, w)
	if _, err := c.Next(); err != nil {
		t.Fatal(err)
	}
	b.down.Store(true)
	w.ms.Add(900)
	if _, err := c.Next(); err != nil {
		t.Errorf("below the bound: %v", err)
	}
	w.ms.Add(900)
	if _, err := c.Next(); !errors.Is(err, errDown) {
		t.Errorf("at the bound: %v", err)
	}
	b.down.Store(false)
	if _, err := c.Next(); err != nil {
		t.Errorf("store is back: %v", err)
	}
	if err := c.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Next(); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestTimestamp(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_123)
	if got := At(at); !got.Time().Equal(at) || got&(1<<CounterBits-1) != 0 {
		t.Errorf("%v becomes %v", at, got.Time())
	}
}

func BenchmarkNext(b *testing.B) {
	c, err := NewClock(context.Background(), &memBounds{}, Options{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := c.Next(); err != nil {
			b.Fatal(err)
		}
	}
	c.Close(context.Background())
}

// TestNow: reading the clock gives nothing out and is never behind what was.
func TestNow(t *testing.T) {
	b, w := &memBounds{}, &wall{}
	w.ms.Store(5000)
	c := newClock(t, b, w)
	if got := c.Now(); got != At(w.now()) {
		t.Errorf("now is %d, want %d", got, At(w.now()))
	}
	w.ms.Store(9000)
	given, err := c.Next()
	if err != nil {
		t.Fatal(err)
	}
	w.ms.Store(1000)
	if got := c.Now(); got != given {
		t.Errorf("now is %d after %d was given out", got, given)
	}
	if err := c.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := c.Now(); got != At(w.now()) {
		t.Errorf("now is %d after Close", got)
	}
}

func TestBefore(t *testing.T) {
	at := At(time.UnixMilli(5000)) + 7
	for _, c := range []struct {
		age  time.Duration
		want Timestamp
	}{{0, at}, {time.Second, At(time.UnixMilli(4000)) + 7}, {time.Microsecond, At(time.UnixMilli(4999)) + 7}, {5 * time.Second, 7}, {6 * time.Second, 0}} {
		if got := at.Before(c.age); got != c.want {
			t.Errorf("%v before: %d, want %d", c.age, got, c.want)
		}
	}
}

// TestRestarts: a clean restart goes on at the wall clock, and crashes, however
// many, leave the clock little more than the window ahead of it.
func TestRestarts(t *testing.T) {
	b, w := &memBounds{}, &wall{}
	w.ms.Store(5000)
	ahead := func(c *Clock) time.Duration {
		next, err := c.Next()
		if err != nil {
			t.Fatal(err)
		}
		return next.Time().Sub(w.now())
	}
	for range 50 {
		c := newClock(t, b, w)
		if d := ahead(c); d != 0 {
			t.Fatalf("%v ahead after a clean restart", d)
		}
		if err := c.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	const crashes = 50
	for range crashes {
		c := newClock(t, b, w)
		if d := ahead(c); d > time.Second+crashes*time.Second/room {
			t.Fatalf("%v ahead after crashes", d)
		}
		c.moves.Wait()
	}
	w.ms.Add(1000 * (2 + crashes/room))
	c := newClock(t, b, w)
	if d := ahead(c); d != 0 {
		t.Fatalf("%v ahead once the wall clock has caught up", d)
	}
	if err := c.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}
