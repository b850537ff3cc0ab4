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

// lockPlaces is how many resources of the lock manager are a block.
const lockPlaces = 64

// rowResource locks a row. Rows with successive ids are mostly changed together.
func rowResource(table catalog.StorageID, row RowID) lock.Resource {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], uint64(table))
	binary.LittleEndian.PutUint64(b[8:], uint64(row)/lockPlaces)
	return lock.Row(xxhash.Sum64(b[:]), uint8(row%lockPlaces))
}

// keyResource locks a key of a table's primary key: over all its partitions. The last
// byte, of a number the lowest, is the place: successive numbers are a block.
func keyResource(table catalog.StorageID, key []byte) lock.Resource {
	last := byte(0)
	if n := len(key); n > 0 {
		key, last = key[:n-1], key[n-1]
	}
	hash := xxhash.Sum64(key) ^ (uint64(table)<<2|uint64(last/lockPlaces))*0x9e3779b97f4a7c15
	return lock.Key(hash, last%lockPlaces)
}

// lockKey takes the lock on a key; held says that the transaction had it.
func (t *txn) lockKey(ctx context.Context, table catalog.StorageID, key []byte) (held bool, err error) {
	held, err = t.owner().Lock(ctx, keyResource(table, key), lock.ForUpdate, t.wait(WaitBlock))
	return held, lockError(err)
}
