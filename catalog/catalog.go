package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Options opens a catalog.
type Options struct {
	KV KV
	// ClusterID names the cluster in KV; see Identify.
	ClusterID string
	// Create makes the cluster when KV does not know it; without it that is
	// an error, for a lost catalog must not be taken for a new one.
	Create bool
	// Instance names the data directory this process has locked for itself
	// (host, device and inode, say). An owner record of the same instance is
	// that of a dead predecessor and is taken over at once; that of another
	// must expire first. "" is like nobody's.
	Instance string
	// LeaseSeconds is how long ownership outlives a server that died; 0: 6.
	LeaseSeconds int64
	// OnFenced, if set, is called once, from the catalog's own goroutine, when
	// another server has taken the data over.
	OnFenced func()
	Logger   *slog.Logger
}

const defaultLeaseSeconds = 6

// Catalog is the process's hold on the cluster's catalog: the current Version,
// id allocation, ownership (the owner epoch) and the store behind it. It is
// safe for concurrent use.
type Catalog struct {
	kv   KV
	keys keyspace
	opts Options
	log  *slog.Logger

	current atomic.Pointer[Version]
	// mu guards the replacement of current and reserved.
	mu sync.Mutex
	// reserved holds the transactions between Stage and Install or Abort.
	reserved map[TxnID]*Txn

	ids       idBlocks
	sequences sequenceStates
	owner     ownership
	settled   settling
	// held are the transactions that load found decided, from the first on that lacks
	// its timestamp: see StampTruncated.
	held     []settleTask
	segments segmentChanges

	stop  context.CancelFunc
	tasks sync.WaitGroup
}

// Open takes ownership of the cluster's data and loads its catalog. It waits
// for the lease of a dead owner to expire; a living one is ErrOwned. The
// Catalog uses KV until Close but does not close it.
func Open(ctx context.Context, opts Options) (*Catalog, error) {
	if opts.LeaseSeconds == 0 {
		opts.LeaseSeconds = defaultLeaseSeconds
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.ClusterID == "" {
		return nil, errors.New("catalog: no cluster id")
	}
	c := &Catalog{
		kv: sealedKV{opts.KV}, keys: keysOf(opts.ClusterID), opts: opts, log: opts.Logger,
		reserved: map[TxnID]*Txn{}, segments: newSegmentChanges(),
	}
	if err := c.findCluster(ctx); err != nil {
		return nil, err
	}
	if err := c.acquire(ctx); err != nil {
		return nil, err
	}
	if err := c.load(ctx); err != nil {
		return nil, errors.Join(err, c.release(ctx))
	}
	background, stop := context.WithCancel(context.Background())
	c.stop = stop
	c.settled.start()
	c.tasks.Go(func() { c.keepOwnership(background) })
	c.tasks.Go(func() { c.settleLoop(background) })
	return c, nil
}

// findCluster checks that KV holds the cluster, or makes it.
func (c *Catalog) findCluster(ctx context.Context) error {
	kv, err := retryRead(ctx, func() (KeyValue, error) { return c.kv.Get(ctx, c.keys.cluster()) })
	switch {
	case err == nil && string(kv.Value) == formatVersion:
		return nil
	case err == nil:
		return fmt.Errorf("catalog: cluster %s has catalog format %q, this program reads %q", c.opts.ClusterID, kv.Value, formatVersion)
	case !errors.Is(err, ErrNotFound):
		return err
	case !c.opts.Create:
		return fmt.Errorf("%w: the catalog store does not know cluster %s, to which the data belongs", ErrNotFound, c.opts.ClusterID)
	}
	return c.bootstrap(ctx)
}

// load reads what is stored: plain descriptors, then those of committed
// transactions not yet written plain, in commit order.
func (c *Catalog) load(ctx context.Context) error {
	v := &Version{virtual: newVirtualSet(virtuals), live: &Live{c: c}}
	if err := c.loadDescriptors(ctx, v); err != nil {
		return err
	}
	if err := c.loadStaged(ctx, v); err != nil {
		return err
	}
	if err := c.loadStatistics(ctx, v); err != nil {
		return err
	}
	v.stamp = nextStamp()
	c.current.Store(v)
	return c.dropOrphanSequences(ctx, v)
}

func (c *Catalog) loadDescriptors(ctx context.Context, v *Version) error {
	kvs, err := c.rangeAll(ctx, c.keys.descriptors())
	if err != nil {
		return err
	}
	for _, kv := range kvs {
		d, err := decodeDescriptor(kv.Key, kv.Value)
		if err != nil {
			return err
		}
		if d == nil {
			return &CorruptionError{kv.Key, errors.New("a removal among plain descriptors")}
		}
		v.put(d)
	}
	return nil
}

func (c *Catalog) loadStaged(ctx context.Context, v *Version) error {
	stages, err := c.rangeAll(ctx, c.keys.stages())
	if err != nil {
		return err
	}
	statuses, err := c.rangeAll(ctx, c.keys.statuses())
	if err != nil {
		return err
	}
	slices.SortFunc(statuses, func(a, b KeyValue) int { return cmp.Compare(a.ModRevision, b.ModRevision) })
	staged := map[TxnID][]stagedChange{}
	for _, kv := range stages {
		n, err := numbers(kv.Key, c.keys.stages(), 2)
		if err != nil {
			return err
		}
		d, err := decodeDescriptor(kv.Key, kv.Value)
		if err != nil {
			return err
		}
		id := TxnID(n[0])
		staged[id] = append(staged[id], stagedChange{oid: OID(n[1]), to: d, value: kv.Value})
	}
	for _, kv := range statuses {
		n, err := numbers(kv.Key, c.keys.statuses(), 1)
		if err != nil {
			return err
		}
		id := TxnID(n[0])
		if string(kv.Value) == statusCommitted {
			for _, ch := range staged[id] {
				v.remove(ch.oid)
			}
			for _, ch := range staged[id] {
				if ch.to != nil {
					v.put(ch.to)
				}
			}
		}
		task := settleTask{id: id, committed: string(kv.Value) == statusCommitted, changes: staged[id]}
		if len(c.held) > 0 || task.truncates() {
			c.held = append(c.held, task)
		} else {
			c.settled.add(task)
		}
		delete(staged, id)
	}
	for id := range staged {
		c.settled.unsettled = append(c.settled.unsettled, id)
	}
	slices.Sort(c.settled.unsettled)
	return nil
}

// Current returns the newest Version.
func (c *Catalog) Current() *Version { return c.current.Load() }

// View returns the newest Version as one database shows it.
func (c *Catalog) View(database OID) View { return c.Current().In(database) }

// ClusterID returns the cluster's id.
func (c *Catalog) ClusterID() string { return c.opts.ClusterID }

// RegisterVirtual adds a virtual relation to every database of this catalog,
// in place of one of the same schema and name: the way in for relations over
// live state, whose owners are made after the catalog. It bumps the version.
func (c *Catalog) RegisterVirtual(v *Virtual) {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := *c.Current()
	next.virtual = next.virtual.with(v)
	next.stamp = nextStamp()
	c.current.Store(&next)
}

// Close hands back unused ids and sequence values and gives up ownership. What
// cannot be handed back, because the store is away, is lost as after a crash.
func (c *Catalog) Close(ctx context.Context) error {
	c.stop()
	c.tasks.Wait()
	if c.Fenced() != nil {
		return nil
	}
	return errors.Join(c.handBackSequences(ctx), c.handBackIDs(ctx), c.release(ctx))
}

// write is the only way to change the store: it adds the guard that this
// process still owns the data. ErrConflict means that one of guards failed,
// ErrFenced that ownership is gone.
func (c *Catalog) write(ctx context.Context, guards []Compare, ops []Op) (int64, error) {
	if err := c.Fenced(); err != nil {
		return 0, err
	}
	guards = append([]Compare{c.owner.guard(c.keys)}, guards...)
	rev, err := c.kv.Txn(ctx, guards, ops)
	if errors.Is(err, ErrConflict) {
		if fenced := c.checkOwner(ctx); fenced != nil {
			return 0, fenced
		}
	}
	return rev, err
}

// writeSettled repeats an idempotent write until its outcome is known.
func (c *Catalog) writeSettled(ctx context.Context, guards []Compare, ops []Op) (int64, error) {
	return retryRead(ctx, func() (int64, error) { return c.write(ctx, guards, ops) })
}

func (c *Catalog) rangeAll(ctx context.Context, prefix string) ([]KeyValue, error) {
	return retryRead(ctx, func() ([]KeyValue, error) {
		kvs, _, err := c.kv.Range(ctx, prefix, 0)
		return kvs, err
	})
}

// The pause between attempts on a store that is away.
const (
	retryPauseMin = 2 * time.Millisecond
	retryPauseMax = 50 * time.Millisecond
)

// retryRead repeats f while the store is unavailable, until ctx ends.
func retryRead[T any](ctx context.Context, f func() (T, error)) (T, error) {
	return retry(ctx, f, func(err error) bool { return errors.Is(err, ErrUnavailable) })
}

// retryWrite repeats f, which reads, then writes guarded by what it read, also
// when a guard failed: an own request whose reply was lost may have come late.
func retryWrite[T any](ctx context.Context, f func() (T, error)) (T, error) {
	return retry(ctx, f, func(err error) bool { return errors.Is(err, ErrUnavailable) || errors.Is(err, ErrConflict) })
}

func retry[T any](ctx context.Context, f func() (T, error), again func(error) bool) (T, error) {
	for pause := retryPauseMin; ; pause = min(2*pause, retryPauseMax) {
		v, err := f()
		if err == nil || !again(err) {
			return v, err
		}
		select {
		case <-ctx.Done():
			return v, errors.Join(err, ctx.Err())
		case <-time.After(pause):
		}
	}
}
