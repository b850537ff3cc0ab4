package types

import (
	"testing"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// TestHashExtended compares with what PostgreSQL 15's functions (hashint4extended
// and their like) return.
func TestHashExtended(t *testing.T) {
	for _, c := range []struct {
		oid  OID
		text string
		seed uint64
		want int64
	}{
		{Int4OID, "42", 7, 3069212791777980624},
		{Int4OID, "-1", 8816678312871386365, -5017072347659237694},
		{Int8OID, "-5000000000", 3, 5112412090131384660},
		{Int8OID, "5000000000", 3, 1259793121497870890},
		{Int8OID, "42", 7, 3069212791777980624},
		{Int2OID, "-3", 1, -1112614664342025432},
		{TextOID, "", 0, -6939563903564495251},
		{TextOID, "hello", 9, -158944732050527670},
		{VarcharOID, "hello world, and more of it", 8816678312871386365, 3367966709776820902},
		{BPCharOID, "ab  ", 5, -750685598246273081},
		{Float8OID, "1.5", 4, 3991282682507981867},
		{Float8OID, "-0", 4, 4},
		{Float4OID, "1.25", 5, 6908781849330814045},
		{UUIDOID, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", 6, -5685161156393764093},
		{TimestampOID, "2024-01-01", 2, 6367430720503961646},
		{TimeOID, "12:00", 5, -5190825328114662598},
		{DateOID, "2024-01-01", 5, -3470722852164376459},
		{BoolOID, "t", 1, -7620678293940249823},
	} {
		typ := ByOID(c.oid)
		b := array.NewBuilder(memory.DefaultAllocator, typ.ArrowType(NoMod))
		if err := typ.ParseText(b, c.text, NoMod, DefaultFormat()); err != nil {
			t.Fatal(err)
		}
		a := b.NewArray()
		if got := int64(typ.HashExtended(a, 0, c.seed)); got != c.want {
			t.Errorf("%s %q with seed %d: %d, want %d", typ.SQLName, c.text, c.seed, got, c.want)
		}
		a.Release()
		b.Release()
	}
}

// TestHashExtendedOfEqual: numerics that are equal have one hash, whatever their
// scale.
func TestHashExtendedOfEqual(t *testing.T) {
	typ := ByOID(NumericOID)
	b := array.NewBuilder(memory.DefaultAllocator, typ.ArrowType(NoMod))
	defer b.Release()
	for _, text := range []string{"1.5", "1.50", "1.51"} {
		if err := typ.ParseText(b, text, NoMod, DefaultFormat()); err != nil {
			t.Fatal(err)
		}
	}
	a := b.NewArray()
	defer a.Release()
	if x, y, z := typ.HashExtended(a, 0, 1), typ.HashExtended(a, 1, 1), typ.HashExtended(a, 2, 1); x != y || x == z {
		t.Errorf("hashes of 1.5, 1.50 and 1.51 are %d, %d and %d", x, y, z)
	}
}
