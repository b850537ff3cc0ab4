package types

import (
	"math"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/sql/sqlerr"
)

func registerStringCasts() {
	add := func(source, target OID, context CastContext, kernel Kernel) {
		method := byte('f')
		if kernel == nil {
			method = 'b'
		}
		registerCast(&Cast{Source: source, Target: target, Context: context, Method: method, Kernel: kernel})
	}
	same := func(s string) string { return s }
	add(TextOID, VarcharOID, CastImplicit, nil)
	add(TextOID, BPCharOID, CastImplicit, nil)
	add(VarcharOID, TextOID, CastImplicit, nil)
	add(VarcharOID, BPCharOID, CastImplicit, nil)
	add(VarcharOID, VarcharOID, CastImplicit, identity)
	add(BPCharOID, BPCharOID, CastImplicit, identity)
	add(BPCharOID, TextOID, CastImplicit, castStrings(TextOID, TrimBlanks))
	add(BPCharOID, VarcharOID, CastImplicit, castStrings(VarcharOID, TrimBlanks))
	add(PgNodeTreeOID, TextOID, CastImplicit, nil)

	add(NameOID, TextOID, CastImplicit, castStrings(TextOID, same))
	add(NameOID, VarcharOID, CastAssignment, castStrings(VarcharOID, same))
	add(NameOID, BPCharOID, CastAssignment, castStrings(BPCharOID, same))
	add(TextOID, NameOID, CastImplicit, castStrings(NameOID, ClipName))
	add(VarcharOID, NameOID, CastImplicit, castStrings(NameOID, ClipName))
	add(BPCharOID, NameOID, CastImplicit, castStrings(NameOID, func(s string) string { return TrimBlanks(ClipName(s)) }))

	// regclass('t') of a text is always the name of a relation, where '1'::regclass, the
	// input of the type, is an OID.
	byName := castValues(RegclassOID, func(c *EvalContext, b array.Builder, a arrow.Array, i int) error {
		if c.Format == nil || c.Format.Names == nil {
			return sqlerr.Unsupported("reading regclass \"%s\" by name outside of a statement", stringAt(a, i))
		}
		relation, err := c.Format.Names.OID(RegclassOID, stringAt(a, i))
		if err == nil {
			b.(*array.Uint32Builder).Append(uint32(relation))
		}
		return err
	})
	add(TextOID, RegclassOID, CastImplicit, byName)
	add(VarcharOID, RegclassOID, CastImplicit, byName)

	for _, text := range []OID{TextOID, VarcharOID, BPCharOID} {
		add(text, CharOID, CastAssignment, castStrings(CharOID, firstByte))
		context := CastAssignment
		if text == TextOID {
			context = CastImplicit
		}
		add(CharOID, text, context, castStrings(text, same))
		add(BoolOID, text, CastAssignment, castValues(text, func(_ *EvalContext, b array.Builder, a arrow.Array, i int) error {
			word := "false"
			if a.(*array.Boolean).Value(i) {
				word = "true"
			}
			b.(*array.StringBuilder).Append(word)
			return nil
		}))
	}
	add(CharOID, Int4OID, CastExplicit, castValues(Int4OID, func(_ *EvalContext, b array.Builder, a arrow.Array, i int) error {
		v := int32(0)
		if s := stringAt(a, i); s != "" {
			v = int32(int8(s[0]))
		}
		b.(*array.Int32Builder).Append(v)
		return nil
	}))
	add(Int4OID, CharOID, CastExplicit, castValues(CharOID, func(_ *EvalContext, b array.Builder, a arrow.Array, i int) error {
		v := a.(*array.Int32).Value(i)
		if v < math.MinInt8 || v > math.MaxInt8 {
			return sqlerr.New(sqlerr.NumericValueOutOfRange, "\"char\" out of range")
		}
		b.(*array.StringBuilder).Append(firstByte(string([]byte{byte(v)})))
		return nil
	}))
}

func registerJSONCasts() {
	viaText := func(source, target OID) {
		registerCast(&Cast{
			Source: source, Target: target, Context: CastAssignment, Method: 'i',
			Kernel: castValues(target, func(c *EvalContext, b array.Builder, a arrow.Array, i int) error {
				return ByOID(target).ParseText(b, stringAt(a, i), NoMod, c.Format)
			}),
		})
	}
	viaText(JSONOID, JSONBOID)
	viaText(JSONBOID, JSONOID)
	registerCast(&Cast{
		Source: JSONBOID, Target: BoolOID, Context: CastExplicit, Method: 'f',
		Kernel: castValues(BoolOID, func(_ *EvalContext, b array.Builder, a arrow.Array, i int) error {
			v := jsonAt(a, i)
			if v.kind != jsonBool {
				return errJSONCast(v, BoolOID)
			}
			b.(*array.BooleanBuilder).Append(v.text == "true")
			return nil
		}),
	})
	for _, target := range []OID{NumericOID, Int2OID, Int4OID, Int8OID, Float4OID, Float8OID} {
		registerCast(&Cast{
			Source: JSONBOID, Target: target, Context: CastExplicit, Method: 'f',
			Kernel: castValues(target, func(_ *EvalContext, b array.Builder, a arrow.Array, i int) error {
				v := jsonAt(a, i)
				if v.kind != jsonNumber {
					return errJSONCast(v, target)
				}
				n, err := ParseNumeric(v.text)
				if err != nil {
					return err
				}
				if target == NumericOID {
					AppendNumeric(b, n)
					return nil
				}
				return fromNumeric[target](b, n)
			}),
		})
	}
}

// errJSONCast is 22023 for a jsonb of the wrong kind.
func errJSONCast(v *jsonValue, target OID) error {
	kind := [...]string{
		jsonNull: "null", jsonString: "string", jsonNumber: "numeric", jsonBool: "boolean",
		jsonArray: "array", jsonObject: "object",
	}[v.kind]
	return sqlerr.New(sqlerr.InvalidParameterValue, "cannot cast jsonb %s to type %s", kind, ByOID(target).SQLName)
}
