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

// StampTruncated puts a timestamp into the partitions of transactions that a crash
// cut short after they were decided: one that is not before their commits. Recovery
// calls it before there are sessions.
func (c *Catalog) StampTruncated(ctx context.Context, at uint64) error {
	var fresh []Descriptor
	for _, d := range c.Current().Descriptors() {
		if p, ok := d.(*Partition); ok && p.TruncatedAt == TruncatedByCommit {
			stamped := *p
			stamped.TruncatedAt = at
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
