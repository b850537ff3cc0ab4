package vector

import (
	"context"
	"sync"
	"sync/atomic"
)

// restEvery is after how many calls a worker may rest.
const restEvery = 4

// share calls do for 0 to n-1, by all workers, and reports progress.
func share(ctx context.Context, o Options, phase string, n int, do func(worker, i int) error) error {
	const chunk = 64
	var (
		next   atomic.Int64
		failed atomic.Pointer[error]
		all    sync.WaitGroup
	)
	for worker := range o.Workers {
		all.Go(func() {
			for failed.Load() == nil {
				from := int(next.Add(chunk)) - chunk
				if from >= n {
					return
				}
				if o.Progress != nil && from%(16*chunk) == 0 {
					o.Progress(phase, int64(from), int64(n))
				}
				err := ctx.Err()
				for i := from; i < min(from+chunk, n) && err == nil; i++ {
					err = do(worker, i)
					if o.Rest != nil && i%restEvery == 0 {
						o.Rest(worker)
					}
				}
				if err != nil {
					failed.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	all.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	if o.Progress != nil {
		o.Progress(phase, int64(n), int64(n))
	}
	return nil
}
