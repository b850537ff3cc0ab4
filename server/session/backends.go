package session

import (
	"cmp"
	"net"
	"slices"
	"sync"
	"time"

	"quiver/catalog"
)

// Backends are the sessions of a server. The zero value has none.
type Backends struct {
	mu   sync.Mutex // guards live
	live map[int32]*Session
}

func (b *Backends) add(s *Session) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.live == nil {
		b.live = map[int32]*Session{}
	}
	b.live[s.pid] = s
}

func (b *Backends) remove(s *Session) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.live, s.pid)
}

// find returns the session of a process number; nil for none.
func (b *Backends) find(pid int32) *Session {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.live[pid]
}

// all lists the sessions by process number.
func (b *Backends) all() []*Session {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]*Session, 0, len(b.live))
	for _, s := range b.live {
		list = append(list, s)
	}
	slices.SortFunc(list, func(x, y *Session) int { return cmp.Compare(x.pid, y.pid) })
	return list
}

// byTxn are the sessions in a storage transaction by its id.
func (b *Backends) byTxn() map[uint64]*Session {
	found := map[uint64]*Session{}
	for _, s := range b.all() {
		if id := s.activity.read().txn; id != 0 {
			found[uint64(id)] = s
		}
	}
	return found
}

// The states of pg_stat_activity.
const (
	stateActive    = "active"
	stateIdle      = "idle"
	stateIdleBlock = "idle in transaction"
	stateIdleError = "idle in transaction (aborted)"
)

// activity is what other sessions may know of one.
type activity struct {
	mu  sync.Mutex // guards now
	now activityState
}

// activityState is one moment. Times are microseconds since 1970, 0 for none.
type activityState struct {
	state, query                        string
	application                         string
	queryStart, stateChange, blockStart int64
	txn                                 catalog.TxnID
	// txns counts the session's transactions.
	txns int64
	// reading: it waits for the client in the middle of a COPY.
	reading bool
	// copy is the COPY that runs; nil for none.
	copy *copyProgress
}

func (a *activity) read() activityState {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.now
}

// begin says that a query runs.
func (a *activity) begin(query string) {
	now := time.Now().UnixMicro()
	a.mu.Lock()
	a.now.state, a.now.query, a.now.queryStart, a.now.stateChange = stateActive, query, now, now
	a.mu.Unlock()
}

// wait says that the session waits for the client, in a transaction that began
// at blockStart, or in none.
func (a *activity) wait(status byte, blockStart int64) {
	state := stateIdle
	switch status {
	case 'T':
		state = stateIdleBlock
	case 'E':
		state = stateIdleError
	default:
		blockStart = 0
	}
	a.mu.Lock()
	if a.now.state != state {
		a.now.state, a.now.stateChange = state, time.Now().UnixMicro()
	}
	a.now.blockStart = blockStart
	a.mu.Unlock()
}

// update changes what is known.
func (a *activity) update(change func(now *activityState)) {
	a.mu.Lock()
	change(&a.now)
	a.mu.Unlock()
}

// peer is the address and port of the client.
func (s *Session) peer() (host string, port int) {
	if tcp, ok := s.conn.NetConn().RemoteAddr().(*net.TCPAddr); ok {
		return tcp.IP.String(), tcp.Port
	}
	return "", 0
}

// SignalBackend is pg_cancel_backend and pg_terminate_backend.
func (s *Session) SignalBackend(pid int32, terminate bool) (found bool) {
	other := s.cfg.backends.find(pid)
	if other == nil {
		return false
	}
	if terminate {
		other.Terminate()
	} else {
		other.Cancel()
	}
	return true
}

// BlockingPIDs is pg_blocking_pids: the sessions that one waits for.
func (s *Session) BlockingPIDs(pid int32) (pids []int32) {
	waiting := s.cfg.backends.find(pid)
	if waiting == nil {
		return nil
	}
	txn := uint64(waiting.activity.read().txn)
	owners := s.cfg.backends.byTxn()
	for _, l := range s.cfg.Engine.Locks() {
		if l.Granted || l.Owner != txn || txn == 0 {
			continue
		}
		for _, id := range l.WaitsFor {
			if other := owners[id]; other != nil {
				pids = append(pids, other.pid)
			}
		}
	}
	return pids
}
