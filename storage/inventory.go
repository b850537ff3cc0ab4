package storage

import (
	"cmp"
	"slices"
	"time"

	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/catalog"
	"quiver/internal/hlc"
	"quiver/sql/types"
	"quiver/storage/binlog"
	"quiver/storage/cache"
	"quiver/storage/jobs"
	"quiver/storage/manifest"
	"quiver/storage/objstore"
	"quiver/storage/wal"
)

// What the views of the schema quiver show of the engine.

// Place is where rows lie: names of their database, schema, table and partition.
type Place struct{ Database, Schema, Table, Partition string }

// SegmentInfo is a row of quiver.segments.
type SegmentInfo struct {
	Place
	ID          catalog.SegmentID // 0 for one in memory
	Shard       int
	State       string
	Rows        int64
	DeletedRows int64
	// RawBytes are before codecs; StoredBytes those of the objects, 0 in memory.
	RawBytes, StoredBytes int64
	// MinKey and MaxKey bound the first column of the primary key; "" if that is
	// not known.
	MinKey, MaxKey string
	MinTime        time.Time // of the commits of its rows; zero without rows
	MaxTime        time.Time
	// IndexState is of the vector indexes: "none" if the table has none, "absent",
	// "interim" for one that was grown and will be replaced, "built".
	IndexState string
	// Tier is "memory", "local" or "remote".
	Tier    string
	Objects int
	// Manifest lists the files; nil in memory.
	Manifest *manifest.Manifest
	// ManifestKey is its object.
	ManifestKey string
}

var stateNames = [...]string{
	catalog.SegmentGrowing: "growing", catalog.SegmentSealed: "sealed", catalog.SegmentFlushed: "flushed",
	catalog.SegmentIndexed: "indexed", catalog.SegmentCompacted: "compacted", catalog.SegmentDropped: "dropped",
}

// Live says whether new statements read the segment: it is neither compacted nor
// dropped.
func (s *SegmentInfo) Live() bool {
	return s.State != stateNames[catalog.SegmentCompacted] && s.State != stateNames[catalog.SegmentDropped]
}

// Segments lists the segments of every table, by place, shard and id, those in
// memory last. Those that were compacted or dropped are there while their objects
// are, without a place if their table is gone.
func (e *Engine) Segments() (list []SegmentInfo) {
	version := e.catalog.Current()
	listed := map[catalog.SegmentID]bool{}
	for _, s := range e.allShards() {
		place, key := placeOf(version, s.key.partition)
		if place == (Place{}) {
			continue // dropped, and not yet collected
		}
		indexes := e.vectorIndexes(s.key.partition)
		v, open := e.pinWithOpen(s)
		for _, f := range v.objects() {
			listed[f.id()] = true
			list = append(list, e.flushedInfo(f, f.descriptor().State, place, key, indexes))
		}
		for _, m := range v.memory {
			info := memoryInfo(m, m == open, indexes)
			info.Place, info.Shard = place, s.key.shard
			list = append(list, info)
		}
		v.release()
	}
	for _, f := range e.sweeping.left() {
		if d := f.descriptor(); !listed[d.ID] { // else it was replaced meanwhile
			place, key := placeOf(version, d.Partition)
			list = append(list, e.flushedInfo(f.flushedSegment, f.state, place, key, e.vectorIndexes(d.Partition)))
		}
	}
	slices.SortStableFunc(list, func(a, b SegmentInfo) int {
		return cmp.Or(cmp.Compare(a.Database, b.Database), cmp.Compare(a.Schema, b.Schema), cmp.Compare(a.Table, b.Table),
			cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Shard, b.Shard), cmp.Compare(a.ID-1, b.ID-1))
	})
	return list
}

// placeOf names where the rows of a partition lie, and the first column of the
// primary key; nothing if the partition is gone.
func placeOf(version *catalog.Version, partition catalog.StorageID) (Place, *catalog.Column) {
	table, part := version.PlaceOfStorage(partition)
	if table == nil {
		return Place{}, nil
	}
	view := version.In(table.Database)
	return Place{view.Database().Name, view.SchemaByOID(table.Schema).Name, table.Name, part.Name}, primaryKeyColumn(table, view)
}

// primaryKeyColumn is the first column of the primary key; nil without one.
func primaryKeyColumn(table *catalog.Table, view catalog.View) *catalog.Column {
	if x := primaryKey(table, view); x != nil {
		return columnOf(table, fieldOf(table, x.Columns[0].Number))
	}
	return nil
}

func (e *Engine) flushedInfo(f *flushedSegment, state catalog.SegmentState, place Place, key *catalog.Column, indexes []*targetIndex) SegmentInfo {
	d, m := f.descriptor(), f.Current()
	info := SegmentInfo{
		Place: place, ID: d.ID, Shard: d.Shard, State: stateNames[state], Rows: m.Rows, DeletedRows: f.Tombstones.Count(),
		StoredBytes: m.Bytes(), IndexState: "none", Tier: "remote", Objects: len(m.Files) + 1, Manifest: m, ManifestKey: d.Manifest,
	}
	if _, local := e.opts.Objects.(objstore.Local); local {
		info.Tier = "local"
	}
	for i := range m.Files {
		info.RawBytes += m.Files[i].RawBytes
	}
	if m.Rows > 0 {
		info.MinTime, info.MaxTime = hlc.Timestamp(m.MinTimestamp).Time(), hlc.Timestamp(m.MaxTimestamp).Time()
	}
	if key != nil {
		info.MinKey, info.MaxKey = boundsText(m, key)
	}
	if len(indexes) > 0 && m.Rows > 0 {
		worst := indexBuilt
		for _, x := range indexes {
			worst = min(worst, f.indexState(x.storage()))
		}
		info.IndexState = worst.String()
	}
	return info
}

// pinWithOpen pins the view of a shard and returns the segment of it that rows
// still go to; nil if there is none.
func (e *Engine) pinWithOpen(s *shard) (v *shardView, open *memorySegment) {
	e.pipeline.apply.Lock()
	defer e.pipeline.apply.Unlock()
	v = s.pin()
	if n := len(v.memory); n > 0 && v.memory[n-1].open {
		open = v.memory[n-1]
	}
	return v, open
}

func memoryInfo(m *memorySegment, open bool, indexes []*targetIndex) SegmentInfo {
	info := SegmentInfo{
		State: stateNames[catalog.SegmentSealed], Rows: int64(m.Rows()), DeletedRows: m.Tombstones.Count(), RawBytes: m.Size(),
		IndexState: "none", Tier: "memory",
	}
	if open {
		info.State = stateNames[catalog.SegmentGrowing]
	}
	if n := m.Rows(); n > 0 {
		info.MinTime, info.MaxTime = m.Timestamp(0).Time(), m.Timestamp(n-1).Time()
	}
	if len(indexes) > 0 {
		info.IndexState = indexAbsent.String()
		if m.grown() {
			info.IndexState = indexInterim.String()
		}
	}
	return info
}

// boundsText prints the bounds of a column as SQL does.
func boundsText(m *manifest.Manifest, c *catalog.Column) (lowest, highest string) {
	i := slices.IndexFunc(m.Columns, func(x manifest.Column) bool { return x.Field == c.Field })
	if i < 0 {
		return "", ""
	}
	return boundText(m.Columns[i].Min, c), boundText(m.Columns[i].Max, c)
}

// boundText prints one bound; "" if it is not known, or of a type that the column
// no longer has.
func boundText(bound []byte, c *catalog.Column) string {
	stored, err := binlog.DecodeBound(bound, storageType(c), memory.DefaultAllocator)
	if err != nil || stored == nil {
		return ""
	}
	defer stored.Release()
	value := c.Type.FromStorage(stored, memory.DefaultAllocator)
	defer value.Release()
	return string(c.Type.Type().AppendText(nil, value, 0, types.DefaultFormat()))
}

// Jobs lists what waits and runs in the background.
func (e *Engine) Jobs() []jobs.State { return e.jobs.List() }

// NamedStats are the counters of a cache: "files", mapped or copied from the
// object store; "mapped", what of them is resident; "events", decoded; "filters", which rows pass.
type NamedStats struct {
	Name string
	cache.Stats
}

// Caches lists the caches.
func (e *Engine) Caches() []NamedStats {
	return []NamedStats{{"files", e.shelf.Files.Stats()}, {"mapped", e.shelf.Files.MappedStats()}, {"events", e.shelf.Events.Stats()}, {"filters", e.filters.stats()}}
}

// LogInfo is the row of quiver.wal.
type LogInfo struct {
	// Flushed ends what is durable, Last what was appended; recovery reads from
	// NeededFrom on.
	Flushed, Last, NeededFrom wal.Position
	Bytes                     int64
}

// LogInfo returns how far the write-ahead log is.
func (e *Engine) LogInfo() LogInfo {
	return LogInfo{e.log.Flushed(), e.log.Last(), e.neededFrom(), e.log.Bytes()}
}
