package types

import (
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/sql/sqlerr"
)

func registerBytea() {
	define(&Type{
		OID: ByteaOID, Name: "bytea", Len: -1, Align: 'i', Storage: 'x', Category: CategoryUserDefined,
		Array: ByteaArrayOID, ArrowType: always(arrowBytes),
		AppendText: func(dst []byte, a arrow.Array, i int, f *Format) []byte {
			v := a.(*array.Binary).Value(i)
			if f.ByteaEscape {
				return appendByteaEscape(dst, v)
			}
			return hex.AppendEncode(append(dst, '\\', 'x'), v)
		},
		ParseText: func(b array.Builder, s string, _ int32, _ *Format) error {
			v, err := ParseBytea(s)
			if err == nil {
				b.(*array.BinaryBuilder).Append(v)
			}
			return err
		},
		AppendBinary: func(dst []byte, a arrow.Array, i int) []byte {
			return append(dst, a.(*array.Binary).Value(i)...)
		},
		ParseBinary: func(b array.Builder, data []byte, _ int32) error {
			b.(*array.BinaryBuilder).Append(data)
			return nil
		},
		Compare: func(a arrow.Array, i int, b arrow.Array, j int) int {
			return strings.Compare(a.(*array.Binary).ValueString(i), b.(*array.Binary).ValueString(j))
		},
		AppendKey: func(dst []byte, a arrow.Array, i int) []byte {
			return keyBytes(dst, a.(*array.Binary).ValueString(i))
		},
	})
}

func appendByteaEscape(dst, v []byte) []byte {
	for _, c := range v {
		switch {
		case c == '\\':
			dst = append(dst, '\\', '\\')
		case c < 0x20 || c > 0x7e:
			dst = append(dst, '\\', '0'+c>>6, '0'+c>>3&7, '0'+c&7)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// ParseBytea reads the hex (\x…) or the escape form of a bytea.
func ParseBytea(s string) ([]byte, error) {
	if strings.HasPrefix(s, `\x`) {
		return parseByteaHex(s[2:])
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] != '\\':
			out = append(out, s[i])
		case i+3 < len(s) && isOctal(s[i+1], '3') && isOctal(s[i+2], '7') && isOctal(s[i+3], '7'):
			out = append(out, (s[i+1]-'0')<<6|(s[i+2]-'0')<<3|(s[i+3]-'0'))
			i += 3
		case i+1 < len(s) && s[i+1] == '\\':
			out = append(out, '\\')
			i++
		default:
			return nil, sqlerr.New(sqlerr.InvalidTextRepresentation, "invalid input syntax for type bytea")
		}
	}
	return out, nil
}

func isOctal(c, most byte) bool { return c >= '0' && c <= most }

func parseByteaHex(s string) ([]byte, error) {
	out := make([]byte, 0, len(s)/2)
	for i := 0; i < len(s); {
		if isSpace(s[i]) && s[i] != '\v' && s[i] != '\f' {
			i++
			continue
		}
		high, err := hexValue(s[i:])
		if err != nil {
			return nil, err
		}
		if i++; i >= len(s) {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "invalid hexadecimal data: odd number of digits")
		}
		low, err := hexValue(s[i:])
		if err != nil {
			return nil, err
		}
		i++
		out = append(out, high<<4|low)
	}
	return out, nil
}

func hexValue(s string) (byte, error) {
	switch c := s[0]; {
	case c >= '0' && c <= '9':
		return c - '0', nil
	case isHexDigit(c):
		return c | 0x20 - 'a' + 10, nil
	}
	_, n := utf8.DecodeRuneInString(s)
	return 0, sqlerr.New(sqlerr.InvalidParameterValue, "invalid hexadecimal digit: \"%s\"", s[:n])
}
