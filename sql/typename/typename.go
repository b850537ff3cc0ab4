package typename

import (
	"strings"

	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// firstExtensionOID divides the built-in types, in pg_catalog, from those of
// extensions, in public.
const firstExtensionOID = 16384

// Resolve returns the type and modifier that t names: 42704 when there is none.
// Columns of type serial are no types; callers look for them first.
func Resolve(t *ast.TypeName) (types.T, error) {
	if t.SetOf {
		return types.T{}, sqlerr.New(sqlerr.SyntaxError, "type modifier SETOF is not allowed here").At(t.Position())
	}
	typ := find(t.Names)
	if typ == nil {
		return types.T{}, sqlerr.New(sqlerr.UndefinedObject, "type %s does not exist", Quoted(t.Names)).At(t.Position())
	}
	mod, err := modifier(t, typ)
	if err != nil {
		return types.T{}, err
	}
	if len(t.ArrayBounds) > 0 {
		if typ.Array == 0 {
			if typ.Category == types.CategoryArray { // int[][] is int[]
				return types.T{OID: typ.OID, Mod: mod}, nil
			}
			return types.T{}, sqlerr.New(sqlerr.UndefinedObject, "could not find array type for data type %s", typ.SQLName).At(t.Position())
		}
		return types.T{OID: typ.Array, Mod: mod}, nil
	}
	return types.T{OID: typ.OID, Mod: mod}, nil
}

func find(names []string) *types.Type {
	if len(names) == 0 || len(names) > 2 {
		return nil
	}
	typ := types.ByName(names[len(names)-1])
	if typ == nil || len(names) == 1 {
		return typ
	}
	schema := "pg_catalog"
	if typ.OID >= firstExtensionOID {
		schema = "public"
	}
	if names[0] != schema {
		return nil
	}
	return typ
}

func modifier(t *ast.TypeName, typ *types.Type) (int32, error) {
	if len(t.Mods) == 0 {
		return types.NoMod, nil
	}
	if typ.ParseMod == nil {
		return 0, sqlerr.New(sqlerr.SyntaxError, "type modifier is not allowed for type \"%s\"", typ.Name).At(t.Position())
	}
	args := make([]string, len(t.Mods))
	for i, m := range t.Mods {
		switch m := m.(type) {
		case *ast.Const:
			args[i] = m.Text
		case *ast.ColumnRef:
			if len(m.Names) != 1 {
				return 0, badModifiers(t)
			}
			args[i] = m.Names[0]
		default:
			return 0, badModifiers(t)
		}
	}
	mod, err := typ.ParseMod(args)
	if e, ok := err.(*sqlerr.Error); ok && e.Position == 0 {
		at := *e
		return 0, (&at).At(t.Position())
	}
	return mod, err
}

func badModifiers(t *ast.TypeName) error {
	return sqlerr.New(sqlerr.SyntaxError, "type modifiers must be simple constants or identifiers").At(t.Position())
}

// Quoted prints a name as error messages do: "public.foo".
func Quoted(names []string) string { return `"` + strings.Join(names, ".") + `"` }
