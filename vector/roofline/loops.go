package roofline

import "encoding/binary"

// sink keeps the compiler from leaving out what is measured.
var sink uint64

// readWords is read in Go.
func readWords(b []byte) {
	var or uint64
	for ; len(b) >= 32; b = b[32:] {
		or |= binary.LittleEndian.Uint64(b) | binary.LittleEndian.Uint64(b[8:]) | binary.LittleEndian.Uint64(b[16:]) | binary.LittleEndian.Uint64(b[24:])
	}
	sink = or
}

// readRowsWords is readRows in Go: it asks for nothing ahead.
func readRowsWords(b []byte, ids []uint32, n, bytes int) {
	for _, id := range ids[:n] {
		readWords(b[int(id)*bytes:][:bytes])
	}
}
