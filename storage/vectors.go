package storage

import (
	"context"
	"fmt"
	"math/bits"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/bitutil"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/catalog"
	"quiver/storage/binlog"
	"quiver/storage/cache"
	"quiver/storage/growing"
	"quiver/vector"
)

// piece is a run of rows of a column whose values are at fixed or noted places
// in one buffer: those of an event, or of a chunk.
type piece struct {
	values []byte
	valid  []byte // a bit a row; nil: none is null
	from   int    // of the first row, in valid and offsets
	// offsets of each row and the end of the last, in elements of width bytes;
	// nil: each row has width bytes.
	offsets []int32
	skip    int // bytes of a row before its vector
	rows    int
}

// newPiece finds the vectors of an array.
func newPiece(a arrow.Array) (p piece, width int, err error) {
	data := a.Data()
	p = piece{from: data.Offset(), rows: data.Len()}
	if b := data.Buffers()[0]; b != nil && a.NullN() > 0 {
		p.valid = b.Bytes()
	}
	dt := data.DataType()
	if x, ok := dt.(arrow.ExtensionType); ok {
		dt = x.StorageType()
	}
	switch t := dt.(type) {
	case *arrow.FixedSizeListType:
		elem, ok := t.Elem().(arrow.FixedWidthDataType)
		if !ok {
			break
		}
		child := data.Children()[0]
		width = int(t.Len()) * elem.Bytes()
		if b := child.Buffers()[1]; b != nil {
			p.values = b.Bytes()[(child.Offset()+p.from*int(t.Len()))*elem.Bytes():]
		}
		return p, width, nil
	case *arrow.ListType:
		elem, ok := t.Elem().(arrow.FixedWidthDataType)
		if !ok {
			break
		}
		child := data.Children()[0]
		if b := child.Buffers()[1]; b != nil {
			p.values = b.Bytes()[child.Offset()*elem.Bytes():]
		}
		if b := data.Buffers()[1]; b != nil {
			p.offsets = arrow.Int32Traits.CastFromBytes(b.Bytes())
		}
		return p, elem.Bytes(), nil
	case *arrow.BinaryType:
		// A sparse vector follows its dimension.
		p.skip = 4
		if b := data.Buffers()[2]; b != nil {
			p.values = b.Bytes()
		}
		if b := data.Buffers()[1]; b != nil {
			p.offsets = arrow.Int32Traits.CastFromBytes(b.Bytes())
		}
		return p, 1, nil
	case arrow.FixedWidthDataType:
		width = t.Bytes()
		if b := data.Buffers()[1]; b != nil {
			p.values = b.Bytes()[p.from*width:]
		}
		return p, width, nil
	}
	return p, 0, fmt.Errorf("storage: %v is no vector", dt)
}

func (p *piece) null(i int) bool { return p.valid != nil && !bitutil.BitIsSet(p.valid, p.from+i) }

func (p *piece) row(i, width int) []byte {
	if p.null(i) {
		return nil
	}
	if p.offsets != nil {
		from, to := int(p.offsets[p.from+i])*width, int(p.offsets[p.from+i+1])*width
		return p.values[from+p.skip : to : to]
	}
	return p.values[i*width : (i+1)*width : (i+1)*width]
}

// run is Runs.Run within the piece.
func (p *piece) run(i, width int) ([]byte, int) {
	null := p.null(i)
	n := 1
	for i+n < p.rows && p.null(i+n) == null && (p.offsets == nil || null) {
		if p.valid == nil {
			n = p.rows - i
			break
		}
		n++
	}
	if null {
		return nil, n
	}
	if p.offsets != nil {
		return p.row(i, width), 1
	}
	return p.values[i*width : (i+n)*width], n
}

// eventColumn is a column of a flushed segment: piece number position>>shift.
type eventColumn struct {
	pieces []piece
	shift  uint
	width  int
	rows   int
}

var _ vector.Runs = (*eventColumn)(nil)

func (c *eventColumn) Len() int { return c.rows }

func (c *eventColumn) Row(position int) []byte {
	return c.pieces[position>>c.shift].row(position&(1<<c.shift-1), c.width)
}

func (c *eventColumn) Run(position int) ([]byte, int) {
	return c.pieces[position>>c.shift].run(position&(1<<c.shift-1), c.width)
}

// chunkColumn is a column in memory: a piece a chunk, those of full chunks shared
// with other readers.
type chunkColumn struct {
	segment *growing.Segment
	full    []piece
	rest    []piece
	width   int
	rows    int
}

var _ vector.Runs = (*chunkColumn)(nil)

func (c *chunkColumn) Len() int { return c.rows }

func (c *chunkColumn) Row(position int) []byte {
	p, row := c.piece(position)
	return p.row(row, c.width)
}

func (c *chunkColumn) Run(position int) ([]byte, int) {
	p, row := c.piece(position)
	return p.run(row, c.width)
}

func (c *chunkColumn) piece(position int) (*piece, int) {
	chunk, row := c.segment.Locate(position)
	if chunk < len(c.full) {
		return &c.full[chunk], row
	}
	return &c.rest[chunk-len(c.full)], row
}

// fullPieces are the pieces of a field in the full chunks of a segment, which
// stay where they are for as long as it lives.
type fullPieces struct {
	field  int
	width  int
	pieces []piece
	rows   int // in them
}

// looseColumn is a column whose events have different numbers of rows.
type looseColumn struct {
	pieces []piece
	first  []int
	width  int
	rows   int
}

func (c *looseColumn) Len() int { return c.rows }

func (c *looseColumn) Row(position int) []byte {
	lo, hi := 0, len(c.first)
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; c.first[mid] <= position {
			lo = mid
		} else {
			hi = mid
		}
	}
	return c.pieces[lo].row(position-c.first[lo], c.width)
}

// constantColumn has one value: a column younger than the segment.
type constantColumn struct {
	value []byte
	rows  int
}

func (c *constantColumn) Len() int       { return c.rows }
func (c *constantColumn) Row(int) []byte { return c.value }

// holder keeps what a column needs until it is closed.
type holder struct {
	arrays []arrow.Array
	files  []*cache.File // pinned
	free   []func()
}

func (h *holder) close() {
	releaseAll(h.arrays)
	for _, f := range h.files {
		f.Unpin()
	}
	for _, f := range h.free {
		f()
	}
	h.arrays, h.files, h.free = h.arrays[:0], h.files[:0], h.free[:0]
}

// vectors returns the column of a flushed segment; what it needs is added to h.
// The checksum of every event is checked before the first use of the file.
func (f *flushedSegment) vectors(ctx context.Context, h *holder, c *catalog.Column) (vector.Column, error) {
	file, err := f.Open(ctx, c.Field)
	if err != nil {
		return nil, err
	}
	if file == nil {
		return formerVectors(c, f.Rows(), h, f.Has, func(c *catalog.Column) (vector.Column, error) { return f.vectors(ctx, h, c) })
	}
	h.files = append(h.files, file)
	if known, plain := file.Known(columnOfFile{c.Field}).(vector.Column); plain {
		return known, nil
	}
	return f.derivedVectors(ctx, h, c, file)
}

// derivedVectors is vectors of a file that is not known to be plain.
func (f *flushedSegment) derivedVectors(ctx context.Context, h *holder, c *catalog.Column, file *cache.File) (vector.Column, error) {
	v, err := file.Derived(columnOfFile{c.Field}, func() (any, error) {
		for i := range file.Reader.Events(int32(c.Field)) {
			if !file.Reader.InPlace(int32(c.Field), i) {
				return nil, nil
			}
		}
		// The arrays are views of the mapped file, which outlives them.
		return f.eventVectors(ctx, file.Reader, c.Field, func(i int) (arrow.Array, error) { return f.Event(ctx, file, c.Field, i) })
	})
	if err != nil {
		return nil, err
	}
	if column, plain := v.(vector.Column); plain {
		return column, nil
	}
	return f.eventVectors(ctx, file.Reader, c.Field, func(i int) (arrow.Array, error) {
		a, err := f.Event(ctx, file, c.Field, i)
		if err == nil {
			h.arrays = append(h.arrays, a)
		}
		return a, err
	})
}

// columnOfFile is what cache.File.Derived knows the vectors of a field by, nil if
// they are packed.
type columnOfFile struct{ field catalog.FieldID }

func (f *flushedSegment) eventVectors(ctx context.Context, r *binlog.Reader, field catalog.FieldID, event func(int) (arrow.Array, error)) (vector.Column, error) {
	events := r.Events(int32(field))
	loose := &looseColumn{rows: f.Rows(), pieces: make([]piece, events), first: make([]int, events)}
	for i := range events {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		a, err := event(i)
		if err != nil {
			return nil, err
		}
		if loose.pieces[i], loose.width, err = newPiece(a); err != nil {
			return nil, err
		}
		loose.first[i] = int(r.Event(int32(field), i).FirstRow)
	}
	if events == 0 {
		return loose, nil
	}
	step := loose.pieces[0].rows
	if events == 1 {
		step = 1 << bits.Len(uint(step))
	}
	if step&(step-1) != 0 {
		return loose, nil
	}
	for i := range events {
		if loose.first[i] != i*step {
			return loose, nil
		}
	}
	return &eventColumn{pieces: loose.pieces, shift: uint(bits.TrailingZeros(uint(step))), width: loose.width, rows: loose.rows}, nil
}

// missingVectors is a column that the segment has not.
func missingVectors(c *catalog.Column, rows int, h *holder) (vector.Column, error) {
	if c.Missing == nil {
		return &constantColumn{rows: rows}, nil
	}
	a, err := missing(c, 1)
	if err != nil {
		return nil, err
	}
	stored, err := c.Type.ToStorage(a, memory.DefaultAllocator)
	a.Release()
	if err != nil {
		return nil, err
	}
	h.arrays = append(h.arrays, stored)
	p, width, err := newPiece(stored)
	if err != nil {
		return nil, err
	}
	return &constantColumn{value: p.row(0, width), rows: rows}, nil
}

// vectors returns the first rows of a column in memory. private segments may
// move their chunks into a file: their arrays are held.
func (m *memorySegment) vectors(h *holder, c *catalog.Column, rows int, private bool) (vector.Column, error) {
	field := m.Schema().Index(c.Field)
	if field < 0 {
		has := func(field catalog.FieldID) bool { return m.Schema().Index(field) >= 0 }
		return formerVectors(c, rows, h, has, func(c *catalog.Column) (vector.Column, error) { return m.vectors(h, c, rows, private) })
	}
	known := m.pieces.Load()
	if private || known == nil || known.field != field {
		known = &fullPieces{field: field}
	}
	out := &chunkColumn{segment: m.Segment, full: known.pieces, width: known.width, rows: rows}
	one := [1]int{field}
	more := *known
	for start := known.rows; start < rows; {
		_, end := m.ChunkAt(start)
		end = min(end, rows)
		n := len(h.arrays)
		h.arrays = m.View(h.arrays, one[:], start, end)
		p, width, err := newPiece(h.arrays[n])
		if err != nil {
			return nil, err
		}
		out.width = width
		out.rest = append(out.rest, p)
		if m.IsFull(start, end) && more.rows == start {
			more.pieces, more.width, more.rows = append(more.pieces[:len(more.pieces):len(more.pieces)], p), width, end
		}
		start = end
	}
	if !private && more.rows > known.rows {
		m.pieces.Store(&more)
	}
	return out, nil
}
