package jobs

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"testing"
	"time"
)

// TestWaitForLosesPatience: who waits for a job that keeps failing hears why.
func TestWaitForLosesPatience(t *testing.T) {
	r := NewRunner(slog.New(slog.DiscardHandler), 1)
	defer r.Close()
	away := errors.New("the store is away")
	back := make(chan struct{})
	r.Submit(Job{Kind: "collect", Owner: 7, Run: func(context.Context, *Progress) error {
		select {
		case <-back:
			return nil
		default:
			return away
		}
	}})
	of := func(owner uint64) func(*Job) bool { return func(j *Job) bool { return j.Owner == owner } }
	if err := r.WaitFor(t.Context(), time.Millisecond, of(7)); !errors.Is(err, away) {
		t.Errorf("the wait ends with %v", err)
	}
	if err := r.WaitFor(t.Context(), 0, of(8)); err != nil {
		t.Errorf("another's wait ends with %v", err)
	}
	close(back)
	// An attempt of before says nothing.
	if err := r.WaitFor(t.Context(), time.Nanosecond, of(7)); err != nil {
		t.Errorf("the wait ends with %v", err)
	}
}

// TestRetriesLeaveAWorker: jobs that failed and hang when they are tried again do
// not keep a new one from running.
func TestRetriesLeaveAWorker(t *testing.T) {
	r := NewRunner(slog.New(slog.DiscardHandler), 3)
	defer r.Close()
	for range 5 {
		first := true
		r.Submit(Job{Kind: "collect", Run: func(ctx context.Context, _ *Progress) error {
			if first {
				first = false
				return errors.New("not yet")
			}
			<-ctx.Done()
			return ctx.Err()
		}})
	}
	for hanging := 0; hanging < 2; {
		hanging = 0
		for _, s := range r.List() {
			if s.State == "running" && s.Attempts > 1 {
				hanging++
			}
		}
		runtime.Gosched()
	}
	id, _ := r.SubmitID(Job{Kind: "merge", Priority: Merge, Run: func(context.Context, *Progress) error { return nil }})
	if err := r.WaitID(t.Context(), id); err != nil {
		t.Error(err)
	}
}
