package binlog

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// Writer writes one file front to back. It belongs to one goroutine and ends
// in Finish or Abort.
type Writer struct {
	w          io.Writer
	mem        memory.Allocator
	descriptor Descriptor
	encoded    []byte
	pending    []pendingField
	// events are those written; others are held until their stripe is.
	events []Event
	held   int
	rows   int64
	size   int64
	crc    uint32
	minTS  uint64
	maxTS  uint64

	layout  layout
	scratch eventScratch
	out     []byte
	err     error
}

// pendingField holds the rows of a field that do not fill an event yet.
type pendingField struct {
	field    *Field
	shift    uint
	fixed    bool
	pieces   []arrow.Array
	stamps   []uint64
	rows     int
	bytes    int64 // of pieces; counted only where rows differ in size
	firstRow int64

	// held are events, and their bytes, that follow each other in a stripe.
	held      []Event
	heldBytes []byte
}

// stripeBytes is about how many bytes of events make a stripe: in it those of a field
// lie beside each other, for whoever reads one of several fields.
const stripeBytes = 16 << 20

// Summary is what a finished file is.
type Summary struct {
	Rows int64
	// Bytes is the file's length and CRC the CRC-32C of all of it.
	Bytes int64
	CRC   uint32
	// RawBytes is the sum of the events' buffers before their codecs.
	RawBytes                   int64
	MinTimestamp, MaxTimestamp uint64
	// Fields sums up the events by field, in the descriptor's order.
	Fields []FieldSummary
}

// FieldSummary bounds one field over a whole file.
type FieldSummary struct {
	ID int32
	// Min and Max are bounds as Event has them; nil if unknown or all is null.
	Min, Max []byte
	Nulls    int64
	// Asked is the codec that was asked for. Codec is None if it shrank no event;
	// RawBytes and StoredBytes are of all of them, before and after it.
	Asked, Codec          Codec
	RawBytes, StoredBytes int64
}

// NewWriter begins a file on w. mem is for the copies that joining small
// batches needs.
func NewWriter(w io.Writer, d Descriptor, mem memory.Allocator) (*Writer, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	b := &Writer{w: w, mem: mem, descriptor: d}
	b.descriptor.Fields = append([]Field(nil), d.Fields...)
	var err error
	if b.encoded, err = b.descriptor.append(nil); err != nil {
		return nil, err
	}
	b.pending = make([]pendingField, len(d.Fields))
	for i := range b.pending {
		p := &b.pending[i]
		p.field = &b.descriptor.Fields[i]
		p.shift, p.fixed = p.field.Shift()
	}
	return b, b.write(appendHead(b.out[:0], Version, b.encoded))
}

// Write adds rows: one array a field, of equal length, in the descriptor's
// order. timestamps, one a row, may be nil. The arrays are retained until their
// event is full; timestamps is copied.
func (b *Writer) Write(columns []arrow.Array, timestamps []uint64) error {
	if b.err != nil {
		return b.err
	}
	if err := b.checkColumns(columns, timestamps); err != nil {
		return err
	}
	n := columns[0].Len()
	for i, a := range columns {
		if err := b.add(&b.pending[i], a, timestamps); err != nil {
			return err
		}
	}
	b.rows += int64(n)
	return nil
}

func (b *Writer) checkColumns(columns []arrow.Array, timestamps []uint64) error {
	if len(columns) != len(b.pending) {
		return fmt.Errorf("binlog: %d columns for %d fields", len(columns), len(b.pending))
	}
	for i, a := range columns {
		f := b.pending[i].field
		if a.Len() != columns[0].Len() || timestamps != nil && len(timestamps) != a.Len() {
			return fmt.Errorf("binlog: field %d has %d rows, not %d", f.ID, a.Len(), columns[0].Len())
		}
		if !arrow.TypeEqual(a.DataType(), f.Type) {
			return fmt.Errorf("binlog: field %d is %v, not %v", f.ID, a.DataType(), f.Type)
		}
	}
	return nil
}

// add cuts a into pieces that fill events.
func (b *Writer) add(p *pendingField, a arrow.Array, timestamps []uint64) error {
	for from := 0; from < a.Len(); {
		n := p.room(a, from)
		if n == 0 {
			if err := b.flush(p); err != nil {
				return err
			}
			continue
		}
		p.pieces = append(p.pieces, array.NewSlice(a, int64(from), int64(from+n)))
		if timestamps != nil {
			p.stamps = append(p.stamps, timestamps[from:from+n]...)
		}
		if !p.fixed {
			p.bytes += dataBytes(a.Data(), from, n)
		}
		p.rows += n
		from += n
		if p.fixed && p.rows == 1<<p.shift {
			if err := b.flush(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// room returns how many rows of a from row from still fit into the event. At
// least one row fits into an empty event.
func (p *pendingField) room(a arrow.Array, from int) int {
	n := a.Len() - from
	if p.fixed {
		return min(n, 1<<p.shift-p.rows)
	}
	n = min(n, EventRowsMax-p.rows)
	budget := EventBytesMax - p.bytes
	if dataBytes(a.Data(), from, n) <= budget {
		return n
	}
	lo, hi := 0, n // lo rows fit, hi do not
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; dataBytes(a.Data(), from, mid) <= budget {
			lo = mid
		} else {
			hi = mid
		}
	}
	if lo == 0 && p.rows == 0 {
		return 1
	}
	return lo
}

// dataBytes returns about how many bytes rows [from, from+n) take.
func dataBytes(data arrow.ArrayData, from, n int) int64 {
	at := data.Offset() + from
	if n == 0 {
		return 0
	}
	total := int64(n+7) / 8
	switch t := data.DataType().(type) {
	case *arrow.NullType:
		return 0
	case *arrow.StringType, *arrow.BinaryType:
		o := arrow.Int32Traits.CastFromBytes(bufferBytes(data, 1))
		return total + 4*int64(n) + int64(o[at+n]-o[at])
	case *arrow.ListType:
		o := arrow.Int32Traits.CastFromBytes(bufferBytes(data, 1))
		return total + 4*int64(n) + dataBytes(data.Children()[0], int(o[at]), int(o[at+n]-o[at]))
	case *arrow.FixedSizeListType:
		w := int(t.Len())
		return total + dataBytes(data.Children()[0], at*w, n*w)
	case *arrow.StructType:
		for _, c := range data.Children() {
			total += dataBytes(c, at, n)
		}
		return total
	case arrow.FixedWidthDataType:
		return total + (int64(n)*int64(t.BitWidth())+7)/8
	}
	return total
}

// flush writes the pending rows of a field as an event.
func (b *Writer) flush(p *pendingField) error {
	a := p.pieces[0]
	if len(p.pieces) > 1 {
		joined, err := array.Concatenate(p.pieces, b.mem)
		if err != nil {
			return b.fail(err)
		}
		a = joined
		defer joined.Release()
	}
	e := Event{Field: p.field.ID, Codec: p.field.Codec, Rows: p.rows, Nulls: a.NullN(), FirstRow: p.firstRow}
	e.MinTimestamp, e.MaxTimestamp = spread(p.stamps)
	if len(p.stamps) > 0 {
		b.seen(e.MinTimestamp, e.MaxTimestamp)
	}
	if !p.field.NoStats {
		if lo, hi, ok := bounds(a, p.field.Compare); ok {
			if lo, hi := appendBound(a, lo), appendBound(a, hi); lo != nil && hi != nil {
				e.Min, e.Max = lo, hi
			}
		}
	}
	b.layout.reset()
	if err := b.layout.add(a.Data(), 0, a.Len()); err != nil {
		return b.fail(err)
	}
	e.Nulls = b.layout.nodes[0].nulls
	out, err := appendEvent(b.out[:0], &e, p.field, &b.layout, &b.scratch)
	if err != nil {
		return b.fail(err)
	}
	b.out = out
	p.firstRow += int64(p.rows)
	p.drop()
	if len(b.pending) == 1 {
		return b.writeEvents([]Event{e}, out)
	}
	p.held, p.heldBytes = append(p.held, e), append(p.heldBytes, out...)
	if b.held += len(out); b.held < stripeBytes {
		return nil
	}
	return b.writeStripe()
}

// writeStripe writes the events that are held, field by field.
func (b *Writer) writeStripe() error {
	for i := range b.pending {
		p := &b.pending[i]
		if err := b.writeEvents(p.held, p.heldBytes); err != nil {
			return err
		}
		p.held, p.heldBytes = p.held[:0], p.heldBytes[:0]
	}
	b.held = 0
	return nil
}

// writeEvents writes events that follow each other.
func (b *Writer) writeEvents(events []Event, bytes []byte) error {
	at := b.size
	for _, e := range events {
		e.Offset = at
		b.events = append(b.events, e)
		at += e.Length
	}
	return b.write(bytes)
}

func (p *pendingField) drop() {
	for _, piece := range p.pieces {
		piece.Release()
	}
	clear(p.pieces)
	p.pieces, p.stamps, p.rows, p.bytes = p.pieces[:0], p.stamps[:0], 0, 0
}

func spread(stamps []uint64) (lo, hi uint64) {
	for i, t := range stamps {
		if i == 0 || t < lo {
			lo = t
		}
		hi = max(hi, t)
	}
	return lo, hi
}

func (b *Writer) seen(lo, hi uint64) {
	if b.minTS == 0 || lo < b.minTS {
		b.minTS = lo
	}
	b.maxTS = max(b.maxTS, hi)
}

func (b *Writer) write(p []byte) error {
	n, err := b.w.Write(p)
	b.size += int64(n)
	b.crc = crc32.Update(b.crc, castagnoli, p[:n])
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return b.fail(err)
	}
	return nil
}

func (b *Writer) fail(err error) error {
	if b.err == nil {
		b.err = err
	}
	return err
}

var errFinished = errors.New("binlog: writer is finished")

// Rows returns how many rows were written.
func (b *Writer) Rows() int64 { return b.rows }

// Bytes returns the bytes of events made so far; pending rows are not in it.
func (b *Writer) Bytes() int64 { return b.size + int64(b.held) }

// Finish writes what is pending and the footer. The caller makes w durable.
func (b *Writer) Finish() (Summary, error) {
	defer b.Abort()
	if b.err != nil {
		return Summary{}, b.err
	}
	for i := range b.pending {
		if b.pending[i].rows > 0 {
			if err := b.flush(&b.pending[i]); err != nil {
				return Summary{}, err
			}
		}
	}
	if err := b.writeStripe(); err != nil {
		return Summary{}, err
	}
	if err := b.write(appendFooter(nil, b.encoded, b.events, b.size)); err != nil {
		return Summary{}, err
	}
	s := Summary{Rows: b.rows, Bytes: b.size, CRC: b.crc, MinTimestamp: b.minTS, MaxTimestamp: b.maxTS}
	for i := range b.events {
		s.RawBytes += b.events[i].RawBytes
	}
	for i := range b.descriptor.Fields {
		f, err := b.sumUp(&b.descriptor.Fields[i])
		if err != nil {
			return Summary{}, err
		}
		s.Fields = append(s.Fields, f)
	}
	return s, nil
}

// sumUp folds the bounds of a field's events.
func (b *Writer) sumUp(f *Field) (FieldSummary, error) {
	s := FieldSummary{ID: f.ID, Asked: f.Codec}
	compare := f.Compare
	if compare == nil {
		compare = NaturalOrder(f.Type)
	}
	known := true
	for i := range b.events {
		e := &b.events[i]
		if e.Field != f.ID {
			continue
		}
		s.Nulls += int64(e.Nulls)
		s.RawBytes += e.RawBytes
		s.StoredBytes += e.StoredBytes
		if e.Codec != None {
			s.Codec = e.Codec
		}
		if known = known && (e.Min != nil || e.Nulls == e.Rows); !known || e.Min == nil {
			continue
		}
		var err error
		if s.Min, err = lesser(s.Min, e.Min, f.Type, compare, b.mem); err != nil {
			return s, err
		}
		reversed := func(x arrow.Array, i int, y arrow.Array, j int) int { return -compare(x, i, y, j) }
		if s.Max, err = lesser(s.Max, e.Max, f.Type, reversed, b.mem); err != nil {
			return s, err
		}
	}
	if !known {
		s.Min, s.Max = nil, nil
	}
	return s, nil
}

// lesser returns the bound that comes first; nil is none.
func lesser(x, y []byte, dt arrow.DataType, compare Compare, mem memory.Allocator) ([]byte, error) {
	if x == nil {
		return y, nil
	}
	a, err := DecodeBound(x, dt, mem)
	if err != nil {
		return nil, err
	}
	defer a.Release()
	b, err := DecodeBound(y, dt, mem)
	if err != nil {
		return nil, err
	}
	defer b.Release()
	if compare(b, 0, a, 0) < 0 {
		return y, nil
	}
	return x, nil
}

// Abort drops what is pending; after Finish it does nothing.
func (b *Writer) Abort() {
	b.fail(errFinished)
	for i := range b.pending {
		p := &b.pending[i]
		p.drop()
		p.held, p.heldBytes = nil, nil
	}
}
