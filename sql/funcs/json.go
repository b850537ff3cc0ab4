package funcs

import (
	"strconv"
	"strings"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// Access to json and jsonb: manual section 9.16.
func init() {
	for _, kind := range []string{"json", "jsonb"} {
		element := func(s string, at int32) jsonValue {
			v := jsonOf(s)
			if kind == "jsonb" && v.isScalar() && (at == 0 || at == -1) {
				return v // jsonb keeps a scalar as an array of one, and shows it here
			}
			return v.element(int(at))
		}
		kernel(kind+"_object_field("+kind+",text)", Lift2E(func(s, key string) (string, error) { return jsonOf(s).field(key).json() }))
		kernel(kind+"_object_field_text("+kind+",text)", Lift2E(func(s, key string) (string, error) { return jsonOf(s).field(key).text() }))
		kernel(kind+"_array_element("+kind+",int4)", Lift2E(func(s string, at int32) (string, error) { return element(s, at).json() }))
		kernel(kind+"_array_element_text("+kind+",int4)", Lift2E(func(s string, at int32) (string, error) { return element(s, at).text() }))
		kernel(kind+"_extract_path("+kind+",_text)", Lift2E(func(s string, path texts) (string, error) { return jsonOf(s).at(path).json() }))
		kernel(kind+"_extract_path_text("+kind+",_text)", Lift2E(func(s string, path texts) (string, error) { return jsonOf(s).at(path).text() }))
		kernel(kind+"_typeof("+kind+")", Lift1(func(s string) string { return jsonOf(s).kind() }))
		kernel(kind+"_array_length("+kind+")", Lift1E(func(s string) (int32, error) {
			switch v := jsonOf(s); {
			case v.isArray():
				return int32(v.len()), nil
			case v.isObject():
				return 0, sqlerr.New(sqlerr.InvalidParameterValue, "cannot get array length of a non-array")
			}
			return 0, sqlerr.New(sqlerr.InvalidParameterValue, "cannot get array length of a scalar")
		}))
	}
	kernel("jsonb_exists(jsonb,text)", Lift2(jsonExists))
	kernel("jsonb_exists_any(jsonb,_text)", Lift2(func(s string, keys texts) bool {
		for _, k := range keys {
			if k != nil && jsonExists(s, *k) {
				return true
			}
		}
		return false
	}))
	kernel("jsonb_exists_all(jsonb,_text)", Lift2(func(s string, keys texts) bool {
		for _, k := range keys {
			if k != nil && !jsonExists(s, *k) {
				return false
			}
		}
		return true
	}))
	kernel("jsonb_contains(jsonb,jsonb)", Lift2(func(a, b string) bool { return jsonContains(jsonOf(a), jsonOf(b), true) }))
	kernel("jsonb_contained(jsonb,jsonb)", Lift2(func(a, b string) bool { return jsonContains(jsonOf(b), jsonOf(a), true) }))
}

// texts is a text[], nil for its nulls.
type texts []*string

// at follows a path: keys of objects, positions of arrays.
func (v jsonValue) at(path texts) jsonValue {
	for _, step := range path {
		if step == nil {
			return ""
		}
		switch {
		case v == "":
			return ""
		case v.isObject():
			v = v.field(*step)
		case v.isArray():
			at, ok := jsonPosition(*step)
			if !ok {
				return ""
			}
			v = v.element(at)
		default:
			return ""
		}
	}
	return v
}

// jsonPosition reads a position in an array as strtol does.
func jsonPosition(step string) (int, bool) {
	n, err := strconv.ParseInt(strings.TrimLeft(step, " \t\n\v\f\r"), 10, 32)
	return int(n), err == nil
}

// jsonExists says whether a string is a key of an object, an element of an array,
// or the value itself.
func jsonExists(s, name string) (found bool) {
	v := jsonOf(s)
	switch {
	case v.isObject():
		return v.field(name) != ""
	case v.isArray():
		v.elements(func(e jsonValue) bool {
			found = e.isString() && e.isKey(name)
			return !found
		})
		return found
	}
	return v.isString() && v.isKey(name)
}

// jsonContains is @>: every member of b is in a, members of members likewise. At
// the top an array contains a scalar that is an element of it.
func jsonContains(a, b jsonValue, top bool) bool {
	switch {
	case b.isObject():
		contains := a.isObject()
		b.members(func(key, value jsonValue) bool {
			name, err := key.str()
			have := jsonValue("")
			if contains && err == nil {
				have = a.field(name)
			}
			contains = contains && have != "" && jsonContains(have, value, false)
			return contains
		})
		return contains
	case b.isArray():
		if !a.isArray() {
			return false
		}
		have, contains := a.list(), true
		b.elements(func(e jsonValue) bool {
			contains = false
			for _, h := range have {
				if jsonContains(h, e, false) {
					contains = true
					break
				}
			}
			return contains
		})
		return contains
	case a.isArray() && top:
		found := false
		a.elements(func(e jsonValue) bool {
			found = e.isScalar() && jsonScalarsEqual(e, b)
			return !found
		})
		return found
	}
	return a.isScalar() && jsonScalarsEqual(a, b)
}

// jsonScalarsEqual compares scalars of jsonb: numbers by value.
func jsonScalarsEqual(a, b jsonValue) bool {
	if a == b || !a.isNumber() || !b.isNumber() {
		return a == b
	}
	x, errX := types.ParseNumeric(string(a))
	y, errY := types.ParseNumeric(string(b))
	return errX == nil && errY == nil && x.Cmp(y) == 0
}
