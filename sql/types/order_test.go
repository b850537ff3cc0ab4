package types

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// goldenInputs are the values of the golden files that are valid with default
// settings and without modifier, by type.
func goldenInputs(t testing.TB) map[OID][]string {
	paths, err := filepath.Glob("testdata/*.golden")
	if err != nil {
		t.Fatal(err)
	}
	inputs := map[OID][]string{}
	for _, path := range paths {
		for _, l := range readGolden(t, path) {
			if l.typ != "" && l.binary != "" {
				typ := Of(typeNamed(t, l.typ).OID)
				b := NewBuilder(typ, memory.DefaultAllocator)
				if typ.Type().ParseText(b, l.input, NoMod, DefaultFormat()) == nil {
					inputs[typ.OID] = append(inputs[typ.OID], l.input)
				}
				b.Release()
			}
		}
	}
	return inputs
}

// addRandom adds random values of the types whose order has the most cases.
func addRandom(r *rand.Rand, inputs map[OID][]string) {
	add := func(oid OID, format string, args ...any) {
		inputs[oid] = append(inputs[oid], fmt.Sprintf(format, args...))
	}
	for range 60 {
		add(Int2OID, "%d", int16(r.Uint32()))
		add(Int4OID, "%d", int32(r.Uint32()>>r.IntN(32)))
		add(Int8OID, "%d", int64(r.Uint64()>>r.IntN(64))-1000)
		add(Float8OID, "%v", math.Float64frombits(r.Uint64()))
		add(Float4OID, "%v", math.Float32frombits(r.Uint32()))
		digits := fmt.Sprintf("%d", r.Uint64()>>r.IntN(64))
		point := r.IntN(len(digits) + 1)
		sign := []string{"", "-"}[r.IntN(2)]
		add(NumericOID, "%s%s.%s0", sign, digits[:point], digits[point:])
		add(NumericOID, "%s%se%d", sign, digits, r.IntN(60)-30)
		add(NumericOID, "%s%d.%0*d", sign, r.IntN(3), 1+r.IntN(4), r.IntN(10))
		add(IntervalOID, "%d mons %d days %d us", r.IntN(7)-3, r.IntN(200)-100, int64(r.Uint64()>>20)-(1<<43))
		add(VectorOID, "[%d,%d]", r.IntN(5)-2, r.IntN(5)-2)
		add(VectorOID, "[%d]", r.IntN(5)-2)
		add(HalfvecOID, "[%d,%d]", r.IntN(5)-2, r.IntN(5)-2)
		add(VarbitOID, "%0*b", 1+r.IntN(12), r.IntN(4))
		add(SparsevecOID, "{%d:%d}/%d", 1+r.IntN(3), r.IntN(5)-2, 3+r.IntN(3))
		add(SparsevecOID, "{%d:%d,%d:%d}/%d", 1+r.IntN(3), r.IntN(5)-2, 4+r.IntN(3), r.IntN(5)-2, 6+r.IntN(3))
		add(SparsevecOID, "{}/%d", 1+r.IntN(4))
		add(Int4ArrayOID, "{%d,%d}", r.IntN(4)-2, r.IntN(4)-2)
		add(Int4ArrayOID, "{NULL,%d}", r.IntN(4)-2)
		lower := r.IntN(3)
		add(Int4ArrayOID, "[%d:%d]={%d}", lower, lower, r.IntN(2))
		add(ByteaOID, `\x%02x%02x`, r.IntN(3), r.IntN(3))
		add(ByteaOID, `\x00%02x%02x`, r.IntN(3)*127, r.IntN(3)*127)
		add(TimetzOID, "%02d:00%+03d", r.IntN(24), r.IntN(20)-10)
		add(JSONBOID, `[%d,{"a":%d}]`, r.IntN(3), r.IntN(3))
		add(JSONBOID, `{"a":%d,"%c":[]}`, r.IntN(3), 'a'+rune(r.IntN(3)))
	}
	for _, s := range []string{"", "a", "ab", "b", "a b", "é", "\u732b", "a ", "a  "} {
		for _, oid := range []OID{TextOID, VarcharOID, BPCharOID, NameOID, UnknownOID} {
			inputs[oid] = append(inputs[oid], s)
		}
	}
	inputs[Int4ArrayOID] = append(inputs[Int4ArrayOID], "{}", "{{1},{2}}", "{1,2}", "{{1,2}}", "[0:1]={1,2}", "{NULL}")
	inputs[OIDVectorOID] = append(inputs[OIDVectorOID], "1", "1 2", "2", "4294967295", "0 0 0")
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

// arrayOfInputs reads texts into one array.
func arrayOfInputs(t testing.TB, typ T, texts []string, mem memory.Allocator) arrow.Array {
	b := NewBuilder(typ, mem)
	defer b.Release()
	for _, s := range texts {
		if err := typ.Type().ParseText(b, s, NoMod, DefaultFormat()); err != nil {
			t.Fatalf("%s of %q: %v", typ.Type().Name, s, err)
		}
	}
	return b.NewArray()
}

func TestKeysOrderAsCompare(t *testing.T) {
	inputs := goldenInputs(t)
	addRandom(rand.New(rand.NewPCG(1, 2)), inputs)
	checked := 0
	for oid, texts := range inputs {
		typ := ByOID(oid)
		if typ.Compare == nil {
			continue
		}
		checked++
		a := arrayOfInputs(t, Of(oid), texts, memory.DefaultAllocator)
		keys := make([][]byte, len(texts))
		for i := range texts {
			keys[i] = typ.AppendKey(nil, a, i)
		}
		for i := range texts {
			for j := range texts {
				order := sign(typ.Compare(a, i, a, j))
				if order != -sign(typ.Compare(a, j, a, i)) {
					t.Fatalf("%s: Compare(%q, %q) is not antisymmetric", typ.Name, texts[i], texts[j])
				}
				if got := bytes.Compare(keys[i], keys[j]); got != order {
					t.Fatalf("%s: keys of %q and %q compare %d, the values %d", typ.Name, texts[i], texts[j], got, order)
				}
				if order != 0 && bytes.HasPrefix(keys[j], keys[i]) {
					t.Fatalf("%s: the key of %q is a prefix of that of %q", typ.Name, texts[i], texts[j])
				}
			}
		}
		a.Release()
	}
	if checked < 25 {
		t.Errorf("only %d types checked", checked)
	}
}

func TestOrderOfSpecialValues(t *testing.T) {
	for oid, ascending := range map[OID][]string{
		Float8OID:    {"-inf", "-1", "0", "1e-300", "inf", "nan"},
		Float4OID:    {"-inf", "-1", "0", "1e-30", "inf", "nan"},
		NumericOID:   {"-inf", "-10", "-9.99", "-0.001", "0", "0.0010", "0.01", "9.999", "10", "1e30", "inf", "nan"},
		BPCharOID:    {"", "a", "a!", "b"},
		Int4ArrayOID: {"{}", "{1}", "{1,1}", "{1,NULL}", "{2}", "{NULL}"},
		JSONBOID:     {"[]", "null", `"a"`, `"b"`, "-1", "2", "10", "false", "true", "[1]", "[9]", "[0,0]", "{}", `{"b":0}`, `{"aa":0}`},
		IntervalOID:  {"-1 day", "0", "29 days 23:00", "1 mon", "30 days 00:00:01"},
		VectorOID:    {"[-1,5]", "[1]", "[1,0]", "[1,2]", "[2]"},
		HalfvecOID:   {"[-1,5]", "[1]", "[1,0]", "[1,2]", "[2]"},
		SparsevecOID: {"{1:-1,2:5}/2", "{}/1", "{2:-1}/2", "{}/2", "{1:1}/1", "{1:1}/2", "{1:1,2:2}/2", "{1:2}/1"},
		VarbitOID:    {"", "0", "00", "01", "1", "100000000", "11"},
		TimestampOID: {"-infinity", "2000-01-01", "2000-01-01 00:00:00.000001", "infinity"},
	} {
		typ := ByOID(oid)
		a := arrayOfInputs(t, Of(oid), ascending, memory.DefaultAllocator)
		for i := range ascending {
			for j := range ascending {
				if got, want := sign(typ.Compare(a, i, a, j)), sign(i-j); got != want {
					t.Errorf("%s: %s against %s: %d, want %d", typ.Name, ascending[i], ascending[j], got, want)
				}
			}
		}
		a.Release()
	}
	for oid, equal := range map[OID][2]string{
		Float8OID: {"0", "-0"}, NumericOID: {"1.0", "1.00"}, BPCharOID: {"a", "a  "}, IntervalOID: {"1 mon", "30 days"},
		JSONBOID: {"1.0", "1.00"}, Float4OID: {"-0", "0"}, VectorOID: {"[0]", "[-0]"},
		HalfvecOID: {"[0]", "[-0]"}, SparsevecOID: {"{1:0}/2", "{}/2"}, VarbitOID: {"x5", "0101"},
	} {
		a := arrayOfInputs(t, Of(oid), equal[:], memory.DefaultAllocator)
		if ByOID(oid).Compare(a, 0, a, 1) != 0 || !bytes.Equal(ByOID(oid).AppendKey(nil, a, 0), ByOID(oid).AppendKey(nil, a, 1)) {
			t.Errorf("%s: %s and %s are not equal", ByOID(oid).Name, equal[0], equal[1])
		}
		a.Release()
	}
}
