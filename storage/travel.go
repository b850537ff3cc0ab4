package storage

import (
	"context"
	"fmt"

	"quiver/catalog"
	"quiver/internal/hlc"
)

// Time travel reads at a timestamp of the past: what was committed up to it, less
// what was past its time then. The catalog is today's: a column added since reads
// as its default, a dropped one is not there, and neither are rows of dropped
// tables and partitions. What TRUNCATE or a rewrite replaced, or an attached table had,
// cannot be read.

// TooEarlyError is a read at a time of which versions are missing: 22023.
type TooEarlyError struct {
	// Table is the one that was read.
	Table string
	// Earliest is from when on it can be read.
	Earliest hlc.Timestamp
}

func (e *TooEarlyError) Error() string {
	return fmt.Sprintf("table %q cannot be read before %d", e.Table, e.Earliest)
}

// ErrReadTime: 22023, a read timestamp that lies in the future.
var ErrReadTime = fmt.Errorf("storage: read timestamp is in the future")

// Timestamp returns one that is later than every commit that has a timestamp, and
// earlier than all to come.
func (e *Engine) Timestamp() (hlc.Timestamp, error) {
	p := &e.pipeline
	p.mu.Lock()
	defer p.mu.Unlock()
	return e.clock.Next()
}

// travel is what a transaction reads at in the past.
type travel struct {
	time readTime
	// asked is the timestamp that was asked for.
	asked hlc.Timestamp
	// from is when it began: the retention counts from there.
	from hlc.Timestamp
}

// ReadAt makes the snapshots to come read at a timestamp of the past, which stays
// readable until the transaction ends; 0 ends it.
func (t *txn) ReadAt(ctx context.Context, at hlc.Timestamp) error {
	if t.done || t.e.closed.Load() {
		return ErrClosed
	}
	if at == t.travel.asked {
		return nil
	}
	asked := at
	if at != 0 {
		next, err := t.e.Timestamp()
		if err != nil {
			return err
		}
		if at >= next {
			// Of the running millisecond, what there is.
			if at>>hlc.CounterBits > next>>hlc.CounterBits {
				return ErrReadTime
			}
			at = next - 1
		}
		if err := t.e.pipeline.reach(ctx, at); err != nil {
			return err
		}
	}
	t.endTravel()
	if at != 0 {
		t.travel = travel{time: readTime{at, at}, asked: asked, from: t.e.now()}
		t.e.readers.register(t.travel.time)
	}
	return nil
}

func (t *txn) endTravel() {
	if t.travel.time.at != 0 {
		t.e.readers.unregister(t.travel.time)
		t.travel = travel{}
	}
}

// reads says whether a partition can be read at the snapshot's time, and up to
// which commit its rows are past theirs.
func (s *snapshot) reads(table *catalog.Table, p *catalog.Partition) (expired hlc.Timestamp, err error) {
	if s.past() {
		if p.TruncatedAt == catalog.TruncatedByCommit { // by this transaction
			return 0, &TooEarlyError{table.Name, s.t.e.pipeline.visible()}
		}
		kept := s.travel.from.Before(s.t.e.lifetime(table, p).retention)
		if earliest := max(kept, hlc.Timestamp(p.TruncatedAt)); s.time.at < earliest {
			return 0, &TooEarlyError{table.Name, earliest}
		}
	}
	return expiredBy(ttlOf(table, p), s.time.now), nil
}

// past says whether the snapshot is of time travel.
func (s *snapshot) past() bool { return s.travel.time.at != 0 }

// export is a snapshot that other transactions may take.
type export struct {
	time     readTime
	database catalog.OID
}

// ErrNoSnapshot: 22023, no open transaction has exported a snapshot of that name.
var ErrNoSnapshot = fmt.Errorf("storage: no such snapshot")

// ErrOtherDatabase: 0A000, the snapshot is of another database.
var ErrOtherDatabase = fmt.Errorf("storage: snapshot of another database")

// ExportSnapshot names what the running statement reads, for ImportSnapshot of
// other transactions until this one ends.
func (t *txn) ExportSnapshot() string {
	time := t.lastRead
	if time.at == 0 {
		time = t.e.readers.registerVisible(t.e)
	} else {
		t.e.readers.register(time)
	}
	// As PostgreSQL's: two numbers of the transaction, one of its snapshots.
	name := fmt.Sprintf("%08X-%08X-%d", uint32(t.id>>32), uint32(t.id), len(t.exports)+1)
	t.exports = append(t.exports, name)
	t.e.exports.Store(name, export{time, t.opts.Database})
	return name
}

func (t *txn) endExports() {
	for _, name := range t.exports {
		if x, ok := t.e.exports.LoadAndDelete(name); ok {
			t.e.readers.unregister(x.(export).time)
		}
	}
	t.exports = nil
}

// ImportSnapshot makes a RepeatableRead transaction that has not read yet read
// what another exported.
func (t *txn) ImportSnapshot(name string) error {
	v, ok := t.e.exports.Load(name)
	if !ok {
		return ErrNoSnapshot
	}
	x := v.(export)
	if x.database != t.opts.Database {
		return ErrOtherDatabase
	}
	t.e.readers.register(x.time)
	// If its transaction ended meanwhile, what it read may be gone.
	if _, ok := t.e.exports.Load(name); !ok {
		t.e.readers.unregister(x.time)
		return ErrNoSnapshot
	}
	t.endRepeatable()
	t.readAt = x.time
	return nil
}

func (t *txn) endRepeatable() {
	if t.readAt.at != 0 {
		t.e.readers.unregister(t.readAt)
		t.readAt = readTime{}
	}
}
