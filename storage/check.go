package storage

import (
	"context"
	"fmt"
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
			in.Segments = append(in.Segments, CheckedSegment(version, d))
		}
		v := s.pin()
		defer v.release()
		for _, f := range v.flushed {
			s := CheckedSegment(version, f.descriptor())
			s.Manifest = f.Current()
			s.Now = func() (*catalog.Segment, *manifest.Manifest) { return f.descriptor(), f.Current() }
			in.Segments = append(in.Segments, s)
		}
	}
	if newest, err := e.clock.Next(); err == nil {
		in.Newest = uint64(newest)
	}
	return check.Run(ctx, in, progress, report)
}

// CheckedSegment is a segment to check, with the words for whose it is: database,
// schema, table and, unless it is the default one, partition. No words are of one whose
// partition is gone. A catalog that is damaged may have the partition and lack what it
// is in.
func CheckedSegment(version *catalog.Version, d *catalog.Segment) check.Segment {
	s := check.Segment{Descriptor: d}
	part := version.PartitionByStorage(d.Partition)
	if part == nil {
		return s
	}
	s.Table = "partition " + part.Name
	table := version.Table(part.Table)
	if table == nil {
		s.Lost = fmt.Sprintf("table %d", part.Table)
		return s
	}
	view := version.In(table.Database)
	database, schema := view.Database(), view.SchemaByOID(table.Schema)
	if database == nil || schema == nil {
		s.Table, s.Lost = table.Name+" "+s.Table, fmt.Sprintf("schema %d of database %d", table.Schema, table.Database)
		return s
	}
	words := database.Name + "." + schema.Name + "." + table.Name
	if !part.Default {
		words += " " + s.Table
	}
	s.Table = words
	return s
}
