package session

import (
	"sync"

	"quiver/catalog"
	"quiver/executor"
	"quiver/planner"
	"quiver/storage"
)

// IndexKeys returns what storage computes the keys of indexes of expressions and
// of partial ones with: it plans the texts of their descriptors, once a version.
func IndexKeys(c *catalog.Catalog) storage.IndexKeysOf {
	k := &indexKeys{catalog: c, known: map[catalog.OID]knownKeys{}}
	return k.of
}

type indexKeys struct {
	catalog *catalog.Catalog
	mu      sync.Mutex // guards known
	known   map[catalog.OID]knownKeys
}

// knownKeys are the keys of an index as it and its table were at a version.
type knownKeys struct {
	table, index *catalog.Object
	keys         storage.IndexKeys
}

func (k *indexKeys) of(table *catalog.Table, index *catalog.Index) (storage.IndexKeys, error) {
	if index.Predicate == "" && index.Columns[0].Expr == "" {
		return nil, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	// Descriptors are immutable: the same ones say the same.
	if known, ok := k.known[index.OID]; ok && known.table == &table.Object && known.index == &index.Object {
		return known.keys, nil
	}
	key, err := planner.IndexKey(k.catalog.View(table.Database), table, index)
	if err != nil {
		return nil, err
	}
	keys, err := executor.NewIndexKeys(key)
	if err != nil {
		return nil, err
	}
	k.known[index.OID] = knownKeys{&table.Object, &index.Object, keys}
	return keys, nil
}
