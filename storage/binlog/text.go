package binlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"github.com/apache/arrow/go/v15/arrow"
)

// Texts and bytes that codec Zstd is asked for are stored in one of two ways: by
// codec Dictionary, each different value once and a number of few bits a row, where
// values repeat; else by codec ZstdText, the lengths packed in few bits and the
// bytes as a zstd frame. Offsets would shrink badly: each is a new number.

const (
	// textHeadBytes begin both forms:
	//
	//	0 u32 the least length; of a dictionary its entries
	//	4 u32 0; of a dictionary the bytes of all its entries
	//	8 u8  bits of a row's number
	//	9 u8  1 if the numbers are a zstd frame
	//	10    zeros
	textHeadBytes = 16
	// entriesMax of a dictionary; it must also be worth it: a value comes repeatsMin
	// times at the average.
	entriesMax, repeatsMin = 4096, 4
)

// isText says whether values of a type have offsets and bytes.
func isText(dt arrow.DataType) bool { return dt.ID() == arrow.STRING || dt.ID() == arrow.BINARY }

type textHead struct {
	count, bytes uint32
	bits         uint
	zstd         bool
}

func (h *textHead) append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, h.count)
	dst = binary.LittleEndian.AppendUint32(dst, h.bytes)
	zstd := byte(0)
	if h.zstd {
		zstd = 1
	}
	return append(dst, byte(h.bits), zstd, 0, 0, 0, 0, 0, 0)
}

// texts takes an event of texts apart or puts it together: its buffers, without
// padding.
type texts struct {
	rows                    int
	validity, offsets, data []byte
}

func (t *texts) offset(i int) uint32 { return binary.LittleEndian.Uint32(t.offsets[4*i:]) }

func (t *texts) value(i int) []byte { return t.data[t.offset(i):t.offset(i+1)] }

// packText appends texts to s.packed by codec Dictionary or ZstdText.
func (s *eventScratch) packText(e *Event, f *Field, l *layout) (Codec, bool) {
	if !isText(f.Type) || e.Rows == 0 {
		return None, false
	}
	t := &texts{rows: e.Rows, validity: l.buffers[0], offsets: l.buffers[1], data: l.buffers[2]}
	if s.dictionary(t, f.Level) && len(s.packed) < int(e.RawBytes) {
		return Dictionary, true
	}
	s.zstdText(t, f.Level)
	return ZstdText, len(s.packed) < int(e.RawBytes)
}

// dictionary is packText by codec Dictionary; false where values repeat too little.
func (s *eventScratch) dictionary(t *texts, level int) bool {
	most := min(entriesMax, t.rows/repeatsMin)
	numbers := make(map[string]uint32, 64)
	var entries [][]byte
	s.integers = s.integers[:0]
	size := 0
	for i := range t.rows {
		v := t.value(i)
		n, known := numbers[string(v)]
		if !known {
			if len(entries) == most {
				return false
			}
			n = uint32(len(entries))
			numbers[string(v)] = n
			entries = append(entries, v)
			size += len(v)
		}
		s.integers = append(s.integers, int64(n))
	}
	h := textHead{count: uint32(len(entries)), bytes: uint32(size), bits: uint(bits.Len32(uint32(len(entries) - 1)))}
	w := bitWriter{dst: s.numbers[:0], bits: h.bits}
	for _, n := range s.integers {
		w.add(uint64(n))
	}
	s.numbers = w.finish()
	s.packed = h.append(s.packed[:0])
	s.packed = append(s.packed, t.validity...)
	for _, v := range entries {
		s.packed = binary.LittleEndian.AppendUint32(s.packed, uint32(len(v)))
	}
	for _, v := range entries {
		s.packed = append(s.packed, v...)
	}
	at := len(s.packed)
	s.packed = encodeZstd(level, s.numbers, s.packed)
	if gain := len(s.numbers) - (len(s.packed) - at); gain < len(s.numbers)/8 {
		s.packed = append(s.packed[:at], s.numbers...)
	} else {
		s.packed[9] = 1
	}
	return true
}

// zstdText is packText by codec ZstdText.
func (s *eventScratch) zstdText(t *texts, level int) {
	least, most := ^uint32(0), uint32(0)
	for i := range t.rows {
		n := t.offset(i+1) - t.offset(i)
		least, most = min(least, n), max(most, n)
	}
	h := textHead{count: least, bits: uint(bits.Len32(most - least))}
	w := bitWriter{dst: append(h.append(s.packed[:0]), t.validity...), bits: h.bits}
	for i := range t.rows {
		w.add(uint64(t.offset(i+1) - t.offset(i) - least))
	}
	s.packed = encodeZstd(level, t.data, w.finish())
}

var errText = errors.New("malformed texts")

// unpackText writes the body of an event of codec Dictionary or ZstdText.
func unpackText(codec Codec, stored, dst []byte, dt arrow.DataType, lengths []int64, rows int) error {
	if !isText(dt) || len(lengths) != 3 || lengths[1] != int64(4*rows+4) || len(stored) < textHeadBytes ||
		alignUp(lengths[0])+alignUp(lengths[1])+alignUp(lengths[2]) != int64(len(dst)) {
		return errText
	}
	le := binary.LittleEndian
	h := textHead{count: le.Uint32(stored), bytes: le.Uint32(stored[4:]), bits: uint(stored[8]), zstd: stored[9] == 1}
	if le.Uint64(stored[8:])>>9 != 0 || h.bits > 32 {
		return errText
	}
	c := cursor{b: stored[textHeadBytes:]}
	body := cursor{b: dst}
	buffer := func(length int64) []byte {
		b := body.take(uint64(alignUp(length)))
		clear(b[length:])
		return b[:length]
	}
	t := &texts{rows: rows, validity: buffer(lengths[0]), offsets: buffer(lengths[1]), data: buffer(lengths[2])}
	copy(t.validity, c.take(uint64(len(t.validity))))
	if codec == Dictionary {
		return h.fromDictionary(&c, t)
	}
	return h.fromZstd(&c, t)
}

func (h *textHead) fromZstd(c *cursor, t *texts) error {
	r, err := newBitReader(c.take(uint64(packedBytes(t.rows, h.bits))), t.rows, h.bits)
	if c.err != nil || err != nil {
		return errors.Join(c.err, err)
	}
	at := uint64(0)
	for i := range t.rows {
		binary.LittleEndian.PutUint32(t.offsets[4*i:], uint32(at))
		at += uint64(h.count) + r.at(i)
	}
	if at != uint64(len(t.data)) {
		return fmt.Errorf("texts of %d bytes have %d", at, len(t.data))
	}
	binary.LittleEndian.PutUint32(t.offsets[4*t.rows:], uint32(at))
	if len(t.data) == 0 {
		return nil
	}
	return decompress(Zstd, 1, c.b, t.data)
}

func (h *textHead) fromDictionary(c *cursor, t *texts) error {
	if h.count == 0 || h.count > entriesMax {
		return errText
	}
	lengths, values := c.take(4*uint64(h.count)), c.take(uint64(h.bytes))
	if c.err != nil {
		return c.err
	}
	entries := make([][]byte, h.count)
	for i := range entries {
		n := binary.LittleEndian.Uint32(lengths[4*i:])
		if uint64(n) > uint64(len(values)) {
			return errText
		}
		entries[i], values = values[:n:n], values[n:]
	}
	if !h.zstd {
		return h.look(c.b, entries, t)
	}
	return withPlanes(packedBytes(t.rows, h.bits), func(numbers []byte) error {
		if err := decompress(Zstd, 1, c.b, numbers); err != nil {
			return err
		}
		return h.look(numbers, entries, t)
	})
}

// look writes the entries that the rows name.
func (h *textHead) look(numbers []byte, entries [][]byte, t *texts) error {
	r, err := newBitReader(numbers, t.rows, h.bits)
	if err != nil {
		return err
	}
	at := 0
	for i := range t.rows {
		binary.LittleEndian.PutUint32(t.offsets[4*i:], uint32(at))
		n := r.at(i)
		if n >= uint64(len(entries)) || len(entries[n]) > len(t.data)-at {
			return errText
		}
		at += copy(t.data[at:], entries[n])
	}
	if at != len(t.data) {
		return errText
	}
	binary.LittleEndian.PutUint32(t.offsets[4*t.rows:], uint32(at))
	return nil
}
