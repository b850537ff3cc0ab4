package storage

import (
	"context"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/catalog"
	"quiver/vector"
)

// VectorSpec says what a vector search reads: see Snapshot.VectorSegments.
type VectorSpec struct {
	// Scan has the table, its partitions and the filter. Its Fields are not
	// read; SearchSegment.Take reads what is wanted of rows found.
	Scan ScanSpec
	// Field is the column searched; 0 is what Index holds, null where it leaves a row
	// out.
	Field catalog.FieldID
	// Index is the index to search by; nil searches exactly.
	Index *catalog.Index
}

// SearchSegment is one segment as a vector search sees it: rows by position,
// 0 to Rows. It is valid until Close and may be used by one goroutine at a
// time; different segments by different goroutines.
type SearchSegment interface {
	// Rows is the number of positions, rows that the snapshot does not see
	// included.
	Rows() int
	// Index is the segment's vector index, nil without one. It covers the
	// positions below Indexed (all of a flushed segment); the others are
	// compared one by one.
	Index() (index vector.Index, indexed int)
	// Column is the vectors, mapped or in memory.
	Column(ctx context.Context) (vector.Column, error)
	// Visible says which rows the snapshot sees; nil is all of them. kept is
	// their number.
	Visible(ctx context.Context) (keep Bitmap, kept int, err error)
	// Matching is Visible and the filter: row groups that cannot match are
	// passed over. from and to bound the positions looked at; bits outside are
	// clear.
	Matching(ctx context.Context, from, to int) (keep Bitmap, kept int, err error)
	// Known says whether Matching costs next to nothing, since the filter's answer
	// is at hand, or is worth finding, since it was asked for before.
	Known(ctx context.Context) (bool, error)
	// Test sets keep[i] to whether positions[i] is visible and passes the
	// filter: for few rows, without reading the others.
	Test(ctx context.Context, positions []uint32, keep []bool) error
	// RowIDs appends the row ids of positions to dst.
	RowIDs(ctx context.Context, dst []RowID, positions []uint32) ([]RowID, error)
	// Take reads columns of rows by position, in the order given; the caller
	// releases them.
	Take(ctx context.Context, fields []catalog.FieldID, positions []uint32) ([]arrow.Array, error)
	// Stats counts what was read through this segment.
	Stats() ScanStats
	Close() error
}
