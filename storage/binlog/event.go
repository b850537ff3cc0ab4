package binlog

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// eventHeaderBytes is the fixed part of an event, before its layout.
const eventHeaderBytes = 64

// Event is one entry of the index: the rows [FirstRow, FirstRow+Rows) of one
// field.
type Event struct {
	Field int32
	Codec Codec
	Rows  int
	Nulls int
	// FirstRow is the position of row 0 of the event in the file.
	FirstRow int64
	// MinTimestamp and MaxTimestamp bound the commit timestamps of the rows; 0
	// and 0 if the writer was given none.
	MinTimestamp, MaxTimestamp uint64
	// Offset and Length are the event's bytes in the file, padding included.
	Offset, Length int64
	// RawBytes and StoredBytes are the buffers' length before and after the
	// codec.
	RawBytes, StoredBytes int64
	// CRC is of those Length bytes.
	CRC uint32
	// Min and Max are bounds as compact columns of one row, nil if unknown:
	// DecodeBound.
	Min, Max []byte
}

// DecodeBound returns a min or max as an array of length 1, or nil if bound is
// nil.
func DecodeBound(bound []byte, dt arrow.DataType, mem memory.Allocator) (arrow.Array, error) {
	if bound == nil {
		return nil, nil
	}
	a, rest, err := DecodeColumn(bound, dt, mem)
	if err != nil {
		return nil, err
	}
	if a.Len() != 1 || len(rest) > 0 {
		a.Release()
		return nil, &CorruptionError{Reason: "bound is no single value"}
	}
	return a, nil
}

// appendEvent appends header, layout, packed buffers and padding. l and e (but
// for Offset, Length, StoredBytes, Codec and CRC, which it sets) describe them.
// body and packed are scratch.
func appendEvent(dst []byte, e *Event, f *Field, l *layout, s *eventScratch) ([]byte, error) {
	s.body = s.body[:0]
	for _, b := range l.buffers {
		s.body = pad(append(s.body, b...), 0)
	}
	e.RawBytes = int64(len(s.body))
	if e.RawBytes > rawBytesMax {
		return nil, fmt.Errorf("binlog: event of %d bytes", e.RawBytes)
	}
	codec, stored, err := s.compress(e, f, l)
	if err != nil {
		return nil, err
	}
	e.Codec, e.StoredBytes = codec, int64(len(stored))

	start := len(dst)
	dst = append(dst, eventMagic...)
	le := binary.LittleEndian
	dst = le.AppendUint32(dst, uint32(e.Field))
	dst = append(dst, byte(e.Codec), 0, 0, 0)
	dst = le.AppendUint32(dst, uint32(e.Rows))
	dst = le.AppendUint64(dst, e.MinTimestamp)
	dst = le.AppendUint64(dst, e.MaxTimestamp)
	dst = le.AppendUint64(dst, uint64(e.FirstRow))
	dst = le.AppendUint64(dst, uint64(e.RawBytes))
	dst = le.AppendUint64(dst, uint64(e.StoredBytes))
	dst = le.AppendUint32(dst, uint32(len(l.nodes)))
	dst = le.AppendUint32(dst, uint32(len(l.buffers)))
	for _, n := range l.nodes {
		dst = le.AppendUint32(dst, uint32(n.rows))
		dst = le.AppendUint32(dst, uint32(n.nulls))
	}
	for _, b := range l.buffers {
		dst = le.AppendUint32(dst, uint32(len(b)))
	}
	dst = append(pad(dst, start), stored...)
	dst = pad(dst, start)
	e.Length = int64(len(dst) - start)
	e.CRC = crc32.Checksum(dst[start:], castagnoli)
	return dst, nil
}

type eventScratch struct {
	body, packed []byte
	integers     []int64
	numbers      []byte
}

// compress returns the body by the codec of its field, or as it is.
func (s *eventScratch) compress(e *Event, f *Field, l *layout) (Codec, []byte, error) {
	if width := sequenceWidth(f.Type); width > 0 && f.Codec != None && e.Nulls == 0 {
		if first, step, ok := sequenceOf(s.body, width, e.Rows); ok {
			s.packed = appendSequence(s.packed[:0], first, step)
			return Sequence, s.packed, nil
		}
	}
	if f.Codec == Zstd {
		if s.pack(e, f, l) {
			return Packed, s.packed, nil
		}
		if isText(f.Type) {
			if codec, ok := s.packText(e, f, l); ok {
				return codec, s.packed, nil
			}
			return None, s.body, nil
		}
	}
	codec, stored, err := compress(f.Codec, f.Level, splitWidth(f.Type), s.body, s.packed)
	if err != nil || codec == None {
		return codec, stored, err
	}
	s.packed = stored
	if float64(len(stored)) > float64(len(s.body))*(1-f.LeastGain) {
		return None, s.body, nil
	}
	return codec, stored, nil
}

// parsedEvent is an event taken apart.
type parsedEvent struct {
	nodes   []node
	lengths []int64 // of the buffers
	bodyAt  int64
}

// parseEvent reads the header and the layout of an event and compares them with
// the index.
func parseEvent(e *Event, dt arrow.DataType, b []byte) (p parsedEvent, err error) {
	c := cursor{b: b}
	if string(c.take(4)) != eventMagic {
		return p, fmt.Errorf("no event begins here")
	}
	head := Event{Field: int32(c.u32()), Codec: Codec(c.u8())}
	reserved := c.take(3)
	head.Rows = int(c.u32())
	head.MinTimestamp, head.MaxTimestamp = c.u64(), c.u64()
	head.FirstRow = int64(c.u64())
	head.RawBytes, head.StoredBytes = int64(c.u64()), int64(c.u64())
	nodes, buffers := c.u32(), c.u32()
	if c.err != nil {
		return p, c.err
	}
	if string(reserved) != "\x00\x00\x00" || head.Field != e.Field || head.Codec != e.Codec || head.Rows != e.Rows ||
		head.MinTimestamp != e.MinTimestamp || head.MaxTimestamp != e.MaxTimestamp || head.FirstRow != e.FirstRow ||
		head.RawBytes != e.RawBytes || head.StoredBytes != e.StoredBytes {
		return p, fmt.Errorf("event header differs from the index")
	}
	if n, m := treeSize(dt); uint64(nodes) != uint64(n) || uint64(buffers) != uint64(m) {
		return p, fmt.Errorf("event has %d nodes and %d buffers, its type %d and %d", nodes, buffers, n, m)
	}
	p.nodes = make([]node, nodes)
	for i := range p.nodes {
		p.nodes[i] = node{rows: int(c.u32()), nulls: int(c.u32())}
	}
	p.lengths = make([]int64, buffers)
	for i := range p.lengths {
		p.lengths[i] = int64(c.u32())
	}
	if c.err != nil {
		return p, c.err
	}
	p.bodyAt = alignUp(int64(len(b) - len(c.b)))
	if p.bodyAt > int64(len(b)) || e.StoredBytes < 0 || e.StoredBytes > int64(len(b))-p.bodyAt || alignUp(p.bodyAt+e.StoredBytes) != int64(len(b)) {
		return p, fmt.Errorf("event of %d bytes does not hold %d", len(b), e.StoredBytes)
	}
	return p, nil
}

// decodeEvent takes an event's bytes apart and puts its column together. raw
// owns the bytes (nil: they are mapped and used in place).
func decodeEvent(e *Event, dt arrow.DataType, b []byte, raw *memory.Buffer, mem memory.Allocator) (arrow.Array, error) {
	p, err := parseEvent(e, dt, b)
	if err != nil {
		return nil, err
	}
	bld := builder{nodes: p.nodes}
	body, err := eventBody(e, dt, b, &p, raw, mem)
	if err != nil {
		return nil, err
	}
	defer body.Release()
	if bld.buffers, err = split(body, p.lengths); err != nil {
		return nil, err
	}
	defer func(all []*memory.Buffer) {
		for _, buf := range all {
			buf.Release()
		}
	}(bld.buffers)
	if bld.nodes[0].rows != e.Rows || bld.nodes[0].nulls != e.Nulls {
		return nil, fmt.Errorf("event layout differs from the index")
	}
	data, err := bld.column(dt)
	if err != nil {
		return nil, err
	}
	defer data.Release()
	return array.MakeFromData(data), nil
}

// eventBody returns the buffers of an event, unpacked if they are packed.
func eventBody(e *Event, dt arrow.DataType, b []byte, p *parsedEvent, raw *memory.Buffer, mem memory.Allocator) (*memory.Buffer, error) {
	at := p.bodyAt
	stored := b[at : at+e.StoredBytes]
	if e.Codec == None {
		if e.RawBytes != e.StoredBytes {
			return nil, fmt.Errorf("%d raw bytes are stored as %d", e.RawBytes, e.StoredBytes)
		}
		if raw == nil {
			return memory.NewBufferBytes(stored), nil
		}
		return memory.SliceBuffer(raw, int(at), int(e.StoredBytes)), nil
	}
	if e.RawBytes < 0 || e.RawBytes > rawBytesMax {
		return nil, fmt.Errorf("event of %d raw bytes", e.RawBytes)
	}
	body := memory.NewResizableBuffer(mem)
	body.Resize(int(e.RawBytes))
	var err error
	switch e.Codec {
	case Sequence:
		err = expandSequence(stored, body.Bytes(), dt, e.Rows)
	case Packed:
		err = unpackIntegers(stored, body.Bytes(), dt, p.lengths, e.Rows)
	case Dictionary, ZstdText:
		err = unpackText(e.Codec, stored, body.Bytes(), dt, p.lengths, e.Rows)
	default:
		err = decompress(e.Codec, splitWidth(dt), stored, body.Bytes())
	}
	if err != nil {
		body.Release()
		return nil, err
	}
	return body, nil
}

// split cuts the body into its buffers, each at a multiple of 64 bytes.
func split(body *memory.Buffer, lengths []int64) ([]*memory.Buffer, error) {
	total := int64(0)
	for _, n := range lengths {
		total += alignUp(n)
	}
	if total != int64(body.Len()) {
		return nil, fmt.Errorf("buffers take %d bytes of %d", total, body.Len())
	}
	out := make([]*memory.Buffer, len(lengths))
	at := 0
	for i, n := range lengths {
		if body.Parent() == nil && body.Mutable() || body.Parent() != nil {
			out[i] = memory.SliceBuffer(body, at, int(n))
		} else { // mapped: nothing to keep alive
			out[i] = memory.NewBufferBytes(body.Bytes()[at : at+int(n) : at+int(n)])
		}
		at += int(alignUp(n))
	}
	return out, nil
}
