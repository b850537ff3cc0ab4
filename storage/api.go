package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/bitutil"

	"quiver/catalog"
	"quiver/internal/hlc"
	"quiver/sql/types"
)

// Sentinels that server/session maps to SQLSTATEs.
var (
	// ErrSerialization: 40001, a row changed after the transaction's snapshot.
	ErrSerialization = errors.New("could not serialize access due to concurrent update")
	// ErrSerializationDelete: 40001, a row was deleted after the snapshot.
	ErrSerializationDelete = errors.New("could not serialize access due to concurrent delete")
	// ErrDeadlock: 40P01.
	ErrDeadlock = errors.New("deadlock detected")
	// ErrLockNotAvailable: 55P03, NOWAIT or lock_timeout.
	ErrLockNotAvailable = errors.New("could not obtain lock")
	// ErrLockTimeout is the ErrLockNotAvailable of lock_timeout.
	ErrLockTimeout = fmt.Errorf("%w within lock_timeout", ErrLockNotAvailable)
	// ErrFenced: 57P01-like; nothing can be committed until restart.
	ErrFenced = errors.New("storage: the write-ahead log is fenced, restart the server")
	// ErrReadOnly: 25006.
	ErrReadOnly = errors.New("cannot execute in a read-only transaction")
	// ErrUnknownOutcome: 40003, the commit's fate could not be settled.
	ErrUnknownOutcome = errors.New("storage: commit outcome unknown")
	// ErrClosed: the engine is shutting down (57P01).
	ErrClosed = errors.New("storage: engine is closed")
)

// RowID identifies a row version within its table for ever; 0 is none.
type RowID uint64

// Isolation is a transaction's isolation level.
type Isolation byte

// The levels; READ UNCOMMITTED is ReadCommitted. Serializable is answered by
// the session until it exists.
const (
	ReadCommitted Isolation = iota
	RepeatableRead
)

// TxnOptions starts a transaction.
type TxnOptions struct {
	Isolation Isolation
	ReadOnly  bool
	Database  catalog.OID
	// LockTimeout ends waits for locks with ErrLockTimeout; 0 is never.
	LockTimeout time.Duration
	// DeadlockTimeout is how long a wait lasts before a deadlock is searched.
	// With 0, at once, the victim is always the one that closes the circle.
	DeadlockTimeout time.Duration
}

// Savepoint marks a point to roll back to.
type Savepoint uint64

// TableLockMode is one of Postgres' eight table lock modes (manual 13.3.1).
type TableLockMode byte

// The table lock modes, weakest first.
const (
	LockAccessShare TableLockMode = iota + 1
	LockRowShare
	LockRowExclusive
	LockShareUpdateExclusive
	LockShare
	LockShareRowExclusive
	LockExclusive
	LockAccessExclusive
)

// RowLockMode is one of Postgres' four row lock modes (manual 13.3.2).
type RowLockMode byte

// The row lock modes, weakest first.
const (
	LockForKeyShare RowLockMode = iota + 1
	LockForShare
	LockForNoKeyUpdate
	LockForUpdate
)

// WaitPolicy says what to do about a lock that is held.
type WaitPolicy byte

// The wait policies.
const (
	WaitBlock WaitPolicy = iota
	WaitSkip
	WaitError // ErrLockNotAvailable at once
)

// RowStatus is what locking a row found.
type RowStatus byte

// The outcomes of LockRow.
const (
	// RowCurrent: the version is the newest and is now locked.
	RowCurrent RowStatus = iota
	// RowUpdated: a later commit replaced it; Successor is the next version.
	// The caller locks that and evaluates its condition again.
	RowUpdated
	// RowDeleted: a later commit deleted it.
	RowDeleted
	// RowSkipped: it is locked by another and WaitSkip was asked.
	RowSkipped
	// RowOwn: this transaction itself updated or deleted it earlier.
	RowOwn
)

// LockedRow is the answer of LockRow.
type LockedRow struct {
	Status    RowStatus
	Successor RowID
}

// Bitmap has one bit a row, least significant first (Arrow's order); nil means
// all rows.
type Bitmap []byte

// Get returns bit i; a nil Bitmap has all bits set.
func (b Bitmap) Get(i int) bool { return b == nil || bitutil.BitIsSet(b, i) }

// Batch is a run of rows of one segment. Record holds the asked columns in
// order, then the row ids (Uint64) if asked; it may be a view of the segment's
// own memory, valid until the Record is released. Visible says which rows the
// snapshot and the filter keep.
type Batch struct {
	Record  arrow.Record
	Visible Bitmap
	// Kept is the number of visible rows.
	Kept int
}

// ColumnStats bounds a column over a segment or a row group, for pruning.
// Min and Max are arrays of length 1, nil when not known.
type ColumnStats struct {
	Min, Max  arrow.Array
	NullCount int64
	Rows      int64
}

// Filter is a condition that a scan applies: executor fills it.
type Filter interface {
	// Fields are the columns Eval needs; they are loaded first, the others
	// only for batches of which something is left.
	Fields() []catalog.FieldID
	// MayMatch says whether any row within the stats can pass; false prunes
	// the segment or row group. stats returns nil for unknown columns.
	MayMatch(stats func(catalog.FieldID) *ColumnStats) bool
	// Eval clears the bits of rows that do not pass. columns are those of
	// Fields, in order; visible has the rows' bits and is changed in place.
	Eval(ctx context.Context, columns []arrow.Array, rows int, visible Bitmap) error
}

// ScanSpec says what to read.
type ScanSpec struct {
	Table *catalog.Table
	// Partitions to read; nil for all.
	Partitions []catalog.OID
	Fields     []catalog.FieldID
	// WithRowID appends the row id column.
	WithRowID bool
	Filter    Filter
	// Ahead is how many goroutines may make batches of a Scan before they are asked
	// for: the Filter is evaluated by several at a time then, between calls of Next
	// too, and for rows that are not asked for in the end. 0 is none.
	Ahead int
	// Key, when set, asks only for rows with this primary key: the order-
	// preserving encoding of its columns (types.Type.AppendKey, concatenated).
	Key []byte
	// RowIDs, when set, asks only for these row versions (visible or not when
	// AnyVersion): UPDATE re-checks and late column loads.
	RowIDs     []RowID
	AnyVersion bool
}

// ScanStats counts what a scan did, for EXPLAIN ANALYZE. Read it after Close.
type ScanStats struct {
	Segments, SegmentsPruned   int64
	RowGroups, RowGroupsPruned int64
	RowsRead, RowsDeleted      int64
	RowsFiltered               int64
	BytesRead                  int64
}

// Add counts what another scan did too.
func (s *ScanStats) Add(o ScanStats) {
	s.Segments += o.Segments
	s.SegmentsPruned += o.SegmentsPruned
	s.RowGroups += o.RowGroups
	s.RowGroupsPruned += o.RowGroupsPruned
	s.RowsRead += o.RowsRead
	s.RowsDeleted += o.RowsDeleted
	s.RowsFiltered += o.RowsFiltered
	s.BytesRead += o.BytesRead
}

// Scanner yields batches; it belongs to one goroutine.
type Scanner interface {
	// Next returns the next batch with at least one visible row, or nil at the
	// end. The caller releases Batch.Record.
	Next(ctx context.Context) (*Batch, error)
	Stats() ScanStats
	Close() error
}

// Snapshot is the data at one read timestamp plus the transaction's own writes
// of earlier commands. It pins its segments until Close.
type Snapshot interface {
	// ReadTimestamp is the timestamp read at.
	ReadTimestamp() hlc.Timestamp
	// Scan reads one table.
	Scan(ctx context.Context, spec ScanSpec) (Scanner, error)
	// ScanParallel splits a scan into at most n Scanners over disjoint parts.
	ScanParallel(ctx context.Context, spec ScanSpec, n int) ([]Scanner, error)
	// VectorSegments returns the segments that a vector search reads, each to be
	// closed before the Snapshot is. Those that the filter cannot match are left
	// out, and counted in the Stats of the first.
	VectorSegments(ctx context.Context, spec VectorSpec) ([]SearchSegment, error)
	// ScanRanges scans positions of those segments: rows that no index covers.
	ScanRanges(ctx context.Context, spec ScanSpec, ranges []SegmentRange, n int) ([]Scanner, error)
	// Rows estimates a table's live rows for the planner.
	Rows(table *catalog.Table) int64
	Close()
}

// UniqueConflict is what an Insert met.
type UniqueConflict struct {
	// Row of the batch that conflicts, and the committed (or own) row version
	// that has its key.
	Row      int
	Existing RowID
}

// Txn is a transaction. It belongs to one session goroutine. After Commit or
// Rollback only a new Txn may be used.
type Txn interface {
	ID() catalog.TxnID
	Options() TxnOptions
	// Catalog is the transaction's view of the catalog: the newest version (a
	// RepeatableRead transaction too, as in Postgres) plus its own DDL.
	Catalog() *catalog.Txn
	// Wrote says whether the transaction has changed rows of a partition.
	Wrote(p *catalog.Partition) bool
	// Snapshot starts a statement's read: a new timestamp under ReadCommitted,
	// the transaction's own under RepeatableRead. Each call is a new command:
	// it sees the writes of earlier commands and none of its own.
	Snapshot(ctx context.Context) (Snapshot, error)
	// NewestSnapshot is Snapshot whatever the isolation and the consistency: it sees
	// every commit that was answered before. Statements that write a table anew, or
	// check all of its rows, read so once they have locked it: rows that they do not
	// see are lost.
	NewestSnapshot(ctx context.Context) (Snapshot, error)
	// LatestSnapshot reads the newest committed state whatever the isolation:
	// the re-check along an update chain.
	LatestSnapshot(ctx context.Context) (Snapshot, error)

	// LockTable takes a table lock until the transaction ends.
	LockTable(ctx context.Context, table catalog.OID, mode TableLockMode, wait WaitPolicy) error
	// LockRow locks a row version that the statement's snapshot saw.
	LockRow(ctx context.Context, table *catalog.Table, row RowID, mode RowLockMode, wait WaitPolicy) (LockedRow, error)

	// Insert adds rows: one array a live column of table, in column order.
	// partition is 0 for the default one. It locks and checks the primary key
	// of each row; the conflicts of onConflict rows are returned and those
	// rows left out, otherwise the first conflict is a *UniqueError. Within
	// the batch itself a second row of one key conflicts with Existing 0.
	// On return the RowIDs of the inserted rows (0 for left-out ones).
	Insert(ctx context.Context, table *catalog.Table, partition catalog.OID, columns []arrow.Array, onConflict bool) ([]RowID, []UniqueConflict, error)
	// InsertInto is Insert with the partition of each row.
	InsertInto(ctx context.Context, table *catalog.Table, each []*catalog.Partition, columns []arrow.Array, onConflict bool) ([]RowID, []UniqueConflict, error)
	// BeginLoad announces many rows of a table: until EndLoad or AbortLoad Insert
	// and InsertInto write them as segments, past the log. Nothing else may be done
	// to the table meanwhile, and rows can be taken back only to a savepoint since
	// which no other was made. EndLoad is before the next statement; after its error
	// the load is given up. false where rows go the usual way.
	BeginLoad(table *catalog.Table) bool
	EndLoad(ctx context.Context) error
	AbortLoad()
	// Delete deletes row versions that LockRow locked (RowCurrent).
	Delete(ctx context.Context, table *catalog.Table, rows []RowID) error
	// Update replaces locked row versions by new rows: delete and insert with
	// the successor recorded, in the old row's partition. columns as in Insert.
	Update(ctx context.Context, table *catalog.Table, rows []RowID, columns []arrow.Array) ([]RowID, error)
	// UpdateInto is Update with the partition that each new row goes to.
	UpdateInto(ctx context.Context, table *catalog.Table, rows []RowID, each []*catalog.Partition, columns []arrow.Array) ([]RowID, error)

	// BuildIndex builds the vector index b.Index over the rows of b.Table that
	// are committed, on which the caller holds LockShare or
	// LockShareUpdateExclusive: growing segments are flushed, small ones
	// merged, and the parts written under b.Index.Storage. They count once the
	// transaction that puts the descriptor commits; a rollback leaves nothing
	// behind. It returns when all are built; ctx ends it.
	BuildIndex(ctx context.Context, b IndexBuild) error

	// ReadAt makes the snapshots to come read at a timestamp of the past, which
	// then stays readable until the transaction ends; 0 ends it. ErrReadTime
	// refuses the future. Reading a table of which versions are missing at that
	// time is a *TooEarlyError.
	ReadAt(ctx context.Context, at hlc.Timestamp) error
	// ExportSnapshot names what the running statement reads, until the
	// transaction ends; ImportSnapshot makes a RepeatableRead transaction that has
	// not read yet read the same, or is ErrNoSnapshot or ErrOtherDatabase.
	ExportSnapshot() string
	ImportSnapshot(name string) error
	// SetConsistency says what the snapshots to come wait for, and Commit.
	SetConsistency(Consistency)
	// CommitTimestamp is that of the commit, 0 before it and if it changed nothing.
	CommitTimestamp() hlc.Timestamp

	// SetTimeouts changes the LockTimeout and DeadlockTimeout of Options for
	// the waits to come: they may differ from statement to statement.
	SetTimeouts(lock, deadlock time.Duration)

	Savepoint() Savepoint
	// RollbackTo undoes the writes, DDL and locks since the savepoint, which
	// stays; Release forgets it and keeps its writes.
	RollbackTo(sp Savepoint)
	Release(sp Savepoint)

	// Commit makes the writes durable and visible; on an error other than
	// ErrUnknownOutcome nothing of them is kept.
	Commit(ctx context.Context) error
	Rollback()
}

// UniqueError is a duplicate primary key: 23505. Key holds the column values,
// one array of length 1 each.
type UniqueError struct {
	Table *catalog.Table
	Index *catalog.Index
	Key   []arrow.Array
	Types []types.T
}

func (e *UniqueError) Error() string {
	return "duplicate key value violates unique constraint \"" + e.Index.Name + "\""
}
