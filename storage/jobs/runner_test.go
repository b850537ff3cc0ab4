package jobs

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
)

func TestJobsRunInOrderAndRepeat(t *testing.T) {
	r := NewRunner(slog.New(slog.DiscardHandler))
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
	if !slices.Equal(ran, []string{"a", "a", "a", "b"}) {
		t.Errorf("ran %v", ran)
	}
	if waiting, completed, failed := r.Stats(); waiting != 0 || completed != 2 || failed != 2 {
		t.Errorf("stats %d %d %d", waiting, completed, failed)
	}
}

func TestCloseEndsJobs(t *testing.T) {
	r := NewRunner(slog.New(slog.DiscardHandler))
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
