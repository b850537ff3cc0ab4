package pgcatalog

import (
	"quiver/catalog"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// There is one role and it owns everything, so whatever exists may be done.
// What does not exist is an error when named, null when given by OID.
func init() {
	objects := map[string]func(c call, k int) (any, error){
		"table": relationByText, "sequence": relationByText, "any_column": relationByText,
		"schema": schemaByText, "database": databaseByText, "type": typeByText,
		"function": granted, "language": granted, "tablespace": granted, "server": granted, "foreign_data_wrapper": granted,
	}
	for kind, byText := range objects {
		name := "has_" + kind + "_privilege"
		for _, role := range []string{"", "name,", "oid,"} {
			k := 0
			if role != "" {
				k = 1
			}
			define(func(c call) (any, error) { return byText(c, k) }, name+"("+role+"text,text)")
			define(privilegeByOID(kind, k), name+"("+role+"oid,text)")
		}
	}
	for _, role := range []string{"", "name,", "oid,"} {
		k := 0
		if role != "" {
			k = 1
		}
		for _, column := range []string{"text", "int2"} {
			define(func(c call) (any, error) { return relationByText(c, k) }, "has_column_privilege("+role+"text,"+column+",text)")
			define(privilegeByOID("table", k), "has_column_privilege("+role+"oid,"+column+",text)")
		}
		define(always(true), "has_parameter_privilege("+role+"text,text)")
	}
	define(always(true), "pg_has_role(name,text)", "pg_has_role(oid,text)", "pg_has_role(name,name,text)", "pg_has_role(name,oid,text)",
		"pg_has_role(oid,name,text)", "pg_has_role(oid,oid,text)")
}

func granted(call, int) (any, error) { return true, nil }

func relationByText(c call, k int) (any, error) {
	if _, err := relationNamed(c, c.text(k)); err != nil {
		return nil, err
	}
	return true, nil
}

func schemaByText(c call, k int) (any, error) {
	if c.view.SchemaByName(c.text(k)) == nil {
		return nil, sqlerr.New(sqlerr.InvalidSchemaName, "schema \"%s\" does not exist", c.text(k))
	}
	return true, nil
}

func databaseByText(c call, k int) (any, error) {
	for _, d := range c.view.Databases() {
		if d.Name == c.text(k) {
			return true, nil
		}
	}
	return nil, sqlerr.New(sqlerr.InvalidCatalogName, "database \"%s\" does not exist", c.text(k))
}

func typeByText(c call, k int) (any, error) {
	if _, err := typeByName(c.text(k)); err != nil {
		return nil, err
	}
	return true, nil
}

func privilegeByOID(kind string, k int) func(c call) (any, error) {
	exists := func(c call) bool { return true }
	switch kind {
	case "table", "sequence", "any_column":
		exists = func(c call) bool { return c.view.RelationByOID(c.oid(k)) != nil }
	case "schema":
		exists = func(c call) bool { return c.view.SchemaByOID(c.oid(k)) != nil }
	case "database":
		exists = func(c call) bool { return databaseExists(c.view, c.oid(k)) }
	case "type":
		exists = func(c call) bool { return types.ByOID(c.oid(k)) != nil }
	}
	return func(c call) (any, error) {
		if !exists(c) {
			return nil, nil
		}
		return true, nil
	}
}

func databaseExists(v catalog.View, oid types.OID) bool {
	for _, d := range v.Databases() {
		if d.OID == oid {
			return true
		}
	}
	return false
}
