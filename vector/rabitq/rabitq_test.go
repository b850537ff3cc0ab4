package rabitq

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func normal(r *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	return v
}

func newCodec(t testing.TB, d Distance, dim, bits int, seed uint64) *Codec {
	t.Helper()
	c, err := New(d, dim, bits, seed)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRotationKeepsInnerProducts(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, dim := range []int{1, 3, 8, 15, 16, 24, 96, 100, 128, 200, 768, 1000, 16000} {
		c := newCodec(t, L2, dim, 1, r.Uint64())
		x, y := normal(r, dim), normal(r, dim)
		px, py := make([]float32, c.Padded()), make([]float32, c.Padded())
		c.Rotate(px, x)
		c.Rotate(py, y)
		length := math.Sqrt(dot(x, x) * dot(y, y))
		for _, p := range [][2]float64{
			{dot(px, py), dot(x, y)}, {dot(px, px), dot(x, x)},
		} {
			if math.Abs(p[0]-p[1]) > 1e-5*length+1e-5*math.Abs(p[1]) {
				t.Errorf("%d dimensions: %v became %v", dim, p[1], p[0])
			}
		}
	}
}

// A vector along one axis is spread evenly over all dimensions.
func TestRotationSpreads(t *testing.T) {
	for _, dim := range []int{96, 100, 128, 200, 300, 768} {
		c := newCodec(t, L2, dim, 1, 5)
		worst := 0.0
		for axis := range dim {
			x := make([]float32, dim)
			x[axis] = 1
			p := make([]float32, c.Padded())
			c.Rotate(p, x)
			for _, v := range p {
				worst = max(worst, math.Abs(float64(v)))
			}
		}
		// Of dim² normal variables hardly one exceeds six standard deviations.
		if worst > 6/math.Sqrt(float64(dim)) {
			t.Errorf("%d dimensions: a coordinate of %v", dim, worst)
		}
	}
}

// score is the true score of a distance.
func score(d Distance, q, x []float32) float64 {
	switch d {
	case L2:
		return dot(q, q) - 2*dot(q, x) + dot(x, x)
	case InnerProduct:
		return -dot(q, x)
	}
	return 1 - dot(q, x)/math.Sqrt(dot(q, q)*dot(x, x))
}

// statistics of errors in units of the standard error that the bound states.
type statistics struct {
	n, below   int
	sum, sumSq float64
}

func (s *statistics) add(e Estimate, truth, epsilon float64) {
	deviation := (float64(e.Score) - float64(e.Low)) / epsilon
	if truth < float64(e.Low)-1e-5*math.Abs(truth) {
		s.below++
	}
	z := (float64(e.Score) - truth) / deviation
	s.n++
	s.sum += z
	s.sumSq += z * z
}

func (s *statistics) check(t *testing.T, what string) {
	t.Helper()
	n := float64(s.n)
	mean, variance := s.sum/n, s.sumSq/n
	// The mean of n errors of deviation one deviates by 1/√n.
	if math.Abs(mean) > 4.5/math.Sqrt(n) {
		t.Errorf("%s: biased by %.3f standard errors over %d", what, mean, s.n)
	}
	if variance > 1.15 || variance < 0.3 {
		t.Errorf("%s: variance of %.3f of the stated one", what, variance)
	}
	if share := float64(s.below) / n; share > 0.0145+3*math.Sqrt(0.01/n) {
		t.Errorf("%s: %.4f of the scores lie below their bounds", what, share)
	}
}

func TestEstimatorIsUnbiasedAndItsBoundHolds(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	const seeds, perSeed = 40, 10
	for _, dim := range []int{24, 96, 100, 200} {
		for bits := 1; bits <= BitsMax; bits++ {
			for _, d := range []Distance{L2, InnerProduct, Cosine} {
				var full, signs statistics
				for seed := range uint64(seeds) {
					c := newCodec(t, d, dim, bits, seed)
					e := c.NewEncoder()
					var centre []float32
					if seed%3 > 0 {
						centre = make([]float32, c.Padded())
						m := normal(r, dim)
						if d == Cosine {
							normalise(m)
						}
						c.Rotate(centre, m)
					}
					query := normal(r, dim)
					q := c.NewQuery(query)
					q.Centre(centre)
					block := make([]byte, c.BlockBytes())
					var factors BlockFactors
					var truth []float64
					for i := range perSeed {
						x := normal(r, dim)
						if i%2 == 0 { // not only far ones
							for j := range x {
								x[j] = query[j] + x[j]/2
							}
						}
						record := e.Record(nil, x, centre)
						e.PackSigns(block, i*3)
						factors.Set(i*3, e.Sign())
						truth = append(truth, score(d, query, x))
						full.add(q.Estimate(ReadFactors(record), record[factorBytes:]), truth[i], float64(q.Epsilon))
					}
					var out [BlockCodes]Estimate
					q.ScoreBlock(block, &factors, &out)
					for i, want := range truth {
						signs.add(out[i*3], want, float64(q.Epsilon))
					}
				}
				what := fmt.Sprintf("%s, %d dimensions, %d bits", d, dim, bits)
				full.check(t, what)
				signs.check(t, what+", signs")
			}
		}
	}
}

// More bits, smaller errors: as the papers have it, each halves them.
func TestBitsHalveTheError(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	const dim = 128
	last := math.Inf(1)
	for bits := 1; bits <= BitsMax; bits++ {
		c := newCodec(t, L2, dim, bits, 1)
		e := c.NewEncoder()
		code := make([]byte, c.CodeBytes())
		sum := 0.0
		for range 200 {
			x := normal(r, dim)
			f := e.Encode(code, x, nil)
			sum += float64(f.Error) / math.Sqrt(dot(x, x)) / 200
		}
		t.Logf("%d bits: standard error %.4f |o||q'|", bits, sum/2)
		if sum > last*0.62 {
			t.Errorf("%d bits: %v after %v", bits, sum, last)
		}
		last = sum
	}
}

func TestOddVectors(t *testing.T) {
	for _, d := range []Distance{L2, InnerProduct, Cosine} {
		for _, dim := range []int{1, 2, 3, 7, 9} {
			for bits := 1; bits <= BitsMax; bits++ {
				c := newCodec(t, d, dim, bits, 9)
				e := c.NewEncoder()
				zero, one, huge := make([]float32, dim), make([]float32, dim), make([]float32, dim)
				one[0], huge[dim-1] = 1, 1e15
				for _, x := range [][]float32{zero, one, huge} {
					record := e.Record(nil, x, nil)
					for _, query := range [][]float32{zero, one, huge} {
						got := c.NewQuery(query).Estimate(ReadFactors(record), record[factorBytes:])
						if got.Score != got.Score || got.Low > got.Score {
							t.Fatalf("%s, %d dimensions, %d bits, %v to %v: %v", d, dim, bits, query, x, got)
						}
					}
				}
				// From itself as the centre there is no error at all.
				if d == L2 {
					centre := make([]float32, c.Padded())
					c.Rotate(centre, one)
					record := e.Record(nil, one, centre)
					q := c.NewQuery(zero)
					q.Centre(centre)
					if got := q.Estimate(ReadFactors(record), record[factorBytes:]); math.Abs(float64(got.Score)-1) > 1e-5 || got.Score-got.Low > 1e-5 {
						t.Fatalf("%d dimensions, %d bits: %v, not 1", dim, bits, got)
					}
				}
			}
		}
	}
	for _, bad := range []struct {
		d         Distance
		dim, bits int
	}{{3, 8, 1}, {4, 8, 1}, {L2, 0, 1}, {L2, 8, 0}, {L2, 8, 9}} {
		if _, err := New(bad.d, bad.dim, bad.bits, 1); err == nil {
			t.Errorf("%v: no error", bad)
		}
	}
}

// Gathered records, rows and single codes give the same estimates, and the sums
// of a block are those of its codes but for the rounding of the tables.
func TestLayoutsAgree(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for _, dim := range []int{1, 8, 20, 100, 128, 1100, 2500} {
		for bits := 1; bits <= BitsMax; bits++ {
			c := newCodec(t, L2, dim, bits, 3)
			e := c.NewEncoder()
			const n = BlockCodes
			stride := c.RecordBytes() + r.IntN(5)
			records := make([]byte, n*stride)
			block := make([]byte, c.BlockBytes())
			var factors BlockFactors
			var codes [n][]byte
			for i := range n {
				record := e.Record(nil, normal(r, dim), nil)
				copy(records[i*stride:], record)
				codes[i] = append([]byte{}, e.u...)
				e.PackSigns(block, i)
				factors.Set(i, e.Sign())
			}
			records = records[:(n-1)*stride+c.RecordBytes()]
			q := c.NewQuery(normal(r, dim))
			var rows, gathered, signs [n]Estimate
			q.ScoreRows(records, stride, n, rows[:])
			ordinals := r.Perm(n)
			var o32 []uint32
			for _, o := range ordinals {
				o32 = append(o32, uint32(o))
			}
			q.ScoreGathered(records, stride, o32, gathered[:])
			q.ScoreBlock(block, &factors, &signs)
			for i := range n {
				if gathered[i] != rows[ordinals[i]] {
					t.Fatalf("%d dimensions, %d bits: gathered %v, in a row %v", dim, bits, gathered[i], rows[ordinals[i]])
				}
				var sum, signSum int32
				for j, u := range codes[i] {
					sum += int32(u) * int32(q.flat[j])
					signSum += int32(u>>(bits-1)) * int32(q.flat[j])
				}
				record := records[i*stride:]
				for _, k := range implementations {
					var got [1]int32
					kernel = k
					q.dots(record[factorBytes:], 0, consecutive[:1], got[:])
					if got[0] != sum {
						t.Fatalf("%s, %d dimensions, %d bits: sum %d, want %d", k.name, dim, bits, got[0], sum)
					}
				}
				if got := signDot(q, block, i); got != signSum {
					t.Fatalf("%d dimensions: sign sum %d, want %d", dim, got, signSum)
				}
				exact := factors.Add[i] + q.add + factors.Rescale[i]*(float32(signSum)*q.scale+q.signSum)
				if math.Abs(float64(exact-signs[i].Score)) > 0.1*float64(signs[i].Score-signs[i].Low)+1e-5 {
					t.Fatalf("%d dimensions: block says %v, exactly it is %v", dim, signs[i], exact)
				}
			}
		}
	}
}

// signDot is ⟨s,q'⟩ of the sign bits s of code i of a block, in integers.
func signDot(q *Query, block []byte, i int) (sum int32) {
	for dim, v := range q.flat {
		if block[dim/4*16+i%16]>>(i/16*4+dim%4)&1 != 0 {
			sum += int32(v)
		}
	}
	return sum
}
