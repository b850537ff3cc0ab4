package binlog

import (
	"sync"

	"github.com/apache/arrow/go/v15/arrow"
)

// Codec ZstdSplit packs the bytes of equal rank of all values together: signs and
// exponents of floats and the high bytes of integers are much alike, the low ones
// are not (as in Arrow's and Parquet's BYTE_STREAM_SPLIT).

// splitWidth is how many bytes a value of a type has for ZstdSplit: those of the
// elements of vectors. 1 is for types that it does nothing for.
func splitWidth(dt arrow.DataType) int {
	if x, ok := dt.(arrow.ExtensionType); ok {
		dt = x.StorageType()
	}
	switch t := dt.(type) {
	case *arrow.FixedSizeListType:
		return splitWidth(t.Elem())
	case *arrow.ListType:
		return splitWidth(t.Elem())
	case *arrow.FixedSizeBinaryType, *arrow.BooleanType:
		return 1
	case arrow.FixedWidthDataType:
		if w := t.Bytes(); w == 2 || w == 4 || w == 8 || w == 16 {
			return w
		}
	}
	return 1
}

// splitBytes writes the bytes of src, values of so many bytes, to dst by rank.
func splitBytes(dst, src []byte, width int) {
	n := len(src) / width
	if width == 4 { // vectors
		a, b, c, d := dst[:n], dst[n:2*n], dst[2*n:3*n], dst[3*n:4*n]
		for i := range a {
			v := src[4*i : 4*i+4 : 4*i+4]
			a[i], b[i], c[i], d[i] = v[0], v[1], v[2], v[3]
		}
		return
	}
	for k := range width {
		plane := dst[k*n : (k+1)*n]
		for i := range plane {
			plane[i] = src[i*width+k]
		}
	}
}

// joinBytes undoes splitBytes.
func joinBytes(dst, src []byte, width int) {
	n := len(src) / width
	if width == 4 {
		a, b, c, d := src[:n], src[n:2*n], src[2*n:3*n], src[3*n:4*n]
		for i := range a {
			v := dst[4*i : 4*i+4 : 4*i+4]
			v[0], v[1], v[2], v[3] = a[i], b[i], c[i], d[i]
		}
		return
	}
	for k := range width {
		plane := src[k*n : (k+1)*n]
		for i := range plane {
			dst[i*width+k] = plane[i]
		}
	}
}

// planes are buffers that codecs use for a moment.
var planes = sync.Pool{New: func() any { return new([]byte) }}

// withPlanes calls f with a buffer of n bytes.
func withPlanes(n int, f func([]byte) error) error {
	b := planes.Get().(*[]byte)
	defer planes.Put(b)
	*b = grow(*b, n)
	return f(*b)
}
