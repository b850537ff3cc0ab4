package types

import (
	"cmp"
	"math"
	"strconv"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/sql/sqlerr"
)

func registerInts() {
	define(&Type{
		OID: Int2OID, Name: "int2", SQLName: "smallint", Len: 2, ByVal: true, Align: 's', Storage: 'p',
		Category: CategoryNumeric, Array: Int2ArrayOID, ArrowType: always(arrow.PrimitiveTypes.Int16),
		AppendText: func(dst []byte, a arrow.Array, i int, _ *Format) []byte {
			return strconv.AppendInt(dst, int64(a.(*array.Int16).Value(i)), 10)
		},
		ParseText: func(b array.Builder, s string, _ int32, _ *Format) error {
			v, err := ParseInt(s, "smallint", math.MinInt16, math.MaxInt16)
			if err == nil {
				b.(*array.Int16Builder).Append(int16(v))
			}
			return err
		},
		AppendBinary: func(dst []byte, a arrow.Array, i int) []byte {
			return appendUint16(dst, uint16(a.(*array.Int16).Value(i)))
		},
		ParseBinary: func(b array.Builder, data []byte, _ int32) error {
			c := cursor{data: data}
			v := c.int16()
			if err := c.done(); err != nil {
				return err
			}
			b.(*array.Int16Builder).Append(v)
			return nil
		},
		Compare: func(a arrow.Array, i int, b arrow.Array, j int) int {
			return cmp.Compare(a.(*array.Int16).Value(i), b.(*array.Int16).Value(j))
		},
		AppendKey: func(dst []byte, a arrow.Array, i int) []byte {
			return keyInt16(dst, a.(*array.Int16).Value(i))
		},
	})
	define(&Type{
		OID: Int4OID, Name: "int4", SQLName: "integer", Len: 4, ByVal: true, Align: 'i', Storage: 'p',
		Category: CategoryNumeric, Array: Int4ArrayOID, ArrowType: always(arrow.PrimitiveTypes.Int32),
		AppendText: func(dst []byte, a arrow.Array, i int, _ *Format) []byte {
			return strconv.AppendInt(dst, int64(a.(*array.Int32).Value(i)), 10)
		},
		ParseText: func(b array.Builder, s string, _ int32, _ *Format) error {
			v, err := ParseInt(s, "integer", math.MinInt32, math.MaxInt32)
			if err == nil {
				b.(*array.Int32Builder).Append(int32(v))
			}
			return err
		},
		AppendBinary: func(dst []byte, a arrow.Array, i int) []byte {
			return appendUint32(dst, uint32(a.(*array.Int32).Value(i)))
		},
		ParseBinary: func(b array.Builder, data []byte, _ int32) error {
			c := cursor{data: data}
			v := c.int32()
			if err := c.done(); err != nil {
				return err
			}
			b.(*array.Int32Builder).Append(v)
			return nil
		},
		Compare: func(a arrow.Array, i int, b arrow.Array, j int) int {
			return cmp.Compare(a.(*array.Int32).Value(i), b.(*array.Int32).Value(j))
		},
		AppendKey: func(dst []byte, a arrow.Array, i int) []byte {
			return keyInt32(dst, a.(*array.Int32).Value(i))
		},
	})
	define(&Type{
		OID: Int8OID, Name: "int8", SQLName: "bigint", Len: 8, ByVal: true, Align: 'd', Storage: 'p',
		Category: CategoryNumeric, Array: Int8ArrayOID, ArrowType: always(arrow.PrimitiveTypes.Int64),
		AppendText: func(dst []byte, a arrow.Array, i int, _ *Format) []byte {
			return strconv.AppendInt(dst, a.(*array.Int64).Value(i), 10)
		},
		ParseText: func(b array.Builder, s string, _ int32, _ *Format) error {
			v, err := ParseInt(s, "bigint", math.MinInt64, math.MaxInt64)
			if err == nil {
				b.(*array.Int64Builder).Append(v)
			}
			return err
		},
		AppendBinary: func(dst []byte, a arrow.Array, i int) []byte {
			return appendUint64(dst, uint64(a.(*array.Int64).Value(i)))
		},
		ParseBinary: func(b array.Builder, data []byte, _ int32) error {
			c := cursor{data: data}
			v := c.int64()
			if err := c.done(); err != nil {
				return err
			}
			b.(*array.Int64Builder).Append(v)
			return nil
		},
		Compare: func(a arrow.Array, i int, b arrow.Array, j int) int {
			return cmp.Compare(a.(*array.Int64).Value(i), b.(*array.Int64).Value(j))
		},
		AppendKey: func(dst []byte, a arrow.Array, i int) []byte {
			return keyInt64(dst, a.(*array.Int64).Value(i))
		},
	})
}

// ParseInt reads a decimal integer within [lo, hi], blanks around it allowed,
// without allocating. typeName is the SQL name that errors give (22P02, 22003).
func ParseInt(s, typeName string, lo, hi int64) (int64, error) {
	t := trimSpace(s)
	negative := false
	if t != "" && (t[0] == '-' || t[0] == '+') {
		negative = t[0] == '-'
		t = t[1:]
	}
	if t == "" {
		return 0, invalidText(typeName, s)
	}
	// Gather downwards, since there is one more negative number.
	v, overflow := int64(0), false
	for k := 0; k < len(t); k++ {
		d := int64(t[k]) - '0'
		if d < 0 || d > 9 {
			return 0, invalidText(typeName, s)
		}
		if v < (math.MinInt64+d)/10 {
			overflow = true
			continue
		}
		v = v*10 - d
	}
	switch {
	case overflow, !negative && v == math.MinInt64:
		return 0, errTextOutOfRange(typeName, s)
	case !negative:
		v = -v
	}
	if v < lo || v > hi {
		return 0, errTextOutOfRange(typeName, s)
	}
	return v, nil
}

// errTextOutOfRange is 22003 for a spelled value that its type cannot hold.
func errTextOutOfRange(typeName, s string) *sqlerr.Error {
	return sqlerr.New(sqlerr.NumericValueOutOfRange, "value \"%s\" is out of range for type %s", s, typeName)
}

// errOutOfRange is 22003 for a computed value that its type cannot hold.
func errOutOfRange(typeName string) *sqlerr.Error {
	return sqlerr.New(sqlerr.NumericValueOutOfRange, "%s out of range", typeName)
}
