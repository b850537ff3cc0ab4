package catalog

import (
	"cmp"
	"math"
	"slices"
)

// TruncatedByCommit, as a partition's TruncatedAt, stands for the timestamp of the
// transaction that gives it its storage: nobody knows that before the commit. Install
// puts the timestamp in its place; what a crash leaves of them, StampTruncated.
const TruncatedByCommit uint64 = math.MaxUint64

// markTruncated marks the partitions that the transaction gives new storage.
func (t *Txn) markTruncated() error {
	for _, p := range t.truncated() {
		fresh := *p
		fresh.TruncatedAt = TruncatedByCommit
		if err := t.Put(&fresh); err != nil {
			return err
		}
	}
	return nil
}

// truncated lists the partitions that the transaction gives new storage.
func (t *Txn) truncated() (out []*Partition) {
	t.changes.from(cmp.Compare[OID], 0, func(_ OID, ch change) bool {
		was, _ := ch.from.(*Partition)
		if is, ok := ch.to.(*Partition); ok && was != nil && is.Storage != was.Storage {
			out = append(out, is)
		}
		return true
	})
	return out
}

// stampTruncated puts the timestamp of the commit into the changes.
func (t *Txn) stampTruncated(at uint64) {
	stamped := t.changes
	t.changes.from(cmp.Compare[OID], 0, func(oid OID, ch change) bool {
		if p, ok := ch.to.(*Partition); ok && p.TruncatedAt == TruncatedByCommit {
			fresh := *p
			fresh.TruncatedAt = at
			stamped = stamped.with(cmp.Compare[OID], oid, change{to: &fresh, from: ch.from})
		}
		return true
	})
	t.changes = stamped
}

// truncates says whether a transaction that a crash cut short lacks its timestamp.
func (t *settleTask) truncates() bool {
	return t.committed && slices.ContainsFunc(t.changes, func(ch stagedChange) bool {
		p, ok := ch.to.(*Partition)
		return ok && p.TruncatedAt == TruncatedByCommit
	})
}

// Truncating has a key for each transaction that a crash cut short after it was decided
// and whose timestamp StampTruncated wants to know.
func (c *Catalog) Truncating() map[TxnID]uint64 {
	times := map[TxnID]uint64{}
	for i := range c.held {
		if c.held[i].truncates() {
			times[c.held[i].id] = 0
		}
	}
	return times
}

// StampTruncated puts the timestamps of such transactions into their partitions, or
// one that is not before their commits where theirs is not known, 0. Only then are
// their descriptors written plain. Recovery calls it before there are sessions.
func (c *Catalog) StampTruncated(times map[TxnID]uint64, otherwise uint64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := *c.Current()
	for i := range c.held {
		task := &c.held[i]
		if !task.truncates() {
			continue
		}
		for k := range task.changes {
			ch := &task.changes[k]
			p, ok := ch.to.(*Partition)
			if !ok || p.TruncatedAt != TruncatedByCommit {
				continue
			}
			stamped := *p
			stamped.TruncatedAt = cmp.Or(times[task.id], otherwise)
			if next.Descriptor(p.OID) == ch.to { // no later transaction changed it
				next.remove(p.OID)
				next.put(&stamped)
			}
			value, err := encodeDescriptor(&stamped)
			if err != nil {
				return err
			}
			ch.to, ch.value = &stamped, value
		}
	}
	for _, task := range c.held {
		c.settled.add(task)
	}
	c.held = nil
	next.stamp = nextStamp()
	c.current.Store(&next)
	return nil
}
