package hlc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// ErrClosed: the clock was closed.
var ErrClosed = errors.New("hlc: clock is closed")

// Bounds keeps one number over restarts: a timestamp that no clock over the
// same data has gone past.
type Bounds interface {
	// Load returns the bound stored last, 0 if none ever was.
	Load(ctx context.Context) (Timestamp, error)
	// Store makes the bound durable. After an error it may be stored or not.
	Store(ctx context.Context, bound Timestamp) error
}

// closedMark is the last timestamp of a closed clock.
const closedMark = uint64(Max)

// Options of a Clock; zero fields have defaults.
type Options struct {
	// Window is how far ahead of the wall clock the bound is stored (default 10 s). A
	// restart after a crash begins up to that much ahead of the wall clock, however
	// many there were; the store may be away for half of it before Next has to wait.
	Window time.Duration
	// StoreTimeout bounds one Store (default 5 s).
	StoreTimeout time.Duration
	// Now is the wall clock (default time.Now). It may jump in any direction.
	Now func() time.Time
}

// Clock is a Source over a stored bound. Next is one compare-and-swap; the
// bound is moved in the background, once half the window is used up.
type Clock struct {
	bounds  Bounds
	options Options

	last  atomic.Uint64 // the newest timestamp given out or observed
	bound atomic.Uint64 // durable: Next stays below it

	moving atomic.Bool // a background move runs
	moves  sync.WaitGroup

	moveMu sync.Mutex // held while the bound is moved
	mu     sync.Mutex // guards closed and the start of moves
	closed bool
}

// NewClock makes a clock that continues after every timestamp given out over
// these bounds.
func NewClock(ctx context.Context, bounds Bounds, options Options) (*Clock, error) {
	if options.Window <= 0 {
		options.Window = 10 * time.Second
	}
	if options.StoreTimeout <= 0 {
		options.StoreTimeout = 5 * time.Second
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	bound, err := bounds.Load(ctx)
	if err != nil {
		return nil, fmt.Errorf("hlc: load bound: %w", err)
	}
	c := &Clock{bounds: bounds, options: options}
	c.last.Store(uint64(bound))
	c.bound.Store(uint64(bound))
	return c, nil
}

// Next returns a timestamp greater than every one before. It waits for the
// store only when the bound is reached, and fails if that cannot be moved.
func (c *Clock) Next() (Timestamp, error) {
	for {
		last := c.last.Load()
		if last == closedMark {
			return 0, ErrClosed
		}
		wall := c.wall()
		next := max(last+1, wall)
		bound := c.bound.Load()
		if next >= bound {
			if err := c.move(Timestamp(next)); err != nil {
				return 0, err
			}
			continue
		}
		if !c.last.CompareAndSwap(last, next) {
			continue
		}
		if !suffices(bound, next, c.ahead(next, wall)) {
			c.moveAhead(Timestamp(next))
		}
		return Timestamp(next), nil
	}
}

// room is the part of the window that a clock ahead of the wall clock, which then
// counts only, takes at a time: were it the whole, restarts would add up.
const room = 8

func (c *Clock) wall() uint64 { return uint64(At(c.options.Now())) }

// ahead is the bound to be stored when t is given out.
func (c *Clock) ahead(t, wall uint64) uint64 {
	window := uint64(c.options.Window.Milliseconds()) << CounterBits
	return max(t+window/room, wall+window)
}

// suffices says that a bound is at least half way from t to the one due.
func suffices(bound, t, due uint64) bool { return bound > t && bound-t >= (due-t)/2 }

// Observe raises the clock to at least t, which must have been given out by a
// clock over the same data or have been read from it.
func (c *Clock) Observe(t Timestamp) {
	for {
		last := c.last.Load()
		if uint64(t) <= last || c.last.CompareAndSwap(last, uint64(t)) {
			return
		}
	}
}

// Now reads the clock. That of a closed one is the wall's.
func (c *Clock) Now() Timestamp {
	wall := At(c.options.Now())
	if last := c.last.Load(); last != closedMark {
		return max(Timestamp(last), wall)
	}
	return wall
}

// Last is the newest timestamp given out or observed.
func (c *Clock) Last() Timestamp { return Timestamp(c.last.Load()) }

// move stores a bound above t and waits for it.
func (c *Clock) move(t Timestamp) error {
	c.moveMu.Lock()
	defer c.moveMu.Unlock()
	bound := c.ahead(uint64(t), c.wall())
	if suffices(c.bound.Load(), uint64(t), bound) {
		return nil // another call did
	}
	if bound <= uint64(t) || bound == closedMark {
		return fmt.Errorf("hlc: clock at %d has no room left", t)
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.options.StoreTimeout)
	defer cancel()
	if err := c.bounds.Store(ctx, Timestamp(bound)); err != nil {
		return fmt.Errorf("hlc: store bound: %w", err)
	}
	c.bound.Store(bound)
	return nil
}

// moveAhead moves the bound in the background; an error is left for the Next
// that reaches the bound, which tries again.
func (c *Clock) moveAhead(t Timestamp) {
	if !c.moving.CompareAndSwap(false, true) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return // and stays moving: there is no later one
	}
	c.moves.Go(func() {
		defer c.moving.Store(false)
		_ = c.move(t)
	})
}

// Close waits for what runs in the background and stores the last timestamp as
// the bound, so that a clean restart does not run ahead of the wall clock.
func (c *Clock) Close(ctx context.Context) error {
	c.mu.Lock()
	wasClosed := c.closed
	c.closed = true
	c.mu.Unlock()
	if wasClosed {
		return nil
	}
	c.moves.Wait()
	// From the swap on Next fails, so no timestamp is given out past final.
	final := c.last.Swap(closedMark)
	c.moveMu.Lock() // a Next may still be at the store
	defer c.moveMu.Unlock()
	if final == c.bound.Load() {
		return nil // nothing was given out
	}
	return c.bounds.Store(ctx, Timestamp(final))
}
