package copyfile

import "encoding/binary"

// levelRuns walks the levels of a page of Parquet, of bits bits each, packed as
// runs (RLE and bit packing, its manual's "RLE/Bit-Packing Hybrid"). It calls f for
// each run of one level, n levels in all, until f says no or the data ends, and
// says whether it saw them all.
func levelRuns(data []byte, bits uint, n int, f func(level byte, count int) bool) bool {
	for n > 0 {
		header, used := binary.Uvarint(data)
		if used <= 0 {
			return false
		}
		data = data[used:]
		count := header >> 1
		if header&1 == 0 {
			if count == 0 || len(data) == 0 || !f(data[0], int(min(count, uint64(n)))) {
				return false
			}
			data = data[1:]
			n -= int(min(count, uint64(n)))
			continue
		}
		if count == 0 || count > uint64(len(data))/uint64(bits) {
			return false
		}
		packed := data[:int(count)*int(bits)]
		data = data[len(packed):]
		here := min(n, 8*int(count))
		if !packedLevels(packed, bits, here, f) {
			return false
		}
		n -= here
	}
	return true
}

// packedLevels walks n levels that are packed bit by bit, the lowest first. bits
// divides 8.
func packedLevels(packed []byte, bits uint, n int, f func(level byte, count int) bool) bool {
	mask := byte(1)<<bits - 1
	per := 8 / int(bits)
	last, count := byte(0), 0
	for i := 0; i < n; {
		b := packed[i/per]
		for k := 0; k < per && i < n; k++ {
			if level := b & mask; level == last {
				count++
			} else {
				if count > 0 && !f(last, count) {
					return false
				}
				last, count = level, 1
			}
			b >>= bits
			i++
		}
	}
	return count == 0 || f(last, count)
}
