package vector

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"testing"
)

// fuzzedGraph is an index of one form, to be broken.
type fuzzedGraph struct {
	space  Space
	column rowColumn
	parts  *memoryParts
}

// fuzzedGraphs has an index of each form of codes.
func fuzzedGraphs(f *testing.F) (list []fuzzedGraph) {
	r := rand.New(rand.NewPCG(15, 16))
	vectors := vectorSets["duplicates"](r, 60, 2)
	for _, g := range []struct {
		space        Space
		quantization string
		bits         int
	}{
		{Space{Float32, L2, 2}, "", 0},
		{Space{Float32, InnerProduct, 2}, "none", 0},
		{Space{Float16, Cosine, 2}, "", 0},
		{Space{Float32, L2, 2}, "rabitq", 0},
		{Space{Float16, Cosine, 2}, "rabitq", 1},
		{Space{Bit, Jaccard, 2}, "", 0},
		{Space{Sparse, InnerProduct, 2}, "", 0},
		{Space{Sparse, Cosine, 2}, "", 0},
	} {
		column := floatColumn(g.space.Element, vectors)
		_, parts := buildIndex(f, g.space, column, Options{M: 2, Quantization: g.quantization, Bits: g.bits})
		list = append(list, fuzzedGraph{g.space, column, parts})
	}
	return list
}

// FuzzHNSWOpen gives the decoder parts into which bytes were put and which were
// cut short, whose sizes and checksums are right.
func FuzzHNSWOpen(f *testing.F) {
	graphs := fuzzedGraphs(f)
	names := []string{partGraph, partLinks, partUpper, partCodes, partTwins, PartPositions, partRecords}
	for g := range graphs {
		for part := range names {
			f.Add(uint8(g), uint8(part), uint32(70), []byte{0xff}, uint8(0))
			f.Add(uint8(g), uint8(part), uint32(100), []byte{1, 0, 0, 0}, uint8(0))
			f.Add(uint8(g), uint8(part), uint32(96), []byte{0xff, 0xff, 0xff, 0xff}, uint8(4))
		}
	}
	f.Fuzz(func(t *testing.T, which, part uint8, at uint32, splice []byte, cut uint8) {
		g, name := graphs[int(which)%len(graphs)], names[int(part)%len(names)]
		broken := bytes.Clone(g.parts.parts[name])
		end := len(broken) - 4 - int(cut)
		if end < partHeaderBytes {
			return
		}
		copy(broken[int(at)%end:end], splice)
		binary.LittleEndian.PutUint64(broken[40:], uint64(end-partHeaderBytes))
		broken = binary.LittleEndian.AppendUint32(broken[:end], crc32.Checksum(broken[:end], castagnoli))
		if err := DumpPart(io.Discard, name, broken, 3); err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatal(err)
		}
		copied := newMemoryParts()
		for n, p := range g.parts.parts {
			copied.parts[n] = p
		}
		copied.parts[name] = aligned(broken)
		moved := func(old uint32) (uint32, bool) { return old + 1, old%2 == 0 }
		if err := (hnsw{}).Reorder(copied, newMemoryParts(), moved); err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatal(err)
		}
		index, err := hnsw{}.Open(copied)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		defer index.Close()
		if name == PartPositions || index.Space() != g.space {
			return // positions are as long as rows are; the caller holds the column
		}
		searchBroken(t, index, g.column)
	})
}

// searchBroken searches in each way; whatever is found, nothing goes astray.
func searchBroken(t *testing.T, index Index, column rowColumn) {
	var stats SearchStats
	keep := make([]byte, (len(column)+7)/8)
	kept := 0
	for i := 0; i < len(column); i += 3 {
		keep[i/8] |= 1 << (i % 8)
		kept++
	}
	for _, r := range []SearchRequest{
		{Query: column[0], K: 5, Recall: 0.9, Column: column},
		{Query: column[1], K: 5, Effort: 40, Column: column},
		{Query: column[2], K: 5, Recall: 0.99, Column: column, Keep: keep, Kept: kept},
	} {
		if _, err := index.Search(context.Background(), nil, &r, &stats); err != nil {
			t.Fatal(err)
		}
	}
	it := index.Iterate(&SearchRequest{Query: column[3], K: 10, Recall: 0.9, Column: column}, &stats)
	defer it.Close()
	for proposed := 0; ; {
		got, err := it.Next(context.Background(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == 0 {
			return
		}
		if proposed += len(got); proposed > len(column) {
			t.Fatalf("%d candidates of %d rows", proposed, len(column))
		}
	}
}
