package binlog

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// trailerBytes is the fixed end of a file: file length u64, footer length u32,
// version u32, CRC u32 (of the footer and the 16 bytes before it), magic.
const trailerBytes = 24

// eventEntryBytesMin is the least an index entry takes, to bound counts read.
const eventEntryBytesMin = 67

// appendFooter appends the footer and the trailer; at is the file offset where
// they begin.
func appendFooter(dst, descriptor []byte, events []Event, at int64) []byte {
	start := len(dst)
	le := binary.LittleEndian
	dst = le.AppendUint32(dst, uint32(len(descriptor)))
	dst = append(dst, descriptor...)
	dst = le.AppendUint32(dst, uint32(len(events)))
	for i := range events {
		e := &events[i]
		dst = le.AppendUint32(dst, uint32(e.Field))
		dst = append(dst, byte(e.Codec))
		dst = le.AppendUint32(dst, uint32(e.Rows))
		dst = le.AppendUint32(dst, uint32(e.Nulls))
		dst = le.AppendUint64(dst, uint64(e.FirstRow))
		dst = le.AppendUint64(dst, e.MinTimestamp)
		dst = le.AppendUint64(dst, e.MaxTimestamp)
		dst = le.AppendUint64(dst, uint64(e.Offset))
		dst = le.AppendUint64(dst, uint64(e.Length))
		dst = le.AppendUint32(dst, uint32(e.RawBytes))
		dst = le.AppendUint32(dst, uint32(e.StoredBytes))
		dst = le.AppendUint32(dst, e.CRC)
		dst = appendBytes(dst, e.Min)
		dst = appendBytes(dst, e.Max)
	}
	footer := len(dst) - start
	dst = le.AppendUint64(dst, uint64(at)+uint64(footer)+trailerBytes)
	dst = le.AppendUint32(dst, uint32(footer))
	dst = le.AppendUint32(dst, Version)
	dst = le.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
	return append(dst, trailerMagic...)
}

// footer is what a file says of itself at its end.
type footer struct {
	descriptor      *Descriptor
	descriptorBytes []byte
	// headBytes is where the first event begins.
	headBytes int64
	version   uint32
	events    []Event
	// byField holds, for each field of the descriptor, its events by position.
	byField [][]int
	rows    int64
}

// footerBytes reads a trailer: how many bytes the footer before it has.
func footerBytes(trailer []byte, size int64) (int64, error) {
	if size < trailerBytes+align || len(trailer) != trailerBytes {
		return 0, fmt.Errorf("file of %d bytes is too short", size)
	}
	le := binary.LittleEndian
	if string(trailer[20:]) != trailerMagic {
		return 0, fmt.Errorf("no trailer ends the file")
	}
	if v := le.Uint32(trailer[12:]); !known(v) {
		return 0, fmt.Errorf("version %d is not known", v)
	}
	if n := le.Uint64(trailer); n != uint64(size) {
		return 0, fmt.Errorf("file has %d bytes, its trailer says %d", size, n)
	}
	n := int64(le.Uint32(trailer[8:]))
	if n > size-trailerBytes-align {
		return 0, fmt.Errorf("footer of %d bytes in a file of %d", n, size)
	}
	return n, nil
}

// decodeFooter takes footer and trailer apart; size is the file's.
func decodeFooter(b []byte, size int64) (*footer, error) {
	trailer := b[len(b)-trailerBytes:]
	if got, want := crc32.Checksum(b[:len(b)-8], castagnoli), binary.LittleEndian.Uint32(trailer[16:]); got != want {
		return nil, fmt.Errorf("footer has CRC %08x, not %08x", got, want)
	}
	f, err := parseFooter(b[:len(b)-trailerBytes], size-int64(len(b)))
	if err == nil {
		f.version = binary.LittleEndian.Uint32(trailer[12:])
	}
	return f, err
}

// parseFooter decodes a footer that lies at offset at.
func parseFooter(b []byte, at int64) (*footer, error) {
	c := cursor{b: b}
	f := &footer{descriptorBytes: c.take(uint64(c.u32()))}
	dc := cursor{b: f.descriptorBytes}
	f.descriptor = dc.descriptor()
	n := c.u32()
	if uint64(n) > uint64(len(c.b)/eventEntryBytesMin) {
		c.fail(errShort)
	}
	if c.err != nil || dc.err != nil {
		return nil, fmt.Errorf("footer %w", firstError(c.err, dc.err))
	}
	f.headBytes = alignUp(16 + int64(len(f.descriptorBytes)))
	f.events = make([]Event, n)
	for i := range f.events {
		e := &f.events[i]
		e.Field, e.Codec = int32(c.u32()), Codec(c.u8())
		e.Rows, e.Nulls = int(c.u32()), int(c.u32())
		e.FirstRow = int64(c.u64())
		e.MinTimestamp, e.MaxTimestamp = c.u64(), c.u64()
		e.Offset, e.Length = int64(c.u64()), int64(c.u64())
		e.RawBytes, e.StoredBytes = int64(c.u32()), int64(c.u32())
		e.CRC = c.u32()
		e.Min, e.Max = nonEmpty(c.bytes()), nonEmpty(c.bytes())
	}
	if c.err == nil && len(c.b) > 0 {
		c.fail(fmt.Errorf("has %d bytes too many", len(c.b)))
	}
	if c.err != nil {
		return nil, fmt.Errorf("footer %w", c.err)
	}
	return f, f.index(at)
}

// index checks that the events follow each other without a gap up to end, and
// that each field's rows do.
func (f *footer) index(end int64) error {
	at := f.headBytes
	next := make([]int64, len(f.descriptor.Fields))
	f.byField = make([][]int, len(next))
	for i := range f.events {
		e := &f.events[i]
		if e.Offset != at || e.Length < eventHeaderBytes || e.Length%align != 0 || e.Length > end-at {
			return fmt.Errorf("event %d lies at [%d, +%d), not at %d", i, e.Offset, e.Length, at)
		}
		at += e.Length
		p := f.descriptor.field(e.Field)
		if p < 0 {
			return fmt.Errorf("event %d is of field %d, which the file has not", i, e.Field)
		}
		if err := checkRows(e, &f.descriptor.Fields[p], next[p]); err != nil {
			return fmt.Errorf("event %d: %w", i, err)
		}
		next[p] += int64(e.Rows)
		f.byField[p] = append(f.byField[p], i)
	}
	if at != end {
		return fmt.Errorf("events end at %d, the footer begins at %d", at, end)
	}
	f.rows = next[0]
	for p, n := range next {
		if n != f.rows {
			return fmt.Errorf("field %d has %d rows, not %d", f.descriptor.Fields[p].ID, n, f.rows)
		}
	}
	return nil
}

func checkRows(e *Event, field *Field, first int64) error {
	if e.FirstRow != first || e.Rows <= 0 || e.Rows > EventRowsMax || e.Nulls < 0 || e.Nulls > e.Rows {
		return fmt.Errorf("rows %d, %d nulls from row %d, where row %d is next", e.Rows, e.Nulls, e.FirstRow, first)
	}
	if shift, ok := field.Shift(); ok && (e.FirstRow&(1<<shift-1) != 0 || e.Rows > 1<<shift) {
		return fmt.Errorf("rows [%d, +%d) of a field with %d rows an event", e.FirstRow, e.Rows, 1<<shift)
	}
	return nil
}

func nonEmpty(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
