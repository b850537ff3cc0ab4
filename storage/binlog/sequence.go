package binlog

import (
	"encoding/binary"
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"
)

// Codec Sequence is for integers that form an arithmetic progression, as row ids
// and positions of rows inserted in order do: the first value and the step are
// stored, as two 64-bit integers.

const sequenceBytes = 16

// sequenceWidth is the bytes of the integers of a type; 0 for others.
func sequenceWidth(dt arrow.DataType) int {
	switch dt.ID() {
	case arrow.INT32, arrow.UINT32:
		return 4
	case arrow.INT64, arrow.UINT64:
		return 8
	}
	return 0
}

// sequenceOf returns the progression that values are; ok is false for others, and
// for so few that nothing is gained.
func sequenceOf(values []byte, width, rows int) (first, step uint64, ok bool) {
	if rows*width <= sequenceBytes || len(values) < rows*width {
		return 0, 0, false
	}
	at := func(i int) uint64 {
		if width == 4 {
			return uint64(binary.LittleEndian.Uint32(values[4*i:]))
		}
		return binary.LittleEndian.Uint64(values[8*i:])
	}
	mask := ^uint64(0) >> (64 - 8*width)
	first, step = at(0), (at(1)-at(0))&mask
	for i := 2; i < rows; i++ {
		if (at(i)-at(i-1))&mask != step {
			return 0, 0, false
		}
	}
	return first, step, true
}

func appendSequence(dst []byte, first, step uint64) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, first)
	return binary.LittleEndian.AppendUint64(dst, step)
}

func readSequence(stored []byte) (first, step uint64, err error) {
	if len(stored) != sequenceBytes {
		return 0, 0, fmt.Errorf("sequence of %d bytes", len(stored))
	}
	return binary.LittleEndian.Uint64(stored), binary.LittleEndian.Uint64(stored[8:]), nil
}

// expandSequence writes the values into dst, which has room for rows of them and
// for padding.
func expandSequence(stored, dst []byte, dt arrow.DataType, rows int) error {
	width := sequenceWidth(dt)
	if width == 0 || int64(len(dst)) != alignUp(int64(rows*width)) {
		return fmt.Errorf("no sequence of %d integers", rows)
	}
	v, step, err := readSequence(stored)
	if err != nil {
		return err
	}
	for i := range rows {
		if width == 4 {
			binary.LittleEndian.PutUint32(dst[4*i:], uint32(v))
		} else {
			binary.LittleEndian.PutUint64(dst[8*i:], v)
		}
		v += step
	}
	clear(dst[rows*width:])
	return nil
}
