package vector

import (
	"cmp"
	"fmt"

	"quiver/vector/rabitq"
)

func init() { kinds = append(kinds, hnsw{}) }

const hnswName = "hnsw"

// Bounds and defaults of the options, as pgvector has them.
const (
	mMin, mMax, mDefault                                        = 2, 100, 16
	efConstructionMin, efConstructionMax, efConstructionDefault = 4, 1000, 64
)

// hnsw is the access method of graphs.
type hnsw struct{}

// Name implements Kind.
func (hnsw) Name() string { return hnswName }

// withDefaults fills in what is not given.
func hnswDefaults(s Space, o Options) Options {
	if o.M == 0 {
		o.M = mDefault
	}
	if o.EfConstruction == 0 {
		o.EfConstruction = max(efConstructionDefault, 2*o.M)
	}
	if o.Quantization == "" {
		o.Quantization = "sq8"
		if s.Element == Bit || s.Element == Sparse {
			o.Quantization = "none"
		}
	}
	if o.Bits == 0 {
		o.Bits = rabitqBitsDefault
	}
	o.Workers = max(o.Workers, 1)
	return o
}

// codeFormOf is how a quantisation keeps vectors of a space.
func codeFormOf(s Space, quantization string) (codeForm, error) {
	switch {
	case s.Element == Bit && quantization == "none":
		return codeBits, nil
	case s.Element == Sparse && quantization == "none":
		return codeSparse, nil
	case (s.Element == Float32 || s.Element == Float16) && quantization == "none":
		return codeFloat, nil
	case (s.Element == Float32 || s.Element == Float16) && quantization == "sq8":
		return codeInt8, nil
	case (s.Element == Float32 || s.Element == Float16) && s.Distance != L1 && quantization == "rabitq":
		return codeRabitq, nil
	}
	return 0, fmt.Errorf("%w: hnsw of %s with quantization %q", ErrUnsupported, s, quantization)
}

// built is the form of codes that a graph of a form is built by.
func (f codeForm) built() codeForm {
	if f == codeRabitq {
		return codeInt8
	}
	return f
}

// Check implements Kind.
func (hnsw) Check(s Space, o Options) error {
	o = hnswDefaults(s, o)
	switch {
	case s.Dim < 1 || s.Dim > dimMaxOf(s.Element) || !s.Element.Has(s.Distance):
		return fmt.Errorf("%w: hnsw of %s", ErrUnsupported, s)
	case o.M < mMin || o.M > mMax:
		return fmt.Errorf("%w: m is %d, not between %d and %d", ErrUnsupported, o.M, mMin, mMax)
	case o.EfConstruction < efConstructionMin || o.EfConstruction > efConstructionMax:
		return fmt.Errorf("%w: ef_construction is %d, not between %d and %d", ErrUnsupported, o.EfConstruction, efConstructionMin, efConstructionMax)
	case o.EfConstruction < 2*o.M:
		return fmt.Errorf("%w: ef_construction is less than 2 * m", ErrUnsupported)
	}
	form, err := codeFormOf(s, o.Quantization)
	if err == nil && form == codeRabitq && (o.Bits < 1 || o.Bits > rabitq.BitsMax) {
		return fmt.Errorf("%w: bits is %d, not between 1 and %d", ErrUnsupported, o.Bits, rabitq.BitsMax)
	}
	return err
}

// Estimate implements Kind.
func (k hnsw) Estimate(s Space, rows int, o Options) Estimate {
	if k.Check(s, o) != nil {
		return Estimate{}
	}
	o = hnswDefaults(s, o)
	form, _ := codeFormOf(s, o.Quantization) // checked
	codec := newGraphCodec(s, form.built())
	n := int64(rows)
	if form == codeSparse {
		codec.stride += cmp.Or(o.RowBytes, sparseUsual)
	}
	// Links, upper layers, and words for upperAt and positions.
	node := int64(8*o.M+codec.stride) + int64(4*o.M/max(o.M-1, 1)) + 8
	// What is kept in place of these, and made beside them.
	kept, beside := node, int64(0)
	if form == codeRabitq {
		packed := newPackedLinks(rows, o.M)
		made := &graphCodec{space: s, form: form}
		if made.newRabitq(o.Bits) == nil {
			beside = int64(made.stride) + int64(packed.count*packed.width+7)/8
			kept += beside - int64(codec.stride+8*o.M)
		}
	}
	return Estimate{
		BuildBytes:    n*(node+beside+12+int64(4*spareWords(2*o.M)+4*spareWords(o.M)/(o.M-1))) + buildOverhead(codec, o, rows),
		ResidentBytes: n * kept,
		StoredBytes:   n*kept + 6*(partHeaderBytes+4),
	}
}

// sparseUsual is the bytes of a sparse vector of a hundred elements, as many as
// learned ones have: estimates count with it before the rows are seen.
const sparseUsual = 804

// buildOverhead is what a build needs besides arrays by node: for each worker what
// it walks with, and its searches for the samples that the recall is measured by;
// which nodes are twins; what parts are written through.
func buildOverhead(c *graphCodec, o Options, rows int) int64 {
	worker := int64(rows)*5/16 + int64(16*o.EfConstruction) + int64(32*c.padded)
	if c.form == codeSparse {
		worker += 4 * int64(min(c.space.Dim, denseMax))
	}
	samples := int64(len(newEffortSamples(rows, samplesFor(c, o)))) * sampleBytes(c)
	return int64(o.Workers)*(worker+samples) + int64(rows) + buildFixedBytes
}

// buildFixedBytes is what every build takes: the buffer that parts are written
// through, and what codes are trained with.
const buildFixedBytes = 512 << 10

// searchBytes is about what a Search for the nearest of effortK takes.
const searchBytes = 3584

// Open implements Kind.
func (hnsw) Open(parts Parts) (Index, error) {
	x, err := openGraph(parts)
	if err != nil {
		return nil, err
	}
	return x, nil
}

// Reorder implements Kind.
func (hnsw) Reorder(old Parts, parts PartWriter, moved func(old uint32) (uint32, bool)) error {
	return reorderPositions(old, parts, moved)
}
