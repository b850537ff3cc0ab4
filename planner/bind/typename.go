package bind

import (
	"strings"

	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// typeOf resolves a type as written.
func (b *binder) typeOf(n *ast.TypeName) types.T {
	t, err := ResolveType(n)
	if err != nil {
		if b.quiet {
			err.Position = 0
		}
		fail(err)
	}
	return t
}

// ResolveType resolves a type as written: names with their modifiers and array
// bounds. Errors carry the position.
func ResolveType(n *ast.TypeName) (types.T, *sqlerr.Error) {
	name := n.Names[len(n.Names)-1]
	typ := types.ByName(name)
	if typ == nil || len(n.Names) > 1 && !typeInSchema(typ, n.Names[len(n.Names)-2]) {
		return types.T{}, sqlerr.New(sqlerr.UndefinedObject, "type \"%s\" does not exist", strings.Join(n.Names, ".")).At(n.Position())
	}
	if n.SetOf {
		return types.T{}, sqlerr.New(sqlerr.InvalidTableDefinition, "column cannot be declared SETOF").At(n.Position())
	}
	t := types.Of(typ.OID)
	if len(n.Mods) > 0 {
		mod, err := typeMod(typ, n)
		if err != nil {
			return types.T{}, err
		}
		t.Mod = mod
	}
	if len(n.ArrayBounds) > 0 {
		if typ.Array == 0 {
			return types.T{}, sqlerr.New(sqlerr.UndefinedObject, "type \"%s[]\" does not exist", name).At(n.Position())
		}
		t.OID = typ.Array
	}
	return t, nil
}

func typeInSchema(t *types.Type, schema string) bool {
	if t.OID >= 16384 {
		return schema == "public"
	}
	return schema == "pg_catalog"
}

func typeMod(typ *types.Type, n *ast.TypeName) (int32, *sqlerr.Error) {
	if typ.ParseMod == nil {
		return 0, sqlerr.New(sqlerr.SyntaxError, "type modifier is not allowed for type \"%s\"", typ.Name).At(n.Position())
	}
	var args []string
	for _, m := range n.Mods {
		switch m := m.(type) {
		case *ast.Const:
			args = append(args, m.Text)
		case *ast.ColumnRef:
			args = append(args, strings.Join(m.Names, "."))
		default:
			return 0, sqlerr.New(sqlerr.SyntaxError, "type modifiers must be simple constants or identifiers").At(n.Position())
		}
	}
	mod, err := typ.ParseMod(args)
	if err != nil {
		if e, ok := err.(*sqlerr.Error); ok {
			if e.Position == 0 {
				e.Position = n.Position()
			}
			return 0, e
		}
		return 0, sqlerr.Wrap(err, sqlerr.CodeOf(err), "%v", err).At(n.Position())
	}
	return mod, nil
}
