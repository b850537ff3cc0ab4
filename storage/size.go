package storage

import (
	"quiver/catalog"
	"quiver/storage/lock"
)

// tableSize is the bytes of a table's segments, or of those of one of its
// partitions if that is not 0: in memory, spilled and in objects.
func (e *Engine) tableSize(table, partition catalog.StorageID) (bytes int64) {
	for _, s := range e.shardsOf(table, partition) {
		view := s.pin()
		for _, m := range view.memory {
			bytes += m.Size()
		}
		for _, f := range view.objects() {
			bytes += f.descriptor().Bytes
		}
		view.release()
	}
	return bytes
}

// indexSize is the bytes of the parts of an index.
func (e *Engine) indexSize(table, index catalog.StorageID) (bytes int64) {
	for _, s := range e.shardsOf(table, 0) {
		view := s.pin()
		for _, f := range view.flushed {
			for _, part := range f.Current().Parts(index) {
				bytes += part.Bytes
			}
		}
		view.release()
	}
	return bytes
}

// shardsOf returns the shards of a table, or of one of its partitions if that is
// not 0.
func (e *Engine) shardsOf(table, partition catalog.StorageID) (shards []*shard) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	for _, s := range e.shards {
		if s.table == table && (partition == 0 || s.key.partition == partition) {
			shards = append(shards, s)
		}
	}
	return shards
}

// Locks tells the table locks that are held and the locks that are waited for;
// owners are transaction ids.
func (e *Engine) Locks() []lock.Held { return e.locks.List() }
