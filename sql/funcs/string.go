package funcs

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"quiver/sql/sqlerr"
)

func init() {
	kernels("length(text) char_length(text) character_length(text)", Lift1(func(s string) int32 { return int32(utf8.RuneCountInString(s)) }))
	kernels("length(bpchar) char_length(bpchar) character_length(bpchar)", Lift1(func(s string) int32 {
		return int32(utf8.RuneCountInString(strings.TrimRight(s, " ")))
	}))
	kernels("octet_length(text) octet_length(bpchar)", Lift1(func(s string) int32 { return int32(len(s)) }))
	kernel("bit_length(text)", Lift1(func(s string) int32 { return int32(len(s)) * 8 }))
	kernel("lower(text)", Lift1(strings.ToLower))
	kernel("upper(text)", Lift1(strings.ToUpper))
	kernel("initcap(text)", Lift1(initcap))
	kernels("substr(text,int4,int4) substring(text,int4,int4)", Lift3E(substring))
	kernels("substr(text,int4) substring(text,int4)", Lift2(func(s string, start int32) string {
		return s[runeOffset(s, int64(start)-1):]
	}))
	kernel("textcat(text,text)", Lift2(func(a, b string) string { return a + b }))
	kernel("replace(text,text,text)", Lift3(replace))
	kernel("repeat(text,int4)", Lift2E(repeat))
	kernels("btrim(text,text)", Lift2(strings.Trim))
	kernel("ltrim(text,text)", Lift2(strings.TrimLeft))
	kernel("rtrim(text,text)", Lift2(strings.TrimRight))
	kernel("btrim(text)", Lift1(func(s string) string { return strings.Trim(s, " ") }))
	kernel("ltrim(text)", Lift1(func(s string) string { return strings.TrimLeft(s, " ") }))
	kernel("rtrim(text)", Lift1(func(s string) string { return strings.TrimRight(s, " ") }))
	kernel("lpad(text,int4,text)", Lift3E(func(s string, n int32, fill string) (string, error) { return pad(s, n, fill, true) }))
	kernel("lpad(text,int4)", Lift2E(func(s string, n int32) (string, error) { return pad(s, n, " ", true) }))
	kernel("rpad(text,int4,text)", Lift3E(func(s string, n int32, fill string) (string, error) { return pad(s, n, fill, false) }))
	kernel("rpad(text,int4)", Lift2E(func(s string, n int32) (string, error) { return pad(s, n, " ", false) }))
	kernel("left(text,int4)", Lift2(left))
	kernel("right(text,int4)", Lift2(right))
	kernels("strpos(text,text) position(text,text)", Lift2(strpos))
	kernel("split_part(text,text,int4)", Lift3E(splitPart))
	kernel("reverse(text)", Lift1(reverse))
	kernel("translate(text,text,text)", Lift3(translate))
	kernel("ascii(text)", Lift1(ascii))
	kernel("chr(int4)", Lift1E(chr))
	kernels("starts_with(text,text)", Lift2(strings.HasPrefix))
	kernel("overlay(text,text,int4,int4)", Lift4E(overlay))
	kernel("overlay(text,text,int4)", Lift3E(func(s, part string, start int32) (string, error) {
		return overlay(s, part, start, int32(utf8.RuneCountInString(part)))
	}))
}

// runeOffset is the byte offset of character n (from 0) of s, or the nearer end
// of s.
func runeOffset(s string, n int64) int {
	if n <= 0 {
		return 0
	}
	if n >= int64(len(s)) {
		if n > int64(len(s)) || utf8.RuneCountInString(s) == len(s) {
			return len(s)
		}
	}
	for i := range s {
		if n == 0 {
			return i
		}
		n--
	}
	return len(s)
}

func initcap(s string) string {
	inWord := false
	return strings.Map(func(r rune) rune {
		was := inWord
		inWord = unicode.IsLetter(r) || unicode.IsDigit(r)
		if was {
			return unicode.ToLower(r)
		}
		return unicode.ToUpper(r)
	}, s)
}

// substring takes length characters from start, counted from 1; what lies
// outside s is cut off.
func substring(s string, start, length int32) (string, error) {
	if length < 0 {
		return "", sqlerr.New(sqlerr.SubstringError, "negative substring length not allowed")
	}
	from, to := int64(start)-1, int64(start)-1+int64(length)
	if to <= 0 {
		return "", nil
	}
	s = s[runeOffset(s, from):]
	return s[:runeOffset(s, to-max(from, 0))], nil
}

func replace(s, from, to string) string {
	if from == "" {
		return s
	}
	return strings.ReplaceAll(s, from, to)
}

func repeat(s string, n int32) (string, error) {
	if n <= 0 {
		return "", nil
	}
	if int64(len(s))*int64(n) > maxValueBytes {
		return "", errTooLong()
	}
	return strings.Repeat(s, int(n)), nil
}

// pad brings s to n characters, cutting at the right end.
func pad(s string, n int32, fill string, atLeft bool) (string, error) {
	if n <= 0 {
		return "", nil
	}
	missing := int64(n) - int64(utf8.RuneCountInString(s))
	if missing <= 0 {
		return s[:runeOffset(s, int64(n))], nil
	}
	if fill == "" {
		return s, nil
	}
	chars := int64(utf8.RuneCountInString(fill))
	if (missing/chars+1)*int64(len(fill))+int64(len(s)) > maxValueBytes {
		return "", errTooLong()
	}
	padding := strings.Repeat(fill, int(missing/chars)) + fill[:runeOffset(fill, missing%chars)]
	if atLeft {
		return padding + s, nil
	}
	return s + padding, nil
}

// left takes the first n characters, or all but the last -n.
func left(s string, n int32) string {
	k := int64(n)
	if k < 0 {
		k += int64(utf8.RuneCountInString(s))
	}
	return s[:runeOffset(s, k)]
}

// right takes the last n characters, or all but the first -n.
func right(s string, n int32) string {
	if n < 0 {
		return s[runeOffset(s, -int64(n)):]
	}
	return s[runeOffset(s, int64(utf8.RuneCountInString(s))-int64(n)):]
}

func strpos(s, part string) int32 {
	k := strings.Index(s, part)
	if k < 0 {
		return 0
	}
	return int32(utf8.RuneCountInString(s[:k])) + 1
}

// splitPart is field n of s, counted from 1 or, negative, from the end.
func splitPart(s, delimiter string, n int32) (string, error) {
	if n == 0 {
		return "", sqlerr.New(sqlerr.InvalidParameterValue, "field position must not be zero")
	}
	if s == "" {
		return "", nil
	}
	parts := []string{s}
	if delimiter != "" {
		parts = strings.Split(s, delimiter)
	}
	k := int64(n) - 1
	if n < 0 {
		k = int64(len(parts)) + int64(n)
	}
	if k < 0 || k >= int64(len(parts)) {
		return "", nil
	}
	return parts[k], nil
}

func reverse(s string) string {
	b := make([]byte, len(s))
	k := len(s)
	for i := 0; i < len(s); {
		_, size := utf8.DecodeRuneInString(s[i:])
		k -= size
		copy(b[k:], s[i:i+size])
		i += size
	}
	return string(b)
}

// translate replaces the characters of from by those of to at the same place;
// those without a partner go.
func translate(s, from, to string) string {
	source, target := []rune(from), []rune(to)
	return strings.Map(func(r rune) rune {
		for k, c := range source {
			if c != r {
				continue
			}
			if k < len(target) {
				return target[k]
			}
			return -1
		}
		return r
	}, s)
}

func ascii(s string) int32 {
	if s == "" {
		return 0
	}
	r, _ := utf8.DecodeRuneInString(s)
	return r
}

func chr(n int32) (string, error) {
	switch {
	case n < 0:
		return "", sqlerr.New(sqlerr.InvalidParameterValue, "character number must be positive")
	case n == 0:
		return "", sqlerr.New(sqlerr.ProgramLimitExceeded, "null character not permitted")
	case n > utf8.MaxRune:
		return "", sqlerr.New(sqlerr.ProgramLimitExceeded, "requested character too large for encoding: %d", n)
	case !utf8.ValidRune(n):
		return "", sqlerr.New(sqlerr.ProgramLimitExceeded, "requested character not valid for encoding: %d", n)
	}
	return string(n), nil
}

// overlay replaces length characters of s from start by part.
func overlay(s, part string, start, length int32) (string, error) {
	if start <= 0 {
		return "", sqlerr.New(sqlerr.SubstringError, "negative substring length not allowed")
	}
	end := int64(start) + int64(length)
	if end > 1<<31-1 {
		return "", sqlerr.New(sqlerr.NumericValueOutOfRange, "integer out of range")
	}
	return s[:runeOffset(s, int64(start)-1)] + part + s[runeOffset(s, end-1):], nil
}
