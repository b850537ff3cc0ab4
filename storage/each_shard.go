package storage

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// shardsAtOnce is how many small shards eachShard takes at a time.
const shardsAtOnce = 8

// smallShardBytes is from how many bytes of rows on a shard is taken by itself.
const smallShardBytes = 1 << 20

// eachShard does f for the small shards side by side, then for the others one by one.
// A table may have thousands of partitions of a few rows each, and waiting for disks
// is most of the work then; large ones each get all the workers and all the memory.
// It returns the first error, after which it begins no other shard.
func eachShard(ctx context.Context, shards []*shard, f func(context.Context, *shard) error) error {
	var large []*shard
	group, all := errgroup.WithContext(ctx)
	group.SetLimit(shardsAtOnce)
	for _, s := range shards {
		if s.allBytes() >= smallShardBytes {
			large = append(large, s)
			continue
		}
		group.Go(func() error {
			if err := all.Err(); err != nil {
				return err
			}
			return f(all, s)
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, s := range large {
		if err := f(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// allBytes is about what the shard's rows take, in memory and in objects.
func (s *shard) allBytes() (n int64) {
	v := s.pin()
	defer v.release()
	for _, m := range v.memory {
		n += m.Size()
	}
	for _, f := range v.objects() {
		n += f.liveBytes()
	}
	return n
}
