package storage

import (
	"quiver/catalog"
	"quiver/storage/lock"
)

// tableSize is the bytes of a table's segments, or of those of one of its
// partitions if that is not 0: in memory, spilled and in objects.
func (e *Engine) tableSize(table, partition catalog.StorageID) (bytes int64) {
	e.mu.RLock()
	var shards []*shard
	for _, s := range e.shards {
		if s.table == table && (partition == 0 || s.key.partition == partition) {
			shards = append(shards, s)
		}
	}
	e.mu.RUnlock()
	for _, s := range shards {
		view := s.pin()
		for _, m := range view.memory {
			bytes += m.Size()
		}
		for _, f := range view.flushed {
			bytes += f.descriptor().Bytes
		}
		view.release()
	}
	return bytes
}

// Locks tells the table locks that are held and the locks that are waited for;
// owners are transaction ids.
func (e *Engine) Locks() []lock.Held { return e.locks.List() }
