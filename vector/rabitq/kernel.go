package rabitq

// implementation is one form of the kernels; all give the same integers.
type implementation struct {
	name string
	// dots adds, for the codes at ordinal*stride, a field times the weights of
	// its parts, shifted as the field is, to out.
	dots func(f *field, weights []int16, codes []byte, stride int, ordinals []uint32, out []int32)
	// blockSums adds the bytes of the tables, an even number and at most
	// tablesMax of them, that each code of a block selects.
	blockSums func(block, tables []byte, sums *[BlockCodes]uint32)
	// finish makes estimates of the sums of a block.
	finish func(sums *[BlockCodes]uint32, factors *BlockFactors, f *finishing, out *[BlockCodes]Estimate)
	// quality is ⟨y,o⟩ and |y|² of the code y of o in cells of 1/t, of magnitudes
	// up to top; quantise writes it, a byte a dimension.
	quality  func(o []float32, t float32, top int, out *[2]float32)
	quantise func(o []float32, t float32, top int, u []uint8)
	rotation rotationKernels
	// lows writes the bounds of a block's codes and returns a bit for each that
	// is not at or above the limit.
	lows func(sums *[BlockCodes]uint32, factors *BlockFactors, terms *boundTerms, lows *[BlockCodes]float32) uint32
	// below is blockSums and lows of blocks one after the other.
	below func(blocks, tables []byte, factors []BlockFactors, terms *boundTerms, out *Below)
}

// boundTerms make a bound of a sum s and the factors of its code:
//
//	Add + add + Rescale·(s·scale + base) - Error·error
//
// which lows compares with limit.
type boundTerms struct{ scale, base, add, error, limit float32 }

// rotationKernels are the steps of a rotation, on multiples of 8 elements (4 for
// turn); they give the same bits whichever are taken.
type rotationKernels struct {
	multiply func(v, by []float32)
	hadamard func(v []float32)
	turn     func(a, b []float32)
}

// finishing is what makes a score of a sum: see Query.ScoreBlock.
type finishing struct {
	scale, base, add          float32
	epsilon, length, rounding float32
}

var portable = implementation{
	name: "portable", dots: portableDots, blockSums: portableBlockSums, finish: portableFinish, lows: portableLows, below: portableBelow,
	quality: portableQuality, quantise: portableQuantise,
	rotation: rotationKernels{portableMultiply, portableHadamard, portableTurn},
}

// implementations are those that this machine can run, the fastest last.
var implementations = append([]implementation{portable}, machineImplementations()...)

var kernel = implementations[len(implementations)-1]

func portableDots(f *field, weights []int16, codes []byte, stride int, ordinals []uint32, out []int32) {
	mask, part := byte(1<<f.width-1), padPart(f.n)
	for i, o := range ordinals {
		code := codes[int(o)*stride:][:f.n]
		var sum int32
		for j := range 8 / f.width {
			w := weights[j*part:][:len(code)]
			for k, b := range code {
				sum += int32(b>>(f.width*j)&mask) * int32(w[k])
			}
		}
		out[i] += sum << f.shift
	}
}

func portableBlockSums(block, tables []byte, sums *[BlockCodes]uint32) {
	for t := 0; t+16 <= len(tables); t += 16 {
		table := tables[t : t+16 : t+16]
		for i, b := range block[t : t+16] {
			sums[i] += uint32(table[b&15])
			sums[i+16] += uint32(table[b>>4])
		}
	}
}

func portableFinish(sums *[BlockCodes]uint32, factors *BlockFactors, f *finishing, out *[BlockCodes]Estimate) {
	for i, s := range sums {
		rescale := factors.Rescale[i]
		score := factors.Add[i] + f.add + rescale*(float32(s)*f.scale+f.base)
		out[i] = Estimate{Score: score, Low: score - f.epsilon*(factors.Error[i]*f.length-rescale*f.rounding)}
	}
}

// portableQuality sums eight lanes, and those as the assembly does, so that both
// choose the same codes.
func portableQuality(o []float32, t float32, top int, out *[2]float32) {
	var yo, yy [8]float32
	for ; len(o) >= 8; o = o[8:] {
		for i, v := range o[:8] {
			v = abs(v)
			y := float32(min(int(t*v), top)) + 0.5
			yo[i] += y * v
			yy[i] += y * y
		}
	}
	for i, s := range [][8]float32{yo, yy} {
		out[i] = s[0] + s[4] + (s[2] + s[6]) + (s[1] + s[5] + (s[3] + s[7]))
	}
}

func portableQuantise(o []float32, t float32, top int, u []uint8) {
	for i, v := range o {
		magnitude := min(int(t*abs(v)), top)
		if u[i] = uint8(top + 1 + magnitude); v < 0 {
			u[i] = uint8(top - magnitude)
		}
	}
}

func abs(v float32) float32 {
	if v < 0 {
		return -v
	}
	return v
}

func portableLows(sums *[BlockCodes]uint32, factors *BlockFactors, terms *boundTerms, lows *[BlockCodes]float32) (below uint32) {
	for i, s := range sums {
		// Each step rounded by itself, as the others do.
		v := float32(float32(s) * terms.scale)
		v = float32(v + terms.base)
		v = float32(v * factors.Rescale[i])
		v = float32(v + factors.Add[i])
		v = float32(v + terms.add)
		lows[i] = v - float32(factors.Error[i]*terms.error)
		if !(lows[i] >= terms.limit) {
			below |= 1 << i
		}
	}
	return below
}

func portableBelow(blocks, tables []byte, factors []BlockFactors, terms *boundTerms, out *Below) {
	for i := range factors {
		var sums [BlockCodes]uint32
		portableBlockSums(blocks[i*len(tables):], tables, &sums)
		out.Masks[i] = portableLows(&sums, &factors[i], terms, &out.Lows[i])
	}
}
