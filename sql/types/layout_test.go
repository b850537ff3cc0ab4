package types

import (
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

func texts(t T, a arrow.Array) []string {
	var out []string
	for i := range a.Len() {
		if a.IsNull(i) {
			out = append(out, "NULL")
			continue
		}
		out = append(out, string(t.Type().AppendText(nil, a, i, DefaultFormat())))
	}
	return out
}

// Every type's values, nulls between, survive AppendFrom out of a slice.
func TestAppendFromKeepsEveryType(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	inputs := goldenInputs(t)
	inputs[RecordOID] = nil
	seen := 0
	for oid, in := range inputs {
		if len(in) == 0 {
			continue
		}
		seen++
		typ := Of(oid)
		func() {
			b := NewBuilder(typ, mem)
			defer b.Release()
			for _, s := range in {
				b.AppendNull()
				if err := typ.Type().ParseText(b, s, NoMod, DefaultFormat()); err != nil {
					t.Fatal(err)
				}
			}
			a := b.NewArray()
			defer a.Release()
			part := array.NewSlice(a, 1, int64(a.Len()))
			defer part.Release()
			for i := range part.Len() {
				AppendFrom(b, part, i)
			}
			copied := b.NewArray()
			defer copied.Release()
			want, got := texts(typ, part), texts(typ, copied)
			for i := range want {
				if got[i] != want[i] {
					t.Errorf("%s row %d: got %.80s, want %.80s", typ.Type().Name, i, got[i], want[i])
				}
			}
			repeated := ConstArray(part, 0, 3, mem)
			defer repeated.Release()
			if r := texts(typ, repeated); len(r) != 3 || r[2] != want[0] {
				t.Errorf("%s: repeated %q is %q", typ.Type().Name, want[0], r)
			}
		}()
	}
	if seen < 25 {
		t.Errorf("only %d types seen", seen)
	}
}

func TestNullAndEmptyArraysOfEveryType(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	for _, typ := range All() {
		nulls, empty := NullArray(Of(typ.OID), mem, 3), EmptyArray(Of(typ.OID), mem)
		if nulls.Len() != 3 || nulls.NullN() != 3 || empty.Len() != 0 {
			t.Errorf("%s: %d nulls of %d, empty has %d", typ.Name, nulls.NullN(), nulls.Len(), empty.Len())
		}
		nulls.Release()
		empty.Release()
	}
	v := NullArray(T{OID: VectorOID, Mod: 3}, mem, 2)
	if v.NullN() != 2 {
		t.Errorf("vector(3): %d nulls", v.NullN())
	}
	v.Release()
}

func TestVectorLayoutsMix(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	list := arrayOfInputs(t, Of(VectorOID), []string{"[1,2]", "[3,4]"}, mem)
	defer list.Release()
	fixed := NewBuilder(T{OID: VectorOID, Mod: 2}, mem)
	defer fixed.Release()
	fixed.AppendNull()
	AppendFrom(fixed, list, 1)
	a := fixed.NewArray()
	defer a.Release()
	back := NewBuilder(Of(VectorOID), mem)
	defer back.Release()
	AppendFrom(back, a, 0)
	AppendFrom(back, a, 1)
	c := back.NewArray()
	defer c.Release()
	if got := texts(Of(VectorOID), c); got[0] != "NULL" || got[1] != "[3,4]" {
		t.Errorf("got %q", got)
	}
}

func TestRecords(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	inner := RecordOf([]string{"f1"}, []T{Of(TextOID)})
	rec := RecordOf([]string{"f1", "f2", "f3", "f4", "f5"}, []T{Of(Int4OID), Of(TextOID), Of(TextOID), Of(Int4ArrayOID), inner})
	if again := RecordOf([]string{"f1"}, []T{Of(TextOID)}); again != inner {
		t.Errorf("the same shape is %v and %v", inner, again)
	}
	b := NewBuilder(rec, mem).(*array.StructBuilder)
	defer b.Release()
	b.Append(true)
	b.FieldBuilder(0).(*array.Int32Builder).Append(1)
	b.FieldBuilder(1).(*array.StringBuilder).Append("a b")
	b.FieldBuilder(2).AppendNull()
	elements := BeginArray(b.FieldBuilder(3)).(*array.Int32Builder)
	elements.AppendValues([]int32{1, 2}, nil)
	FinishArray(b.FieldBuilder(3), nil)
	in := b.FieldBuilder(4).(*array.StructBuilder)
	in.Append(true)
	in.FieldBuilder(0).(*array.StringBuilder).Append(`x"y\`)
	b.Append(false)
	a := b.NewArray()
	defer a.Release()
	// As PostgreSQL prints row(1, 'a b', null, array[1,2], row('x"y\')).
	if got, want := texts(rec, a)[0], `(1,"a b",,"{1,2}","(""x""""y\\\\"")")`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	names, fields := RecordFields(rec)
	if len(names) != 5 || fields[3] != Of(Int4ArrayOID) || fields[4] != inner {
		t.Errorf("fields %v %v", names, fields)
	}
	AppendFrom(b, a, 0)
	c := b.NewArray()
	defer c.Release()
	if rec.Type().Compare(a, 0, c, 0) != 0 {
		t.Error("a copied record differs")
	}
}

func TestMapArrayOfASlice(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	b := NewBuilder(Of(VarcharArrayOID), mem)
	defer b.Release()
	for _, s := range []string{"{abcdef}", "{ab,NULL,abc}", "NULL", "[0:0]={xyz}", "{toolong}"} {
		if s == "NULL" {
			b.AppendNull()
			continue
		}
		if err := ByOID(VarcharArrayOID).ParseText(b, s, NoMod, DefaultFormat()); err != nil {
			t.Fatal(err)
		}
	}
	a := b.NewArray()
	defer a.Release()
	part := array.NewSlice(a, 1, 4)
	defer part.Release()
	// The rows outside the slice do not fit; they must not matter.
	out, err := ByOID(VarcharArrayOID).Coerce(&EvalContext{Mem: mem, Format: DefaultFormat()}, part, 3+4, false)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Release()
	got := texts(Of(VarcharArrayOID), out)
	for i, want := range []string{"{ab,NULL,abc}", "NULL", "[0:0]={xyz}"} {
		if got[i] != want {
			t.Errorf("row %d: got %s, want %s", i, got[i], want)
		}
	}
}

func TestFormatType(t *testing.T) {
	// As PostgreSQL's format_type(oid, typmod) prints them.
	for want, typ := range map[string]T{
		"integer": Of(Int4OID), "character(1)": {BPCharOID, 5}, "bpchar": Of(BPCharOID), `"char"`: Of(CharOID),
		"character varying": Of(VarcharOID), "character varying(10)[]": {VarcharArrayOID, 14},
		"timestamp(3) without time zone": {TimestampOID, 3}, "timestamp with time zone": Of(TimestamptzOID),
		"time(2) with time zone": {TimetzOID, 2}, "numeric(10,2)": {NumericOID, 655366}, "interval": Of(IntervalOID),
		"interval year": {IntervalOID, 4<<16 | 65535}, "-": Of(0), "???": Of(99999), "int2vector": Of(Int2VectorOID),
		"name": Of(NameOID), "record[]": Of(RecordArrayOID), "vector(3)": {VectorOID, 3}, "bigint[]": Of(Int8ArrayOID),
	} {
		if got := FormatType(typ); got != want {
			t.Errorf("%v: got %s, want %s", typ, got, want)
		}
	}
}

func TestLookupName(t *testing.T) {
	for name, want := range map[[2]string]OID{
		{"", "integer"}: Int4OID, {"pg_catalog", "int4"}: Int4OID, {"pg_catalog", "integer"}: 0, {"", "vector"}: VectorOID,
		{"public", "vector"}: VectorOID, {"pg_catalog", "vector"}: 0, {"public", "int4"}: 0, {"", "_text"}: TextArrayOID,
		{"", "double precision"}: Float8OID, {"", "nosuch"}: 0,
	} {
		got := OID(0)
		if typ := LookupName(name[0], name[1]); typ != nil {
			got = typ.OID
		}
		if got != want {
			t.Errorf("%v: got %d, want %d", name, got, want)
		}
	}
}
