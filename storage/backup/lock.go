package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"quiver/storage/objstore"
)

// Lock is the right to change a place. It is an object lock/{n}: whoever stores
// the next number first has it, until the time in the object, which the holder
// moves on. So of two that find a lock left behind only one gets it, and a holder
// that was away for too long finds a higher number than its own.
type Lock struct {
	p     *Place
	n     uint64
	state lockState

	stop context.CancelFunc
	done sync.WaitGroup
	mu   sync.Mutex // guards what follows
	lost error
}

// lockState is the content of a lock's object.
type lockState struct {
	Holder string `json:"holder"`
	Token  string `json:"token"`
	// Until is when the lock may be taken over; zero once it was given back.
	Until time.Time `json:"until"`
}

const locks = "lock/"

// lockTerm is for how long a lock is held, lockEvery how often it is renewed.
const (
	lockTerm  = 2 * time.Minute
	lockEvery = 15 * time.Second
)

// held are the tokens of the locks that this process holds.
var held sync.Map

// Lock takes the lock. holder says who takes it, in words; a lock that a process
// of the same holder left behind is taken over at once. ErrInUse: another has it.
func (p *Place) Lock(ctx context.Context, holder string) (*Lock, error) {
	last, state, err := p.lastLock(ctx)
	if err != nil {
		return nil, err
	}
	if !state.Until.IsZero() && time.Now().Before(state.Until) {
		_, mine := held.Load(state.Token)
		if mine || state.Holder != holder {
			return nil, fmt.Errorf("%w: %s, by %s, until %s", ErrInUse, p.URL(), state.Holder, state.Until.UTC().Format(time.RFC3339))
		}
	}
	l := &Lock{p: p, n: last + 1, state: lockState{Holder: holder, Token: uuid.NewString()}}
	l.state.Until = time.Now().Add(lockTerm)
	held.Store(l.state.Token, true)
	value, err := json.Marshal(l.state)
	if err == nil {
		err = p.store.PutIfAbsent(ctx, l.key(), value)
	}
	if err != nil {
		held.Delete(l.state.Token)
		if errors.Is(err, objstore.ErrExists) {
			err = fmt.Errorf("%w: %s was taken this moment", ErrInUse, p.URL())
		}
		return nil, err
	}
	for n := last; n > 0 && n+3 > last; n-- {
		if err := p.store.Delete(ctx, lockKey(n)); err != nil {
			return nil, errors.Join(err, l.Release(ctx))
		}
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = stop
	l.done.Go(func() { l.renew(background) })
	return l, nil
}

func lockKey(n uint64) string { return fmt.Sprintf("%s%016d", locks, n) }
func (l *Lock) key() string   { return lockKey(l.n) }

// lastLock finds the highest lock; a zero state if it was given back or there is
// none.
func (p *Place) lastLock(ctx context.Context) (n uint64, state lockState, err error) {
	key := ""
	err = p.store.List(ctx, locks, func(o objstore.ObjectInfo) error {
		if m, err := strconv.ParseUint(strings.TrimPrefix(o.Key, locks), 10, 64); err == nil && m >= n {
			n, key = m, o.Key
		}
		return nil
	})
	if err != nil || key == "" {
		return n, state, err
	}
	value, err := objstore.ReadAll(ctx, p.store, key)
	if errors.Is(err, objstore.ErrNotFound) {
		return n, state, fmt.Errorf("%w: %s was taken this moment", ErrInUse, p.URL())
	}
	if err != nil {
		return n, state, err
	}
	if err := json.Unmarshal(value, &state); err != nil {
		return n, state, fmt.Errorf("backup: %s of %s: %w", key, p.URL(), err)
	}
	return n, state, nil
}

// renew moves the lock's end on until Release.
func (l *Lock) renew(ctx context.Context) {
	tick := time.NewTicker(lockEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := l.extend(ctx); err != nil && ctx.Err() == nil && time.Now().After(l.state.Until) {
			l.mu.Lock()
			l.lost = err
			l.mu.Unlock()
			return
		}
	}
}

func (l *Lock) extend(ctx context.Context) error {
	if err := l.current(ctx); err != nil {
		return err
	}
	next := l.state
	next.Until = time.Now().Add(lockTerm)
	if err := l.put(ctx, next); err != nil {
		return err
	}
	l.state = next
	return nil
}

func (l *Lock) put(ctx context.Context, state lockState) error {
	value, err := json.Marshal(state)
	if err != nil {
		return err
	}
	return l.p.store.Put(ctx, l.key(), strings.NewReader(string(value)), int64(len(value)))
}

// current says whether nobody has taken the lock over.
func (l *Lock) current(ctx context.Context) error {
	n, _, err := l.p.lastLock(ctx)
	if err == nil && n != l.n {
		err = fmt.Errorf("%w: %s was taken over by another process", ErrInUse, l.p.URL())
	}
	return err
}

// Check says whether the lock is still held. It is asked before what cannot be
// taken back.
func (l *Lock) Check(ctx context.Context) error {
	l.mu.Lock()
	lost := l.lost
	l.mu.Unlock()
	if lost != nil {
		return lost
	}
	return l.current(ctx)
}

// Release gives the lock back.
func (l *Lock) Release(ctx context.Context) error {
	if l.stop != nil {
		l.stop()
		l.done.Wait()
	}
	defer held.Delete(l.state.Token)
	if err := l.current(ctx); err != nil {
		return err
	}
	free := l.state
	free.Until = time.Time{}
	return l.put(ctx, free)
}
