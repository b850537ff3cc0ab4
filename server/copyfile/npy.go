package copyfile

import (
	"encoding/binary"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/sql/sqlerr"
)

// A file of NumPy begins with the magic, a version (2 bytes), the length of the
// header (2 bytes, from version 2 on 4) and the header, the text of a Python
// dictionary: {'descr': '<f4', 'fortran_order': False, 'shape': (1000, 128), }.

const (
	npyMagic     = "\x93NUMPY"
	npyHeaderMax = 64 << 10
)

var npyElements = map[string]element{
	"<f2": {arrow.FixedWidthTypes.Float16, 2}, "<f4": float32Element, "<f8": {arrow.PrimitiveTypes.Float64, 8},
	"|u1": uint8Element, "|i1": {arrow.PrimitiveTypes.Int8, 1}, "<u2": {arrow.PrimitiveTypes.Uint16, 2},
	"<i2": {arrow.PrimitiveTypes.Int16, 2}, "<u4": {arrow.PrimitiveTypes.Uint32, 4}, "<i4": int32Element,
	"<i8": {arrow.PrimitiveTypes.Int64, 8},
}

var (
	npyDescr   = regexp.MustCompile(`['"]descr['"]\s*:\s*['"]([^'"]*)['"]`)
	npyFortran = regexp.MustCompile(`['"]fortran_order['"]\s*:\s*(True|False)`)
	npyShape   = regexp.MustCompile(`['"]shape['"]\s*:\s*\(([^)]*)\)`)
)

func openNpy(r RandomReader, size int64, o Options) (Source, error) {
	s, err := newVectorSource(r, o)
	if err != nil {
		return nil, err
	}
	header, err := s.npyHeader()
	if err != nil {
		return nil, err
	}
	descr, fortran, shape := npyDescr.FindStringSubmatch(header), npyFortran.FindStringSubmatch(header), npyShape.FindStringSubmatch(header)
	if descr == nil || fortran == nil || shape == nil {
		return nil, malformed("npy file has no valid header")
	}
	var ok bool
	if s.element, ok = npyElements[descr[1]]; !ok {
		return nil, sqlerr.Unsupported("npy files of type %q", descr[1])
	}
	if fortran[1] == "True" {
		return nil, sqlerr.Unsupported("npy files in the order of Fortran")
	}
	var dims []int64
	for _, d := range strings.Split(shape[1], ",") {
		if d = strings.TrimSpace(d); d == "" {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSuffix(d, "L"), 10, 64)
		if err != nil {
			return nil, malformed("npy file has no valid header")
		}
		dims = append(dims, n)
	}
	if len(dims) != 2 {
		return nil, malformed("npy file has %d dimensions, not the 2 of a matrix", len(dims))
	}
	return s, s.matrix(dims[0], dims[1], size)
}

// npyHeader reads what is in front of the numbers.
func (s *vectorSource) npyHeader() (string, error) {
	head := make([]byte, len(npyMagic)+2)
	if _, err := io.ReadFull(s.in, head); err != nil {
		return "", eofMeans(err)
	}
	if string(head[:len(npyMagic)]) != npyMagic {
		return "", malformed("npy file signature not recognized")
	}
	width := 2
	if head[len(npyMagic)] >= 2 {
		width = 4
	}
	length := make([]byte, 4)
	if _, err := io.ReadFull(s.in, length[:width]); err != nil {
		return "", eofMeans(err)
	}
	n := binary.LittleEndian.Uint32(length)
	if n > npyHeaderMax {
		return "", malformed("npy file has a header of %d bytes", n)
	}
	header := make([]byte, n)
	if _, err := io.ReadFull(s.in, header); err != nil {
		return "", eofMeans(err)
	}
	s.read = int64(len(head) + width + len(header))
	return string(header), nil
}
