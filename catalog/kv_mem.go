package catalog

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
)

// MemStore is the in-memory twin of an etcd cluster: what it acknowledged stays
// over a power cut of its clients. Open gives a client, and clients share it as
// they share a cluster. Leases run by Advance, not by the clock.
type MemStore struct {
	mu        sync.Mutex // guards what follows
	history   map[string][]memVersion
	rev       int64
	compacted int64
	leases    map[int64]*memLease
	lastLease int64
	now       int64 // seconds
	watchers  map[*memWatcher]struct{}
	late      []*memRequest
	power     int // counts power cuts; clients of earlier ones are dead
}

// memVersion is a key's value from a revision on; deleted means none.
type memVersion struct {
	rev     int64
	value   []byte
	deleted bool
	lease   int64
}

type memLease struct{ ttl, until int64 }

// memRequest is a transaction that is still on its way.
type memRequest struct {
	guards []Compare
	ops    []Op
}

// Faults is a plan of faults for one client: chances from 0 to 1 per request,
// drawn from Seed.
type Faults struct {
	Seed uint64
	// LoseRequest: the request never arrives. LoseReply: it is done, but the
	// client hears nothing. Delay: the client hears nothing and a write is
	// done at some later moment, or never.
	LoseRequest, LoseReply, Delay float64
}

// NewMemStore returns an empty store.
func NewMemStore() *MemStore {
	return &MemStore{
		history: map[string][]memVersion{}, leases: map[int64]*memLease{}, watchers: map[*memWatcher]struct{}{},
	}
}

// Open returns a client; its faults follow plan.
func (s *MemStore) Open(plan Faults) *MemKV {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &MemKV{store: s, plan: plan, power: s.power, random: rand.New(rand.NewPCG(plan.Seed, 1))}
}

// PowerCut kills every client: their requests under way may or may not be
// done, by seed; what was acknowledged stays.
func (s *MemStore) PowerCut(seed uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	random := rand.New(rand.NewPCG(seed, 2))
	for len(s.late) > 0 {
		s.arrive(random, 0.5)
	}
	s.power++
	for w := range s.watchers {
		s.endWatch(w, ErrUnavailable)
	}
}

// Advance moves the clock of leases and ends those that were not renewed.
func (s *MemStore) Advance(seconds int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now += seconds
	for _, id := range slices.Sorted(maps.Keys(s.leases)) {
		if s.leases[id].until <= s.now {
			s.revoke(id)
		}
	}
}

// Compact forgets versions below rev.
func (s *MemStore) Compact(rev int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.compacted = max(s.compacted, min(rev, s.rev))
	for key, versions := range s.history {
		keep := 0
		for i, v := range versions {
			if v.rev <= s.compacted {
				keep = i
			}
		}
		s.history[key] = versions[keep:]
		if last := versions[len(versions)-1]; last.deleted && last.rev <= s.compacted {
			delete(s.history, key)
		}
	}
}

// arrive takes one late request, at random, and does it with the given chance.
func (s *MemStore) arrive(random *rand.Rand, chance float64) {
	i := random.IntN(len(s.late))
	r := s.late[i]
	s.late = slices.Delete(s.late, i, i+1)
	if random.Float64() < chance {
		_, _ = s.txn(r.guards, r.ops) // nobody hears the answer
	}
}

func (s *MemStore) at(key string, rev int64) (memVersion, bool) {
	versions := s.history[key]
	for i := len(versions) - 1; i >= 0; i-- {
		if versions[i].rev <= rev {
			return versions[i], !versions[i].deleted
		}
	}
	return memVersion{}, false
}

func (s *MemStore) holds(g Compare) bool {
	v, there := s.at(g.Key, s.rev)
	switch g.Kind {
	case CompareAbsent:
		return !there
	case CompareExists:
		return there
	case CompareValue:
		return there && bytes.Equal(v.value, g.Value)
	case CompareModRevision:
		return there && v.rev == g.Revision
	}
	return false
}

func (s *MemStore) txn(guards []Compare, ops []Op) (int64, error) {
	for _, g := range guards {
		if !s.holds(g) {
			return 0, ErrConflict
		}
	}
	for _, op := range ops {
		if op.Lease != 0 && s.leases[op.Lease] == nil {
			return 0, fmt.Errorf("%w: lease %d", ErrNotFound, op.Lease)
		}
	}
	rev, changed := s.rev+1, false
	for _, op := range ops {
		changed = s.apply(op, rev) || changed
	}
	if changed {
		s.rev = rev
		s.notify()
	}
	return s.rev, nil
}

func (s *MemStore) apply(op Op, rev int64) (changed bool) {
	if !op.Delete {
		s.history[op.Key] = append(s.history[op.Key], memVersion{rev: rev, value: bytes.Clone(op.Value), lease: op.Lease})
		return true
	}
	keys := []string{op.Key}
	if op.Prefix {
		keys = s.keys(op.Key)
	}
	for _, key := range keys {
		if _, there := s.at(key, rev); there {
			s.history[key] = append(s.history[key], memVersion{rev: rev, deleted: true})
			changed = true
		}
	}
	return changed
}

func (s *MemStore) keys(prefix string) (out []string) {
	for key := range s.history {
		if strings.HasPrefix(key, prefix) {
			out = append(out, key)
		}
	}
	slices.Sort(out)
	return out
}

func (s *MemStore) revoke(lease int64) {
	delete(s.leases, lease)
	var ops []Op
	for _, key := range s.keys("") {
		if v, there := s.at(key, s.rev); there && v.lease == lease {
			ops = append(ops, Op{Delete: true, Key: key})
		}
	}
	_, _ = s.txn(nil, ops) // deletes without guards do not fail
}

// MemKV is a client of a MemStore.
type MemKV struct {
	store *MemStore
	power int

	mu     sync.Mutex // guards plan and random
	plan   Faults
	random *rand.Rand
	closed bool
}

var _ KV = (*MemKV)(nil)

// SetFaults replaces the plan; Away makes every request fail.
func (m *MemKV) SetFaults(plan Faults) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.plan = plan
	m.random = rand.New(rand.NewPCG(plan.Seed, 1))
}

// Away is the plan of a store that cannot be reached.
var Away = Faults{LoseRequest: 1}

// fate is what happens to one request.
type fate byte

const (
	fateWell fate = iota
	fateLost
	fateSilent
	fateLate
)

func (m *MemKV) draw() (fate, *rand.Rand) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return fateLost, m.random
	}
	x := m.random.Float64()
	next := rand.New(rand.NewPCG(m.random.Uint64(), 3))
	switch p := m.plan; {
	case x < p.LoseRequest:
		return fateLost, next
	case x < p.LoseRequest+p.LoseReply:
		return fateSilent, next
	case x < p.LoseRequest+p.LoseReply+p.Delay:
		return fateLate, next
	}
	return fateWell, next
}

// request runs f as one request under its fate.
func (m *MemKV) request(ctx context.Context, late *memRequest, f func(s *MemStore) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	fate, random := m.draw()
	s := m.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.power != s.power || fate == fateLost {
		return ErrUnavailable
	}
	if fate == fateLate {
		if late != nil {
			s.late = append(s.late, late)
		}
		return ErrUnavailable
	}
	if len(s.late) > 0 && random.IntN(2) == 0 {
		s.arrive(random, 0.8)
	}
	err := f(s)
	if fate == fateSilent {
		return ErrUnavailable
	}
	return err
}

// Get returns the pair, or ErrNotFound.
func (m *MemKV) Get(ctx context.Context, key string) (kv KeyValue, err error) {
	err = m.request(ctx, nil, func(s *MemStore) error {
		v, there := s.at(key, s.rev)
		if !there {
			return ErrNotFound
		}
		kv = KeyValue{key, bytes.Clone(v.value), v.rev}
		return nil
	})
	return kv, err
}

// Range returns the pairs under prefix at a revision.
func (m *MemKV) Range(ctx context.Context, prefix string, rev int64) (kvs []KeyValue, at int64, err error) {
	err = m.request(ctx, nil, func(s *MemStore) error {
		at = s.rev
		if rev != 0 {
			if rev < s.compacted {
				return ErrCompacted
			}
			at = rev
		}
		for _, key := range s.keys(prefix) {
			if v, there := s.at(key, at); there {
				kvs = append(kvs, KeyValue{key, bytes.Clone(v.value), v.rev})
			}
		}
		return nil
	})
	return kvs, at, err
}

// Txn applies ops if every guard holds.
func (m *MemKV) Txn(ctx context.Context, guards []Compare, ops []Op) (rev int64, err error) {
	if err := checkTxn(guards, ops); err != nil {
		return 0, err
	}
	late := &memRequest{slices.Clone(guards), slices.Clone(ops)}
	err = m.request(ctx, late, func(s *MemStore) (err error) {
		rev, err = s.txn(guards, ops)
		return err
	})
	return rev, err
}

// Grant makes a lease.
func (m *MemKV) Grant(ctx context.Context, ttlSeconds int64) (lease int64, err error) {
	err = m.request(ctx, nil, func(s *MemStore) error {
		s.lastLease++
		lease = s.lastLease
		s.leases[lease] = &memLease{ttlSeconds, s.now + ttlSeconds}
		return nil
	})
	return lease, err
}

// KeepAlive renews a lease.
func (m *MemKV) KeepAlive(ctx context.Context, lease int64) error {
	return m.request(ctx, nil, func(s *MemStore) error {
		l := s.leases[lease]
		if l == nil {
			return fmt.Errorf("%w: lease %d", ErrNotFound, lease)
		}
		l.until = s.now + l.ttl
		return nil
	})
}

// Revoke ends a lease.
func (m *MemKV) Revoke(ctx context.Context, lease int64) error {
	return m.request(ctx, nil, func(s *MemStore) error {
		if s.leases[lease] == nil {
			return fmt.Errorf("%w: lease %d", ErrNotFound, lease)
		}
		s.revoke(lease)
		return nil
	})
}

// Close ends the client, not the store.
func (m *MemKV) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}
