package session

import (
	"quiver/catalog"
	"quiver/executor"
	"quiver/planner"
	"quiver/storage"
)

// IndexKeys is the storage.Options.IndexKeys of an engine over c: the texts of
// expressions and predicates in descriptors, bound and compiled.
func IndexKeys(c *catalog.Catalog) storage.IndexKeysOf {
	return func(table *catalog.Table, index *catalog.Index) (storage.IndexKeys, error) {
		if index.Columns[0].Number != 0 && index.Predicate == "" {
			return nil, nil
		}
		key, err := planner.IndexKey(c.View(table.Database), table, index)
		if err != nil {
			return nil, err
		}
		return executor.NewIndexKeys(key)
	}
}
