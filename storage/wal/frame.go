package wal

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
)

// A frame is one record in a file, at a multiple of 8 bytes:
//
//	0  u32 CRC-32C of the file's base (u64) and everything below
//	4  u32 length of the record
//	8  u64 sequence: 1 for the log's first record, then one more each
//	16 u32 behind: how many records before this one may not be durable though
//	       this one is: those of its own write
//	20 u32 zero
//	24 record, zeros up to a multiple of 8
//
// The base in the CRC makes frames that an earlier life of a recycled file left
// behind invalid. sequence - behind tells a torn tail from corruption: every
// record below it was durable before this one was written.
const frameHeaderBytes = 24

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// frame is a decoded frame; record is a view.
type frame struct {
	sequence uint64
	behind   uint32
	record   []byte
	bytes    int // with padding
}

func frameBytes(record int) int { return (frameHeaderBytes + record + 7) &^ 7 }

// appendFrame appends the frame of a record.
func appendFrame(dst []byte, base, sequence uint64, behind uint32, record []byte) []byte {
	start := len(dst)
	le := binary.LittleEndian
	dst = le.AppendUint32(dst, 0)
	dst = le.AppendUint32(dst, uint32(len(record)))
	dst = le.AppendUint64(dst, sequence)
	dst = le.AppendUint32(dst, behind)
	dst = le.AppendUint32(dst, 0)
	dst = append(dst, record...)
	le.PutUint32(dst[start:], frameCRC(base, dst[start:]))
	var zeros [8]byte
	return append(dst, zeros[:frameBytes(len(record))-frameHeaderBytes-len(record)]...)
}

// frameCRC is of a frame without its padding.
func frameCRC(base uint64, frame []byte) uint32 {
	var seed [8]byte
	binary.LittleEndian.PutUint64(seed[:], base)
	return crc32.Update(crc32.Checksum(seed[:], castagnoli), castagnoli, frame[4:])
}

// decodeFrame reads the frame that b begins with; reason says why there is
// none.
func decodeFrame(b []byte, base uint64) (f frame, reason string) {
	if len(b) < frameHeaderBytes {
		return frame{}, "no room for a record"
	}
	le := binary.LittleEndian
	if le.Uint64(b) == 0 && le.Uint64(b[8:]) == 0 {
		return frame{}, "nothing is written here"
	}
	length := int(le.Uint32(b[4:]))
	if length > RecordBytesMax || frameBytes(length) > len(b) {
		return frame{}, "length out of range"
	}
	f = frame{
		sequence: le.Uint64(b[8:]), behind: le.Uint32(b[16:]),
		record: b[frameHeaderBytes : frameHeaderBytes+length], bytes: frameBytes(length),
	}
	if le.Uint32(b) != frameCRC(base, b[:frameHeaderBytes+length]) {
		return frame{}, "checksum mismatch"
	}
	if le.Uint32(b[20:]) != 0 || uint64(f.behind) > f.sequence {
		return frame{}, "malformed header"
	}
	for _, pad := range b[frameHeaderBytes+length : f.bytes] {
		if pad != 0 {
			return frame{}, "padding is not zero"
		}
	}
	return f, ""
}

// findDurable looks for a frame after which record `missing` must be durable,
// and returns its place in b or -1.
func findDurable(b []byte, base, missing uint64) int {
	at, _ := findDurableIn(bytes.NewReader(b), 0, int64(len(b)), base, missing)
	return int(at)
}

// searchBytes is how much of a file findDurableIn holds at a time.
const searchBytes = 64 << 10

var zeroWindow [searchBytes]byte

// findDurableIn is findDurable in a file from one place to another. Most of a log's
// last file is zeros, or what was there in a life before.
func findDurableIn(file io.ReaderAt, from, to int64, base, missing uint64) (int64, error) {
	window := make([]byte, min(max(to-from, 0), searchBytes))
	var whole []byte // a frame that goes beyond the window
	for to-from >= frameHeaderBytes {
		n, err := file.ReadAt(window[:min(to-from, searchBytes)], from)
		if err != nil && err != io.EOF {
			return -1, err
		}
		b, at := window[:n], 0
		if bytes.Equal(b, zeroWindow[:n]) {
			at = (n - frameHeaderBytes + 8) &^ 7
		}
		for ; at+frameHeaderBytes <= n; at += 8 {
			sequence := binary.LittleEndian.Uint64(b[at+8:])
			if sequence <= missing || sequence-missing > 1<<40 {
				continue // cheap: no checksum of what cannot be
			}
			candidate, size := b[at:], frameBytes(int(binary.LittleEndian.Uint32(b[at+4:])))
			if size > len(candidate) && size <= frameBytes(RecordBytesMax) && int64(size) <= to-from-int64(at) {
				whole = append(whole[:0], make([]byte, size)...)
				n, err := file.ReadAt(whole, from+int64(at))
				if err != nil && err != io.EOF {
					return -1, err
				}
				candidate = whole[:n]
			}
			f, reason := decodeFrame(candidate, base)
			if reason == "" && f.sequence-uint64(f.behind) > missing {
				return from + int64(at), nil
			}
		}
		if n < searchBytes {
			break
		}
		from += int64(at)
	}
	return -1, nil
}

// endsIn says whether b is enough to tell that no frame begins where it begins, with
// left bytes to the end of the file.
func endsIn(b []byte, left int64) bool {
	if len(b) < frameHeaderBytes {
		return false
	}
	length := int(binary.LittleEndian.Uint32(b[4:]))
	return length > RecordBytesMax || int64(frameBytes(length)) > left || frameBytes(length) <= len(b)
}
