package storage

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/catalog"
	"quiver/internal/cores"
	"quiver/storage/growing"
	"quiver/storage/wal"
)

// A bulk load takes the rows of one statement past the log and the growing
// segments. They are checked and locked as those of any Insert; what differs is
// where they go:
//
//  1. gather: the rows of each shard are kept as they came, in Arrow arrays;
//  2. write: once they are enough for a segment its objects are put, in the
//     background, while more rows come. The commit has no timestamp yet: the
//     files have 0;
//  3. end: at the end of the statement the transaction's changes name the
//     segments (wal.Load), and its later statements see them. Too few rows for
//     a segment go the way of other rows, so a small load is none;
//  4. apply: the commit gives the segments its timestamp and the shards get them;
//     recovery does the same from the log;
//  5. list: the next flush of the shard, which is due at once, puts them into the
//     catalog (see loaded.go).
//
// Objects of a load that does not come to its commit are removed by it, or
// swept at the next start.
type bulkLoad struct {
	t      *txn
	table  catalog.StorageID
	ctx    context.Context // of the writers: they outlive the call that starts them, not the load
	cancel context.CancelFunc
	end    func() // of Engine.writing

	shards  []*bulkShard // in the order of their first rows
	bytes   int64        // gathered in all of them
	most    int64
	slots   chan struct{} // one a writer
	started chan struct{} // closed once the last writer has a slot; nil before the first
	writers sync.WaitGroup

	mu  sync.Mutex // guards err
	err error      // of a writer
}

// bulkShard is what a load brings to one shard.
type bulkShard struct {
	key     shardKey
	in      insertion // the schema and the partition of the rows
	shard   int
	rows    bulkRows
	written []*bulkSegment
}

// bulkRows are rows gathered: each piece as one insertion brought it.
type bulkRows struct {
	pieces []growing.Rows
	count  int
	bytes  int64
}

// bulkSegment is a segment that a load writes. The writer fills loaded.
type bulkSegment struct {
	first  uint64 // row id
	count  int
	loaded *flushedSegment
}

// bulkBytesMax is how many bytes are gathered at most, of all shards.
const bulkBytesMax = 128 << 20

// BeginLoad makes the rows that Insert and InsertInto add to a table go into
// segments past the log until EndLoad or AbortLoad; see Txn. It answers false
// where they go the usual way.
func (t *txn) BeginLoad(table *catalog.Table) bool {
	if t.load != nil || table.Temporary || t.writable() != nil || t.writes != nil && t.writes.deletesOf(table.Storage) {
		return false
	}
	l := &bulkLoad{t: t, table: table.Storage, slots: make(chan struct{}, max(1, cores.Count()-1)), most: bulkBytesMax}
	if limit := t.e.mem.Limit(); limit > 0 {
		l.most = min(l.most, limit/8)
	}
	l.ctx, l.cancel = context.WithCancel(t.e.background)
	l.end = t.e.writing()
	t.load = l
	return true
}

// EndLoad waits for the segments of a load and adds them to the transaction's
// writes. After an error the statement must fail.
func (t *txn) EndLoad(ctx context.Context) error {
	l := t.load
	if l == nil {
		return nil
	}
	err := l.finish(ctx)
	if err != nil {
		t.AbortLoad()
		return err
	}
	t.load = nil
	l.cancel()
	return nil
}

// AbortLoad gives up a load: the rows since BeginLoad are not added.
func (t *txn) AbortLoad() {
	l := t.load
	if l == nil {
		return
	}
	t.load = nil
	l.cancel()
	l.writers.Wait()
	for _, s := range l.shards {
		s.rows.release()
		for _, w := range s.written {
			if w.loaded != nil {
				t.e.abandon(w.loaded)
			}
		}
	}
	l.end()
}

// add gathers rows, which it retains.
func (l *bulkLoad) add(in *insertion, shard int, rows growing.Rows) error {
	s := l.shardOf(in, shard)
	for _, c := range rows.Columns {
		c.Retain()
	}
	if rows.Keys != nil {
		rows.Keys.Retain()
	}
	bytes := rowBytes(rows)
	s.rows.pieces = append(s.rows.pieces, rows)
	s.rows.count += len(rows.RowIDs)
	s.rows.bytes += bytes
	l.bytes += bytes
	return l.failure()
}

func (l *bulkLoad) shardOf(in *insertion, shard int) *bulkShard {
	key := shardKey{in.partition.Storage, shard}
	for i := len(l.shards) - 1; i >= 0; i-- {
		if l.shards[i].key == key {
			return l.shards[i]
		}
	}
	s := &bulkShard{key: key, shard: shard, in: insertion{t: l.t, schema: in.schema, partition: in.partition}}
	l.shards = append(l.shards, s)
	return s
}

func (l *bulkLoad) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

func (l *bulkLoad) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = err
	}
}

// cut begins to write what is enough for segments. It is called between
// savepoints: rows that a savepoint may take back are not gathered yet.
func (l *bulkLoad) cut() {
	for _, s := range l.shards {
		if s.rows.bytes >= min(l.most, l.segmentBytes(s)) {
			l.write(s)
		}
	}
	for l.bytes >= l.most {
		largest := l.shards[0]
		for _, s := range l.shards {
			if s.rows.bytes > largest.rows.bytes {
				largest = s
			}
		}
		l.write(largest)
	}
}

// segmentBytes is how large a segment of a shard gets.
func (l *bulkLoad) segmentBytes(s *bulkShard) int64 {
	if n := s.in.partition.Options.Over(s.in.schema.table.Options).SegmentBytesMax; n > 0 {
		return n
	}
	return l.t.e.opts.SegmentBytesMax
}

// admit waits until no writer waits for a slot: rows that come faster than they are
// written would fill the memory.
func (l *bulkLoad) admit(ctx context.Context) error {
	if l.started == nil {
		return nil
	}
	select {
	case <-l.started:
		return l.failure()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// write has the gathered rows of a shard written by a writer, once one is free.
func (l *bulkLoad) write(s *bulkShard) {
	rows := s.rows
	s.rows = bulkRows{}
	l.bytes -= rows.bytes
	w := &bulkSegment{first: rows.pieces[0].RowIDs[0], count: rows.count}
	s.written = append(s.written, w)
	started := make(chan struct{})
	l.started = started
	l.writers.Go(func() {
		defer rows.release()
		select {
		case l.slots <- struct{}{}:
			defer func() { <-l.slots }()
			close(started)
		case <-l.ctx.Done():
			l.fail(context.Cause(l.ctx))
			close(started)
			return
		}
		var err error
		if w.loaded, err = l.t.e.writeLoaded(l.ctx, &s.in, s.shard, &rows); err != nil {
			l.fail(err)
		}
	})
}

// finish is the end of a load.
func (l *bulkLoad) finish(ctx context.Context) error {
	for _, s := range l.shards {
		if s.rows.bytes >= l.t.e.opts.LoadBytesMin {
			l.write(s)
		}
	}
	stop := context.AfterFunc(ctx, l.cancel)
	l.writers.Wait()
	stop()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if err := l.failure(); err != nil {
		return err
	}
	t := l.t
	if l.empty() {
		l.end()
	} else {
		t.private().loadEnds = append(t.private().loadEnds, l.end)
	}
	for _, s := range l.shards {
		if len(s.written) == 0 {
			continue
		}
		target := s.in.target(s.shard)
		for _, w := range s.written {
			t.stream.buf = wal.AppendLoad(t.stream.buf, &wal.Load{
				Target: target, Manifest: w.loaded.descriptor().Manifest, FirstRowID: w.first, LastID: t.e.ids.Load(),
			})
			t.private().addLoad(target, &privateLoad{first: RowID(w.first), key: w.loaded.descriptor().Manifest, f: w.loaded})
		}
		s.written = nil // the transaction's now
	}
	t.load = nil // what is left goes the usual way
	if err := l.storeRest(); err != nil {
		t.load = l
		return err
	}
	return t.stream.wrote()
}

// storeRest stores what is left, in the order of the row ids, by which the
// transaction finds its own rows.
func (l *bulkLoad) storeRest() error {
	type piece struct {
		s    *bulkShard
		rows growing.Rows
	}
	var rest []piece
	for _, s := range l.shards {
		for _, rows := range s.rows.pieces {
			rest = append(rest, piece{s, rows})
		}
	}
	slices.SortFunc(rest, func(a, b piece) int { return cmp.Compare(a.rows.RowIDs[0], b.rows.RowIDs[0]) })
	for _, p := range rest {
		if err := p.s.in.storeRows(p.s.shard, p.rows); err != nil {
			return err
		}
	}
	for _, s := range l.shards {
		s.rows.release()
	}
	return nil
}

func (l *bulkLoad) empty() bool {
	for _, s := range l.shards {
		if len(s.written) > 0 {
			return false
		}
	}
	return true
}

// undo takes back the rows with ids from first on.
func (l *bulkLoad) undo(first RowID) {
	for _, s := range l.shards {
		n := len(s.rows.pieces)
		for n > 0 && s.rows.pieces[n-1].RowIDs[0] >= uint64(first) {
			n--
		}
		undone := bulkRows{pieces: s.rows.pieces[n:]}
		for i := range undone.pieces {
			undone.count += len(undone.pieces[i].RowIDs)
			undone.bytes += rowBytes(undone.pieces[i])
		}
		undone.release()
		s.rows.pieces = s.rows.pieces[:n]
		s.rows.count -= undone.count
		s.rows.bytes -= undone.bytes
		l.bytes -= undone.bytes
	}
}

// has looks for a key among the rows of the load; its id is 0 while the row has
// no segment.
func (l *bulkLoad) has(ctx context.Context, key []byte, hash uint64) (found bool, err error) {
	for _, s := range l.shards {
		for _, p := range s.rows.pieces {
			for i, h := range p.Hashes {
				if h == hash && string(p.Keys.Value(i)) == string(key) {
					return true, nil
				}
			}
		}
	}
	l.writers.Wait()
	if err := l.failure(); err != nil {
		return false, err
	}
	for _, s := range l.shards {
		for _, w := range s.written {
			positions, err := w.loaded.FindKey(ctx, key, nil)
			if len(positions) > 0 || err != nil {
				return true, err
			}
		}
	}
	return false, nil
}

func (r *bulkRows) release() {
	for i := range r.pieces {
		releaseAll(r.pieces[i].Columns)
		if r.pieces[i].Keys != nil {
			r.pieces[i].Keys.Release()
		}
	}
	r.pieces = nil
}

// rowBytes is about what rows take.
func rowBytes(r growing.Rows) (n int64) {
	for _, c := range r.Columns {
		n += valueBytes(c.Data(), c.Data().Offset(), c.Len())
	}
	return n + int64(len(r.RowIDs))*16
}

// valueBytes is what n values of an array take, from at on.
func valueBytes(d arrow.ArrayData, at, n int) int64 {
	if n == 0 {
		return 0
	}
	switch t := d.DataType().(type) {
	case *arrow.StringType, *arrow.BinaryType:
		if d.Buffers()[1] == nil {
			return 0
		}
		o := arrow.Int32Traits.CastFromBytes(d.Buffers()[1].Bytes())
		return int64(o[at+n]-o[at]) + 4*int64(n)
	case *arrow.ListType:
		if d.Buffers()[1] == nil {
			return 0
		}
		o := arrow.Int32Traits.CastFromBytes(d.Buffers()[1].Bytes())
		return valueBytes(d.Children()[0], int(o[at]), int(o[at+n]-o[at])) + 4*int64(n)
	case *arrow.FixedSizeListType:
		return valueBytes(d.Children()[0], at*int(t.Len()), n*int(t.Len()))
	case *arrow.StructType:
		bytes := int64(0)
		for _, c := range d.Children() {
			bytes += valueBytes(c, at, n)
		}
		return bytes
	case arrow.FixedWidthDataType:
		return int64(n) * int64(max(t.BitWidth(), 8)) / 8
	}
	return int64(n)
}
