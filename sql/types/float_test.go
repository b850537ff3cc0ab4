package types

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
)

// spellings of one float32, and of decimals near it.
func spellings(r *rand.Rand) string {
	v := math.Float32frombits(r.Uint32())
	if r.IntN(3) == 0 {
		v = float32(r.NormFloat64())
	}
	switch r.IntN(5) {
	case 0:
		return strconv.FormatFloat(float64(v), 'g', 1+r.IntN(25), 64)
	case 1:
		return strconv.FormatFloat(float64(v), 'e', -1, 32)
	case 2: // exactly between two float32, or a hair beside
		next := math.Nextafter32(v, 0)
		mid := (float64(v) + float64(next)) / 2
		if r.IntN(2) == 0 {
			mid = math.Nextafter(mid, []float64{math.Inf(1), math.Inf(-1)}[r.IntN(2)])
		}
		return strconv.FormatFloat(mid, 'f', -1, 64)
	case 3:
		return fmt.Sprintf("%d.%0*d", r.IntN(1000), 1+r.IntN(20), r.Uint64())
	}
	return fmt.Sprintf("%.*f", r.IntN(12), v)
}

func TestFloatsAreReadAsStrconvDoes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		s := spellings(r)
		want64, err64 := strconv.ParseFloat(s, 64)
		got64, n, outcome := scanFloat64(s)
		if n != len(s) && !math.IsNaN(want64) && !math.IsInf(want64, 0) {
			t.Fatalf("%s: read %d bytes", s, n)
		}
		if math.Float64bits(got64) != math.Float64bits(want64) && want64 == want64 || (outcome == overflows) != (err64 != nil) {
			t.Fatalf("%s as float8: got %v, want %v", s, got64, want64)
		}
		want32, err32 := strconv.ParseFloat(s, 32)
		got32, _, outcome := scanFloat32(s)
		if math.Float32bits(got32) != math.Float32bits(float32(want32)) && want32 == want32 || (outcome == overflows) != (err32 != nil) {
			t.Fatalf("%s as float4: got %v, want %v", s, got32, want32)
		}
		if plain, end := scanPlain(s+",", 0); end > 0 && math.Float32bits(plain) != math.Float32bits(float32(want32)) {
			t.Fatalf("%s as element: got %v, want %v", s, plain, want32)
		}
	}
}

func TestFloatsPrintSoThatTheyReadBack(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 100_000 {
		v := math.Float64frombits(r.Uint64())
		if r.IntN(4) == 0 {
			v = float64(r.Uint64()>>r.IntN(60)) * exactPowers[r.IntN(23)]
		}
		if back, err := ParseFloat64(string(AppendFloat64(nil, v, 1))); err != nil || back != v && v == v {
			t.Fatalf("%v printed and read is %v, %v", v, back, err)
		}
		f := float32(v)
		if r.IntN(2) == 0 {
			f = math.Float32frombits(r.Uint32())
		}
		if back, err := ParseFloat32(string(AppendFloat32(nil, f, 1))); err != nil || back != f && f == f {
			t.Fatalf("%v printed and read is %v, %v", f, back, err)
		}
	}
}
