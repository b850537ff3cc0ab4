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
	version := e.catalog.Current()
	t := version.TableByStorage(table)
	if t == nil {
		return nil
	}
	for _, p := range version.Partitions(t.OID) {
		if partition != 0 && p.Storage != partition {
			continue
		}
		for n := range max(t.Shards, 1) {
			if s := e.findShard(shardKey{p.Storage, n}); s != nil {
				shards = append(shards, s)
			}
		}
	}
	return shards
}

// Locks tells the table locks that are held and the locks that are waited for;
// owners are transaction ids.
func (e *Engine) Locks() []lock.Held { return e.locks.List() }
