package copyfile

import (
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// exported is how values of a SQL type look to other programs: an Arrow type
// that Parquet has, too, and the way there.
type exported struct {
	arrow arrow.DataType
	// turn makes an array of that type; nil is text.
	turn func(a arrow.Array, mem memory.Allocator) (arrow.Array, error)
}

// parquetLocal is the zone of timestamps without one that are about to be written as
// Parquet. The library marks those of no zone as adjusted to UTC, like those of UTC, and
// all others as not adjusted; of the zone's name it keeps nothing.
const parquetLocal = "local"

// exportOf chooses the form of a type: its own where Arrow has it, a list for
// vectors and arrays, and the text of the value for the rest. local is the zone of
// timestamps without one.
func exportOf(t types.T, local string) exported {
	same := func(dt arrow.DataType) exported {
		return exported{dt, func(a arrow.Array, _ memory.Allocator) (arrow.Array, error) { return retyped(a, dt), nil }}
	}
	switch t.OID {
	case types.BoolOID, types.Int2OID, types.Int4OID, types.Int8OID, types.Float4OID, types.Float8OID, types.DateOID, types.TimeOID,
		types.TextOID, types.VarcharOID, types.BPCharOID, types.NameOID, types.JSONOID, types.JSONBOID, types.ByteaOID, types.UUIDOID:
		return same(t.Arrow())
	case types.OIDOID:
		return same(arrow.PrimitiveTypes.Uint32)
	case types.TimestampOID:
		return same(&arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: local})
	case types.TimestamptzOID:
		return same(&arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"})
	case types.NumericOID:
		if dt, ok := t.StorageArrow().(*arrow.Decimal128Type); ok && dt.Scale >= 0 && dt.Scale <= dt.Precision {
			return exported{dt, func(a arrow.Array, mem memory.Allocator) (arrow.Array, error) { return exportDecimals(a, t, mem) }}
		}
	case types.VectorOID, types.HalfvecOID:
		return exportVectors(t)
	}
	if kind := t.Type(); kind.Elem != 0 && kind.Category == types.CategoryArray {
		return exportArrays(types.T{OID: kind.Elem, Mod: t.Mod}, t.OID, local)
	}
	return exported{arrow: arrow.BinaryTypes.String}
}

// retyped is a view of a under another type of the same layout.
func retyped(a arrow.Array, dt arrow.DataType) arrow.Array {
	if arrow.TypeEqual(a.DataType(), dt) {
		a.Retain()
		return a
	}
	d := a.Data()
	data := array.NewData(dt, d.Len(), d.Buffers(), nil, d.NullN(), d.Offset())
	defer data.Release()
	return array.MakeFromData(data)
}

func exportDecimals(a arrow.Array, t types.T, mem memory.Allocator) (arrow.Array, error) {
	stored, err := t.ToStorage(a, mem)
	if err != nil {
		return nil, err
	}
	for i, v := range stored.(*array.Decimal128).Values() {
		// The least number is storage's NaN.
		if stored.IsValid(i) && v.HighBits() == -1<<63 && v.LowBits() == 0 {
			stored.Release()
			return nil, sqlerr.New(sqlerr.NumericValueOutOfRange, "a decimal of Arrow cannot be NaN").
				WithHint("Cast the column to numeric without precision, or to double precision.")
		}
	}
	return stored, nil
}

// exportVectors makes lists of float32, of a fixed size where the type has one.
func exportVectors(t types.T) exported {
	single := types.T{OID: types.VectorOID, Mod: t.Mod}
	read := types.VectorAt
	if t.OID == types.HalfvecOID {
		var scratch []float32
		read = func(a arrow.Array, i int) []float32 {
			scratch = scratch[:0]
			for _, h := range types.HalfvecAt(a, i) {
				scratch = append(scratch, h.Float32())
			}
			return scratch
		}
	}
	return exported{single.Arrow(), func(a arrow.Array, mem memory.Allocator) (arrow.Array, error) {
		b := types.NewBuilder(single, mem)
		defer b.Release()
		for i := range a.Len() {
			if a.IsNull(i) {
				b.AppendNull()
				continue
			}
			types.AppendVector(b, read(a, i))
		}
		return b.NewArray(), nil
	}}
}

// exportArrays makes lists of arrays of one dimension, which begin at 1 but those of a
// type, of, whose values all begin at 0.
func exportArrays(elem types.T, of types.OID, local string) exported {
	first := 1
	if of == types.Int2VectorOID || of == types.OIDVectorOID {
		first = 0
	}
	inner := exportOf(elem, local)
	return exported{arrow.ListOf(inner.arrow), func(a arrow.Array, mem memory.Allocator) (arrow.Array, error) {
		b := array.NewInt32Builder(mem) // the offsets
		defer b.Release()
		valid := array.NewBooleanBuilder(mem)
		defer valid.Release()
		part := types.NewBuilder(elem, mem)
		defer part.Release()
		b.Append(0)
		for i := range a.Len() {
			valid.Append(a.IsValid(i))
			if a.IsValid(i) {
				v := types.ArrayAt(a, i)
				if v.NDims() > 1 {
					return nil, sqlerr.Unsupported("COPY of arrays of %d dimensions in this format", v.NDims())
				}
				if v.NDims() == 1 && v.Lower(0) != first {
					return nil, sqlerr.Unsupported("COPY of arrays with a lower bound of %d in this format", v.Lower(0))
				}
				for k := v.Start; k < v.End; k++ {
					types.AppendFrom(part, v.Elements, k)
				}
			}
			b.Append(int32(part.Len()))
		}
		elements := part.NewArray()
		defer elements.Release()
		values, err := inner.array(elements, elem, nil, mem)
		if err != nil {
			return nil, err
		}
		defer values.Release()
		offsets, validity := b.NewInt32Array(), valid.NewBooleanArray()
		defer offsets.Release()
		defer validity.Release()
		data := array.NewData(arrow.ListOf(inner.arrow), a.Len(), []*memory.Buffer{validity.Data().Buffers()[1], offsets.Data().Buffers()[1]},
			[]arrow.ArrayData{values.Data()}, array.UnknownNullCount, 0)
		defer data.Release()
		return array.NewListData(data), nil
	}}
}

// array turns values of type t into their exported form.
func (x exported) array(a arrow.Array, t types.T, f *types.Format, mem memory.Allocator) (arrow.Array, error) {
	if x.turn != nil {
		return x.turn(a, mem)
	}
	if f == nil {
		f = types.DefaultFormat()
	}
	b := array.NewStringBuilder(mem)
	defer b.Release()
	kind := t.Type()
	var text []byte
	for i := range a.Len() {
		if a.IsNull(i) {
			b.AppendNull()
			continue
		}
		text = kind.AppendText(text[:0], a, i, f)
		b.Append(string(text))
	}
	return b.NewArray(), nil
}
