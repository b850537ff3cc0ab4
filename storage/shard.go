package storage

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"quiver/catalog"
	"quiver/internal/hlc"
	"quiver/storage/growing"
	"quiver/storage/wal"
)

// shardKey names a shard: partition storage ids are unique by themselves.
type shardKey struct {
	partition catalog.StorageID
	shard     int
}

// shard is where one shard of one partition keeps its rows. Everything that
// changes it runs under the pipeline's apply lock or, for flushes, replaces the
// view; readers pin the view.
type shard struct {
	key shardKey
	// table is the storage id under which its objects are named: that of the table
	// which the partition was made in. It may be part of another since.
	table catalog.StorageID

	mu   sync.RWMutex // guards view
	view *shardView

	// What follows is guarded by the pipeline's apply lock.

	// deletesSince is the timestamp of the oldest delete of a flushed row that no
	// delta log may have yet; 0 when there is none. The deletes are the tombstones of
	// the segments from then on.
	deletesSince hlc.Timestamp
	// flushFrom is what dirty was for a flush that is under way.
	flushFrom wal.Position
	// dirty is the position of the oldest commit that objects do not hold, and
	// dirtySince its timestamp; zero when there is none.
	dirty      wal.Position
	dirtySince hlc.Timestamp
	// checkpoint is where replay may begin.
	checkpoint wal.Position
	// half says that the catalog lists segments which the log at or after the
	// checkpoint names: a flush that listed many was cut short.
	half bool
	// dropped shards belong to no table any more; what comes late is ignored.
	dropped bool

	// damage is why what the catalog lists of the shard cannot be read, unread its
	// segments; nil for all others. It is set by recovery alone. Nothing is in view
	// then, statements that need the shard fail with the damage, and the log keeps
	// what it has of the shard until a start finds it mended.
	damage error
	unread []*catalog.Segment

	// options are those of the newest catalog version that was asked.
	options atomic.Pointer[shardOptions]

	// flushedAt is when the last flush ended; nil before it.
	flushedAt atomic.Pointer[time.Time]

	flushing sync.Mutex // one flush at a time; taken before the apply lock

	// shaping holds one token: whoever has it may merge the shard's segments
	// and build indexes of them. Taken before flushing.
	shaping chan struct{}
	// settled is what reconcile last found nothing to do for, under its lock.
	settled settledShard
	// awaited is what reconcile last found something to do for, under its lock too:
	// job among others.
	awaited settledShard
	job     int64
}

var zeroPosition wal.Position

// shardView is an immutable list of the segments of a shard. It is pinned by
// snapshots and freed with its segments at the last release.
type shardView struct {
	refs   atomic.Int32
	memory []*memorySegment // oldest first; the last may be growing
	// loaded are segments of bulk loads that the catalog does not list before the
	// next flush. Until then they are not merged and get no index.
	loaded  []*flushedSegment
	flushed []*flushedSegment
	// since is from when on a reader finds every version that it is to see:
	// before it, flushes and merges have left out some.
	since hlc.Timestamp
}

// newShardView takes over the references to its segments.
func newShardView(memory []*memorySegment, flushed ...*flushedSegment) *shardView {
	v := &shardView{memory: memory, flushed: flushed}
	v.refs.Store(1)
	return v
}

func (v *shardView) release() {
	if v.refs.Add(-1) != 0 {
		return
	}
	for _, m := range v.memory {
		m.release()
	}
	for _, f := range v.objects() {
		f.release()
	}
}

// objects are all segments in objects, listed or not.
func (v *shardView) objects() []*flushedSegment {
	if len(v.loaded) == 0 {
		return v.flushed
	}
	return append(v.flushed[:len(v.flushed):len(v.flushed)], v.loaded...)
}

// sources calls f for each segment, the newest first, until f says false or
// fails.
func (v *shardView) sources(f func(source) (bool, error)) error {
	for i := len(v.memory) - 1; i >= 0; i-- {
		if more, err := f(v.memory[i]); !more || err != nil {
			return err
		}
	}
	for _, list := range [][]*flushedSegment{v.loaded, v.flushed} {
		for i := len(list) - 1; i >= 0; i-- {
			if more, err := f(list[i]); !more || err != nil {
				return err
			}
		}
	}
	return nil
}

// pin returns the current view, which the caller releases.
func (s *shard) pin() *shardView {
	s.mu.RLock()
	defer s.mu.RUnlock()
	s.view.refs.Add(1)
	return s.view
}

// replace makes v the current view.
func (s *shard) replace(v *shardView) {
	s.mu.Lock()
	old := s.view
	s.view = v
	s.mu.Unlock()
	old.release()
}

// change replaces the view by one with other lists; the segments kept or added
// are retained for it.
func (s *shard) change(memory []*memorySegment, flushed []*flushedSegment) {
	s.changeSince(memory, flushed, 0)
}

// changeSince is change that leaves out what readers before since would see.
func (s *shard) changeSince(memory []*memorySegment, flushed []*flushedSegment, since hlc.Timestamp) {
	s.changeAll(memory, s.view.loaded, flushed, since)
}

func (s *shard) changeAll(memory []*memorySegment, loaded, flushed []*flushedSegment, since hlc.Timestamp) {
	v := newShardView(memory, flushed...)
	v.loaded = loaded
	for _, m := range memory {
		m.retain()
	}
	for _, f := range v.objects() {
		f.retain()
	}
	v.since = max(since, s.view.since)
	s.replace(v)
}

// horizons is what the catalog is told of rows left out; nothing for 0.
func (s *shard) horizons(since hlc.Timestamp) []catalog.Horizon {
	if since == 0 {
		return nil
	}
	return []catalog.Horizon{{Table: s.table, Partition: s.key.partition, Shard: s.key.shard, Since: uint64(since)}}
}

// shard returns the shard of a key, made if it is new; table is the storage id under
// which the objects of a new one are named. Its checkpoint keeps it from then on.
func (e *Engine) shard(key shardKey, table catalog.StorageID) *shard {
	if s := e.findShard(key); s != nil {
		return s
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.shards[key]
	if s == nil {
		s = &shard{key: key, table: table, view: newShardView(nil), shaping: make(chan struct{}, 1)}
		s.shaping <- struct{}{}
		e.shards[key] = s
	}
	return s
}

// findShard returns a shard, or nil if nothing was ever written to it.
func (e *Engine) findShard(key shardKey) *shard {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.shards[key]
}

// allShards returns every shard.
func (e *Engine) allShards() []*shard {
	e.mu.RLock()
	defer e.mu.RUnlock()
	list := make([]*shard, 0, len(e.shards))
	for _, s := range e.shards {
		list = append(list, s)
	}
	return list
}

// appendable returns the growing segment that rows of a schema go to. One that has
// reached its largest size is sealed.
func (s *shard) appendable(e *Engine, schema *growing.Schema) *memorySegment {
	v := s.view // only the apply lock's holder changes it
	if n := len(v.memory); n > 0 {
		m := v.memory[n-1]
		full := m.Size() >= e.segmentBytesMax(s)
		if m.open && !full && m.Schema().Equal(schema) {
			return m
		}
		if full {
			e.wake()
		}
	}
	s.seal()
	m := &memorySegment{Segment: growing.NewShared(schema, e.mem.Unlimited()), open: true}
	s.change(append(s.view.memory[:len(s.view.memory):len(s.view.memory)], m), s.view.flushed)
	m.release() // the view's now
	return m
}

// seal ends the growing segment: nothing is appended to it any more.
func (s *shard) seal() {
	if n := len(s.view.memory); n > 0 {
		s.view.memory[n-1].open = false
	}
}

// adopt adds a transaction's own segment as a sealed one.
func (s *shard) adopt(g *growing.Segment) {
	g.Retain()
	m := &memorySegment{Segment: g, adopted: true}
	v := s.view
	memory := append([]*memorySegment(nil), v.memory...)
	// The growing segment stays last: it goes on growing.
	if n := len(memory); n > 0 && memory[n-1].open {
		memory = append(memory[:n-1], m, memory[n-1])
	} else {
		memory = append(memory, m)
	}
	s.change(memory, v.flushed)
	m.release()
}

// memoryBytes is what the shard's segments in memory take.
func (s *shard) memoryBytes() (n int64) {
	v := s.pin()
	defer v.release()
	for _, m := range v.memory {
		n += m.Bytes()
	}
	return n
}

// size is what the shard's rows take that are not in objects yet.
func (s *shard) size() (n int64) {
	v := s.pin()
	defer v.release()
	for _, m := range v.memory {
		n += m.Size()
	}
	return n
}

// find looks a row id up in a view; src is nil if no segment has it.
func (v *shardView) find(ctx context.Context, id uint64) (src source, pos int, err error) {
	err = v.sources(func(s source) (bool, error) {
		p, err := s.findRow(ctx, id)
		if err != nil {
			return false, err
		}
		if p >= 0 {
			src, pos = s, p
		}
		return p < 0, nil
	})
	return src, pos, err
}

// newest looks for the committed row with a key that nobody deleted; at most one
// segment has it. skip hides rows that the asking transaction deleted itself. past
// says that the row was committed at or before expired.
func (v *shardView) newest(ctx context.Context, hash uint64, key []byte, expired hlc.Timestamp, skip func(RowID) bool) (found RowID, past bool, err error) {
	err = v.sources(func(s source) (bool, error) {
		err := s.eachKey(ctx, hash, key, func(pos int) (bool, error) {
			if at, _ := s.tombstones().Get(pos); at != 0 {
				return true, nil
			}
			id, err := s.rowID(ctx, pos)
			if err != nil || skip(RowID(id)) {
				return err == nil, err
			}
			found = RowID(id)
			if expired != 0 {
				at, err := s.timestamp(ctx, pos)
				past = at <= expired
				return false, err
			}
			return false, nil
		})
		return found == 0, err
	})
	return found, past, err
}
