package wal

import (
	"context"
	"errors"
	"fmt"
)

// Sentinels of Log implementations.
var (
	// ErrFenced: a write or sync failed, or another owner took over; nothing
	// more is accepted until restart.
	ErrFenced = errors.New("wal: log is fenced")
	// ErrCut: the position lies below the cut.
	ErrCut = errors.New("wal: position was cut")
	// ErrClosed: the log was closed.
	ErrClosed = errors.New("wal: log is closed")
	// ErrTooLarge: a record above RecordBytesMax.
	ErrTooLarge = errors.New("wal: record too large")
)

// RecordBytesMax bounds one record (DESIGN.md §4).
const RecordBytesMax = 1 << 20

// CorruptionError says which record cannot be read, and that valid records
// follow it, so that it is no torn tail.
type CorruptionError struct {
	Position Position
	Reason   string
}

func (e *CorruptionError) Error() string {
	return fmt.Sprintf("wal: corrupt record at %v: %s", e.Position, e.Reason)
}

// Position is a place in a stream: opaque but ordered within the stream. The
// zero Position is before every record.
type Position struct {
	Stream uint32 `json:"stream"`
	Offset uint64 `json:"offset"`
}

// Less orders positions of one stream.
func (p Position) Less(q Position) bool { return p.Offset < q.Offset }

func (p Position) String() string { return fmt.Sprintf("%d/%X", p.Stream, p.Offset) }

// Future is the outcome of an Append. A record may stay unwritten until its
// future, or that of a later record, is waited for, or the log is closed.
type Future interface {
	// Position is where the record lies; known at once.
	Position() Position
	// Done is closed once the record is durable or the log is fenced.
	Done() <-chan struct{}
	// Wait blocks until Done and returns nil or ErrFenced. It does not end
	// early: the outcome of a commit must be known.
	Wait() error
}

// Log is one stream of records. Append is called by one owner at a time under
// its commit lock; the rest is safe for concurrent use.
type Log interface {
	// Append adds a record (at most RecordBytesMax; not kept after return).
	// Durable records survive a power cut and are read back in order.
	Append(record []byte) (Future, error)
	// Flushed is the end of the durable prefix; Last the end of what was appended.
	Flushed() Position
	Last() Position
	// Read calls f for every durable record at or after from, in order; a torn
	// tail ends it without error, a corrupt record before valid ones is a
	// *CorruptionError. record is valid during the call.
	Read(ctx context.Context, from Position, f func(p Position, record []byte) error) error
	// Cut lets everything below before be forgotten.
	Cut(ctx context.Context, before Position) error
	// Trim gives back storage that is kept for later records alone.
	Trim() error
	// Bytes is the size kept on storage.
	Bytes() int64
	// Fence makes every later Append fail; used when ownership is lost.
	Fence(cause error)
	Close() error
}
