package vector

import "math"

// Distance is how far two vectors are apart. Smaller is nearer for all of them.
type Distance uint8

// The distances, with pgvector's operators.
const (
	L2           Distance = iota // <->: √Σ(x-y)²
	InnerProduct                 // <#>: -Σxy
	Cosine                       // <=>: 1 - Σxy / (|x||y|), NaN when x or y has no length
	L1                           // <+>: Σ|x-y|
	Hamming                      // <~>: bits that differ
	Jaccard                      // <%>: 1 - bits in both / bits in either, 1 when none is in both
)

// String names the distance as pgvector's operator classes do.
func (d Distance) String() string {
	switch d {
	case InnerProduct:
		return "inner product"
	case Cosine:
		return "cosine"
	case L1:
		return "L1"
	case Hamming:
		return "Hamming"
	case Jaccard:
		return "Jaccard"
	}
	return "L2"
}

// Exact returns the distance, L2 to L1, of x and y, which have equal length:
// float64 arithmetic over the elements from first to last, each product rounded
// before it is added. This is the definition that results are sorted by and
// shown with; every machine computes the same bits. Space.Exact does the same
// for any element.
func Exact(d Distance, x, y []float32) float64 {
	switch d {
	case InnerProduct:
		return -Dot(x, y)
	case Cosine:
		return exactCosine(x, y)
	case L1:
		return exactL1(x, y)
	}
	return math.Sqrt(SquaredL2(x, y))
}

// The conversions to float64 around products keep the compiler from fusing
// multiplication and addition, which it may do on some machines.

// SquaredL2 is Σ(x-y)² as Exact sums it.
func SquaredL2(x, y []float32) (sum float64) {
	y = y[:len(x)]
	for i, v := range x {
		d := float64(v) - float64(y[i])
		sum += float64(d * d)
	}
	return sum
}

// Dot is Σxy as Exact sums it.
func Dot(x, y []float32) (sum float64) {
	y = y[:len(x)]
	for i, v := range x {
		sum += float64(float64(v) * float64(y[i]))
	}
	return sum
}

func exactL1(x, y []float32) (sum float64) {
	y = y[:len(x)]
	for i, v := range x {
		sum += math.Abs(float64(v) - float64(y[i]))
	}
	return sum
}

func exactCosine(x, y []float32) float64 {
	var xy, xx, yy float64
	y = y[:len(x)]
	for i, v := range x {
		a, b := float64(v), float64(y[i])
		xy += float64(a * b)
		xx += float64(a * a)
		yy += float64(b * b)
	}
	return cosineDistance(xy, xx, yy)
}

// cosineDistance is 1 - cosine, from an inner product and squared lengths.
func cosineDistance(xy, xx, yy float64) float64 {
	cos := xy / math.Sqrt(xx*yy)
	switch {
	case cos > 1:
		cos = 1
	case cos < -1:
		cos = -1
	}
	return 1 - cos
}

// Compare orders distances: NaN is equal to itself and farthest.
func Compare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	case a == b:
		return 0
	case a == a:
		return -1
	case b == b:
		return 1
	}
	return 0
}
