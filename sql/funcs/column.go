package funcs

import (
	"fmt"
	"unsafe"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/bitutil"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/sql/types"
)

// input is typed access to one argument of a kernel. Strings and byte slices
// are views of the array's buffers.
//
// The Go type decides the Arrow type that it reads: bool, int16 … float64,
// uint32 (oid), string (text and its like), []byte (bytea), arrow.Date32,
// arrow.Time64, arrow.Timestamp, []float32 (vector), []types.Half (halfvec),
// types.Sparsevec, types.Bits (bit, bit varying), uuid, types.Interval, types.Numeric.
type input[T any] struct {
	array arrow.Array
	// mask is 0 for a constant and -1 otherwise, so that i&mask is the row.
	mask int
	// values holds the values of fixed-width types; at reads the others.
	values []T
	at     func(i int) T
}

// get returns the value of row i, which is not null.
func (x *input[T]) get(i int) T {
	if x.values != nil {
		return x.values[i&x.mask]
	}
	return x.at(i & x.mask)
}

func (x *input[T]) isNull(i int) bool { return x.array.IsNull(i & x.mask) }

// uuid is the value of type uuid.
type uuid [16]byte

// open returns typed access to v.
func open[T any](v types.Vec) (x input[T]) {
	x.array, x.mask = v.Array, -1
	if v.Const {
		x.mask = 0
	}
	switch p := any(&x).(type) {
	case *input[int16]:
		p.values = v.Array.(*array.Int16).Int16Values()
	case *input[int32]:
		p.values = v.Array.(*array.Int32).Int32Values()
	case *input[int64]:
		p.values = v.Array.(*array.Int64).Int64Values()
	case *input[uint32]:
		p.values = v.Array.(*array.Uint32).Uint32Values()
	case *input[float32]:
		p.values = v.Array.(*array.Float32).Float32Values()
	case *input[float64]:
		p.values = v.Array.(*array.Float64).Float64Values()
	case *input[arrow.Date32]:
		p.values = v.Array.(*array.Date32).Date32Values()
	case *input[arrow.Time64]:
		p.values = v.Array.(*array.Time64).Time64Values()
	case *input[arrow.Timestamp]:
		p.values = v.Array.(*array.Timestamp).TimestampValues()
	case *input[bool]:
		p.at = v.Array.(*array.Boolean).Value
	case *input[string]:
		p.at = v.Array.(*array.String).Value
	case *input[[]byte]:
		p.at = v.Array.(*array.Binary).Value
	case *input[uuid]:
		a := v.Array.(*array.FixedSizeBinary)
		p.at = func(i int) uuid { return uuid(a.Value(i)) }
	case *input[[]float32]:
		a := v.Array
		p.at = func(i int) []float32 { return types.VectorAt(a, i) }
	default:
		openExtension(p, v.Array)
	}
	return x
}

// output gathers the n values of a result, set in order from row 0.
type output[R any] struct {
	mem memory.Allocator
	n   int
	typ arrow.DataType
	// values is the data buffer of a fixed-width type, bits that of bool; both
	// lie in data.
	data   *memory.Buffer
	values []R
	bits   []byte
	// valid is made at the first null.
	valid *memory.Buffer
	nulls int
	// builder and put serve the other types.
	builder array.Builder
	put     func(R)
}

// newOutput returns an output for n values. It must end in finish or abort.
func newOutput[R any](mem memory.Allocator, n int) *output[R] {
	o := &output[R]{mem: mem, n: n}
	switch p := any(o).(type) {
	case *output[bool]:
		p.typ = arrow.FixedWidthTypes.Boolean
		p.data = memory.NewResizableBuffer(mem)
		p.data.Resize(int(bitutil.BytesForBits(int64(n))))
		p.bits = p.data.Bytes()
		clear(p.bits)
	case *output[int16]:
		o.fixed(arrow.PrimitiveTypes.Int16)
	case *output[int32]:
		o.fixed(arrow.PrimitiveTypes.Int32)
	case *output[int64]:
		o.fixed(arrow.PrimitiveTypes.Int64)
	case *output[uint32]:
		o.fixed(arrow.PrimitiveTypes.Uint32)
	case *output[float32]:
		o.fixed(arrow.PrimitiveTypes.Float32)
	case *output[float64]:
		o.fixed(arrow.PrimitiveTypes.Float64)
	case *output[arrow.Date32]:
		o.fixed(arrow.PrimitiveTypes.Date32)
	case *output[arrow.Time64]:
		o.fixed(arrow.FixedWidthTypes.Time64us)
	case *output[arrow.Timestamp]:
		o.fixed(timestampType)
	case *output[uuid]:
		o.fixed(types.Of(types.UUIDOID).Arrow())
	case *output[string]:
		b := array.NewStringBuilder(mem)
		o.builder, p.put = b, b.Append
	case *output[[]byte]:
		b := array.NewBinaryBuilder(mem, arrow.BinaryTypes.Binary)
		o.builder, p.put = b, b.Append
	case *output[[]float32]:
		b := types.NewBuilder(types.Of(types.VectorOID), mem)
		o.builder, p.put = b, func(v []float32) { types.AppendVector(b, v) }
	case *output[[]string]:
		b := types.NewBuilder(types.Of(types.TextArrayOID), mem)
		o.builder, p.put = b, func(v []string) { appendStrings(b, v) }
	default:
		outputExtension(p, mem)
	}
	if o.builder != nil {
		o.builder.Reserve(n)
	}
	return o
}

var timestampType = &arrow.TimestampType{Unit: arrow.Microsecond}

// fixed prepares the data buffer of a type whose Go and Arrow layouts agree.
func (o *output[R]) fixed(typ arrow.DataType) {
	var zero R
	o.typ = typ
	o.data = memory.NewResizableBuffer(o.mem)
	o.data.Resize(max(1, o.n) * int(unsafe.Sizeof(zero)))
	o.values = unsafe.Slice((*R)(unsafe.Pointer(unsafe.SliceData(o.data.Bytes()))), max(1, o.n))[:o.n]
}

// set stores the value of row i.
func (o *output[R]) set(i int, v R) {
	switch {
	case o.values != nil:
		o.values[i] = v
	case o.bits != nil:
		if any(v).(bool) {
			o.bits[i>>3] |= 1 << (i & 7)
		}
	default:
		o.put(v)
	}
}

// null makes row i null.
func (o *output[R]) null(i int) {
	if o.builder != nil {
		o.builder.AppendNull()
		return
	}
	if o.valid == nil {
		o.valid = memory.NewResizableBuffer(o.mem)
		o.valid.Resize(int(bitutil.BytesForBits(int64(o.n))))
		valid := o.valid.Bytes()
		for k := range valid {
			valid[k] = 0xff
		}
	}
	bitutil.ClearBit(o.valid.Bytes(), i)
	o.nulls++
	if o.values != nil {
		var zero R
		o.values[i] = zero
	}
}

// setNulls takes over the validity of the arguments: a row is null when it is
// null in one of them. The values of such rows are left as they are.
func (o *output[R]) setNulls(args []types.Vec) {
	for _, v := range args {
		if v.Array.NullN() == 0 {
			continue
		}
		if o.valid == nil {
			o.valid = memory.NewResizableBuffer(o.mem)
			o.valid.Resize(int(bitutil.BytesForBits(int64(o.n))))
			valid := o.valid.Bytes()
			for k := range valid {
				valid[k] = 0xff
			}
		}
		valid := o.valid.Bytes()
		if v.Const {
			clear(valid)
			continue
		}
		data := v.Array.Data()
		bitutil.BitmapAnd(valid, v.Array.NullBitmapBytes(), 0, int64(data.Offset()), valid, 0, int64(o.n))
	}
	if o.valid != nil {
		o.nulls = o.n - bitutil.CountSetBits(o.valid.Bytes(), 0, o.n)
	}
}

// finish returns the array and gives up the output.
func (o *output[R]) finish() arrow.Array {
	if o.builder != nil {
		a := o.builder.NewArray()
		o.builder.Release()
		return a
	}
	data := array.NewData(o.typ, o.n, []*memory.Buffer{o.valid, o.data}, nil, o.nulls, 0)
	o.abort()
	defer data.Release()
	return array.MakeFromData(data)
}

// abort releases what a failed kernel gathered.
func (o *output[R]) abort() {
	if o.builder != nil {
		o.builder.Release()
		return
	}
	o.data.Release()
	if o.valid != nil {
		o.valid.Release()
	}
}

// unreadable is a bug: a kernel was written for a Go type that no SQL type has.
func unreadable(x any) string { return fmt.Sprintf("funcs: no Arrow layout for %T", x) }
