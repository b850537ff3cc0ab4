package funcs

import (
	"testing"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

func ts(names ...string) []types.T {
	var list []types.T
	for _, name := range names {
		list = append(list, types.Of(typeOID(name)))
	}
	return list
}

func TestResolveOperator(t *testing.T) {
	for _, c := range []struct {
		name, left, right string
		want              string // function, or the error's message
		code              sqlerr.Code
	}{
		{"+", "int4", "int4", "int4pl", ""},
		{"+", "int4", "unknown", "int4pl", ""},
		{"+", "unknown", "float8", "float8pl", ""},
		{"-", "", "int8", "int8um", ""},
		{"+", "text", "int4", "operator does not exist: text + integer", sqlerr.UndefinedFunction},
		{"-", "", "bool", "operator does not exist: - boolean", sqlerr.UndefinedFunction},
		{"=", "text", "unknown", "texteq", ""},
		{"=", "unknown", "unknown", "texteq", ""},
		{"<", "int4", "int8", "int48lt", ""},
		{"=", "_int4", "unknown", "array_eq", ""},
	} {
		var left *types.T
		if c.left != "" {
			left = &ts(c.left)[0]
		}
		r, err := ResolveOperator("", c.name, left, ts(c.right)[0])
		got := ""
		if err != nil {
			got = err.(*sqlerr.Error).Message
		} else {
			got = r.Function.Name
		}
		if got != c.want || err != nil && sqlerr.CodeOf(err) != c.code {
			t.Errorf("%s %s %s: got %s, %v", c.left, c.name, c.right, got, err)
		}
	}
}
