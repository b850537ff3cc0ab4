package typename

import (
	"testing"

	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

func TestResolve(t *testing.T) {
	n := func(text string) ast.Expr { return &ast.Const{Kind: ast.ConstInteger, Text: text} }
	for _, c := range []struct {
		name ast.TypeName
		want types.T
		code sqlerr.Code
	}{
		{ast.TypeName{Names: []string{"pg_catalog", "int4"}}, types.Of(types.Int4OID), ""},
		{ast.TypeName{Names: []string{"vector"}, Mods: []ast.Expr{n("3")}}, types.T{OID: types.VectorOID, Mod: 3}, ""},
		{ast.TypeName{Names: []string{"public", "vector"}}, types.Of(types.VectorOID), ""},
		{ast.TypeName{Names: []string{"pg_catalog", "vector"}}, types.T{}, sqlerr.UndefinedObject},
		{ast.TypeName{Names: []string{"pg_catalog", "varchar"}, Mods: []ast.Expr{n("10")}}, types.T{OID: types.VarcharOID, Mod: 14}, ""},
		{ast.TypeName{Names: []string{"text"}, ArrayBounds: []int{-1, -1}}, types.Of(types.ByOID(types.TextOID).Array), ""},
		{ast.TypeName{Names: []string{"text"}, Mods: []ast.Expr{n("3")}}, types.T{}, sqlerr.SyntaxError},
		{ast.TypeName{Names: []string{"nosuch"}}, types.T{}, sqlerr.UndefinedObject},
	} {
		got, err := Resolve(&c.name)
		if c.code != "" {
			if sqlerr.CodeOf(err) != c.code {
				t.Errorf("%v: error %v, want %s", c.name.Names, err, c.code)
			}
			continue
		}
		if err != nil || got != c.want {
			t.Errorf("%v: %v, %v; want %v", c.name.Names, got, err, c.want)
		}
	}
}
