package copyfile

import (
	"encoding/json"
	"math"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// Convert turns values of a file into an array of a SQL type, which the caller
// releases. What has an Arrow type of its own is taken over; everything else goes
// by the text that the type reads, so that a number may go into numeric or text,
// and a text into whatever it spells.
func Convert(a arrow.Array, t types.T, f *types.Format, mem memory.Allocator) (arrow.Array, error) {
	return convert(a, t, t.Type(), f, mem)
}

// convert is Convert with what reads texts, which of dynamic fields is not the type.
func convert(a arrow.Array, t types.T, kind *types.Type, f *types.Format, mem memory.Allocator) (arrow.Array, error) {
	switch from := a.(type) {
	case *array.Dictionary:
		return convertDictionary(from, t, kind, f, mem)
	case array.ExtensionArray:
		return convert(from.Storage(), t, kind, f, mem)
	case *array.Null:
		return types.NullArray(t, mem, from.Len()), nil
	}
	c := &conversion{t: t, kind: kind, f: f}
	set := c.direct(a)
	if set == nil {
		set = c.byText(a)
	}
	b := types.NewBuilder(t, mem)
	defer b.Release()
	b.Reserve(a.Len())
	for i := range a.Len() {
		if a.IsNull(i) {
			b.AppendNull()
			continue
		}
		if err := set(b, i); err != nil {
			return nil, err
		}
	}
	return b.NewArray(), nil
}

// conversion is of one array into one type.
type conversion struct {
	t    types.T
	kind *types.Type
	f    *types.Format
}

// setter appends the value at i, which is not null, to b.
type setter func(b array.Builder, i int) error

func convertDictionary(d *array.Dictionary, t types.T, kind *types.Type, f *types.Format, mem memory.Allocator) (arrow.Array, error) {
	values, err := convert(d.Dictionary(), t, kind, f, mem)
	if err != nil {
		return nil, err
	}
	defer values.Release()
	b := types.NewBuilder(t, mem)
	defer b.Release()
	for i := range d.Len() {
		if d.IsNull(i) {
			b.AppendNull()
			continue
		}
		at := d.GetValueIndex(i)
		if at < 0 || at >= values.Len() {
			return nil, malformed("dictionary has no value %d", at)
		}
		types.AppendFrom(b, values, at)
	}
	return b.NewArray(), nil
}

// direct is the way for types that need no text; nil for others.
func (c *conversion) direct(a arrow.Array) setter {
	switch c.t.OID {
	case types.BoolOID:
		if from, ok := a.(*array.Boolean); ok {
			return func(b array.Builder, i int) error { b.(*array.BooleanBuilder).Append(from.Value(i)); return nil }
		}
	case types.Int2OID, types.Int4OID, types.Int8OID:
		return c.integer(a)
	case types.Float4OID, types.Float8OID:
		return c.float(a)
	case types.VectorOID, types.HalfvecOID:
		return c.vector(a)
	case types.TextOID:
		return c.text(a)
	case types.ByteaOID:
		if from, ok := binaryOf(a); ok {
			return func(b array.Builder, i int) error { b.(*array.BinaryBuilder).Append(from(i)); return nil }
		}
	case types.UUIDOID:
		if from, ok := a.(*array.FixedSizeBinary); ok && from.DataType().(*arrow.FixedSizeBinaryType).ByteWidth == 16 {
			return func(b array.Builder, i int) error {
				b.(*array.FixedSizeBinaryBuilder).Append(from.Value(i))
				return nil
			}
		}
	case types.TimestampOID, types.TimestamptzOID, types.DateOID, types.TimeOID:
		return c.moment(a)
	}
	if c.kind.Elem != 0 && c.kind.Category == types.CategoryArray {
		return c.array(a)
	}
	return nil
}

// integersOf reads whole numbers of any width.
func integersOf(a arrow.Array) func(i int) (int64, bool) {
	switch from := a.(type) {
	case *array.Int8:
		return func(i int) (int64, bool) { return int64(from.Value(i)), true }
	case *array.Int16:
		return func(i int) (int64, bool) { return int64(from.Value(i)), true }
	case *array.Int32:
		return func(i int) (int64, bool) { return int64(from.Value(i)), true }
	case *array.Int64:
		return func(i int) (int64, bool) { return from.Value(i), true }
	case *array.Uint8:
		return func(i int) (int64, bool) { return int64(from.Value(i)), true }
	case *array.Uint16:
		return func(i int) (int64, bool) { return int64(from.Value(i)), true }
	case *array.Uint32:
		return func(i int) (int64, bool) { return int64(from.Value(i)), true }
	case *array.Uint64:
		return func(i int) (int64, bool) { return int64(from.Value(i)), from.Value(i) <= math.MaxInt64 }
	}
	return nil
}

func (c *conversion) integer(a arrow.Array) setter {
	read := integersOf(a)
	if read == nil {
		return nil
	}
	outOfRange := func() error {
		return sqlerr.New(sqlerr.NumericValueOutOfRange, "%s out of range", c.kind.SQLName)
	}
	var lo, hi int64
	var put func(b array.Builder, v int64)
	switch c.t.OID {
	case types.Int2OID:
		lo, hi = math.MinInt16, math.MaxInt16
		put = func(b array.Builder, v int64) { b.(*array.Int16Builder).Append(int16(v)) }
	case types.Int4OID:
		lo, hi = math.MinInt32, math.MaxInt32
		put = func(b array.Builder, v int64) { b.(*array.Int32Builder).Append(int32(v)) }
	default:
		lo, hi = math.MinInt64, math.MaxInt64
		put = func(b array.Builder, v int64) { b.(*array.Int64Builder).Append(v) }
	}
	return func(b array.Builder, i int) error {
		v, ok := read(i)
		if !ok || v < lo || v > hi {
			return outOfRange()
		}
		put(b, v)
		return nil
	}
}

// floatsOf reads numbers as float64.
func floatsOf(a arrow.Array) func(i int) float64 {
	switch from := a.(type) {
	case *array.Float16:
		return func(i int) float64 { return float64(from.Value(i).Float32()) }
	case *array.Float32:
		return func(i int) float64 { return float64(from.Value(i)) }
	case *array.Float64:
		return func(i int) float64 { return from.Value(i) }
	}
	if read := integersOf(a); read != nil && a.DataType().ID() != arrow.UINT64 {
		return func(i int) float64 { v, _ := read(i); return float64(v) }
	}
	return nil
}

func (c *conversion) float(a arrow.Array) setter {
	read := floatsOf(a)
	if read == nil {
		return nil
	}
	if c.t.OID == types.Float8OID {
		return func(b array.Builder, i int) error { b.(*array.Float64Builder).Append(read(i)); return nil }
	}
	return func(b array.Builder, i int) error {
		v := read(i)
		x := float32(v)
		switch {
		case math.IsInf(float64(x), 0) && !math.IsInf(v, 0):
			return sqlerr.New(sqlerr.NumericValueOutOfRange, "value out of range: overflow")
		case x == 0 && v != 0:
			return sqlerr.New(sqlerr.NumericValueOutOfRange, "value out of range: underflow")
		}
		b.(*array.Float32Builder).Append(x)
		return nil
	}
}

// vector takes lists of numbers, of a fixed size or not.
func (c *conversion) vector(a arrow.Array) setter {
	list, ok := a.(array.ListLike)
	if !ok || a.DataType().ID() == arrow.MAP {
		return nil
	}
	values := list.ListValues()
	var read func(start, end int64) []float32
	if single, ok := values.(*array.Float32); ok {
		all := single.Float32Values()
		read = func(start, end int64) []float32 { return all[start:end] }
	} else {
		each := floatsOf(values)
		if each == nil {
			return nil
		}
		var scratch []float32
		read = func(start, end int64) []float32 {
			scratch = scratch[:0]
			for i := start; i < end; i++ {
				scratch = append(scratch, float32(each(int(i))))
			}
			return scratch
		}
	}
	nulls := values.NullN() > 0
	var halves []types.Half
	return func(b array.Builder, i int) error {
		start, end := list.ValueOffsets(i)
		if start < 0 || end < start || end > int64(values.Len()) {
			return malformed("a list is not within its values")
		}
		for k := start; nulls && k < end; k++ {
			if values.IsNull(int(k)) {
				return sqlerr.New(sqlerr.NullValueNotAllowed, "array must not contain nulls")
			}
		}
		v := read(start, end)
		if c.t.OID == types.VectorOID {
			if err := types.CheckVector(v, c.t.Mod); err != nil {
				return err
			}
			types.AppendVector(b, v)
			return nil
		}
		halves = halves[:0]
		for _, x := range v {
			halves = append(halves, types.HalfOf(x))
		}
		if err := types.CheckHalfvec(halves, c.t.Mod); err != nil {
			return err
		}
		types.AppendHalfvec(b, halves)
		return nil
	}
}

func (c *conversion) text(a arrow.Array) setter {
	var value func(i int) string
	switch from := a.(type) {
	case *array.String:
		value = from.Value
	case *array.LargeString:
		value = from.Value
	default:
		return nil
	}
	return func(b array.Builder, i int) error {
		s := value(i)
		if err := types.CheckUTF8(s); err != nil {
			return err
		}
		b.(*array.StringBuilder).Append(s)
		return nil
	}
}

func binaryOf(a arrow.Array) (func(i int) []byte, bool) {
	switch from := a.(type) {
	case *array.Binary:
		return from.Value, true
	case *array.LargeBinary:
		return from.Value, true
	case *array.FixedSizeBinary:
		return from.Value, true
	}
	return nil, false
}

// moment takes dates and times. An infinity is the extreme number of its type,
// as in a table.
func (c *conversion) moment(a arrow.Array) setter {
	switch from := a.(type) {
	case *array.Timestamp:
		if c.t.OID != types.TimestampOID && c.t.OID != types.TimestamptzOID {
			return nil
		}
		unit := from.DataType().(*arrow.TimestampType).Unit
		return func(b array.Builder, i int) error {
			micros, ok := microsOf(int64(from.Value(i)), unit)
			if !ok || !types.ValidTimestamp(micros) {
				return sqlerr.New(sqlerr.DatetimeFieldOverflow, "timestamp out of range")
			}
			b.(*array.TimestampBuilder).Append(arrow.Timestamp(types.RoundTimestamp(micros, c.t.Mod)))
			return nil
		}
	case *array.Date32:
		if c.t.OID == types.DateOID {
			return func(b array.Builder, i int) error { return appendDate(b, int64(from.Value(i))) }
		}
	case *array.Date64:
		if c.t.OID == types.DateOID {
			return func(b array.Builder, i int) error {
				return appendDate(b, floorDiv(int64(from.Value(i)), int64(24*time.Hour/time.Millisecond)))
			}
		}
	case *array.Time32:
		unit := from.DataType().(*arrow.Time32Type).Unit
		return c.timeOfDay(func(i int) int64 { return int64(from.Value(i)) }, unit)
	case *array.Time64:
		unit := from.DataType().(*arrow.Time64Type).Unit
		return c.timeOfDay(func(i int) int64 { return int64(from.Value(i)) }, unit)
	}
	return nil
}

func appendDate(b array.Builder, days int64) error {
	if !types.ValidDate(days) {
		return sqlerr.New(sqlerr.DatetimeFieldOverflow, "date out of range")
	}
	b.(*array.Date32Builder).Append(arrow.Date32(days))
	return nil
}

const dayMicros = int64(24 * time.Hour / time.Microsecond)

func (c *conversion) timeOfDay(read func(i int) int64, unit arrow.TimeUnit) setter {
	if c.t.OID != types.TimeOID || c.t.Mod >= 0 {
		return nil
	}
	return func(b array.Builder, i int) error {
		micros, ok := microsOf(read(i), unit)
		if !ok || micros < 0 || micros > dayMicros {
			return sqlerr.New(sqlerr.DatetimeFieldOverflow, "time out of range")
		}
		b.(*array.Time64Builder).Append(arrow.Time64(micros))
		return nil
	}
}

// microsOf is a count of units in microseconds, rounded down.
func microsOf(v int64, unit arrow.TimeUnit) (micros int64, ok bool) {
	switch unit {
	case arrow.Nanosecond:
		return floorDiv(v, 1000), true
	case arrow.Microsecond:
		return v, true
	}
	scale := int64(1000)
	if unit == arrow.Second {
		scale = 1000_000
	}
	if v > math.MaxInt64/scale || v < math.MinInt64/scale {
		return 0, false
	}
	return v * scale, true
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// array takes lists as arrays of one dimension.
func (c *conversion) array(a arrow.Array) setter {
	list, ok := a.(array.ListLike)
	if !ok || a.DataType().ID() == arrow.MAP {
		return nil
	}
	return func(b array.Builder, i int) error {
		start, end := list.ValueOffsets(i)
		values := list.ListValues()
		if start < 0 || end < start || end > int64(values.Len()) {
			return malformed("a list is not within its values")
		}
		part := array.NewSlice(values, start, end)
		defer part.Release()
		elements, err := Convert(part, types.T{OID: c.kind.Elem, Mod: c.t.Mod}, c.f, memory.DefaultAllocator)
		if err != nil {
			return err
		}
		defer elements.Release()
		into := types.BeginArray(b)
		for k := range elements.Len() {
			types.AppendFrom(into, elements, k)
		}
		types.FinishArray(b, nil)
		return nil
	}
}

// byText spells a value, for the type to read.
func (c *conversion) byText(a arrow.Array) setter {
	spell := func(i int) (string, error) { return a.ValueStr(i), nil }
	switch from := a.(type) {
	case *array.Binary:
		spell = func(i int) (string, error) { return string(from.Value(i)), nil }
	case *array.LargeBinary:
		spell = func(i int) (string, error) { return string(from.Value(i)), nil }
	case *array.Timestamp:
		spell = func(i int) (string, error) {
			t := from.DataType().(*arrow.TimestampType)
			s := from.Value(i).ToTime(t.Unit).UTC().Format("2006-01-02 15:04:05.999999")
			if t.TimeZone != "" {
				s += "+00"
			}
			return s, nil
		}
	case *array.Decimal128:
		scale := from.DataType().(*arrow.Decimal128Type).Scale
		spell = func(i int) (string, error) { return from.Value(i).ToString(scale), nil }
	case *array.Decimal256:
		scale := from.DataType().(*arrow.Decimal256Type).Scale
		spell = func(i int) (string, error) { return from.Value(i).ToString(scale), nil }
	case *array.Struct, *array.Map, *array.List, *array.LargeList, *array.FixedSizeList:
		spell = func(i int) (string, error) {
			text, err := json.Marshal(a.GetOneForMarshal(i))
			return string(text), broken("arrow", err)
		}
	}
	return func(b array.Builder, i int) error {
		s, err := spell(i)
		if err == nil {
			err = types.CheckUTF8(s)
		}
		if err != nil {
			return err
		}
		return c.kind.ParseText(b, s, c.t.Mod, c.f)
	}
}
