package types

import (
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/memory"
)

func benchVector(dim int) []float32 {
	r := rand.New(rand.NewPCG(1, 1))
	v := make([]float32, dim)
	for i := range v {
		v[i] = float32(r.NormFloat64() * 0.1)
	}
	return v
}

func BenchmarkVectorText(b *testing.B) {
	const rows = 1000
	typ := T{OID: VectorOID, Mod: 100}
	text := string(AppendVectorText(nil, benchVector(100)))
	builder := NewBuilder(typ, memory.DefaultAllocator)
	defer builder.Release()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if err := typ.Type().ParseText(builder, text, typ.Mod, nil); err != nil {
			b.Fatal(err)
		}
		if n++; n%rows == 0 {
			builder.NewArray().Release()
		}
	}
}

func BenchmarkVectorBinary(b *testing.B) {
	typ := T{OID: VectorOID, Mod: 100}
	data := appendVectorBinary(nil, benchVector(100))
	builder := NewBuilder(typ, memory.DefaultAllocator)
	defer builder.Release()
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if err := typ.Type().ParseBinary(builder, data, typ.Mod); err != nil {
			b.Fatal(err)
		}
		if n++; n%1000 == 0 {
			builder.NewArray().Release()
		}
	}
}

func BenchmarkVectorPrint(b *testing.B) {
	v := benchVector(100)
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendVectorText(buf[:0], v)
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkVectorSend(b *testing.B) {
	v := benchVector(100)
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = appendVectorBinary(buf[:0], v)
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkParseInt(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if v, err := ParseInt("123456789", "integer", -1<<31, 1<<31-1); err != nil || v != 123456789 {
			b.Fatal(v, err)
		}
	}
}

func BenchmarkNumericAdd(b *testing.B) {
	x, y := NewNumeric(12345678, 2), NewNumeric(98765432, 2)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := x.Add(y); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStoredNumeric turns 4,096 numeric(12,2) into what storage keeps and
// back.
func BenchmarkStoredNumeric(b *testing.B) {
	column := T{NumericOID, NumericTypmod(12, 2)}
	bld := NewBuilder(column, memory.DefaultAllocator)
	for i := range 4096 {
		AppendNumeric(bld, NewNumeric(int64(i)*37, 2))
	}
	a := bld.NewArray()
	stored, err := column.ToStorage(a, memory.DefaultAllocator)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		b.SetBytes(4096 * 16)
		for b.Loop() {
			x, _ := column.ToStorage(a, memory.DefaultAllocator)
			x.Release()
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.SetBytes(4096 * 16)
		for b.Loop() {
			column.FromStorage(stored, memory.DefaultAllocator).Release()
		}
	})
}
