package types

import (
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// Stored says how storage keeps the columns of a type where that is not the
// form the executor works with.
type Stored struct {
	// ArrowType is the Arrow type in segments, logs and objects.
	ArrowType arrow.DataType
	// Encode turns an array of Type.ArrowType into one of ArrowType, and fails
	// on values that do not fit the modifier.
	Encode func(a arrow.Array, mem memory.Allocator) (arrow.Array, error)
}

// StorageArrow returns the Arrow type in which storage keeps a column of type t.
// It is t.Arrow() but for numeric(p,s) of at most 38 digits, a Decimal128, and
// bit(n), a FixedSizeBinary.
func (t T) StorageArrow() arrow.DataType {
	if s := t.stored(); s != nil {
		return s.ArrowType
	}
	return t.Arrow()
}

func (t T) stored() *Stored {
	if kind := t.Type(); kind.Stored != nil {
		return kind.Stored(t.Mod)
	}
	return nil
}

// ToStorage turns a, of type t.Arrow(), into the form that storage keeps. Values
// that do not fit t's modifier are the errors of an assignment. The caller
// releases the array, a itself where both forms are one.
func (t T) ToStorage(a arrow.Array, mem memory.Allocator) (arrow.Array, error) {
	if s := t.stored(); s != nil && !arrow.TypeEqual(a.DataType(), s.ArrowType) {
		return s.Encode(a, mem)
	}
	a.Retain()
	return a, nil
}

// FromStorage turns what ToStorage made back into an array of type t.Arrow().
// It goes by the array's own type, so that what was stored under another
// modifier of the type can be read too. The caller releases the array.
func (t T) FromStorage(a arrow.Array, mem memory.Allocator) arrow.Array {
	switch stored := a.(type) {
	case *array.Decimal128:
		if t.OID == NumericOID {
			return decodeDecimals(a, mem)
		}
	case *array.FixedSizeBinary:
		if t.OID == BitOID {
			return decodeBits(stored, t.Mod, mem)
		}
	}
	a.Retain()
	return a
}
