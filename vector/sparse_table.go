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
	kernels sparseKernels // for dense
	dense   []float32
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
	t := &sparseTable{kernels: fastest.sparse}
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
	for i, at := range v.Indexes {
		x := v.Values[i]
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
	// Summed as of any vector, so that an equal one is at 0.
	t.square, t.magnitude = -t.changeOfSquare(v), -t.changeOfMagnitude(v)
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
	if t.dense != nil {
		return t.kernels.dot(t.dense, v)
	}
	values := v.Values[:len(v.Indexes)]
	for i, at := range v.Indexes {
		sum += float64(t.look(at)) * float64(values[i])
	}
	return sum
}

// squaredL2 is the squared Euclidean distance, 0 for an equal vector.
func (t *sparseTable) squaredL2(v SparseVector) float64 {
	return max(t.square+t.changeOfSquare(v), 0)
}

// changeOfSquare is what the elements of v change of the squared distance from
// nothing.
func (t *sparseTable) changeOfSquare(v SparseVector) (sum float64) {
	if t.dense != nil {
		return t.kernels.l2(t.dense, v)
	}
	values := v.Values[:len(v.Indexes)]
	for i, at := range v.Indexes {
		x := float64(values[i])
		sum += x * (x - 2*float64(t.look(at)))
	}
	return sum
}

// l1 is the sum of the magnitudes of differences, found likewise.
func (t *sparseTable) l1(v SparseVector) float64 {
	return max(t.magnitude+t.changeOfMagnitude(v), 0)
}

func (t *sparseTable) changeOfMagnitude(v SparseVector) (sum float64) {
	if t.dense != nil {
		return t.kernels.l1(t.dense, v)
	}
	values := v.Values[:len(v.Indexes)]
	for i, at := range v.Indexes {
		own := float64(t.look(at))
		sum += math.Abs(float64(values[i])-own) - math.Abs(own)
	}
	return sum
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
