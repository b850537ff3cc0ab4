package ivf

import (
	"context"
	"encoding/binary"
	"hash/crc32"
	"sync"
	"unsafe"

	"quiver/vector"
	"quiver/vector/kmeans"
	"quiver/vector/rabitq"
)

// index is an opened index.
type index struct {
	meta
	k     *kind
	codec *rabitq.Codec // nil: vectors as they are
	// Centroids as codes see them, their mean, from where the query is seen, and the
	// squares of their lengths.
	rotated, base, squares []float32
	layout                 layout
	positions              []uint32 // by ordinal
	gone                   bool     // some positions are NoPosition
	lists                  []byte   // the payload, mapped
	ranges                 vector.Ranges
	grown                  []list // instead of what is saved, of an index that grows
	end                    int    // of its positions
	searchers              *sync.Pool
}

// Open opens a saved index. ivfflat verifies its lists at once; the lists of
// diskann are verified each time that they are read.
func (k *kind) Open(parts vector.Parts) (vector.Index, error) {
	x := &index{k: k}
	var identity uint64
	var size int64
	ranged, ok := parts.(vector.RangeParts)
	if ok && !k.blocks {
		ranges, err := ranged.OpenRanges(partNames[partLists])
		if err != nil {
			return nil, err
		}
		x.ranges = ranges
		h := make([]byte, min(headerBytes, ranges.Size()))
		if err := ranges.ReadRange(context.Background(), h, 0); err != nil {
			return nil, abort(ranges, err)
		}
		if identity, _, err = decodeHeader(h, partLists, ranges.Size()); err != nil {
			return nil, abort(ranges, err)
		}
		size = ranges.Size() - headerBytes
	} else {
		var err error
		if x.lists, identity, err = openPart(parts, partLists); err != nil {
			return nil, err
		}
		size = int64(len(x.lists))
	}
	if err := x.open(parts, identity, size); err != nil {
		x.Close()
		return nil, err
	}
	return x, nil
}

func (x *index) open(parts vector.Parts, identity uint64, size int64) error {
	payload, id, err := openPart(parts, partCentroids)
	if err != nil {
		return err
	}
	if id != identity {
		return corrupt(partCentroids, "it belongs to another index than part lists")
	}
	m, err := decodeMeta(payload, x.k.name, size)
	if err != nil {
		return err
	}
	x.meta = *m
	x.spread = x.spreads()
	if x.bits > 0 {
		if x.codec, err = rabitq.New(rabitq.Distance(x.space.Distance), x.space.Dim, x.bits, x.seed); err != nil {
			return corrupt(partCentroids, "%v", err)
		}
	}
	x.rotateCentroids()
	x.layout = newLayout(x.space, x.codec, x.meta.blocks)
	for i, l := range x.meta.lists {
		if l.bytes != x.layout.size(l.rows) {
			return corrupt(partCentroids, "list %d has %d rows in %d bytes", i, l.rows, l.bytes)
		}
		if x.k.blocks {
			if err := x.verify(i, x.lists[l.offset:l.offset+l.bytes]); err != nil {
				return err
			}
		}
	}
	positions, id, err := openPart(parts, partPositions)
	switch {
	case err != nil:
		return err
	case id != identity || len(positions) != 4*x.meta.rows:
		return corrupt(partPositions, "%d bytes for %d rows, or of another index", len(positions), x.meta.rows)
	}
	x.positions = unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(positions))), len(positions)/4)
	for _, p := range x.positions {
		x.gone = x.gone || p == vector.NoPosition
	}
	x.searchers = &sync.Pool{New: func() any { return newSearcher(x) }}
	return nil
}

// positionsOf are the positions of the rows of a saved list.
func (x *index) positionsOf(id int) []uint32 {
	l := &x.meta.lists[id]
	return x.positions[l.first : l.first+l.rows]
}

// mapped is the bytes of a saved list.
func (x *index) mapped(id int) []byte {
	l := &x.meta.lists[id]
	return x.lists[l.offset : l.offset+l.bytes]
}

// searcher begins a search; close ends it.
func (x *index) searcher(r *vector.SearchRequest, stats *vector.SearchStats) *searcher {
	s := x.searchers.Get().(*searcher)
	s.x = x
	s.begin(r, stats)
	return s
}

// rotateCentroids makes what codes need of the centroids.
func (x *index) rotateCentroids() {
	if x.codec == nil {
		return
	}
	padded, n := x.codec.Padded(), x.centroids.Len()
	x.rotated, x.squares = make([]float32, padded*n), make([]float32, n)
	for i := range n {
		x.codec.Rotate(x.rotated[i*padded:], x.centroids.Row(i))
		x.squares[i] = square(x.centroids.Row(i))
	}
	x.base = baseOf(x.codec, x.centroids)
}

// baseOf is from where queries see codes: the rotated mean of the centroids.
func baseOf(codec *rabitq.Codec, c *kmeans.Centroids) []float32 {
	sums, mean := make([]float64, c.Dim), make([]float32, c.Dim)
	for i := range c.Len() {
		for j, v := range c.Row(i) {
			sums[j] += float64(v)
		}
	}
	for j, s := range sums {
		mean[j] = float32(s / float64(max(c.Len(), 1)))
	}
	base := make([]float32, codec.Padded())
	codec.Rotate(base, mean)
	return base
}

// verify checks the bytes of a list.
func (x *index) verify(list int, b []byte) error {
	if crc32.Checksum(b, castagnoli) != x.meta.lists[list].sum {
		return corrupt(partLists, "checksum of list %d", list)
	}
	return nil
}

func (x *index) Kind() string        { return x.k.name }
func (x *index) Space() vector.Space { return x.space }
func (x *index) Len() int            { return x.meta.rows }

func (x *index) ResidentBytes() int64 {
	n := int64(4*len(x.positions)+4*len(x.rotated)) + int64(len(x.meta.lists))*(48+4*int64(x.space.Dim))
	if x.k.blocks {
		n += int64(len(x.lists))
	}
	return n
}

func (x *index) Close() {
	if x.ranges != nil {
		_ = x.ranges.Close() // nothing was written
		x.ranges = nil
	}
}

// Reorder writes PartPositions anew.
func (k *kind) Reorder(old vector.Parts, parts vector.PartWriter, moved func(old uint32) (uint32, bool)) error {
	payload, identity, err := openPart(old, partPositions)
	if err != nil {
		return err
	}
	if len(payload)%4 != 0 {
		return corrupt(partPositions, "%d bytes", len(payload))
	}
	out := make([]byte, len(payload))
	for at := 0; at < len(payload); at += 4 {
		p := binary.LittleEndian.Uint32(payload[at:])
		if p != vector.NoPosition {
			to, ok := moved(p)
			if p = to; !ok {
				p = vector.NoPosition
			}
		}
		binary.LittleEndian.PutUint32(out[at:], p)
	}
	return writePart(parts, partPositions, identity, out)
}
