package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/catalog"
	"quiver/storage/binlog"
	"quiver/storage/deltalog"
	"quiver/storage/manifest"
	"quiver/storage/objstore"
)

// The kinds of findings.
const (
	Missing    = "missing object"
	WrongSize  = "wrong size"
	Checksum   = "bad checksum"
	Corrupt    = "corrupt content"
	Manifest   = "manifest and catalog differ"
	Timestamps = "overlapping timestamps"
	TwiceThere = "row in two segments"
	Orphan     = "orphan"
	Log        = "write-ahead log"
	NoTable    = "segment of no table"
	LostTable  = "segment of a lost table"
)

// Finding is something that is wrong.
type Finding struct {
	Kind string
	// Table is whose it is, in words; "" if that is not known.
	Table string
	// Object is the key, "" for none.
	Object string
	Detail string
}

// Segment is what the catalog says of one.
type Segment struct {
	Descriptor *catalog.Segment
	// Manifest, if set, is the one to go by; else that of the descriptor is read.
	Manifest *manifest.Manifest
	// Table is whose it is, in words; "" if no table has it.
	Table string
	// Lost, if set, is what the catalog lacks of where the table is.
	Lost string
	// Now, if set, tells both anew: while a server goes on, vector indexes come and
	// go, and manifests with them.
	Now func() (*catalog.Segment, *manifest.Manifest)
}

// Input is what to check.
type Input struct {
	Store    objstore.Store
	Segments []Segment
	// Newest: no commit is later; 0 if that is not known.
	Newest uint64
	// Orphan says whether an object that no segment names belongs to nothing; nil
	// leaves orphans out.
	Orphan func(key string) bool
}

// Progress is told how far a check is, in bytes.
type Progress func(done, total int64)

// checker is one check under way.
type checker struct {
	Input
	report   func(Finding)
	progress Progress
	done     int64
	total    int64
	known    map[string]bool // keys that segments name
	shards   map[shardKey][]*rowSource
	mem      memory.Allocator
}

type shardKey struct {
	partition catalog.StorageID
	shard     int
}

// rowSource is where the row ids of a segment are.
type rowSource struct {
	segment *Segment
	file    *manifest.File
	rows    int64
}

// Run checks and reports what is wrong. An error is what kept it from going on: a
// store that does not answer.
func Run(ctx context.Context, in Input, progress Progress, report func(Finding)) error {
	c := &checker{Input: in, report: report, progress: progress, known: map[string]bool{}, shards: map[shardKey][]*rowSource{}, mem: memory.DefaultAllocator}
	if c.progress == nil {
		c.progress = func(int64, int64) {}
	}
	for i := range in.Segments {
		c.total += in.Segments[i].Descriptor.Bytes
	}
	for i := range in.Segments {
		if err := c.settled(ctx, &in.Segments[i]); err != nil {
			return err
		}
	}
	for _, sources := range c.shards {
		if err := c.rowsOnce(ctx, sources); err != nil {
			return err
		}
	}
	if in.Orphan == nil {
		return nil
	}
	return c.orphans(ctx)
}

func (c *checker) find(s *Segment, kind, object, format string, args ...any) {
	c.report(Finding{Kind: kind, Table: s.Table, Object: object, Detail: fmt.Sprintf(format, args...)})
}

// failed reports an error about an object; it returns those that are no finding.
func (c *checker) failed(s *Segment, object string, err error) error {
	var corrupt *binlog.CorruptionError
	switch {
	case err == nil:
	case errors.Is(err, objstore.ErrNotFound):
		c.find(s, Missing, object, "the catalog or a manifest names it")
	case errors.As(err, &corrupt):
		c.find(s, Corrupt, object, "at byte %d: %s", corrupt.Offset, corrupt.Reason)
	default:
		return err
	}
	return nil
}

// settled checks a segment, again if it changed meanwhile and seemed wrong.
func (c *checker) settled(ctx context.Context, s *Segment) error {
	report, done := c.report, c.done
	defer func() { c.report = report }()
	for {
		var found []Finding
		c.report = func(f Finding) { found = append(found, f) }
		if err := c.segment(ctx, s); err != nil {
			return err
		}
		if len(found) > 0 && s.Now != nil {
			if d, m := s.Now(); d.Manifest != s.Descriptor.Manifest {
				s.Descriptor, s.Manifest, c.done = d, m, done
				c.forget(s)
				continue
			}
		}
		for _, f := range found {
			report(f)
		}
		return nil
	}
}

// forget drops what segment remembered of s.
func (c *checker) forget(s *Segment) {
	for key, list := range c.shards {
		c.shards[key] = slices.DeleteFunc(list, func(r *rowSource) bool { return r.segment == s })
	}
}

func (c *checker) segment(ctx context.Context, s *Segment) error {
	d := s.Descriptor
	c.known[d.Manifest] = true
	if s.Table == "" {
		c.find(s, NoTable, d.Manifest, "segment %d of partition %d goes when the server starts", d.ID, d.Partition)
	}
	if s.Lost != "" {
		c.find(s, LostTable, d.Manifest, "the catalog has no %s, to which segment %d belongs", s.Lost, d.ID)
	}
	object, err := objstore.ReadAll(ctx, c.Store, d.Manifest)
	if err != nil {
		return c.failed(s, d.Manifest, err)
	}
	m, err := manifest.Decode(d.Manifest, object)
	if err != nil {
		return c.failed(s, d.Manifest, err)
	}
	if s.Manifest != nil {
		m = s.Manifest
	}
	c.compare(s, m)
	sound := map[string]bool{}
	for i := range m.Files {
		file := &m.Files[i]
		c.known[file.Key] = true
		ok, err := c.object(ctx, s, file)
		if err != nil {
			return err
		}
		sound[file.Key] = ok
		c.done += file.Bytes
		c.progress(c.done, max(c.total, c.done))
	}
	return c.times(ctx, s, m, sound)
}

// compare reports where a manifest is not what the catalog says.
func (c *checker) compare(s *Segment, m *manifest.Manifest) {
	d := s.Descriptor
	for _, v := range []struct {
		what      string
		got, want any
	}{
		{"table", m.Table, d.Table}, {"partition", m.Partition, d.Partition}, {"segment", m.Segment, d.ID}, {"shard", m.Shard, d.Shard},
		{"rows", m.Rows, d.Rows}, {"first timestamp", m.MinTimestamp, d.MinTimestamp}, {"last timestamp", m.MaxTimestamp, d.MaxTimestamp},
	} {
		if v.got != v.want {
			c.find(s, Manifest, d.Manifest, "%s is %v, the catalog says %v", v.what, v.got, v.want)
		}
	}
	if c.Newest > 0 && m.MaxTimestamp > c.Newest {
		c.find(s, Timestamps, d.Manifest, "its last commit is at %d, beyond every commit of the cluster (%d)", m.MaxTimestamp, c.Newest)
	}
}

// object reads an object whole; false if it is not what the manifest says.
func (c *checker) object(ctx context.Context, s *Segment, file *manifest.File) (bool, error) {
	info, err := c.Store.Head(ctx, file.Key)
	if err != nil {
		return false, c.failed(s, file.Key, err)
	}
	if info.Size != file.Bytes {
		c.find(s, WrongSize, file.Key, "%d bytes, the manifest says %d", info.Size, file.Bytes)
		return false, nil
	}
	r := objstore.NewReader(ctx, c.Store, file.Key, file.Bytes)
	if _, err := io.Copy(io.Discard, r); err != nil {
		return false, c.failed(s, file.Key, err)
	}
	if r.Sum() != file.CRC {
		c.find(s, Checksum, file.Key, "%08x, the manifest says %08x", r.Sum(), file.CRC)
		return false, nil
	}
	return true, nil
}

// times compares the timestamps of rows and deletes with the manifest's, and
// remembers where the row ids are.
func (c *checker) times(ctx context.Context, s *Segment, m *manifest.Manifest, sound map[string]bool) error {
	if f := m.File(catalog.TimestampField); f != nil && sound[f.Key] {
		least, most := ^uint64(0), uint64(0)
		err := c.column(ctx, f, catalog.TimestampField, func(at uint64) {
			least, most = min(least, at), max(most, at)
		})
		if err != nil {
			return c.failed(s, f.Key, err)
		}
		loaded := most == 0 && m.MinTimestamp == m.MaxTimestamp // written before its commit
		if m.Rows > 0 && !loaded && (least != m.MinTimestamp || most != m.MaxTimestamp) {
			c.find(s, Timestamps, f.Key, "rows of %d to %d, the manifest says %d to %d", least, most, m.MinTimestamp, m.MaxTimestamp)
		}
	}
	if f := m.File(catalog.RowIDField); f != nil && sound[f.Key] {
		key := shardKey{m.Partition, m.Shard}
		c.shards[key] = append(c.shards[key], &rowSource{s, f, m.Rows})
	}
	for i := range m.Files {
		f := &m.Files[i]
		if f.Kind != manifest.KindDelta || !sound[f.Key] {
			continue
		}
		late := uint64(0)
		r, err := c.open(ctx, f)
		if err == nil {
			err = deltalog.Read(ctx, r, func(d deltalog.Entry) error { late = max(late, d.Timestamp); return nil })
		}
		if err != nil {
			if err := c.failed(s, f.Key, err); err != nil {
				return err
			}
		}
		if c.Newest > 0 && late > c.Newest {
			c.find(s, Timestamps, f.Key, "a delete at %d, beyond every commit of the cluster (%d)", late, c.Newest)
		}
	}
	return nil
}

func (c *checker) open(ctx context.Context, f *manifest.File) (*binlog.Reader, error) {
	return binlog.Open(ctx, f.Key, f.Bytes, func(ctx context.Context, offset, length int64, dst []byte) ([]byte, error) {
		return c.Store.ReadAt(ctx, f.Key, offset, length, dst)
	}, c.mem)
}

// column calls f for each value of a field of numbers.
func (c *checker) column(ctx context.Context, file *manifest.File, field catalog.FieldID, f func(uint64)) error {
	r, err := c.open(ctx, file)
	if err != nil {
		return err
	}
	for i := range r.Events(int32(field)) {
		a, err := r.Read(ctx, int32(field), i)
		if err != nil {
			return err
		}
		numbers, ok := a.(*array.Uint64)
		if !ok {
			a.Release()
			return &binlog.CorruptionError{Object: file.Key, Reason: fmt.Sprintf("field %d is %v", field, a.DataType())}
		}
		for _, n := range numbers.Uint64Values() {
			f(n)
		}
		a.Release()
	}
	return nil
}

// passRows is how many row ids are compared at a time.
const passRows = 8 << 20

// rowsOnce reports rows that two segments of a shard have: a merge that left its
// inputs, or a flush that was taken twice.
func (c *checker) rowsOnce(ctx context.Context, sources []*rowSource) error {
	total := int64(0)
	for _, s := range sources {
		total += s.rows
	}
	if len(sources) < 2 {
		return nil
	}
	passes := uint64(total/passRows) + 1
	for pass := range passes {
		if err := c.rowsOncePass(ctx, sources, pass, passes); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) rowsOncePass(ctx context.Context, sources []*rowSource, pass, passes uint64) error {
	var ids []uint64
	each := func(s *rowSource, f func(uint64)) error {
		err := c.column(ctx, s.file, catalog.RowIDField, func(id uint64) {
			if id%passes == pass {
				f(id)
			}
		})
		return c.failed(s.segment, s.file.Key, err)
	}
	for _, s := range sources {
		if err := each(s, func(id uint64) { ids = append(ids, id) }); err != nil {
			return err
		}
	}
	slices.Sort(ids)
	twice := map[uint64]bool{} // and whether a segment before had it
	for i := 1; i < len(ids); i++ {
		if ids[i] == ids[i-1] {
			twice[ids[i]] = false
		}
	}
	if len(twice) == 0 {
		return nil
	}
	for _, s := range sources {
		n, first := 0, uint64(0)
		err := each(s, func(id uint64) {
			before, there := twice[id]
			if there && !before {
				twice[id] = true
			}
			if before {
				if n == 0 {
					first = id
				}
				n++
			}
		})
		if err != nil {
			return err
		}
		if n > 0 {
			c.find(s.segment, TwiceThere, s.file.Key, "%d rows, the first of them %d, are in another segment, too", n, first)
		}
	}
	return nil
}

// orphans lists the bucket.
func (c *checker) orphans(ctx context.Context) error {
	return c.Store.List(ctx, "files/", func(o objstore.ObjectInfo) error {
		if !c.known[o.Key] && c.Orphan(o.Key) {
			c.report(Finding{Kind: Orphan, Object: o.Key, Detail: fmt.Sprintf("%d bytes that nothing names", o.Size)})
		}
		return nil
	})
}
