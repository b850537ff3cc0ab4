package funcs

import (
	"encoding/json"
	"strings"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// The functions of json and jsonb read the text of a value, which its type has
// checked: a part of it is a part of the text. json keeps what was written,
// jsonb is normalized (types.NormalizeJSON), and so are its parts.

// jsonValue is the text of one value, without blanks around it.
type jsonValue string

func jsonBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func jsonOf(s string) jsonValue { return jsonValue(strings.Trim(s, " \t\n\r")) }

func (v jsonValue) isObject() bool { return v[0] == '{' }
func (v jsonValue) isArray() bool  { return v[0] == '[' }
func (v jsonValue) isString() bool { return v[0] == '"' }
func (v jsonValue) isNull() bool   { return v[0] == 'n' }
func (v jsonValue) isNumber() bool { return v[0] == '-' || v[0] >= '0' && v[0] <= '9' }
func (v jsonValue) isScalar() bool { return !v.isObject() && !v.isArray() }

// kind is what json_typeof says.
func (v jsonValue) kind() string {
	switch v[0] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 'n':
		return "null"
	case 't', 'f':
		return "boolean"
	}
	return "number"
}

// jsonEnd is where the value that begins at i ends.
func jsonEnd(s string, i int) int {
	depth := 0
	for i < len(s) {
		switch c := s[i]; {
		case c == '"':
			for i++; s[i] != '"'; i++ {
				if s[i] == '\\' {
					i++
				}
			}
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
			i++
			continue
		case depth == 0 && (c == ',' || c == ':' || jsonBlank(c)):
			return i
		}
		i++
		if depth == 0 && s[i-1] == '"' {
			return i
		}
	}
	return i
}

func jsonSkip(s string, i int) int {
	for i < len(s) && jsonBlank(s[i]) {
		i++
	}
	return i
}

// members calls f with the keys, as written, and values of an object, in order,
// until it says no.
func (v jsonValue) members(f func(key, value jsonValue) bool) {
	s := string(v)
	for i := jsonSkip(s, 1); s[i] != '}'; {
		end := jsonEnd(s, i)
		key := s[i:end]
		i = jsonSkip(s, jsonSkip(s, end)+1) // the colon
		end = jsonEnd(s, i)
		if !f(jsonValue(key), jsonValue(s[i:end])) {
			return
		}
		if i = jsonSkip(s, end); s[i] == ',' {
			i = jsonSkip(s, i+1)
		}
	}
}

// elements calls f with the elements of an array until it says no.
func (v jsonValue) elements(f func(value jsonValue) bool) {
	s := string(v)
	for i := jsonSkip(s, 1); s[i] != ']'; {
		end := jsonEnd(s, i)
		if !f(jsonValue(s[i:end])) {
			return
		}
		if i = jsonSkip(s, end); s[i] == ',' {
			i = jsonSkip(s, i+1)
		}
	}
}

func (v jsonValue) list() (out []jsonValue) {
	v.elements(func(e jsonValue) bool { out = append(out, e); return true })
	return out
}

func (v jsonValue) len() (n int) {
	v.elements(func(jsonValue) bool { n++; return true })
	return n
}

// str is the string that v is without its escapes. What text cannot hold, which
// json alone may have, is 22P05.
func (v jsonValue) str() (string, error) {
	s := string(v[1 : len(v)-1])
	if strings.IndexByte(s, '\\') < 0 {
		return s, nil
	}
	var out string
	if err := json.Unmarshal([]byte(v), &out); err != nil || strings.IndexByte(out, 0) >= 0 {
		// Said as the input of jsonb says it.
		if _, err := types.NormalizeJSON(string(v)); err != nil {
			return "", err
		}
		return "", sqlerr.New(sqlerr.UntranslatableCharacter, "unsupported Unicode escape sequence")
	}
	return out, nil
}

// key compares a key as written with a name.
func (v jsonValue) isKey(name string) bool {
	if strings.IndexByte(string(v), '\\') < 0 {
		return string(v[1:len(v)-1]) == name
	}
	s, err := v.str()
	return err == nil && s == name
}

// field is the value of a key, the last of equal ones; "" if there is none.
func (v jsonValue) field(name string) (found jsonValue) {
	if !v.isObject() {
		return ""
	}
	v.members(func(key, value jsonValue) bool {
		if key.isKey(name) {
			found = value
		}
		return true
	})
	return found
}

// element is that at a position, from 0, or from the end if it is negative; "" if
// there is none.
func (v jsonValue) element(at int) (found jsonValue) {
	if !v.isArray() {
		return ""
	}
	if at < 0 {
		if at += v.len(); at < 0 {
			return ""
		}
	}
	v.elements(func(e jsonValue) bool {
		if at == 0 {
			found = e
		}
		at--
		return at >= 0
	})
	return found
}

// text is what ->> gives of v: no JSON null, and strings without quotes.
func (v jsonValue) text() (string, error) {
	switch {
	case v == "" || v.isNull():
		return "", null
	case v.isString():
		return v.str()
	}
	return string(v), nil
}

// json is what -> gives of v.
func (v jsonValue) json() (string, error) {
	if v == "" {
		return "", null
	}
	return string(v), nil
}
