package vector

import "math"

// A bound tells from a row's scores whether its exact distance must exceed a
// limit, whatever the kernel rounded.
//
// Let u = 2^-24. Each element's term takes at most two roundings before it is
// added, squares of a rounded difference count twice, and no kernel adds a term
// more than dim/4 + 8 times. So with γ = (dim/4 + 16)·u a sum of terms that are
// not negative is right within a factor 1 ± γ, and an inner product within
// γ·|q|·|x|. Underflow adds at most 2^-149 an element.
type bound struct {
	distance Distance
	gamma    float64
	tiny     float64 // what underflow may hide
	length   float64 // |q|

	// limit is for L2 and L1: a score above it is too far.
	limit float32
	// farthest is for InnerProduct: the distance not to exceed; the square of
	// the error is at most square·perSquare + constant.
	farthest, perSquare, constant float64
	// positive is, for Cosine, the sign of the cosine to reach; dot² is compared
	// with square·perSquare.
	positive bool
	open     bool // anything may be near enough
}

func newBound(d Distance, query []float32) bound {
	n := float64(len(query))
	return bound{
		distance: d, gamma: (n/4 + 16) * 0x1p-24, tiny: (n + 1) * 0x1p-148,
		length: math.Sqrt(Dot(query, query)), limit: float32(math.Inf(1)), open: true,
	}
}

// slack covers the roundings of the bound's own float64 arithmetic.
const slack = 1 + 0x1p-40

// set makes farthest the exact distance that rows must not exceed.
func (b *bound) set(farthest float64) {
	b.open = math.IsNaN(farthest) || math.IsInf(farthest, 1)
	b.farthest = farthest
	switch b.distance {
	case InnerProduct:
		// The error is at most γ|q||x| + tiny, and (a+b)² ≤ 2a² + 2b² saves the
		// root.
		b.perSquare = 2 * b.gamma * b.gamma * b.length * b.length * (1 + 2*b.gamma) * slack
		b.constant = b.perSquare*b.tiny + 2*b.tiny*b.tiny
		return
	case Cosine:
		// The cosine is at most (dot + tiny) / (|q||x|) + γ, and must not stay
		// below 1 - farthest.
		cosine := 1 - farthest - b.gamma - 0x1p-40
		b.positive = cosine > 0
		b.perSquare = cosine * cosine * b.length * b.length
		if b.positive {
			b.perSquare *= (1 - 2*b.gamma) / slack
		} else {
			b.perSquare *= (1 + 2*b.gamma) * slack
		}
		b.open = b.open || b.length < 1e-15
		return
	}
	sum := farthest
	if b.distance == L2 {
		sum = farthest * farthest
	}
	limit := (sum*(1+b.gamma) + b.tiny) * slack
	// Beyond float32 a score is infinite and says nothing.
	if b.open || !(limit < math.MaxFloat32/2) {
		b.limit = float32(math.Inf(1))
		return
	}
	b.limit = math.Nextafter32(float32(limit), float32(math.Inf(1)))
}

// exceeds judges a row by its inner product with the query and its squared
// length; a row of which the float32 sums say too little is not excluded.
func (b *bound) exceeds(dot32, square32 float32) bool {
	dot, square := float64(dot32), float64(square32)
	// NaN and what may have overflowed fail these comparisons.
	if b.open || !(square < math.MaxFloat32/2) || !(dot < math.MaxFloat32/2) || !(dot > -math.MaxFloat32/2) {
		return false
	}
	if b.distance == InnerProduct {
		margin := -dot - b.farthest
		return margin > 0 && square*b.perSquare+b.constant < margin*margin*(1-0x1p-40)
	}
	if square < 1e-30 {
		return false
	}
	dot += b.tiny
	if b.positive {
		return dot < 0 || dot*dot < square*b.perSquare
	}
	return dot < 0 && dot*dot > square*b.perSquare
}

// cosineBound is the part of a bound that excludes nearly all rows of a search
// under Cosine, small enough to be inlined: what it says nothing of, exceeds
// judges.
type cosineBound struct{ perSquare, tiny float64 }

func (b *bound) cosineBelow() cosineBound {
	if b.distance != Cosine || b.open || !b.positive {
		return cosineBound{} // excludes nothing
	}
	return cosineBound{b.perSquare, b.tiny}
}

// Squares between these are neither lost to underflow nor near overflow. An
// inner product that overflowed is infinite or NaN, and so is its square: it is
// not below anything finite.
const (
	leastSquare = 0x1p-90
	mostSquare  = 0x1p90
)

func (c cosineBound) exceeds(dot, square float32) bool {
	d := float64(dot) + c.tiny
	return d*d < float64(square)*c.perSquare && square > leastSquare && square < mostSquare
}
