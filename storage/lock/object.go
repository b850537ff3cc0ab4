package lock

import (
	"slices"
	"time"
)

// The methods of object and waiter run under Manager.mu.

// tryGrant gives mode to o if nobody is in the way, waiters before it
// included unless o holds the lock already. It returns what o held.
func (x *object) tryGrant(o *Owner, mode Mode) (mine modes, granted bool) {
	conflicts := x.resource.conflicts(mode)
	at := -1
	blocked := false
	for i, h := range x.holders {
		if h.owner == o {
			mine, at = h.held, i
		} else if h.held&conflicts != 0 {
			blocked = true
		}
	}
	if mine == 0 {
		for _, w := range x.queue {
			if setOf(w.mode)&conflicts != 0 {
				blocked = true
			}
		}
	}
	switch {
	case mine&setOf(mode) != 0:
		return mine, true
	case blocked:
		return mine, false
	case at >= 0:
		x.holders[at].held |= setOf(mode)
	default:
		x.holders = append(x.holders, holder{o, setOf(mode)})
	}
	return mine, true
}

// enqueue makes o wait for mode; a holder that asks for more goes first.
func (x *object) enqueue(o *Owner, mode Mode, holds bool) *waiter {
	w := &waiter{owner: o, mode: mode, object: x, granted: make(chan struct{}), since: time.Now()}
	if holds {
		x.queue = slices.Insert(x.queue, 0, w)
	} else {
		x.queue = append(x.queue, w)
	}
	o.waiting = w
	return w
}

// grantWaiters grants, in order, every waiter that neither a holder nor an
// earlier waiter excludes.
func (x *object) grantWaiters() {
	var ahead modes
	kept := x.queue[:0]
	for _, w := range x.queue {
		if ahead&x.resource.conflicts(w.mode) == 0 && x.compatible(w) {
			x.hold(w.owner, w.mode)
			w.owner.waiting = nil
			close(w.granted)
			continue
		}
		ahead |= setOf(w.mode)
		kept = append(kept, w)
	}
	clear(x.queue[len(kept):])
	x.queue = kept
}

func (x *object) compatible(w *waiter) bool {
	conflicts := x.resource.conflicts(w.mode)
	for _, h := range x.holders {
		if h.owner != w.owner && h.held&conflicts != 0 {
			return false
		}
	}
	return true
}

func (x *object) hold(o *Owner, mode Mode) {
	for i := range x.holders {
		if x.holders[i].owner == o {
			x.holders[i].held |= setOf(mode)
			return
		}
	}
	x.holders = append(x.holders, holder{o, setOf(mode)})
}

// blockers are the owners that w waits for.
func (w *waiter) blockers() (list []*Owner) {
	conflicts := w.object.resource.conflicts(w.mode)
	for _, h := range w.object.holders {
		if h.owner != w.owner && h.held&conflicts != 0 {
			list = append(list, h.owner)
		}
	}
	for _, q := range w.object.queue {
		if q == w {
			break
		}
		if setOf(q.mode)&conflicts != 0 {
			list = append(list, q.owner)
		}
	}
	return list
}
