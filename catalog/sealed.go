package catalog

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// sealedKV is a KV whose values carry a checksum, over their keys too: etcd has none in
// its file, and a flipped bit may make another name, which reads as well as the right one.
//
//	0  0x87
//	1  u32 CRC-32C of the key and the value, little endian
//	5  value
//
// Values that were written before have no seal and are read as they are. They begin
// with a printable character or, checkpoints, with 0: a seal with a flipped bit does not.
type sealedKV struct{ KV }

const (
	sealMark  = 0x87
	sealBytes = 5
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)

	errSeal = errors.New("checksum mismatch")
)

func sealSum(key string, value []byte) uint32 {
	return crc32.Update(crc32.Checksum([]byte(key), castagnoli), castagnoli, value)
}

func seal(key string, value []byte) []byte {
	b := append(make([]byte, 0, sealBytes+len(value)), sealMark)
	b = binary.LittleEndian.AppendUint32(b, sealSum(key, value))
	return append(b, value...)
}

func unseal(key string, b []byte) ([]byte, error) {
	switch {
	case len(b) == 0 || b[0] == 0 || ' ' <= b[0] && b[0] <= '~':
		return b, nil
	case b[0] != sealMark || len(b) < sealBytes || binary.LittleEndian.Uint32(b[1:]) != sealSum(key, b[sealBytes:]):
		return nil, &CorruptionError{key, errSeal}
	}
	return b[sealBytes:], nil
}

func (k sealedKV) Get(ctx context.Context, key string) (KeyValue, error) {
	kv, err := k.KV.Get(ctx, key)
	if err == nil {
		kv.Value, err = unseal(key, kv.Value)
	}
	return kv, err
}

func (k sealedKV) Range(ctx context.Context, prefix string, rev int64) ([]KeyValue, int64, error) {
	kvs, at, err := k.KV.Range(ctx, prefix, rev)
	if err != nil {
		return nil, 0, err
	}
	for i := range kvs {
		if kvs[i].Value, err = unseal(kvs[i].Key, kvs[i].Value); err != nil {
			return nil, 0, err
		}
	}
	return kvs, at, nil
}

func (k sealedKV) Txn(ctx context.Context, guards []Compare, ops []Op) (int64, error) {
	sealed := make([]Op, len(ops))
	for i, op := range ops {
		if !op.Delete {
			op.Value = seal(op.Key, op.Value)
		}
		sealed[i] = op
	}
	compared := make([]Compare, len(guards))
	for i, g := range guards {
		if g.Kind == CompareValue {
			g.Value = seal(g.Key, g.Value)
		}
		compared[i] = g
	}
	rev, err := k.KV.Txn(ctx, compared, sealed)
	if !errors.Is(err, ErrConflict) {
		return rev, err
	}
	if bare, e := k.bare(ctx, guards, compared); e != nil || !bare {
		return rev, errors.Join(err, e)
	}
	return k.KV.Txn(ctx, compared, sealed)
}

// bare has guards compare with values that have no seal where the store holds the ones
// asked for without; false if there are none.
func (k sealedKV) bare(ctx context.Context, guards, compared []Compare) (found bool, err error) {
	for i, g := range guards {
		if g.Kind != CompareValue {
			continue
		}
		kv, err := k.KV.Get(ctx, g.Key)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return false, err
		}
		if err == nil && bytes.Equal(kv.Value, g.Value) {
			compared[i].Value, found = g.Value, true
		}
	}
	return found, nil
}

// Watch is of the values as they are read.
func (k sealedKV) Watch(ctx context.Context, prefix string, rev int64) <-chan Event {
	out := make(chan Event)
	go func() {
		defer close(out)
		for e := range k.KV.Watch(ctx, prefix, rev) {
			if e.Err == nil && !e.Deleted {
				e.Value, e.Err = unseal(e.Key, e.Value)
			}
			select {
			case out <- e:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}
