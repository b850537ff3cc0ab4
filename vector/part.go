package vector

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
)

// Parts of an index have one frame: a header of partHeaderBytes, the payload,
// and the CRC-32C of both.
//
//	0   magic "QVRINDEX"
//	8   version, 1
//	12  name of the part, ended by a zero
//	32  identity of the index: equal in all its parts
//	40  bytes of the payload
//	48  zeros
//
// All numbers are little-endian. The payload begins at a multiple of 64, so
// that a mapped part is used in place.
const (
	partMagic       = "QVRINDEX"
	partVersion     = 1
	partHeaderBytes = 64
	partNameBytes   = 19
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// writePart writes one part.
func writePart(parts PartWriter, name string, identity uint64, payload ...[]byte) (err error) {
	size := 0
	for _, p := range payload {
		size += len(p)
	}
	w, err := newPartEncoder(parts, name, identity, int64(size))
	if err != nil {
		return err
	}
	for _, p := range payload {
		if _, err := w.Write(p); err != nil {
			return w.abort(err)
		}
	}
	return w.close()
}

// partEncoder writes the payload of a part, whose size is known.
type partEncoder struct {
	file io.WriteCloser
	buf  *bufio.Writer
	sum  hash.Hash32
	left int64
}

func newPartEncoder(parts PartWriter, name string, identity uint64, size int64) (*partEncoder, error) {
	file, err := parts.Create(name)
	if err != nil {
		return nil, err
	}
	w := &partEncoder{file: file, sum: crc32.New(castagnoli), left: size + partHeaderBytes}
	w.buf = bufio.NewWriterSize(io.MultiWriter(file, w.sum), 1<<18)
	header := make([]byte, partHeaderBytes)
	copy(header, partMagic)
	binary.LittleEndian.PutUint32(header[8:], partVersion)
	copy(header[12:12+partNameBytes], name)
	binary.LittleEndian.PutUint64(header[32:], identity)
	binary.LittleEndian.PutUint64(header[40:], uint64(size))
	if _, err := w.Write(header); err != nil {
		return nil, w.abort(err)
	}
	return w, nil
}

func (w *partEncoder) Write(p []byte) (int, error) {
	w.left -= int64(len(p))
	return w.buf.Write(p)
}

// abort closes the file after an error, which it returns.
func (w *partEncoder) abort(err error) error {
	_ = w.file.Close() // err says what went wrong
	return err
}

func (w *partEncoder) close() error {
	if w.left != 0 {
		return w.abort(fmt.Errorf("vector: a part lacks %d bytes of its size", w.left))
	}
	if err := w.buf.Flush(); err != nil {
		return w.abort(err)
	}
	if _, err := w.file.Write(binary.LittleEndian.AppendUint32(nil, w.sum.Sum32())); err != nil {
		return w.abort(err)
	}
	return w.file.Close()
}

// openPart verifies a part and returns its payload and identity.
func openPart(parts Parts, name string) (payload []byte, identity uint64, err error) {
	b, err := parts.Open(name)
	if err != nil {
		return nil, 0, err
	}
	payload, identity, err = decodePart(b, name)
	return payload, identity, err
}

func decodePart(b []byte, name string) (payload []byte, identity uint64, err error) {
	corrupt := func(what string) ([]byte, uint64, error) {
		return nil, 0, &PartError{name, what}
	}
	if len(b) < partHeaderBytes+4 {
		return corrupt("too short")
	}
	end := len(b) - 4
	if crc32.Checksum(b[:end], castagnoli) != binary.LittleEndian.Uint32(b[end:]) {
		return corrupt("checksum")
	}
	var want [partNameBytes + 1]byte
	copy(want[:partNameBytes], name)
	switch {
	case string(b[:8]) != partMagic:
		return corrupt("magic")
	case binary.LittleEndian.Uint32(b[8:]) != partVersion:
		return corrupt("version")
	case string(b[12:32]) != string(want[:]):
		return corrupt("name")
	case binary.LittleEndian.Uint64(b[40:]) != uint64(end-partHeaderBytes):
		return corrupt("size")
	}
	return b[partHeaderBytes:end:end], binary.LittleEndian.Uint64(b[32:]), nil
}

// WriteKind writes PartInterim or PartKind.
func WriteKind(parts PartWriter, part string, kind Kind) error {
	return writePart(parts, part, 0, []byte(kind.Name()))
}

// ReadKind returns the name of the kind that PartInterim or PartKind has. It may wrap
// ErrCorrupt.
func ReadKind(parts Parts, part string) (string, error) {
	b, err := parts.Open(part)
	if err != nil {
		return "", err
	}
	if part == PartInterim && len(b) <= partNameBytes {
		return string(b), nil // as the first version wrote it: the name alone
	}
	name, _, err := decodePart(b, part)
	return string(name), err
}

// partDecoder reads numbers from a payload; after its end all are zero and ok
// is false.
type partDecoder struct {
	b  []byte
	ok bool
}

func (d *partDecoder) take(n int) []byte {
	if n < 0 || n > len(d.b) {
		d.b, d.ok = nil, false
		return nil
	}
	p := d.b[:n]
	d.b = d.b[n:]
	return p
}

func (d *partDecoder) uint32() uint32 {
	if p := d.take(4); p != nil {
		return binary.LittleEndian.Uint32(p)
	}
	return 0
}

func (d *partDecoder) uint64() uint64 {
	if p := d.take(8); p != nil {
		return binary.LittleEndian.Uint64(p)
	}
	return 0
}

// reorderPositions writes PartPositions anew.
func reorderPositions(old Parts, parts PartWriter, moved func(old uint32) (uint32, bool)) error {
	payload, identity, err := openPart(old, PartPositions)
	if err != nil {
		return err
	}
	if len(payload)%4 != 0 {
		return &PartError{PartPositions, "size"}
	}
	w, err := newPartEncoder(parts, PartPositions, identity, int64(len(payload)))
	if err != nil {
		return err
	}
	var word [4]byte
	for ; len(payload) > 0; payload = payload[4:] {
		position := binary.LittleEndian.Uint32(payload)
		if position != NoPosition {
			to, ok := moved(position)
			if position = to; !ok {
				position = NoPosition
			}
		}
		binary.LittleEndian.PutUint32(word[:], position)
		if _, err := w.Write(word[:]); err != nil {
			return w.abort(err)
		}
	}
	return w.close()
}
