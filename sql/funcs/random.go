package funcs

import (
	"math/bits"
	"math/rand/v2"
)

// Randomizer is a session that keeps the generator of random(), so that setseed
// can repeat a sequence. Only one goroutine uses it at a time.
type Randomizer interface {
	// Random is the next number in [0, 1).
	Random() float64
	// SetSeed starts the sequence of a seed within [-1, 1].
	SetSeed(seed float64)
}

// Generator is xoroshiro128**, seeded as PostgreSQL 15 does, so that a seed has
// the same sequence. The zero value seeds itself at random.
type Generator struct {
	s0, s1 uint64
}

// SetSeed implements Randomizer.
func (g *Generator) SetSeed(seed float64) {
	state := uint64(int64((1<<52 - 1) * seed))
	g.s0, state = splitMix(state)
	g.s1, _ = splitMix(state)
	g.avoidZero()
}

// avoidZero: a state of zeros would yield nothing else.
func (g *Generator) avoidZero() {
	if g.s0 == 0 && g.s1 == 0 {
		g.s0, g.s1 = 0x5851F42D4C957F2D, 0x14057B7EF767814F
	}
}

// splitMix is splitmix64: the next value, and the state after it.
func splitMix(state uint64) (value, next uint64) {
	next = state + 0x9E3779B97F4A7C15
	value = (next ^ next>>30) * 0xBF58476D1CE4E5B9
	value = (value ^ value>>27) * 0x94D049BB133111EB
	return value ^ value>>31, next
}

// Random implements Randomizer.
func (g *Generator) Random() float64 {
	if g.s0 == 0 && g.s1 == 0 {
		g.s0, g.s1 = rand.Uint64(), rand.Uint64()
		g.avoidZero()
	}
	mixed := g.s1 ^ g.s0
	value := bits.RotateLeft64(g.s0*5, 7) * 9
	g.s0 = bits.RotateLeft64(g.s0, 24) ^ mixed ^ mixed<<16
	g.s1 = bits.RotateLeft64(mixed, 37)
	return float64(value>>12) / (1 << 52)
}
