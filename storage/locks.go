package storage

import (
	"context"
	"encoding/binary"
	"errors"

	"github.com/cespare/xxhash/v2"

	"quiver/catalog"
	"quiver/storage/lock"
)

// lockError maps the lock manager's errors to storage's.
func lockError(err error) error {
	switch {
	case errors.Is(err, lock.ErrDeadlock):
		return ErrDeadlock
	case errors.Is(err, lock.ErrTimeout):
		return ErrLockTimeout
	case errors.Is(err, lock.ErrNotAvailable):
		return ErrLockNotAvailable
	}
	return err
}

func rowResource(table catalog.StorageID, row RowID) lock.Resource {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], uint64(table))
	binary.LittleEndian.PutUint64(b[8:], uint64(row))
	return lock.Row(xxhash.Sum64(b[:]))
}

// keyResource locks a key of a table's primary key: over all its partitions.
func keyResource(table catalog.StorageID, hash uint64) lock.Resource {
	return lock.Key(hash ^ uint64(table)*0x9e3779b97f4a7c15)
}

// lockKey takes the lock on a key; held says that the transaction had it.
func (t *txn) lockKey(ctx context.Context, table catalog.StorageID, hash uint64) (held bool, err error) {
	held, err = t.owner().Lock(ctx, keyResource(table, hash), lock.ForUpdate, t.wait(WaitBlock))
	return held, lockError(err)
}
