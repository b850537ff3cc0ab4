package storage

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"quiver/catalog"
	"quiver/internal/hlc"
	"quiver/storage/lock"
)

// alter changes the options of a table.
func (w *world) alter(table *catalog.Table, change func(*catalog.StorageOptions)) *catalog.Table {
	w.t.Helper()
	tx := w.begin(TxnOptions{})
	fresh := *table
	change(&fresh.Options)
	w.check(tx.Catalog().Put(&fresh))
	w.check(tx.Commit(w.ctx))
	return &fresh
}

// TestVersionsAgainstModel reads random moments of the past, and the present, of a
// table whose rows have a time to live, while it is changed, flushed, merged and
// restarted: all is as a list of versions says.
func TestVersionsAgainstModel(t *testing.T) {
	for seed := range uint64(6) {
		random := rand.New(rand.NewPCG(seed, 5))
		w := newWorld(t)
		ttl := time.Duration(seed%2) * 40 * time.Millisecond // of a clock that goes by steps
		table := w.alter(w.newTable("v"), func(o *catalog.StorageOptions) { o.TTL = &ttl })
		type version struct {
			name string
			at   hlc.Timestamp
		}
		rows := map[int64]version{}
		states := map[hlc.Timestamp]map[int64]version{}
		text := func(rows map[int64]version, now hlc.Timestamp) string {
			seen := map[int64]string{}
			for id, v := range rows {
				if ttl == 0 || v.at > now.Before(ttl) {
					seen[id] = v.name
				}
			}
			return w.text(seen)
		}
		for step := range 120 {
			now := w.e.now()
			tx := w.begin(TxnOptions{})
			id := random.Int64N(12)
			old, there := rows[id]
			alive := there && (ttl == 0 || old.at > now.Before(ttl))
			name := fmt.Sprint("s", step)
			switch {
			case !alive:
				w.insert(tx, table, []int64{id}, name)
			case random.IntN(3) == 0:
				name = "-"
				fallthrough
			default:
				w.change(tx, table, id, name)
			}
			w.check(tx.Commit(w.ctx))
			if rows = maps.Clone(rows); name == "-" {
				delete(rows, id)
			} else {
				rows[id] = version{name, tx.CommitTimestamp()}
			}
			states[tx.CommitTimestamp()] = rows
			switch random.IntN(12) {
			case 0:
				w.check(w.e.Checkpoint(w.ctx))
			case 1:
				w.check(w.e.Vacuum(w.ctx, table.Storage, 0, false))
			case 2:
				w.crash()
			}
			w.now(table, text(rows, w.e.now()))
			for at, was := range states { // some of them
				past := w.begin(TxnOptions{})
				w.check(past.ReadAt(w.ctx, at))
				w.expect(past, table, text(was, at))
				past.Rollback()
				if random.IntN(3) == 0 {
					break
				}
			}
		}
		w.check(w.e.Vacuum(w.ctx, table.Storage, 0, true))
		w.now(table, text(rows, w.e.now()))
	}
}

// TestSpaceComesBack: a hundred rounds of updates end in little more than the space
// of one copy where nothing is retained, or after VACUUM FULL; and then the past is
// gone, also after a restart.
func TestSpaceComesBack(t *testing.T) {
	for _, retained := range []bool{false, true} {
		w := newWorld(t)
		table := w.newTable("s")
		if !retained {
			table = w.alter(table, func(o *catalog.StorageOptions) { o.Retention = new(time.Duration) })
		}
		const n = 300
		ids, names := make([]int64, n), make([]string, n)
		for i := range ids {
			ids[i], names[i] = int64(i), fmt.Sprint("row ", i)
		}
		tx := w.begin(TxnOptions{})
		w.insert(tx, table, ids, names...)
		w.check(tx.Commit(w.ctx))
		first := tx.CommitTimestamp()
		w.check(w.e.Vacuum(w.ctx, table.Storage, 0, false))
		stored := func() (bytes int64) {
			for _, s := range w.e.Segments() {
				bytes += s.StoredBytes
			}
			return bytes
		}
		one := stored()
		for round := range 100 {
			tx := w.begin(TxnOptions{})
			for _, id := range ids {
				w.change(tx, table, id, fmt.Sprint("round ", round%10))
			}
			w.check(tx.Commit(w.ctx))
			if round%10 == 9 {
				w.check(w.e.Vacuum(w.ctx, table.Storage, 0, false))
			}
		}
		past := func() error {
			tx := w.begin(TxnOptions{})
			defer tx.Rollback()
			w.check(tx.ReadAt(w.ctx, first))
			snapshot, err := tx.Snapshot(w.ctx)
			w.check(err)
			defer snapshot.Close()
			scanner, err := snapshot.Scan(w.ctx, ScanSpec{Table: table, Fields: []catalog.FieldID{100}})
			if err == nil {
				err = scanner.Close()
			}
			return err
		}
		if retained {
			w.check(past())
			w.check(w.e.Vacuum(w.ctx, table.Storage, 0, true))
		}
		w.e.jobs.Wait() // for what was merged to be collected
		if left := stored(); left > 2*one {
			t.Errorf("retained %v: %d bytes, of one copy %d", retained, left, one)
		}
		w.crash()
		var early *TooEarlyError
		if err := past(); !errors.As(err, &early) || early.Earliest <= first {
			t.Errorf("retained %v: the past can be read: %v", retained, err)
		}
	}
}

// TestOneLookMergesAll: whatever of a shard there is to merge is merged after one look
// at it, however many segments the end of a retention leaves without a row.
func TestOneLookMergesAll(t *testing.T) {
	w := newWorld(t)
	table := w.newTable("s")
	ids, names := make([]int64, 100), make([]string, 100)
	for i := range ids {
		ids[i], names[i] = int64(i), fmt.Sprint("row ", i)
	}
	tx := w.begin(TxnOptions{})
	w.insert(tx, table, ids, names...)
	w.check(tx.Commit(w.ctx))
	w.check(w.e.Checkpoint(w.ctx))
	one := w.e.Segments()[0].StoredBytes
	for round := range 10 {
		tx := w.begin(TxnOptions{})
		for _, id := range ids {
			w.change(tx, table, id, fmt.Sprint("round ", round))
		}
		w.check(tx.Commit(w.ctx))
		w.check(w.e.Checkpoint(w.ctx))
	}
	w.alter(table, func(o *catalog.StorageOptions) { o.Retention = new(time.Duration) })
	w.e.reconcile()
	w.e.jobs.Wait()
	left := int64(0)
	for _, s := range w.e.Segments() {
		left += s.StoredBytes
	}
	if left > 2*one {
		t.Errorf("%d bytes are left, of one copy %d", left, one)
	}
}

// TestInsertBesideExpired inserts the key of a row that is past its time while a merge
// takes the row away: as the insert waits for its lock, or before its commit.
func TestInsertBesideExpired(t *testing.T) {
	for _, waits := range []bool{true, false} {
		w := newWorld(t)
		ttl := 40 * time.Millisecond // of a clock that goes by steps
		table := w.alter(w.newTable("v"), func(o *catalog.StorageOptions) { o.TTL = &ttl })
		first := w.begin(TxnOptions{})
		w.insert(first, table, []int64{1}, "old")
		w.check(first.Commit(w.ctx))
		w.check(w.e.Checkpoint(w.ctx))
		holder := w.begin(TxnOptions{})
		if waits {
			_, err := holder.LockRow(w.ctx, table, w.find(holder, table, 1), LockForUpdate, WaitBlock)
			w.check(err)
		}
		w.clock.Observe(w.clock.Now() + hlc.Timestamp(2*ttl.Milliseconds())<<hlc.CounterBits)

		second := w.begin(TxnOptions{})
		inserted := make(chan error)
		go func() {
			_, _, err := second.Insert(w.ctx, table, 0, columnsOf([]int64{1}, []string{"new"}), false)
			inserted <- err
		}()
		waiting := func(h lock.Held) bool { return !h.Granted }
		for waits && !slices.ContainsFunc(w.e.locks.List(), waiting) {
			runtime.Gosched()
		}
		if !waits {
			w.check(<-inserted)
		}
		w.check(w.e.Vacuum(w.ctx, table.Storage, 0, true))
		if list := w.e.Segments(); slices.ContainsFunc(list, func(s SegmentInfo) bool { return s.Live() && s.Rows > 0 }) {
			t.Errorf("the merge left %+v", list)
		}
		holder.Rollback()
		if waits {
			w.check(<-inserted)
		}
		w.check(second.Commit(w.ctx))
		w.now(table, "1=new")
		w.crash()
		w.now(table, "1=new")
	}
}

// TestTruncatedAtCommit: between what is read of before TRUNCATE, which is refused, and
// of its commit there is no time at which the table seems empty.
func TestTruncatedAtCommit(t *testing.T) {
	w := newWorld(t)
	table := w.newTable("s")
	tx := w.begin(TxnOptions{})
	w.insert(tx, table, []int64{1}, "one")
	w.check(tx.Commit(w.ctx))
	for range 3 {
		tx = w.begin(TxnOptions{})
		w.check(tx.Catalog().Truncate(w.ctx, table.OID))
		w.insert(tx, w.e.catalog.Current().Table(table.OID), []int64{2}, "two")
		w.check(tx.Commit(w.ctx))
		at := hlc.Timestamp(w.e.catalog.Current().Partitions(table.OID)[0].TruncatedAt)
		if at != tx.CommitTimestamp() {
			t.Errorf("truncated at %d, committed at %d", at, tx.CommitTimestamp())
		}
		w.crash()
		if again := hlc.Timestamp(w.e.catalog.Current().Partitions(table.OID)[0].TruncatedAt); again != at {
			t.Errorf("after a crash truncated at %d, not %d", again, at)
		}
	}
}
