package wal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

// fileHeaderBytes is the space of a file's header; records begin after it, so
// that writing them never touches its sector.
const fileHeaderBytes = 4096

const (
	fileMagic    = "QWAL"
	fileVersion  = 1
	headerLength = 56
	fileSuffix   = ".wal"
	sparePrefix  = "spare-"
	lockName     = "lock"
)

// fileHeader begins each file:
//
//	0  magic "QWAL"
//	4  u32 version
//	8  u32 stream
//	12 u32 zero
//	16 u64 owner epoch of the process that made it
//	24 u64 base: position of the file's byte 0
//	32 u64 size of the file
//	40 u64 sequence of its first record
//	48 u32 zero
//	52 u32 CRC-32C of the 52 bytes before
//	56 zeros up to 4096
//
// It is durable before the file gets its name.
type fileHeader struct {
	stream   uint32
	epoch    uint64
	base     uint64
	size     uint64
	sequence uint64
}

func (h *fileHeader) encode() []byte {
	b := make([]byte, 0, fileHeaderBytes)
	le := binary.LittleEndian
	b = append(b, fileMagic...)
	b = le.AppendUint32(b, fileVersion)
	b = le.AppendUint32(b, h.stream)
	b = le.AppendUint32(b, 0)
	for _, v := range []uint64{h.epoch, h.base, h.size, h.sequence} {
		b = le.AppendUint64(b, v)
	}
	b = le.AppendUint32(b, 0)
	b = le.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return b[:fileHeaderBytes]
}

func decodeFileHeader(b []byte) (*fileHeader, error) {
	le := binary.LittleEndian
	switch {
	case len(b) < fileHeaderBytes || string(b[:4]) != fileMagic:
		return nil, fmt.Errorf("no log file begins here")
	case le.Uint32(b[52:]) != crc32.Checksum(b[:52], castagnoli):
		return nil, fmt.Errorf("header checksum mismatch")
	case le.Uint32(b[4:]) != fileVersion:
		return nil, fmt.Errorf("version %d is not known", le.Uint32(b[4:]))
	}
	for _, c := range b[headerLength:fileHeaderBytes] {
		if c != 0 {
			return nil, fmt.Errorf("header padding is not zero")
		}
	}
	h := &fileHeader{
		stream: le.Uint32(b[8:]), epoch: le.Uint64(b[16:]), base: le.Uint64(b[24:]),
		size: le.Uint64(b[32:]), sequence: le.Uint64(b[40:]),
	}
	if le.Uint32(b[12:]) != 0 || le.Uint32(b[48:]) != 0 || h.size < fileHeaderBytes || h.size > 1<<40 || h.base > 1<<62 || h.sequence == 0 {
		return nil, fmt.Errorf("header is malformed")
	}
	return h, nil
}

// fileName is the name of the file that begins at base.
func fileName(base uint64) string { return fmt.Sprintf("%016x%s", base, fileSuffix) }

// parseFileName is its inverse.
func parseFileName(name string) (base uint64, ok bool) {
	digits, ok := strings.CutSuffix(name, fileSuffix)
	if !ok {
		return 0, false
	}
	base, err := strconv.ParseUint(digits, 16, 64)
	return base, err == nil && fileName(base) == name
}
