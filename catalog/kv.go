package catalog

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Sentinels of KV implementations and of the catalog.
var (
	// ErrUnavailable: the store cannot be reached now; the outcome of a write
	// is unknown and must be settled by reading.
	ErrUnavailable = errors.New("catalog: store unavailable")
	// ErrCompacted: the revision asked for is no longer kept.
	ErrCompacted = errors.New("catalog: revision compacted")
	// ErrFenced: another server owns the data; this one may not write.
	ErrFenced = errors.New("catalog: fenced by another owner")
	// ErrConflict: a guard did not hold.
	ErrConflict = errors.New("catalog: conflict")
	// ErrNotFound: no such key or object.
	ErrNotFound = errors.New("catalog: not found")
)

// Limits of one KV transaction (etcd's defaults); callers split work below.
const (
	TxnOpsMax   = 128
	TxnBytesMax = 1 << 20 // etcd refuses 1.5 MiB; leave room for framing
)

// txnBytesRefused is what a KV refuses; chunks of TxnBytesMax and one value
// more stay below.
const txnBytesRefused = TxnBytesMax + TxnBytesMax/4

// KeyValue is a stored pair. ModRevision is the revision of its last change.
type KeyValue struct {
	Key         string
	Value       []byte
	ModRevision int64
}

// CompareKind says what a guard looks at.
type CompareKind byte

// The guards of a transaction.
const (
	CompareAbsent      CompareKind = iota // the key does not exist
	CompareExists                         // it does
	CompareValue                          // its value equals Value
	CompareModRevision                    // its ModRevision equals Revision
)

// Compare is one guard.
type Compare struct {
	Kind     CompareKind
	Key      string
	Value    []byte
	Revision int64
}

// Op is one write: a put, or a delete of a key or of all keys with a prefix.
type Op struct {
	Delete bool
	Prefix bool // with Delete: every key that starts with Key
	Key    string
	Value  []byte
	Lease  int64 // attach to this lease; 0 for none
}

// Event is a change seen by Watch. Err ends the stream.
type Event struct {
	KeyValue
	Deleted bool
	Err     error
}

// KV is the catalog's store: etcd, or its in-memory twin. All reads are
// linearizable. A write that returns ErrUnavailable may or may not have
// happened. Keys are absolute; the Catalog adds its prefix.
type KV interface {
	// Get returns the pair, or ErrNotFound.
	Get(ctx context.Context, key string) (KeyValue, error)
	// Range returns the pairs whose keys start with prefix, in key order, and
	// the revision they were read at; rev 0 reads the newest.
	Range(ctx context.Context, prefix string, rev int64) (kvs []KeyValue, at int64, err error)
	// Txn applies ops if every guard holds, all or none, and returns the new
	// revision; ErrConflict when a guard failed.
	Txn(ctx context.Context, guards []Compare, ops []Op) (rev int64, err error)
	// Watch sends the changes under prefix from revision rev on until ctx ends.
	Watch(ctx context.Context, prefix string, rev int64) <-chan Event
	// Grant makes a lease of ttlSeconds, KeepAlive renews it once and Revoke
	// ends it with the keys attached to it.
	Grant(ctx context.Context, ttlSeconds int64) (lease int64, err error)
	KeepAlive(ctx context.Context, lease int64) error
	Revoke(ctx context.Context, lease int64) error
	Close() error
}

// checkTxn refuses what etcd would: too much of it, or two operations on one
// key of which one is a put.
func checkTxn(guards []Compare, ops []Op) error {
	bytes := 0
	puts := map[string]bool{}
	for _, op := range ops {
		bytes += len(op.Key) + len(op.Value)
		if op.Delete {
			continue
		}
		if puts[op.Key] {
			return fmt.Errorf("catalog: two puts of %s in one transaction", op.Key)
		}
		puts[op.Key] = true
	}
	for _, op := range ops {
		if !op.Delete {
			continue
		}
		for key := range puts {
			if key == op.Key || op.Prefix && strings.HasPrefix(key, op.Key) {
				return fmt.Errorf("catalog: a put and a delete of %s in one transaction", key)
			}
		}
	}
	if len(guards) > TxnOpsMax || len(ops) > TxnOpsMax || bytes > txnBytesRefused {
		return fmt.Errorf("catalog: a transaction of %d guards, %d operations and %d bytes is too large", len(guards), len(ops), bytes)
	}
	return nil
}
