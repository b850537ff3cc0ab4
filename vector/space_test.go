package vector

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestHalves(t *testing.T) {
	for h := range 1 << 16 {
		f := HalfToFloat32(uint16(h))
		back := Float32ToHalf(f)
		if f != f {
			if g := HalfToFloat32(back); g == g {
				t.Fatalf("NaN %#x became %#x", h, back)
			}
		} else if back != uint16(h) {
			t.Fatalf("%#x is %v and came back as %#x", h, f, back)
		}
	}
	for _, c := range []struct {
		f    float32
		want uint16
	}{
		{0, 0}, {float32(math.Copysign(0, -1)), 0x8000}, {1, 0x3c00}, {-2, 0xc000}, {65504, 0x7bff}, {65519.99, 0x7bff},
		{65520, 0x7c00}, {1e10, 0x7c00}, {-1e10, 0xfc00}, {0x1p-24, 1}, {0x1p-25, 0}, {0x1.000002p-25, 1},
		{0x1.8p-24, 2}, {0x1p-14, 0x400}, {0x1.ff8p-15, 0x3ff}, {0x1.ffcp-15, 0x400}, {0x1.fffp-15, 0x400}, {1e-45, 0},
		{1 + 0x1p-11, 0x3c00}, {1 + 0x1.8p-10, 0x3c02}, {float32(math.Inf(-1)), 0xfc00},
	} {
		if got := Float32ToHalf(c.f); got != c.want {
			t.Errorf("%v: got %#x, want %#x", c.f, got, c.want)
		}
	}
	// Every float32 becomes a nearest half, even on a tie.
	r := rand.New(rand.NewPCG(11, 1))
	for range 200_000 {
		f := math.Float32frombits(r.Uint32()&^(31<<24) | uint32(100+r.IntN(45))<<23)
		h := Float32ToHalf(f)
		if h&0x7fff == 0x7c00 {
			continue
		}
		miss := math.Abs(float64(HalfToFloat32(h)) - float64(f))
		for _, other := range []uint16{h - 1, h + 1} {
			o := math.Abs(float64(HalfToFloat32(other)) - float64(f))
			if o < miss || o == miss && h&1 == 1 {
				t.Fatalf("%v: %#x is off by %v, %#x by %v", f, h, miss, other, o)
			}
		}
	}
}

// Values of the functions of pgvector 0.8 on these arguments; where its float4
// sums are inexact, to their precision.
func TestExactEqualsPgvector(t *testing.T) {
	half := func(v ...float32) []byte {
		h := make([]uint16, len(v))
		for i, f := range v {
			h[i] = Float32ToHalf(f)
		}
		return EncodeHalves(h)
	}
	sparse := func(pairs ...float32) []byte {
		var v SparseVector
		for i := 0; i < len(pairs); i += 2 {
			v.Indexes, v.Values = append(v.Indexes, uint32(pairs[i])-1), append(v.Values, pairs[i+1])
		}
		return AppendSparse(nil, v)
	}
	for _, c := range []struct {
		e    Element
		x, y []byte
		want map[Distance]float64
	}{
		{Float16, half(1, 2.5, -3, 0.1), half(4, 0, 7, 1000), map[Distance]float64{
			L2: 999.9576553534655, InnerProduct: -82.9755859375, L1: 1015.4000244140625, Cosine: 0.9794232862256506}},
		{Float16, half(65504, 65504), half(-65504, -65504), map[Distance]float64{
			L2: 185273.29037937443, InnerProduct: 8581548032, L1: 262016, Cosine: 2}},
		{Float16, half(0, 0), half(1, 2), map[Distance]float64{L2: math.Sqrt(5), InnerProduct: 0, L1: 3, Cosine: math.NaN()}},
		{Float16, half(6e-8), half(1.2e-7), map[Distance]float64{L2: 5.960464477539063e-08, L1: 5.960464477539063e-08, InnerProduct: -7.105427357601002e-15, Cosine: 0}},
		{Sparse, sparse(1, 1, 3, 2), sparse(2, 5, 3, -1, 5, 4), map[Distance]float64{
			L2: math.Sqrt(51), InnerProduct: 2, L1: 13, Cosine: 1.138013111868477}},
		{Sparse, sparse(), sparse(2, 5), map[Distance]float64{L2: 5, InnerProduct: 0, L1: 5, Cosine: math.NaN()}},
		{Bit, []byte{0b10110000}, []byte{0b11010000}, map[Distance]float64{Hamming: 2, Jaccard: 0.5}},
		{Bit, []byte{0}, []byte{0}, map[Distance]float64{Hamming: 0, Jaccard: 1}},
		{Bit, []byte{0b11110000}, []byte{0b00001111}, map[Distance]float64{Hamming: 8, Jaccard: 1}},
	} {
		for d, want := range c.want {
			got := Space{Element: c.e, Distance: d}.Exact(c.x, c.y)
			if math.IsNaN(want) != math.IsNaN(got) || math.Abs(got-want) > 3e-7*math.Abs(want) {
				t.Errorf("%s, %s: got %v, want %v", c.e, d, got, want)
			}
		}
	}
}

// encodedVectors makes random rows of a space, some of them equal or empty.
func encodedVectors(r *rand.Rand, s Space, n int) [][]byte {
	var out [][]byte
	for range n {
		if len(out) > 0 && r.IntN(8) == 0 {
			out = append(out, out[r.IntN(len(out))])
			continue
		}
		v := randomVector(r, s.Dim, false)
		if r.IntN(20) == 0 {
			clear(v)
		}
		out = append(out, encode(r, s, v))
	}
	return out
}

func encode(r *rand.Rand, s Space, v []float32) []byte {
	switch s.Element {
	case Float16:
		h := make([]uint16, len(v))
		for i, f := range v {
			h[i] = Float32ToHalf(f)
		}
		return EncodeHalves(h)
	case Bit:
		b := make([]byte, s.RowBytes())
		for i, f := range v {
			if f > 0 {
				b[i/8] |= 0x80 >> (i % 8)
			}
		}
		return b
	case Sparse:
		var p SparseVector
		few := r.IntN(4) == 0
		for i, f := range v {
			if f > 0.5 && !(few && r.IntN(50) > 0) {
				p.Indexes, p.Values = append(p.Indexes, uint32(i)), append(p.Values, f)
			}
		}
		return AppendSparse(nil, p)
	}
	return EncodeFloat32s(v)
}

// rowsOf lays encoded vectors out as Rows.
func rowsOf(s Space, vectors [][]byte) Rows {
	rows := Rows{Stride: s.Dim, N: len(vectors)}
	if s.Element == Bit {
		rows.Stride = s.RowBytes()
	}
	if s.Element == Sparse {
		rows.Sparse.Offsets = []int32{0}
	}
	for _, v := range vectors {
		switch s.Element {
		case Float32:
			rows.Values = append(rows.Values, Float32sOf(v)...)
		case Float16:
			rows.Halves = append(rows.Halves, HalvesOf(v)...)
		case Bit:
			rows.Bits = append(rows.Bits, v...)
		case Sparse:
			p := SparseOf(v)
			rows.Sparse.Indexes = append(rows.Sparse.Indexes, p.Indexes...)
			rows.Sparse.Values = append(rows.Sparse.Values, p.Values...)
			rows.Sparse.Offsets = append(rows.Sparse.Offsets, int32(len(rows.Sparse.Indexes)))
		}
	}
	return rows
}

// spaces are all that there are.
func spaces(dim int) (out []Space) {
	for _, e := range []Element{Float32, Float16, Bit, Sparse} {
		for d := L2; d <= Jaccard; d++ {
			if e.Has(d) {
				out = append(out, Space{e, d, dim})
			}
		}
	}
	return out
}

func TestSpaceSearchIsExact(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 1))
	for range 12 {
		for _, s := range spaces(1 + r.IntN(300)) {
			vectors := encodedVectors(r, s, r.IntN(300))
			query := encodedVectors(r, s, 1)[0]
			if len(vectors) > 0 && r.IntN(2) == 0 {
				query = vectors[0]
			}
			rows := rowsOf(s, vectors)
			if r.IntN(2) == 0 {
				rows.Keep = make([]byte, rows.N/8+1)
				for i := range rows.Keep {
					rows.Keep[i] = byte(r.Uint32() & r.Uint32())
				}
			}
			k := 1 + r.IntN(20)
			var want []Neighbor
			for i, v := range vectors {
				if rows.kept(i) {
					want = append(want, Neighbor{uint64(i), s.Exact(query, v)})
				}
			}
			slices.SortFunc(want, Neighbor.compare)
			want = want[:min(k, len(want))]
			for _, kernel := range kernels {
				search := NewSpaceSearch(s, query, k)
				search.kernels = kernel
				search.Add(rows)
				if got := search.Top().Sorted(); !sameNeighbors(got, want) {
					t.Fatalf("%s, %s, %d rows: got %v, want %v", s, kernel.Name, rows.N, got, want)
				}
			}
		}
	}
}

// Halves and sparse vectors are at the distances of the same vectors written
// out as float32, to the bit.
func TestExactIsOneDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 1))
	for range 300 {
		dim := 1 + r.IntN(400)
		var wide [2][]float32
		for _, e := range []Element{Float16, Sparse} {
			var enc [2][]byte
			for i := range enc {
				enc[i] = encode(r, Space{Element: e, Dim: dim}, randomVector(r, dim, false))
				wide[i] = make([]float32, dim)
				if e == Float16 {
					HalvesToFloat32(wide[i], HalvesOf(enc[i]))
				} else {
					p := SparseOf(enc[i])
					for j, at := range p.Indexes {
						wide[i][at] = p.Values[j]
					}
				}
			}
			for d := L2; d <= L1; d++ {
				got, want := Space{e, d, dim}.Exact(enc[0], enc[1]), Exact(d, wide[0], wide[1])
				if got != want && (got == got || want == want) {
					t.Fatalf("%s %s of %d: got %v, want %v", e, d, dim, got, want)
				}
			}
		}
	}
}
