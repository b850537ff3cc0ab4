package types

import (
	"errors"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/sql/sqlerr"
)

// readable are the types that text can be read into.
func readable() (out []*Type) {
	for _, t := range All() {
		if t.ParseText != nil && t.OID != RecordOID && t.Elem != RecordOID {
			out = append(out, t)
		}
	}
	return out
}

// FuzzText: no text panics; what is read prints to something that is read as
// an equal value, and its binary form says the same.
func FuzzText(f *testing.F) {
	all, inputs := readable(), goldenInputs(f)
	for n, t := range all {
		for _, s := range inputs[t.OID] {
			if len(s) < 100 {
				f.Add(uint16(n), s)
			}
		}
	}
	f.Fuzz(func(t *testing.T, n uint16, s string) {
		typ := Of(all[int(n)%len(all)].OID)
		mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
		defer mem.AssertSize(t, 0)
		b := NewBuilder(typ, mem)
		defer b.Release()
		if err := typ.Type().ParseText(b, s, NoMod, DefaultFormat()); err != nil {
			wantCode(t, err)
			return
		}
		a := b.NewArray()
		defer a.Release()
		checkReadBack(t, typ, texts(typ, a)[0], typ.Type().AppendBinary(nil, a, 0), mem)
	})
}

// FuzzBinary: no bytes panic; what is read has a text and binary form that read
// the same.
func FuzzBinary(f *testing.F) {
	all, inputs := readable(), goldenInputs(f)
	for n, t := range all {
		a := arrayOfInputs(f, Of(t.OID), inputs[t.OID], memory.DefaultAllocator)
		for i := range a.Len() {
			if data := t.AppendBinary(nil, a, i); len(data) < 200 {
				f.Add(uint16(n), data)
			}
		}
		a.Release()
	}
	f.Fuzz(func(t *testing.T, n uint16, data []byte) {
		typ := Of(all[int(n)%len(all)].OID)
		mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
		defer mem.AssertSize(t, 0)
		b := NewBuilder(typ, mem)
		defer b.Release()
		var quick arrow.Array
		var quickErr error
		if typ.Type().BinaryArray != nil {
			quick, quickErr = typ.Type().BinaryArray(data)
		}
		if err := typ.Type().ParseBinary(b, data, NoMod); err != nil {
			wantCode(t, err)
			if typ.Type().BinaryArray != nil && (quickErr == nil || quickErr.Error() != err.Error()) {
				t.Fatalf("%s: BinaryArray says %v, ParseBinary %v", typ.Type().Name, quickErr, err)
			}
			return
		}
		a := b.NewArray()
		defer a.Release()
		if typ.Type().BinaryArray != nil {
			if quickErr != nil || !array.Equal(quick, a) || !arrow.TypeEqual(quick.DataType(), a.DataType()) {
				t.Fatalf("%s: BinaryArray makes %v (%v), ParseBinary %v", typ.Type().Name, quick, quickErr, a)
			}
			quick.Release()
		}
		text := texts(typ, a)[0]
		back := NewBuilder(typ, mem)
		defer back.Release()
		again := typ.Type().AppendBinary(nil, a, 0)
		if err := typ.Type().ParseBinary(back, again, NoMod); err != nil {
			t.Fatalf("%s: our own binary form %x is refused: %v", typ.Type().Name, again, err)
		}
		c := back.NewArray()
		defer c.Release()
		if got := texts(typ, c)[0]; got != text {
			t.Fatalf("%s: %q became %q", typ.Type().Name, text, got)
		}
	})
}

func wantCode(t *testing.T, err error) {
	t.Helper()
	var e *sqlerr.Error
	if !errors.As(err, &e) {
		t.Fatalf("error without SQLSTATE: %v", err)
	}
}

func checkReadBack(t *testing.T, typ T, text string, binary []byte, mem memory.Allocator) {
	t.Helper()
	b := NewBuilder(typ, mem)
	defer b.Release()
	if err := typ.Type().ParseText(b, text, NoMod, DefaultFormat()); err != nil {
		t.Fatalf("%s: our own text %q is refused: %v", typ.Type().Name, text, err)
	}
	if err := typ.Type().ParseBinary(b, binary, NoMod); err != nil {
		t.Fatalf("%s: our own binary form of %q is refused: %v", typ.Type().Name, text, err)
	}
	a := b.NewArray()
	defer a.Release()
	for i, got := range texts(typ, a) {
		if got != text {
			t.Fatalf("%s: %q became %q (%d)", typ.Type().Name, text, got, i)
		}
	}
}
