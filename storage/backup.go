package storage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"quiver/catalog"
	"quiver/internal/hlc"
	"quiver/storage/backup"
	"quiver/storage/manifest"
	"quiver/storage/objstore"
)

// BackupSpec says what to back up, and where to.
type BackupSpec struct {
	// Name is the backup's; "" is one after the time.
	Name string
	// Database is 0 for all of them. Tables are of it; nil is all.
	Database catalog.OID
	Tables   []catalog.OID
	// Scope is the same in names.
	Scope backup.Scope
	// PID is shown by quiver.backup_progress.
	PID int32
	// Txn is the statement's, which then waits for no lock of its own; nil for
	// none. The locks are given back before the copying begins.
	Txn Txn
}

// Backup copies what is committed to a place while statements go on, and returns
// its description. What is in it is what a snapshot taken now shows.
//
// The steps: lock the tables in ACCESS SHARE mode, so that none is dropped or
// changed; note the time and the catalog's version of it; flush each shard and pin
// what it has then, which is everything up to the time; give the locks back; copy
// the objects that the place lacks; store the description. A backup that ends
// before the last step is none: what it copied serves the next one.
func (e *Engine) Backup(ctx context.Context, place *backup.Place, spec BackupSpec) (*backup.Description, error) {
	if e.closed.Load() {
		return nil, ErrClosed
	}
	run := e.backups.begin("BACKUP", place.URL(), spec.PID, spec.Database)
	defer e.backups.end(run)
	lock, err := place.Lock(ctx, e.lockHolder())
	if err != nil {
		return nil, err
	}
	d, err := e.backup(ctx, place, lock, spec, run)
	return d, errors.Join(err, lock.Release(context.WithoutCancel(ctx)))
}

// lockHolder is what this server is called where it holds a lock: one process at
// a time owns a cluster.
func (e *Engine) lockHolder() string { return "the server of cluster " + e.catalog.ClusterID() }

func (e *Engine) backup(ctx context.Context, place *backup.Place, lock *backup.Lock, spec BackupSpec, run *BackupProgress) (*backup.Description, error) {
	run.phase("waiting for locks")
	c, err := e.capture(ctx, spec, run)
	if err != nil {
		return nil, err
	}
	defer c.release()
	d, err := c.describe(ctx, spec)
	if err != nil {
		return nil, err
	}
	if err := nameBackup(ctx, place, d); err != nil {
		return nil, err
	}
	run.phase("copying objects")
	if err := c.copy(ctx, place, d, run); err != nil {
		return nil, err
	}
	run.phase("writing the description")
	if err := place.Publish(ctx, lock, d); err != nil {
		return nil, err
	}
	run.phase("removing what no backup needs")
	if _, err := place.Collect(ctx, lock); err != nil {
		e.logger.Warn("what interrupted backups left could not be removed", "place", place.URL(), "err", err)
	}
	return d, nil
}

// nameBackup checks the name of a backup, or makes one.
func nameBackup(ctx context.Context, place *backup.Place, d *backup.Description) error {
	names, err := place.Names(ctx)
	if err != nil {
		return err
	}
	if d.Name == "" {
		base := backup.DefaultName(d.Created)
		d.Name = base
		for n := 2; slices.Contains(names, d.Name); n++ {
			d.Name = fmt.Sprintf("%s-%d", base, n)
		}
	}
	if err := backup.CheckName(d.Name); err != nil {
		return err
	}
	if slices.Contains(names, d.Name) {
		return fmt.Errorf("%w: %s in %s", backup.ErrExists, d.Name, place.URL())
	}
	return nil
}

// captured is the state of tables at a time.
type captured struct {
	e        *Engine
	version  *catalog.Version
	at       hlc.Timestamp
	reader   readTime
	earliest hlc.Timestamp
	objects  []catalog.Descriptor
	views    []*shardView
	segments []*flushedSegment // with rows or deletes up to at
}

func (c *captured) release() {
	for _, v := range c.views {
		v.release()
	}
}

// capture pins what the tables of the spec hold at one moment.
func (e *Engine) capture(ctx context.Context, spec BackupSpec, run *BackupProgress) (_ *captured, err error) {
	tx := spec.Txn
	if tx != nil {
		sp := tx.Savepoint()
		defer func() {
			tx.RollbackTo(sp)
			tx.Release(sp)
		}()
	} else {
		if tx, err = e.Begin(ctx, TxnOptions{Database: spec.Database}); err != nil {
			return nil, err
		}
		defer tx.Rollback()
	}
	c := &captured{e: e}
	if err := c.settle(ctx, tx, spec); err != nil {
		return nil, err
	}
	defer e.readers.unregister(c.reader)
	var shards []*shard
	for _, d := range c.objects {
		p, ok := d.(*catalog.Partition)
		if !ok {
			continue
		}
		c.earliest = max(c.earliest, truncatedAt(p, c.at))
		for n := range max(c.version.Table(p.Table).Shards, 1) {
			if s := e.findShard(shardKey{p.Storage, n}); s != nil {
				shards = append(shards, s)
			}
		}
	}
	run.phase("flushing")
	if err := e.flushShards(ctx, shards); err != nil {
		c.release()
		return nil, err
	}
	for _, s := range shards {
		v := s.pin()
		c.views = append(c.views, v)
		c.earliest = max(c.earliest, v.since)
		for _, f := range v.flushed {
			if f.Manifest.MinTimestamp <= uint64(c.at) || f.hasDeltas() {
				c.segments = append(c.segments, f)
			}
		}
	}
	return c, nil
}

// truncatedAt is from when on a backup taken at the given time has the rows of a
// partition, as far as its descriptor tells: at its own time in any case.
func truncatedAt(p *catalog.Partition, taken hlc.Timestamp) hlc.Timestamp {
	return min(hlc.Timestamp(p.TruncatedAt), taken)
}

// hasDeltas says whether the segment brings deletes.
func (f *flushedSegment) hasDeltas() bool {
	return slices.ContainsFunc(f.Manifest.Files, func(f manifest.File) bool { return f.Kind == manifest.KindDelta })
}

// settle notes the time and the catalog of it, once all tables are locked.
func (c *captured) settle(ctx context.Context, tx Txn, spec BackupSpec) error {
	var keep func(catalog.OID) bool
	if spec.Tables != nil {
		keep = func(oid catalog.OID) bool { return slices.Contains(spec.Tables, oid) }
	}
	// What quiver.now() said before is within the backup, though nothing was
	// committed since.
	begun, err := c.e.Timestamp()
	if err != nil {
		return err
	}
	if err := c.e.pipeline.reach(ctx, begun); err != nil {
		return err
	}
	locked := map[catalog.OID]bool{}
	for {
		version := c.e.catalog.Current()
		if err := lockTables(ctx, tx, version.Export(spec.Database, keep), locked); err != nil {
			return err
		}
		c.e.ddl.Lock()
		c.version = c.e.catalog.Current()
		c.reader = c.e.readers.registerVisible(c.e)
		c.at = max(c.reader.at, begun)
		c.e.ddl.Unlock()
		c.objects = c.version.Export(spec.Database, keep)
		if !slices.ContainsFunc(c.objects, func(d catalog.Descriptor) bool {
			t, ok := d.(*catalog.Table)
			return ok && !locked[t.OID]
		}) {
			break
		}
		c.e.readers.unregister(c.reader) // a table was made meanwhile
	}
	c.earliest = min(c.reader.now.Before(c.e.retention()), c.at)
	for _, oid := range spec.Tables {
		if c.version.Table(oid) == nil {
			c.e.readers.unregister(c.reader)
			return fmt.Errorf("storage: table %d was dropped", oid)
		}
	}
	return nil
}

func lockTables(ctx context.Context, tx Txn, objects []catalog.Descriptor, locked map[catalog.OID]bool) error {
	for _, d := range objects {
		t, ok := d.(*catalog.Table)
		if !ok || locked[t.OID] {
			continue
		}
		if err := tx.LockTable(ctx, t.OID, LockAccessShare, WaitBlock); err != nil {
			return err
		}
		locked[t.OID] = true
	}
	return nil
}

// describe makes the description but for the segments.
func (c *captured) describe(ctx context.Context, spec BackupSpec) (*backup.Description, error) {
	d := &backup.Description{
		Name: spec.Name, Cluster: c.e.catalog.ClusterID(), Created: time.Now().UTC(), Timestamp: uint64(c.at), Earliest: uint64(c.earliest),
		IDs: c.e.newIDs(1), Scope: spec.Scope,
	}
	for _, o := range c.objects {
		value, err := catalog.EncodeDescriptor(o)
		if err != nil {
			return nil, err
		}
		d.Descriptors = append(d.Descriptors, value)
		if s, ok := o.(*catalog.Sequence); ok {
			last, called, err := c.e.catalog.SequenceValue(ctx, s)
			if err != nil {
				return nil, err
			}
			d.Sequences = append(d.Sequences, backup.Sequence{OID: s.OID, Last: last, Called: called})
		}
	}
	return d, nil
}

// copiers is how many segments are copied at a time.
const copiers = 4

// copy copies the objects that the place does not have, and lists the segments.
func (c *captured) copy(ctx context.Context, place *backup.Place, d *backup.Description, run *BackupProgress) error {
	known, err := place.Known(ctx, d.Cluster)
	if err != nil {
		return err
	}
	for _, f := range c.segments {
		m := f.Current()
		run.add(len(m.Files), m.Bytes())
	}
	d.Segments = make([]backup.Segment, len(c.segments))
	var fresh, freshBytes atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(copiers)
	for i, f := range c.segments {
		g.Go(func() error {
			m, err := c.e.backupSegment(ctx, place, d.Cluster, f, known, func(file *manifest.File, copied bool) {
				run.done(file.Bytes, copied)
				if copied {
					fresh.Add(1)
					freshBytes.Add(file.Bytes)
				}
			})
			d.Segments[i].Manifest = m
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	d.NewObjects, d.NewBytes = int(fresh.Load()), freshBytes.Load()
	for i := range d.Segments {
		d.Objects += len(d.Segments[i].Manifest.Files)
		d.Bytes += d.Segments[i].Manifest.Bytes()
	}
	return nil
}

// backupSegment copies the objects of a segment and returns the manifest that
// lists them. Only the parts of vector indexes may go while it is pinned: then the
// newer manifest counts.
func (e *Engine) backupSegment(ctx context.Context, place *backup.Place, cluster string, f *flushedSegment, known map[string]int64, tell func(*manifest.File, bool)) (*manifest.Manifest, error) {
	for {
		m := f.Current()
		err := func() error {
			for i := range m.Files {
				file := &m.Files[i]
				if size, ok := known[file.Key]; ok && size == file.Bytes {
					tell(file, false)
					continue
				}
				if err := place.Add(ctx, cluster, e.opts.Objects, file); err != nil {
					return fmt.Errorf("backup of segment %d: %w", m.Segment, err)
				}
				tell(file, true)
			}
			return nil
		}()
		if err == nil || !errors.Is(err, objstore.ErrNotFound) || m == f.Current() {
			return m, err
		}
	}
}

// BackupProgress is a BACKUP or RESTORE under way: a row of
// quiver.backup_progress.
type BackupProgress struct {
	PID      int32
	Command  string
	Place    string
	Database catalog.OID // 0 for all
	Began    time.Time
	phaseOf  atomic.Pointer[string]

	objects, objectsDone, objectsCopied atomic.Int64
	bytes, bytesDone, bytesCopied       atomic.Int64
}

func (p *BackupProgress) phase(s string) { p.phaseOf.Store(&s) }

func (p *BackupProgress) add(objects int, bytes int64) {
	p.objects.Add(int64(objects))
	p.bytes.Add(bytes)
}

func (p *BackupProgress) done(bytes int64, copied bool) {
	p.objectsDone.Add(1)
	p.bytesDone.Add(bytes)
	if copied {
		p.objectsCopied.Add(1)
		p.bytesCopied.Add(bytes)
	}
}

// Phase is what it is doing.
func (p *BackupProgress) Phase() string {
	if s := p.phaseOf.Load(); s != nil {
		return *s
	}
	return "initializing"
}

// Objects is how many there are to copy, how many are done with, and how many of
// these were copied.
func (p *BackupProgress) Objects() (total, done, copied int64) {
	return p.objects.Load(), p.objectsDone.Load(), p.objectsCopied.Load()
}

// Bytes is the same in bytes.
func (p *BackupProgress) Bytes() (total, done, copied int64) {
	return p.bytes.Load(), p.bytesDone.Load(), p.bytesCopied.Load()
}

// backupRuns are the backups and restores under way.
type backupRuns struct {
	mu   sync.Mutex // guards list
	list []*BackupProgress
}

func (b *backupRuns) begin(command, place string, pid int32, database catalog.OID) *BackupProgress {
	p := &BackupProgress{PID: pid, Command: command, Place: place, Database: database, Began: time.Now()}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.list = append(b.list, p)
	return p
}

func (b *backupRuns) end(p *BackupProgress) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.list = slices.DeleteFunc(b.list, func(o *BackupProgress) bool { return o == p })
}

// Backups lists the backups and restores under way.
func (e *Engine) Backups() []*BackupProgress {
	e.backups.mu.Lock()
	defer e.backups.mu.Unlock()
	return slices.Clone(e.backups.list)
}
