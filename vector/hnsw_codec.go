package vector

import (
	"math"
	"slices"
	"unsafe"

	"quiver/vector/rabitq"
)

// A graphCodec turns vectors into the codes that a graph is walked by: rows of a
// table, all of one size.
//
//   - codeInt8 ("sq8"): (x - mean) / step, rounded, an int8 each. Differences
//     do not depend on the mean, and inner products with one query all change
//     by the same. Cosine is the squared Euclidean distance of vectors of
//     length 1.
//   - codeFloat ("none"): float32 values, of length 1 under cosine, which is their
//     squared Euclidean distance, too: 1 less a product would leave nothing of the
//     distances of vectors of nearly one direction.
//   - codeBits: the bits.
//   - codeRabitq ("rabitq"): see hnsw_rabitq.go.
//   - codeSparse: the place of a record; see hnsw_sparse.go.
//
// Under inner products codes have further elements, which give all the length
// of the longest vector (Bachrach and others 2014), and which queries have not:
// the order of inner products with a query is that of distances from it if it
// is made long, so that the graph is one of Euclidean distances, in which every
// node has near ones, while a graph of inner products leads to long vectors
// only.
type graphCodec struct {
	space  Space
	form   codeForm
	padded int // elements of a code
	stride int // bytes
	// mean of each dimension and the step between codes, of codeInt8 and of what
	// codeRabitq was made from, 0 if it is not known.
	mean []float32
	step float32
	// rabitq, the rotated mean and a standard error (see noiseOf), of codeRabitq.
	rabitq *rabitq.Codec
	centre []float32
	noise  float32
	// reach is the greatest squared length, of InnerProduct: from the origin, for
	// the lengths of vectors that lie to one side of it say much of their products.
	reach float64
	// shift makes the scale of an int16 query that is a code 1<<shift times that
	// of codes.
	shift int
	// records of codeSparse, used of them.
	records []uint32
	used    int
}

type codeForm uint8

const (
	codeInt8 codeForm = iota
	codeFloat
	codeBits
	codeRabitq
	codeSparse
)

// rough says whether codes leave open which vector is nearer.
func (f codeForm) rough() bool { return f == codeInt8 || f == codeRabitq }

// shiftMax bounds the scale of int16 queries.
const shiftMax = 5

// trainingRows is how many vectors, evenly spread, the mean and step are
// taken from.
const trainingRows = 8192

// newGraphCodec returns the codec of a form; codeInt8 needs train besides.
func newGraphCodec(space Space, form codeForm) *graphCodec {
	c := &graphCodec{space: space, form: form}
	elements := space.Dim
	if space.Distance == InnerProduct {
		elements++
	}
	c.padded = (elements + gatherStep - 1) / gatherStep * gatherStep
	switch form {
	case codeBits:
		c.padded = (space.Dim + 63) / 64 * 64
		c.stride = c.padded / 8
		return c
	case codeFloat:
		c.stride = 4 * c.padded
		return c
	case codeRabitq:
		return c // newRabitq does the rest
	case codeSparse:
		c.padded, c.stride = 0, sparsePlace
		return c
	}
	c.stride = c.padded
	if c.padded > gatherStep {
		c.stride = (c.padded + 63) &^ 63 // no row touches one line more than it must
	}
	// Sums of squared differences stay below 2^31.
	for c.shift < shiftMax && float64(c.padded)*math.Pow(float64(int(2*127)<<(c.shift+1)), 2) < 1<<31 {
		c.shift++
	}
	c.mean = make([]float32, space.Dim)
	c.step = 1
	return c
}

// values decodes a vector to float32, of length 1 under cosine, in buf or in
// place; false if it has no distance.
func (c *graphCodec) values(row []byte, buf []float32) ([]float32, bool) {
	v := buf[:c.space.Dim]
	if c.space.Element == Float16 {
		HalvesToFloat32(v, HalvesOf(row))
	} else {
		v = Float32sOf(row)
	}
	if c.space.Distance != Cosine {
		return v, true
	}
	var square float64
	for _, x := range v {
		square += float64(x) * float64(x)
	}
	if !(square > 0) || math.IsInf(square, 1) {
		return nil, false
	}
	inverse := 1 / math.Sqrt(square)
	buf = buf[:len(v)]
	for i, x := range v {
		buf[i] = float32(float64(x) * inverse)
	}
	return buf, true
}

// has says whether a vector has distances.
func (c *graphCodec) has(row []byte) bool {
	if row == nil {
		return false
	}
	if c.space.Distance != Cosine {
		return true
	}
	switch c.space.Element {
	case Float16:
		return slices.ContainsFunc(HalvesOf(row), func(h uint16) bool { return h&0x7fff != 0 })
	case Float32:
		return slices.ContainsFunc(Float32sOf(row), func(x float32) bool { return x != 0 })
	case Sparse:
		return slices.ContainsFunc(SparseOf(row).Values, func(x float32) bool { return x != 0 })
	}
	return true
}

// newBuffer is room for the values of a vector; sparse ones need none.
func (c *graphCodec) newBuffer() []float32 {
	if c.form == codeSparse {
		return nil
	}
	return make([]float32, c.space.Dim)
}

// train takes the mean, the step and the reach from a column.
func (c *graphCodec) train(column Column, end int) {
	product := c.space.Distance == InnerProduct
	if c.form != codeInt8 || end == 0 {
		switch {
		case !product:
		case c.form == codeSparse:
			c.trainSparseReach(column, end)
		default:
			c.trainReach(column, end)
		}
		return
	}
	dim := c.space.Dim
	buf := make([]float32, dim)
	sums := make([]float64, dim)
	every := max(1, end/trainingRows)
	sample := func(visit func(v []float32)) {
		for p := 0; p < end; p += every {
			if row := column.Row(p); c.has(row) {
				if v, ok := c.values(row, buf); ok {
					visit(v)
				}
			}
		}
	}
	n := 0
	sample(func(v []float32) {
		n++
		for i, x := range v {
			sums[i] += float64(x)
		}
	})
	for i, s := range sums {
		c.mean[i] = float32(s / float64(max(n, 1)))
	}
	largest := float32(0)
	if product {
		largest = c.trainReach(column, end)
	}
	if n == 0 {
		return
	}
	// The step leaves values far beyond nearly all others out: those are cut, and
	// the others are the finer for it.
	every *= max(1, n*dim/(1<<20))
	deviations := 0
	sample(func(v []float32) { deviations += len(v) })
	far := newLargest(deviations/2000 + 1)
	sample(func(v []float32) {
		for i, x := range v {
			far.add(abs32(x - c.mean[i]))
		}
	})
	usual, most := far.ends()
	reach := most * 1.05
	if usual > 0 {
		reach = min(reach, 2*usual)
	}
	// The longest vectors have the largest inner products: none is cut.
	reach = max(reach, largest)
	c.step = reach / 127
	if !(c.step > 1e-30) || c.step > 1e30 {
		c.step = 1
	}
}

// largest keeps the n largest of the numbers it is shown: at least twice as many
// at times, of which the lesser are then dropped.
type largest struct {
	n     int
	kept  []float32
	floor float32 // no less is among the n largest
}

func newLargest(n int) *largest { return &largest{n: n, kept: make([]float32, 0, 4*n)} }

func (l *largest) add(x float32) {
	if x < l.floor {
		return
	}
	if len(l.kept) == cap(l.kept) {
		l.drop()
	}
	l.kept = append(l.kept, x)
}

func (l *largest) drop() {
	slices.Sort(l.kept)
	if extra := len(l.kept) - l.n; extra > 0 {
		l.kept = l.kept[:copy(l.kept, l.kept[extra:])]
		l.floor = l.kept[0]
	}
}

// ends are the least and the greatest of the n largest.
func (l *largest) ends() (least, greatest float32) {
	l.drop()
	return l.kept[0], l.kept[len(l.kept)-1]
}

// trainReach looks at all vectors, for the longest counts, and returns the
// largest element of what is seen from the mean.
func (c *graphCodec) trainReach(column Column, end int) (largest float32) {
	buf := make([]float32, c.space.Dim)
	for p := range end {
		if row := column.Row(p); row != nil {
			v, _ := c.values(row, buf)
			c.reach = max(c.reach, squareOf(v))
			for _, x := range c.fromMean(v, buf) {
				largest = max(largest, abs32(x))
			}
		}
	}
	return largest
}

// fromMean is a vector as seen from the mean, in buf or in place.
func (c *graphCodec) fromMean(v, buf []float32) []float32 {
	if c.mean == nil {
		return v
	}
	buf, mean := buf[:len(v)], c.mean[:len(v)]
	for i, x := range v {
		buf[i] = x - mean[i]
	}
	return buf
}

// squareOf is the squared length, by a kernel.
func squareOf(v []float32) float64 {
	var dot, square [1]float32
	fastest.ScoreDot(v, v, len(v), 1, dot[:], square[:])
	return float64(square[0])
}

// strays says whether the code of a vector would be of one less far from the mean
// or, under inner products, less long than it is; buf is a newBuffer.
func (c *graphCodec) strays(row []byte, buf []float32) bool {
	if !c.has(row) {
		return false
	}
	if c.form == codeSparse {
		return c.space.Distance == InnerProduct && squareOfSparse(row) > c.reach
	}
	if c.form != codeInt8 && (c.form != codeFloat || c.space.Distance != InnerProduct) {
		return false
	}
	v, ok := c.values(row, buf)
	if !ok {
		return false
	}
	if c.space.Distance == InnerProduct && squareOf(v) > c.reach {
		return true
	}
	most := 127.5 * c.step
	return c.form == codeInt8 && slices.ContainsFunc(c.fromMean(v, buf), func(x float32) bool { return abs32(x) > most })
}

// furtherReach is how much further codes reach than the rows seen where those to
// come stray: once for many, for what is coarser is not much.
const furtherReach = 1.5

func (c *graphCodec) reachFurther() {
	c.step *= furtherReach
	c.reach *= furtherReach * furtherReach
}

// further is what each element beyond Dim has.
func (c *graphCodec) further(v []float32) float32 {
	if c.space.Distance != InnerProduct {
		return 0
	}
	left := c.reach - squareOf(v)
	if !(left > 0) {
		return 0
	}
	return float32(math.Sqrt(left / float64(c.padded-c.space.Dim)))
}

// encode writes the code of a vector; buf is a newBuffer. false means that the
// vector has no distance.
func (c *graphCodec) encode(row []byte, buf []float32, code []byte) bool {
	if c.form == codeBits {
		clear(code[copy(code, row):])
		return true
	}
	if c.form == codeSparse {
		c.encodeSparse(row, code)
		return true
	}
	v, ok := c.values(row, buf)
	if !ok {
		return false
	}
	if c.form == codeFloat {
		out := Float32sOf(code)
		n := copy(out, v)
		clear(out[n:])
		if further := c.further(v); further != 0 {
			for i := n; i < c.padded; i++ {
				out[i] = further
			}
		}
		return true
	}
	inverse := 1 / c.step
	out := unsafe.Slice((*int8)(unsafe.Pointer(unsafe.SliceData(code))), len(code))
	further := c.further(v)
	for i, x := range c.fromMean(v, buf) {
		out[i] = int8(roundClamp(x*inverse, 127))
	}
	clear(out[len(v):])
	if further != 0 {
		code := int8(roundClamp(further*inverse, 127))
		for i := len(v); i < c.padded; i++ {
			out[i] = code
		}
	}
	return true
}

// roundClamp rounds to the nearest integer between -most and most; NaN is 0.
func roundClamp(x, most float32) int32 {
	if x != x {
		return 0
	}
	x = min(max(x, -most), most)
	return int32(x + float32(math.Copysign(0.5, float64(x))))
}

// A graphScorer scores nodes against one vector. It belongs to one goroutine.
type graphScorer struct {
	*graphCodec
	codes   []byte
	kernels *gatherKernels
	buf     []float32
	query16 []int16
	query32 []float32
	bits    []byte
	// unit times a score is the distance, squared for L2 and Cosine.
	unit float32
	// scale of the query: 1<<shift times that of codes. length is that of a
	// query of inner products, and errors the standard error of its scores.
	shift          int
	length, errors float32
	// away is how far a query is from the mean, and rounding the part of errors that
	// is not of codes, of codeRabitq.
	away, rounding float32
	// offset is the inner product of a query with the mean, which scores are
	// without, and lost how much of it the rounding of float32 may take from a
	// distance.
	offset    float64
	lost      float32
	estimator *rabitq.Query
	estimates []rabitq.Estimate
	table     *sparseTable
	// product says that scores are negative inner products.
	product bool
}

func newGraphScorer(c *graphCodec, codes []byte) *graphScorer {
	s := &graphScorer{graphCodec: c, codes: codes, kernels: fastestGather, unit: 1}
	s.buf = c.newBuffer()
	switch c.form {
	case codeSparse:
		s.table = newSparseTable(c.space.Dim + 1)
	case codeBits:
		s.bits = make([]byte, c.stride)
	case codeFloat:
		s.query32 = make([]float32, c.padded)
	case codeRabitq:
	default:
		s.query16 = make([]int16, c.padded)
	}
	return s
}

// setVector takes the vector to score against; false if it has no distance.
func (s *graphScorer) setVector(row []byte) bool {
	if s.form == codeBits {
		clear(s.bits)
		copy(s.bits, row)
		return true
	}
	if s.form == codeSparse {
		return s.setSparse(row)
	}
	v, ok := s.values(row, s.buf)
	if !ok {
		return false
	}
	s.product = s.space.Distance == InnerProduct
	if s.product {
		s.setOffset(v)
	}
	if s.form == codeRabitq {
		s.setRabitq(v)
		return true
	}
	if s.form == codeFloat {
		s.setFloats(v)
		return true
	}
	if s.product {
		s.setProduct(v)
		return true
	}
	s.setDifference(v)
	return true
}

// setDifference scales a query of differences as finely as leaves all of them,
// and their sum, room. One so far away that there is no scale for it is brought
// nearer.
func (s *graphScorer) setDifference(v []float32) {
	mean := s.mean[:len(v)]
	inverse := 1 / s.step
	var largest float32
	var sum float64
	for i, x := range v {
		d := 127 + abs32((x-mean[i])*inverse)
		largest = max(largest, d)
		sum += float64(d) * float64(d)
	}
	sum += 127 * 127 * float64(s.padded-len(v))
	room := func(shift int) bool {
		return largest*float32(int(1)<<shift) < 32767 && sum*float64(int(1)<<(2*shift)) < 1<<31
	}
	s.shift = 0
	for s.shift < shiftMax && room(s.shift+1) {
		s.shift++
	}
	s.setUnit()
	scale := inverse * float32(int(1)<<s.shift)
	most := float32(32767 - 128)
	if !room(0) {
		most = max(float32(math.Sqrt((1<<31)/float64(s.padded)))-128, 128)
	}
	for i, x := range v {
		s.query16[i] = int16(roundClamp((x-mean[i])*scale, most))
	}
}

// setFloats takes values; products are negated, so that nearer is less.
func (s *graphScorer) setFloats(v []float32) {
	n := copy(s.query32, v)
	clear(s.query32[n:])
	if s.space.Distance == InnerProduct {
		s.length = float32(math.Sqrt(squareOf(v)))
	}
	if s.product {
		for i, x := range v {
			s.query32[i] = -x
		}
	}
}

// setOffset is for inner products.
func (s *graphScorer) setOffset(v []float32) {
	s.offset = 0
	most := 0.0
	for i, m := range s.mean {
		p := float64(v[i]) * float64(m)
		s.offset += p
		most += math.Abs(p)
	}
	s.lost = float32(most * 0x1p-22)
}

// setProduct scales a query of inner products so that its largest element, and
// the largest possible sum, have room.
func (s *graphScorer) setProduct(v []float32) {
	var largest float32
	var square float64
	for _, x := range v {
		largest = max(largest, abs32(x))
		square += float64(x) * float64(x)
	}
	scale := min(32767/float64(largest), (1<<30)/(127*math.Sqrt(square*float64(s.padded))))
	if !(scale > 0) || math.IsInf(scale, 1) {
		scale = 1
	}
	for i, x := range v {
		s.query16[i] = int16(roundClamp(-x*float32(scale), 32767))
	}
	clear(s.query16[len(v):])
	s.unit = s.step / float32(scale)
	s.length = float32(math.Sqrt(square))
	s.errors = roundingError * s.length * float32(scale)
}

func (s *graphScorer) setUnit() {
	s.unit = s.step / float32(int(1)<<s.shift)
	if s.space.Distance != L1 {
		s.unit *= s.unit
	}
}

// setNode scores against a node from here on: under InnerProduct by squared
// Euclidean distances.
func (s *graphScorer) setNode(node uint32) {
	code := s.codes[int(node)*s.stride:][:s.stride]
	s.product = false
	switch s.form {
	case codeBits:
		copy(s.bits, code)
	case codeFloat:
		s.setFloats(Float32sOf(code))
	case codeSparse:
		s.table.set(s.record(code))
	default:
		s.shift = s.graphCodec.shift
		s.setUnit()
		s.kernels.widen(code[:s.padded], s.query16, 1<<s.shift)
	}
}

// roundingError is the standard error of what is rounded to integers, and
// surely how many standard errors are hardly ever exceeded.
const (
	roundingError = 0.2887
	surely        = 3
)

// unitRounding is how far vectors of length 1 are moved by float32, at most, and
// unitScores is a score of them below which that may tell which are nearer.
const (
	unitRounding = 0x1p-23
	unitScores   = 1e-5
)

// vague says whether a score leaves open which of the vectors near it are nearer.
func (s *graphScorer) vague(score float32) bool {
	return s.form.rough() || s.space.Distance == Cosine && score < unitScores
}

// slack is how much greater the score of a code may be, or its root where that
// is what a distance is, than the score of the vector, for the rounding of codes.
// The errors of the elements go in all directions: along the one that counts, the
// way from the query, there is as much of them as in one element.
func (s *graphScorer) slack() float32 {
	switch {
	case s.form == codeRabitq:
		return surely * s.errors
	case s.form != codeInt8 && s.space.Distance == Cosine:
		return unitRounding
	case s.form != codeInt8:
		return 0
	case s.product:
		return surely * s.errors
	case s.space.Distance == L1:
		return surely * roundingError * float32(int(1)<<s.shift) * float32(math.Sqrt(float64(s.space.Dim)))
	}
	return surely * roundingError * float32(int(1)<<s.shift)
}

// margin is of scores of vectors that are up to gain times as far away, with
// the errors of both codes.
func (s *graphScorer) margin(gain float32) margin {
	m := margin{gain: gain, slack: 2 * s.slack()}
	switch {
	case s.product:
		// Distances are those of the longer vectors of codes from a query made as
		// long.
		m.gain *= gain
		m.slack += (m.gain - 1) * float32((math.Sqrt(s.reach)*float64(s.length)-s.offset)/float64(s.unit))
	case s.form == codeRabitq:
		m.gain *= gain // of squares
	case s.space.Distance == L2 || s.space.Distance == Cosine || s.space.Distance == InnerProduct:
		m.squared = s.form != codeBits
	}
	return m
}

// sureMargin is of the score of a code above that of a vector.
func (s *graphScorer) sureMargin() margin {
	m := s.margin(1)
	m.slack /= 2
	if s.product {
		m.slack += s.lost / s.unit
	}
	return m
}

// score writes the scores of nodes: less is nearer.
func (s *graphScorer) score(nodes []uint32, out []float32) {
	switch s.form {
	case codeBits:
		s.scoreBits(nodes, out)
	case codeRabitq:
		s.scoreRabitq(nodes, out)
	case codeSparse:
		s.scoreSparse(nodes, out)
	case codeFloat:
		rows := Float32sOf(s.codes)
		switch {
		case s.product:
			s.kernels.floatsDot(s.query32, rows, s.padded, s.stride, nodes, out)
		case s.space.Distance == L1:
			s.kernels.floatsL1(s.query32, rows, s.padded, s.stride, nodes, out)
		default:
			s.kernels.floatsL2(s.query32, rows, s.padded, s.stride, nodes, out)
		}
	default:
		switch {
		case s.product:
			s.kernels.codesDot(s.query16, s.codes, s.padded, s.stride, nodes, out)
		case s.space.Distance == L1:
			s.kernels.codesL1(s.query16, s.codes, s.padded, s.stride, nodes, out, s.shift)
		default:
			s.kernels.codesL2(s.query16, s.codes, s.padded, s.stride, nodes, out, s.shift)
		}
	}
}

func (s *graphScorer) scoreBits(nodes []uint32, out []float32) {
	for i, node := range nodes {
		out[i] = float32(ExactBits(s.space.Distance, s.bits, s.codes[int(node)*s.stride:][:s.stride]))
	}
}

// scoreOf is the score to be expected of a code whose vector is at a distance.
func (s *graphScorer) scoreOf(distance float32) float32 {
	switch s.space.Distance {
	case L2:
		return distance*distance/s.unit + s.rounded(0)
	case Cosine:
		if s.form == codeRabitq {
			return distance
		}
		return 2*distance/s.unit + s.rounded(0)
	case InnerProduct:
		return float32((float64(distance) + s.offset) / float64(s.unit))
	}
	return distance/s.unit + s.rounded(distance/s.unit)
}

// rounded is by how much the score of a code is greater, on average, than that of
// its vector: squares of errors add up whatever they are added to, magnitudes as far
// as they are greater than the differences that they change. Vectors nearer to each
// other than that have their order from elsewhere.
func (s *graphScorer) rounded(score float32) float32 {
	if s.form != codeInt8 || s.product {
		return 0
	}
	dim, step := float32(s.space.Dim), float32(int(1)<<s.shift)
	if s.space.Distance != L1 {
		return dim * (roundingError * step) * (roundingError * step)
	}
	within := max(1-score/(dim*step), 0) // differences are not all alike
	return dim * step / 4 * within * within
}

// distance is what a score stands for, in the terms of SQL.
func (s *graphScorer) distance(score float32) float32 {
	d := score * s.unit
	switch s.space.Distance {
	case L2:
		return float32(math.Sqrt(float64(max(d, 0))))
	case Cosine:
		if s.form == codeRabitq {
			return d
		}
		return d / 2
	case InnerProduct:
		return float32(float64(d) - s.offset)
	}
	return d
}
