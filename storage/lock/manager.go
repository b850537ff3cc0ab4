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

// shard has the locks of some blocks. Whoever holds a resource is told by the first of
// these that has it: objects, extra, single and blocks.
type shard struct {
	mu sync.Mutex
	// objects are the locks with several holders or with waiters. The others have
	// one holder and no waiter, and are kept without pointers: a transaction may hold
	// millions.
	objects map[Resource]*object
	// single has, by its block, a resource that was the first of it to be locked.
	single roomyMap[Resource, single]
	// blocks are those of which one owner locked several resources in one mode.
	blocks roomyMap[Resource, block]
	// extra are resources of blocks that single or blocks have otherwise: of another
	// owner, in other modes, or locked after another mark.
	extra roomyMap[Resource, single]
}

// single is a lock with one holder and no waiter.
type single struct {
	owner uint32
	mark  uint16 // the owner's when it was locked
	place uint8
	held  modes
}

func (e single) sameAs(r Resource) bool { return e.place == uint8(r&placeMask) }

// block is the locks of one owner, taken after one mark, of some resources of a block.
type block struct {
	places uint64 // a bit each
	owner  uint32
	mark   uint16
	held   modes
	// split says that objects or extra may have some of them, as others want them or
	// the owner has them in more modes. They are released with the block all the same.
	split bool
}

// roomyMap is a map that gives memory back when hardly anything is left: one does not
// shrink by itself, and a load of many rows would keep its for ever.
type roomyMap[K comparable, V any] struct {
	m map[K]V
	// most is how many there were since m was made.
	most int
}

// mapKept is up to how large a map may stay.
const mapKept = 1 << 9

func (x *roomyMap[K, V]) put(k K, v V) {
	if x.m == nil {
		x.m = map[K]V{}
	}
	x.m[k] = v
	x.most = max(x.most, len(x.m))
}

func (x *roomyMap[K, V]) remove(k K) {
	delete(x.m, k)
	if n := len(x.m); x.most > mapKept && n < x.most/8 || n == 0 && x.most > mapKept/8 {
		left := make(map[K]V, n)
		maps.Copy(left, x.m)
		x.m, x.most = left, n
	}
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
	mark    uint16     // how often Mark was called, marksMax at the most
	waiting *waiter    // guarded by m.mu
}

// marksMax is from which mark on every resource is noted by itself.
const marksMax = 1<<16 - 1

// NewManager returns a Manager without locks.
func NewManager() *Manager {
	m := &Manager{owners: map[uint32]*Owner{}}
	for i := range m.shards {
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
	return &m.shards[(uint64(r.block())*0x9e3779b97f4a7c15)>>58]
}
