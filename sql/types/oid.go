package types

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/sql/sqlerr"
)

func registerOIDs() {
	define(uint32Type(&Type{OID: OIDOID, Name: "oid", Preferred: true, Array: OIDArrayOID}))
	define(uint32Type(&Type{OID: XIDOID, Name: "xid", Category: CategoryUserDefined, Array: XIDArrayOID}))
	define(uint32Type(&Type{OID: CIDOID, Name: "cid", Category: CategoryUserDefined, Array: CIDArrayOID}))
	for _, reg := range []struct {
		oid, array OID
		name       string
	}{
		{RegprocOID, RegprocArrayOID, "regproc"},
		{RegprocedureOID, RegprocedureArrayOID, "regprocedure"},
		{RegoperOID, RegoperArrayOID, "regoper"},
		{RegoperatorOID, RegoperatorArrayOID, "regoperator"},
		{RegclassOID, RegclassArrayOID, "regclass"},
		{RegtypeOID, RegtypeArrayOID, "regtype"},
		{RegnamespaceOID, RegnamespaceArrayOID, "regnamespace"},
		{RegroleOID, RegroleArrayOID, "regrole"},
		{RegcollationOID, RegcollationArrayOID, "regcollation"},
	} {
		define(uint32Type(&Type{
			OID: reg.oid, Name: reg.name, Array: reg.array,
			AppendText: appendRegText(reg.oid), ParseText: parseRegText(reg.oid, reg.name),
		}))
	}
	ByOID(XIDOID).Compare, ByOID(XIDOID).AppendKey = nil, nil // xid has no order
	define(&Type{
		OID: XID8OID, Name: "xid8", Len: 8, ByVal: true, Align: 'd', Storage: 'p', Category: CategoryUserDefined,
		Array: XID8ArrayOID, ArrowType: always(arrow.PrimitiveTypes.Uint64),
		AppendText: func(dst []byte, a arrow.Array, i int, _ *Format) []byte {
			return strconv.AppendUint(dst, a.(*array.Uint64).Value(i), 10)
		},
		ParseText: func(b array.Builder, s string, _ int32, _ *Format) error {
			v, err := strconv.ParseUint(trimSpace(s), 10, 64)
			if err != nil {
				return invalidText("xid8", s)
			}
			b.(*array.Uint64Builder).Append(v)
			return nil
		},
		AppendBinary: func(dst []byte, a arrow.Array, i int) []byte {
			return appendUint64(dst, a.(*array.Uint64).Value(i))
		},
		ParseBinary: func(b array.Builder, data []byte, _ int32) error {
			c := cursor{data: data}
			v := c.uint64()
			if err := c.done(); err != nil {
				return err
			}
			b.(*array.Uint64Builder).Append(v)
			return nil
		},
		Compare: func(a arrow.Array, i int, b arrow.Array, j int) int {
			return cmp.Compare(a.(*array.Uint64).Value(i), b.(*array.Uint64).Value(j))
		},
		AppendKey: func(dst []byte, a arrow.Array, i int) []byte {
			return appendUint64(dst, a.(*array.Uint64).Value(i))
		},
	})
	define(&Type{
		// A row's address: (block, offset), kept as block<<16 | offset.
		OID: TIDOID, Name: "tid", Len: 6, Align: 's', Storage: 'p', Category: CategoryUserDefined,
		Array: TIDArrayOID, ArrowType: always(arrow.PrimitiveTypes.Uint64),
		AppendText: func(dst []byte, a arrow.Array, i int, _ *Format) []byte {
			v := a.(*array.Uint64).Value(i)
			return fmt.Appendf(dst, "(%d,%d)", v>>16, v&0xffff)
		},
		ParseText: func(b array.Builder, s string, _ int32, _ *Format) error {
			var block uint32
			var offset uint16
			if n, err := fmt.Sscanf(s, "(%d,%d)", &block, &offset); n != 2 || err != nil {
				return invalidText("tid", s)
			}
			b.(*array.Uint64Builder).Append(uint64(block)<<16 | uint64(offset))
			return nil
		},
		AppendBinary: func(dst []byte, a arrow.Array, i int) []byte {
			v := a.(*array.Uint64).Value(i)
			return appendUint16(appendUint32(dst, uint32(v>>16)), uint16(v))
		},
		ParseBinary: func(b array.Builder, data []byte, _ int32) error {
			c := cursor{data: data}
			v := uint64(c.uint32())<<16 | uint64(c.uint16())
			if err := c.done(); err != nil {
				return err
			}
			b.(*array.Uint64Builder).Append(v)
			return nil
		},
		Compare: func(a arrow.Array, i int, b arrow.Array, j int) int {
			return cmp.Compare(a.(*array.Uint64).Value(i), b.(*array.Uint64).Value(j))
		},
		AppendKey: func(dst []byte, a arrow.Array, i int) []byte {
			return appendUint64(dst, a.(*array.Uint64).Value(i))
		},
	})
}

// uint32Type fills in what oid and its relatives share.
func uint32Type(t *Type) *Type {
	t.Len, t.ByVal, t.Align, t.Storage = 4, true, 'i', 'p'
	t.ArrowType = always(arrow.PrimitiveTypes.Uint32)
	if t.Category == 0 {
		t.Category = CategoryNumeric
	}
	if t.AppendText == nil {
		t.AppendText = func(dst []byte, a arrow.Array, i int, _ *Format) []byte {
			return strconv.AppendUint(dst, uint64(a.(*array.Uint32).Value(i)), 10)
		}
	}
	if t.ParseText == nil {
		t.ParseText = func(b array.Builder, s string, _ int32, _ *Format) error {
			v, err := parseUint32(s, t.Name)
			if err == nil {
				b.(*array.Uint32Builder).Append(v)
			}
			return err
		}
	}
	t.AppendBinary = func(dst []byte, a arrow.Array, i int) []byte {
		return appendUint32(dst, a.(*array.Uint32).Value(i))
	}
	t.ParseBinary = func(b array.Builder, data []byte, _ int32) error {
		c := cursor{data: data}
		v := c.uint32()
		if err := c.done(); err != nil {
			return err
		}
		b.(*array.Uint32Builder).Append(v)
		return nil
	}
	t.Compare = func(a arrow.Array, i int, b arrow.Array, j int) int {
		return cmp.Compare(a.(*array.Uint32).Value(i), b.(*array.Uint32).Value(j))
	}
	t.AppendKey = func(dst []byte, a arrow.Array, i int) []byte {
		return appendUint32(dst, a.(*array.Uint32).Value(i))
	}
	return t
}

// parseUint32 reads an oid: unsigned, though a negative int4 is taken for the
// oid of the same bits, as Postgres does.
func parseUint32(s, typeName string) (uint32, error) {
	v, err := ParseInt(s, typeName, math.MinInt32, math.MaxUint32)
	return uint32(v), err
}

// appendRegText prints a reg… value by name, or by number where there is no
// catalog; - for none.
func appendRegText(typ OID) func([]byte, arrow.Array, int, *Format) []byte {
	return func(dst []byte, a arrow.Array, i int, f *Format) []byte {
		v := a.(*array.Uint32).Value(i)
		switch {
		case v == 0:
			return append(dst, '-')
		case f.Names != nil:
			return append(dst, f.Names.Name(typ, OID(v))...)
		}
		return strconv.AppendUint(dst, uint64(v), 10)
	}
}

// parseRegText reads a reg… value. Names need a catalog.
func parseRegText(typ OID, name string) func(array.Builder, string, int32, *Format) error {
	return func(b array.Builder, s string, _ int32, f *Format) error {
		if s == "-" {
			b.(*array.Uint32Builder).Append(0)
			return nil
		}
		if s != "" && strings.Trim(s, "0123456789") == "" {
			v, err := parseUint32(s, "oid")
			if err == nil {
				b.(*array.Uint32Builder).Append(v)
			}
			return err
		}
		if f == nil || f.Names == nil {
			return sqlerr.Unsupported("reading %s \"%s\" by name outside of a cast", name, s)
		}
		v, err := f.Names.OID(typ, s)
		if err == nil {
			b.(*array.Uint32Builder).Append(uint32(v))
		}
		return err
	}
}
