package jobs

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A job that fails does not hold up the next one.
func TestJobsRunInOrderAndRepeat(t *testing.T) {
	r := NewRunner(slog.New(slog.DiscardHandler), 1)
	defer r.Close()
	var ran []string
	failures := 2
	r.Go("a", func(context.Context) error {
		ran = append(ran, "a")
		if failures--; failures >= 0 {
			return errors.New("not yet")
		}
		return nil
	})
	r.Go("b", func(context.Context) error {
		ran = append(ran, "b")
		return nil
	})
	r.Wait()
	if !slices.Equal(ran, []string{"a", "b", "a", "a"}) {
		t.Errorf("ran %v", ran)
	}
	if waiting, completed, failed := r.Stats(); waiting != 0 || completed != 2 || failed != 2 {
		t.Errorf("stats %d %d %d", waiting, completed, failed)
	}
}

func TestCloseEndsJobs(t *testing.T) {
	r := NewRunner(slog.New(slog.DiscardHandler), 1)
	started := make(chan struct{})
	r.Go("long", func(ctx context.Context) error {
		close(started)
		<-ctx.Done()
		return ctx.Err()
	})
	ran := false
	r.Go("later", func(context.Context) error {
		ran = true
		return nil
	})
	<-started
	r.Close()
	r.Wait()
	if ran {
		t.Error("a job ran after Close")
	}
}

// TestPriorities: with one worker busy, what waits runs by priority, one job a
// key, and never two of a group.
func TestPriorities(t *testing.T) {
	r := NewRunner(slog.New(slog.DiscardHandler), 3)
	defer r.Close()
	var mu sync.Mutex
	var ran []string
	open := make(chan struct{})
	job := func(kind, key string, priority int) Job {
		return Job{Kind: kind, Key: key, Group: "g", Priority: priority, Run: func(_ context.Context, p *Progress) error {
			<-open
			p.Set("working", 1, 2)
			mu.Lock()
			defer mu.Unlock()
			ran = append(ran, kind)
			return nil
		}}
	}
	r.Submit(job("first", "", 5))
	for r.List()[0].State != "running" {
		runtime.Gosched()
	}
	r.Submit(job("c", "", 3))
	r.Submit(job("a", "k", 1))
	if r.Submit(job("twice", "k", 0)) {
		t.Error("two jobs have one key")
	}
	r.Submit(job("b", "", 1))
	list := r.List()
	if len(list) != 4 || list[0].Kind != "a" || list[0].State != "waiting" || list[3].State != "running" {
		t.Errorf("jobs %+v", list)
	}
	close(open)
	r.Wait()
	if !slices.Equal(ran, []string{"first", "a", "b", "c"}) {
		t.Errorf("ran %v", ran)
	}
}

// TestBudget: processors are shared among jobs.
func TestBudget(t *testing.T) {
	b := NewBudget(3, func() int { return 0 })
	ctx, cancel := context.WithCancel(context.Background())
	n, err := b.Acquire(ctx, 2)
	m, err2 := b.Acquire(ctx, 2)
	if n != 2 || m != 1 || err != nil || err2 != nil || b.Idle() != 0 {
		t.Errorf("got %d, %v and %d, %v", n, err, m, err2)
	}
	done := make(chan error)
	go func() {
		_, err := b.Acquire(ctx, 1)
		done <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	b.Release(n)
	if n, err := b.Acquire(context.Background(), 9); n != 2 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
}

// TestShare: workers have what statements leave, and a part of it all in any case.
func TestShare(t *testing.T) {
	statements := 0
	b := NewBudget(4, func() int { return statements })
	ctx, cancel := context.WithCancel(context.Background())
	p := b.Pace(ctx, 2, Merge)
	for _, c := range []struct {
		statements int
		share      float64
	}{{0, 1}, {2, 1}, {3, 0.5}, {4, 0.5}, {100, 0.5}} {
		if statements = c.statements; p.share() != c.share {
			t.Errorf("%d statements: share %g, not %g", statements, p.share(), c.share)
		}
	}
	other := b.Pace(ctx, 6, Replace)
	if got, better := p.share(), other.share(); got != 4*leastShare/8 || better != 4*leastOfBetter/8 {
		t.Errorf("8 workers: share %g, %g of what makes better what will do", got, better)
	}
	other.Close()
	cancel()
	for range 100 {
		p.since[1] = time.Now().Add(-time.Hour)
		p.Rest(1) // returns at once: ctx is done
	}
	p.Rest(7) // none of its workers
	p.Close()
	if n := b.working.Load(); n != 0 {
		t.Errorf("%d workers left", n)
	}
}

// TestBehind: f has a thread that others go ahead of, and the time that it waits for a
// processor is rest.
func TestBehind(t *testing.T) {
	statements := 2
	p := NewBudget(2, func() int { return statements }).Pace(t.Context(), 1, Merge)
	defer p.Close()
	failed := errors.New("no")
	before := niceness(t)
	err := p.Behind(func() error {
		if now := niceness(t); now != min(before+behind, 19) {
			t.Errorf("niceness %d, of other threads %d", now, before)
		}
		p.used = threadUsed() // nothing was done for an hour
		if rest := p.due(0, time.Hour); rest > 0 {
			t.Errorf("a rest of %v after one of an hour", rest)
		}
		p.used = threadUsed() - time.Hour // an hour of work
		if rest := p.due(0, time.Hour); rest != workMax {
			t.Errorf("half of the time is its share, and it rests %v of %v", rest, 2*workMax)
		}
		if rest := p.due(1, time.Hour); rest != workMax {
			t.Errorf("another worker rests %v", rest)
		}
		return failed
	})
	if !errors.Is(err, failed) {
		t.Errorf("it ends with %v", err)
	}
	if now := niceness(t); now != before {
		t.Errorf("niceness %d afterwards, %d before", now, before)
	}
}

// niceness is that of the caller's thread.
func niceness(t *testing.T) int {
	t.Helper()
	answer, err := unix.Getpriority(unix.PRIO_PROCESS, currentThread())
	if err != nil {
		t.Fatal(err)
	}
	return 20 - answer
}
