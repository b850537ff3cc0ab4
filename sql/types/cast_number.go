package types

import (
	"math"
	"math/big"
	"strconv"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/sql/sqlerr"
)

func registerNumberCasts() {
	i16, i32, i64 := arrow.PrimitiveTypes.Int16, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64
	f32, f64, u32 := arrow.PrimitiveTypes.Float32, arrow.PrimitiveTypes.Float64, arrow.PrimitiveTypes.Uint32
	implicit, assignment, explicit := CastImplicit, CastAssignment, CastExplicit
	add := func(source, target OID, context CastContext, kernel Kernel) {
		registerCast(&Cast{Source: source, Target: target, Context: context, Method: 'f', Kernel: kernel})
	}

	add(Int2OID, Int4OID, implicit, castNumbers(i32, widen[int16, int32]))
	add(Int2OID, Int8OID, implicit, castNumbers(i64, widen[int16, int64]))
	add(Int2OID, Float4OID, implicit, castNumbers(f32, widen[int16, float32]))
	add(Int2OID, Float8OID, implicit, castNumbers(f64, widen[int16, float64]))
	add(Int4OID, Int2OID, assignment, castNumbers(i16, narrow[int32, int16]("smallint", math.MinInt16, math.MaxInt16)))
	add(Int4OID, Int8OID, implicit, castNumbers(i64, widen[int32, int64]))
	add(Int4OID, Float4OID, implicit, castNumbers(f32, widen[int32, float32]))
	add(Int4OID, Float8OID, implicit, castNumbers(f64, widen[int32, float64]))
	add(Int8OID, Int2OID, assignment, castNumbers(i16, narrow[int64, int16]("smallint", math.MinInt16, math.MaxInt16)))
	add(Int8OID, Int4OID, assignment, castNumbers(i32, narrow[int64, int32]("integer", math.MinInt32, math.MaxInt32)))
	add(Int8OID, Float4OID, implicit, castNumbers(f32, widen[int64, float32]))
	add(Int8OID, Float8OID, implicit, castNumbers(f64, widen[int64, float64]))

	add(Float4OID, Int2OID, assignment, castNumbers(i16, floatToInt[float32, int16]("smallint", -0x1p15, 0x1p15)))
	add(Float4OID, Int4OID, assignment, castNumbers(i32, floatToInt[float32, int32]("integer", -0x1p31, 0x1p31)))
	add(Float4OID, Int8OID, assignment, castNumbers(i64, floatToInt[float32, int64]("bigint", -0x1p63, 0x1p63)))
	add(Float4OID, Float8OID, implicit, castNumbers(f64, widen[float32, float64]))
	add(Float8OID, Int2OID, assignment, castNumbers(i16, floatToInt[float64, int16]("smallint", -0x1p15, 0x1p15)))
	add(Float8OID, Int4OID, assignment, castNumbers(i32, floatToInt[float64, int32]("integer", -0x1p31, 0x1p31)))
	add(Float8OID, Int8OID, assignment, castNumbers(i64, floatToInt[float64, int64]("bigint", -0x1p63, 0x1p63)))
	add(Float8OID, Float4OID, assignment, castNumbers(f32, Float64ToFloat32))

	for _, source := range []OID{Int2OID, Int4OID, Int8OID} {
		add(source, NumericOID, implicit, castValues(NumericOID, func(_ *EvalContext, b array.Builder, a arrow.Array, i int) error {
			AppendNumeric(b, NumericFromInt64(intAt(a, i)))
			return nil
		}))
	}
	for _, source := range []OID{Float4OID, Float8OID} {
		add(source, NumericOID, assignment, castValues(NumericOID, func(_ *EvalContext, b array.Builder, a arrow.Array, i int) error {
			if f, ok := a.(*array.Float32); ok {
				AppendNumeric(b, NumericFromFloat(float64(f.Value(i)), 6))
			} else {
				AppendNumeric(b, NumericFromFloat(a.(*array.Float64).Value(i), 15))
			}
			return nil
		}))
	}
	for _, target := range []OID{Int2OID, Int4OID, Int8OID, Float4OID, Float8OID} {
		k, context := fromNumeric[target], CastAssignment
		if target == Float4OID || target == Float8OID {
			context = CastImplicit
		}
		add(NumericOID, target, context, castValues(target, func(_ *EvalContext, b array.Builder, a arrow.Array, i int) error {
			return k(b, NumericAt(a, i))
		}))
	}
	add(NumericOID, NumericOID, implicit, identity)

	add(BoolOID, Int4OID, explicit, castValues(Int4OID, func(_ *EvalContext, b array.Builder, a arrow.Array, i int) error {
		b.(*array.Int32Builder).Append(int32(boolByte(a.(*array.Boolean).Value(i))))
		return nil
	}))
	add(Int4OID, BoolOID, explicit, castValues(BoolOID, func(_ *EvalContext, b array.Builder, a arrow.Array, i int) error {
		b.(*array.BooleanBuilder).Append(a.(*array.Int32).Value(i) != 0)
		return nil
	}))
	add(XID8OID, XIDOID, explicit, castNumbers(u32, widen[uint64, uint32]))

	oidFromInt8 := castNumbers(u32, func(v int64) (uint32, error) {
		if v < 0 || v > math.MaxUint32 {
			return 0, errOutOfRange("OID")
		}
		return uint32(v), nil
	})
	for _, reg := range oidTypes {
		add(Int2OID, reg, implicit, castNumbers(u32, func(v int16) (uint32, error) { return uint32(int32(v)), nil }))
		add(Int8OID, reg, implicit, oidFromInt8)
		add(reg, Int8OID, assignment, castNumbers(i64, widen[uint32, int64]))
		registerCast(&Cast{Source: Int4OID, Target: reg, Context: implicit, Method: 'b', Kernel: castNumbers(u32, widen[int32, uint32])})
		registerCast(&Cast{Source: reg, Target: Int4OID, Context: assignment, Method: 'b', Kernel: castNumbers(i32, widen[uint32, int32])})
		if reg != OIDOID {
			registerCast(&Cast{Source: OIDOID, Target: reg, Context: implicit, Method: 'b'})
			registerCast(&Cast{Source: reg, Target: OIDOID, Context: implicit, Method: 'b'})
		}
	}
	for _, pair := range [][2]OID{{RegprocOID, RegprocedureOID}, {RegoperOID, RegoperatorOID}} {
		registerCast(&Cast{Source: pair[0], Target: pair[1], Context: implicit, Method: 'b'})
		registerCast(&Cast{Source: pair[1], Target: pair[0], Context: implicit, Method: 'b'})
	}
}

// oidTypes are oid and the types over it that casts treat alike.
var oidTypes = []OID{
	OIDOID, RegprocOID, RegprocedureOID, RegoperOID, RegoperatorOID, RegclassOID, RegtypeOID,
	RegnamespaceOID, RegroleOID, RegcollationOID,
}

// widen converts without a check: the target holds every value, or rounds as C
// does, or has the same bits.
func widen[S, D number](v S) (D, error) { return D(v), nil }

func narrow[S int32 | int64, D int16 | int32](typeName string, lo, hi S) func(S) (D, error) {
	return func(v S) (D, error) {
		if v < lo || v > hi {
			return 0, errOutOfRange(typeName)
		}
		return D(v), nil
	}
}

// floatToInt rounds half to even and takes lo ≤ v < hi.
func floatToInt[S float32 | float64, D int16 | int32 | int64](typeName string, lo, hi float64) func(S) (D, error) {
	return func(v S) (D, error) {
		r := math.RoundToEven(float64(v))
		if !(r >= lo && r < hi) {
			return 0, errOutOfRange(typeName)
		}
		return D(r), nil
	}
}

// Float64ToFloat32 is the cast of float8 to float4, with its errors (22003).
func Float64ToFloat32(v float64) (float32, error) {
	out := float32(v)
	switch {
	case math.IsInf(float64(out), 0) && !math.IsInf(v, 0):
		return 0, sqlerr.New(sqlerr.NumericValueOutOfRange, "value out of range: overflow")
	case out == 0 && v != 0:
		return 0, sqlerr.New(sqlerr.NumericValueOutOfRange, "value out of range: underflow")
	}
	return out, nil
}

// intAt is value i of an array of int2, int4 or int8.
func intAt(a arrow.Array, i int) int64 {
	switch a := a.(type) {
	case *array.Int16:
		return int64(a.Value(i))
	case *array.Int32:
		return int64(a.Value(i))
	}
	return a.(*array.Int64).Value(i)
}

// NumericFromFloat is the cast of a float to numeric, which keeps as many
// significant digits as are sure: 15 of a float8, 6 of a float4.
func NumericFromFloat(v float64, digits int) Numeric {
	switch {
	case v != v:
		return NumericNaN
	case math.IsInf(v, 1):
		return NumericPosInf
	case math.IsInf(v, -1):
		return NumericNegInf
	}
	n, err := ParseNumeric(strconv.FormatFloat(v, 'g', digits, 64))
	if err != nil {
		panic("types: a float is no numeric: " + err.Error())
	}
	return n
}

// fromNumeric has the conversions of numeric to other numbers.
var fromNumeric = map[OID]func(array.Builder, Numeric) error{
	Int2OID: func(b array.Builder, n Numeric) error {
		v, err := n.toInt("smallint", math.MinInt16, math.MaxInt16)
		if err == nil {
			b.(*array.Int16Builder).Append(int16(v))
		}
		return err
	},
	Int4OID: func(b array.Builder, n Numeric) error {
		v, err := n.toInt("integer", math.MinInt32, math.MaxInt32)
		if err == nil {
			b.(*array.Int32Builder).Append(int32(v))
		}
		return err
	},
	Int8OID: func(b array.Builder, n Numeric) error {
		v, err := n.Int64()
		if err == nil {
			b.(*array.Int64Builder).Append(v)
		}
		return err
	},
	Float4OID: func(b array.Builder, n Numeric) error {
		v, err := n.Float32()
		if err == nil {
			b.(*array.Float32Builder).Append(v)
		}
		return err
	},
	Float8OID: func(b array.Builder, n Numeric) error {
		v, err := n.Float64()
		if err == nil {
			b.(*array.Float64Builder).Append(v)
		}
		return err
	},
}

// Int64 is the cast to int8: rounded half away from zero (22003, 0A000).
func (n Numeric) Int64() (int64, error) { return n.toInt("bigint", math.MinInt64, math.MaxInt64) }

func (n Numeric) toInt(typeName string, lo, hi int64) (int64, error) {
	switch {
	case n.kind == numericNaN:
		return 0, sqlerr.New(sqlerr.FeatureNotSupported, "cannot convert NaN to %s", typeName)
	case n.IsInf():
		return 0, sqlerr.New(sqlerr.FeatureNotSupported, "cannot convert infinity to %s", typeName)
	}
	n = n.Round(0)
	if n.big != nil || n.small < lo || n.small > hi {
		return 0, errOutOfRange(typeName)
	}
	return n.small, nil
}

// Float64 is the cast to float8 (22003 when it is too large).
func (n Numeric) Float64() (float64, error) {
	switch n.kind {
	case numericNaN:
		return quietNaN, nil
	case numericPosInf:
		return math.Inf(1), nil
	case numericNegInf:
		return math.Inf(-1), nil
	}
	if n.big == nil {
		d := decimal{mantissa: absInt64(n.small), exponent: int(-n.scale), negative: n.small < 0}
		if v, ok := d.exactFloat64(); ok {
			return v + 0, nil // no -0
		}
	}
	return ParseFloat64(n.String())
}

// Float32 is the cast to float4 (22003 when it is too large).
func (n Numeric) Float32() (float32, error) {
	switch n.kind {
	case numericNaN:
		return float32(quietNaN), nil
	case numericPosInf:
		return float32(math.Inf(1)), nil
	case numericNegInf:
		return float32(math.Inf(-1)), nil
	}
	return ParseFloat32(n.String())
}

// Decimal128 returns the value as an unscaled 128-bit integer of the given
// scale, big endian order left to the caller; ok is false when it does not fit
// numeric(38,scale) exactly.
func (n Numeric) Decimal128(scale int32) (unscaled *big.Int, ok bool) {
	if n.kind != numericFinite || n.scale > scale && n.MinScale() > scale {
		return nil, false
	}
	c := n.Round(scale).coef()
	return c, decimalDigitsAtMost(c, 38)
}

func decimalDigitsAtMost(c *big.Int, digits int) bool { return c.CmpAbs(pow10(digits)) < 0 }
