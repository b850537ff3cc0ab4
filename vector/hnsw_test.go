package vector

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// memoryParts keeps the parts of an index in memory, aligned as mapped ones.
type memoryParts struct {
	mu    sync.Mutex
	parts map[string][]byte
}

func newMemoryParts() *memoryParts { return &memoryParts{parts: map[string][]byte{}} }

type memoryPart struct {
	bytes.Buffer
	to   *memoryParts
	name string
}

func (p *memoryParts) Create(name string) (io.WriteCloser, error) {
	return &memoryPart{to: p, name: name}, nil
}

func (p *memoryPart) Close() error {
	p.to.mu.Lock()
	defer p.to.mu.Unlock()
	p.to.parts[p.name] = aligned(p.Bytes())
	return nil
}

// aligned copies bytes to an address aligned to 8.
func aligned(b []byte) []byte {
	words := make([]uint64, len(b)/8+1)
	out := EncodeFloat32s(make([]float32, 2*len(words)))[:len(b)]
	copy(out, b)
	return out
}

var errNoPart = errors.New("no such part")

func (p *memoryParts) Open(name string) ([]byte, error) {
	b, ok := p.parts[name]
	if !ok {
		return nil, errNoPart
	}
	return b, nil
}

// rowColumn is a Column of rows.
type rowColumn [][]byte

func (c rowColumn) Len() int         { return len(c) }
func (c rowColumn) Row(p int) []byte { return c[p] }

// floatColumn encodes vectors for an element.
func floatColumn(e Element, vectors [][]float32) rowColumn {
	out := make(rowColumn, len(vectors))
	for i, v := range vectors {
		switch {
		case v == nil:
		case e == Float16:
			h := make([]uint16, len(v))
			for j, x := range v {
				h[j] = Float32ToHalf(x)
			}
			out[i] = EncodeHalves(h)
		case e == Bit:
			out[i] = make([]byte, (len(v)+7)/8)
			for j, x := range v {
				if x > 0 {
					out[i][j/8] |= 0x80 >> (j % 8)
				}
			}
		case e == Sparse:
			var sparse SparseVector
			for j, x := range v {
				if x != 0 {
					sparse.Indexes, sparse.Values = append(sparse.Indexes, uint32(j)), append(sparse.Values, x)
				}
			}
			out[i] = AppendSparse(nil, sparse)
		default:
			out[i] = EncodeFloat32s(v)
		}
	}
	return out
}

// vectorSets are made data, by name.
var vectorSets = map[string]func(r *rand.Rand, n, dim int) [][]float32{
	"uniform": func(r *rand.Rand, n, dim int) [][]float32 {
		return generate(n, dim, func(int, int) float32 { return r.Float32()*2 - 1 })
	},
	"clustered": func(r *rand.Rand, n, dim int) [][]float32 {
		centres := generate(40, dim, func(int, int) float32 { return float32(r.NormFloat64()) })
		return generate(n, dim, func(i, j int) float32 { return centres[i%40][j] + float32(r.NormFloat64())*0.15 })
	},
	"duplicates": func(r *rand.Rand, n, dim int) [][]float32 {
		few := generate(n/50+1, dim, func(int, int) float32 { return float32(r.NormFloat64()) })
		out := make([][]float32, n)
		for i := range out {
			out[i] = few[r.IntN(len(few))]
		}
		return out
	},
	"sparse": func(r *rand.Rand, n, dim int) [][]float32 {
		topics := generate(30, dim, func(int, int) float32 { return max(float32(r.NormFloat64()-1), 0) })
		return generate(n, dim, func(i, j int) float32 {
			if r.IntN(8) == 0 || j == i%dim {
				return 0.1 + r.Float32()
			}
			if r.IntN(2) == 0 {
				return 0
			}
			return topics[i%30][j] * (0.5 + r.Float32())
		})
	},
	"low": func(r *rand.Rand, n, _ int) [][]float32 {
		return generate(n, 2, func(int, int) float32 { return float32(r.NormFloat64()) })
	},
}

func generate(n, dim int, element func(i, j int) float32) [][]float32 {
	out := make([][]float32, n)
	for i := range out {
		out[i] = make([]float32, dim)
		for j := range out[i] {
			out[i][j] = element(i, j)
		}
	}
	return out
}

// words are the vectors of examples/words.
var words = sync.OnceValue(func() [][]float32 {
	file, err := os.Open("../examples/words/words.csv.gz")
	if err != nil {
		panic(err)
	}
	defer file.Close()
	unzip, err := gzip.NewReader(file)
	if err != nil {
		panic(err)
	}
	lines := csv.NewReader(unzip)
	var out [][]float32
	for {
		line, err := lines.Read()
		if err == io.EOF {
			return out
		}
		if err != nil {
			panic(err)
		}
		var v []float32
		for _, s := range strings.Split(strings.Trim(line[len(line)-1], "[]"), ",") {
			x, err := strconv.ParseFloat(strings.TrimSpace(s), 32)
			if err != nil {
				break
			}
			v = append(v, float32(x))
		}
		if len(v) > 1 {
			out = append(out, v)
		}
	}
})

// buildIndex builds and opens an index of a column.
func buildIndex(t testing.TB, s Space, column Column, o Options) (Index, *memoryParts) {
	t.Helper()
	parts := newMemoryParts()
	kind := KindByName("hnsw")
	if err := kind.Build(context.Background(), s, column, o, parts); err != nil {
		t.Fatal(err)
	}
	index, err := kind.Open(parts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(index.Close)
	return index, parts
}

// nearestOf is the exact answer over the rows that keep allows.
func nearestOf(s Space, column Column, query []byte, k int, keep func(int) bool) []Neighbor {
	search := NewSpaceSearch(s, query, k)
	for p := range column.Len() {
		if row := column.Row(p); row != nil && (keep == nil || keep(p)) {
			search.Add(viewRows(s, row, 1, uint64(p)))
		}
	}
	return slices.DeleteFunc(search.Top().Sorted(), func(n Neighbor) bool { return math.IsNaN(n.Distance) })
}

// recallOf counts the candidates whose true distance is among the k nearest,
// and checks what must hold of any answer.
func recallOf(t testing.TB, s Space, column Column, query []byte, truth []Neighbor, got []Candidate, keep func(int) bool) (hits int) {
	t.Helper()
	seen := map[uint32]bool{}
	for i, c := range got {
		if seen[c.Position] {
			t.Fatalf("position %d twice", c.Position)
		}
		seen[c.Position] = true
		if keep != nil && !keep(int(c.Position)) {
			t.Fatalf("position %d is not kept", c.Position)
		}
		d := s.Exact(query, column.Row(int(c.Position)))
		if math.Abs(d-float64(c.Distance)) > 1e-3*(1+math.Abs(d)) {
			t.Fatalf("position %d: distance %v, exactly %v", c.Position, c.Distance, d)
		}
		if i > 0 && c.Distance < got[i-1].Distance {
			t.Fatalf("candidate %d is nearer than the one before", i)
		}
		if d <= truth[len(truth)-1].Distance {
			hits++
		}
	}
	return hits
}

// measureRecall is the mean recall@k of queries.
func measureRecall(t testing.TB, index Index, column Column, queries Column, k int, r SearchRequest, keep func(int) bool) float64 {
	t.Helper()
	hits, all := 0, 0
	for q := range queries.Len() {
		query := queries.Row(q)
		truth := nearestOf(index.Space(), column, query, k, keep)
		r.Query, r.K, r.Column = query, k, column
		var stats SearchStats
		got, err := index.Search(context.Background(), nil, &r, &stats)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(truth) {
			t.Fatalf("%d candidates, want %d", len(got), len(truth))
		}
		if len(truth) == 0 {
			continue
		}
		hits += recallOf(t, index.Space(), column, query, truth, got, keep)
		all += len(truth)
	}
	return float64(hits) / float64(all)
}

// walkRecall is the mean recall of walks, however few the rows are: a search
// compares all of them then.
func walkRecall(t testing.TB, index Index, column, queries Column, k int) float64 {
	t.Helper()
	x := index.(*graphIndex)
	hits, all := 0, 0
	for q := range queries.Len() {
		query := queries.Row(q)
		truth := nearestOf(x.Space(), column, query, k, nil)
		var stats SearchStats
		s := graphSearch{graphIndex: x, graphWalker: x.newWalker(), stats: &stats, request: &SearchRequest{Query: query, K: k, Recall: 0.95, Column: column}}
		if !s.scorer.setVector(query) {
			t.Fatal("a query without distance")
		}
		s.exact.set(query)
		s.begin(x.graph, x.room, s.lookFor(k))
		if err := s.run(context.Background(), x.graph, 0); err != nil {
			t.Fatal(err)
		}
		hits += recallOf(t, x.Space(), column, query, truth, s.nearest(nil), nil)
		all += len(truth)
	}
	return float64(hits) / float64(all)
}

// TestHNSWRecall: the recall floor of each type, distance and quantisation on
// words and generated vectors.
func TestHNSWRecall(t *testing.T) {
	const asked = 40
	var all sweep
	for _, name := range []string{"words", "uniform", "clustered", "duplicates", "low"} {
		for _, c := range []struct {
			element  Element
			distance Distance
			quantize string
		}{
			{Float32, L2, "sq8"}, {Float32, Cosine, "sq8"}, {Float32, InnerProduct, "sq8"}, {Float32, L1, "sq8"},
			{Float32, L2, "none"}, {Float32, Cosine, "none"}, {Float32, InnerProduct, "none"}, {Float32, L1, "none"},
			{Float32, L2, "rabitq"}, {Float32, Cosine, "rabitq"}, {Float32, InnerProduct, "rabitq"},
			{Float16, L2, "sq8"}, {Float16, Cosine, "none"}, {Float16, Cosine, "rabitq"},
			{Bit, Hamming, ""}, {Bit, Jaccard, ""},
			{Sparse, L2, ""}, {Sparse, Cosine, ""}, {Sparse, InnerProduct, ""}, {Sparse, L1, ""},
		} {
			if name == "low" && c.element == Bit || all.passes() {
				continue
			}
			t.Run(fmt.Sprint(name, "/", c.element, "/", c.distance, "/", c.quantize), func(t *testing.T) {
				t.Parallel()
				const rows = samplesMin*samplesShare + 8 // enough to measure how far to look
				vectors := words()
				r := rand.New(rand.NewPCG(1, 2))
				if name != "words" {
					vectors = vectorSets[name](r, rows+asked, 24)
				} else {
					vectors = slices.Clone(vectors)
					r.Shuffle(len(vectors), func(i, j int) { vectors[i], vectors[j] = vectors[j], vectors[i] })
				}
				queries := floatColumn(c.element, vectors[rows:rows+asked])
				column := floatColumn(c.element, vectors[:rows])
				s := Space{c.element, c.distance, len(vectors[0])}
				index, _ := buildIndex(t, s, column, Options{Quantization: c.quantize, Workers: 2})
				for _, k := range []int{10, 30, 100} {
					if got := walkRecall(t, index, column, queries, k); got < 0.93 {
						t.Errorf("recall@%d %.3f of walks", k, got)
					}
				}
				if got := measureRecall(t, index, column, queries, 10, SearchRequest{Recall: 0.95}, nil); got < 0.95 {
					t.Errorf("recall %.3f", got)
				}
			})
		}
	}
}

// TestHNSWTightClusters: clusters that are small beside the step of codes, so that
// many rows have the same code and the others differ by rounding alone.
func TestHNSWTightClusters(t *testing.T) {
	const clusters, each, dim, asked = 150, 50, 32, 60
	r := rand.New(rand.NewPCG(3, 4))
	var centres, vectors, queries [][]float32
	for range clusters {
		centres = append(centres, generate(1, dim, func(int, int) float32 { return 20 * (r.Float32() - 0.5) })...)
	}
	near := func(c int) []float32 {
		spread := float32(math.Pow(10, float64(c%4-3)))
		return generate(1, dim, func(_, j int) float32 { return centres[c][j] + spread*(r.Float32()-0.5) })[0]
	}
	for i := range clusters * each {
		vectors = append(vectors, near(i%clusters))
	}
	for i := range asked {
		queries = append(queries, near(i))
	}
	for _, d := range []Distance{L2, Cosine, L1} {
		column := floatColumn(Float32, vectors)
		index, _ := buildIndex(t, Space{Float32, d, dim}, column, Options{Quantization: "sq8", Workers: 2})
		if got := walkRecall(t, index, column, floatColumn(Float32, queries), 10); got < 0.95 {
			t.Errorf("%s: recall %.3f of walks", d, got)
		}
		if got := measureRecall(t, index, column, floatColumn(Float32, queries), 10, SearchRequest{Recall: 0.95}, nil); got < 0.95 {
			t.Errorf("%s: recall %.3f", d, got)
		}
	}
}

// TestHNSWFarFromOrigin: vectors that differ by little of their lengths.
func TestHNSWFarFromOrigin(t *testing.T) {
	const rows, asked = 2000, 100
	var all sweep
	for _, c := range []struct {
		element  Element
		distance Distance
		quantize string
		dim      int
		spread   float64
	}{
		{Float32, InnerProduct, "sq8", 128, 1}, {Float16, InnerProduct, "sq8", 16, 1}, {Float32, InnerProduct, "rabitq", 128, 1},
		{Float32, InnerProduct, "none", 128, 1}, {Float32, Cosine, "none", 128, 1}, {Float32, Cosine, "none", 3, 1}, {Float32, Cosine, "none", 3, 0.02},
		{Float16, Cosine, "none", 3, 1}, {Sparse, Cosine, "none", 3, 0.02}, {Float32, Cosine, "sq8", 3, 0.02}, {Float32, Cosine, "rabitq", 3, 1},
	} {
		if all.passes() {
			continue
		}
		t.Run(fmt.Sprint(c.element, "/", c.distance, "/", c.quantize, "/", c.dim, "/", c.spread), func(t *testing.T) {
			r := rand.New(rand.NewPCG(5, 6))
			vectors := generate(rows+asked, c.dim, func(int, int) float32 { return 1000 + float32(r.NormFloat64()*c.spread) })
			column, queries := floatColumn(c.element, vectors[:rows]), floatColumn(c.element, vectors[rows:])
			index, _ := buildIndex(t, Space{c.element, c.distance, c.dim}, column, Options{Quantization: c.quantize, Workers: 2})
			// The nearest by inner product are the same for all queries: a walk finds
			// one of them always or never, and what is measured says so.
			if got := walkRecall(t, index, column, queries, 10); c.distance != InnerProduct && got < 0.93 {
				t.Errorf("recall %.3f of walks", got)
			}
			if got := measureRecall(t, index, column, queries, 10, SearchRequest{Recall: 0.95}, nil); got < 0.95 {
				t.Errorf("recall %.3f", got)
			}
		})
	}
}

// TestHNSWRecordsOfFewDimensions: records err by so little there that the rounding of
// queries counts, and one is of all rows of a cell of the codes that the graph was
// built by; or, of lengths that differ by much, by very different errors.
func TestHNSWRecordsOfFewDimensions(t *testing.T) {
	const rows, asked = 4000, 100
	r := rand.New(rand.NewPCG(7, 8))
	element := func(int, int) float32 { return r.Float32() - 0.5 }
	line, lengths := generate(rows+asked, 1, element), generate(rows+asked, 3, element)
	for _, v := range lengths {
		by := float32(math.Exp(3 * (r.Float64() + r.Float64() - 1)))
		for i := range v {
			v[i] *= by
		}
	}
	var all sweep
	for _, c := range []struct {
		vectors  [][]float32
		element  Element
		distance Distance
		bits     int
	}{{line, Float32, L2, 4}, {line, Float16, L2, 8}, {line, Float32, InnerProduct, 4}, {lengths, Float32, L2, 8}, {lengths, Float32, InnerProduct, 1}, {lengths, Float32, Cosine, 8}} {
		if all.passes() {
			continue
		}
		t.Run(fmt.Sprint(len(c.vectors[0]), "/", c.element, "/", c.distance, "/", c.bits), func(t *testing.T) {
			column, queries := floatColumn(c.element, c.vectors[:rows]), floatColumn(c.element, c.vectors[rows:])
			o := Options{Quantization: "rabitq", Bits: c.bits, Workers: 2}
			index, _ := buildIndex(t, Space{c.element, c.distance, len(c.vectors[0])}, column, o)
			if got := walkRecall(t, index, column, queries, 10); got < 0.95 {
				t.Errorf("recall %.3f of walks", got)
			}
			if got := measureRecall(t, index, column, queries, 10, SearchRequest{Recall: 0.95}, nil); got < 0.95 {
				t.Errorf("recall %.3f", got)
			}
		})
	}
}

// TestHNSWFilters: every answer has the rows that the filter allows, K of them
// if there are so many, whatever the filter has to do with the query.
func TestHNSWFilters(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	vectors := vectorSets["clustered"](r, 3040, 24)
	column, queries := floatColumn(Float32, vectors[:3000]), floatColumn(Float32, vectors[3000:])
	s := Space{Float32, L2, 24}
	index, _ := buildIndex(t, s, column, Options{Workers: 2})
	filters := map[string]func(p int) bool{
		"half": func(p int) bool { return p%2 == 0 }, "tenth": func(p int) bool { return p%10 == 3 },
		"hundredth": func(p int) bool { return p%100 == 7 }, "few": func(p int) bool { return p%750 == 1 }, "none": func(int) bool { return false },
		"cluster": func(p int) bool { return p%40 == 5 }, "other clusters": func(p int) bool { return p%40 >= 36 },
	}
	for name, keep := range filters {
		bitmap := make([]byte, (column.Len()+7)/8)
		kept := 0
		for p := range column.Len() {
			if keep(p) {
				bitmap[p/8] |= 1 << (p % 8)
				kept++
			}
		}
		for _, k := range []int{10, 50} {
			got := measureRecall(t, index, column, queries, k, SearchRequest{Recall: 0.95, Keep: bitmap, Kept: kept}, keep)
			if kept > 0 && got < 0.95 {
				t.Errorf("%s: recall@%d %.3f", name, k, got)
			}
		}
	}
}

// TestHNSWIterate: all rows come, none twice, most of them in order.
func TestHNSWIterate(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, set := range []string{"uniform", "duplicates"} {
		vectors := vectorSets[set](r, 3001, 16)
		column := floatColumn(Float32, vectors[:3000])
		s := Space{Float32, L2, 16}
		index, _ := buildIndex(t, s, column, Options{})
		var stats SearchStats
		it := index.Iterate(&SearchRequest{Query: EncodeFloat32s(vectors[3000]), K: 10, Recall: 0.95, Column: column}, &stats)
		var all []Candidate
		batches := 0
		for {
			n := len(all)
			var err error
			if all, err = it.Next(context.Background(), all); err != nil {
				t.Fatal(err)
			}
			if len(all) == n {
				break
			}
			batches++
		}
		it.Close()
		seen := map[uint32]bool{}
		for _, c := range all {
			seen[c.Position] = true
		}
		if len(all) != 3000 || len(seen) != 3000 || batches < 3 {
			t.Fatalf("%s: %d candidates, %d different, in %d batches", set, len(all), len(seen), batches)
		}
		truth := nearestOf(s, column, EncodeFloat32s(vectors[3000]), 500, nil)
		hits := 0
		for _, c := range all[:500] {
			if s.Exact(EncodeFloat32s(vectors[3000]), column[c.Position]) <= truth[499].Distance {
				hits++
			}
		}
		if hits < 450 {
			t.Errorf("%s: %d of the nearest 500 among the first", set, hits)
		}
	}
}

// TestHNSWRowsWithoutDistance: nulls, and vectors without length under cosine,
// are not held; a query without length finds rows at no distance.
func TestHNSWRowsWithoutDistance(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, element := range []Element{Float32, Float16, Sparse} {
		vectors := vectorSets["uniform"](r, 500, 8)
		for i := range vectors {
			switch i % 10 {
			case 3:
				vectors[i] = nil
			case 7:
				vectors[i] = make([]float32, 8)
			}
		}
		column := floatColumn(element, vectors)
		index, _ := buildIndex(t, Space{element, Cosine, 8}, column, Options{Quantization: "none"})
		if index.Len() != 400 {
			t.Fatalf("%d vectors", index.Len())
		}
		var stats SearchStats
		got, err := index.Search(context.Background(), nil, &SearchRequest{Query: column[0], K: 2000, Recall: 0.95, Column: column}, &stats)
		if err != nil || len(got) < 395 {
			t.Fatalf("%d candidates, %v", len(got), err)
		}
		got, err = index.Search(context.Background(), nil, &SearchRequest{Query: floatColumn(element, [][]float32{make([]float32, 8)})[0], K: 5, Column: column}, &stats)
		if err != nil || len(got) != 5 || got[0].Distance == got[0].Distance {
			t.Fatalf("%v, %v", got, err)
		}
	}
}

// TestHNSWReorder moves and removes rows of a segment and keeps the graph.
func TestHNSWReorder(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	vectors := vectorSets["clustered"](r, 1540, 16)
	column := floatColumn(Float32, vectors[:1500])
	queries := floatColumn(Float32, vectors[1500:])
	s := Space{Float32, L2, 16}
	_, parts := buildIndex(t, s, column, Options{})
	order := r.Perm(column.Len())
	moved := make(rowColumn, 1000)
	for old, to := range order {
		if to < len(moved) {
			moved[to] = column[old]
		}
	}
	reordered := &memoryParts{parts: map[string][]byte{}}
	for name, part := range parts.parts {
		reordered.parts[name] = part
	}
	if err := KindByName("hnsw").Reorder(parts, reordered, func(old uint32) (uint32, bool) {
		return uint32(order[old]), order[old] < len(moved)
	}); err != nil {
		t.Fatal(err)
	}
	index, err := KindByName("hnsw").Open(reordered)
	if err != nil {
		t.Fatal(err)
	}
	if index.Len() != len(moved) {
		t.Fatalf("%d vectors", index.Len())
	}
	if got := measureRecall(t, index, moved, queries, 10, SearchRequest{Recall: 0.95}, nil); got < 0.95 {
		t.Errorf("recall %.3f", got)
	}
}

// TestHNSWSameTwice: one worker makes the same graph of the same rows.
func TestHNSWSameTwice(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	column := floatColumn(Float32, vectorSets["duplicates"](r, 1000, 16))
	s := Space{Float32, Cosine, 16}
	_, a := buildIndex(t, s, column, Options{Workers: 1})
	_, b := buildIndex(t, s, column, Options{Workers: 1})
	for name := range a.parts {
		if !bytes.Equal(a.parts[name], b.parts[name]) {
			t.Errorf("part %s differs", name)
		}
	}
}

// TestHNSWCorruptParts: whatever bit of whatever part is flipped, and wherever
// it is cut, opening it fails.
func TestHNSWCorruptParts(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	vectors := vectorSets["duplicates"](r, 300, 4)
	_, parts := buildIndex(t, Space{Float32, L2, 4}, floatColumn(Float32, vectors), Options{})
	_, sparse := buildIndex(t, Space{Sparse, InnerProduct, 4}, floatColumn(Sparse, vectors), Options{})
	for _, parts := range []*memoryParts{parts, sparse} {
		corruptParts(t, r, parts)
	}
}

func corruptParts(t *testing.T, r *rand.Rand, parts *memoryParts) {
	for name, whole := range parts.parts {
		try := func(broken []byte) {
			t.Helper()
			copied := newMemoryParts()
			for n, p := range parts.parts {
				copied.parts[n] = p
			}
			copied.parts[name] = aligned(broken)
			if _, err := KindByName("hnsw").Open(copied); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("part %s: %v", name, err)
			}
		}
		for range 60 {
			broken := bytes.Clone(whole)
			broken[r.IntN(len(broken))] ^= 1 << r.IntN(8)
			try(broken)
			try(whole[:r.IntN(len(whole))])
		}
		try(nil)
	}
}

// TestPackedLinks: what was packed comes out, for every width.
func TestPackedLinks(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	for _, nodes := range []int{1, 2, 3, 4, 100, 1 << 10, 1<<20 - 1, 1 << 20, graphNodesMax} {
		const rows, m = 7, 5
		p := newPackedLinks(nodes, m)
		p.bytes = make([]byte, p.size(rows))
		lists := make([][]uint32, rows)
		for node := range lists {
			block := make([]uint32, 2*m)
			n := r.IntN(2*m + 1)
			for i := range block {
				if block[i] = noNode; i < n {
					block[i] = uint32(r.IntN(nodes))
				}
			}
			lists[node] = block[:n]
			p.pack(node, block)
		}
		ids := make([]uint32, 2*m)
		for node, want := range lists {
			if got := ids[:p.unpack(uint32(node), ids)]; !slices.Equal(got, want) {
				t.Errorf("%d nodes: links %v, packed %v", nodes, got, want)
			}
		}
	}
}

// TestHNSWBits: each number of bits a dimension finds the nearest, with less
// memory the fewer there are.
func TestHNSWBits(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 24))
	vectors := vectorSets["clustered"](r, 640, 64)
	column, queries := floatColumn(Float32, vectors[:600]), floatColumn(Float32, vectors[600:])
	s := Space{Float32, Cosine, 64}
	last := int64(0)
	for bits := 1; bits <= 8; bits++ {
		index, _ := buildIndex(t, s, column, Options{Quantization: "rabitq", Bits: bits, Workers: 2})
		if got := walkRecall(t, index, column, queries, 10); got < 0.95 {
			t.Errorf("%d bits: recall %.3f", bits, got)
		}
		if n := index.ResidentBytes(); n <= last {
			t.Errorf("%d bits take %d bytes, fewer take %d", bits, n, last)
		} else {
			last = n
		}
	}
	for _, o := range []Options{{Quantization: "rabitq", Bits: 9}, {Quantization: "rabitq", Bits: -1}} {
		if err := KindByName("hnsw").Check(s, o); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// TestHNSWLimits: what a build may not take, and how it ends when it is told to.
func TestHNSWLimits(t *testing.T) {
	column := floatColumn(Float32, vectorSets["uniform"](rand.New(rand.NewPCG(17, 18)), 1000, 8))
	s := Space{Float32, L2, 8}
	kind := KindByName("hnsw")
	little := Options{Workers: 1, M: 48, MemoryBytes: 1 << 20}
	need := kind.Estimate(s, column.Len(), little).BuildBytes
	beyond := need - little.MemoryBytes
	err := kind.Build(context.Background(), s, column, little, newMemoryParts())
	if !errors.Is(err, ErrMemory) {
		t.Errorf("little memory: %v", err)
	}
	var scratch int64
	little.Scratch = func(n int64) ([]byte, func(), error) {
		scratch += n
		return make([]byte, n), func() { scratch -= n }, nil
	}
	little.Progress = func(phase string, _, _ int64) {
		// Estimates suppose a usual number of nodes on the upper layers.
		if phase == "building graph" && scratch < beyond*9/10 {
			t.Errorf("%d bytes in files of %d bytes beyond the memory", scratch, beyond)
		}
	}
	same := [2]*memoryParts{newMemoryParts(), newMemoryParts()}
	for i, o := range []Options{{Workers: 1, M: 48}, little} {
		if err := kind.Build(context.Background(), s, column, o, same[i]); err != nil {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if !maps.EqualFunc(same[0].parts, same[1].parts, bytes.Equal) {
		t.Error("a graph built in files is another")
	}
	if scratch != 0 {
		t.Errorf("%d bytes in files were not given back", scratch)
	}
	little.Progress = nil
	none := little
	none.MemoryBytes = 256 << 10
	var memory *MemoryError
	if err := kind.Build(context.Background(), s, column, none, newMemoryParts()); !errors.As(err, &memory) || memory.Needed <= none.MemoryBytes {
		t.Errorf("less memory than is needed besides what files can hold: %v", err)
	}
	little.Scratch = func(int64) ([]byte, func(), error) { return nil, nil, syscall.ENOSPC }
	if err := kind.Build(context.Background(), s, column, little, newMemoryParts()); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("full disk: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	err = kind.Build(ctx, s, column, Options{Workers: 2, Progress: func(string, int64, int64) { cancel() }}, newMemoryParts())
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	for _, o := range []Options{{M: 1}, {M: 101}, {EfConstruction: 3}, {EfConstruction: 1001}, {M: 40, EfConstruction: 64}, {Quantization: "pq"}} {
		if err := kind.Check(s, o); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	for _, n := range []int{0, 1, 2, 40} {
		index, _ := buildIndex(t, s, column[:n], Options{})
		var stats SearchStats
		got, err := index.Search(context.Background(), nil, &SearchRequest{Query: column[0], K: 10, Recall: 0.95, Column: column[:n]}, &stats)
		if err != nil || len(got) != min(n, 10) {
			t.Errorf("%d rows: %d candidates, %v", n, len(got), err)
		}
	}
}

// prefixColumn is a Column of which only a part is there yet.
type prefixColumn struct {
	Column
	end int
}

func (c prefixColumn) Len() int { return c.end }
func (c prefixColumn) Row(p int) []byte {
	if p >= c.end {
		panic("a row that is not there yet")
	}
	return c.Column.Row(p)
}

// TestHNSWGrowing adds rows while searches run: what Append has taken is found,
// what comes later is not proposed; then the graph is saved with rows moved.
func TestHNSWGrowing(t *testing.T) {
	for _, c := range []struct {
		set      string
		element  Element
		distance Distance
		quantize string
	}{
		{"clustered", Float32, L2, "sq8"}, {"duplicates", Float32, Cosine, "sq8"}, {"uniform", Float32, InnerProduct, "none"},
		{"uniform", Float32, L2, "rabitq"}, {"uniform", Float16, L1, ""}, {"duplicates", Float16, L2, ""}, {"duplicates", Float32, L1, "sq8"},
		{"sparse", Sparse, Cosine, ""}, {"sparse", Sparse, InnerProduct, ""},
	} {
		t.Run(fmt.Sprint(c.set, "/", c.distance), func(t *testing.T) {
			r := rand.New(rand.NewPCG(19, 20))
			rows := 1200
			if c.set == "clustered" {
				rows = 6000 // fewer are nearly islands of one cluster each
			}
			vectors := vectorSets[c.set](r, rows+40, 12)
			queries := floatColumn(c.element, vectors[rows:])
			vectors = vectors[:rows]
			for i := 100; i < len(vectors); i += 97 {
				vectors[i] = nil
			}
			column := floatColumn(c.element, vectors)
			s := Space{c.element, c.distance, 12}
			g, err := KindByName("hnsw").NewGrowing(s, Options{Quantization: c.quantize})
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			var end atomic.Int64
			stop := make(chan struct{})
			var searches sync.WaitGroup
			for worker := range 2 {
				searches.Go(func() {
					var stats SearchStats
					var dst []Candidate
					for i := worker; ; i++ {
						select {
						case <-stop:
							return
						default:
						}
						before := int(end.Load())
						query := queries[i%len(queries)]
						if before > 0 && column[before-1] != nil && i%2 == 0 {
							query = column[before-1]
						}
						seen := int(end.Load())
						var err error
						dst, err = g.Search(context.Background(), dst[:0], &SearchRequest{Query: query, K: 10, Recall: 0.95, Column: column}, &stats)
						if err != nil || before > 100 && len(dst) != 10 {
							t.Errorf("%d candidates of %d rows, %v", len(dst), seen, err)
							return
						}
					}
				})
			}
			for to := 1; to < rows; to += 1 + r.IntN(to) {
				if err := g.Append(context.Background(), prefixColumn{column, to}, to, 1+r.IntN(2)); err != nil {
					t.Fatal(err)
				}
				end.Store(int64(to))
				// The row added last is the nearest to itself.
				if last := column[to-1]; last != nil {
					var stats SearchStats
					got, err := g.Search(context.Background(), nil, &SearchRequest{Query: last, K: 1, Recall: 0.99, Column: prefixColumn{column, to}}, &stats)
					if err != nil || len(got) != 1 {
						t.Fatalf("%v, %v", got, err)
					}
					if c.distance != InnerProduct && s.Exact(last, column[got[0].Position]) > s.Exact(last, last)+1e-9 {
						t.Errorf("row %d is not found: %v", to-1, got)
					}
				}
			}
			if err := g.Append(context.Background(), column, rows, 2); err != nil {
				t.Fatal(err)
			}
			close(stop)
			searches.Wait()
			if got := measureRecall(t, g, column, queries, 10, SearchRequest{Recall: 0.95}, nil); got < 0.95 {
				t.Errorf("recall %.3f", got)
			}

			order := r.Perm(len(column))
			moved := make(rowColumn, rows*2/3)
			for old, to := range order {
				if to < len(moved) {
					moved[to] = column[old]
				}
			}
			parts := newMemoryParts()
			if err := g.Save(context.Background(), parts, func(old uint32) (uint32, bool) {
				return uint32(order[old]), order[old] < len(moved)
			}); err != nil {
				t.Fatal(err)
			}
			index, err := KindByName("hnsw").Open(parts)
			if err != nil {
				t.Fatal(err)
			}
			if got := measureRecall(t, index, moved, queries, 10, SearchRequest{Recall: 0.95}, nil); got < 0.94 {
				t.Errorf("recall %.3f after it was saved", got)
			}
		})
	}
}

// TestHNSWBuildsHoldNoMoreThanTheirMemory: what the heap holds at each step is
// within what a build needs besides its arrays, and arrays beyond the limit are
// in files.
func TestHNSWBuildsHoldNoMoreThanTheirMemory(t *testing.T) {
	column := floatColumn(Float32, vectorSets["uniform"](rand.New(rand.NewPCG(41, 42)), 1500, 32))
	s := Space{Float32, L2, 32}
	live := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	for _, quantization := range []string{"sq8", "rabitq"} {
		o := hnswDefaults(s, Options{Workers: 2, Quantization: quantization})
		form, err := codeFormOf(s, quantization)
		if err != nil {
			t.Fatal(err)
		}
		reckon := func() (need, over int64) {
			return KindByName("hnsw").Estimate(s, column.Len(), o).BuildBytes, buildOverhead(newGraphCodec(s, form.built()), o, column.Len())
		}
		need, over := reckon()
		for range 8 { // with less memory, less is taken besides the arrays
			o.MemoryBytes = over + (need-over)/2
			need, over = reckon()
		}
		scratch, before := int64(0), live()
		o.Scratch = func(n int64) ([]byte, func(), error) {
			scratch += n
			b, err := unix.Mmap(-1, 0, int(n), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
			return b, func() { err = errors.Join(err, unix.Munmap(b)) }, err
		}
		var mu sync.Mutex
		most := int64(0)
		o.Progress = func(string, int64, int64) {
			mu.Lock()
			defer mu.Unlock()
			most = max(most, live()-before)
		}
		if err := KindByName("hnsw").Build(context.Background(), s, column, o, discard{}); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes on the heap, %d reckoned with; %d of %d in files", quantization, most, over, scratch, need-over)
		if most > over {
			t.Errorf("%s: %d bytes on the heap, %d reckoned with", quantization, most, over)
		}
		if scratch*10 < (need-o.MemoryBytes)*9 {
			t.Errorf("%s: %d bytes in files, %d needed with %d in memory", quantization, scratch, need, o.MemoryBytes)
		}
	}
}

// discard is a PartWriter that keeps nothing.
type discard struct{}

func (discard) Create(string) (io.WriteCloser, error) { return discard{}, nil }
func (discard) Write(b []byte) (int, error)           { return len(b), nil }
func (discard) Close() error                          { return nil }

// TestReachBeginsAbove: the clusters of two are joined on the upper layers alone, and
// some nodes of the one without the entry lead to each other but nothing leads to
// them: they are brought within reach from their own cluster.
func TestReachBeginsAbove(t *testing.T) {
	r := rand.New(rand.NewPCG(71, 72))
	vectors := generate(2000, 4, func(i, j int) float32 { return float32(r.NormFloat64()) + 1000*float32(i%2) })
	s := Space{Float32, L2, 4}
	o := hnswDefaults(s, Options{Workers: 2})
	form, err := codeFormOf(s, "none")
	if err != nil {
		t.Fatal(err)
	}
	b := &graphBuild{space: s, options: o, column: floatColumn(Float32, vectors), codec: newGraphCodec(s, form.built()), form: form}
	if err := errors.Join(b.encode(context.Background()), b.connect(context.Background())); err != nil {
		t.Fatal(err)
	}
	entry, _, _ := b.entryPoint()
	var island []uint32
	for node := range uint32(b.room) {
		if node%2 != entry%2 && b.level(node) == 0 && len(island) < 3 {
			island = append(island, node)
		}
	}
	for node := range uint32(b.room) {
		block, kept := b.block(node, 0), []uint32{}
		for _, to := range block {
			if to != noNode && to%2 == node%2 && (!slices.Contains(island, to) || slices.Contains(island, node)) {
				kept = append(kept, to)
			}
		}
		setLinks(block, kept)
	}
	in := reach{inserter: b.newInserter(), parent: make([]uint32, b.room), stack: make([]uint32, b.room)}
	if err := in.connectAll(context.Background(), func(uint32) bool { return false }); err != nil {
		t.Fatal(err)
	}
	for i := range in.parent {
		in.parent[i] = noNode
	}
	for _, root := range in.fromAbove() {
		if in.parent[root] == noNode {
			in.follow(root, root)
		}
	}
	for _, node := range island {
		if in.parent[node] == noNode {
			t.Errorf("node %d is out of reach", node)
		}
	}
}

// TestWalksComeHome: a few nodes have links to each other, and all else that leads to
// them is one link from the node that is farthest away. They are within reach, and
// found by their own vectors only once leadHome has seen to it.
func TestWalksComeHome(t *testing.T) {
	r := rand.New(rand.NewPCG(81, 82))
	vectors := generate(3000, 4, func(int, int) float32 { return float32(r.NormFloat64()) })
	s := Space{Float32, L2, 4}
	o := hnswDefaults(s, Options{Workers: 2})
	form, err := codeFormOf(s, "none")
	if err != nil {
		t.Fatal(err)
	}
	column := floatColumn(Float32, vectors)
	b := &graphBuild{space: s, options: o, column: column, codec: newGraphCodec(s, form.built()), form: form}
	if err := errors.Join(b.encode(context.Background()), b.connect(context.Background())); err != nil {
		t.Fatal(err)
	}
	lonely := uint32(1000)
	for b.level(lonely) > 0 {
		lonely++
	}
	island := []uint32{lonely}
	for _, to := range b.block(lonely, 0) {
		if to != noNode && b.level(to) == 0 && len(island) < 5 {
			island = append(island, to)
		}
	}
	farthest := uint32(0)
	for node := range uint32(b.room) {
		block, kept := b.block(node, 0), []uint32{}
		for _, to := range block {
			if to != noNode && (!slices.Contains(island, to) || slices.Contains(island, node)) {
				kept = append(kept, to)
			}
		}
		setLinks(block, kept)
		if s.Exact(column[lonely], column[node]) > s.Exact(column[lonely], column[farthest]) {
			farthest = node
		}
	}
	b.block(farthest, 0)[0] = lonely
	missed := func() (nodes []uint32) {
		in := b.newInserter()
		gain, _ := b.effort.at(homeK, 0.95)
		for _, node := range island {
			in.scorer.setNode(node)
			in.begin(b.graph, b.room, look{limit: homeK, rank: homeK, margin: in.scorer.margin(gain)})
			if err := in.run(context.Background(), b.graph, 0); err != nil {
				t.Fatal(err)
			}
			if in.seen.mark(node) {
				nodes = append(nodes, node)
			}
		}
		return nodes
	}
	inserters := []*inserter{b.newInserter(), b.newInserter()}
	if err := b.connectNodes(context.Background(), inserters, func(uint32) bool { return false }); err != nil {
		t.Fatal(err)
	}
	if nodes := missed(); len(nodes) != len(island) {
		t.Fatalf("of %v walks find all but %v already", island, nodes)
	}
	if err := b.leadHome(context.Background(), inserters, b.parents, b.stack, &b.effort, o); err != nil {
		t.Fatal(err)
	}
	if nodes := missed(); len(nodes) > 0 {
		t.Errorf("walks for %v do not find them", nodes)
	}
}
