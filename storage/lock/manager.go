package lock

import (
	"errors"
	"maps"
	"sync"
	"time"
)

// Sentinels of Lock.
var (
	ErrDeadlock     = errors.New("lock: deadlock detected")
	ErrTimeout      = errors.New("lock: timeout")
	ErrNotAvailable = errors.New("lock: held by another owner")
)

// Wait says what to do about a lock that is held.
type Wait struct {
	// No gives up at once with ErrNotAvailable.
	No bool
	// Timeout ends the wait with ErrTimeout; 0 is none.
	Timeout time.Duration
	// Deadlock is how long to wait before searching for a deadlock.
	Deadlock time.Duration
}

const shardCount = 64

// Manager holds every lock of a process. Make it with NewManager.
type Manager struct {
	shards [shardCount]shard

	// mu guards the objects, the waiters and owners; taken after a shard's.
	mu     sync.Mutex
	owners map[uint32]*Owner
	nextID uint32
}

type shard struct {
	mu sync.Mutex
	// simple has the locks with one holder and no waiter, without pointers: a
	// transaction may hold millions. objects has the others.
	simple  map[Resource]simple
	objects map[Resource]*object
	// most is how many simple had since it was made.
	most int
}

// mapKept is up to how large a map may stay: one does not shrink by itself.
const mapKept = 1 << 10

// add puts a lock into simple.
func (s *shard) add(r Resource, e simple) {
	s.simple[r] = e
	s.most = max(s.most, len(s.simple))
}

// remove takes a lock out of simple, and gives memory back when hardly any is left:
// a load of many rows would keep its for ever.
func (s *shard) remove(r Resource) {
	delete(s.simple, r)
	if n := len(s.simple); s.most > mapKept && n < s.most/8 {
		left := make(map[Resource]simple, n)
		maps.Copy(left, s.simple)
		s.simple, s.most = left, n
	}
}

// simple is a lock with one holder and no waiter.
type simple struct {
	owner uint32
	held  modes
}

// object is a lock with several holders or with waiters.
type object struct {
	resource Resource
	holders  []holder
	queue    []*waiter
}

type holder struct {
	owner *Owner
	held  modes
}

type waiter struct {
	owner   *Owner
	mode    Mode
	object  *object
	granted chan struct{}
	since   time.Time
}

// Owner is a transaction's hold on locks. It belongs to one goroutine.
type Owner struct {
	m       *Manager
	id      uint32
	tag     uint64
	list    []Resource // in order of locking; may name released ones
	waiting *waiter    // guarded by m.mu
}

// NewManager returns a Manager without locks.
func NewManager() *Manager {
	m := &Manager{owners: map[uint32]*Owner{}}
	for i := range m.shards {
		m.shards[i].simple = map[Resource]simple{}
		m.shards[i].objects = map[Resource]*object{}
	}
	return m
}

// NewOwner returns an Owner, which must end with ReleaseAll. List tells its tag.
func (m *Manager) NewOwner(tag uint64) *Owner {
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.nextID++; m.nextID == 0 || m.owners[m.nextID] != nil; m.nextID++ {
	}
	o := &Owner{m: m, id: m.nextID, tag: tag}
	m.owners[o.id] = o
	return o
}

func (m *Manager) shard(r Resource) *shard {
	return &m.shards[(uint64(r)*0x9e3779b97f4a7c15)>>58]
}
