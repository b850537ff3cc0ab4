package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
)

// Contents is what the store knows of a cluster that no server runs.
type Contents struct {
	Version     *Version
	Segments    []*Segment
	Checkpoints []Checkpoint
	// TimestampBound is above every timestamp that was given out.
	TimestampBound uint64
}

// Inspect reads a cluster without owning it: nothing is changed. An owner, by the
// instance that it is (see Options), that is not known to be dead is ErrOwned.
func Inspect(ctx context.Context, kv KV, clusterID string, dead func(instance string) bool) (*Contents, error) {
	c := &Catalog{kv: sealedKV{kv}, keys: keysOf(clusterID), opts: Options{KV: kv, ClusterID: clusterID}, log: slog.New(slog.DiscardHandler), segments: newSegmentChanges()}
	if err := c.findCluster(ctx); err != nil {
		return nil, err
	}
	owner, err := retryRead(ctx, func() (KeyValue, error) { return c.kv.Get(ctx, c.keys.owner()) })
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	if err == nil {
		var r ownerRecord
		if err := json.Unmarshal(owner.Value, &r); err != nil {
			return nil, &CorruptionError{c.keys.owner(), err}
		}
		if !dead(r.Instance) {
			return nil, fmt.Errorf("%w: %s", ErrOwned, r.Instance)
		}
	}
	out := &Contents{Version: &Version{virtual: newVirtualSet(virtuals), live: &Live{c: c}}}
	if err := c.loadDescriptors(ctx, out.Version); err != nil {
		return nil, err
	}
	if err := c.loadStaged(ctx, out.Version); err != nil {
		return nil, err
	}
	if out.Segments, err = c.Segments(ctx); err != nil {
		return nil, err
	}
	if out.Checkpoints, err = c.Checkpoints(ctx); err != nil {
		return nil, err
	}
	out.TimestampBound, err = c.TimestampBound(ctx)
	return out, err
}
