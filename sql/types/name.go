package types

import (
	"strings"

	"quiver/sql/sqlerr"
)

// FormatType is format_type: the SQL spelling of t with its modifier.
func FormatType(t T) string {
	typ := ByOID(t.OID)
	if typ == nil {
		if t.OID == 0 {
			return "-"
		}
		return "???"
	}
	if isTrueArray(typ) {
		return FormatType(T{OID: typ.Elem, Mod: t.Mod}) + "[]"
	}
	if typ.FormatMod != nil && t.Mod >= 0 {
		// timestamp(3) with time zone
		if i := strings.Index(typ.SQLName, " with"); i >= 0 {
			return typ.SQLName[:i] + typ.FormatMod(t.Mod) + typ.SQLName[i:]
		}
		return typ.SQLName + typ.FormatMod(t.Mod)
	}
	// Without a modifier char would mean char(1), and bit bit(1).
	switch {
	case t.OID == BPCharOID && t.Mod == NoMod:
		return "bpchar"
	case t.OID == BitOID && t.Mod == NoMod:
		return `"bit"`
	}
	return typ.SQLName
}

// TypeName is what messages and regtype call a type: FormatType of it, but for
// the types that without a modifier mean another, char and bit.
func TypeName(oid OID) string {
	typ := ByOID(oid)
	if typ == nil {
		return FormatType(Of(oid))
	}
	if isTrueArray(typ) {
		return TypeName(typ.Elem) + "[]"
	}
	return typ.SQLName
}

// isTrueArray says whether typ is the array type over its element, which
// int2vector, name and their like are not.
func isTrueArray(typ *Type) bool {
	return typ.Elem != 0 && ByOID(typ.Elem).Array == typ.OID
}

// ElementOf returns the element type of the array type t, with its modifier;
// ok is false when t is no array. int2vector and oidvector are arrays here.
func ElementOf(t T) (elem T, ok bool) {
	typ := ByOID(t.OID)
	if typ == nil || typ.Elem == 0 || typ.OID == NameOID {
		return T{}, false
	}
	return T{OID: typ.Elem, Mod: t.Mod}, true
}

// ArrayOf returns the type of arrays over elem; ok is false when there is none.
func ArrayOf(elem T) (t T, ok bool) {
	typ := ByOID(elem.OID)
	if typ == nil || typ.Array == 0 {
		return T{}, false
	}
	return T{OID: typ.Array, Mod: elem.Mod}, true
}

// sqlNames are the spellings of types in SQL beside their pg_type names. The
// parser turns most of them into pg_catalog names; names in strings ('integer'
// ::regtype) come as they are written.
var sqlNames = map[string]string{
	"integer": "int4", "int": "int4", "smallint": "int2", "bigint": "int8",
	"real": "float4", "double precision": "float8", "float": "float8",
	"decimal": "numeric", "dec": "numeric", "boolean": "bool",
	"bit varying": "varbit", "character varying": "varchar", "char varying": "varchar", "character": "bpchar",
	"timestamp without time zone": "timestamp", "timestamp with time zone": "timestamptz",
	"time without time zone": "time", "time with time zone": "timetz",
	`"char"`: "char", `"any"`: "any",
}

// LookupName resolves a type name as the parser gives it: schema is pg_catalog,
// public or empty. It returns nil when there is no such built-in type.
func LookupName(schema, name string) *Type {
	t := byName[name]
	switch {
	case schema == "pg_catalog" && t != nil && !inPublic(t), schema == "public" && t != nil && inPublic(t):
		return t
	case schema != "":
		return nil
	case t != nil:
		return t
	}
	return byName[sqlNames[name]]
}

// inPublic says whether t lies in schema public, where CREATE EXTENSION puts
// vector, and not in pg_catalog.
func inPublic(t *Type) bool { return t.OID >= firstUserOID }

// SchemaOf names the schema of t: pg_catalog, or public for what pgvector adds.
func SchemaOf(t *Type) string {
	if inPublic(t) {
		return "public"
	}
	return "pg_catalog"
}

// firstUserOID is Postgres' FirstNormalObjectId.
const firstUserOID OID = 16384

// ResolveMods turns written modifiers, vector(3) → ["3"], into a T; 42601 when
// the type takes none.
func ResolveMods(t *Type, args []string) (T, error) {
	if len(args) == 0 {
		return Of(t.OID), nil
	}
	if t.ParseMod == nil {
		return T{}, sqlerr.New(sqlerr.SyntaxError, "type modifier is not allowed for type \"%s\"", t.Name)
	}
	mod, err := t.ParseMod(args)
	return T{OID: t.OID, Mod: mod}, err
}
