package storage

import (
	"errors"

	"quiver/catalog"
	"quiver/storage/binlog"
	"quiver/storage/objstore"
)

// A shard that recovery cannot read, for a manifest, a delta log or an index of its
// keys or rows is missing or corrupt, is damaged: it fails the statements that need it,
// and nothing else. Nothing of it is in view, what the log has of it stays there, and
// no object is swept, for what the log alone names is not known. What is wrong is
// looked at again when the server starts.

// IsDamage says whether an error is of an object that is not there or not what it was.
func IsDamage(err error) bool {
	var corrupt *binlog.CorruptionError
	return errors.As(err, &corrupt) || errors.Is(err, objstore.ErrNotFound)
}

// noteDamage notes why a shard cannot be read.
func (e *Engine) noteDamage(s *shard, err error) {
	if s.damage == nil {
		s.damage = err
		e.damaged = true
		e.logger.Error("a shard cannot be read", "shard", s.group(), "error", err)
	}
}

// setAside takes a shard that turns out to be damaged while recovery replays the log
// out of view; false if err is something else, or comes later. The caller holds the
// apply lock.
func (e *Engine) setAside(s *shard, err error) bool {
	if !e.recovering || !IsDamage(err) {
		return false
	}
	e.noteDamage(s, err)
	for _, f := range s.view.flushed {
		s.unread = append(s.unread, f.descriptor())
	}
	s.changeAll(nil, nil, nil, 0)
	return true
}

// Damage is why a table cannot be read, as statements that need it fail; nil if it can
// be, as far as recovery looked.
func (e *Engine) Damage(table *catalog.Table) error {
	return e.damage(table, e.catalog.View(table.Database).Partitions(table.OID))
}

// damage is that of a shard of some partitions of a table; nil if there is none.
func (e *Engine) damage(table *catalog.Table, partitions []*catalog.Partition) error {
	if !e.damaged {
		return nil
	}
	for _, p := range partitions {
		for n := range max(table.Shards, 1) {
			if s := e.findShard(shardKey{p.Storage, n}); s != nil && s.damage != nil {
				return s.damage
			}
		}
	}
	return nil
}

// damage is that of a shard that has been written to; nil if there is none. p may be
// nil.
func (p *privateWrites) damage() error {
	if p == nil || !p.e.damaged {
		return nil
	}
	for key := range p.shards {
		if s := p.e.findShard(key); s != nil && s.damage != nil {
			return s.damage
		}
	}
	return nil
}
