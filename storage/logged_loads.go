package storage

import (
	"context"
	"errors"
	"fmt"

	"quiver/catalog"
	"quiver/storage/check"
	"quiver/storage/manifest"
	"quiver/storage/objstore"
	"quiver/storage/wal"
)

// LoggedSegments are the segments that the log of a cluster that no server runs
// names and the catalog does not list yet: of bulk loads that were committed after
// the last flush of their shards. A start makes them its own, so their objects are
// no orphans and must be there: what is missing is reported.
func LoggedSegments(ctx context.Context, loads []wal.CommittedLoad, c *catalog.Contents, store objstore.Store, report func(check.Finding)) ([]check.Segment, error) {
	listed := map[catalog.SegmentID]bool{}
	for _, d := range c.Segments {
		listed[d.ID] = true
	}
	checkpoints := map[shardKey]wal.Position{}
	for _, p := range c.Checkpoints {
		at, err := decodePosition(p.Position)
		if err != nil {
			return nil, fmt.Errorf("checkpoint of partition %d, shard %d: %w", p.Partition, p.Shard, err)
		}
		checkpoints[shardKey{p.Partition, p.Shard}] = at
	}
	var found []check.Segment
	for i := range loads {
		l := &loads[i]
		partition := catalog.StorageID(l.Partition)
		k, ok := manifest.ParseKey(l.Manifest)
		if !ok || listed[k.ID] || l.Commit.Less(checkpoints[shardKey{partition, int(l.Shard)}]) || c.Version.PartitionByStorage(partition) == nil {
			continue // flushed since, or gone
		}
		s := CheckedSegment(c.Version, &catalog.Segment{Table: catalog.StorageID(l.TableStorage), Partition: partition, Manifest: l.Manifest})
		object, err := objstore.ReadAll(ctx, store, l.Manifest)
		var m *manifest.Manifest
		if err == nil {
			m, err = manifest.Decode(l.Manifest, object)
		}
		switch {
		case errors.Is(err, objstore.ErrNotFound):
			report(check.Finding{Kind: check.Missing, Table: s.Table, Object: l.Manifest, Detail: "the write-ahead log names it"})
		case m == nil && object != nil:
			report(check.Finding{Kind: check.Corrupt, Table: s.Table, Object: l.Manifest, Detail: err.Error()})
		case err != nil:
			return nil, err
		default:
			s.Descriptor = descriptorOf(m, l.Manifest)
			found = append(found, s)
		}
	}
	return found, nil
}
