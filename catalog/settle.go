package catalog

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// settling rewrites decided transactions plain, one after the other in commit
// order, so that of two versions of a descriptor the later one stays.
type settling struct {
	mu        sync.Mutex // guards what follows
	queue     []settleTask
	unsettled []TxnID // staged before this start, without a status
	statuses  []TxnID // their status keys can go once the WAL is cut
	busy      bool
	idle      chan struct{} // closed while there is nothing to do
	wake      chan struct{}
}

// settleTask is a transaction whose staged descriptors go: written plain when
// it committed, just removed when not. abort first writes the status aborted.
type settleTask struct {
	id        TxnID
	committed bool
	abort     bool
	changes   []stagedChange
}

func (s *settling) start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wake = make(chan struct{}, 1)
	if s.idle == nil {
		s.idle = make(chan struct{})
		close(s.idle)
	}
	s.wake <- struct{}{}
}

func (s *settling) add(task settleTask) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 && !s.busy {
		s.idle = make(chan struct{})
	}
	s.queue = append(s.queue, task)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// take returns the next task, or false.
func (s *settling) take() (settleTask, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		return settleTask{}, false
	}
	task := s.queue[0]
	s.queue = s.queue[1:]
	s.busy = true
	return task, true
}

func (s *settling) done(task settleTask) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.statuses = append(s.statuses, task.id)
	s.busy = false
	if len(s.queue) == 0 {
		close(s.idle)
	}
}

func (s *settling) forgetUnsettled(id TxnID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unsettled = slices.DeleteFunc(s.unsettled, func(other TxnID) bool { return other == id })
}

// Unsettled lists transactions that an earlier owner staged and that have no
// status: recovery calls SettleAbort for each.
func (c *Catalog) Unsettled() []TxnID {
	c.settled.mu.Lock()
	defer c.settled.mu.Unlock()
	return slices.Clone(c.settled.unsettled)
}

// Statuses lists decided transactions whose descriptors are plain but whose
// status key still stands: a PREPARE in the WAL may ask for it. When the WAL
// no longer holds their PREPARE, call ForgetStatuses.
func (c *Catalog) Statuses() []TxnID {
	c.settled.mu.Lock()
	defer c.settled.mu.Unlock()
	return slices.Clone(c.settled.statuses)
}

// ForgetStatuses removes status keys of transactions that Statuses listed.
func (c *Catalog) ForgetStatuses(ctx context.Context, ids ...TxnID) error {
	ops := make([]Op, len(ids))
	for i, id := range ids {
		ops[i] = Op{Delete: true, Key: c.keys.status(id)}
	}
	for _, chunk := range chunks(ops, 1) {
		if _, err := c.writeSettled(ctx, nil, chunk); err != nil {
			return err
		}
	}
	c.settled.mu.Lock()
	defer c.settled.mu.Unlock()
	c.settled.statuses = slices.DeleteFunc(c.settled.statuses, func(id TxnID) bool { return slices.Contains(ids, id) })
	return nil
}

// WaitSettled waits until every decided transaction is written plain.
func (c *Catalog) WaitSettled(ctx context.Context) error {
	c.settled.mu.Lock()
	idle := c.settled.idle
	c.settled.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// settleLoop works the queue until ctx ends; what is left then is found again
// by the next Open. A fenced owner leaves it to its successor.
func (c *Catalog) settleLoop(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.settled.wake:
		}
		for {
			task, ok := c.settled.take()
			if !ok {
				break
			}
			if err := c.settleTask(ctx, task); err != nil {
				if ctx.Err() == nil && !errors.Is(err, ErrFenced) {
					c.log.Error("a decided transaction could not be written plain; the next start will", "txn", task.id, "err", err)
				}
				return
			}
			c.settled.done(task)
		}
	}
}

func (c *Catalog) settleTask(ctx context.Context, task settleTask) error {
	if task.abort {
		if _, err := c.settle(ctx, task.id, statusAborted); err != nil {
			return err
		}
	}
	if task.committed && len(task.changes) > 0 {
		// A request whose reply was lost may arrive when later transactions have
		// been written plain: by then the stage is gone, and it does nothing.
		guards := []Compare{
			{Kind: CompareValue, Key: c.keys.status(task.id), Value: []byte(statusCommitted)},
			{Kind: CompareExists, Key: c.keys.staged(task.id, task.changes[0].oid)},
		}
		for _, chunk := range chunks(c.plainOps(task), len(guards)+1) {
			if _, err := c.writeSettled(ctx, guards, chunk); err != nil {
				return err
			}
		}
	}
	_, err := c.writeSettled(ctx, nil, []Op{{Delete: true, Prefix: true, Key: c.keys.stage(task.id)}})
	return err
}

// plainOps are idempotent: any part of them may be repeated while the stage
// stands.
func (c *Catalog) plainOps(task settleTask) (ops []Op) {
	for _, ch := range task.changes {
		key := c.keys.descriptor(ch.oid)
		if ch.to == nil {
			ops = append(ops, Op{Delete: true, Key: key},
				Op{Delete: true, Prefix: true, Key: c.keys.sequencePrefix(ch.oid)})
			continue
		}
		ops = append(ops, Op{Key: key, Value: ch.value})
	}
	return ops
}
