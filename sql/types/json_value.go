package types

import (
	"cmp"
	"slices"
	"strings"
)

// jsonKind is what a jsonValue is, in the order in which jsonb sorts them
// (arrays of no elements apart).
type jsonKind byte

const (
	jsonNull jsonKind = iota
	jsonString
	jsonNumber
	jsonBool
	jsonArray
	jsonObject
)

// jsonValue is a parsed jsonb. Text is the string without escapes, the number
// as numeric prints it, or true and false. An object's Keys go with Items.
type jsonValue struct {
	kind  jsonKind
	text  string
	keys  []string
	items []*jsonValue
}

// sortKeys puts the keys of an object in jsonb's order and drops all but the
// last of equal ones.
func (v *jsonValue) sortKeys() {
	order := make([]int, len(v.keys))
	for k := range order {
		order[k] = k
	}
	slices.SortStableFunc(order, func(a, b int) int { return compareJSONKeys(v.keys[a], v.keys[b]) })
	keys, items := make([]string, 0, len(order)), make([]*jsonValue, 0, len(order))
	for n, k := range order {
		if n > 0 && v.keys[k] == keys[len(keys)-1] {
			items[len(items)-1] = v.items[k]
			continue
		}
		keys, items = append(keys, v.keys[k]), append(items, v.items[k])
	}
	v.keys, v.items = keys, items
}

func compareJSONKeys(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// append prints v as jsonb_out does.
func (v *jsonValue) append(dst []byte) []byte {
	switch v.kind {
	case jsonNull:
		return append(dst, "null"...)
	case jsonString:
		return AppendJSONString(dst, v.text)
	case jsonNumber, jsonBool:
		return append(dst, v.text...)
	case jsonArray:
		dst = append(dst, '[')
		for k, item := range v.items {
			if k > 0 {
				dst = append(dst, ", "...)
			}
			dst = item.append(dst)
		}
		return append(dst, ']')
	}
	dst = append(dst, '{')
	for k, item := range v.items {
		if k > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(AppendJSONString(dst, v.keys[k]), ": "...)
		dst = item.append(dst)
	}
	return append(dst, '}')
}

// AppendJSONString appends s as a JSON string, escaped as Postgres does.
func AppendJSONString[S ~string | ~[]byte](dst []byte, s S) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\b':
			dst = append(dst, '\\', 'b')
		case c == '\f':
			dst = append(dst, '\\', 'f')
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// compareJSON orders as jsonb's btree operator class (manual section 8.14.4):
// Object > Array > Boolean > Number > String > Null, larger containers after
// smaller ones, then member by member; an empty array at the top is least.
func compareJSON(a, b *jsonValue) int {
	emptyA, emptyB := a.kind == jsonArray && len(a.items) == 0, b.kind == jsonArray && len(b.items) == 0
	if emptyA != emptyB {
		if emptyA {
			return -1
		}
		return 1
	}
	return compareJSONMembers(a, b)
}

func compareJSONMembers(a, b *jsonValue) int {
	if a.kind != b.kind {
		return cmp.Compare(a.kind, b.kind)
	}
	switch a.kind {
	case jsonNumber:
		x, _ := ParseNumeric(a.text)
		y, _ := ParseNumeric(b.text)
		return x.Cmp(y)
	case jsonArray, jsonObject:
		if r := cmp.Compare(len(a.items), len(b.items)); r != 0 {
			return r
		}
		for k := range a.items {
			if a.kind == jsonObject {
				if r := compareJSONKeys(a.keys[k], b.keys[k]); r != 0 {
					return r
				}
			}
			if r := compareJSONMembers(a.items[k], b.items[k]); r != 0 {
				return r
			}
		}
		return 0
	}
	// false < true as text too.
	return strings.Compare(a.text, b.text)
}

// keyJSON follows compareJSON.
func keyJSON(dst []byte, v *jsonValue) []byte {
	if v.kind == jsonArray && len(v.items) == 0 {
		return append(dst, 0)
	}
	return keyJSONMember(append(dst, 1), v)
}

func keyJSONMember(dst []byte, v *jsonValue) []byte {
	dst = append(dst, byte(v.kind))
	switch v.kind {
	case jsonNull:
	case jsonNumber:
		n, _ := ParseNumeric(v.text)
		dst = n.AppendKey(dst)
	case jsonArray, jsonObject:
		dst = appendUint32(dst, uint32(len(v.items)))
		for k, item := range v.items {
			if v.kind == jsonObject {
				dst = keyBytes(appendUint32(dst, uint32(len(v.keys[k]))), v.keys[k])
			}
			dst = keyJSONMember(dst, item)
		}
	default:
		dst = keyBytes(dst, v.text)
	}
	return dst
}
