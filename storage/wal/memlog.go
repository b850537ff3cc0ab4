package wal

import (
	"context"
	"sync"
)

// MemLog is a Log in memory for tests: what is appended is durable at once, or,
// when Hold was called, at the next Sync. Crash returns what a power cut leaves.
type MemLog struct {
	mu      sync.Mutex
	entries []memEntry
	cut     uint64 // offset of the first entry kept
	next    uint64
	bytes   int64
	held    bool
	fenced  error
	closed  bool
}

type memEntry struct {
	offset uint64
	record []byte
	future *memFuture
}

type memFuture struct {
	pos  Position
	done chan struct{}
	err  error
}

func (f *memFuture) Position() Position    { return f.pos }
func (f *memFuture) Done() <-chan struct{} { return f.done }

func (f *memFuture) Wait() error {
	<-f.done
	return f.err
}

// NewMemLog returns an empty log.
func NewMemLog() *MemLog { return &MemLog{next: 1} }

// Append adds a record.
func (l *MemLog) Append(record []byte) (Future, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return nil, ErrClosed
	case l.fenced != nil:
		return nil, ErrFenced
	case len(record) > RecordBytesMax:
		return nil, ErrTooLarge
	}
	f := &memFuture{pos: Position{Offset: l.next}, done: make(chan struct{})}
	l.entries = append(l.entries, memEntry{l.next, append([]byte(nil), record...), f})
	l.next += uint64(len(record)) + 1
	l.bytes += int64(len(record))
	if !l.held {
		close(f.done)
	}
	return f, nil
}

// Hold makes records wait for Sync before they are durable.
func (l *MemLog) Hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = true
}

// Sync makes everything appended durable.
func (l *MemLog) Sync() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.entries {
		select {
		case <-e.future.done:
		default:
			close(e.future.done)
		}
	}
}

// Crash returns the log as a restart finds it: every durable record and of the
// others the first keep. The old one is fenced.
func (l *MemLog) Crash(keep int) *MemLog {
	l.Fence(ErrClosed)
	l.mu.Lock()
	defer l.mu.Unlock()
	after := &MemLog{cut: l.cut, next: l.next, bytes: l.bytes}
	for _, e := range l.entries {
		if e.future.err != nil {
			if keep == 0 {
				break
			}
			keep--
		}
		f := &memFuture{pos: e.future.pos, done: make(chan struct{})}
		close(f.done)
		after.entries = append(after.entries, memEntry{e.offset, e.record, f})
	}
	return after
}

// Flushed is the end of the durable prefix.
func (l *MemLog) Flushed() Position {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.entries {
		select {
		case <-e.future.done:
		default:
			return Position{Offset: e.offset}
		}
	}
	return Position{Offset: l.next}
}

// Last is the end of what was appended.
func (l *MemLog) Last() Position {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Position{Offset: l.next}
}

// Read calls f for every durable record from from on.
func (l *MemLog) Read(ctx context.Context, from Position, f func(Position, []byte) error) error {
	l.mu.Lock()
	if from.Offset != 0 && from.Offset < l.cut {
		l.mu.Unlock()
		return ErrCut
	}
	entries := l.entries
	l.mu.Unlock()
	for _, e := range entries {
		if e.offset < from.Offset {
			continue
		}
		select {
		case <-e.future.done:
		default:
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f(Position{Offset: e.offset}, e.record); err != nil {
			return err
		}
	}
	return nil
}

// Cut forgets what lies below before.
func (l *MemLog) Cut(_ context.Context, before Position) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.entries) > 0 && l.entries[0].offset < before.Offset {
		l.bytes -= int64(len(l.entries[0].record))
		l.entries = l.entries[1:]
	}
	l.cut = max(l.cut, before.Offset)
	return nil
}

// Trim has nothing to give back.
func (l *MemLog) Trim() error { return nil }

// Bytes is the size of the records kept.
func (l *MemLog) Bytes() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes
}

// Fence fails everything that is not durable and every later Append.
func (l *MemLog) Fence(cause error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fenced != nil {
		return
	}
	l.fenced = cause
	for _, e := range l.entries {
		select {
		case <-e.future.done:
		default:
			e.future.err = ErrFenced
			close(e.future.done)
		}
	}
}

// Close ends the log.
func (l *MemLog) Close() error {
	l.Fence(ErrClosed)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return nil
}

var _ Log = (*MemLog)(nil)
