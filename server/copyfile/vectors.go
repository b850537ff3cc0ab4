package copyfile

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// Files of vectors hold nothing but numbers, little-endian:
//
//	fvecs bvecs ivecs   each vector: its dimensions (int32), then float32, uint8, int32
//	fbin u8bin          vectors (uint32), dimensions (uint32), then float32, uint8
//	npy                 a header of text, then the rows of a matrix (npy.go)
//
// They fill one column, a vector or an array of numbers, and, if there is a second
// one of whole numbers, that with the number of the row from Options.First on.

// element is the type of the numbers of a file.
type element struct {
	arrow arrow.DataType
	bytes int
}

var (
	float32Element = element{arrow.PrimitiveTypes.Float32, 4}
	uint8Element   = element{arrow.PrimitiveTypes.Uint8, 1}
	int32Element   = element{arrow.PrimitiveTypes.Int32, 4}
)

const (
	// dimensionsMax bounds what a vector of a file may have.
	dimensionsMax = 1 << 20
	// vectorBatchBytes and vectorBatchRows bound a batch.
	vectorBatchBytes = 4 << 20
	vectorBatchRows  = 8192
)

// vectorSource reads vectors.
type vectorSource struct {
	o       Options
	in      *bufio.Reader
	element element
	// prefixed: each vector begins with its dimensions. Otherwise all have dims,
	// and left are to come.
	prefixed bool
	dims     int
	left     int64
	row      int64
	read     int64 // bytes
	vector   int   // the column of vectors
	number   int   // that of numbers; -1 for none
}

func openVectors(r RandomReader, size int64, o Options) (Source, error) {
	s, err := newVectorSource(r, o)
	if err != nil {
		return nil, err
	}
	switch o.Format {
	case Fvecs:
		s.element, s.prefixed = float32Element, true
	case Bvecs:
		s.element, s.prefixed = uint8Element, true
	case Ivecs:
		s.element, s.prefixed = int32Element, true
	case Fbin, U8bin:
		s.element = float32Element
		if o.Format == U8bin {
			s.element = uint8Element
		}
		head := make([]byte, 8)
		if _, err := io.ReadFull(s.in, head); err != nil {
			return nil, eofMeans(err)
		}
		s.read = 8
		rows, dims := binary.LittleEndian.Uint32(head), binary.LittleEndian.Uint32(head[4:])
		if err := s.matrix(int64(rows), int64(dims), size); err != nil {
			return nil, err
		}
	default:
		return nil, sqlerr.Unsupported("COPY format %s", o.Format)
	}
	return s, nil
}

// newVectorSource finds the columns that are filled.
func newVectorSource(r RandomReader, o Options) (*vectorSource, error) {
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	s := &vectorSource{o: o, in: bufio.NewReaderSize(r, 1<<20), vector: -1, number: -1, row: o.First}
	for i, c := range o.Columns {
		switch {
		case s.vector < 0 && holdsNumbers(c.Type):
			s.vector = i
		case s.number < 0 && (c.Type.OID == types.Int4OID || c.Type.OID == types.Int8OID || c.Type.OID == types.Int2OID):
			s.number = i
		default:
			return nil, errVectorColumns(o.Format)
		}
	}
	if s.vector < 0 {
		return nil, errVectorColumns(o.Format)
	}
	return s, nil
}

func errVectorColumns(f Format) error {
	return sqlerr.New(sqlerr.InvalidParameterValue, "a file of format %s fills one column of vectors, and at most one of integers with the number of the row", f).
		WithHint("Name the columns: COPY table (id, embedding) FROM.")
}

// holdsNumbers says whether a vector can go into a column.
func holdsNumbers(t types.T) bool {
	switch t.OID {
	case types.VectorOID, types.HalfvecOID:
		return true
	}
	kind := t.Type()
	if kind.Elem == 0 || kind.Category != types.CategoryArray {
		return false
	}
	return types.ByOID(kind.Elem).Category == types.CategoryNumeric
}

// matrix begins rows × dims numbers; size is that of the file, 0 if not known.
func (s *vectorSource) matrix(rows, dims, size int64) error {
	if err := checkDimensions(dims); err != nil {
		return err
	}
	if rows < 0 || rows > math.MaxInt64/(dims*int64(s.element.bytes)) {
		return malformed("the file cannot have %d vectors", rows)
	}
	switch need := rows * dims * int64(s.element.bytes); {
	case size > 0 && need > size-s.read:
		return malformed("unexpected end of file")
	case size > 0 && need < size-s.read:
		return errMoreVectors()
	}
	s.left, s.dims = rows, int(dims)
	return nil
}

func errMoreVectors() error {
	return malformed("the file has more than the vectors that its header tells of")
}

func checkDimensions(dims int64) error {
	if dims < 1 || dims > dimensionsMax {
		return malformed("a vector of a file has 1 to %d dimensions, not %d", dimensionsMax, dims)
	}
	return nil
}

func (s *vectorSource) Next(ctx context.Context) (_ []arrow.Array, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	values, offsets, err := s.readVectors()
	if err != nil || len(offsets) == 1 {
		return nil, err
	}
	return s.columns(values, offsets)
}

// readVectors reads the numbers of some vectors, and where each begins.
func (s *vectorSource) readVectors() (values []byte, offsets []int32, err error) {
	offsets = []int32{0}
	if !s.prefixed {
		if s.left == 0 {
			if _, err := s.in.Peek(1); err == nil { // of a file whose size was not known
				return nil, nil, errMoreVectors()
			} else if !errors.Is(err, io.EOF) {
				return nil, nil, err
			}
		}
		rows := min(s.left, vectorBatchRows, max(1, vectorBatchBytes/int64(s.dims*s.element.bytes)))
		values = make([]byte, rows*int64(s.dims*s.element.bytes))
		if _, err := io.ReadFull(s.in, values); err != nil {
			return nil, nil, eofMeans(err)
		}
		s.left -= rows
		s.read += int64(len(values))
		for i := range rows {
			offsets = append(offsets, int32(i+1)*int32(s.dims))
		}
		return values, offsets, nil
	}
	var head [4]byte
	for len(offsets) <= vectorBatchRows && len(values) < vectorBatchBytes {
		if _, err := io.ReadFull(s.in, head[:]); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, nil, eofMeans(err)
		}
		dims := int64(int32(binary.LittleEndian.Uint32(head[:])))
		if err := checkDimensions(dims); err != nil {
			return nil, nil, err
		}
		at := len(values)
		values = append(values, make([]byte, int(dims)*s.element.bytes)...)
		if _, err := io.ReadFull(s.in, values[at:]); err != nil {
			return nil, nil, eofMeans(err)
		}
		s.read += 4 + int64(len(values)-at)
		offsets = append(offsets, offsets[len(offsets)-1]+int32(dims))
	}
	return values, offsets, nil
}

// columns makes the table's columns of vectors.
func (s *vectorSource) columns(values []byte, offsets []int32) ([]arrow.Array, error) {
	rows := len(offsets) - 1
	numbers := array.NewData(s.element.arrow, len(values)/s.element.bytes, []*memory.Buffer{nil, memory.NewBufferBytes(values)}, nil, 0, 0)
	defer numbers.Release()
	data := array.NewData(arrow.ListOf(s.element.arrow), rows,
		[]*memory.Buffer{nil, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(offsets))}, []arrow.ArrayData{numbers}, 0, 0)
	defer data.Release()
	list := array.NewListData(data)
	defer list.Release()
	out := make([]arrow.Array, len(s.o.Columns))
	var err error
	if out[s.vector], err = convertColumn(list, &s.o, s.vector); err != nil {
		return nil, err
	}
	if s.number >= 0 {
		b := array.NewInt64Builder(s.o.Mem)
		defer b.Release()
		for i := range rows {
			b.Append(s.row + int64(i))
		}
		counted := b.NewArray()
		defer counted.Release()
		if out[s.number], err = convertColumn(counted, &s.o, s.number); err != nil {
			releaseAll(out)
			return nil, err
		}
	}
	s.row += int64(rows)
	return out, nil
}

func (s *vectorSource) Done() int64  { return s.read }
func (s *vectorSource) Close() error { return nil }
