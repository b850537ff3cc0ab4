package types

import (
	"strconv"
	"unicode/utf8"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/sql/sqlerr"
)

func registerBits() {
	defineBits(&Type{OID: BitOID, Name: "bit", Array: BitArrayOID, Stored: storedBits})
	defineBits(&Type{OID: VarbitOID, Name: "varbit", SQLName: "bit varying", Preferred: true, Array: VarbitArrayOID})
}

func defineBits(t *Type) {
	t.Len, t.Align, t.Storage, t.Category = -1, 'i', 'x', CategoryBitString
	t.ArrowType = always(arrowBytes)
	k := bitKind{fixed: t.OID == BitOID}
	t.AppendText = func(dst []byte, a arrow.Array, i int, _ *Format) []byte { return BitsAt(a, i).AppendText(dst) }
	t.ParseText = func(b array.Builder, s string, mod int32, _ *Format) error {
		v, err := k.parse(s, mod)
		if err == nil {
			AppendBits(b, v)
		}
		return err
	}
	t.AppendBinary = func(dst []byte, a arrow.Array, i int) []byte {
		v := BitsAt(a, i)
		return append(appendUint32(dst, uint32(v.Len)), v.Bytes...)
	}
	t.ParseBinary = k.parseBinary
	t.Compare = func(a arrow.Array, i int, b arrow.Array, j int) int { return BitsAt(a, i).Compare(BitsAt(b, j)) }
	t.AppendKey = func(dst []byte, a arrow.Array, i int) []byte {
		v := BitsAt(a, i)
		return append(keyBytes(dst, viewString(v.Bytes)), 8-v.unused())
	}
	t.ParseMod = k.parseMod
	t.FormatMod = func(mod int32) string { return "(" + strconv.Itoa(int(mod)) + ")" }
	t.Coerce = k.coerce
	define(t)
}

// bitKind is what bit and bit varying differ in.
type bitKind struct{ fixed bool }

// bitsModMax is the greatest n of bit(n): what a column of 10 MiB holds.
const bitsModMax = 10 << 20 * 8

func (k bitKind) name() string {
	if k.fixed {
		return "bit"
	}
	return "varbit"
}

// check says whether n bits fit the modifier.
func (k bitKind) check(n int, mod int32) error {
	switch {
	case mod <= 0:
	case k.fixed && n != int(mod):
		return sqlerr.New(sqlerr.StringDataLengthMismatch, "bit string length %d does not match type bit(%d)", n, mod)
	case !k.fixed && n > int(mod):
		return sqlerr.New(sqlerr.StringDataRightTruncation, "bit string too long for type bit varying(%d)", mod)
	}
	return nil
}

// parse reads binary digits, also after a b, or hexadecimal ones after an x.
// Their number is looked at first.
func (k bitKind) parse(s string, mod int32) (Bits, error) {
	width := 1
	if s != "" {
		switch s[0] {
		case 'b', 'B':
			s = s[1:]
		case 'x', 'X':
			s, width = s[1:], 4
		}
	}
	if len(s) > BitsLenMax/width {
		return Bits{}, sqlerr.New(sqlerr.ProgramLimitExceeded, "bit string length exceeds the maximum allowed (%d)", BitsLenMax)
	}
	if err := k.check(len(s)*width, mod); err != nil {
		return Bits{}, err
	}
	v := NewBits(len(s) * width)
	if width == 4 {
		return v, v.readHex(s)
	}
	return v, v.readBinary(s)
}

func (v Bits) readBinary(s string) error {
	for i := range len(s) {
		switch s[i] {
		case '0':
		case '1':
			v.Bytes[i>>3] |= 0x80 >> (i & 7)
		default:
			return errBitDigit("binary", s[i:])
		}
	}
	return nil
}

func (v Bits) readHex(s string) error {
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case isHexDigit(c):
			c = c | 0x20 - 'a' + 10
		default:
			return errBitDigit("hexadecimal", s[i:])
		}
		v.Bytes[i>>1] |= c << (4 * (1 - i&1))
	}
	return nil
}

// errBitDigit names the character at the start of s.
func errBitDigit(kind, s string) error {
	_, n := utf8.DecodeRuneInString(s)
	return sqlerr.New(sqlerr.InvalidTextRepresentation, "\"%s\" is not a valid %s digit", s[:n], kind)
}

func (k bitKind) parseBinary(b array.Builder, data []byte, mod int32) error {
	c := cursor{data: data}
	n := int(c.int32())
	switch {
	case c.bad:
		return errInsufficientData()
	case n < 0 || n > BitsLenMax:
		return sqlerr.New(sqlerr.InvalidBinaryRepresentation, "invalid length in external bit string")
	}
	if err := k.check(n, mod); err != nil {
		return err
	}
	raw := c.bytes(bitsBytes(n))
	if err := c.done(); err != nil {
		return err
	}
	AppendBits(b, Bits{Bytes: raw, Len: 8 * len(raw)}.Resize(n))
	return nil
}

func (k bitKind) parseMod(args []string) (int32, error) {
	n, err := oneMod(args)
	switch {
	case err != nil:
		return 0, err
	case n < 1:
		return 0, sqlerr.New(sqlerr.InvalidParameterValue, "length for type %s must be at least 1", k.name())
	case n > bitsModMax:
		return 0, sqlerr.New(sqlerr.InvalidParameterValue, "length for type %s cannot exceed %d", k.name(), bitsModMax)
	}
	return n, nil
}

// coerce fits bit strings to a modifier: an explicit cast cuts or adds on the
// right.
func (k bitKind) coerce(c *EvalContext, a arrow.Array, mod int32, explicit bool) (arrow.Array, error) {
	misfit := -1
	for i := range a.Len() {
		if a.IsValid(i) && k.check(BitsAt(a, i).Len, mod) != nil {
			misfit = i
			break
		}
	}
	switch {
	case misfit < 0:
		a.Retain()
		return a, nil
	case !explicit:
		return nil, k.check(BitsAt(a, misfit).Len, mod)
	}
	b := array.NewBinaryBuilder(c.Mem, arrow.BinaryTypes.Binary)
	defer b.Release()
	b.Reserve(a.Len())
	for i := range a.Len() {
		if a.IsNull(i) {
			b.AppendNull()
			continue
		}
		v := BitsAt(a, i)
		if k.fixed || v.Len > int(mod) {
			v = v.Resize(int(mod))
		}
		AppendBits(b, v)
	}
	return b.NewArray(), nil
}
