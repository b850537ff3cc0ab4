package catalog

import (
	"cmp"
	"context"
	"math"
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

// noteTruncating notes which partitions of a transaction that a crash cut short are
// without its timestamp.
func (c *Catalog) noteTruncating(id TxnID, changes []stagedChange) {
	for _, ch := range changes {
		delete(c.truncating, ch.oid)
		if p, ok := ch.to.(*Partition); ok && p.TruncatedAt == TruncatedByCommit {
			if c.truncating == nil {
				c.truncating = map[OID]TxnID{}
			}
			c.truncating[ch.oid] = id
		}
	}
}

// Truncating has a key for each transaction that a crash cut short after it was decided
// and whose timestamp StampTruncated wants to know.
func (c *Catalog) Truncating() map[TxnID]uint64 {
	times := map[TxnID]uint64{}
	for _, id := range c.truncating {
		times[id] = 0
	}
	return times
}

// StampTruncated puts the timestamps of such transactions into their partitions, or
// one that is not before their commits where theirs is not known, 0. Recovery calls it before
// there are sessions.
func (c *Catalog) StampTruncated(ctx context.Context, times map[TxnID]uint64, otherwise uint64) error {
	var fresh []Descriptor
	for _, d := range c.Current().Descriptors() {
		if p, ok := d.(*Partition); ok && p.TruncatedAt == TruncatedByCommit {
			stamped := *p
			stamped.TruncatedAt = cmp.Or(times[c.truncating[p.OID]], otherwise)
			fresh = append(fresh, &stamped)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	// Their transactions must not be written plain after this.
	if err := c.WaitSettled(ctx); err != nil {
		return err
	}
	var ops []Op
	for _, d := range fresh {
		value, err := encodeDescriptor(d)
		if err != nil {
			return err
		}
		ops = append(ops, Op{Key: c.keys.descriptor(d.Head().OID), Value: value})
	}
	for _, chunk := range chunks(ops, 1) {
		if _, err := c.writeSettled(ctx, nil, chunk); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	next := *c.Current()
	for _, d := range fresh {
		next.remove(d.Head().OID)
		next.put(d)
	}
	next.stamp = nextStamp()
	c.current.Store(&next)
	return nil
}
