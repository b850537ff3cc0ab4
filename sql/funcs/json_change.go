package funcs

import (
	"slices"
	"strconv"
	"strings"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// Changes of jsonb: manual section 9.16.
func init() {
	kernel("jsonb_concat(jsonb,jsonb)", Lift2E(concatJSON))
	kernel("jsonb_delete(jsonb,text)", Lift2E(func(s, key string) (string, error) { return deleteKeys(s, []string{key}) }))
	kernel("jsonb_delete(jsonb,_text)", Lift2E(func(s string, keys texts) (string, error) {
		var list []string
		for _, k := range keys {
			if k != nil {
				list = append(list, *k)
			}
		}
		return deleteKeys(s, list)
	}))
	kernel("jsonb_delete(jsonb,int4)", Lift2E(deleteElement))
	kernel("jsonb_delete_path(jsonb,_text)", Lift2E(func(s string, path texts) (string, error) {
		return changeJSON(s, path, "", jsonChange{remove: true}, "cannot delete path in scalar")
	}))
	kernel("jsonb_set(jsonb,_text,jsonb,bool)", Lift4E(func(s string, path texts, value string, create bool) (string, error) {
		return changeJSON(s, path, value, jsonChange{create: create}, "cannot set path in scalar")
	}))
	kernel("jsonb_insert(jsonb,_text,jsonb,bool)", Lift4E(func(s string, path texts, value string, after bool) (string, error) {
		return changeJSON(s, path, value, jsonChange{insert: true, after: after}, "cannot set path in scalar")
	}))
	kernel("jsonb_strip_nulls(jsonb)", Lift1E(func(s string) (string, error) {
		out, err := stripNulls(nil, jsonOf(s), ", ", ": ")
		return string(out), err
	}))
	kernel("json_strip_nulls(json)", Lift1E(func(s string) (string, error) {
		out, err := stripNulls(nil, jsonOf(s), ",", ":")
		return string(out), err
	}))
	kernel("jsonb_pretty(jsonb)", Lift1(func(s string) string { return string(prettyJSON(nil, jsonOf(s), 0)) }))
}

// concatJSON is ||: objects merged, arrays joined; anything else is an array of
// one beside an array or a scalar.
func concatJSON(a, b string) (string, error) {
	x, y := jsonOf(a), jsonOf(b)
	if x.isObject() && y.isObject() {
		switch {
		case len(x) == 2:
			return b, nil
		case len(y) == 2:
			return a, nil
		}
		return types.NormalizeJSON(a[:len(a)-1] + ", " + b[1:])
	}
	return joinJSON(slices.Concat(x.asList(), y.asList())), nil
}

// asList is an array's elements, or v alone.
func (v jsonValue) asList() []jsonValue {
	if v.isArray() {
		return v.list()
	}
	return []jsonValue{v}
}

func joinJSON(list []jsonValue) string {
	var b strings.Builder
	b.WriteByte('[')
	for k, e := range list {
		if k > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(e))
	}
	b.WriteByte(']')
	return b.String()
}

// jsonMember is a key, as written, and its value.
type jsonMember struct{ key, value jsonValue }

func (v jsonValue) pairs() (out []jsonMember) {
	v.members(func(key, value jsonValue) bool { out = append(out, jsonMember{key, value}); return true })
	return out
}

func joinMembers(list []jsonMember) string {
	var b strings.Builder
	b.WriteByte('{')
	for k, m := range list {
		if k > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(m.key) + ": " + string(m.value))
	}
	b.WriteByte('}')
	return b.String()
}

// deleteKeys takes keys out of an object, strings out of an array.
func deleteKeys(s string, keys []string) (string, error) {
	v := jsonOf(s)
	named := func(k jsonValue) bool { return slices.ContainsFunc(keys, k.isKey) }
	switch {
	case v.isObject():
		return joinMembers(slices.DeleteFunc(v.pairs(), func(m jsonMember) bool { return named(m.key) })), nil
	case v.isArray():
		return joinJSON(slices.DeleteFunc(v.list(), func(e jsonValue) bool { return e.isString() && named(e) })), nil
	}
	return "", sqlerr.New(sqlerr.InvalidParameterValue, "cannot delete from scalar")
}

func deleteElement(s string, at int32) (string, error) {
	v := jsonOf(s)
	switch {
	case v.isObject():
		return "", sqlerr.New(sqlerr.InvalidParameterValue, "cannot delete from object using integer index")
	case !v.isArray():
		return "", sqlerr.New(sqlerr.InvalidParameterValue, "cannot delete from scalar")
	}
	list := v.list()
	k := int(at)
	if k < 0 {
		k += len(list)
	}
	if k < 0 || k >= len(list) {
		return s, nil
	}
	return joinJSON(slices.Delete(list, k, k+1)), nil
}

// jsonChange is what happens at the end of a path.
type jsonChange struct {
	remove, create, insert, after bool
}

func changeJSON(s string, path texts, value string, change jsonChange, scalar string) (string, error) {
	v := jsonOf(s)
	if v.isScalar() {
		return "", sqlerr.New(sqlerr.InvalidParameterValue, "%s", scalar)
	}
	if len(path) == 0 || (change.remove || !change.create && !change.insert) && (s == "{}" || s == "[]") {
		return s, nil
	}
	out, err := change.apply(v, path, 0, jsonValue(value))
	return string(out), err
}

func (c jsonChange) apply(v jsonValue, path texts, level int, value jsonValue) (jsonValue, error) {
	if path[level] == nil {
		return "", sqlerr.New(sqlerr.NullValueNotAllowed, "path element at position %d is null", level+1)
	}
	last := level == len(path)-1
	switch {
	case v.isObject():
		return c.applyObject(v, path, level, value, last)
	case v.isArray():
		return c.applyArray(v, path, level, value, last)
	}
	return v, nil
}

func (c jsonChange) applyObject(v jsonValue, path texts, level int, value jsonValue, last bool) (jsonValue, error) {
	pairs := v.pairs()
	at := slices.IndexFunc(pairs, func(m jsonMember) bool { return m.key.isKey(*path[level]) })
	switch {
	case at < 0 && last && (c.create || c.insert):
		pairs = append(pairs, jsonMember{jsonValue(types.AppendJSONString(nil, *path[level])), value})
		out, err := types.NormalizeJSON(joinMembers(pairs))
		return jsonValue(out), err
	case at < 0:
		return v, nil
	case last && c.insert:
		return "", sqlerr.New(sqlerr.InvalidParameterValue, "cannot replace existing key").
			WithHint("Try using the function jsonb_set to replace key value.")
	case last && c.remove:
		pairs = slices.Delete(pairs, at, at+1)
	case last:
		pairs[at].value = value
	default:
		inner, err := c.apply(pairs[at].value, path, level+1, value)
		if err != nil {
			return "", err
		}
		pairs[at].value = inner
	}
	return jsonValue(joinMembers(pairs)), nil
}

func (c jsonChange) applyArray(v jsonValue, path texts, level int, value jsonValue, last bool) (jsonValue, error) {
	k, ok := jsonPosition(*path[level])
	if !ok {
		return "", sqlerr.New(sqlerr.InvalidTextRepresentation, "path element at position %d is not an integer: %s",
			level+1, strconv.Quote(*path[level]))
	}
	list := v.list()
	below := false
	if k < 0 {
		if k += len(list); k < 0 {
			below = true
		}
	}
	switch {
	case (below || k >= len(list)) && last && (c.create || c.insert):
		if below {
			return jsonValue(joinJSON(slices.Insert(list, 0, value))), nil
		}
		return jsonValue(joinJSON(append(list, value))), nil
	case below || k >= len(list):
		return v, nil
	case last && c.insert && c.after:
		list = slices.Insert(list, k+1, value)
	case last && c.insert:
		list = slices.Insert(list, k, value)
	case last && c.remove:
		list = slices.Delete(list, k, k+1)
	case last:
		list[k] = value
	default:
		inner, err := c.apply(list[k], path, level+1, value)
		if err != nil {
			return "", err
		}
		list[k] = inner
	}
	return jsonValue(joinJSON(list)), nil
}

// stripNulls leaves out the members of objects that are null; strings are spelled
// anew.
func stripNulls(dst []byte, v jsonValue, comma, colon string) (_ []byte, err error) {
	switch {
	case v.isObject():
		dst = append(dst, '{')
		first := true
		for _, m := range v.pairs() {
			if m.value.isNull() {
				continue
			}
			if !first {
				dst = append(dst, comma...)
			}
			first = false
			if dst, err = appendSpelled(dst, m.key); err != nil {
				return nil, err
			}
			if dst, err = stripNulls(append(dst, colon...), m.value, comma, colon); err != nil {
				return nil, err
			}
		}
		return append(dst, '}'), nil
	case v.isArray():
		dst = append(dst, '[')
		for k, e := range v.list() {
			if k > 0 {
				dst = append(dst, comma...)
			}
			if dst, err = stripNulls(dst, e, comma, colon); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	case v.isString():
		return appendSpelled(dst, v)
	}
	return append(dst, v...), nil
}

func appendSpelled(dst []byte, v jsonValue) ([]byte, error) {
	s, err := v.str()
	return types.AppendJSONString(dst, s), err
}

// prettyJSON prints v with a member a line.
func prettyJSON(dst []byte, v jsonValue, depth int) []byte {
	line := func(n int) { dst = append(append(dst, '\n'), strings.Repeat("    ", n)...) }
	switch {
	case v.isObject():
		dst = append(dst, '{')
		for k, m := range v.pairs() {
			if k > 0 {
				dst = append(dst, ',')
			}
			line(depth + 1)
			dst = prettyJSON(append(append(dst, m.key...), ": "...), m.value, depth+1)
		}
		line(depth)
		return append(dst, '}')
	case v.isArray():
		dst = append(dst, '[')
		for k, e := range v.list() {
			if k > 0 {
				dst = append(dst, ',')
			}
			line(depth + 1)
			dst = prettyJSON(dst, e, depth+1)
		}
		line(depth)
		return append(dst, ']')
	}
	return append(dst, v...)
}
