package ivf

import (
	"bytes"
	"context"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"testing"

	"quiver/vector"
)

// fuzzedLists is an index of one form, to be broken.
type fuzzedLists struct {
	method string
	space  vector.Space
	column column
	parts  memory
}

// fuzzed has an index of each form of lists.
func fuzzed(f *testing.F) (list []fuzzedLists) {
	r := rand.New(rand.NewPCG(9, 10))
	vectors := make([][]float32, 150)
	for i := range vectors {
		vectors[i] = gaussian(r, 3, 1)
	}
	for _, method := range methods {
		for _, x := range []struct {
			space   vector.Space
			options vector.Options
		}{
			{vector.Space{Distance: vector.Cosine, Dim: 3}, vector.Options{Quantization: "none"}},
			{vector.Space{Distance: vector.L2, Dim: 3}, vector.Options{Quantization: "rabitq"}},
			{vector.Space{Distance: vector.InnerProduct, Dim: 3}, vector.Options{Quantization: "rabitq", Bits: 1}},
			{vector.Space{Element: vector.Float16, Distance: vector.Cosine, Dim: 3}, vector.Options{Quantization: "sq8"}},
			{vector.Space{Element: vector.Bit, Distance: vector.Hamming, Dim: 3}, vector.Options{}},
		} {
			x.options.Lists = 6
			rows := encodeAll(x.space, vectors)
			list = append(list, fuzzedLists{method, x.space, rows, build(f, method, x.space, rows, x.options)})
		}
	}
	return list
}

// FuzzOpen: no part, whatever its bytes, makes opening, searching or reordering
// panic. The checksums are made right, so that what lies behind them is reached.
func FuzzOpen(f *testing.F) {
	indexes := fuzzed(f)
	for i := range indexes {
		for part := uint32(partCentroids); part <= partPositions; part++ {
			f.Add(uint8(i), uint8(part), uint16(8), []byte{0xff}, uint16(0))
			f.Add(uint8(i), uint8(part), uint16(16), []byte{1, 0, 0, 0}, uint16(0))
			f.Add(uint8(i), uint8(part), uint16(44), []byte{0, 0, 0xc0, 0x7f}, uint16(4))
		}
	}
	f.Fuzz(func(t *testing.T, which, partNumber uint8, at uint16, splice []byte, cut uint16) {
		x := indexes[int(which)%len(indexes)]
		part := partCentroids + uint32(partNumber)%3
		payload, identity, err := openPart(x.parts, part)
		if err != nil {
			t.Fatal(err)
		}
		payload = bytes.Clone(payload[:len(payload)-min(int(cut), len(payload))])
		if len(payload) > 0 {
			copy(payload[int(at)%len(payload):], splice)
		}
		parts := memory{}
		for name, b := range x.parts {
			parts[name] = b
		}
		if err := writePart(parts, part, identity, payload); err != nil {
			t.Fatal(err)
		}
		if part == partLists {
			sumAgain(t, x, parts, identity, payload)
		}
		for name, b := range parts {
			if err := DumpPart(io.Discard, name, b, 3, parts[partNames[partCentroids]]); err != nil && !errors.Is(err, vector.ErrCorrupt) {
				t.Fatal(err)
			}
		}
		kind := vector.KindByName(x.method)
		moved := func(old uint32) (uint32, bool) { return old + 1, old%2 == 0 }
		if err := kind.Reorder(parts, memory{}, moved); err != nil && !errors.Is(err, vector.ErrCorrupt) {
			t.Fatal(err)
		}
		index, err := kind.Open(parts)
		if err != nil {
			if !errors.Is(err, vector.ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		defer index.Close()
		if part == partPositions || index.Space() != x.space {
			return // positions are as long as rows are; the caller holds the column
		}
		searchBroken(t, index, x.column)
	})
}

// sumAgain writes the sums of the lists as their bytes are.
func sumAgain(t *testing.T, x fuzzedLists, parts memory, identity uint64, lists []byte) {
	centroids, _, err := openPart(x.parts, partCentroids)
	if err != nil {
		t.Fatal(err)
	}
	whole, _, err := openPart(x.parts, partLists)
	if err != nil {
		t.Fatal(err)
	}
	m, err := decodeMeta(centroids, x.method, int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	for i := range m.lists {
		l := &m.lists[i]
		if l.offset+l.bytes <= int64(len(lists)) {
			l.sum = crc32.Checksum(lists[l.offset:l.offset+l.bytes], castagnoli)
		}
	}
	if err := writePart(parts, partCentroids, identity, m.append(nil)); err != nil {
		t.Fatal(err)
	}
}

// searchBroken searches in each way; what is found may be anything.
func searchBroken(t *testing.T, index vector.Index, rows column) {
	t.Helper()
	var stats vector.SearchStats
	failed := func(err error) bool {
		if err != nil && !errors.Is(err, vector.ErrCorrupt) {
			t.Fatal(err)
		}
		return err != nil
	}
	keep := bytes.Repeat([]byte{0x49}, (len(rows)+7)/8)
	for _, r := range []vector.SearchRequest{
		{Query: rows[0], K: 10, Recall: 0.95, Column: rows},
		{Query: rows[1], K: 10, Effort: 3, Column: rows},
		{Query: rows[2], K: 10, Recall: 0.99, Column: rows, Keep: keep, Kept: len(rows) / 3},
	} {
		_, err := index.Search(context.Background(), nil, &r, &stats)
		if failed(err) {
			return
		}
	}
	it := index.Iterate(&vector.SearchRequest{Query: rows[3], K: 10, Recall: 0.95, Column: rows}, &stats)
	defer it.Close()
	for proposed := 0; ; {
		got, err := it.Next(context.Background(), nil)
		if failed(err) || len(got) == 0 {
			return
		}
		if proposed += len(got); proposed > len(rows) {
			t.Fatalf("%d candidates of %d rows", proposed, len(rows))
		}
	}
}
