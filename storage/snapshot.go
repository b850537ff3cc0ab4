package storage

import (
	"context"
	"sync"

	"quiver/catalog"
	"quiver/internal/hlc"
)

// snapshot is a Snapshot: a timestamp, and what the transaction's earlier
// commands wrote.
type snapshot struct {
	t    *txn
	time readTime
	// travel is the transaction's when the snapshot is of time travel.
	travel travel
	own    *ownView

	mu sync.Mutex // guards what follows
	// first is the shard pinned first, mostly the only one; pins has the others.
	first     *shard
	firstView *shardView
	pins      map[*shard]*shardView
	closed    bool
}

// ownView is what a command sees of its transaction's own writes: of each
// private segment the rows that were there when the command began, and the
// deletes up to then.
type ownView struct {
	rows    map[*memorySegment]int
	shards  []ownShard
	deletes uint64
}

// ownShard is a shard of ownView.
type ownShard struct {
	key      shardKey
	segments []*memorySegment
	loads    []*flushedSegment
}

// Snapshot begins a command.
func (t *txn) Snapshot(ctx context.Context) (Snapshot, error) {
	if t.done || t.e.closed.Load() {
		return nil, ErrClosed
	}
	t.command = t.ownNow()
	fixed := t.travel.time
	if fixed.at == 0 && t.opts.Isolation == RepeatableRead {
		fixed = t.readAt
	}
	if fixed.at != 0 {
		if fixed == t.travel.time {
			t.command = nil // what is not committed is no part of the past
		}
		t.e.readers.register(fixed)
		return t.newSnapshot(fixed), nil
	}
	if err := t.e.pipeline.await(ctx, t.consistency); err != nil {
		return nil, err
	}
	s := t.newSnapshot(t.e.readers.registerVisible(t.e))
	if t.opts.Isolation == RepeatableRead {
		t.readAt = s.time
		t.e.readers.register(t.readAt)
	}
	return s, nil
}

// NewestSnapshot begins a command that sees every commit that was answered.
func (t *txn) NewestSnapshot(ctx context.Context) (Snapshot, error) {
	if t.done || t.e.closed.Load() {
		return nil, ErrClosed
	}
	t.command = t.ownNow()
	if err := t.e.pipeline.await(ctx, Consistency{Level: ConsistencyStrong}); err != nil {
		return nil, err
	}
	return t.newSnapshot(t.e.readers.registerVisible(t.e)), nil
}

// newSnapshot is a snapshot at a registered time.
func (t *txn) newSnapshot(time readTime) *snapshot {
	t.e.load.open()
	t.lastRead = time
	s := &snapshot{t: t, time: time, own: t.command}
	if time.at == t.travel.time.at {
		s.travel = t.travel
	}
	return s
}

// LatestSnapshot reads the newest state within the running command.
func (t *txn) LatestSnapshot(context.Context) (Snapshot, error) {
	if t.done || t.e.closed.Load() {
		return nil, ErrClosed
	}
	if t.command == nil {
		t.command = t.ownNow()
	}
	return t.newSnapshot(t.e.readers.registerVisible(t.e)), nil
}

// ownNow notes what the transaction has written so far; nil is nothing.
func (t *txn) ownNow() *ownView {
	if t.writes == nil || t.writes.empty() {
		return nil
	}
	t.writes.command = t.writes.deletes.count
	v := &ownView{rows: map[*memorySegment]int{}, deletes: uint64(t.writes.command)}
	for _, s := range t.writes.order {
		v.shards = append(v.shards, ownShard{s.key, s.segments[:len(s.segments):len(s.segments)], s.own()})
		for _, g := range s.segments {
			v.rows[g] = g.Rows()
		}
	}
	return v
}

// shard returns what a command sees of one shard.
func (v *ownView) shard(key shardKey) (s ownShard) {
	if v == nil {
		return s
	}
	for i := range v.shards {
		if v.shards[i].key == key {
			return v.shards[i]
		}
	}
	return s
}

// sources calls f for each of the own segments, with how many rows of it the
// command sees. Of those in objects what hides committed rows is to hide rows.
func (v *ownView) sources(key shardKey, f func(src source, rows int, private bool) error) error {
	s := v.shard(key)
	for _, g := range s.segments {
		if err := f(g, v.rows[g], true); err != nil {
			return err
		}
	}
	for _, l := range s.loads {
		if err := f(l, l.Rows(), false); err != nil {
			return err
		}
	}
	return nil
}

// gone says whether a private tombstone hides its row from the command.
func (v *ownView) gone(at uint64) bool { return at == privateGone || at-privateFirst < v.deletes }

func (s *snapshot) ReadTimestamp() hlc.Timestamp { return s.time.at }

// pin pins a shard of a table for the life of the snapshot.
func (s *snapshot) pin(table *catalog.Table, key shardKey) (*shardView, error) {
	sh := s.t.e.findShard(key)
	if sh != nil && sh.damage != nil {
		return nil, sh.damage
	}
	v := s.pinShard(sh)
	if v != nil && v.since > s.time.at && s.past() {
		return nil, &TooEarlyError{table.Name, v.since}
	}
	return v, nil
}

func (s *snapshot) pinShard(sh *shard) *shardView {
	if sh == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if sh == s.first {
		return s.firstView
	}
	if v := s.pins[sh]; v != nil {
		return v
	}
	v := sh.pin()
	if s.first == nil {
		s.first, s.firstView = sh, v
		return v
	}
	if s.pins == nil {
		s.pins = map[*shard]*shardView{}
	}
	s.pins[sh] = v
	return v
}

func (s *snapshot) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	if s.first != nil {
		s.firstView.release()
	}
	for _, v := range s.pins {
		v.release()
	}
	s.first, s.firstView, s.pins = nil, nil, nil
	s.t.e.readers.unregister(s.time)
	s.t.e.load.reading.Add(-1)
}

// Rows estimates the live rows of a table.
func (s *snapshot) Rows(table *catalog.Table) int64 {
	return s.t.e.liveRows(table, s.t.catalog.Partitions(table.OID), s.time.now) + s.ownRows(table)
}

func (s *snapshot) ownRows(table *catalog.Table) (n int64) {
	if s.own == nil {
		return 0
	}
	for _, own := range s.own.shards {
		if p := s.t.catalog.PartitionByStorage(own.key.partition); p == nil || p.Table != table.OID {
			continue
		}
		for _, g := range own.segments {
			n += int64(s.own.rows[g]) - g.Tombstones.Count()
		}
		for _, l := range own.loads {
			n += int64(l.Rows())
		}
	}
	return max(n, 0)
}

// Rows estimates the committed rows of a table, for the planner.
func (e *Engine) Rows(table *catalog.Table) int64 {
	return e.liveRows(table, e.catalog.View(table.Database).Partitions(table.OID), e.now())
}

func (e *Engine) liveRows(table *catalog.Table, partitions []*catalog.Partition, now hlc.Timestamp) (n int64) {
	views := e.pinPartitions(table, partitions)
	defer views.release()
	for _, v := range views.list {
		expired := expiredBy(ttlOf(table, v.partition), now)
		for _, m := range v.view.memory {
			n += max(int64(m.Rows()-m.begin(expired))-m.Tombstones.Count(), 0)
		}
		for _, f := range v.view.objects() {
			n += max(int64(f.Rows())-e.expiredRows(f, expired)-f.tombstones().Count(), 0)
		}
	}
	return n
}
