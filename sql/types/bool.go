package types

import (
	"strings"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/sql/sqlerr"
)

func registerBool() {
	define(&Type{
		OID: BoolOID, Name: "bool", SQLName: "boolean", Len: 1, ByVal: true, Align: 'c', Storage: 'p',
		Category: CategoryBoolean, Preferred: true, Array: BoolArrayOID,
		ArrowType: always(arrow.FixedWidthTypes.Boolean),
		AppendText: func(dst []byte, a arrow.Array, i int, _ *Format) []byte {
			if a.(*array.Boolean).Value(i) {
				return append(dst, 't')
			}
			return append(dst, 'f')
		},
		ParseText: func(b array.Builder, s string, _ int32, _ *Format) error {
			v, err := ParseBool(s)
			if err == nil {
				b.(*array.BooleanBuilder).Append(v)
			}
			return err
		},
		AppendBinary: func(dst []byte, a arrow.Array, i int) []byte {
			return append(dst, boolByte(a.(*array.Boolean).Value(i)))
		},
		ParseBinary: func(b array.Builder, data []byte, _ int32) error {
			if err := wantLength(data, 1); err != nil {
				return err
			}
			b.(*array.BooleanBuilder).Append(data[0] != 0)
			return nil
		},
		Compare: func(a arrow.Array, i int, b arrow.Array, j int) int {
			return int(boolByte(a.(*array.Boolean).Value(i))) - int(boolByte(b.(*array.Boolean).Value(j)))
		},
		AppendKey: func(dst []byte, a arrow.Array, i int) []byte {
			return append(dst, boolByte(a.(*array.Boolean).Value(i)))
		},
	})
}

func boolByte(v bool) byte {
	if v {
		return 1
	}
	return 0
}

// boolWords are the spellings that boolin knows, with the shortest unambiguous
// prefix of each.
var boolWords = []struct {
	word  string
	least int
	value bool
}{
	{"true", 1, true}, {"false", 1, false}, {"yes", 1, true}, {"no", 1, false},
	{"on", 2, true}, {"off", 2, false}, {"1", 1, true}, {"0", 1, false},
}

// ParseBool reads a boolean as Postgres does: true, yes, on, 1, their opposites
// and unambiguous prefixes of them, in any case, blanks around.
func ParseBool(s string) (bool, error) {
	word := trimSpace(s)
	for _, w := range boolWords {
		if len(word) >= w.least && len(word) <= len(w.word) && strings.EqualFold(word, w.word[:len(word)]) {
			return w.value, nil
		}
	}
	return false, invalidText("boolean", s)
}

// invalidText is the error of a typinput function: 22P02.
func invalidText(typeName, s string) *sqlerr.Error {
	return sqlerr.New(sqlerr.InvalidTextRepresentation, "invalid input syntax for type %s: \"%s\"", typeName, s)
}

// isSpace is C's isspace in the C locale.
func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// trimSpace removes blanks around s, as isspace knows them.
func trimSpace(s string) string {
	for len(s) > 0 && isSpace(s[0]) {
		s = s[1:]
	}
	for len(s) > 0 && isSpace(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}
