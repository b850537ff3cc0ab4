package types

import (
	"errors"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/cockroachdb/apd/v3"

	"quiver/sql/sqlerr"
)

func TestStorageTypeOfNumeric(t *testing.T) {
	for _, c := range []struct {
		t    T
		want string
	}{
		{Of(NumericOID), "binary"},
		{T{NumericOID, NumericTypmod(12, 2)}, "decimal(12, 2)"},
		{T{NumericOID, NumericTypmod(38, 38)}, "decimal(38, 38)"},
		{T{NumericOID, NumericTypmod(39, 2)}, "binary"},
		{T{NumericOID, NumericTypmod(2, -3)}, "decimal(2, -3)"},
		{T{NumericOID, NumericTypmod(3, 5)}, "decimal(3, 5)"},
		{T{NumericOID, NumericTypmod(38, 127)}, "decimal(38, 127)"},
		{T{NumericOID, NumericTypmod(38, 128)}, "binary"},
		{T{NumericOID, NumericTypmod(38, -129)}, "binary"},
		{Of(Int8OID), "int64"},
	} {
		if got := c.t.StorageArrow().String(); got != c.want {
			t.Errorf("%v: %s, want %s", c.t, got, c.want)
		}
		if Of(NumericOID).Arrow().ID() != arrow.BINARY {
			t.Error("statements see numerics as Binary")
		}
	}
}

// randomCoefficient has 0 to digits digits, those around 64 bits often.
func randomCoefficient(r *rand.Rand, digits int) *big.Int {
	c := new(big.Int)
	switch r.IntN(6) {
	case 0:
		c.Lsh(big.NewInt(1), uint(r.IntN(127))).Add(c, big.NewInt(int64(r.IntN(3)-1)))
	case 1:
		c.Sub(pow10(r.IntN(digits+1)), big.NewInt(1))
	default:
		for range r.IntN(digits + 1) {
			c.Mul(c, big.NewInt(10)).Add(c, big.NewInt(int64(r.IntN(10))))
		}
	}
	c.Mod(c, pow10(digits))
	if r.IntN(2) == 0 {
		c.Neg(c)
	}
	return c
}

// What is stored comes back as it was, whatever the modifier, nulls and slices.
func TestStoredNumericsComeBack(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 38))
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	for range 400 {
		precision, scale := 1+r.IntN(38), r.IntN(60)-10
		column := T{NumericOID, NumericTypmod(int32(precision), int32(scale))}
		in := randomNumerics(r, mem, column, precision, scale)
		from := r.IntN(in.Len() + 1)
		slice := array.NewSlice(in, int64(from), int64(from+r.IntN(in.Len()-from+1)))
		stored, err := column.ToStorage(slice, mem)
		if err != nil {
			t.Fatal(err)
		}
		if !arrow.TypeEqual(stored.DataType(), column.StorageArrow()) {
			t.Fatalf("stored as %v", stored.DataType())
		}
		part := array.NewSlice(stored, int64(stored.Len()/3), int64(stored.Len()))
		back := column.FromStorage(part, mem)
		want := array.NewSlice(slice, int64(stored.Len()/3), int64(stored.Len()))
		if !sameValues(back, want) {
			t.Fatalf("numeric(%d,%d): %v came back as %v", precision, scale, want, back)
		}
		for _, a := range []arrow.Array{in, slice, stored, part, back, want} {
			a.Release()
		}
	}
}

func randomNumerics(r *rand.Rand, mem memory.Allocator, column T, precision, scale int) arrow.Array {
	b := NewBuilder(column, mem)
	defer b.Release()
	wide := r.IntN(3)
	for range r.IntN(5000) {
		switch {
		case r.IntN(50) == 0:
			b.AppendNull()
		case wide > 0 && r.IntN(50) == 0:
			AppendNumeric(b, NumericNaN)
		default:
			digits := precision
			if wide == 0 {
				digits = min(digits, 17)
			}
			c := randomCoefficient(r, digits)
			if scale < 0 {
				c.Mul(c, pow10(-scale))
			}
			AppendNumeric(b, NewNumericBig(c, int32(max(scale, 0))))
		}
	}
	return b.NewArray()
}

// sameValues compares byte for byte: value, scale and nulls.
func sameValues(x, y arrow.Array) bool {
	a, b := x.(*array.Binary), y.(*array.Binary)
	if a.Len() != b.Len() || a.NullN() != b.NullN() {
		return false
	}
	for i := range a.Len() {
		if a.IsNull(i) != b.IsNull(i) || a.IsValid(i) && string(a.Value(i)) != string(b.Value(i)) {
			return false
		}
	}
	return true
}

// The text of a stored value is what apd makes of the same digits.
func TestStoredNumericAgainstApd(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	for range 5000 {
		scale := r.IntN(39)
		c := randomCoefficient(r, 38)
		column := T{NumericOID, NumericTypmod(38, int32(scale))}
		want := apd.NewWithBigInt(new(apd.BigInt).SetMathBigInt(c), int32(-scale)).Text('f')
		b := NewBuilder(column, memory.DefaultAllocator)
		if err := column.Type().ParseText(b, want, column.Mod, DefaultFormat()); err != nil {
			t.Fatal(want, err)
		}
		stored, err := column.ToStorage(b.NewArray(), memory.DefaultAllocator)
		if err != nil {
			t.Fatal(err)
		}
		got := NumericAt(column.FromStorage(stored, memory.DefaultAllocator), 0).String()
		if got != strings.TrimPrefix(want, "-") && got != want || want[0] == '-' && c.Sign() != 0 && got != want {
			t.Fatalf("%s came back as %s", want, got)
		}
	}
}

// What no assignment lets through is refused here too, in the same words.
func TestToStorageRefusesWhatDoesNotFit(t *testing.T) {
	column := T{NumericOID, NumericTypmod(4, 2)}
	for value, detail := range map[string]string{
		"Infinity":  "A field with precision 4, scale 2 cannot hold an infinite value.",
		"-Infinity": "A field with precision 4, scale 2 cannot hold an infinite value.",
		"100":       "A field with precision 4, scale 2 must round to an absolute value less than 10^2.",
		"1e30":      "A field with precision 4, scale 2 must round to an absolute value less than 10^2.",
	} {
		n, err := ParseNumeric(value)
		if err != nil {
			t.Fatal(err)
		}
		b := NewBuilder(column, memory.DefaultAllocator)
		AppendNumeric(b, n)
		_, err = column.ToStorage(b.NewArray(), memory.DefaultAllocator)
		var e *sqlerr.Error
		if !errors.As(err, &e) || e.Code != sqlerr.NumericValueOutOfRange || e.Detail != detail {
			t.Errorf("%s: %v", value, err)
		}
	}
}

// FuzzStoredNumeric stores what a text spells under any modifier and reads it
// back.
func FuzzStoredNumeric(f *testing.F) {
	f.Add("0", int32(1), int32(0))
	f.Add("-99999999999999999999999999999999999999", int32(38), int32(0))
	f.Add("9223372036854775808", int32(19), int32(0))
	f.Add("-9223372036854775.808", int32(38), int32(3))
	f.Add("18446744073709551616.5", int32(30), int32(1))
	f.Add("NaN", int32(5), int32(2))
	f.Add("-Infinity", int32(5), int32(2))
	f.Add("12345", int32(2), int32(-3))
	f.Add("0.000012", int32(2), int32(6))
	f.Fuzz(func(t *testing.T, text string, precision, scale int32) {
		if precision < 1 || precision > numericPrecisionMax || scale < -1000 || scale > 1000 || len(text) > 2000 {
			return
		}
		column := T{NumericOID, NumericTypmod(precision, scale)}
		n, err := ParseNumeric(text)
		if err != nil {
			return
		}
		want, fitErr := n.Fit(column.Mod)
		b := NewBuilder(column, memory.DefaultAllocator)
		AppendNumeric(b, n)
		if column.StorageArrow().ID() != arrow.DECIMAL128 {
			return
		}
		stored, err := column.ToStorage(b.NewArray(), memory.DefaultAllocator)
		if (err != nil) != (fitErr != nil) {
			t.Fatalf("assigning says %v, storing %v", fitErr, err)
		}
		if err == nil {
			if got := NumericAt(column.FromStorage(stored, memory.DefaultAllocator), 0).String(); got != want.String() {
				t.Fatalf("%s came back as %s", want, got)
			}
		}
	})
}

// A sum does not depend on how the values are spread over scales and widths.
func TestNumericSumAgainstBigInt(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		var s NumericSum
		want, scaleMax := new(big.Rat), int32(0)
		for range r.IntN(200) {
			n := NewNumericBig(randomCoefficient(r, []int{3, 19, 38}[r.IntN(3)]), int32(r.IntN(3)*r.IntN(8)))
			if err := s.Add(n.Append(nil)); err != nil {
				t.Fatal(err)
			}
			scaleMax = max(scaleMax, n.Scale())
			want.Add(want, new(big.Rat).SetFrac(n.Coefficient(), pow10(int(n.Scale()))))
		}
		got, err := s.Total()
		if err != nil || got.Scale() != scaleMax || new(big.Rat).SetFrac(got.Coefficient(), pow10(int(got.Scale()))).Cmp(want) != 0 {
			t.Fatalf("%v (%v), want %v of scale %d", got, err, want, scaleMax)
		}
	}
}
