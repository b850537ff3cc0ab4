package storage

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v15/arrow/array"
	"golang.org/x/sync/errgroup"

	"quiver/catalog"
	"quiver/internal/hlc"
	"quiver/storage/backup"
	"quiver/storage/binlog"
	"quiver/storage/deltalog"
	"quiver/storage/manifest"
	"quiver/storage/segment"
)

// ErrRestoreTime: the backup cannot be restored at the time asked for (22023).
type ErrRestoreTime struct{ Asked, Earliest, Latest hlc.Timestamp }

func (e *ErrRestoreTime) Error() string {
	const layout = "2006-01-02 15:04:05.000-07"
	return fmt.Sprintf("the backup can be restored at times from %s to %s, not at %s",
		e.Earliest.Time().UTC().Format(layout), e.Latest.Time().UTC().Format(layout), e.Asked.Time().UTC().Format(layout))
}

// RestoreSpec says what to make of a backup.
type RestoreSpec struct {
	Backup *backup.Description
	// Timestamp is when; 0 is the backup's own.
	Timestamp hlc.Timestamp
	// Descriptors are those of the backup to restore, with their old ids.
	Transplant catalog.Transplant
	// Database is where tables go, for quiver.backup_progress; PID as well.
	Database catalog.OID
	PID      int32
}

// restore is one RESTORE under way.
//
// The steps: put the descriptors into a transaction under new ids; copy the
// objects under the new storage ids, and write manifests; have the catalog list
// the segments; commit. Until the commit no partition has these storage ids: a
// restart in between removes what was copied, as a rollback does.
type restore struct {
	e     *Engine
	place *backup.Place
	spec  RestoreSpec
	at    hlc.Timestamp
	ids   *catalog.Transplanted
	tx    *catalog.Txn // with what is restored
	run   *BackupProgress
	// made are the segments in the new cluster, in the order of their ids.
	made []*restoredSegment
}

// restoredSegment is a segment of the backup and what it becomes; flushed is nil
// if nothing is left of it at the time.
type restoredSegment struct {
	from       *manifest.Manifest
	descriptor *catalog.Segment
	flushed    *flushedSegment
	keys       []string // of the objects put
}

// Restore makes what a backup holds in a transaction of its own. Whoever sees it
// commit sees all of it.
func (e *Engine) Restore(ctx context.Context, place *backup.Place, spec RestoreSpec) (err error) {
	if e.closed.Load() {
		return ErrClosed
	}
	b := spec.Backup
	r := &restore{e: e, place: place, spec: spec, at: hlc.Timestamp(b.Timestamp), run: e.backups.begin("RESTORE", place.URL(), spec.PID, spec.Database)}
	defer e.backups.end(r.run)
	if spec.Timestamp != 0 {
		r.at = spec.Timestamp
		if from := r.earliest(); r.at < from || uint64(r.at) > b.Timestamp {
			return &ErrRestoreTime{r.at, from, hlc.Timestamp(b.Timestamp)}
		}
	}
	r.raise()
	defer e.writing()()
	tx, err := e.Begin(ctx, TxnOptions{Database: spec.Database})
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := tx.(*txn).writable(); err != nil {
		return err
	}
	if err := r.transplant(ctx, tx.Catalog()); err != nil {
		return err
	}
	for _, s := range b.Sequences {
		if fresh := r.ids.Sequences[s.OID]; fresh != nil {
			if err := e.catalog.SetVal(ctx, fresh, s.Last, s.Called); err != nil {
				return err
			}
		}
	}
	// An unknown outcome leaves the objects to the restart that it asks for.
	defer func() {
		if err != nil && !errors.Is(err, ErrUnknownOutcome) && !errors.Is(err, errUncertain) {
			r.giveUp(context.WithoutCancel(ctx))
		}
		for _, s := range r.made {
			if s.flushed != nil {
				s.flushed.release()
			}
		}
	}()
	if err := r.copy(ctx); err != nil {
		return err
	}
	r.run.phase("committing")
	if err := r.commitSegments(ctx); err != nil {
		return err
	}
	if err := r.install(ctx); err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	e.wake()
	return nil
}

// earliest is from when on what is restored can be: the backup says it, but those
// made before it knew of TRUNCATE.
func (r *restore) earliest() hlc.Timestamp {
	from := hlc.Timestamp(r.spec.Backup.Earliest)
	for _, d := range r.spec.Transplant.Descriptors {
		if p, ok := d.(*catalog.Partition); ok {
			from = max(from, truncatedAt(p, hlc.Timestamp(r.spec.Backup.Timestamp)))
		}
	}
	return from
}

// transplant puts the descriptors of the backup into a transaction.
func (r *restore) transplant(ctx context.Context, tx *catalog.Txn) (err error) {
	r.tx = tx
	r.ids, err = tx.Transplant(ctx, r.spec.Transplant)
	return err
}

// raise puts ids and clock beyond those of the backup: its rows keep theirs.
func (r *restore) raise() {
	e := r.e
	for {
		now := e.ids.Load()
		if now >= r.spec.Backup.IDs || e.ids.CompareAndSwap(now, r.spec.Backup.IDs) {
			break
		}
	}
	e.clock.Observe(hlc.Timestamp(max(e.ids.Load(), r.spec.Backup.Timestamp)))
}

// copy makes the segments.
func (r *restore) copy(ctx context.Context) error {
	r.run.phase("copying objects")
	for i := range r.spec.Backup.Segments {
		m := r.spec.Backup.Segments[i].Manifest
		if r.ids.Storage[m.Partition] == 0 {
			continue // of a table that is not restored
		}
		r.made = append(r.made, &restoredSegment{from: m})
		r.run.add(len(m.Files), m.Bytes())
	}
	slices.SortFunc(r.made, func(a, b *restoredSegment) int { return cmp.Compare(a.from.Segment, b.from.Segment) })
	first := r.e.newIDs(max(1, len(r.made)))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(copiers)
	for i, s := range r.made {
		g.Go(func() error {
			if err := r.segment(ctx, s, catalog.SegmentID(first+uint64(i))); err != nil {
				return fmt.Errorf("restore of segment %d: %w", s.from.Segment, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// segment makes one segment: files are copied as they are, but for delta logs
// that have deletes after the time.
func (r *restore) segment(ctx context.Context, s *restoredSegment, id catalog.SegmentID) error {
	m := *s.from
	m.Partition, m.Segment = r.ids.Storage[m.Partition], id
	table, _ := r.tx.PlaceOfStorage(m.Partition)
	m.Table = table.Storage // whatever table the partition was made in
	m.DeltaPosition = zeroPosition
	m.Files = nil
	late := m.MinTimestamp > uint64(r.at) // no row of it is left
	if late {
		m.Rows, m.GroupRows, m.MinTimestamp, m.MaxTimestamp, m.Columns = 0, 0, 0, 0, nil
	}
	var deletes []deltalog.Entry
	changed := false
	for i := range s.from.Files {
		file := s.from.Files[i]
		switch {
		case file.Kind == manifest.KindDelta && (late || s.from.MaxTimestamp > uint64(r.at) || file.MaxTimestamp > uint64(r.at)):
			changed = true
			var err error
			if deletes, err = r.deletes(ctx, &file, deletes); err != nil {
				return err
			}
			continue
		case file.Kind != manifest.KindDelta && late:
			continue
		case file.Index != 0 && r.ids.Storage[file.Index] == 0:
			continue // of an index that the catalog did not know
		}
		source := file
		var err error
		if file.Key, file.Index, err = r.key(&m, &file); err != nil {
			return err
		}
		s.keys = append(s.keys, file.Key)
		if err := r.place.Get(ctx, r.spec.Backup, &source, r.e.opts.Objects, file.Key); err != nil {
			return err
		}
		r.run.done(file.Bytes, true)
		m.Files = append(m.Files, file)
	}
	if !late && m.MaxTimestamp > uint64(r.at) {
		changed = true
		var err error
		if deletes, err = r.hideLate(ctx, &m, deletes); err != nil {
			return err
		}
	}
	if changed && len(deletes) > 0 {
		if err := r.writeDeletes(ctx, s, &m, deletes); err != nil {
			return err
		}
	}
	if len(m.Files) == 0 {
		return nil
	}
	key := m.Name().Manifest(r.e.newIDs(1))
	object, err := m.Encode()
	if err != nil {
		return err
	}
	s.keys = append(s.keys, key)
	if err := r.e.opts.Objects.PutIfAbsent(ctx, key, object); err != nil {
		return err
	}
	opened, err := segment.OpenFlushed(&m, r.e.shelf)
	if err != nil {
		return err
	}
	s.descriptor = descriptorOf(&m, key)
	s.flushed = newFlushed(opened, s.descriptor)
	return nil
}

// key is the key of a file in the new cluster, and the storage id of its index.
func (r *restore) key(m *manifest.Manifest, file *manifest.File) (string, catalog.StorageID, error) {
	k, ok := manifest.ParseKey(file.Key)
	if !ok {
		return "", 0, &binlog.CorruptionError{Object: file.Key, Reason: "no key of an object"}
	}
	name := m.Name()
	switch k.Kind {
	case manifest.KindInsert:
		return name.InsertLog(k.Field, k.Log), 0, nil
	case manifest.KindDelta:
		return name.DeltaLog(k.Log), 0, nil
	case manifest.KindStats:
		return name.StatsLog(k.Field, k.Log), 0, nil
	}
	if file.Index == 0 {
		return name.Index(k.Field, k.Log, k.Part), 0, nil
	}
	index := r.ids.Storage[file.Index]
	return name.Index(k.Field, uint64(index), k.Part), index, nil
}

// deletes reads a delta log of the backup up to the time.
func (r *restore) deletes(ctx context.Context, file *manifest.File, dst []deltalog.Entry) ([]deltalog.Entry, error) {
	b, err := r.place.Read(ctx, r.spec.Backup, file)
	if err != nil {
		return nil, err
	}
	reader, err := binlog.OpenBytes(file.Key, b, r.e.mem.Unlimited())
	if err != nil {
		return nil, err
	}
	err = deltalog.Read(ctx, reader, func(d deltalog.Entry) error {
		if d.Timestamp <= uint64(r.at) {
			d.Key = bytes.Clone(d.Key)
			dst = append(dst, d)
		}
		return nil
	})
	r.run.done(file.Bytes, true)
	return dst, err
}

// hideLate deletes the rows that came after the time: at their own, so that nobody
// sees them.
func (r *restore) hideLate(ctx context.Context, m *manifest.Manifest, dst []deltalog.Entry) ([]deltalog.Entry, error) {
	f, err := segment.OpenFlushed(m, r.e.shelf)
	if err != nil {
		return nil, err
	}
	defer f.Release()
	for start := 0; start < f.Rows(); {
		_, end := f.Group(start)
		if dst, err = r.hideGroup(ctx, f, start, end, dst); err != nil {
			return nil, err
		}
		start = end
	}
	return dst, nil
}

func (r *restore) hideGroup(ctx context.Context, f *segment.Flushed, start, end int, dst []deltalog.Entry) ([]deltalog.Entry, error) {
	stamps, err := f.Column(ctx, catalog.TimestampField, start, end)
	if err != nil {
		return nil, err
	}
	defer stamps.Release()
	var ids *array.Uint64
	for i, at := range stamps.(*array.Uint64).Uint64Values() {
		if at <= uint64(r.at) {
			continue
		}
		if ids == nil {
			a, err := f.Column(ctx, catalog.RowIDField, start, end)
			if err != nil {
				return nil, err
			}
			defer a.Release()
			ids = a.(*array.Uint64)
		}
		key, err := f.AppendKey(ctx, nil, start+i)
		if err != nil {
			return nil, err
		}
		dst = append(dst, deltalog.Entry{RowID: ids.Value(i), Timestamp: at, Key: key})
	}
	return dst, nil
}

func (r *restore) writeDeletes(ctx context.Context, s *restoredSegment, m *manifest.Manifest, deletes []deltalog.Entry) error {
	log := r.e.newIDs(1)
	var b bytes.Buffer
	summary, err := deltalog.Write(&b, deltalog.IDs{
		Table: uint64(m.Table), Partition: uint64(m.Partition), Segment: uint64(m.Segment), Log: log, SchemaVersion: m.SchemaVersion,
	}, r.e.mem.Unlimited(), deltalog.Entries(deletes))
	if err != nil {
		return err
	}
	key := m.Name().DeltaLog(log)
	s.keys = append(s.keys, key)
	if err := r.e.opts.Objects.Put(ctx, key, bytes.NewReader(b.Bytes()), int64(b.Len())); err != nil {
		return err
	}
	m.Add(manifest.KindDelta, key, &summary)
	return nil
}

// commitSegments has the catalog list the segments.
func (r *restore) commitSegments(ctx context.Context) error {
	var change catalog.SegmentChange
	flush := func() error {
		if len(change.Put) == 0 {
			return nil
		}
		// Not under ctx: whether it took effect must become known.
		if err := r.e.catalog.CommitSegments(r.e.background, change); err != nil {
			return errors.Join(errUncertain, err)
		}
		change.Put = nil
		return ctx.Err()
	}
	for _, s := range r.made {
		if s.descriptor == nil {
			continue
		}
		change.Put = append(change.Put, s.descriptor)
		if len(change.Put) == catalog.SegmentChangeMax {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// install makes the shards, which nobody sees before the commit.
func (r *restore) install(ctx context.Context) error {
	lists := map[*shard][]*flushedSegment{}
	for _, s := range r.made {
		if s.flushed != nil {
			d := s.descriptor
			sh := r.e.shard(shardKey{d.Partition, d.Shard}, d.Table)
			lists[sh] = append(lists[sh], s.flushed)
		}
	}
	for s, list := range lists {
		if err := s.loadDeletes(ctx, list); err != nil {
			return err
		}
		r.e.pipeline.apply.Lock()
		s.change(nil, list)
		r.e.pipeline.apply.Unlock()
	}
	return nil
}

// giveUp removes what was made. What cannot be removed now is swept later.
func (r *restore) giveUp(ctx context.Context) {
	partitions := map[catalog.StorageID]bool{}
	var gone []catalog.SegmentID
	for _, s := range r.made {
		if s.descriptor != nil {
			partitions[s.descriptor.Partition] = true
			gone = append(gone, s.descriptor.ID)
		}
	}
	r.e.pipeline.apply.Lock()
	r.e.mu.Lock()
	for key, s := range r.e.shards {
		if partitions[key.partition] {
			s.dropped = true
			delete(r.e.shards, key)
			s.replace(newShardView(nil))
		}
	}
	r.e.mu.Unlock()
	r.e.pipeline.apply.Unlock()
	for part := range slices.Chunk(gone, catalog.SegmentChangeMax) {
		if err := r.e.catalog.CommitSegments(r.e.background, catalog.SegmentChange{Remove: part}); err != nil {
			r.e.logger.Warn("segments of a restore that failed stay until the next start", "err", err)
			return
		}
	}
	for _, s := range r.made {
		for _, key := range s.keys {
			if err := r.e.opts.Objects.Delete(ctx, key); err != nil {
				r.e.logger.Warn("objects of a restore that failed stay until they are swept", "err", err)
				return
			}
		}
	}
}
