package storage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Memory has one budget. Below half of it nothing happens; above, transactions
// spill what they have completed and the largest shard is flushed; above three
// quarters writers wait for the flush. While flushes fail, for the object store is
// down or full, writers are slowed down from half of the budget on and refused at
// three quarters; reads and what is in memory are as ever. The log cannot outgrow
// what is in memory by much, so the disk is spared too.

// ErrStalled: rows cannot be taken in, for those before them cannot be flushed. It
// wraps the reason.
var ErrStalled = errors.New("storage: rows are not moved into objects, and memory is full")

// patience is how long a writer waits at three quarters until it is refused.
type patience struct {
	// failing is while flushes end with errors, hung while none ends.
	failing, hung time.Duration
}

var defaultPatience = patience{failing: 5 * time.Second, hung: 2 * time.Minute}

func (e *Engine) pressed() bool { return e.mem.Used() > e.opts.GrowingBytesMax }

func (e *Engine) choked() bool {
	return e.mem.Limit() > 0 && e.mem.Used() > e.mem.Limit()/4*3
}

// admit makes a writer wait while memory or disk is short and a flush can help.
func (e *Engine) admit(ctx context.Context) error {
	if err := e.spareDisk(ctx); err != nil {
		return err
	}
	if !e.pressed() {
		return nil
	}
	e.wake()
	began := time.Now()
	for waits := 0; !e.opts.Manual && e.largest() != nil; waits++ {
		last, failing := e.flushes()
		switch choked := e.choked(); {
		case !choked && (failing == nil || waits > 0):
			return nil
		case choked:
			if err := e.stalled(failing, time.Since(latest(began, last))); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-e.background.Done():
			return ErrClosed
		case <-e.flushed():
		case <-time.After(pressureTick):
		}
	}
	return nil
}

// stalled is the refusal of a writer that has waited for so long since the last
// flush that succeeded; nil if it goes on waiting.
func (e *Engine) stalled(failing error, waited time.Duration) error {
	switch {
	case failing != nil && waited > e.patience.failing:
		return fmt.Errorf("%w: %w", ErrStalled, failing)
	case waited > e.patience.hung:
		return fmt.Errorf("%w: no flush has ended for %v", ErrStalled, waited.Round(time.Second))
	}
	return nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// pressureTick bounds the wait for a signal of a flush.
const pressureTick = 50 * time.Millisecond

// largest returns the shards that it is worth to flush for their memory, those with
// most first: as many as give back a quarter of what may be used, one group at
// most. nil if all of them have no mentionable amount.
func (e *Engine) largest() (found []*shard) {
	type sized struct {
		s     *shard
		bytes int64
	}
	var list []sized
	sum, most := int64(0), int64(0)
	for _, s := range e.allShards() {
		if n := s.memoryBytes(); n > 0 {
			list = append(list, sized{s, n})
			sum, most = sum+n, max(most, n)
		}
	}
	if most <= largeBytesMin && sum <= max(largeBytesMin, e.opts.GrowingBytesMax/8) {
		return nil
	}
	slices.SortFunc(list, func(a, b sized) int { return cmp.Compare(b.bytes, a.bytes) })
	freed := int64(0)
	for _, l := range list {
		if len(found) > 0 && (len(found) == flushGroupMax || freed >= e.opts.GrowingBytesMax/4) {
			break
		}
		found, freed = append(found, l.s), freed+l.bytes
	}
	return found
}

// largeBytesMin is what is mentionable of one shard's memory.
const largeBytesMin = int64(1 << 20)

// relieve flushes while memory is short: recovery replays more than fits.
func (e *Engine) relieve(ctx context.Context) error {
	for e.pressed() {
		large := e.largest()
		if large == nil {
			return nil
		}
		if err := e.flushShards(ctx, large); err != nil {
			return err
		}
	}
	return nil
}

// scratchMemory is a scratch file as memory.
func (e *Engine) scratchMemory(bytes int64) (_ []byte, release func(), err error) {
	name := e.scratchName()
	f, err := e.opts.Scratch.Create(name)
	if err != nil {
		return nil, nil, err
	}
	memory, unmap, err := func() ([]byte, func() error, error) {
		if err := f.Allocate(bytes); err != nil {
			return nil, nil, err
		}
		return f.MapWritable(bytes)
	}()
	err = errors.Join(err, e.opts.Scratch.Remove(name))
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return memory, func() {
		if err := errors.Join(unmap(), f.Close()); err != nil {
			e.logger.Warn("a scratch file was not given back", "err", err)
		}
	}, nil
}

// spill moves the complete private segments, and all if memory is very short,
// from memory into scratch files.
func (p *privateWrites) spill() error {
	if p.e.opts.Scratch == nil {
		return nil
	}
	for _, s := range p.order {
		for i, g := range s.segments {
			last := i == len(s.segments)-1
			if g.Spilled() || last && !p.e.choked() || g.Bytes() < spillBytesMin {
				continue
			}
			if err := g.Spill(p.e.opts.Scratch, p.e.scratchName()); err != nil {
				return err
			}
		}
	}
	return nil
}

// spillBytesMin is what is worth a file.
const spillBytesMin = 1 << 20
