package binlog

import (
	"encoding/binary"
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"
)

// The codes of types in files; never renumbered.
const (
	codeNull byte = iota
	codeBool
	codeInt8
	codeInt16
	codeInt32
	codeInt64
	codeUint8
	codeUint16
	codeUint32
	codeUint64
	codeFloat16
	codeFloat32
	codeFloat64
	codeDate32
	codeDate64
	codeTime32
	codeTime64
	codeTimestamp
	codeDecimal128
	codeFixedSizeBinary
	codeBinary
	codeString
	codeList
	codeFixedSizeList
	codeStruct
)

// typeDepthMax bounds the nesting of types that are read.
const typeDepthMax = 16

var simpleTypes = map[byte]arrow.DataType{
	codeNull:    arrow.Null,
	codeBool:    arrow.FixedWidthTypes.Boolean,
	codeInt8:    arrow.PrimitiveTypes.Int8,
	codeInt16:   arrow.PrimitiveTypes.Int16,
	codeInt32:   arrow.PrimitiveTypes.Int32,
	codeInt64:   arrow.PrimitiveTypes.Int64,
	codeUint8:   arrow.PrimitiveTypes.Uint8,
	codeUint16:  arrow.PrimitiveTypes.Uint16,
	codeUint32:  arrow.PrimitiveTypes.Uint32,
	codeUint64:  arrow.PrimitiveTypes.Uint64,
	codeFloat16: arrow.FixedWidthTypes.Float16,
	codeFloat32: arrow.PrimitiveTypes.Float32,
	codeFloat64: arrow.PrimitiveTypes.Float64,
	codeDate32:  arrow.PrimitiveTypes.Date32,
	codeDate64:  arrow.PrimitiveTypes.Date64,
	codeBinary:  arrow.BinaryTypes.Binary,
	codeString:  arrow.BinaryTypes.String,
}

var simpleCodes = func() map[arrow.Type]byte {
	codes := make(map[arrow.Type]byte, len(simpleTypes))
	for code, dt := range simpleTypes {
		codes[dt.ID()] = code
	}
	return codes
}()

// AppendType appends the encoding of an Arrow type. Types that binlog cannot
// hold are ErrUnsupportedType.
func AppendType(dst []byte, dt arrow.DataType) ([]byte, error) {
	if code, ok := simpleCodes[dt.ID()]; ok {
		return append(dst, code), nil
	}
	switch t := dt.(type) {
	case *arrow.Time32Type:
		return append(dst, codeTime32, byte(t.Unit)), nil
	case *arrow.Time64Type:
		return append(dst, codeTime64, byte(t.Unit)), nil
	case *arrow.TimestampType:
		return appendBytes(append(dst, codeTimestamp, byte(t.Unit)), []byte(t.TimeZone)), nil
	case *arrow.Decimal128Type:
		return append(dst, codeDecimal128, byte(t.Precision), byte(int8(t.Scale))), nil
	case *arrow.FixedSizeBinaryType:
		return binary.AppendUvarint(append(dst, codeFixedSizeBinary), uint64(t.ByteWidth)), nil
	case *arrow.ListType:
		return appendTypeField(append(dst, codeList), t.ElemField())
	case *arrow.FixedSizeListType:
		dst = binary.AppendUvarint(append(dst, codeFixedSizeList), uint64(t.Len()))
		return appendTypeField(dst, t.ElemField())
	case *arrow.StructType:
		dst = binary.AppendUvarint(append(dst, codeStruct), uint64(len(t.Fields())))
		var err error
		for _, f := range t.Fields() {
			if dst, err = appendTypeField(dst, f); err != nil {
				return nil, err
			}
		}
		return dst, nil
	}
	return nil, fmt.Errorf("%w: %v", ErrUnsupportedType, dt)
}

func appendTypeField(dst []byte, f arrow.Field) ([]byte, error) {
	nullable := byte(0)
	if f.Nullable {
		nullable = 1
	}
	return AppendType(append(appendBytes(dst, []byte(f.Name)), nullable), f.Type)
}

// DecodeType reads what AppendType wrote and returns the rest of src.
func DecodeType(src []byte) (dt arrow.DataType, rest []byte, err error) {
	c := cursor{b: src}
	dt = c.dataType(0)
	if c.err != nil {
		return nil, nil, &CorruptionError{Reason: "type " + c.err.Error()}
	}
	return dt, c.b, nil
}

func (c *cursor) dataType(depth int) arrow.DataType {
	if depth > typeDepthMax {
		c.fail(fmt.Errorf("nests deeper than %d", typeDepthMax))
	}
	code := c.u8()
	if c.err != nil {
		return nil
	}
	if dt, ok := simpleTypes[code]; ok {
		return dt
	}
	switch code {
	case codeTime32:
		return &arrow.Time32Type{Unit: c.timeUnit()}
	case codeTime64:
		return &arrow.Time64Type{Unit: c.timeUnit()}
	case codeTimestamp:
		unit := c.timeUnit()
		return &arrow.TimestampType{Unit: unit, TimeZone: string(c.bytes())}
	case codeDecimal128:
		precision := int32(c.u8())
		return &arrow.Decimal128Type{Precision: precision, Scale: int32(int8(c.u8()))}
	case codeFixedSizeBinary:
		return &arrow.FixedSizeBinaryType{ByteWidth: int(c.width())}
	case codeList:
		if f := c.typeField(depth); c.err == nil {
			return arrow.ListOfField(f)
		}
	case codeFixedSizeList:
		n := c.width()
		if f := c.typeField(depth); c.err == nil {
			return arrow.FixedSizeListOfField(n, f)
		}
	case codeStruct:
		return c.structType(depth)
	default:
		c.fail(fmt.Errorf("code %d is unknown", code))
	}
	return nil
}

func (c *cursor) structType(depth int) arrow.DataType {
	n := c.uvarint()
	if n > uint64(len(c.b)) { // a field takes more than a byte
		c.fail(errShort)
		return nil
	}
	fields := make([]arrow.Field, 0, n)
	for range n {
		fields = append(fields, c.typeField(depth))
	}
	if c.err != nil {
		return nil
	}
	return arrow.StructOf(fields...)
}

func (c *cursor) typeField(depth int) arrow.Field {
	name := string(c.bytes())
	nullable := c.u8()
	if nullable > 1 {
		c.fail(fmt.Errorf("has nullable flag %d", nullable))
	}
	return arrow.Field{Name: name, Nullable: nullable == 1, Type: c.dataType(depth + 1)}
}

func (c *cursor) timeUnit() arrow.TimeUnit {
	u := c.u8()
	if u > byte(arrow.Nanosecond) {
		c.fail(fmt.Errorf("has time unit %d", u))
	}
	return arrow.TimeUnit(u)
}

// width reads a byte width or list size; both are at least 1 and at most what
// one event holds.
func (c *cursor) width() int32 {
	n := c.uvarint()
	if n == 0 || n > EventBytesMax {
		c.fail(fmt.Errorf("has width %d", n))
		return 1
	}
	return int32(n)
}

// fixedBitsMax caps the answer of fixedBits; such rows are far too wide anyway.
const fixedBitsMax = int64(1) << 40

// fixedBits returns the bits a row of a fixed-width type takes, validity aside;
// ok is false for types whose rows differ in size.
func fixedBits(dt arrow.DataType) (bits int64, ok bool) {
	switch t := dt.(type) {
	case *arrow.NullType:
		return 0, true
	case *arrow.FixedSizeListType:
		elem, ok := fixedBits(t.Elem())
		if elem > fixedBitsMax/int64(t.Len()) {
			return fixedBitsMax, ok
		}
		return elem * int64(t.Len()), ok
	case *arrow.StructType:
		for _, f := range t.Fields() {
			b, ok := fixedBits(f.Type)
			if !ok {
				return 0, false
			}
			bits = min(bits+(b+7)/8*8, fixedBitsMax)
		}
		return bits, true
	case arrow.FixedWidthDataType:
		return int64(t.BitWidth()), true
	}
	return 0, false
}
