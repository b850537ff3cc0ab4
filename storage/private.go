package storage

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sort"
	"sync"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/catalog"
	"quiver/internal/hlc"
	"quiver/sql/types"
	"quiver/storage/growing"
	"quiver/storage/segment"
	"quiver/storage/wal"
)

// privateWrites are a transaction's rows and deletes before it commits: live,
// or rebuilt from its chunks by recovery. Rows lie in private segments, one
// list a shard, with ascending row ids.
//
// A tombstone in a private segment holds no timestamp: 1 means gone for good
// (rolled back), n+2 that the transaction's n-th delete took the row.
type privateWrites struct {
	e      *Engine
	shards map[shardKey]*privateShard
	order  []*privateShard
	// runs tell where own rows lie, by ascending row ids: a transaction may write
	// to thousands of partitions.
	runs []privateRun

	mu      sync.RWMutex // guards deletes and own against parallel scans
	deletes deletions
	// own has, per table storage, the deletes of committed rows.
	own map[catalog.StorageID]*ownDeletes
	// command is how many deletes there were when the command began.
	command int
	// loading are the shards with loads.
	loading []*privateShard
	// loadEnds end Engine.writing for the loads.
	loadEnds []func()
	// chain finds, while committing, the delete of an own row.
	chain map[RowID]int
	// bytes is its share of Engine.privateBytes.
	bytes int64
}

// privateShard is what goes to one shard.
type privateShard struct {
	key      shardKey
	target   wal.Target
	segments []*memorySegment
	loads    []*privateLoad
}

// privateRun says that the own rows between two row ids are of one partition.
type privateRun struct {
	first, last uint64
	shards      []*privateShard
}

const (
	privateGone  = 1
	privateFirst = 2
)

// privateSegmentBytes ends a private segment: what spills and what is flushed
// goes by segments.
const privateSegmentBytes = 64 << 20

func newPrivateWrites(e *Engine) *privateWrites {
	p := &privateWrites{e: e, shards: map[shardKey]*privateShard{}, own: map[catalog.StorageID]*ownDeletes{}}
	if e.opts.Scratch != nil {
		p.deletes.scratch = e.scratchMemory
	}
	return p
}

func (p *privateWrites) empty() bool { return len(p.order) == 0 && p.deletes.count == 0 }

func (p *privateWrites) shard(t wal.Target) *privateShard {
	key := shardKey{catalog.StorageID(t.Partition), int(t.Shard)}
	s := p.shards[key]
	if s == nil {
		s = &privateShard{key: key, target: t}
		p.mu.Lock()
		p.shards[key] = s
		p.order = append(p.order, s)
		p.mu.Unlock()
	}
	return s
}

// insert adds rows to a shard whose segment_max_size is bytesMax, or 0.
func (p *privateWrites) insert(t wal.Target, schema *growing.Schema, rows growing.Rows, bytesMax int64) error {
	s := p.shard(t)
	s.target.SchemaVersion = t.SchemaVersion
	p.run(s, rows.RowIDs)
	var g *memorySegment
	if n := len(s.segments); n > 0 {
		g = s.segments[n-1]
	}
	if p.e.pressed() {
		if err := p.spill(); err != nil {
			return err
		}
	}
	if g == nil || g.Spilled() || g.Bytes() > p.segmentBytes(bytesMax) || !g.Schema().Equal(schema) {
		g = &memorySegment{Segment: growing.NewPrivate(schema, p.e.mem)}
		p.mu.Lock()
		s.segments = append(s.segments, g)
		p.mu.Unlock()
	}
	before := g.Size()
	defer func() { p.count(g.Size() - before) }()
	err := g.Append(rows, 0)
	if err == nil || !isBudget(err) {
		return err
	}
	// Out of memory: what is complete goes to disk, then once more.
	if err := p.spill(); err != nil {
		return err
	}
	return g.Append(rows, 0)
}

func (p *privateWrites) count(bytes int64) {
	p.bytes += bytes
	p.e.privateBytes.Add(bytes)
}

// run notes where rows lie: those of one partition mostly come together, for one
// shard after the other.
func (p *privateWrites) run(s *privateShard, rows []uint64) {
	if len(rows) == 0 {
		return
	}
	first, last := rows[0], rows[len(rows)-1]
	n := len(p.runs)
	if n == 0 || p.runs[n-1].shards[0].key.partition != s.key.partition {
		p.runs = append(p.runs, privateRun{first, last, []*privateShard{s}})
		return
	}
	r := &p.runs[n-1]
	r.first, r.last = min(r.first, first), max(r.last, last)
	if !slices.Contains(r.shards, s) {
		r.shards = append(r.shards, s)
	}
}

// segmentBytes is about how large a private segment of a table gets that wants so
// large ones; 0 is the server's.
func (p *privateWrites) segmentBytes(wanted int64) int64 {
	if wanted == 0 {
		wanted = p.e.opts.SegmentBytesMax
	}
	return min(wanted, privateSegmentBytes)
}

// delete records the delete of a row, found among the own rows or not. It
// returns the index of the deletion.
func (p *privateWrites) delete(t *wal.Target, row, successor RowID, key []byte) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	g, pos := p.find(t.Partition, int(t.Shard), row)
	n := p.deletes.add(deletion{target: t, row: row, successor: successor, key: key, private: g != nil})
	if g != nil {
		g.Tombstones.Set(pos, uint64(n)+privateFirst, uint64(successor))
		return n
	}
	own := p.own[catalog.StorageID(t.TableStorage)]
	if own == nil {
		own = &ownDeletes{blocks: map[uint64]ownBlock{}}
		p.own[catalog.StorageID(t.TableStorage)] = own
	}
	own.add(row, p.command)
	return n
}

// succeed sets the successor of the n-th deletion.
func (p *privateWrites) succeed(n int, successor RowID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deletes.succeed(n, successor)
}

// find looks for an own row.
func (p *privateWrites) find(partition uint64, shard int, row RowID) (*memorySegment, int) {
	s := p.shards[shardKey{catalog.StorageID(partition), shard}]
	if s == nil {
		return nil, 0
	}
	i := sort.Search(len(s.segments), func(i int) bool {
		g := s.segments[i]
		return g.Rows() > 0 && g.RowID(g.Rows()-1) >= uint64(row)
	})
	if i == len(s.segments) {
		return nil, 0
	}
	if pos := s.segments[i].FindRow(uint64(row)); pos >= 0 {
		return s.segments[i], pos
	}
	return nil, 0
}

// findAny looks for an own row in whatever shard.
func (p *privateWrites) findAny(row RowID) (*privateShard, *memorySegment, int) {
	i := sort.Search(len(p.runs), func(i int) bool { return p.runs[i].last >= uint64(row) })
	if i == len(p.runs) || p.runs[i].first > uint64(row) {
		return nil, nil, 0
	}
	for _, s := range p.runs[i].shards {
		if g, pos := p.find(uint64(s.key.partition), s.key.shard, row); g != nil {
			return s, g, pos
		}
	}
	return nil, nil, 0
}

// deleted says whether the transaction deleted a committed row.
func (p *privateWrites) deleted(table catalog.StorageID, row RowID) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.own[table].has(row, math.MaxUint64)
}

// touches says whether rows of a partition were changed, be it taken back since.
func (p *privateWrites) touches(partition catalog.StorageID) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for key := range p.shards {
		if key.partition == partition {
			return true
		}
	}
	return p.deletes.of(uint64(partition))
}

// alive looks for an own live row with a key in one shard.
func (p *privateWrites) alive(key shardKey, hash uint64, k []byte) (found RowID) {
	s := p.shards[key]
	if s == nil {
		return 0
	}
	for i := len(s.segments) - 1; i >= 0 && found == 0; i-- {
		g := s.segments[i]
		g.EachKey(hash, k, func(pos int) bool {
			if at, _ := g.Tombstones.Get(pos); at == 0 {
				found = RowID(g.RowID(pos))
			}
			return found == 0
		})
	}
	return found
}

// undo takes back the inserts of row ids from first on and all but the first n
// deletes.
func (p *privateWrites) undo(first RowID, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := p.deletes.count - 1; i >= n; i-- {
		d := p.deletes.at(i)
		if !d.private {
			p.own[catalog.StorageID(d.target.TableStorage)].remove(d.row)
		} else if g, pos := p.find(d.target.Partition, int(d.target.Shard), d.row); g != nil {
			g.Tombstones.Clear(pos)
		}
	}
	p.deletes.cut(n)
	p.command = min(p.command, n)
	p.undoLoads(first)
	for _, s := range p.order {
		for i := len(s.segments) - 1; i >= 0; i-- {
			g := s.segments[i]
			rows := g.Rows()
			from := sort.Search(rows, func(pos int) bool { return g.RowID(pos) >= uint64(first) })
			for pos := from; pos < rows; pos++ {
				g.Tombstones.Set(pos, privateGone, 0)
			}
			if from > 0 {
				break
			}
		}
	}
}

// release frees the segments; those adopted by shards live on there.
func (p *privateWrites) release() {
	p.endLoads()
	p.count(-p.bytes)
	for _, s := range p.order {
		for _, g := range s.segments {
			g.release()
		}
		s.segments = nil
	}
	p.order, p.shards, p.runs, p.own = nil, nil, nil, nil
	p.deletes.free()
}

// replay applies one change of a transaction that recovery reads.
func (p *privateWrites) replay(change any) error {
	switch c := change.(type) {
	case *wal.Insert:
		return p.replayInsert(c)
	case *wal.Delete:
		t := c.Target
		for i := range c.Rows {
			r := &c.Rows[i]
			p.delete(&t, RowID(r.RowID), RowID(r.Successor), append([]byte(nil), r.Key...))
		}
	case *wal.Load:
		p.addLoad(c.Target, &privateLoad{first: RowID(c.FirstRowID), key: c.Manifest})
	case *wal.Undo:
		p.undo(RowID(c.FirstRowID), int(c.Deletes))
	}
	return nil
}

func (p *privateWrites) replayInsert(c *wal.Insert) error {
	defer releaseAll(c.Columns)
	table, _ := p.e.catalog.Current().PlaceOfStorage(catalog.StorageID(c.Partition))
	fields := make([]growing.Field, len(c.Fields))
	for i, f := range c.Fields {
		if column := columnOf(table, catalog.FieldID(f)); column != nil {
			var err error
			if c.Columns[i], err = restored(column, c.Columns[i]); err != nil {
				return err
			}
		}
		fields[i] = growing.Field{ID: catalog.FieldID(f), Type: c.Columns[i].DataType()}
	}
	schema, err := growing.NewSchema(c.SchemaVersion, fields, len(c.Key) > 0)
	if err != nil {
		return err
	}
	rows := growing.Rows{Columns: c.Columns, RowIDs: consecutive(c.FirstRowID, c.Rows())}
	if len(c.Key) > 0 {
		if rows.Keys, err = replayKeys(c); err != nil {
			return err
		}
		defer rows.Keys.Release()
		rows.Hashes = hashKeys(rows.Keys)
	}
	return p.insert(c.Target, schema, rows, 0)
}

func consecutive(first uint64, n int) []uint64 {
	ids := make([]uint64, n)
	for i := range ids {
		ids[i] = first + uint64(i)
	}
	return ids
}

func hashKeys(keys *array.Binary) []uint64 {
	hashes := make([]uint64, keys.Len())
	for i := range hashes {
		hashes[i] = segment.KeyHash(keys.Value(i))
	}
	return hashes
}

// replayKeys encodes the primary keys of a logged insert by the types that it
// names.
func replayKeys(c *wal.Insert) (*array.Binary, error) {
	columns, keyTypes := make([]int, len(c.Key)), make([]types.T, len(c.Key))
	for i, k := range c.Key {
		columns[i], keyTypes[i] = int(k.Field), types.Of(types.OID(k.Type))
		if types.ByOID(types.OID(k.Type)) == nil {
			return nil, fmt.Errorf("storage: the log names key type %d, which is not known", k.Type)
		}
	}
	keys := make([]arrow.Array, len(c.Columns))
	for i, k := range columns {
		keys[k] = keyTypes[i].FromStorage(c.Columns[k], memory.DefaultAllocator)
	}
	defer releaseAll(keys)
	return encodeKeys(keys, columns, keyTypes, c.Rows()), nil
}

// adoptBytes is from where on a private segment is adopted as it is instead of
// copied into the shard's growing one.
const adoptBytes = 4 << 20

// apply makes the writes part of the shards, committed at at. It runs under
// the pipeline's apply lock and cannot fail but for memory, which it waits for; of
// recovery, shards that cannot be read are set aside.
func (p *privateWrites) apply(ctx context.Context, at hlc.Timestamp, pos wal.Position, live func(*shard) bool) error {
	p.chain = map[RowID]int{}
	for i := range p.deletes.count {
		if d := p.deletes.at(i); d.private {
			p.chain[d.row] = i
		}
	}
	for _, ps := range p.order {
		s := p.e.shard(ps.key, catalog.StorageID(ps.target.TableStorage))
		if !live(s) {
			continue
		}
		for _, g := range ps.segments {
			if err := s.take(ctx, p.e, g, at); err != nil {
				return err
			}
		}
		err := p.applyLoads(ctx, s, ps.loads, at)
		s.markDirty(pos, at)
		if err != nil && !p.e.setAside(s, err) {
			return err
		}
	}
	var near nearSource
	for i := range p.deletes.count {
		d := p.deletes.at(i)
		if d.private {
			continue // not copied, or timestamped by take
		}
		s := p.e.shard(shardKey{catalog.StorageID(d.target.Partition), int(d.target.Shard)}, catalog.StorageID(d.target.TableStorage))
		if !live(s) {
			continue
		}
		err := s.deleteRow(ctx, &near, d.row, p.lastSuccessor(d.successor), at)
		s.markDirty(pos, at)
		if err != nil {
			if !p.e.setAside(s, err) {
				return err
			}
			near = nearSource{}
		}
	}
	return nil
}

// take adds the rows of a private segment.
func (s *shard) take(ctx context.Context, e *Engine, g *memorySegment, at hlc.Timestamp) error {
	if g.Rows() == 0 {
		return nil
	}
	if g.Bytes() >= adoptBytes || g.Spilled() {
		for pos := 0; g.Tombstones.Count() > 0 && pos < g.Rows(); pos++ {
			g.Tombstones.Move(pos, uint64(at))
		}
		g.Adopt(at)
		s.adopt(g.Segment)
		return nil
	}
	into := s.appendable(e, g.Schema())
	for start := 0; start < g.Rows(); {
		_, end := g.ChunkAt(start)
		if err := s.copyRows(into, g, start, end, at); err != nil {
			return err
		}
		start = end
	}
	return nil
}

// copyRows copies the rows of [start, end), within one chunk, that are not gone.
func (s *shard) copyRows(into, g *memorySegment, start, end int, at hlc.Timestamp) error {
	for from := start; from < end; {
		if gone, _ := g.Tombstones.Get(from); gone != 0 {
			from++
			continue
		}
		to := from + 1
		for to < end {
			if gone, _ := g.Tombstones.Get(to); gone != 0 {
				break
			}
			to++
		}
		if err := copyRun(into, g, from, to, at); err != nil {
			return err
		}
		from = to
	}
	return nil
}

func copyRun(into, g *memorySegment, from, to int, at hlc.Timestamp) error {
	schema := g.Schema()
	fields := make([]int, len(schema.Fields))
	for i := range fields {
		fields[i] = i
	}
	rows := growing.Rows{Columns: g.View(make([]arrow.Array, 0, len(fields)), fields, from, to)}
	defer releaseAll(rows.Columns)
	ids := g.RowIDView(from, to).(*array.Uint64)
	defer ids.Release()
	rows.RowIDs = ids.Uint64Values()
	if schema.Keyed {
		rows.Keys = g.KeyView(from, to)
		defer rows.Keys.Release()
		rows.Hashes = hashKeys(rows.Keys)
	}
	return into.Append(rows, at)
}

// nearSource is where a row of a shard was found last: those of one statement mostly
// come from one segment after the other.
type nearSource struct {
	s   *shard
	src source
}

// find looks up a row id in the shard's view, which does not change meanwhile.
func (n *nearSource) find(ctx context.Context, s *shard, row RowID) (source, int, error) {
	if n.s == s && n.src != nil {
		if pos, err := n.src.findRow(ctx, uint64(row)); pos >= 0 || err != nil {
			return n.src, pos, err
		}
	}
	src, pos, err := s.view.find(ctx, uint64(row))
	n.s, n.src = s, src
	return src, pos, err
}

// deleteRow puts the tombstone of a committed row. A row that no segment has
// was left out by a flush, which knew of the delete.
func (s *shard) deleteRow(ctx context.Context, near *nearSource, row, successor RowID, at hlc.Timestamp) error {
	src, pos, err := near.find(ctx, s, row)
	if err != nil || src == nil {
		return err
	}
	if before, _ := src.tombstones().Get(pos); before != 0 {
		return nil // replayed
	}
	src.tombstones().Set(pos, uint64(at), uint64(successor))
	if _, flushed := src.(*flushedSegment); flushed {
		s.noteDelete(at)
	}
	return nil
}

// lastSuccessor follows a chain of own versions to the one that commits: those
// between are visible to nobody and may not be kept. 0 when the last was deleted.
func (p *privateWrites) lastSuccessor(row RowID) RowID {
	for row != 0 {
		_, g, pos := p.findAny(row)
		if g == nil {
			return row
		}
		n, adopted := p.chain[row]
		if !adopted {
			if at, _ := g.Tombstones.Get(pos); at == 0 {
				return row
			}
			return 0
		}
		row = p.deletes.at(n).successor
	}
	return 0
}

func (s *shard) markDirty(pos wal.Position, at hlc.Timestamp) {
	if s.dirty == (wal.Position{}) {
		s.dirty, s.dirtySince = pos, at
	}
}

func releaseAll(columns []arrow.Array) {
	for _, a := range columns {
		if a != nil {
			a.Release()
		}
	}
}
