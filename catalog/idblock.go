package catalog

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
)

// Names of the id spaces, and how many ids are reserved at a time: few enough
// that a crash wastes little, many enough that the store is rarely asked.
const (
	idsOID     = "oid"
	idsStorage = "storage"
	idsSegment = "segment"
	idsTxn     = "txn"

	oidBlock     = 1 << 10
	storageBlock = 1 << 10
	segmentBlock = 1 << 8
	txnBlock     = 1 << 14
)

// idBlocks are the id spaces in use by this process.
type idBlocks struct {
	mu     sync.Mutex // guards spaces
	spaces map[string]*IDs
}

// IDs hands out numbers of one id space, each once for the cluster's lifetime,
// reserving them from the store in blocks. It is safe for concurrent use.
type IDs struct {
	c     *Catalog
	name  string
	first uint64
	block uint64

	// turn holds one token: whoever has it may use what follows, also over a
	// request to the store, while others wait with their contexts.
	turn     chan struct{}
	next     uint64
	limit    uint64
	reserved bool // next and limit mean something
}

// IDs returns the id space of that name, whose first id is first (from 1 on)
// and of which block ids are reserved at a time. Every caller must name the
// same first.
func (c *Catalog) IDs(name string, first, block uint64) *IDs {
	c.ids.mu.Lock()
	defer c.ids.mu.Unlock()
	if c.ids.spaces == nil {
		c.ids.spaces = map[string]*IDs{}
	}
	s := c.ids.spaces[name]
	if s == nil {
		s = &IDs{c: c, name: name, first: first, block: block, turn: make(chan struct{}, 1)}
		s.turn <- struct{}{}
		c.ids.spaces[name] = s
	}
	return s
}

// Take returns the first of n consecutive ids.
func (s *IDs) Take(ctx context.Context, n uint64) (uint64, error) {
	select {
	case <-s.turn:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	defer func() { s.turn <- struct{}{} }()
	if !s.reserved || s.limit-s.next < n {
		if err := s.reserve(ctx, max(n, s.block)); err != nil {
			return 0, err
		}
	}
	id := s.next
	s.next += n
	return id, nil
}

// reserve makes at least n ids available. A block that follows the one in hand
// extends it.
func (s *IDs) reserve(ctx context.Context, n uint64) error {
	_, err := retryWrite(ctx, func() (struct{}, error) {
		return struct{}{}, s.tryReserve(ctx, n)
	})
	return err
}

func (s *IDs) tryReserve(ctx context.Context, n uint64) error {
	stored, guard, err := s.c.readCounter(ctx, s.c.keys.next(s.name), s.first)
	if err != nil {
		return err
	}
	limit := stored + n
	if limit < stored {
		return fmt.Errorf("catalog: no more ids of %s", s.name)
	}
	// A lost reply costs the block: the next attempt reads on from there.
	if _, err := s.c.write(ctx, []Compare{guard}, []Op{putCounter(s.c.keys.next(s.name), limit)}); err != nil {
		return err
	}
	if !s.reserved || s.limit != stored {
		s.next = stored
	}
	s.limit, s.reserved = limit, true
	return nil
}

// readCounter returns the number stored under key, or absent's value, and the
// guard that it has not changed.
func (c *Catalog) readCounter(ctx context.Context, key string, absent uint64) (uint64, Compare, error) {
	kv, err := c.kv.Get(ctx, key)
	if errors.Is(err, ErrNotFound) {
		return absent, Compare{Kind: CompareAbsent, Key: key}, nil
	}
	if err != nil {
		return 0, Compare{}, err
	}
	n, err := strconv.ParseUint(string(kv.Value), 10, 64)
	if err != nil {
		return 0, Compare{}, &CorruptionError{key, err}
	}
	return n, Compare{Kind: CompareModRevision, Key: key, Revision: kv.ModRevision}, nil
}

func putCounter(key string, n uint64) Op {
	return Op{Key: key, Value: []byte(strconv.FormatUint(n, 10))}
}

// handBackIDs returns the unused ends of blocks.
func (c *Catalog) handBackIDs(ctx context.Context) error {
	c.ids.mu.Lock()
	defer c.ids.mu.Unlock()
	var all error
	for _, s := range c.ids.spaces {
		if s.reserved && s.next < s.limit {
			key := c.keys.next(s.name)
			was := Compare{Kind: CompareValue, Key: key, Value: []byte(strconv.FormatUint(s.limit, 10))}
			_, err := c.write(ctx, []Compare{was}, []Op{putCounter(key, s.next)})
			all = errors.Join(all, err)
		}
	}
	return all
}

// NewOID hands out an OID that is never given again.
func (c *Catalog) NewOID(ctx context.Context) (OID, error) {
	id, err := c.IDs(idsOID, uint64(FirstUserOID), oidBlock).Take(ctx, 1)
	if err == nil && id > 1<<32-1 {
		return 0, errors.New("catalog: all OIDs are used up")
	}
	return OID(id), err
}

// NewStorageID hands out a storage id that is never given again.
func (c *Catalog) NewStorageID(ctx context.Context) (StorageID, error) {
	id, err := c.IDs(idsStorage, 1, storageBlock).Take(ctx, 1)
	return StorageID(id), err
}

// NewSegmentID hands out a segment id that is never given again.
func (c *Catalog) NewSegmentID(ctx context.Context) (SegmentID, error) {
	id, err := c.IDs(idsSegment, 1, segmentBlock).Take(ctx, 1)
	return SegmentID(id), err
}

// NewTxnID hands out a transaction id that is never given again; 0 to 2 mean
// something else in Postgres.
func (c *Catalog) NewTxnID(ctx context.Context) (TxnID, error) {
	id, err := c.IDs(idsTxn, 3, txnBlock).Take(ctx, 1)
	return TxnID(id), err
}

// TimestampBound returns the stored bound: no timestamp given out by any
// earlier owner is above it. 0 in a new cluster.
func (c *Catalog) TimestampBound(ctx context.Context) (uint64, error) {
	return retryRead(ctx, func() (uint64, error) {
		n, _, err := c.readCounter(ctx, c.keys.timestampBound(), 0)
		return n, err
	})
}

// SetTimestampBound stores a bound: one ahead of the clock, before timestamps above
// the old one are given out, or the last timestamp when no more are.
func (c *Catalog) SetTimestampBound(ctx context.Context, bound uint64) error {
	_, err := retryWrite(ctx, func() (struct{}, error) {
		old, guard, err := c.readCounter(ctx, c.keys.timestampBound(), 0)
		if err != nil || old == bound {
			return struct{}{}, err
		}
		_, err = c.write(ctx, []Compare{guard}, []Op{putCounter(c.keys.timestampBound(), bound)})
		return struct{}{}, err
	})
	return err
}
