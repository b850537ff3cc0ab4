package types

import (
	"errors"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/sql/sqlerr"
)

func registerJSON() {
	define(&Type{
		OID: JSONOID, Name: "json", Len: -1, Align: 'i', Storage: 'x', Category: CategoryUserDefined,
		Array: JSONArrayOID, ArrowType: always(arrowText),
		AppendText: appendStringText,
		ParseText: func(b array.Builder, s string, _ int32, _ *Format) error {
			if err := CheckUTF8(s); err != nil {
				return err
			}
			if _, err := parseJSON(s, false); err != nil {
				return err
			}
			b.(*array.StringBuilder).Append(s)
			return nil
		},
		AppendBinary: func(dst []byte, a arrow.Array, i int) []byte { return append(dst, stringAt(a, i)...) },
		ParseBinary: func(b array.Builder, data []byte, _ int32) error {
			return ByOID(JSONOID).ParseText(b, string(data), NoMod, nil)
		},
	})
	define(&Type{
		OID: JSONBOID, Name: "jsonb", Len: -1, Align: 'i', Storage: 'x', Category: CategoryUserDefined,
		Array: JSONBArrayOID, ArrowType: always(arrowText),
		AppendText: appendStringText,
		ParseText: func(b array.Builder, s string, _ int32, _ *Format) error {
			out, err := NormalizeJSON(s)
			if err == nil {
				b.(*array.StringBuilder).Append(out)
			}
			return err
		},
		AppendBinary: func(dst []byte, a arrow.Array, i int) []byte {
			return append(append(dst, jsonbVersion), stringAt(a, i)...)
		},
		ParseBinary: func(b array.Builder, data []byte, _ int32) error {
			if len(data) == 0 {
				return errInsufficientData()
			}
			if data[0] != jsonbVersion {
				return sqlerr.New(sqlerr.InternalError, "unsupported jsonb version number %d", data[0])
			}
			return ByOID(JSONBOID).ParseText(b, string(data[1:]), NoMod, nil)
		},
		Compare: func(a arrow.Array, i int, b arrow.Array, j int) int {
			return compareJSON(jsonAt(a, i), jsonAt(b, j))
		},
		AppendKey: func(dst []byte, a arrow.Array, i int) []byte { return keyJSON(dst, jsonAt(a, i)) },
	})
	DynamicField = dynamicField()
}

// jsonbVersion leads the binary form of jsonb.
const jsonbVersion = 1

// DynamicField is jsonb as COPY FROM reads a dynamic field, of which COPY TO gives the
// text: what is no JSON is a string. No column is of it.
var DynamicField *Type

func dynamicField() *Type {
	t := *ByOID(JSONBOID)
	t.ParseText = func(b array.Builder, s string, _ int32, _ *Format) error {
		out, err := NormalizeJSON(s)
		var e *sqlerr.Error
		if errors.As(err, &e) && e.Code == sqlerr.InvalidTextRepresentation {
			out, err = string(AppendJSONString(nil, s)), nil
		}
		if err == nil {
			b.(*array.StringBuilder).Append(out)
		}
		return err
	}
	jsonb := t.ParseBinary
	t.ParseBinary = func(b array.Builder, data []byte, mod int32) error {
		if len(data) > 0 && data[0] == jsonbVersion {
			return jsonb(b, data, mod)
		}
		return t.ParseText(b, string(data), mod, nil)
	}
	return &t
}

// NormalizeJSON checks s and prints it as jsonb does: keys by length, then
// bytes, the last of equal ones kept; numbers as numeric prints them.
func NormalizeJSON(s string) (string, error) {
	if err := CheckUTF8(s); err != nil {
		return "", err
	}
	v, err := parseJSON(s, true)
	if err != nil {
		return "", err
	}
	return string(v.append(make([]byte, 0, len(s)+len(s)/8))), nil
}

// jsonAt reads a stored jsonb value, which NormalizeJSON made.
func jsonAt(a arrow.Array, i int) *jsonValue {
	v, err := parseJSON(stringAt(a, i), true)
	if err != nil {
		panic("types: stored jsonb is malformed: " + err.Error())
	}
	return v
}
