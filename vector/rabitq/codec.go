package rabitq

import (
	"fmt"
)

// Distance is what scores stand for. The values are those of vector.Distance:
// this package imports nothing of Quiver, so that any index may use it.
type Distance uint8

// The distances that codes serve.
const (
	L2           Distance = iota // scores are squared distances
	InnerProduct                 // scores are negative inner products
	Cosine                       // scores are cosine distances
)

// String names the distance.
func (d Distance) String() string {
	switch d {
	case L2:
		return "L2"
	case InnerProduct:
		return "inner product"
	case Cosine:
		return "cosine"
	}
	return fmt.Sprintf("distance %d", uint8(d))
}

// BitsMax is the most bits a dimension.
const BitsMax = 8

// Codec says how vectors of one space become codes.
type Codec struct {
	distance          Distance
	dim, padded, bits int
	rotation          *rotation
	fields            []field
	codeBytes         int
}

// A field is some of the bits of a code, the same ones of each dimension,
// together in n bytes, a multiple of 4: dimension i has those at bit width·(i/n) of byte i%n, so
// that one shift brings n dimensions in a row to the bottom of their bytes. A
// code of B bits has the fields of B's binary digits, the highest bits first.
type field struct {
	width  int // bits: 8, 4, 2 or 1
	shift  int // of the field's lowest bit in the code of a dimension
	offset int // of its first byte
	n      int // bytes
}

// New makes the codec of float32 vectors of dim dimensions, under L2,
// InnerProduct or Cosine, with bits a dimension. Codecs with the same arguments
// are the same.
func New(distance Distance, dim, bits int, seed uint64) (*Codec, error) {
	if distance > Cosine || dim < 1 || bits < 1 || bits > BitsMax {
		return nil, fmt.Errorf("rabitq: no codes of %d bits for %d dimensions under %s", bits, dim, distance)
	}
	c := &Codec{distance: distance, dim: dim, padded: (dim + 7) &^ 7, bits: bits}
	c.rotation = newRotation(c.padded, seed)
	offset, shift := 0, bits
	for width := 8; width >= 1; width /= 2 {
		if bits&width == 0 {
			continue
		}
		shift -= width
		f := field{width: width, shift: shift, offset: offset, n: (c.padded*width/8 + 3) &^ 3}
		c.fields = append(c.fields, f)
		offset += f.n
	}
	c.codeBytes = offset
	return c, nil
}

// Dim is the dimension of the vectors, Padded that of their codes: the next
// multiple of 8.
func (c *Codec) Dim() int { return c.dim }

// Padded: see Dim.
func (c *Codec) Padded() int { return c.padded }

// Bits is the number of bits a dimension.
func (c *Codec) Bits() int { return c.bits }

// CodeBytes is the size of a code.
func (c *Codec) CodeBytes() int { return c.codeBytes }

// RecordBytes is the size of a record: factors and code. A record may begin at
// any address.
func (c *Codec) RecordBytes() int { return factorBytes + c.CodeBytes() }

// part is the dimensions that lie at bit j*width of the bytes of a field.
func (c *Codec) part(f *field, j int) (from, to int) {
	return min(j*f.n, c.padded), min((j+1)*f.n, c.padded)
}

// Rotate writes the rotation of x, of Dim elements, to dst, of Padded. Centres
// are given rotated to Encode and Query.Centre. Under Cosine neither x nor
// centres are brought to length one by it.
func (c *Codec) Rotate(dst, x []float32) {
	n := copy(dst[:c.padded], x[:c.dim])
	clear(dst[n:c.padded])
	c.rotation.apply(dst[:c.padded])
}
