package rabitq

import (
	"math"
	"math/bits"
	"math/rand/v2"
)

// rounds is how often a rotation flips signs and mixes. Four are enough for 2^k
// dimensions; with four, single axes of 768 end up in coordinates of nine
// standard deviations.
const rounds = 6

// rotation is a random orthogonal map of n dimensions, n a multiple of 8, that
// takes O(n log n): each round flips signs at random, mixes the first or, in
// turn, the last 2^k dimensions by a Hadamard matrix, and, when n is not 2^k,
// turns each dimension of the first half with its counterpart in the second by
// 45 degrees, so that all of them meet.
type rotation struct {
	n, mixed int
	// signs are ±1, and 1/√mixed times that where a round mixes.
	signs [rounds][]float32
}

func newRotation(n int, seed uint64) *rotation {
	r := rand.New(rand.NewPCG(seed, 0x5261426974510001))
	p := &rotation{n: n, mixed: 1 << (bits.Len(uint(n)) - 1)}
	for i := range p.signs {
		p.signs[i] = make([]float32, n)
		var word uint64
		for j := range n {
			if j%64 == 0 {
				word = r.Uint64()
			}
			p.signs[i][j] = 1 - 2*float32(word&1)
			word >>= 1
		}
		scale := float32(1 / math.Sqrt(float64(p.mixed)))
		start := p.start(i)
		for j := range p.signs[i][start : start+p.mixed] {
			p.signs[i][start+j] *= scale
		}
	}
	return p
}

// start is the first dimension that a round mixes.
func (p *rotation) start(round int) int { return round % 2 * (p.n - p.mixed) }

// apply rotates v in place.
func (p *rotation) apply(v []float32) {
	v = v[:p.n]
	k := &kernel.rotation
	for round, signs := range p.signs {
		k.multiply(v, signs)
		start := p.start(round)
		k.hadamard(v[start : start+p.mixed])
		if p.mixed < p.n {
			k.turn(v[:p.n/2], v[p.n/2:])
		}
	}
}

func portableMultiply(v, by []float32) {
	for i, s := range by[:len(v)] {
		v[i] *= s
	}
}

// portableTurn replaces (a, b) by (a+b, a-b)/√2.
func portableTurn(a, b []float32) {
	b = b[:len(a)]
	for i, x := range a {
		y := b[i]
		a[i], b[i] = (x+y)*math.Sqrt2/2, (x-y)*math.Sqrt2/2
	}
}

// portableHadamard multiplies v, of 2^k elements and at least 8, by the matrix of Walsh
// and Hadamard, which lengthens it by √len(v).
func portableHadamard(v []float32) {
	for i := 0; i+4 <= len(v); i += 4 {
		w := v[i : i+4 : i+4]
		a, b, c, d := w[0]+w[1], w[0]-w[1], w[2]+w[3], w[2]-w[3]
		w[0], w[1], w[2], w[3] = a+c, b+d, a-c, b-d
	}
	for half := 4; half < len(v); half *= 2 {
		for i := 0; i < len(v); i += 2 * half {
			a, b := v[i:i+half], v[i+half:i+2*half]
			b = b[:len(a)]
			for j, x := range a {
				y := b[j]
				a[j], b[j] = x+y, x-y
			}
		}
	}
}
