package catalog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// Checkpoint is how far a (table, partition, shard) is in objects: everything
// below Position, inserts and deletes, is, so replay skips it. Position is an
// opaque, ordered offset of the log.
type Checkpoint struct {
	Table, Partition StorageID
	Shard            int
	Position         []byte
}

// SegmentChange is one step of segments' lives, taken whole or not at all.
type SegmentChange struct {
	// Put adds segments (Revision 0) or replaces them as they were when they
	// had that Revision.
	Put []*Segment
	// Remove forgets segments, whose objects are gone.
	Remove []SegmentID
	// Checkpoints to move.
	Checkpoints []Checkpoint
	// RemoveCheckpoints forgets those of dropped partitions.
	RemoveCheckpoints []Checkpoint
}

func (s *SegmentChange) ops() int {
	return len(s.Put) + len(s.Remove) + len(s.Checkpoints) + len(s.RemoveCheckpoints)
}

// CommitSegments applies change in one transaction of the store, guarded by
// ownership and by the Revisions of Put, which it then sets anew. ErrConflict:
// one of the segments is not as it was. It goes on until the outcome is known
// or ctx ends. A change holds less than TxnOpsMax steps.
func (c *Catalog) CommitSegments(ctx context.Context, change SegmentChange) error {
	if change.ops() >= TxnOpsMax {
		return fmt.Errorf("catalog: %d steps in a segment change, at most %d", change.ops(), TxnOpsMax-1)
	}
	var guards []Compare
	var ops []Op
	for _, s := range change.Put {
		value, err := json.Marshal(s)
		if err != nil {
			return err
		}
		guard := Compare{Kind: CompareModRevision, Key: c.keys.segment(s.ID), Revision: s.Revision}
		if s.Revision == 0 {
			guard = Compare{Kind: CompareAbsent, Key: guard.Key}
		}
		guards, ops = append(guards, guard), append(ops, Op{Key: guard.Key, Value: value})
	}
	for _, id := range change.Remove {
		ops = append(ops, Op{Delete: true, Key: c.keys.segment(id)})
	}
	for _, p := range change.Checkpoints {
		ops = append(ops, Op{Key: c.keys.checkpoint(p.Table, p.Partition, p.Shard), Value: p.Position})
	}
	for _, p := range change.RemoveCheckpoints {
		ops = append(ops, Op{Delete: true, Key: c.keys.checkpoint(p.Table, p.Partition, p.Shard)})
	}
	rev, err := c.commitOnce(ctx, guards, ops)
	if err != nil {
		return err
	}
	for _, s := range change.Put {
		s.Revision = rev
	}
	return nil
}

// commitOnce repeats a guarded write until its outcome is known. A conflict
// after a lost reply may be with our own earlier attempt: then the first
// guarded key holds exactly our value, at the revision of the commit.
func (c *Catalog) commitOnce(ctx context.Context, guards []Compare, ops []Op) (int64, error) {
	lost := false
	return retryRead(ctx, func() (int64, error) {
		rev, err := c.write(ctx, guards, ops)
		switch {
		case errors.Is(err, ErrUnavailable):
			lost = true
		case errors.Is(err, ErrConflict) && lost && len(guards) > 0:
			kv, getErr := c.kv.Get(ctx, ops[0].Key)
			switch {
			case errors.Is(getErr, ErrUnavailable):
				return 0, getErr
			case getErr == nil && bytes.Equal(kv.Value, ops[0].Value) && kv.ModRevision != guards[0].Revision:
				return kv.ModRevision, nil
			}
		}
		return rev, err
	})
}

// Segments reads all segments, in id order.
func (c *Catalog) Segments(ctx context.Context) ([]*Segment, error) {
	kvs, err := c.rangeAll(ctx, c.keys.segments())
	if err != nil {
		return nil, err
	}
	out := make([]*Segment, len(kvs))
	for i, kv := range kvs {
		s := new(Segment)
		if err := json.Unmarshal(kv.Value, s); err != nil {
			return nil, &CorruptionError{kv.Key, err}
		}
		s.Revision = kv.ModRevision
		out[i] = s
	}
	return out, nil
}

// Checkpoints reads all checkpoints.
func (c *Catalog) Checkpoints(ctx context.Context) ([]Checkpoint, error) {
	kvs, err := c.rangeAll(ctx, c.keys.checkpoints())
	if err != nil {
		return nil, err
	}
	out := make([]Checkpoint, len(kvs))
	for i, kv := range kvs {
		n, err := numbers(kv.Key, c.keys.checkpoints(), 3)
		if err != nil {
			return nil, err
		}
		out[i] = Checkpoint{StorageID(n[0]), StorageID(n[1]), int(n[2]), kv.Value}
	}
	return out, nil
}
