package model

import (
	"context"
	"errors"
	"slices"
	"time"
)

// shrink leaves out operations of a run that failed, as long as it still fails,
// and returns the shortest failure found in the given time.
func shrink(ctx context.Context, seed uint64, f *failure, limit time.Duration) *failure {
	until := time.Now().Add(limit)
	for size := len(f.ops) / 2; size > 0; size /= 2 {
		for at := 0; at < len(f.ops) && time.Now().Before(until); {
			fewer := slices.Delete(slices.Clone(f.ops), at, min(at+size, len(f.ops)))
			var smaller *failure
			if err := play(ctx, seed, fewer, newTally()); errors.As(err, &smaller) {
				f = smaller
			} else {
				at += size
			}
		}
	}
	return f
}
