package types

import (
	"github.com/apache/arrow/go/v15/arrow"
)

// Arrow types shared by families.
var (
	arrowText     = arrow.BinaryTypes.String
	arrowBytes    = arrow.BinaryTypes.Binary
	arrowUUID     = &arrow.FixedSizeBinaryType{ByteWidth: 16}
	arrowInterval = &arrow.FixedSizeBinaryType{ByteWidth: 16}
	arrowTimetz   = &arrow.FixedSizeBinaryType{ByteWidth: 12}
	arrowMicros   = &arrow.TimestampType{Unit: arrow.Microsecond}
)

// always is the ArrowType of a type whose layout no modifier changes.
func always(t arrow.DataType) func(int32) arrow.DataType {
	return func(int32) arrow.DataType { return t }
}

// define registers a base type and, when it names one, its array type.
func define(t *Type) {
	if t.Kind == 0 {
		t.Kind = 'b'
	}
	if t.Delim == 0 {
		t.Delim = ','
	}
	if t.SQLName == "" {
		t.SQLName = t.Name
	}
	register(t)
	if t.Array != 0 {
		register(arrayOf(t))
	}
}

// pseudo registers a pseudo-type: it may be an argument or a result, never a
// column.
func pseudo(oid OID, name string, length int16, byVal bool, align, storage byte) {
	register(&Type{
		OID: oid, Name: name, SQLName: pseudoSQLName(name), Kind: 'p', Len: length, ByVal: byVal, Align: align,
		Storage: storage, Category: CategoryPseudo, Delim: ',', ArrowType: always(arrow.Null),
	})
}

// pseudoSQLName quotes "any", which is a key word.
func pseudoSQLName(name string) string {
	if name == "any" {
		return `"any"`
	}
	return name
}
