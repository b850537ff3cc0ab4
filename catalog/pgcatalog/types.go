package pgcatalog

import (
	"strings"

	"quiver/catalog"
	"quiver/sql/funcs"
	"quiver/sql/types"
)

// typeFunctions are the input, output, receive, send, typmod in, typmod out and
// analyze functions of Postgres' types, by type name.
var typeFunctions = loadTypeFunctions()

func loadTypeFunctions() map[string][]types.OID {
	all := map[string][]types.OID{}
	eachFact("type_functions.txt", func(line string) {
		f := strings.Fields(line)
		for _, oid := range f[1:] {
			all[f[0]] = append(all[f[0]], types.OID(number(oid)))
		}
	})
	return all
}

const typeFunctionCount = 7

// functionsOf returns the seven functions of a type: those of an extension's
// types by their names, those of its arrays as for any array.
func functionsOf(t *types.Type) []types.OID {
	if f := typeFunctions[t.Name]; f != nil {
		return f
	}
	if t.Elem != 0 {
		return typeFunctions["_int4"]
	}
	out := make([]types.OID, typeFunctionCount)
	for i, suffix := range []string{"_in", "_out", "_recv", "_send", "_typmod_in", "_typmod_out"} {
		if list := funcs.Lookup("", t.Name+suffix); len(list) > 0 {
			out[i] = list[0].OID
		}
	}
	return out
}

// The subscripting functions of array types, and of types that are arrays on
// the inside.
const (
	arraySubscript    = 6179
	rawArraySubscript = 6180
)

func subscriptOf(t *types.Type) int {
	switch {
	case t.Elem == 0:
		return 0
	case types.ByOID(t.Elem).Array == t.OID:
		return arraySubscript
	}
	return rawArraySubscript
}

// schemaOfType is the namespace of a type in the view.
func schemaOfType(v catalog.View, t *types.Type) catalog.OID {
	if types.SchemaOf(t) == "public" {
		return publicSchema(v)
	}
	return catalog.PgCatalogSchemaOID
}

func pgType(b *rows) error {
	for _, t := range types.All() {
		f := functionsOf(t)
		b.add(t.OID, t.Name, schemaOfType(b.view, t), owner, t.Len, t.ByVal, t.Kind, byte(t.Category), t.Preferred, true, t.Delim, 0,
			subscriptOf(t), t.Elem, t.Array, f[0], f[1], f[2], f[3], f[4], f[5], f[6], t.Align, t.Storage, false, 0, -1, 0,
			collationOf(t.OID), nil, nil, nil)
	}
	record := types.ByOID(types.RecordOID)
	f := functionsOf(record)
	b.eachRelation(func(s *catalog.Schema, r catalog.Relation) {
		if oid := rowType(r); oid != 0 {
			b.add(oid, r.Head().Name, s.OID, owner, -1, false, byte('c'), byte('C'), false, true, byte(','), oid,
				0, 0, 0, f[0], f[1], f[2], f[3], 0, 0, 0, record.Align, record.Storage, false, 0, -1, 0, 0, nil, nil, nil)
		}
	})
	return nil
}

// rowType is the OID of the composite type that a table's rows have: the
// table's own, which is no other type's.
func rowType(r catalog.Relation) catalog.OID {
	switch r.(type) {
	case *catalog.Table, *catalog.Partition:
		return r.Head().OID
	}
	return 0
}

// firstCastOID numbers casts, to which nothing refers, by rank.
const firstCastOID = 10035

func pgCast(b *rows) error {
	for i, c := range types.Casts() {
		function := catalog.OID(0)
		if c.Method == 'f' {
			function = castFunction(c)
		}
		b.add(firstCastOID+i, c.Source, c.Target, function, byte(c.Context), c.Method)
	}
	return nil
}

// castFunction is the function named as the target type that takes the source,
// where the registry has it; varchar has those of text.
func castFunction(c *types.Cast) types.OID {
	asText := types.OID(0)
	for _, f := range funcs.Lookup("", types.ByOID(c.Target).Name) {
		if len(f.Args) == 0 || f.Result != c.Target {
			continue
		}
		if f.Args[0] == c.Source {
			return f.OID
		}
		if f.Args[0] == types.TextOID && c.Source == types.VarcharOID {
			asText = f.OID
		}
	}
	return asText
}
