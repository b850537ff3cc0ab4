package ivf

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"

	"quiver/vector"
	"quiver/vector/kmeans"
	"quiver/vector/rabitq"
)

// An index has three parts, all numbers little-endian.
//
// Each begins with a header of 64 bytes:
//
//	0   magic "QVRLISTS"
//	8   version, 4
//	12  part: 1 centroids, 2 lists, 3 positions
//	16  identity of the index: equal in all its parts
//	24  bytes of the payload
//	32  CRC-32C of the payload; of the part lists 0: each list has its own
//	36  zeros
//	60  CRC-32C of the 60 bytes before
//
// The payload of positions is an uint32 for each ordinal; ordinals number the
// rows of the lists in order.
//
// The payload of centroids:
//
//	0   kind, 8 bytes padded with zeros
//	8   element, distance, bits, blocks: a byte each
//	12  dimensions
//	16  lists
//	20  groups
//	24  rows, uint64
//	32  seed of the rotation, uint64
//	40  effort table: three float32 for each of effortK × effortRecall, the lists,
//	    the angle, and that seen from the true k-th row
//	..  an entry a list: offset in the lists' payload and bytes, uint64 each;
//	    rows, CRC-32C of its bytes; radius, a float32
//	..  first list of each group, and the number of lists
//	..  centroids, then those of the groups, float32
//
// The payload of lists is described in lists.go; lists begin at multiples of
// 64 bytes.
const (
	magic       = "QVRLISTS"
	version     = 4
	headerBytes = 64

	partCentroids  = 1
	partLists      = 2
	partPositions  = 3
	metaBytes      = 40
	effortBytes    = 12 * len(effortTable{}) * len(effortTable{}[0])
	listEntryBytes = 28
)

var partNames = map[uint32]string{partCentroids: "centroids", partLists: "lists", partPositions: vector.PartPositions}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func corrupt(part uint32, what string, args ...any) error {
	return &vector.PartError{Part: partNames[part], What: fmt.Sprintf(what, args...)}
}

func header(part uint32, identity uint64, size int, sum uint32) []byte {
	h := make([]byte, headerBytes)
	copy(h, magic)
	binary.LittleEndian.PutUint32(h[8:], version)
	binary.LittleEndian.PutUint32(h[12:], part)
	binary.LittleEndian.PutUint64(h[16:], identity)
	binary.LittleEndian.PutUint64(h[24:], uint64(size))
	binary.LittleEndian.PutUint32(h[32:], sum)
	binary.LittleEndian.PutUint32(h[60:], crc32.Checksum(h[:60], castagnoli))
	return h
}

// decodeHeader verifies the header of a part of so many bytes in all.
func decodeHeader(h []byte, part uint32, total int64) (identity uint64, sum uint32, err error) {
	if len(h) < headerBytes {
		return 0, 0, corrupt(part, "it has %d bytes", len(h))
	}
	switch {
	case crc32.Checksum(h[:60], castagnoli) != binary.LittleEndian.Uint32(h[60:]):
		return 0, 0, corrupt(part, "checksum of the header")
	case string(h[:8]) != magic || binary.LittleEndian.Uint32(h[8:]) != version:
		return 0, 0, corrupt(part, "magic %q, version %d", h[:8], binary.LittleEndian.Uint32(h[8:]))
	case binary.LittleEndian.Uint32(h[12:]) != part:
		return 0, 0, corrupt(part, "it is part %d", binary.LittleEndian.Uint32(h[12:]))
	case binary.LittleEndian.Uint64(h[24:]) != uint64(total-headerBytes):
		return 0, 0, corrupt(part, "%d bytes, not %d", total-headerBytes, binary.LittleEndian.Uint64(h[24:]))
	}
	return binary.LittleEndian.Uint64(h[16:]), binary.LittleEndian.Uint32(h[32:]), nil
}

// openPart verifies a mapped part whole and returns its payload.
func openPart(parts vector.Parts, part uint32) (payload []byte, identity uint64, err error) {
	b, err := parts.Open(partNames[part])
	if err != nil {
		return nil, 0, err
	}
	identity, sum, err := decodeHeader(b, part, int64(len(b)))
	if err != nil {
		return nil, 0, err
	}
	payload = b[headerBytes:]
	if part != partLists && crc32.Checksum(payload, castagnoli) != sum {
		return nil, 0, corrupt(part, "checksum")
	}
	return payload, identity, nil
}

// writePart writes a part that is in memory.
func writePart(parts vector.PartWriter, part uint32, identity uint64, payload []byte) error {
	w, err := parts.Create(partNames[part])
	if err != nil {
		return err
	}
	for _, b := range [][]byte{header(part, identity, len(payload), crc32.Checksum(payload, castagnoli)), payload} {
		if _, err := w.Write(b); err != nil {
			return abort(w, err)
		}
	}
	return w.Close()
}

// abort closes a file after an error, which it returns.
func abort(w io.Closer, err error) error {
	_ = w.Close() // err says what went wrong
	return err
}

// listEntry is where a list lies.
type listEntry struct {
	offset, bytes int64
	rows          int
	sum           uint32
	radius        float32 // root mean square of the rows' distances to the centroid
	first         int     // ordinal
}

// meta is what the part centroids holds.
type meta struct {
	kind      string
	space     vector.Space
	bits      int
	blocks    bool
	rows      int
	seed      uint64
	effort    effortTable
	lists     []listEntry
	centroids *kmeans.Centroids
	spread    []float32 // made of the others: see spreads
}

// identity tells the parts of this index from those of others.
func (m *meta) identity() uint64 {
	sum := crc32.Checksum(vector.EncodeFloat32s(m.centroids.Values), castagnoli)
	return uint64(sum)<<32 | uint64(uint32(m.rows))
}

func (m *meta) append(b []byte) []byte {
	var name [8]byte
	copy(name[:], m.kind)
	b = append(b, name[:]...)
	flag := byte(0)
	if m.blocks {
		flag = 1
	}
	b = append(b, byte(m.space.Element), byte(m.space.Distance), byte(m.bits), flag)
	le := binary.LittleEndian
	b = le.AppendUint32(b, uint32(m.space.Dim))
	b = le.AppendUint32(b, uint32(len(m.lists)))
	b = le.AppendUint32(b, uint32(m.centroids.Groups.Len()))
	b = le.AppendUint64(b, uint64(m.rows))
	b = le.AppendUint64(b, m.seed)
	for _, row := range m.effort {
		for _, e := range row {
			b = le.AppendUint32(b, math.Float32bits(e.lists))
			b = le.AppendUint32(b, math.Float32bits(e.angle))
			b = le.AppendUint32(b, math.Float32bits(e.trueAngle))
		}
	}
	for _, l := range m.lists {
		b = le.AppendUint64(b, uint64(l.offset))
		b = le.AppendUint64(b, uint64(l.bytes))
		b = le.AppendUint32(b, uint32(l.rows))
		b = le.AppendUint32(b, l.sum)
		b = le.AppendUint32(b, math.Float32bits(l.radius))
	}
	for _, s := range m.centroids.Starts {
		b = le.AppendUint32(b, uint32(s))
	}
	b = append(b, vector.EncodeFloat32s(m.centroids.Values)...)
	return append(b, vector.EncodeFloat32s(m.centroids.Groups.Values)...)
}

// decodeMeta decodes the payload of centroids. What it returns is consistent:
// lists lie within listBytes, one after the other, and have rows in all. The
// centroids view b.
func decodeMeta(b []byte, kind string, listBytes int64) (*meta, error) {
	bad := func(what string, args ...any) (*meta, error) { return nil, corrupt(partCentroids, what, args...) }
	le := binary.LittleEndian
	if len(b) < metaBytes {
		return bad("it ends early")
	}
	var name [8]byte
	copy(name[:], kind)
	m := &meta{kind: kind, bits: int(b[10]), blocks: b[11] == 1, seed: le.Uint64(b[32:])}
	m.space = vector.Space{Element: vector.Element(b[8]), Distance: vector.Distance(b[9]), Dim: int(le.Uint32(b[12:]))}
	lists, groups, rows := int(le.Uint32(b[16:])), int(le.Uint32(b[20:])), le.Uint64(b[24:])
	dim := m.space.Dim
	switch {
	case string(b[:8]) != string(name[:]):
		return bad("it is of kind %q", b[:8])
	case !m.space.Element.Has(m.space.Distance) || m.space.Element == vector.Sparse || dim < 1 || dim > 1<<20:
		return bad("vectors of %s", m.space)
	case m.bits > rabitq.BitsMax || m.bits > 0 && !quantizable(m.space) || b[11] > 1 || m.blocks && m.bits == 0:
		return bad("%d bits, blocks %d", m.bits, b[11])
	case lists > ListsMax || groups > lists || rows > math.MaxUint32-1:
		return bad("%d lists in %d groups of %d rows", lists, groups, rows)
	}
	m.rows = int(rows)
	starts := 0
	if groups > 0 {
		starts = groups + 1
	}
	want := metaBytes + effortBytes + listEntryBytes*lists + 4*starts + 4*dim*(lists+groups)
	if len(b) != want {
		return bad("%d bytes, not %d", len(b), want)
	}
	b = b[metaBytes:]
	values := vector.Float32sOf(b[:effortBytes])
	for i := range m.effort {
		for j := range m.effort[i] {
			at := 3 * (i*len(effortRecall) + j)
			m.effort[i][j] = effort{lists: values[at], angle: values[at+1], trueAngle: values[at+2]}
		}
	}
	b = b[effortBytes:]
	total, end := 0, int64(0)
	for i := range lists {
		e := b[i*listEntryBytes:]
		l := listEntry{
			offset: int64(le.Uint64(e)), bytes: int64(le.Uint64(e[8:])),
			rows: int(le.Uint32(e[16:])), sum: le.Uint32(e[20:]), radius: math.Float32frombits(le.Uint32(e[24:])), first: total,
		}
		if l.rows > m.rows || l.bytes < 0 || l.bytes > listBytes || l.offset != roundUp(end) || l.offset > listBytes-l.bytes {
			return bad("list %d of %d rows, %d bytes at %d", i, l.rows, l.bytes, l.offset)
		}
		total, end = total+l.rows, l.offset+l.bytes
		m.lists = append(m.lists, l)
	}
	if total != m.rows || end != listBytes {
		return bad("lists of %d rows in %d bytes", total, end)
	}
	b = b[listEntryBytes*lists:]
	m.centroids = &kmeans.Centroids{}
	m.centroids.Dim = dim
	for i := range starts {
		s := int(le.Uint32(b[4*i:]))
		if i == 0 && s != 0 || i > 0 && s < m.centroids.Starts[i-1] || i == starts-1 && s != lists {
			return bad("group %d begins at list %d", i, s)
		}
		m.centroids.Starts = append(m.centroids.Starts, s)
	}
	b = b[4*starts:]
	m.centroids.Values = vector.Float32sOf(b[:4*dim*lists])
	m.centroids.Groups = kmeans.Matrix{Values: vector.Float32sOf(b[4*dim*lists:]), Dim: dim}
	return m, nil
}

// roundUp is where a list after so many bytes begins.
func roundUp(n int64) int64 { return (n + 63) &^ 63 }
