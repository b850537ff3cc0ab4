package lock

import (
	"context"
	"slices"
	"time"
)

// Lock takes r in mode. held says that the owner had r already in this mode.
// An error is ErrNotAvailable, ErrTimeout, ErrDeadlock or the context's.
func (o *Owner) Lock(ctx context.Context, r Resource, mode Mode, wait Wait) (held bool, err error) {
	s := o.m.shard(r)
	s.mu.Lock()
	x := s.objects[r]
	if x == nil {
		owner, modes, locked := s.holder(r)
		switch {
		case !locked:
			s.add(o, r, mode)
			s.mu.Unlock()
			return false, nil
		case owner == o.id:
			held = modes&setOf(mode) != 0
			if !held {
				s.hold(r, owner, modes|setOf(mode))
			}
			s.mu.Unlock()
			return held, nil
		}
	}
	o.m.mu.Lock()
	if x == nil {
		x = s.object(o.m, r)
	}
	mine, granted := x.tryGrant(o, mode)
	var w *waiter
	if !granted && !wait.No {
		w = x.enqueue(o, mode, mine != 0)
	}
	o.m.mu.Unlock()
	s.mu.Unlock()
	if w != nil {
		err = o.wait(ctx, w, wait)
	} else if !granted {
		err = ErrNotAvailable
	}
	if err == nil && mine == 0 {
		o.list = append(o.list, r)
	}
	return err == nil && mine&setOf(mode) != 0, err
}

// wait blocks until w is granted, or ends it.
func (o *Owner) wait(ctx context.Context, w *waiter, wait Wait) error {
	var timeout <-chan time.Time
	if wait.Timeout > 0 {
		t := time.NewTimer(wait.Timeout)
		defer t.Stop()
		timeout = t.C
	}
	search := time.NewTimer(wait.Deadlock)
	defer search.Stop()
	for {
		var err error
		select {
		case <-w.granted:
			return nil
		case <-ctx.Done():
			err = context.Cause(ctx)
		case <-timeout:
			err = ErrTimeout
		case <-search.C:
			if !o.deadlocked() {
				continue
			}
			err = ErrDeadlock
		}
		if o.giveUp(w) {
			return err
		}
		return nil // granted meanwhile
	}
}

// giveUp takes w out of its queue; false when it was granted before.
func (o *Owner) giveUp(w *waiter) bool {
	o.m.mu.Lock()
	defer o.m.mu.Unlock()
	i := slices.Index(w.object.queue, w)
	if i < 0 {
		return false
	}
	w.object.queue = slices.Delete(w.object.queue, i, i+1)
	o.waiting = nil
	w.object.grantWaiters()
	return true
}

// Mark is a point to release back to.
func (o *Owner) Mark() int {
	o.mark = min(o.mark, marksMax-1) + 1
	return len(o.list)
}

// ReleaseTo releases what was locked since mark. Modes added to older locks stay.
func (o *Owner) ReleaseTo(mark int) {
	for i := len(o.list) - 1; i >= mark; i-- {
		if r := o.list[i]; r&kindMask == kindBlock {
			o.releaseBlock(r.ofItem())
		} else {
			o.release(r)
		}
	}
	o.list = o.list[:mark]
}

// Release gives up one resource before the end.
func (o *Owner) Release(r Resource) {
	o.release(r)
	if n := len(o.list); n > 0 && o.list[n-1] == r {
		o.list = o.list[:n-1]
	}
}

// ReleaseAll ends the owner.
func (o *Owner) ReleaseAll() {
	o.ReleaseTo(0)
	o.list = nil
	o.m.mu.Lock()
	delete(o.m.owners, o.id)
	o.m.mu.Unlock()
}

func (o *Owner) release(r Resource) {
	s := o.m.shard(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.release(o, r)
	if b, ok := s.blocks.m[r.block()]; ok && b.owner == o.id && b.places&r.bit() != 0 {
		b.places &^= r.bit()
		s.blocks.put(r.block(), b)
	}
}

func (o *Owner) releaseBlock(r Resource) {
	s := o.m.shard(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.releaseBlock(o, r)
}

// deadlocked says whether o waits for itself.
func (o *Owner) deadlocked() bool {
	o.m.mu.Lock()
	defer o.m.mu.Unlock()
	seen := map[*Owner]bool{}
	var reaches func(from *Owner) bool
	reaches = func(from *Owner) bool {
		if from.waiting == nil {
			return false
		}
		for _, b := range from.waiting.blockers() {
			if b == o {
				return true
			}
			if !seen[b] {
				seen[b] = true
				if reaches(b) {
					return true
				}
			}
		}
		return false
	}
	return reaches(o)
}
