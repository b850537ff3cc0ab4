package funcs

import "testing"

// The numbers are PostgreSQL 15's: SELECT setseed(s); SELECT random(), random().
func TestGeneratorIsPostgres(t *testing.T) {
	for _, c := range []struct{ seed, first, second float64 }{
		{0.5, 0.9851677175347999, 0.825301858027981},
		{-0.3, 0.739669804988659, 0.42097729028510633},
		{0.123456, 0.8328513702504656, 0.9674926382719717},
	} {
		var g Generator
		g.SetSeed(c.seed)
		if a, b := g.Random(), g.Random(); a != c.first || b != c.second {
			t.Errorf("seed %v: %v, %v, want %v, %v", c.seed, a, b, c.first, c.second)
		}
	}
}

func TestGeneratorSeedsItself(t *testing.T) {
	var a, b Generator
	if x, y := a.Random(), b.Random(); x == y || x < 0 || x >= 1 {
		t.Errorf("two generators began with %v and %v", x, y)
	}
}
