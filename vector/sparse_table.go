package vector

import "math"

// A sparseTable is one sparse vector laid out for many others to be compared
// with it: what it has at an index is looked up, where a merge of two lists goes
// step by step along branches that nobody foretells. Up to denseMax dimensions
// the vector is written out; beyond, its elements lie at a hash of their index.
//
// Its sums are of products of float32 in float64, so that they differ from
// ExactSparse by less than sparseError of the squared lengths (of the sums of
// magnitudes under L1) of both.
type sparseTable struct {
	dense []float32
	// keys are indexes plus one, 0 where there is none; len is a power of two.
	keys   []uint32
	values []float32
	shift  int
	// of are the indexes laid out. square and magnitude are the sums of the
	// squares and of the magnitudes of the elements.
	of                []uint32
	square, magnitude float64
}

// denseMax is how many dimensions a vector is written out with: 1 MB, enough for
// the words of all languages.
const denseMax = 1 << 18

// sparseError is the relative error of 2^16 additions.
const sparseError = 1e-11

// newSparseTable makes a table for vectors of so many dimensions.
func newSparseTable(dim int) *sparseTable {
	t := &sparseTable{}
	if dim <= denseMax {
		t.dense = make([]float32, dim)
	}
	return t
}

// set lays a vector out in place of the one before.
func (t *sparseTable) set(v SparseVector) {
	if t.dense != nil {
		for _, at := range t.of {
			t.dense[at] = 0
		}
	} else {
		t.makeRoom(len(v.Indexes))
	}
	t.of = append(t.of[:0], v.Indexes...)
	t.square, t.magnitude = 0, 0
	for i, at := range v.Indexes {
		x := v.Values[i]
		t.square += float64(x) * float64(x)
		t.magnitude += math.Abs(float64(x))
		if t.dense != nil {
			t.dense[at] = x
			continue
		}
		slot := t.slot(at)
		for t.keys[slot] != 0 {
			slot = (slot + 1) & (len(t.keys) - 1)
		}
		t.keys[slot], t.values[slot] = at+1, x
	}
}

// makeRoom empties the hash table, four slots or more an element.
func (t *sparseTable) makeRoom(n int) {
	size := 64
	for size < 4*n {
		size *= 2
	}
	if len(t.keys) != size {
		t.keys, t.values = make([]uint32, size), make([]float32, size)
		t.shift = 32
		for s := size; s > 1; s /= 2 {
			t.shift--
		}
		return
	}
	clear(t.keys)
	clear(t.values)
}

// slot is where an index is looked for first.
func (t *sparseTable) slot(at uint32) int { return int(at * 0x9e3779b1 >> t.shift) }

// look is the element at an index, of the hash table.
func (t *sparseTable) look(at uint32) float32 {
	slot := t.slot(at)
	for t.keys[slot] != at+1 {
		if t.keys[slot] == 0 {
			return 0
		}
		slot = (slot + 1) & (len(t.keys) - 1)
	}
	return t.values[slot]
}

// dot is the inner product with a vector.
func (t *sparseTable) dot(v SparseVector) (sum float64) {
	values := v.Values[:len(v.Indexes)]
	if t.dense == nil {
		for i, at := range v.Indexes {
			sum += float64(t.look(at)) * float64(values[i])
		}
		return sum
	}
	dense, odd := t.dense, 0.0
	i := 0
	for ; i+1 < len(values); i += 2 {
		sum += float64(dense[v.Indexes[i]]) * float64(values[i])
		odd += float64(dense[v.Indexes[i+1]]) * float64(values[i+1])
	}
	if i < len(values) {
		sum += float64(dense[v.Indexes[i]]) * float64(values[i])
	}
	return sum + odd
}

// squaredL2 is the squared Euclidean distance: what the elements of v change of
// that from nothing, in an order that makes it 0 for an equal vector.
func (t *sparseTable) squaredL2(v SparseVector) float64 {
	var sum float64
	values := v.Values[:len(v.Indexes)]
	if dense := t.dense; dense != nil {
		for i, at := range v.Indexes {
			x := float64(values[i])
			sum += x * (x - 2*float64(dense[at]))
		}
	} else {
		for i, at := range v.Indexes {
			x := float64(values[i])
			sum += x * (x - 2*float64(t.look(at)))
		}
	}
	return max(t.square+sum, 0)
}

// l1 is the sum of the magnitudes of differences, found likewise.
func (t *sparseTable) l1(v SparseVector) float64 {
	var sum float64
	values := v.Values[:len(v.Indexes)]
	for i, at := range v.Indexes {
		var own float64
		if t.dense != nil {
			own = float64(t.dense[at])
		} else {
			own = float64(t.look(at))
		}
		sum += math.Abs(float64(values[i])-own) - math.Abs(own)
	}
	return max(t.magnitude+sum, 0)
}

// atLeast is hardly less than the exact distance from a vector, and never more;
// NaN where there is none.
func (t *sparseTable) atLeast(d Distance, v SparseVector) float64 {
	switch d {
	case L1:
		sum := t.l1(v)
		return sum - sparseError*(2*t.magnitude+sum)
	case L2:
		squared := t.squaredL2(v)
		far := math.Sqrt(squared) + math.Sqrt(t.square)
		return math.Sqrt(max(squared-sparseError*(t.square+far*far), 0))
	}
	dot, square := t.dot(v), 0.0
	for _, x := range v.Values {
		square += float64(x) * float64(x)
	}
	lengths := math.Sqrt(t.square) * math.Sqrt(square)
	if d == InnerProduct {
		return -dot - sparseError*lengths
	}
	return 1 - dot/lengths - 4*sparseError
}
