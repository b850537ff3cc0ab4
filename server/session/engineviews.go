package session

import (
	"cmp"
	"context"
	"slices"
	"time"

	"quiver/catalog"
	"quiver/sql/types"
	"quiver/storage"
	"quiver/storage/manifest"
)

// The views of the schema quiver, which show the storage engine. They show all
// databases of the cluster.

func (c *Config) fillSegments(_ context.Context, _ catalog.View, _ types.Session, add func(values ...any)) error {
	for _, s := range c.Engine.Segments() {
		add(segmentNumber(&s), orNull(s.Database), orNull(s.Schema), orNull(s.Table), orNull(s.Partition), s.Shard, s.State, s.Rows, s.DeletedRows,
			s.RawBytes, s.StoredBytes, orNull(s.MinKey), orNull(s.MaxKey), timeOrNull(s.MinTime), timeOrNull(s.MaxTime),
			s.IndexState, s.Tier, s.Objects)
	}
	return nil
}

// segmentNumber is null for a segment in memory.
func segmentNumber(s *storage.SegmentInfo) any { return orNull(int64(s.ID)) }

func orNull[T comparable](v T) any {
	var zero T
	if v == zero {
		return nil
	}
	return v
}

func timeOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// fillBinlogs shows a row for every object of a segment that new statements read;
// for an insert log one for each of its columns.
func (c *Config) fillBinlogs(_ context.Context, _ catalog.View, _ types.Session, add func(values ...any)) error {
	version := c.Catalog.Current()
	for _, s := range c.Engine.Segments() {
		if s.Manifest == nil || !s.Live() {
			continue
		}
		row := func(column any, kind, object string, rows any, raw, stored int64, codec string) {
			place := []any{s.Database, s.Schema, s.Table, s.Partition, segmentNumber(&s), column, kind, object, rows}
			if raw == 0 { // not known
				add(append(place, nil, orNull(stored), nil, nil)...)
				return
			}
			add(append(place, raw, stored, cmp.Or(codec, "none"), float64(stored)/float64(raw))...)
		}
		names, indexed := columnNames(version, s.Manifest.Partition)
		for i := range s.Manifest.Files {
			f := &s.Manifest.Files[i]
			if len(f.Fields) == 0 {
				row(orNull(indexed[f.Index]), f.Kind, f.Key, f.Rows, f.RawBytes, f.Bytes, "")
				continue
			}
			for _, field := range f.Fields {
				at := slices.IndexFunc(s.Manifest.Columns, func(x manifest.Column) bool { return x.Field == field })
				if at < 0 {
					continue
				}
				x := &s.Manifest.Columns[at]
				row(orNull(names[field]), f.Kind, f.Key, f.Rows, x.RawBytes, x.StoredBytes, x.Codec)
			}
		}
		row(nil, manifest.KindManifest, s.ManifestKey, nil, 0, 0, "")
	}
	return nil
}

// columnNames are the names of columns by field, those of the hidden fields
// included, and by the storage ids of the vector indexes on them.
func columnNames(version *catalog.Version, partition catalog.StorageID) (names map[catalog.FieldID]string, indexed map[catalog.StorageID]string) {
	names = map[catalog.FieldID]string{catalog.RowIDField: "$rowid", catalog.TimestampField: "$timestamp"}
	indexed = map[catalog.StorageID]string{}
	table, _ := version.PlaceOfStorage(partition)
	if table == nil {
		return names, indexed
	}
	indexes := version.In(table.Database).Indexes(table.OID)
	for i := range table.Columns {
		c := &table.Columns[i]
		if c.Dropped() {
			continue
		}
		names[c.Field] = c.Name
		for _, f := range c.Former {
			names[f.Field] = c.Name
		}
		for _, x := range indexes {
			if x.Storage != 0 && x.Columns[0].Number == c.Number {
				indexed[x.Storage] = c.Name
			}
		}
	}
	return names, indexed
}

func (c *Config) fillPartitions(_ context.Context, _ catalog.View, _ types.Session, add func(values ...any)) error {
	type sums struct {
		segments                           int
		rows, deleted, memory, raw, stored int64
	}
	held := map[storage.Place]*sums{}
	for _, s := range c.Engine.Segments() {
		if !s.Live() {
			continue
		}
		p := held[s.Place]
		if p == nil {
			p = &sums{}
			held[s.Place] = p
		}
		p.segments++
		p.rows += s.Rows
		p.deleted += s.DeletedRows
		if s.Manifest == nil {
			p.memory += s.RawBytes
		} else {
			p.raw += s.RawBytes
			p.stored += s.StoredBytes
		}
	}
	version := c.Catalog.Current()
	for _, database := range version.Databases() {
		view := version.In(database.OID)
		for _, schema := range view.Schemas() {
			for _, r := range view.Relations(schema.OID) {
				table, ok := r.(*catalog.Table)
				if !ok {
					continue
				}
				for _, part := range view.Partitions(table.OID) {
					p := held[storage.Place{Database: database.Name, Schema: schema.Name, Table: table.Name, Partition: part.Name}]
					if p == nil {
						p = &sums{}
					}
					add(database.Name, schema.Name, table.Name, part.Name, max(table.Shards, 1), p.segments, p.rows, p.deleted, p.memory, p.raw, p.stored)
				}
			}
		}
	}
	return nil
}

func (c *Config) fillJobs(_ context.Context, _ catalog.View, _ types.Session, add func(values ...any)) error {
	for _, j := range c.Engine.Jobs() {
		add(j.ID, j.Kind, j.Object, j.State, orNull(j.Phase), j.Done, j.Total, j.Attempts, orNull(j.Err),
			timeOrNull(j.Submitted), timeOrNull(j.Started), timeOrNull(j.NotBefore))
	}
	return nil
}

// fillBackupProgress shows a row for every BACKUP and RESTORE that runs.
func (c *Config) fillBackupProgress(_ context.Context, v catalog.View, _ types.Session, add func(values ...any)) error {
	names := map[catalog.OID]string{}
	for _, db := range v.Databases() {
		names[db.OID] = db.Name
	}
	for _, p := range c.Engine.Backups() {
		objects, objectsDone, objectsCopied := p.Objects()
		bytes, bytesDone, bytesCopied := p.Bytes()
		add(p.PID, p.Command, p.Place, orNull(names[p.Database]), p.Phase(), objects, objectsDone, objectsCopied,
			bytes, bytesDone, bytesCopied, p.Began.UnixMicro())
	}
	return nil
}

func (c *Config) fillCache(_ context.Context, _ catalog.View, _ types.Session, add func(values ...any)) error {
	for _, s := range c.Engine.Caches() {
		add(s.Name, s.Entries, s.Pinned, s.Bytes, s.BytesMax, s.Hits, s.Misses, s.Prefetched, s.Evictions, s.PinnedBytes)
	}
	return nil
}

func (c *Config) fillWAL(_ context.Context, _ catalog.View, _ types.Session, add func(values ...any)) error {
	l := c.Engine.LogInfo()
	add(int64(l.Last.Stream), l.Flushed.String(), l.Last.String(), l.NeededFrom.String(), l.Bytes)
	return nil
}

// diskKinds are the kinds of objects of segments.
var diskKinds = []string{manifest.KindInsert, manifest.KindDelta, manifest.KindStats, manifest.KindIndex, manifest.KindManifest}

// fillDiskUsage sums up the objects of segments, those of compacted and dropped ones
// included, the write-ahead log and the copies of remote objects.
func (c *Config) fillDiskUsage(_ context.Context, _ catalog.View, _ types.Session, add func(values ...any)) error {
	type sums struct{ objects, raw, stored int64 }
	kinds := map[string]*sums{}
	for _, kind := range diskKinds {
		kinds[kind] = &sums{}
	}
	for _, s := range c.Engine.Segments() {
		if s.Manifest == nil {
			continue
		}
		for i := range s.Manifest.Files {
			f := &s.Manifest.Files[i]
			k := kinds[f.Kind]
			k.objects++
			k.raw += f.RawBytes
			k.stored += f.Bytes
		}
		k := kinds[manifest.KindManifest]
		k.objects++
		k.raw += s.Manifest.Size()
		k.stored += s.Manifest.Size()
	}
	for _, kind := range diskKinds {
		add(kind, kinds[kind].objects, kinds[kind].raw, kinds[kind].stored)
	}
	add("wal", nil, nil, c.Engine.LogInfo().Bytes)
	for _, s := range c.Engine.Caches() {
		if s.Name == "files" {
			add("cache", nil, nil, s.Bytes)
		}
	}
	return nil
}
