package types

import (
	"testing"

	"github.com/apache/arrow/go/v15/arrow/memory"
)

func parseOne(t *testing.T, oid OID, mod int32, s string) (string, error) {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	typ := T{OID: oid, Mod: mod}
	b := NewBuilder(typ, mem)
	defer b.Release()
	if err := typ.Type().ParseText(b, s, mod, DefaultFormat()); err != nil {
		return "", err
	}
	a := b.NewArray()
	defer a.Release()
	return string(typ.Type().AppendText(nil, a, 0, DefaultFormat())), nil
}

func TestVectorText(t *testing.T) {
	for _, c := range []struct {
		in   string
		mod  int32
		want string
	}{
		{"[1,2.5,-3]", NoMod, "[1,2.5,-3]"},
		{" [ 1 , 2 ] ", 2, "[1,2]"},
		{"[0x10,1e-50,.5,5.]", NoMod, "[16,0,0.5,5]"},
		{"[1]", 3, "expected 3 dimensions, not 1 (SQLSTATE 22000)"},
		{"[1", NoMod, `invalid input syntax for type vector: "[1" (SQLSTATE 22P02)`},
		{"[1e40]", NoMod, `"1e40" is out of range for type vector (SQLSTATE 22003)`},
		{"[nan(1)]", NoMod, "NaN not allowed in vector (SQLSTATE 22000)"},
		{"[-inf]", NoMod, "infinite value not allowed in vector (SQLSTATE 22000)"},
	} {
		got, err := parseOne(t, VectorOID, c.mod, c.in)
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: got %s, want %s", c.in, got, c.want)
		}
	}
}
