package storage

import (
	"context"
	"slices"
	"time"

	"quiver/catalog"
	"quiver/storage/check"
	"quiver/storage/manifest"
)

// Finding is something that Check found wrong.
type Finding = check.Finding

// Check verifies the objects of all segments, and what else is in the bucket,
// while statements go on.
func (e *Engine) Check(ctx context.Context, progress func(done, total int64), report func(Finding)) error {
	if e.closed.Load() {
		return ErrClosed
	}
	stale, err := e.orphans(ctx, time.Now())
	if err != nil {
		return err
	}
	version := e.catalog.Current()
	in := check.Input{Store: e.opts.Objects, Orphan: func(key string) bool { return slices.Contains(stale, key) }}
	for _, s := range e.allShards() {
		for _, d := range s.unread {
			in.Segments = append(in.Segments, check.Segment{Descriptor: d, Table: TableWords(version, d)})
		}
		v := s.pin()
		defer v.release()
		for _, f := range v.flushed {
			in.Segments = append(in.Segments, check.Segment{
				Descriptor: f.descriptor(), Manifest: f.Current(), Table: TableWords(version, f.descriptor()),
				Now: func() (*catalog.Segment, *manifest.Manifest) { return f.descriptor(), f.Current() },
			})
		}
	}
	if newest, err := e.clock.Next(); err == nil {
		in.Newest = uint64(newest)
	}
	return check.Run(ctx, in, progress, report)
}

// TableWords names the table and the partition of a segment: database, schema,
// table and, unless it is the default one, partition; "" if the catalog knows
// neither.
func TableWords(version *catalog.Version, d *catalog.Segment) string {
	table, part := version.PlaceOfStorage(d.Partition)
	if table == nil {
		return ""
	}
	view := version.In(table.Database)
	words := view.Database().Name + "." + view.SchemaByOID(table.Schema).Name + "." + table.Name
	if !part.Default {
		words += " partition " + part.Name
	}
	return words
}
