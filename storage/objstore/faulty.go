package objstore

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// ErrInjected is what Faulty answers unless its Fault says otherwise. It is
// none of the sentinels: a write's outcome is unknown.
var ErrInjected = errors.New("objstore: injected fault")

// Op is one operation that Faulty sees: "put", "putifabsent", "read", "head",
// "list", "delete".
type Op struct {
	Kind, Key string
}

// Fault says how operations fail.
type Fault struct {
	// After is how many operations (of those that Match) still succeed.
	After int
	// Match picks operations; nil is all.
	Match func(Op) bool
	// Err is the answer, ErrInjected if nil.
	Err error
	// Sticky makes every later matching operation fail too.
	Sticky bool
	// LoseReply does the operation and then answers the error.
	LoseReply bool
	// Delay makes matching operations wait first, or until their context ends;
	// with DelayOnly that is all.
	Delay     time.Duration
	DelayOnly bool
}

// Faulty passes operations on to another Store until its fault strikes.
type Faulty struct {
	inner Store

	mu    sync.Mutex // guards the rest
	fault *Fault
	seen  int
	hit   bool
}

// NewFaulty wraps inner; without a fault it changes nothing.
func NewFaulty(inner Store) *Faulty { return &Faulty{inner: inner} }

// Set sets the fault and forgets what was seen; nil sets none.
func (f *Faulty) Set(fault *Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault, f.seen, f.hit = fault, 0, false
}

// Hit says whether the fault struck since Set.
func (f *Faulty) Hit() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hit
}

// strike returns the fault if it strikes this operation.
func (f *Faulty) strike(op Op) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fault == nil || f.fault.Match != nil && !f.fault.Match(op) {
		return nil
	}
	n := f.seen
	f.seen++
	if n < f.fault.After || n > f.fault.After && !f.fault.Sticky {
		return nil
	}
	f.hit = true
	return f.fault
}

func (f *Faulty) do(ctx context.Context, kind, key string, inner func() error) error {
	fault := f.strike(Op{Kind: kind, Key: key})
	if fault == nil {
		return inner()
	}
	if fault.Delay > 0 {
		select {
		case <-time.After(fault.Delay):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if fault.DelayOnly {
		return inner()
	}
	err := fault.Err
	if err == nil {
		err = ErrInjected
	}
	if fault.LoseReply {
		return errors.Join(err, inner())
	}
	return err
}

// URL is that of the store inside.
func (f *Faulty) URL() string { return f.inner.URL() }

// Put stores an object.
func (f *Faulty) Put(ctx context.Context, key string, body io.Reader, size int64) error {
	return f.do(ctx, "put", key, func() error { return f.inner.Put(ctx, key, body, size) })
}

// PutIfAbsent stores an object.
func (f *Faulty) PutIfAbsent(ctx context.Context, key string, data []byte) error {
	return f.do(ctx, "putifabsent", key, func() error { return f.inner.PutIfAbsent(ctx, key, data) })
}

// ReadAt reads a part of an object.
func (f *Faulty) ReadAt(ctx context.Context, key string, offset, length int64, dst []byte) (out []byte, err error) {
	err = f.do(ctx, "read", key, func() (err error) {
		out, err = f.inner.ReadAt(ctx, key, offset, length, dst)
		return err
	})
	return out, err
}

// Head is an object's size.
func (f *Faulty) Head(ctx context.Context, key string) (info ObjectInfo, err error) {
	err = f.do(ctx, "head", key, func() (err error) {
		info, err = f.inner.Head(ctx, key)
		return err
	})
	return info, err
}

// List lists objects.
func (f *Faulty) List(ctx context.Context, prefix string, fn func(ObjectInfo) error) error {
	return f.do(ctx, "list", prefix, func() error { return f.inner.List(ctx, prefix, fn) })
}

// Delete removes an object.
func (f *Faulty) Delete(ctx context.Context, key string) error {
	return f.do(ctx, "delete", key, func() error { return f.inner.Delete(ctx, key) })
}
