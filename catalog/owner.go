package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
)

// ErrOwned: another server, which is alive, owns the data.
var ErrOwned = errors.New("catalog: another server owns the data")

// ownership is this process's epoch. The epoch key is permanent and its
// ModRevision guards every write, so that an owner whose lease ran out may
// write on until, and only until, another takes over. The owner key is leased:
// while it is there, nobody else may take over.
type ownership struct {
	epoch    uint64
	revision int64 // ModRevision of the epoch key
	record   []byte

	mu     sync.Mutex // guards what follows
	lease  int64
	valid  time.Time // when the lease runs out if it is not renewed
	fenced bool
}

// ownerRecord is the value of the owner key.
type ownerRecord struct {
	Epoch    uint64 `json:"epoch"`
	Instance string `json:"instance,omitempty"`
	// Nonce tells our own record, written by a request whose reply was lost,
	// from another's.
	Nonce string `json:"nonce"`
}

func (o *ownership) guard(keys keyspace) Compare {
	return Compare{Kind: CompareModRevision, Key: keys.epoch(), Revision: o.revision}
}

// Epoch is the owner epoch of this process: larger than that of every server
// that owned the data before. WAL records carry it.
func (c *Catalog) Epoch() uint64 { return c.owner.epoch }

// Fenced returns ErrFenced once it is known that another server took over.
func (c *Catalog) Fenced() error {
	c.owner.mu.Lock()
	defer c.owner.mu.Unlock()
	if c.owner.fenced {
		return ErrFenced
	}
	return nil
}

// LeaseValid says whether the lease, as far as this process's clock can tell,
// keeps others from taking over now. When it lapses, because the store is
// away, the server goes on: catalog writes are guarded by the epoch anyway.
func (c *Catalog) LeaseValid() bool {
	c.owner.mu.Lock()
	defer c.owner.mu.Unlock()
	return !c.owner.fenced && time.Now().Before(c.owner.valid)
}

// acquire bumps the epoch and puts the owner record.
func (c *Catalog) acquire(ctx context.Context) error {
	nonce := uuid.NewString()
	leaseFor := time.Duration(c.opts.LeaseSeconds) * time.Second
	patience := time.Now().Add(leaseFor + leaseFor/4 + time.Second)
	var owned error // the newest ErrOwned
	for pause := retryPauseMin; ; pause = min(2*pause, retryPauseMax) {
		done, err := c.tryAcquire(ctx, nonce, leaseFor)
		switch {
		case done:
			return nil
		case ctx.Err() != nil:
			return errors.Join(owned, err, ctx.Err())
		case errors.Is(err, ErrOwned):
			owned = err
			if time.Now().After(patience) {
				return err
			}
		case err != nil && !errors.Is(err, ErrConflict) && !errors.Is(err, ErrUnavailable):
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(pause):
		}
	}
}

// tryAcquire makes one attempt.
func (c *Catalog) tryAcquire(ctx context.Context, nonce string, leaseFor time.Duration) (done bool, err error) {
	epoch, epochGuard, err := c.readEpoch(ctx)
	if err != nil {
		return false, err
	}
	ownerGuard, mine, err := c.readOwner(ctx, nonce)
	if err != nil {
		return false, err
	}
	start := time.Now()
	if mine != nil { // an earlier attempt's reply was lost
		c.owned(mine, start, leaseFor)
		return true, nil
	}
	lease, err := c.kv.Grant(ctx, c.opts.LeaseSeconds)
	if err != nil {
		return false, err
	}
	record := ownerRecord{Epoch: epoch + 1, Instance: c.opts.Instance, Nonce: nonce}
	value, err := json.Marshal(record)
	if err != nil {
		return false, err
	}
	rev, err := c.kv.Txn(ctx, []Compare{epochGuard, ownerGuard}, []Op{
		{Key: c.keys.epoch(), Value: []byte(strconv.FormatUint(record.Epoch, 10))},
		{Key: c.keys.owner(), Value: value, Lease: lease},
	})
	if err != nil {
		return false, err
	}
	c.owned(&heldEpoch{record, value, rev, lease}, start, leaseFor)
	return true, nil
}

type heldEpoch struct {
	record   ownerRecord
	value    []byte
	revision int64
	lease    int64 // 0 when not known: a new one is granted at the first renewal
}

func (c *Catalog) owned(h *heldEpoch, start time.Time, leaseFor time.Duration) {
	c.owner.epoch, c.owner.revision, c.owner.record = h.record.Epoch, h.revision, h.value
	c.owner.lease, c.owner.valid = h.lease, start.Add(leaseFor)
}

func (c *Catalog) readEpoch(ctx context.Context) (epoch uint64, guard Compare, err error) {
	kv, err := c.kv.Get(ctx, c.keys.epoch())
	if errors.Is(err, ErrNotFound) {
		return 0, Compare{Kind: CompareAbsent, Key: c.keys.epoch()}, nil
	}
	if err != nil {
		return 0, Compare{}, err
	}
	epoch, err = strconv.ParseUint(string(kv.Value), 10, 64)
	if err != nil {
		return 0, Compare{}, &CorruptionError{c.keys.epoch(), err}
	}
	return epoch, Compare{Kind: CompareModRevision, Key: c.keys.epoch(), Revision: kv.ModRevision}, nil
}

// readOwner returns the guard under which ownership may be taken, or what is
// ours already, or ErrOwned.
func (c *Catalog) readOwner(ctx context.Context, nonce string) (Compare, *heldEpoch, error) {
	kv, err := c.kv.Get(ctx, c.keys.owner())
	if errors.Is(err, ErrNotFound) {
		return Compare{Kind: CompareAbsent, Key: c.keys.owner()}, nil, nil
	}
	if err != nil {
		return Compare{}, nil, err
	}
	var r ownerRecord
	if err := json.Unmarshal(kv.Value, &r); err != nil {
		return Compare{}, nil, &CorruptionError{c.keys.owner(), err}
	}
	guard := Compare{Kind: CompareModRevision, Key: c.keys.owner(), Revision: kv.ModRevision}
	switch {
	case r.Nonce == nonce:
		return guard, &heldEpoch{record: r, value: kv.Value, revision: kv.ModRevision}, nil
	case r.Instance != "" && r.Instance == c.opts.Instance:
		return guard, nil, nil
	}
	return Compare{}, nil, fmt.Errorf("%w of cluster %s: instance %q, epoch %d", ErrOwned, c.opts.ClusterID, r.Instance, r.Epoch)
}

// keepOwnership renews the lease until ctx ends. A store that is away or a lost
// lease makes it try on, never give up; only a higher epoch does.
func (c *Catalog) keepOwnership(ctx context.Context) {
	leaseFor := time.Duration(c.opts.LeaseSeconds) * time.Second
	tick := time.NewTicker(leaseFor / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		attempt, cancel := context.WithTimeout(ctx, leaseFor/3)
		err := c.Renew(attempt)
		cancel()
		if errors.Is(err, ErrFenced) {
			return
		}
		if err != nil && ctx.Err() == nil {
			c.log.Warn("the catalog lease could not be renewed", "err", err)
		}
	}
}

// Renew renews the lease once, or takes a new one when it is lost and nobody
// else has taken over. The catalog does so by itself in the background.
func (c *Catalog) Renew(ctx context.Context) error {
	c.owner.mu.Lock()
	lease := c.owner.lease
	c.owner.mu.Unlock()
	start := time.Now()
	err := ErrNotFound
	if lease != 0 {
		err = c.kv.KeepAlive(ctx, lease)
	}
	if errors.Is(err, ErrNotFound) {
		lease, err = c.regain(ctx)
	}
	if err != nil {
		return err
	}
	c.owner.mu.Lock()
	defer c.owner.mu.Unlock()
	c.owner.lease = lease
	c.owner.valid = start.Add(time.Duration(c.opts.LeaseSeconds) * time.Second)
	return nil
}

// regain puts the owner record anew under a new lease, if the epoch is ours.
func (c *Catalog) regain(ctx context.Context) (int64, error) {
	lease, err := c.kv.Grant(ctx, c.opts.LeaseSeconds)
	if err != nil {
		return 0, err
	}
	_, err = c.write(ctx, nil, []Op{{Key: c.keys.owner(), Value: c.owner.record, Lease: lease}})
	return lease, err
}

// checkOwner returns ErrFenced when the epoch is no longer ours.
func (c *Catalog) checkOwner(ctx context.Context) error {
	kv, err := c.kv.Get(ctx, c.keys.epoch())
	switch {
	case errors.Is(err, ErrNotFound) || err == nil && kv.ModRevision != c.owner.revision:
		c.fence()
		return ErrFenced
	case err != nil:
		return err
	}
	return nil
}

func (c *Catalog) fence() {
	c.owner.mu.Lock()
	first := !c.owner.fenced
	c.owner.fenced = true
	c.owner.mu.Unlock()
	if !first {
		return
	}
	c.log.Error("another server has taken over the data; this one can commit nothing any more")
	if c.opts.OnFenced != nil {
		c.tasks.Go(c.opts.OnFenced)
	}
}

// release gives up the lease; the owner key goes with it.
func (c *Catalog) release(ctx context.Context) error {
	c.owner.mu.Lock()
	lease := c.owner.lease
	c.owner.valid = time.Time{}
	c.owner.mu.Unlock()
	if lease == 0 {
		return nil
	}
	if err := c.kv.Revoke(ctx, lease); err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	return nil
}
