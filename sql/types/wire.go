package types

import (
	"encoding/binary"
	"math"
	"strings"
	"unicode/utf8"

	"quiver/sql/sqlerr"
)

// wantLength checks the length of a fixed-width binary value.
func wantLength(data []byte, n int) error {
	switch {
	case len(data) < n:
		return errInsufficientData()
	case len(data) > n:
		return errTrailingData()
	}
	return nil
}

// errInsufficientData is what reading past the end of a message gives.
func errInsufficientData() error {
	return sqlerr.New(sqlerr.ProtocolViolation, "insufficient data left in message")
}

// errTrailingData is what a binary value longer than its type reads gives.
func errTrailingData() error {
	return sqlerr.New(sqlerr.InvalidBinaryRepresentation, "incorrect binary data format")
}

// cursor reads a binary value within its bounds; after the first short read bad
// is set and every read gives zero.
type cursor struct {
	data []byte
	bad  bool
}

func (c *cursor) bytes(n int) []byte {
	if n < 0 || n > len(c.data) {
		c.bad, c.data = true, nil
		return nil
	}
	out := c.data[:n]
	c.data = c.data[n:]
	return out
}

func (c *cursor) uint16() uint16 {
	if b := c.bytes(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (c *cursor) uint32() uint32 {
	if b := c.bytes(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (c *cursor) uint64() uint64 {
	if b := c.bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (c *cursor) int16() int16 { return int16(c.uint16()) }
func (c *cursor) int32() int32 { return int32(c.uint32()) }
func (c *cursor) int64() int64 { return int64(c.uint64()) }

func (c *cursor) float32() float32 { return math.Float32frombits(c.uint32()) }

// done says how the value ended: nil when all of it was read and no more.
func (c *cursor) done() error {
	switch {
	case c.bad:
		return errInsufficientData()
	case len(c.data) > 0:
		return errTrailingData()
	}
	return nil
}

func appendUint16(dst []byte, v uint16) []byte { return binary.BigEndian.AppendUint16(dst, v) }
func appendUint32(dst []byte, v uint32) []byte { return binary.BigEndian.AppendUint32(dst, v) }
func appendUint64(dst []byte, v uint64) []byte { return binary.BigEndian.AppendUint64(dst, v) }

// CheckUTF8 says whether s is text that a UTF8 database can hold: 22021 when a
// byte sequence is malformed or zero.
func CheckUTF8(s string) error {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return nil
	}
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if s[i] == 0 || r == utf8.RuneError && n == 1 {
			return sqlerr.New(sqlerr.CharacterNotInRepertoire, "invalid byte sequence for encoding \"UTF8\": %s", hexBytes(s[i:]))
		}
		i += n
	}
	return nil
}

// hexBytes lists the bytes of the broken character at the start of s, as many
// as its first byte announces.
func hexBytes(s string) string {
	n := 1
	switch c := s[0]; {
	case c >= 0xf0 && c < 0xf8:
		n = 4
	case c >= 0xe0 && c < 0xf0:
		n = 3
	case c >= 0xc0 && c < 0xe0:
		n = 2
	}
	const digits = "0123456789abcdef"
	var out []byte
	for i := 0; i < min(n, len(s), 8); i++ {
		if i > 0 {
			out = append(out, ' ')
		}
		out = append(out, '0', 'x', digits[s[i]>>4], digits[s[i]&15])
	}
	return string(out)
}

// Order-preserving keys of fixed-width numbers: the bytes of the number, big
// endian, with the sign flipped so that negative ones come first.

func keyInt16(dst []byte, v int16) []byte { return appendUint16(dst, uint16(v)^1<<15) }
func keyInt32(dst []byte, v int32) []byte { return appendUint32(dst, uint32(v)^1<<31) }
func keyInt64(dst []byte, v int64) []byte { return appendUint64(dst, uint64(v)^1<<63) }

// keyFloat64 orders -inf < … < -0 = 0 < … < inf < NaN.
func keyFloat64(dst []byte, v float64) []byte {
	switch {
	case v != v:
		return appendUint64(dst, math.MaxUint64)
	case v == 0:
		v = 0
	}
	bits := math.Float64bits(v)
	if bits>>63 != 0 {
		return appendUint64(dst, ^bits)
	}
	return appendUint64(dst, bits|1<<63)
}

// keyFloat32 is keyFloat64 for four bytes.
func keyFloat32(dst []byte, v float32) []byte {
	switch {
	case v != v:
		return appendUint32(dst, math.MaxUint32)
	case v == 0:
		v = 0
	}
	bits := math.Float32bits(v)
	if bits>>31 != 0 {
		return appendUint32(dst, ^bits)
	}
	return appendUint32(dst, bits|1<<31)
}

// keyBytes writes a byte string of any content so that no key is a prefix of
// another: zero bytes become 00 ff, the end is 00 01.
func keyBytes(dst []byte, s string) []byte {
	for {
		n := strings.IndexByte(s, 0)
		if n < 0 {
			return append(append(dst, s...), 0, 1)
		}
		dst = append(append(dst, s[:n]...), 0, 0xff)
		s = s[n+1:]
	}
}
