package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// Checkpoint is how far a (table, partition, shard) is in objects: everything
// below Position, inserts and deletes, is, so replay skips it. Position is an
// opaque, ordered offset of the log.
type Checkpoint struct {
	Table, Partition StorageID
	Shard            int
	Position         []byte
}

// Horizon is from when on the segments of a (table, partition, shard) hold every
// version that a reader sees; of earlier ones some were left out. It only goes up.
type Horizon struct {
	Table, Partition StorageID
	Shard            int
	// Since is a timestamp of internal/hlc.
	Since uint64
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
	// Horizons to raise.
	Horizons []Horizon
	// RemoveCheckpoints forgets those of dropped partitions, with the horizons.
	RemoveCheckpoints []Checkpoint
}

func (s *SegmentChange) ops() int {
	return len(s.Put) + len(s.Remove) + len(s.Checkpoints) + len(s.Horizons) + 2*len(s.RemoveCheckpoints)
}

// segmentChanges numbers the changes of segments: the key segments holds the
// number of the last one and is guarded by every change. So of a request that
// was repeated because its reply was lost only one can take effect, however
// late the other arrives, and reading the key tells whether one did.
type segmentChanges struct {
	turn      chan struct{} // holds one token: whoever has it may use what follows
	guard     Compare       // the key as the last change left it
	number    uint64        // of the last change of this process
	uncertain bool          // a change ended with an unknown outcome: guard is stale
	// horizons are by key those that Horizons read or that were written since.
	horizons map[string]uint64
}

func newSegmentChanges() segmentChanges {
	s := segmentChanges{turn: make(chan struct{}, 1), uncertain: true, horizons: map[string]uint64{}}
	s.turn <- struct{}{}
	return s
}

// CommitSegments applies change in one transaction of the store, guarded by
// ownership and by the Revisions of Put, which it then sets anew. ErrConflict:
// one of the segments is not as it was. It goes on until the outcome is known
// or ctx ends; then the error wraps ErrUnavailable. A change holds at most
// SegmentChangeMax steps.
func (c *Catalog) CommitSegments(ctx context.Context, change SegmentChange) error {
	if change.ops() > SegmentChangeMax {
		return fmt.Errorf("catalog: %d steps in a segment change, at most %d", change.ops(), SegmentChangeMax)
	}
	select {
	case <-c.segments.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { c.segments.turn <- struct{}{} }()
	guards, ops, err := c.segmentOps(change)
	if err != nil {
		return err
	}
	rev, err := c.commitNumbered(ctx, guards, ops)
	if err != nil {
		return err
	}
	for _, s := range change.Put {
		s.Revision = rev
	}
	return nil
}

// SegmentChangeMax is how many steps a SegmentChange may hold: the store's
// limit less the key that numbers changes.
const SegmentChangeMax = TxnOpsMax - 2

func (c *Catalog) segmentOps(change SegmentChange) (guards []Compare, ops []Op, err error) {
	for _, s := range change.Put {
		value, err := json.Marshal(s)
		if err != nil {
			return nil, nil, err
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
	for _, h := range change.Horizons {
		// A flush and a merge may come in either order.
		key := c.keys.horizon(h.Table, h.Partition, h.Shard)
		since := max(h.Since, c.segments.horizons[key])
		c.segments.horizons[key] = since
		ops = append(ops, Op{Key: key, Value: strconv.AppendUint(nil, since, 10)})
	}
	for _, p := range change.RemoveCheckpoints {
		horizon := c.keys.horizon(p.Table, p.Partition, p.Shard)
		delete(c.segments.horizons, horizon)
		ops = append(ops, Op{Delete: true, Key: c.keys.checkpoint(p.Table, p.Partition, p.Shard)}, Op{Delete: true, Key: horizon})
	}
	return guards, ops, nil
}

// commitNumbered makes one change and returns its revision.
func (c *Catalog) commitNumbered(ctx context.Context, guards []Compare, ops []Op) (int64, error) {
	s := &c.segments
	if s.uncertain {
		if _, err := c.readSegmentChange(ctx); err != nil {
			return 0, err
		}
		s.uncertain = false
	}
	s.number++
	value := fmt.Sprintf("%d/%d", c.Epoch(), s.number)
	guards = append([]Compare{s.guard}, guards...)
	ops = append(ops, Op{Key: c.keys.segmentChange(), Value: []byte(value)})
	s.uncertain = true // until the outcome is known
	rev, err := c.writeSettled(ctx, guards, ops)
	if errors.Is(err, ErrConflict) {
		last, readErr := c.readSegmentChange(ctx)
		switch {
		case readErr != nil:
			return 0, readErr
		case string(last.Value) == value: // an attempt whose reply was lost did it
			rev, err = last.ModRevision, nil
		}
	}
	if err != nil {
		return 0, err
	}
	s.guard = Compare{Kind: CompareModRevision, Key: c.keys.segmentChange(), Revision: rev}
	s.uncertain = false
	return rev, nil
}

// readSegmentChange reads the key that numbers changes and makes the guard of
// the next one from it.
func (c *Catalog) readSegmentChange(ctx context.Context) (KeyValue, error) {
	key := c.keys.segmentChange()
	kv, err := retryRead(ctx, func() (KeyValue, error) { return c.kv.Get(ctx, key) })
	switch {
	case errors.Is(err, ErrNotFound):
		c.segments.guard = Compare{Kind: CompareAbsent, Key: key}
		return KeyValue{}, nil
	case err != nil:
		return KeyValue{}, err
	}
	c.segments.guard = Compare{Kind: CompareModRevision, Key: key, Revision: kv.ModRevision}
	return kv, nil
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

// Horizons reads all horizons.
func (c *Catalog) Horizons(ctx context.Context) ([]Horizon, error) {
	select {
	case <-c.segments.turn:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { c.segments.turn <- struct{}{} }()
	kvs, err := c.rangeAll(ctx, c.keys.horizons())
	if err != nil {
		return nil, err
	}
	out := make([]Horizon, len(kvs))
	for i, kv := range kvs {
		n, err := numbers(kv.Key, c.keys.horizons(), 3)
		if err != nil {
			return nil, err
		}
		since, err := strconv.ParseUint(string(kv.Value), 10, 64)
		if err != nil {
			return nil, &CorruptionError{kv.Key, err}
		}
		out[i] = Horizon{StorageID(n[0]), StorageID(n[1]), int(n[2]), since}
		c.segments.horizons[kv.Key] = since
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
