package executor

import (
	"context"
	"hash/fnv"

	"quiver/catalog"
	"quiver/storage"
)

// nameLockBit keeps the locks on names apart from those on tables: OIDs are
// given out from below.
const nameLockBit catalog.OID = 1 << 31

// lockName locks a name in a schema, that a relation is about to take, until the
// transaction ends: a second transaction that creates the same waits for the
// outcome of the first, as it does in Postgres for the entry in pg_class. Names
// share a lock if their hashes are equal, which costs a wait and no more. Names of
// schemas lie in their database, those of databases in 0.
func (d *ddl) lockName(ctx context.Context, schema catalog.OID, name string) error {
	h := fnv.New32a()
	h.Write([]byte{byte(schema), byte(schema >> 8), byte(schema >> 16), byte(schema >> 24)})
	h.Write([]byte(name))
	lock := catalog.OID(h.Sum32()) | nameLockBit
	if err := d.x.env.Txn.LockTable(ctx, lock, storage.LockAccessExclusive, storage.WaitBlock); err != nil {
		return err
	}
	d.catalog().Refresh()
	return nil
}
