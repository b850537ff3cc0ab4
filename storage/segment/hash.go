package segment

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
)

// KeyHash is the hash of an encoded primary key. It decides a row's shard, so
// it is part of the format: it must never change.
func KeyHash(key []byte) uint64 { return xxhash.Sum64(key) }

// RowIDHash is the hash of a row id: the shard of tables without a key.
func RowIDHash(id uint64) uint64 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], id)
	return xxhash.Sum64(b[:])
}
