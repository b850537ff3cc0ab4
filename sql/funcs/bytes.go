package funcs

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"unicode/utf8"

	"quiver/sql/sqlerr"
)

func init() {
	kernel("byteacat(bytea,bytea)", Lift2(func(a, b []byte) []byte { return append(append(make([]byte, 0, len(a)+len(b)), a...), b...) }))
	kernels("length(bytea) octet_length(bytea)", Lift1(func(b []byte) int32 { return int32(len(b)) }))
	kernel("bit_length(bytea)", Lift1(func(b []byte) int32 { return int32(len(b)) * 8 }))
	kernels("substr(bytea,int4,int4) substring(bytea,int4,int4)", Lift3E(subbytes))
	kernels("substr(bytea,int4) substring(bytea,int4)", Lift2E(func(b []byte, start int32) ([]byte, error) {
		return subbytes(b, start, 1<<31-1)
	}))
	kernel("position(bytea,bytea)", Lift2(func(b, part []byte) int32 { return int32(bytes.Index(b, part)) + 1 }))
	kernel("btrim(bytea,bytea)", Lift2(func(b, set []byte) []byte { return trimBytes(trimBytesLeft(b, set), set) }))
	kernel("ltrim(bytea,bytea)", Lift2(trimBytesLeft))
	kernel("rtrim(bytea,bytea)", Lift2(trimBytes))
	kernel("overlay(bytea,bytea,int4,int4)", Lift4E(overlayBytes))
	kernel("overlay(bytea,bytea,int4)", Lift3E(func(b, part []byte, start int32) ([]byte, error) {
		return overlayBytes(b, part, start, int32(len(part)))
	}))
	kernel("get_byte(bytea,int4)", Lift2E(func(b []byte, i int32) (int32, error) {
		if i < 0 || int(i) >= len(b) {
			return 0, errIndexRange(i, len(b))
		}
		return int32(b[i]), nil
	}))
	kernel("set_byte(bytea,int4,int4)", Lift3E(func(b []byte, i, v int32) ([]byte, error) {
		if i < 0 || int(i) >= len(b) {
			return nil, errIndexRange(i, len(b))
		}
		b = bytes.Clone(b)
		b[i] = byte(v)
		return b, nil
	}))
	kernel("md5(text)", Lift1(func(s string) string { return hexDigest(md5.Sum([]byte(s))) }))
	kernel("md5(bytea)", Lift1(func(b []byte) string { return hexDigest(md5.Sum(b)) }))
	kernel("sha224(bytea)", Lift1(func(b []byte) []byte { d := sha256.Sum224(b); return d[:] }))
	kernel("sha256(bytea)", Lift1(func(b []byte) []byte { d := sha256.Sum256(b); return d[:] }))
	kernel("sha384(bytea)", Lift1(func(b []byte) []byte { d := sha512.Sum384(b); return d[:] }))
	kernel("sha512(bytea)", Lift1(func(b []byte) []byte { d := sha512.Sum512(b); return d[:] }))
	kernel("encode(bytea,text)", Lift2E(encode))
	kernel("decode(text,text)", Lift2E(decode))
	kernel("to_hex(int4)", Lift1(func(v int32) string { return strconv.FormatUint(uint64(uint32(v)), 16) }))
	kernel("to_hex(int8)", Lift1(func(v int64) string { return strconv.FormatUint(uint64(v), 16) }))
	kernel("convert_from(bytea,name)", Lift2E(convertFrom))
	kernel("convert_to(text,name)", Lift2E(convertTo))
}

func hexDigest(d [md5.Size]byte) string { return hex.EncodeToString(d[:]) }

func errIndexRange(i int32, n int) error {
	return sqlerr.New(sqlerr.ArraySubscriptError, "index %d out of valid range, 0..%d", i, n-1)
}

func subbytes(b []byte, start, length int32) ([]byte, error) {
	if length < 0 {
		return nil, sqlerr.New(sqlerr.SubstringError, "negative substring length not allowed")
	}
	from := max(int64(start)-1, 0)
	to := min(int64(start)-1+int64(length), int64(len(b)))
	if from >= to {
		return []byte{}, nil
	}
	return b[from:to], nil
}

func trimBytesLeft(b, set []byte) []byte {
	for len(b) > 0 && bytes.IndexByte(set, b[0]) >= 0 {
		b = b[1:]
	}
	return b
}

// trimBytes trims the end.
func trimBytes(b, set []byte) []byte {
	for len(b) > 0 && bytes.IndexByte(set, b[len(b)-1]) >= 0 {
		b = b[:len(b)-1]
	}
	return b
}

func overlayBytes(b, part []byte, start, length int32) ([]byte, error) {
	if start <= 0 {
		return nil, sqlerr.New(sqlerr.SubstringError, "negative substring length not allowed")
	}
	end := int64(start) + int64(length)
	if end > 1<<31-1 {
		return nil, outOfRange[int32]()
	}
	cut := func(n int64) int64 { return max(0, min(n, int64(len(b)))) }
	result := append([]byte{}, b[:cut(int64(start)-1)]...)
	return append(append(result, part...), b[cut(end-1):]...), nil
}

func errEncoding(format string) error {
	return sqlerr.New(sqlerr.InvalidParameterValue, "unrecognized encoding: \"%s\"", format)
}

func encode(b []byte, format string) (string, error) {
	switch strings.ToLower(format) {
	case "hex":
		return hex.EncodeToString(b), nil
	case "base64":
		text := base64.StdEncoding.EncodeToString(b)
		var s strings.Builder
		// Lines have 76 characters, as MIME wants.
		for len(text) > 76 {
			s.WriteString(text[:76] + "\n")
			text = text[76:]
		}
		return s.String() + text, nil
	case "escape":
		var s []byte
		for _, c := range b {
			switch {
			case c == 0 || c >= 0x80:
				s = append(s, '\\', '0'+c>>6, '0'+c>>3&7, '0'+c&7)
			case c == '\\':
				s = append(s, `\\`...)
			default:
				s = append(s, c)
			}
		}
		return string(s), nil
	}
	return "", errEncoding(format)
}

func decode(s, format string) ([]byte, error) {
	switch strings.ToLower(format) {
	case "hex":
		return decodeHex(s)
	case "base64":
		return decodeBase64(s)
	case "escape":
		return decodeEscape(s)
	}
	return nil, errEncoding(format)
}

func decodeHex(s string) ([]byte, error) {
	var b []byte
	high := -1
	for _, r := range s {
		if r == ' ' || r == '\n' || r == '\t' || r == '\r' {
			continue
		}
		digit := strings.IndexRune("0123456789abcdef", r|0x20)
		if r < '0' || digit < 0 {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "invalid hexadecimal digit: \"%c\"", r)
		}
		if high < 0 {
			high = digit
			continue
		}
		b = append(b, byte(high<<4|digit))
		high = -1
	}
	if high >= 0 {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "invalid hexadecimal data: odd number of digits")
	}
	return b, nil
}

const base64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

func decodeBase64(s string) ([]byte, error) {
	var b []byte
	var bits uint32
	have, padding := 0, 0
	for _, r := range s {
		if r == ' ' || r == '\n' || r == '\t' || r == '\r' {
			continue
		}
		if r == '=' {
			if have+padding < 2 || padding == 2 {
				return nil, sqlerr.New(sqlerr.InvalidParameterValue, "unexpected \"=\" while decoding base64 sequence")
			}
			padding++
			bits <<= 6
		} else {
			digit := strings.IndexRune(base64Alphabet, r)
			if digit < 0 {
				return nil, sqlerr.New(sqlerr.InvalidParameterValue, "invalid symbol \"%c\" found while decoding base64 sequence", r)
			}
			bits = bits<<6 | uint32(digit)
			have++
		}
		if have+padding == 4 {
			group := []byte{byte(bits >> 16), byte(bits >> 8), byte(bits)}
			b = append(b, group[:3-padding]...)
			bits, have, padding = 0, 0, 0
		}
	}
	if have+padding > 0 {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "invalid base64 end sequence").
			WithHint("Input data is missing padding, is truncated, or is otherwise corrupted.")
	}
	return b, nil
}

func decodeEscape(s string) ([]byte, error) {
	b := []byte{}
	for i := 0; i < len(s); i++ {
		octal := func(k int, limit byte) bool { return i+k < len(s) && s[i+k] >= '0' && s[i+k] <= limit }
		switch {
		case s[i] != '\\':
			b = append(b, s[i])
		case i+1 < len(s) && s[i+1] == '\\':
			b = append(b, '\\')
			i++
		case octal(1, '3') && octal(2, '7') && octal(3, '7'):
			b = append(b, (s[i+1]-'0')<<6|(s[i+2]-'0')<<3|(s[i+3]-'0'))
			i += 3
		default:
			return nil, sqlerr.New(sqlerr.InvalidTextRepresentation, "invalid input syntax for type %s", "bytea")
		}
	}
	return b, nil
}

// isUTF8 says whether name is an encoding that holds just what we hold.
func isUTF8(name string) bool {
	clean := strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(name))
	return clean == "utf8" || clean == "unicode" || clean == "sqlascii"
}

func convertFrom(b []byte, encoding string) (string, error) {
	if !isUTF8(encoding) {
		return "", sqlerr.Unsupported("conversion from encoding \"%s\"", encoding)
	}
	if k := bytes.IndexByte(b, 0); k >= 0 {
		return "", sqlerr.New(sqlerr.CharacterNotInRepertoire, "invalid byte sequence for encoding \"UTF8\": 0x00")
	}
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size <= 1 {
			return "", errByteSequence(b[i:])
		}
		i += size
	}
	return string(b), nil
}

// errByteSequence names the bytes that are no character, as many as the first
// announces.
func errByteSequence(b []byte) error {
	n := 1
	switch {
	case b[0] >= 0xf0 && b[0] < 0xf8:
		n = 4
	case b[0] >= 0xe0 && b[0] < 0xf0:
		n = 3
	case b[0] >= 0xc0 && b[0] < 0xe0:
		n = 2
	}
	var s strings.Builder
	for k, c := range b[:min(n, len(b))] {
		if k > 0 {
			s.WriteByte(' ')
		}
		s.WriteString("0x" + hex.EncodeToString([]byte{c}))
	}
	return sqlerr.New(sqlerr.CharacterNotInRepertoire, "invalid byte sequence for encoding \"UTF8\": %s", s.String())
}

func convertTo(s, encoding string) ([]byte, error) {
	if !isUTF8(encoding) {
		return nil, sqlerr.Unsupported("conversion to encoding \"%s\"", encoding)
	}
	return []byte(s), nil
}
