package types

import (
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
)

// OID is a Postgres object identifier.
type OID uint32

// NoMod is the typmod of a type without one.
const NoMod int32 = -1

// T is a type as a column or an expression has it: the type and its modifier
// (varchar(10), numeric(12,2), vector(3)). Mod is encoded as in Postgres
// (varchar: n+4; numeric: (p<<16|s)+4; vector: n), NoMod when there is none.
type T struct {
	OID OID
	Mod int32
}

// Of returns the type with no modifier.
func Of(oid OID) T { return T{OID: oid, Mod: NoMod} }

// Category is pg_type.typcategory; overload resolution works by it.
type Category byte

// The categories of manual table 53.64.
const (
	CategoryArray       Category = 'A'
	CategoryBoolean     Category = 'B'
	CategoryComposite   Category = 'C'
	CategoryDateTime    Category = 'D'
	CategoryEnum        Category = 'E'
	CategoryGeometric   Category = 'G'
	CategoryNetwork     Category = 'I'
	CategoryNumeric     Category = 'N'
	CategoryPseudo      Category = 'P'
	CategoryRange       Category = 'R'
	CategoryString      Category = 'S'
	CategoryTimespan    Category = 'T'
	CategoryUserDefined Category = 'U'
	CategoryBitString   Category = 'V'
	CategoryUnknown     Category = 'X'
	CategoryInternal    Category = 'Z'
)

// Type is one row of the registry. The functions work on row i of an array of
// the type's Arrow type; they never see a null (callers look at validity
// first). A nil function means that the type lacks the ability (json has no
// order) and callers answer with Postgres' error for that.
type Type struct {
	OID  OID
	Name string // pg_type.typname: int4
	// SQLName is what format_type prints without a modifier: integer.
	SQLName   string
	Kind      byte  // pg_type.typtype: b, c, d, e, p, r
	Len       int16 // pg_type.typlen: bytes, -1 varlena, -2 cstring
	ByVal     bool
	Align     byte
	Storage   byte
	Category  Category
	Preferred bool
	Delim     byte
	Elem      OID // element type of an array (or of name, point, …); 0 otherwise
	Array     OID // the array type over this one; 0 when there is none

	// ArrowType is the Arrow type of a column of this type with modifier mod.
	ArrowType func(mod int32) arrow.DataType
	// Stored is how storage keeps a column of this type with modifier mod. Nil,
	// or a nil answer, is as ArrowType says.
	Stored func(mod int32) *Stored

	// AppendText appends the text form (typoutput). f is never nil.
	AppendText func(dst []byte, a arrow.Array, i int, f *Format) []byte
	// ParseText appends the value that s spells to b (typinput), after
	// applying mod as an assignment would (varchar(3) of 'abcd' is 22001).
	// s is not kept. After an error b may hold part of a value: only release it.
	ParseText func(b array.Builder, s string, mod int32, f *Format) error
	// AppendBinary appends the binary form (typsend), without its length.
	AppendBinary func(dst []byte, a arrow.Array, i int) []byte
	// ParseBinary appends the value of a binary form (typreceive). data is
	// not kept; malformed input is 22P03 or the type's own error, never a panic.
	ParseBinary func(b array.Builder, data []byte, mod int32) error
	// BinaryArray, where it is set, makes an array of one value without a modifier
	// of a binary form, as ParseBinary does with a builder, in less time.
	BinaryArray func(data []byte) (arrow.Array, error)

	// Compare orders two values by the default btree operator class.
	Compare func(a arrow.Array, i int, b arrow.Array, j int) int
	// AppendKey appends an order-preserving, prefix-free key: bytes.Compare of
	// two keys equals Compare, and equal values have equal keys (1.0 and 1.00
	// of numeric, -0 and 0 of float8). Sort, group, join, locks and primary
	// keys work by it.
	AppendKey func(dst []byte, a arrow.Array, i int) []byte

	// ParseMod reads the modifiers in parentheses: vector(3) → ["3"].
	ParseMod func(args []string) (int32, error)
	// FormatMod prints the modifier as format_type does: "(3)".
	FormatMod func(mod int32) string
	// Coerce fits array a to mod: the length-coercion cast. explicit casts
	// truncate where assignments fail. Returns a new reference.
	Coerce func(c *EvalContext, a arrow.Array, mod int32, explicit bool) (arrow.Array, error)
}

// Format says how values are spelled for one session: it follows the settings
// DateStyle, IntervalStyle, TimeZone, extra_float_digits and bytea_output.
type Format struct {
	TimeZone         Location
	DateStyle        DateStyle
	DateOrder        DateOrder
	IntervalStyle    IntervalStyle
	ExtraFloatDigits int
	ByteaEscape      bool
	// Now is the start of the transaction in microseconds since 1970-01-01 UTC:
	// what now and today mean as input. 0 means the time of the call.
	Now int64
	// NowRead, unless nil, is set when a value was read that depends on Now: a
	// constant that a plan kept for later must not hold.
	NowRead *bool
	// Names serves the reg… types; package pgcatalog makes one of a view.
	Names Names
}
