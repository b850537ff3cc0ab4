package storage

import (
	"time"

	"quiver/catalog"
	"quiver/internal/hlc"
)

// lifetime is how long the rows and the old versions of a partition are kept.
type lifetime struct {
	// ttl is how long after their commit rows can be read; 0 is for ever.
	ttl time.Duration
	// retention is how long versions are kept that no snapshot needs.
	retention time.Duration
}

// lifetimeOf is what the options of a shard's partition and table say now.
func (e *Engine) lifetimeOf(s *shard) lifetime {
	version := e.catalog.Current()
	table, partition := version.PlaceOfStorage(s.key.partition)
	if table == nil {
		return lifetime{retention: e.retention()}
	}
	return e.lifetime(table, partition)
}

func (e *Engine) lifetime(table *catalog.Table, p *catalog.Partition) lifetime {
	l := lifetime{ttl: ttlOf(table, p), retention: e.retention()}
	for _, o := range []*catalog.StorageOptions{&table.Options, &p.Options} {
		if o.Retention != nil {
			l.retention = *o.Retention
		}
	}
	return l
}

// ttlOf is the time to live of a partition's rows; 0 is for ever.
func ttlOf(table *catalog.Table, p *catalog.Partition) time.Duration {
	switch {
	case p.Options.TTL != nil:
		return *p.Options.TTL
	case table.Options.TTL != nil:
		return *table.Options.TTL
	}
	return 0
}

// expiredBy is the last timestamp of rows that are expired at now; 0 if none
// are.
func (l lifetime) expiredBy(now hlc.Timestamp) hlc.Timestamp { return expiredBy(l.ttl, now) }

func expiredBy(ttl time.Duration, now hlc.Timestamp) hlc.Timestamp {
	if ttl == 0 {
		return 0
	}
	return now.Before(ttl)
}

// retention is the server's, which tables may have their own instead of.
func (e *Engine) retention() time.Duration { return time.Duration(e.kept.Load()) }

// SetRetention changes how long versions are kept of the tables that do not say
// it themselves.
func (e *Engine) SetRetention(d time.Duration) {
	e.kept.Store(int64(d))
	e.wake()
}

// now is the time that rows and versions age by. It never goes back, so that
// what was expired once is.
func (e *Engine) now() hlc.Timestamp {
	now := uint64(e.clock.Now())
	for {
		last := e.latest.Load()
		if now <= last {
			return hlc.Timestamp(last)
		}
		if e.latest.CompareAndSwap(last, now) {
			return hlc.Timestamp(now)
		}
	}
}

// horizon is what a flush or a merge may leave out.
type horizon struct {
	// deleted: rows deleted at or before it.
	deleted hlc.Timestamp
	// expired: rows committed at or before it; 0 is none.
	expired hlc.Timestamp
	// now is the time at which those were expired.
	now hlc.Timestamp
}

// horizonLocked is what nobody can read any more of a shard: no snapshot, and, if
// the scope keeps it, nobody within the retention. The caller holds the apply
// lock.
func (e *Engine) horizonLocked(s *shard, scope mergeScope) horizon {
	life, now := e.lifetimeOf(s), e.now()
	oldest := e.readers.oldest(e)
	h := horizon{deleted: min(oldest.at, e.pipeline.appliedAt), now: min(oldest.now, now)}
	if scope != mergeFull {
		kept := now.Before(life.retention)
		h.deleted, h.now = min(h.deleted, kept), min(h.now, kept)
	}
	h.expired = life.expiredBy(h.now)
	return h
}

// horizonOf is horizonLocked for who does not hold the lock.
func (e *Engine) horizonOf(s *shard, scope mergeScope) horizon {
	e.pipeline.apply.Lock()
	defer e.pipeline.apply.Unlock()
	return e.horizonLocked(s, scope)
}
