package types

import (
	"bytes"
	"encoding/hex"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
)

func registerUUID() {
	define(&Type{
		OID: UUIDOID, Name: "uuid", Len: 16, Align: 'c', Storage: 'p', Category: CategoryUserDefined,
		Array: UUIDArrayOID, ArrowType: always(arrowUUID),
		AppendText: func(dst []byte, a arrow.Array, i int, _ *Format) []byte {
			return appendUUID(dst, fixedBytes(a, i))
		},
		ParseText: func(b array.Builder, s string, _ int32, _ *Format) error {
			v, ok := parseUUID(s)
			if !ok {
				return invalidText("uuid", s)
			}
			b.(*array.FixedSizeBinaryBuilder).Append(v[:])
			return nil
		},
		AppendBinary: func(dst []byte, a arrow.Array, i int) []byte { return append(dst, fixedBytes(a, i)...) },
		ParseBinary: func(b array.Builder, data []byte, _ int32) error {
			if err := wantLength(data, 16); err != nil {
				return err
			}
			b.(*array.FixedSizeBinaryBuilder).Append(data)
			return nil
		},
		Compare: func(a arrow.Array, i int, b arrow.Array, j int) int {
			return bytes.Compare(fixedBytes(a, i), fixedBytes(b, j))
		},
		AppendKey: func(dst []byte, a arrow.Array, i int) []byte { return append(dst, fixedBytes(a, i)...) },
	})
}

func fixedBytes(a arrow.Array, i int) []byte { return a.(*array.FixedSizeBinary).Value(i) }

func appendUUID(dst, v []byte) []byte {
	for k, end := range [...]int{4, 6, 8, 10, 16} {
		start := 0
		if k > 0 {
			start = 2 + 2*k
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, v[start:end])
	}
	return dst
}

// parseUUID takes 32 hex digits, braces around, a hyphen after any group of
// four.
func parseUUID(s string) (v [16]byte, ok bool) {
	if len(s) > 1 && s[0] == '{' && s[len(s)-1] == '}' {
		s = s[1 : len(s)-1]
	}
	for k := range v {
		if len(s) < 2 || !isHexDigit(s[0]) || !isHexDigit(s[1]) {
			return v, false
		}
		high, _ := hexValue(s)
		low, _ := hexValue(s[1:])
		v[k] = high<<4 | low
		s = s[2:]
		if k%2 == 1 && k < 15 && s != "" && s[0] == '-' {
			s = s[1:]
		}
	}
	return v, s == ""
}
